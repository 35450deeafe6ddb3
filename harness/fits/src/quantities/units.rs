//! Units in the names of columns.

/// Units, as the name's last word or before what is counted, and what they count by.
const UNITS: [(&str, f64); 17] = [
    ("trillions", 1e12),
    ("trillion", 1e12),
    ("ttokens", 1e12),
    ("t", 1e12),
    ("tflops", 1e12),
    ("millions", 1e6),
    ("million", 1e6),
    ("billions", 1e9),
    ("billion", 1e9),
    ("mparams", 1e6),
    ("bparams", 1e9),
    ("btokens", 1e9),
    ("mtokens", 1e6),
    ("m", 1e6),
    ("b", 1e9),
    ("gflops", 1e9),
    ("pflops", 1e15),
];

/// A name without the unit in it, and how much one of the unit is: `model_mparams` is `model_params` in
/// millions, `tokens_b` is `tokens` in billions.
pub fn unit(name: &str) -> (String, f64) {
    let mut words: Vec<String> = name
        .split(|letter: char| !letter.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty())
        .collect();
    let Some(last) = words.pop() else {
        return (name.to_owned(), 1.0);
    };
    let found = UNITS.iter().find(|(unit, _)| *unit == last);
    let Some((unit, times)) = found else {
        return (name.to_owned(), 1.0);
    };
    // `mparams` counts params; `m` alone counts what is before it.
    let counted = unit.get(1..).unwrap_or_default();
    if ["params", "tokens", "flops"].contains(&counted) {
        words.push(counted.to_owned());
    } else if words.is_empty() {
        return (name.to_owned(), 1.0);
    }
    (words.join("_"), *times)
}
