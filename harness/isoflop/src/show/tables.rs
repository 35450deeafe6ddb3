//! Tables for people.

use std::io::IsTerminal;

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
