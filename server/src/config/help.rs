//! A filter's settings, explained from its schema.

use serde_json::Value;

use super::describe::{choices, expected, resolve};

/// The description of one setting of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingHelp {
    /// Its name in `with`.
    pub name: String,
    /// The expected value, in words.
    pub expected: String,
    /// The value if nothing is said, as JSON.
    pub default: Option<String>,
    /// Whether something must be said.
    pub is_required: bool,
    /// Its purpose.
    pub summary: String,
}

/// The settings that `schema` describes, in its order.
pub fn settings_help(schema: &Value) -> Vec<SettingHelp> {
    keys_help(schema, schema)
}

/// The keys of the mapping that `schema`, a part of `root`, describes.
pub fn keys_help(root: &Value, schema: &Value) -> Vec<SettingHelp> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let describe = |(name, property): (&String, &Value)| SettingHelp {
        name: name.clone(),
        expected: expected_words(root, property),
        default: property
            .get("default")
            .filter(|default| !default.is_null())
            .map(Value::to_string),
        is_required: is_required(name),
        summary: summary(root, property),
    };
    properties.into_iter().flatten().map(describe).collect()
}

fn expected_words(root: &Value, property: &Value) -> String {
    // In pipeline files' schema.
    let said = property
        .get("x-expected")
        .or_else(|| resolve(root, property).get("x-expected"));
    if let Some(said) = said.and_then(Value::as_str) {
        return said.to_owned();
    }
    match choices(root, property).as_slice() {
        [] => expected(root, property).unwrap_or_else(|| "anything".to_owned()),
        choices => choices.join(" | "),
    }
}

/// The setting's own description, or its type's, on one line.
fn summary(root: &Value, property: &Value) -> String {
    let description = property
        .get("description")
        .or_else(|| resolve(root, property).get("description"));
    let text = description.and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_what_can_be_set() {
        let schema = json!({
            "properties": {
                "image": {"type": "string", "description": "A PNG,\nbelow the folder."},
                "position": {"$ref": "#/$defs/Position", "default": "top"},
                "scale": {"anyOf": [{"$ref": "#/$defs/Scale"}, {"type": "null"}], "default": null},
                "more": true,
            },
            "required": ["image"],
            "$defs": {
                "Position": {"description": "Where.", "oneOf": [{"const": "top"}, {"const": "left"}]},
                "Scale": {"type": "number", "exclusiveMinimum": 0},
            },
        });
        let help = settings_help(&schema);
        let facts: Vec<_> = help
            .iter()
            .map(|s| {
                (
                    s.name.as_str(),
                    s.expected.as_str(),
                    s.default.as_deref(),
                    s.is_required,
                )
            })
            .collect();
        assert_eq!(
            facts,
            [
                ("image", "a text", None, true),
                ("position", "top | left", Some("\"top\""), false),
                ("scale", "a number above 0", None, false),
                ("more", "anything", None, false),
            ]
        );
        assert_eq!(help[0].summary, "A PNG, below the folder.");
        assert_eq!(help[1].summary, "Where.");
        assert!(settings_help(&json!(true)).is_empty());
    }
}
