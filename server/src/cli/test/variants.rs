//! Settings that a filter's schema allows, to start the filter with.

use serde_json::{Map, Value};

use crate::config::SettingsSchema;

/// The most that are made.
const MOST: usize = 40;

/// `base` with one setting after the other changed: the words that it may be, its least and its
/// most, true and false. Only those that the schema allows.
pub fn variants(schema: &SettingsSchema, base: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let root = schema.value();
    let properties = root.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    let values = properties.flat_map(|(key, part)| {
        values(root, part)
            .into_iter()
            .map(move |value| (key, value))
    });
    let changed = values.filter_map(|(key, value)| {
        let mut settings = base.clone();
        let old = settings.insert(key.clone(), value.clone());
        (old != Some(value)).then_some(settings)
    });
    let allowed = changed.filter(|it| schema.allows(&Value::Object(it.clone())));
    allowed.take(MOST).collect()
}

/// Values of a setting, at the edges of what it may be.
fn values(root: &Value, schema: &Value) -> Vec<Value> {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let target = reference.and_then(|it| root.pointer(it.strip_prefix('#')?));
    let schema = target.unwrap_or(schema);
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
    let words = list("enum").into_iter().flatten();
    let mut found: Vec<_> = words.cloned().collect();
    for keyword in ["const", "minimum", "maximum"] {
        found.extend(schema.get(keyword).cloned());
    }
    if schema.get("type") == Some(&"boolean".into()) {
        found.extend([true.into(), false.into()]);
    }
    for options in ["anyOf", "oneOf"].into_iter().filter_map(list) {
        let constants = options.iter().filter_map(|option| option.get("const"));
        found.extend(constants.cloned());
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn edges_of_what_is_allowed() {
        let schema = SettingsSchema::new(json!({
            "properties": {
                "size": {"type": "integer", "minimum": 8, "maximum": 9},
                "mode": {"$ref": "#/$defs/Mode"},
                "kind": {"enum": ["a", "b"]},
                "more": {"type": "boolean"},
                "image": {"type": "string"},
            },
            "required": ["image"],
            "not": {"required": ["more"]},
            "$defs": {"Mode": {"oneOf": [{"const": "x"}, {"const": "y"}]}},
        }));
        let Value::Object(base) = json!({"image": "a.png", "mode": "x"}) else {
            unreachable!("it is an object");
        };
        let all: Vec<_> = variants(&schema, &base)
            .into_iter()
            .map(Value::Object)
            .collect();
        assert_eq!(
            all,
            [
                json!({"image": "a.png", "mode": "x", "size": 8}),
                json!({"image": "a.png", "mode": "x", "size": 9}),
                json!({"image": "a.png", "mode": "y"}),
                json!({"image": "a.png", "mode": "x", "kind": "a"}),
                json!({"image": "a.png", "mode": "x", "kind": "b"}),
            ]
        );
    }
}
