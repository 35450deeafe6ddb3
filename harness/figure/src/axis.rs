//! Logarithmic axes and their ticks.

use std::ops::RangeInclusive;

/// An axis: what it shows, and from where to where.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Name and unit.
    pub label: String,
    low: f64,
    high: f64,
}

/// Values that an axis goes to: with room on both sides they stay numbers.
const DRAWN: RangeInclusive<f64> = 1e-100..=1e100;

/// A tick; those without a label are short.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    pub value: f64,
    pub label: Option<String>,
}

impl Axis {
    /// A logarithmic axis that holds the values with some room, or `None` of no values.
    pub fn new(label: &str, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let usable = values.into_iter().filter(|value| DRAWN.contains(value));
        let (low, high) = usable.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return None;
        }
        // Room of a twentieth on each side, and never a range too small for a tick.
        let room = ((high / low).ln() * 0.05).max(0.02);
        Some(Axis {
            label: label.to_owned(),
            low: low * (-room).exp(),
            high: high * room.exp(),
        })
    }

    /// Where a value lies, from 0 at the low end to 1 at the high end.
    pub fn place(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }

    /// `count` values at equal distances over the whole axis.
    pub fn steps(&self, count: usize) -> Vec<f64> {
        let ratio = self.high / self.low;
        (0..count)
            .map(|i| self.low * ratio.powf(i as f64 / (count - 1) as f64))
            .collect()
    }

    /// The value at the low end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The value at the high end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Ticks: powers of ten where there are enough of them, otherwise round numbers between.
    pub fn ticks(&self) -> Vec<Tick> {
        let decades = (self.high / self.low).log10();
        if decades >= 2.2 {
            return self.decade_ticks(decades);
        }
        for step in [
            &[1.0, 2.0, 5.0][..],
            &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
            &[
                1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0,
            ],
        ] {
            let ticks = self.multiples(step);
            if ticks.len() >= 4 {
                return ticks;
            }
        }
        self.even_ticks()
    }

    /// The ticks, with labels only where these do not run into each other: powers of ten keep theirs first, then
    /// fives and twos. `share` is the part of the axis that a label takes.
    pub fn readable(&self, share: impl Fn(&str) -> f64) -> Vec<Tick> {
        let mut ticks = self.ticks();
        let rank = |value: f64| {
            let multiple = value / 10f64.powf(value.log10().floor());
            let near = |it: f64| (multiple / it - 1.0).abs() < 1e-9;
            match () {
                () if near(1.0) || near(10.0) => 0,
                () if near(5.0) || near(2.0) => 1,
                () => 2,
            }
        };
        let mut order: Vec<usize> = (0..ticks.len()).collect();
        order.sort_by_key(|at| rank(ticks[*at].value));
        let mut taken: Vec<[f64; 2]> = Vec::new();
        for at in order {
            let Some(label) = &ticks[at].label else {
                continue;
            };
            let (place, half) = (self.place(ticks[at].value), 0.5 * share(label));
            let ends = [place - half, place + half];
            let clear = taken.iter().all(|it| ends[1] <= it[0] || it[1] <= ends[0]);
            if clear {
                taken.push(ends);
            } else {
                ticks[at].label = None;
            }
        }
        ticks
    }

    fn holds(&self, value: f64) -> bool {
        value >= self.low && value <= self.high
    }

    fn decade_ticks(&self, decades: f64) -> Vec<Tick> {
        let every = (decades / 7.0).ceil().max(1.0) as i32;
        let (first, last) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        let mut ticks = Vec::new();
        for power in first..=last {
            for multiple in 1..10 {
                let value = f64::from(multiple) * 10f64.powi(power);
                if self.holds(value) {
                    let labelled = multiple == 1 && power.rem_euclid(every) == 0;
                    ticks.push(Tick {
                        value,
                        label: labelled.then(|| power_of_ten(power)),
                    });
                }
            }
        }
        ticks
    }

    fn multiples(&self, of: &[f64]) -> Vec<Tick> {
        let (first, last) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        let all = (first..=last).flat_map(|power| of.iter().map(move |m| m * 10f64.powi(power)));
        all.filter(|value| self.holds(*value))
            .map(|value| Tick {
                value,
                label: Some(plain(value)),
            })
            .collect()
    }

    /// For ranges far below an octave: equal steps of 1, 2 or 5 times a power of ten.
    fn even_ticks(&self) -> Vec<Tick> {
        // The largest round step that leaves at least three.
        let wanted = (self.high - self.low) / 3.5;
        let power = 10f64.powf(wanted.log10().floor());
        let step = [5.0, 2.0]
            .map(|m| m * power)
            .into_iter()
            .find(|step| *step <= wanted);
        let step = step.unwrap_or(power);
        let places = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last)
            .map(|i| i as f64 * step)
            .map(|value| Tick {
                value,
                label: Some(format!("{value:.places$}")),
            })
            .collect()
    }
}

/// A number as on an axis: plain where that is short, else a multiple of a power of ten.
pub fn plain(value: f64) -> String {
    if (1e-3..1e3).contains(&value) {
        let text = format!("{value:.4}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let power = value.log10().floor() as i32;
    let multiple = value / 10f64.powi(power);
    let text = format!("{multiple:.1}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "1" => power_of_ten(power),
        multiple => format!("{multiple}×{}", power_of_ten(power)),
    }
}

/// `10⁵`.
fn power_of_ten(power: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = power.unsigned_abs().to_string();
    let raised = digits
        .bytes()
        .map(|digit| DIGITS[usize::from(digit - b'0')]);
    let sign = if power < 0 { "⁻" } else { "" };
    format!("10{sign}{}", raised.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        let axis = Axis::new("x", [low, high]).unwrap();
        axis.ticks()
            .into_iter()
            .filter_map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn wide_axes_have_powers_of_ten() {
        assert_eq!(labels(2e3, 5e6), ["10⁴", "10⁵", "10⁶"]);
    }

    #[test]
    fn narrow_axes_have_round_numbers() {
        assert_eq!(labels(1.4, 3.0), ["1.4", "1.6", "1.8", "2", "2.5", "3"]);
        assert_eq!(
            labels(2e3, 9e4),
            ["2×10³", "5×10³", "10⁴", "2×10⁴", "5×10⁴", "10⁵"]
        );
        assert_eq!(
            labels(1.50, 1.56),
            ["1.48", "1.50", "1.52", "1.54", "1.56", "1.58"]
        );
    }

    #[test]
    fn labels_do_not_run_into_each_other() {
        let axis = Axis::new("x", [2e3, 9e4]).unwrap();
        let labels = |share: f64| {
            let ticks = axis.readable(|_| share).into_iter();
            ticks.filter_map(|tick| tick.label).collect::<Vec<_>>()
        };
        assert_eq!(labels(0.01).len(), 6);
        assert_eq!(labels(0.25), ["2×10³", "10⁴", "10⁵"]);
        assert_eq!(axis.readable(|_| 0.25).len(), 6);
    }

    #[test]
    fn every_range_has_ticks_inside_it() {
        for exponent in -12..12 {
            for span in [1.0001, 1.01, 1.1, 1.7, 3.0, 30.0, 1e4, 1e9] {
                let low = 1.37 * 10f64.powi(exponent);
                let axis = Axis::new("x", [low, low * span]).unwrap();
                let ticks = axis.ticks();
                assert!(
                    ticks.iter().filter(|tick| tick.label.is_some()).count() >= 2,
                    "{low} {span}"
                );
                assert!(
                    ticks
                        .iter()
                        .all(|tick| (0.0..=1.0).contains(&axis.place(tick.value)))
                );
            }
        }
    }
}
