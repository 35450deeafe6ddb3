//! Numbers for people: SI prefixes, durations, tables in columns.

use std::io::IsTerminal;
#[cfg(feature = "train")]
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
#[cfg(feature = "train")]
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

/// Rows as a table: headings, columns flush right. Where standard output is a terminal, columns that do
/// not fit its width stand in a second table below, beside the first column again.
pub fn columns(headings: &[&str], rows: &[Vec<String>]) -> String {
    let terminal = std::io::stdout()
        .is_terminal()
        .then(terminal_size::terminal_size);
    let width = terminal.flatten().map(|(width, _)| usize::from(width.0));
    columns_within(headings, rows, width.unwrap_or(usize::MAX))
}

fn columns_within(headings: &[&str], rows: &[Vec<String>], most: usize) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([headings[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &[&str], shown: &[usize]| {
        let padded: Vec<String> = shown
            .iter()
            .map(|at| format!("{:>width$}", cells[*at], width = widths[*at]))
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let tables = parts(&widths, most).into_iter().map(|shown| {
        let mut text = line(headings, &shown);
        for row in rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            text += &line(&cells, &shown);
        }
        text
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// Which columns stand together, each part within a width and with the first column.
fn parts(widths: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut parts = vec![Vec::new()];
    let mut used = 0;
    for (at, width) in widths.iter().enumerate() {
        let last = parts.last_mut().expect("there is one");
        if used + width > most && last.len() > 1 {
            parts.push(vec![0, at]);
            used = widths[0] + 2 + width + 2;
        } else {
            last.push(at);
            used += width + 2;
        }
    }
    parts
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
    #[cfg(feature = "train")]
    fn durations() {
        let shown = [7.4, 60.0, 187.0, 3725.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(shown, ["7 s", "1 min 00 s", "3 min 07 s", "1 h 02 min"]);
    }

    #[test]
    fn a_table_wider_than_the_terminal_goes_on_below() {
        let row = ["cell", "12345678", "12345678"].map(str::to_owned).to_vec();
        let rows = [row];
        let wide = columns_within(&["id", "one", "two"], &rows, 24);
        assert_eq!(wide, "  id       one       two\ncell  12345678  12345678\n");
        let narrow = columns_within(&["id", "one", "two"], &rows, 23);
        assert_eq!(
            narrow,
            "  id       one\ncell  12345678\n\n  id       two\ncell  12345678\n"
        );
        // A column alone is never cut.
        assert_eq!(
            columns_within(&["id", "one", "two"], &rows, 3)
                .lines()
                .count(),
            5
        );
    }
}
