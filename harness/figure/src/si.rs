//! Counts for people.

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
}
