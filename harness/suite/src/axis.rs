//! One axis of a sweep: a single value or a list, with its place in the file.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use crate::Precision;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// A value an axis can hold. TOML writes `2e6` as a float, so counts take whole floats too.
pub trait AxisValue: Copy {
    /// What a user would call the value.
    const EXPECTED: &'static str;
    /// The value of an integer, if it can be one.
    fn from_integer(value: i64) -> Option<Self>;
    /// The value of a float, if it can be one.
    fn from_float(value: f64) -> Option<Self>;
    /// The value of a word, if it can be one.
    fn from_word(_: &str) -> Option<Self> {
        None
    }
}

impl AxisValue for u64 {
    const EXPECTED: &'static str = "a whole number that is not negative";

    fn from_integer(value: i64) -> Option<Self> {
        u64::try_from(value).ok()
    }

    fn from_float(value: f64) -> Option<Self> {
        // Above 2^53 a float no longer names one whole number.
        (value >= 0.0 && value <= 2f64.powi(53) && value.fract() == 0.0).then_some(value as u64)
    }
}

impl AxisValue for f64 {
    const EXPECTED: &'static str = "a finite number above zero";

    fn from_integer(value: i64) -> Option<Self> {
        Self::from_float(value as f64)
    }

    fn from_float(value: f64) -> Option<Self> {
        (value.is_finite() && value > 0.0).then_some(value)
    }
}

impl AxisValue for Precision {
    const EXPECTED: &'static str = "\"f32\", \"f16\", \"bf16\", \"mixed-f16\" or \"mixed-bf16\"";

    fn from_integer(_: i64) -> Option<Self> {
        None
    }

    fn from_float(_: f64) -> Option<Self> {
        None
    }

    fn from_word(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

/// The values of one axis, and where they stand in the file.
#[derive(Debug, Clone)]
pub struct Axis<T> {
    /// In the order given.
    pub values: Vec<T>,
    pub(crate) span: Range<usize>,
}

impl<T: JsonSchema> JsonSchema for Axis<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("axis of {}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

struct Values<T>(Vec<T>);

struct ValuesVisitor<T>(PhantomData<T>);

impl<'de, T: AxisValue> Visitor<'de> for ValuesVisitor<T> {
    type Value = Values<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or a list of them", T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Values<T>, E> {
        single(value, T::from_integer(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Values<T>, E> {
        single(value, T::from_float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Values<T>, E> {
        single(format_args!("\"{value}\""), T::from_word(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(Values(values)) = list.next_element::<Values<T>>()? {
            all.extend(values);
        }
        Ok(Values(all))
    }
}

fn single<T: AxisValue, E: Error>(
    given: impl fmt::Display,
    value: Option<T>,
) -> Result<Values<T>, E> {
    value
        .map(|value| Values(vec![value]))
        .ok_or_else(|| E::custom(format!("{given} is not {}", T::EXPECTED)))
}

impl<'de, T: AxisValue> Deserialize<'de> for Values<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValuesVisitor(PhantomData))
    }
}

impl<'de, T: AxisValue> Deserialize<'de> for Axis<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<Values<T>>::deserialize(from)?;
        Ok(Axis {
            span: spanned.span(),
            values: spanned.into_inner().0,
        })
    }
}
