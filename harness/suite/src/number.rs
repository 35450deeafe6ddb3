//! How a number that may not be finite is written: JSON has no NaN and no infinity, and serde_json
//! would write `null`, which reads back as nothing. Such numbers are the words `NaN`, `inf` and `-inf`,
//! as CSV has them too.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// For `#[serde(with = "isoflop_suite::number")]` on an `f64`.
///
/// # Errors
/// As the serializer.
pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        to.serialize_f64(*value)
    } else {
        to.collect_str(value)
    }
}

/// Reads a number or one of the words. `null`, as logs of before had it, is NaN.
///
/// # Errors
/// If it is anything else.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    from.deserialize_any(NumberVisitor)
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"NaN\", \"inf\" or \"-inf\"")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_unit<E: Error>(self) -> Result<f64, E> {
        Ok(f64::NAN)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<f64, E> {
        match word {
            "NaN" => Ok(f64::NAN),
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            _ => Err(E::custom(format!("`{word}` is no number"))),
        }
    }
}

/// The same for an `Option<f64>`, where `null` is no number at all.
pub mod option {
    use serde::de::{Deserialize, Deserializer};
    use serde::ser::Serializer;

    #[derive(serde::Deserialize)]
    struct Number(#[serde(with = "super")] f64);

    /// As [`super::serialize`].
    ///
    /// # Errors
    /// As the serializer.
    pub fn serialize<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, to),
            None => to.serialize_none(),
        }
    }

    /// As [`super::deserialize`].
    ///
    /// # Errors
    /// If it is neither a number nor `null`.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Number>::deserialize(from)?.map(|number| number.0))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    struct Both {
        #[serde(with = "super")]
        one: f64,
        #[serde(default, with = "super::option")]
        two: Option<f64>,
    }

    #[test]
    fn every_number_comes_back() {
        for value in [0.1 + 0.2, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for two in [None, Some(value)] {
                let text = serde_json::to_string(&Both { one: value, two }).unwrap();
                let back: Both = serde_json::from_str(&text).unwrap();
                let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                assert!(same(back.one, value), "{text}");
                assert_eq!(back.two.is_some(), two.is_some(), "{text}");
                assert!(back.two.is_none_or(|found| same(found, value)), "{text}");
            }
        }
        let old: Both = serde_json::from_str("{\"one\": null}").unwrap();
        assert!(old.one.is_nan());
        assert!(serde_json::from_str::<Both>("{\"one\": \"nan\"}").is_err());
    }
}
