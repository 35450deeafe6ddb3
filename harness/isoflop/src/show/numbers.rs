//! Numbers for people.

use std::time::Duration;

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
    fn durations() {
        let shown = [7.4, 60.0, 187.0, 3725.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(shown, ["7 s", "1 min 00 s", "3 min 07 s", "1 h 02 min"]);
    }
}
