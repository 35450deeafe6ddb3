//! Which rows a fit is of.

/// Rows left out that are named on screen; all are in the JSON.
const MOST_NAMED: usize = 4;
/// Reasons for it that are.
const MOST_REASONS: usize = 6;

/// How many rows became how many points.
pub fn reduced(reduced: &Option<String>) -> String {
    reduced
        .as_ref()
        .map_or_else(String::new, |said| format!("{said}\n"))
}

/// The value that the rows share, of a fit per value.
pub fn by(by: &Option<[String; 2]>) -> String {
    by.as_ref()
        .map(|[column, value]| format!("{column} = {value}\n"))
        .unwrap_or_default()
}

/// The rows left out, by reason in the order in which reasons first come.
pub fn left_out(rows: &[String]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in rows {
        let (name, reason) = row.split_once(": ").unwrap_or((row, ""));
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(name),
            None => by_reason.push((reason, vec![name])),
        }
    }
    let others = by_reason.len().saturating_sub(MOST_REASONS);
    let others = (others > 0).then(|| format!("{others} other reasons"));
    let reasons = by_reason.iter().take(MOST_REASONS).map(|(reason, names)| {
        let named = &names[..names.len().min(MOST_NAMED)];
        let more = match names.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{reason} ({}{more})", named.join(", "))
    });
    let what = if rows.len() == 1 { "row" } else { "rows" };
    let reasons: Vec<String> = reasons.chain(others).collect();
    format!("  left out {} {what}: {}\n", rows.len(), reasons.join("; "))
}
