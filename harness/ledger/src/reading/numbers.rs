//! Numbers as people write them: `1.25M`, `20B`, `1,250,000`, `1_250_000`, `"1e21"`, `0,5`.

/// What a word is where numbers are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Read {
    /// A number.
    Number(f64),
    /// Nothing: the cell is empty, or says that there is no number.
    Missing,
    /// A word.
    Word,
}

/// Words for a number that is not there.
const MISSING: [&str; 9] = ["", "na", "n/a", "#n/a", "nan", "none", "null", "-", "?"];

/// Multiples, in small letters where both cases mean the same. `M` is a million: nobody counts parameters in
/// thousandths.
const SUFFIXES: [(&str, f64); 8] = [
    ("k", 1e3),
    ("m", 1e6),
    ("b", 1e9),
    ("g", 1e9),
    ("bn", 1e9),
    ("t", 1e12),
    ("p", 1e15),
    ("e", 1e18),
];

/// Reads a word. `decimal_comma` says what a single comma in it means.
pub fn number_of(word: &str, decimal_comma: bool) -> Read {
    let word = word.trim().trim_matches(['"', '\'']).trim();
    if MISSING.contains(&word.to_lowercase().as_str()) {
        return Read::Missing;
    }
    match plain(word, decimal_comma).or_else(|| with_suffix(word, decimal_comma)) {
        Some(number) => Read::Number(number),
        None => Read::Word,
    }
}

fn with_suffix(word: &str, decimal_comma: bool) -> Option<f64> {
    let digits = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let suffix = word[digits.len()..].to_lowercase();
    let (_, times) = SUFFIXES.iter().find(|(name, _)| *name == suffix)?;
    Some(plain(digits.trim_end(), decimal_comma)? * times)
}

/// A number with points, commas, blanks or underscores between its digits.
fn plain(word: &str, decimal_comma: bool) -> Option<f64> {
    let starts = word.starts_with(|it: char| it.is_ascii_digit() || "+-.,".contains(it));
    if !starts {
        return None;
    }
    if let Ok(number) = word.parse::<f64>() {
        // In Europe `1.250.000` is no number to Rust, and `1.250` is one.
        return Some(number);
    }
    let (point, groups) = if decimal_comma {
        (',', '.')
    } else {
        ('.', ',')
    };
    let (whole, rest) = match word.find(point) {
        Some(at) => (&word[..at], &word[at + 1..]),
        None => (word, ""),
    };
    let separators = [groups, '_', ' ', '\u{a0}', '\u{202f}', '\''];
    let grouped = whole.split(separators).skip(1);
    let in_threes = grouped.clone().all(|group| group.len() == 3);
    if grouped.count() > 0 && !(in_threes || whole.contains('_')) {
        return None;
    }
    let whole: String = whole.split(separators).collect();
    let text = if rest.is_empty() {
        whole
    } else {
        format!("{whole}.{rest}")
    };
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (word, number) in [
            ("1250000", 1.25e6),
            ("1.25M", 1.25e6),
            ("1.25 m", 1.25e6),
            ("20B", 2e10),
            ("3bn", 3e9),
            ("1,250,000", 1.25e6),
            ("\"1,250,000.5\"", 1250000.5),
            ("1_250_000", 1.25e6),
            ("1 250 000", 1.25e6),
            ("1e21", 1e21),
            ("-0.5", -0.5),
            ("+3", 3.0),
            ("7.1 k", 7100.0),
            ("1.5T", 1.5e12),
        ] {
            assert_eq!(number_of(word, false), Read::Number(number), "{word}");
        }
        for (word, number) in [("1,5", 1.5), ("1.250.000,5", 1250000.5), ("3", 3.0)] {
            assert_eq!(number_of(word, true), Read::Number(number), "{word}");
        }
        for word in ["", " ", "NaN", "n/a", "None", "-"] {
            assert_eq!(number_of(word, false), Read::Missing, "{word}");
        }
        for word in ["12,34", "1.2.3", "model", "M", "1.25X", "1,2,3", "inf B"] {
            assert_eq!(number_of(word, false), Read::Word, "{word}");
        }
    }
}
