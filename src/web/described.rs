//! Schemas of the `OpenAPI` document, for tests that compare answers with it.

use serde_json::Value;

/// The named schema of the description.
pub fn schema(name: &str) -> Value {
    let document: Value = serde_json::from_str(super::api::OPENAPI).unwrap();
    document["components"]["schemas"][name].clone()
}

/// Fields of an answer, in the order of the alphabet.
pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Fields that a schema requires, in the order of the alphabet.
pub fn required(schema: &Value) -> Vec<&str> {
    let names = schema["required"].as_array().unwrap();
    let mut names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    names
}
