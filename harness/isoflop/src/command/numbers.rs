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

/// Between what a parameter lies: `0 < alpha < 2`, `alpha > 0`.
///
/// # Errors
/// If it is written otherwise.
pub fn bounded(text: &str) -> Result<(String, [f64; 2]), String> {
    let wrong = || "write it as \"0 < alpha < 2\", \"alpha > 0\" or \"alpha < 2\"".to_owned();
    let falls = text.contains('>');
    if falls && text.contains('<') {
        return Err(wrong());
    }
    let mut parts: Vec<&str> = text.split(['<', '>']).map(str::trim).collect();
    if falls {
        parts.reverse();
    }
    let number = |text: &str| text.parse::<f64>().ok();
    let (low, name, high) = match parts.as_slice() {
        [low, name, high] => (number(low), *name, number(high)),
        [one, other] if number(one).is_some() => (number(one), *other, Some(f64::INFINITY)),
        [one, other] => (Some(f64::NEG_INFINITY), *one, number(other)),
        _ => return Err(wrong()),
    };
    let (low, high) = low.zip(high).ok_or_else(wrong)?;
    Ok((name.to_owned(), [low, high]))
}
