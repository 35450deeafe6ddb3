//! Functions of one number that compilers can make vectors of, and sums over rows in a fixed order.

/// Numbers that are summed side by side: one vector of the widest instructions.
pub const LANES: usize = 16;

/// `a * b + c` with one rounding, on architectures of which all but old processors have the instruction; there it is a
/// call, and slow.
#[inline(always)]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

/// Below, `e^x` is no normal number.
const LOW: f32 = -87.336_54;

/// `e^x`, to 2 units in the last place where it is a normal number, 0 below, infinity above, NaN of NaN: `x = n ln 2 +
/// r`, and a polynomial of degree 6 in r (coefficients of Cephes' `expf`, Moshier 1989).
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const HIGH: f32 = 88.722_83;
    let held = if x > HIGH { HIGH } else { x };
    let held = if held < LOW { LOW } else { held };
    let (n, y) = reduced(held);
    // 2^n in two factors: n reaches 128, which no exponent of a factor does.
    let half = n >> 1;
    let value = y * power(half) * power(n.wrapping_sub(half));
    let value = if x < LOW { 0.0 } else { value };
    let value = if x > HIGH { f32::INFINITY } else { value };
    if x.is_nan() { x } else { value }
}

/// The same of x that is not above zero, in two thirds of the time. NaN of NaN.
#[inline(always)]
pub fn exp_below(x: f32) -> f32 {
    let held = if x < LOW { LOW } else { x };
    let (n, y) = reduced(held);
    // Whatever NaN's n is, y is NaN.
    let value = y * power(n);
    if x < LOW { 0.0 } else { value }
}

/// `n` and `e^r` of `x = n ln 2 + r`.
#[inline(always)]
fn reduced(x: f32) -> (i32, f32) {
    // Rounds to the nearest whole number by the last bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    let rounded = fma(x, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = fma(n, -0.693_359_4, x);
    let r = fma(n, 2.121_944_4e-4, r);
    let p = fma(1.987_569_1e-4, r, 1.398_199_9e-3);
    let p = fma(p, r, 8.333_452e-3);
    let p = fma(p, r, 4.166_579_6e-2);
    let p = fma(p, r, 1.666_666_5e-1);
    let p = fma(p, r, 0.5);
    let y = fma(p, r * r, r) + 1.0;
    let n = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    (n, y)
}

/// `2^n`.
#[inline(always)]
fn power(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// The error function, to 3 units in the last place of one: a ratio of polynomials, exact beyond four (as Eigen and XLA
/// compute it).
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let held = if x > 4.0 { 4.0 } else { x };
    let held = if held < -4.0 { -4.0 } else { held };
    let square = held * held;
    let p = fma(-2.726_142_4e-10, square, 2.770_681_5e-8);
    let p = fma(p, square, -2.101_024_1e-6);
    let p = fma(p, square, -5.692_506_5e-5);
    let p = fma(p, square, -7.349_906_4e-4);
    let p = fma(p, square, -2.954_6e-3);
    let p = fma(p, square, -1.609_603_3e-2);
    let q = fma(-1.456_607_2e-5, square, -2.133_740_5e-4);
    let q = fma(q, square, -1.682_827e-3);
    let q = fma(q, square, -7.373_329_3e-3);
    let q = fma(q, square, -1.426_473_9e-2);
    held * p / q
}

/// A sum over the numbers of rows that lie beside each other: in lanes side by side, then over these.
#[inline(always)]
pub fn fold<const N: usize>(rows: [&[f32]; N], add: impl Fn([f32; N], f32) -> f32) -> f32 {
    let n = rows[0].len();
    let mut parts = [(&[] as &[[f32; LANES]], &[] as &[f32]); N];
    for (part, row) in parts.iter_mut().zip(rows) {
        *part = row[..n].as_chunks();
    }
    let mut sums = [0f32; LANES];
    for at in 0..n / LANES {
        let mut chunks = [&[0f32; LANES]; N];
        for (chunk, (whole, _)) in chunks.iter_mut().zip(parts) {
            *chunk = &whole[at];
        }
        for (lane, sum) in sums.iter_mut().enumerate() {
            let mut of_lane = [0f32; N];
            for (x, chunk) in of_lane.iter_mut().zip(chunks) {
                *x = chunk[lane];
            }
            *sum = add(of_lane, *sum);
        }
    }
    let mut total = across(sums, |a, b| a + b);
    for at in 0..n % LANES {
        let mut of_place = [0f32; N];
        for (x, (_, rest)) in of_place.iter_mut().zip(parts) {
            *x = rest[at];
        }
        total = add(of_place, total);
    }
    total
}

/// All lanes together, by halves: one after the other, each would wait for the one before it.
#[inline(always)]
pub fn across(lanes: [f32; LANES], of: impl Fn(f32, f32) -> f32) -> f32 {
    let (mut eight, mut four, mut two) = ([0f32; 8], [0f32; 4], [0f32; 2]);
    for i in 0..8 {
        eight[i] = of(lanes[i], lanes[i + 8]);
    }
    for i in 0..4 {
        four[i] = of(eight[i], eight[i + 4]);
    }
    for i in 0..2 {
        two[i] = of(four[i], four[i + 2]);
    }
    of(two[0], two[1])
}

/// The larger of two numbers, the first where the second is none.
#[inline(always)]
pub fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The largest number of a row; NaN where it holds one.
#[inline(always)]
pub fn largest(row: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    // A sum is NaN where any number is.
    let mut any = [0f32; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            most[lane] = larger(most[lane], chunk[lane]);
            any[lane] += 0.0 * chunk[lane];
        }
    }
    for (lane, x) in rest.iter().enumerate() {
        most[lane] = larger(most[lane], *x);
        any[lane] += 0.0 * x;
    }
    let any = across(any, |a, b| a + b);
    // Infinity times nothing is NaN too, and an infinite row has no softmax.
    if any.is_nan() {
        f32::NAN
    } else {
        across(most, larger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exp() {
        let mut worst: f64 = 0.0;
        for step in 0..400_000 {
            let x = -87.3 + 175.9 * step as f32 / 400_000.0;
            let truth = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) / truth - 1.0).abs());
        }
        assert!(worst < 2.0 * f64::from(f32::EPSILON), "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e4), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(1e4), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn exp_below_zero_is_exp() {
        for step in 0..200_000 {
            let x = -90.0 * step as f32 / 200_000.0;
            assert_eq!(exp_below(x), exp(x), "{x}");
        }
        assert_eq!(exp_below(f32::NEG_INFINITY), 0.0);
        assert!(exp_below(f32::NAN).is_nan());
    }

    /// By its series, which is exact where it converges well (Abramowitz and Stegun 1964, 7.1.6).
    fn erf_by_series(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
    }

    #[test]
    fn erf_is_erf() {
        let mut worst: f64 = 0.0;
        for step in -4000..=4000 {
            let x = step as f32 / 1000.0;
            worst = worst.max((f64::from(erf(x)) - erf_by_series(f64::from(x))).abs());
        }
        assert!(worst < 4.0 * f64::from(f32::EPSILON), "{worst:e}");
        assert!(erf(f32::NAN).is_nan() && erf(9.0) == erf(4.0));
    }

    #[test]
    fn a_row_with_no_number_has_no_largest() {
        let mut row = vec![1.0f32; 37];
        row[20] = 3.0;
        assert_eq!(largest(&row), 3.0);
        for at in [0, 16, 36] {
            let mut broken = row.clone();
            broken[at] = f32::NAN;
            assert!(largest(&broken).is_nan(), "{at}");
        }
    }
}
