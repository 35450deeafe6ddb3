//! Numbers for people: SI prefixes, durations.

use std::time::Duration;

/// A count to three digits with an SI prefix: `1.23 M`.
pub fn si(value: f64) -> String {
    const PREFIXES: [&str; 9] = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
    if !value.is_finite() || value.abs() >= 1e27 {
        return format!("{value:.3e}");
    }
    let mut power = 0;
    let mut scaled = value;
    // 999.5 would be shown as 1000.
    while scaled.abs() >= 999.5 && power + 1 < PREFIXES.len() {
        scaled /= 1000.0;
        power += 1;
    }
    let digits = if power == 0 && scaled.fract() == 0.0 {
        format!("{scaled:.0}")
    } else {
        three_digits(scaled)
    };
    if power == 0 {
        digits
    } else {
        format!("{digits} {}", PREFIXES[power])
    }
}

fn three_digits(value: f64) -> String {
    let whole = value.abs();
    let places = if whole >= 99.95 {
        0
    } else if whole >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.places$}")
}

/// A parameter of a law: plain where that reads well.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        format!("{value:.3e}")
    } else if size < 10.0 {
        format!("{value:.4}")
    } else {
        format!("{value:.1}")
    }
}

/// `[low, high]` of an interval, each written by `write`.
pub fn interval(interval: Option<[f64; 2]>, write: impl Fn(f64) -> String) -> String {
    match interval {
        Some([low, high]) => format!("[{}, {}]", write(low), write(high)),
        None => "[no interval]".to_owned(),
    }
}

/// Seconds as `1 h 02 min`, `3 min 07 s` or `12 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1 cell`, `3 cells`.
pub fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_prefix() {
        let shown: Vec<_> = [0.0, 7.0, 999.0, 999.6, 1234.0, 65_536.0, 1e21]
            .map(si)
            .into();
        assert_eq!(
            shown,
            ["0", "7", "999", "1.00 k", "1.23 k", "65.5 k", "1.00 Z"]
        );
    }

    #[test]
    fn durations() {
        let shown = [7.4, 60.0, 187.0, 3725.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(shown, ["7 s", "1 min 00 s", "3 min 07 s", "1 h 02 min"]);
    }
}
