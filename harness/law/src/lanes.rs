//! Many numbers at once: columns of rows side by side, and exponentials and logarithms of them as straight code
//! that becomes vector instructions. Sums are made in the same order on every processor.

use pulp::Arch;

/// Rows of a column.
pub const ROWS: usize = 32;
/// Sums that are made side by side.
const LANES: usize = 8;

/// One number of each of so many rows.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Column(pub [f64; ROWS]);

impl Column {
    pub const ZERO: Column = Column([0.0; ROWS]);

    /// A number for each row.
    #[inline(always)]
    pub fn of(number: impl Fn(usize) -> f64) -> Self {
        let mut column = Column::ZERO;
        for (row, place) in column.0.iter_mut().enumerate() {
            *place = number(row);
        }
        column
    }

    /// A number of each row's.
    #[inline(always)]
    pub fn map(&self, of: impl Fn(f64) -> f64) -> Self {
        Column::of(|row| of(self.0[row]))
    }
}

/// A sum over rows, in parts.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Sum([f64; LANES]);

impl Sum {
    pub const ZERO: Sum = Sum([0.0; LANES]);

    /// Adds a product of each row's.
    #[inline(always)]
    pub fn add(&mut self, a: &Column, b: &Column) {
        for from in (0..ROWS).step_by(LANES) {
            for lane in 0..LANES {
                self.0[lane] += a.0[from + lane] * b.0[from + lane];
            }
        }
    }

    /// Adds the size of a product of each row's.
    #[inline(always)]
    pub fn add_size(&mut self, a: &Column, b: &Column) {
        for from in (0..ROWS).step_by(LANES) {
            for lane in 0..LANES {
                self.0[lane] += (a.0[from + lane] * b.0[from + lane]).abs();
            }
        }
    }

    pub fn total(self) -> f64 {
        self.0.iter().sum()
    }
}

/// Runs code in which loops over rows are to be vector instructions, with the widest that the processor has. All
/// of it must be inlined.
#[inline]
pub fn wide<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// `1.5 * 2^52`: a number of less than `2^51` added to it is rounded to an integer, in its lowest bits.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// `exp(x)`, to a unit in the last place, for every x.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    // Beyond these it is nothing, or infinite. NaN passes.
    let x = if x < -746.0 { -746.0 } else { x };
    let x = if x > 710.0 { 710.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + TO_INTEGER;
    let k = shifted - TO_INTEGER;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // The series to r^13, of |r| <= ln(2) / 2.
    let mut p = 1.0 / 6_227_020_800.0;
    for factor in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ] {
        p = p * r + factor;
    }
    let p = 1.0 + (r + r * r * p);
    // 2^k in two factors: k may lie beyond what one exponent holds.
    let k = shifted.to_bits().wrapping_sub(TO_INTEGER.to_bits()) as i64;
    let half = k >> 1;
    let power = |k: i64| f64::from_bits(((k + 1023) as u64) << 52);
    p * power(half) * power(k - half)
}

/// `ln(x)`, to a unit in the last place, by the method of Sun's fdlibm: of `x = 2^k m` with m about 1, by
/// `s = (m - 1) / (m + 1)`.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let small = x < f64::MIN_POSITIVE;
    let scaled = if small {
        x * 18_014_398_509_481_984.0
    } else {
        x
    };
    let bits = scaled.to_bits();
    // The mantissa from sqrt(1/2) to sqrt(2).
    let above = bits.wrapping_add(0x3FF0_0000_0000_0000 - 0x3FE6_A09E_667F_3BCD);
    let biased = above >> 52;
    let m = f64::from_bits(bits.wrapping_sub(biased.wrapping_sub(1023) << 52));
    let k = f64::from_bits(biased | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let k = if small { k - 54.0 } else { k };
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut r = 1.479_819_860_511_658_6e-1;
    for factor in [
        1.531_383_769_920_937_3e-1,
        1.818_357_216_161_805e-1,
        2.222_219_843_214_978_4e-1,
        2.857_142_874_366_239e-1,
        3.999_999_999_940_942e-1,
        6.666_666_666_666_735e-1,
    ] {
        r = r * z + factor;
    }
    let half = 0.5 * f * f;
    let found = k * LN_2_HIGH - ((half - (s * (half + r * z) + k * LN_2_LOW)) - f);
    let found = if x == 0.0 { f64::NEG_INFINITY } else { found };
    let found = if x == f64::INFINITY { x } else { found };
    if x >= 0.0 { found } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units in the last place between two numbers.
    fn apart(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn exponentials_and_logarithms_are_those_of_the_library() {
        for step in -300_000..300_000 {
            let x = f64::from(step) * 0.002_345_67;
            assert!(apart(exp(x), x.exp()) <= 1, "exp({x})");
            let x = (x * 1.1).exp();
            assert!(apart(ln(x), x.ln()) <= 1, "ln({x})");
            let x = 1.0 + f64::from(step) * 1e-9;
            assert!(apart(ln(x), x.ln()) <= 1, "ln({x})");
        }
    }

    #[test]
    fn the_ends_of_numbers_are_reached() {
        for x in [0.0, -0.0, 745.0, -745.0, 709.7, -708.5, -745.13, 1e-300] {
            assert!(apart(exp(x), x.exp()) <= 1, "exp({x}) is {}", exp(x));
        }
        assert_eq!(exp(710.0), f64::INFINITY);
        assert_eq!(exp(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp(-1e4), 0.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert!(exp(f64::NAN).is_nan());
        for x in [1.0, 5e-324, 1e-310, f64::MIN_POSITIVE, f64::MAX, 2.0] {
            assert!(apart(ln(x), x.ln()) <= 1, "ln({x}) is {}", ln(x));
        }
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert_eq!(ln(f64::INFINITY), f64::INFINITY);
        assert!(ln(-1.0).is_nan() && ln(f64::NAN).is_nan() && ln(f64::NEG_INFINITY).is_nan());
    }

    /// The same bits, whatever the instructions.
    #[test]
    fn instructions_change_no_bit() {
        let column = Column::of(|row| (row as f64 - 11.3) * 1.7);
        let (mut narrow, mut broad) = (Sum::ZERO, Sum::ZERO);
        narrow.add(&column.map(exp), &column);
        wide(
            #[inline(always)]
            || broad.add(&column.map(exp), &column),
        );
        assert_eq!(narrow.total().to_bits(), broad.total().to_bits());
    }
}
