//! Numbers on the command line.

use isoflop_suite::slips;

/// A finite number above zero.
///
/// # Errors
/// If it is none; the error says how to write a number that was meant.
pub fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| match slips::number(text) {
        Some(meant) => format!("write {meant}"),
        None => format!("{error}"),
    })?;
    if number.is_finite() && number > 0.0 {
        Ok(number)
    } else {
        Err("not a finite number above zero".to_owned())
    }
}

/// `NAME=VALUE`.
///
/// # Errors
/// If it is not written so.
pub fn named_value(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write it as NAME=VALUE, such as E=1.7")?;
    let value = value.trim().parse().map_err(|error| format!("{error}"))?;
    Ok((name.trim().to_owned(), value))
}
