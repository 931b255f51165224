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

/// The depth to which settings in settings are described, and the most that are.
const DEPTH: usize = 5;
const SETTINGS: usize = 1_000;

/// The settings that `schema` describes, in its order, each followed by those that lie in it:
/// `zones`, `zones[].name`, `colors.*`.
pub fn settings_help(schema: &Value) -> Vec<SettingHelp> {
    let mut found = Vec::new();
    add_nested(schema, (schema, ""), DEPTH, &mut found);
    found
}

fn add_nested(
    root: &Value,
    (schema, path): (&Value, &str),
    depth: usize,
    found: &mut Vec<SettingHelp>,
) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let schema = resolve(root, schema);
    for mut setting in keys_help(root, schema) {
        if found.len() == SETTINGS {
            return;
        }
        let inner = &schema["properties"][&setting.name];
        setting.name = nested(path, &setting.name);
        let path = setting.name.clone();
        found.push(setting);
        add_nested(root, (inner, &path), depth, found);
    }
    for alternative in any_of(schema) {
        add_nested(root, (alternative, path), depth, found);
    }
    let children = [
        ("items", format!("{path}[]")),
        ("additionalProperties", nested(path, "*")),
    ];
    for (keyword, path) in children {
        if let Some(inner) = schema.get(keyword) {
            add_nested(root, (inner, &path), depth, found);
        }
    }
}

fn nested(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// The schemas whose keys a mapping of `schema` may have beside its own.
fn any_of(schema: &Value) -> impl Iterator<Item = &Value> {
    let keywords = ["allOf", "anyOf", "oneOf"].into_iter();
    let parts = keywords.filter_map(|keyword| schema.get(keyword)?.as_array());
    parts.flatten()
}

/// The keys of the mapping that `schema`, a part of `root`, describes.
pub fn keys_help(root: &Value, schema: &Value) -> Vec<SettingHelp> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let describe = |(name, property): (&String, &Value)| {
        let default = property.get("default").filter(|it| !it.is_null());
        SettingHelp {
            name: name.clone(),
            expected: expected_words(root, property),
            default: default.map(Value::to_string),
            is_required: default.is_none() && is_required(name),
            summary: summary(root, property),
        }
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
                "Position": {
                    "description": "Where.",
                    "oneOf": [{"const": "top"}, {"const": "left"}]
                },
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

    #[test]
    fn settings_in_settings_are_told_with_their_place() {
        let schema = json!({
            "properties": {
                "zones": {"type": "array", "items": {"$ref": "#/$defs/Zone"}},
                "colors": {"additionalProperties": {"properties": {"alpha": {"type": "number"}}}},
                "to": {"oneOf": [
                    {"properties": {"url": {"type": "string"}}, "required": ["url"]},
                    {"properties": {"path": {"type": "string"}}},
                ]},
                "tree": {"$ref": "#/$defs/Tree"},
            },
            "$defs": {
                "Zone": {"properties": {"name": {"type": "string"}, "area": {"type": "string"}}},
                "Tree": {"properties": {"below": {"$ref": "#/$defs/Tree"}}},
            },
        });
        let help = settings_help(&schema);
        let names: Vec<_> = help.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "zones",
                "zones[].name",
                "zones[].area",
                "colors",
                "colors.*.alpha",
                "to",
                "to.url",
                "to.path",
                "tree",
                "tree.below",
                "tree.below.below",
                "tree.below.below.below",
                "tree.below.below.below.below",
            ]
        );
        assert!(help[6].is_required);
    }
}
