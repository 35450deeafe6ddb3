//! The JSON schema of definitions: for editors, and for the page that lists every key.

use schemars::JsonSchema;
use serde_json::{Map, Value};

/// The schema of a definition's text.
pub fn of<T: JsonSchema>() -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    without_null(&mut schema);
    schema
}

/// TOML has no null: a key that may be left out is left out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(without_null),
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|it| it != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    object.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|it| it["type"] != "null");
                if let [Value::Object(one)] = choices.as_mut_slice() {
                    let mut one = std::mem::take(one);
                    object.remove("anyOf");
                    // What is said of the key comes before what is said of its type.
                    one.append(object);
                    *object = one;
                }
            }
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            object.values_mut().for_each(without_null);
        }
        _ => (),
    }
}

/// A key that has an older name: one of the two is written.
pub fn also_named(schema: &mut schemars::Schema, key: &str, other: &str) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Object(properties)) = object.get_mut("properties")
        && let Some(meaning) = properties.get(key).cloned()
    {
        properties.insert(other.to_owned(), meaning);
    }
    let needs =
        |key: &str| Value::Object(Map::from_iter([("required".to_owned(), vec![key].into())]));
    let either = vec![needs(key), needs(other)];
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.retain(|it| it != key);
        if required.is_empty() {
            object.remove("required");
        }
    }
    object.insert("oneOf".to_owned(), either.into());
}
