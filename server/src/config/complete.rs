//! A filter's settings as the filter gets them: with the defaults of its schema for what is not
//! set, and whole numbers written as such.

use serde_json::{Map, Value};

use super::describe::resolve;

/// The most values that defaults may add.
const ADDED: usize = 20_000;
/// The depth to which schemas may lie in each other, references followed; a check of the settings
/// has refused deeper ones.
const DEPTH: usize = 128;

/// The defaults of a schema would add too many values to the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its defaults add more than {ADDED} values to these settings")]
pub struct TooManyDefaults;

/// `settings` with the defaults of `schema`, which they fit. A default stands as it is: those of
/// what lies in it are not added to it. Where a value may be of several kinds, the defaults of the
/// only one that it can be are taken.
///
/// # Errors
/// The defaults are too many.
pub fn complete(schema: &Value, settings: &Value) -> Result<Value, TooManyDefaults> {
    let mut settings = settings.clone();
    let mut walk = Walk {
        root: schema,
        left: ADDED,
    };
    walk.visit(schema, &mut settings, DEPTH)?;
    Ok(settings)
}

/// The default that `schema`, a part of `root`, names for what is not set.
pub fn default<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    let own = schema.get("default");
    let default = own.or_else(|| resolve(root, schema).get("default"))?;
    // Nothing, as schemars tells of what may be left out.
    (!default.is_null()).then_some(default)
}

struct Walk<'s> {
    root: &'s Value,
    left: usize,
}

impl<'s> Walk<'s> {
    fn visit(
        &mut self,
        schema: &'s Value,
        value: &mut Value,
        depth: usize,
    ) -> Result<(), TooManyDefaults> {
        let Some(below) = depth.checked_sub(1) else {
            return Ok(());
        };
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|it| self.root.pointer(it.strip_prefix('#')?));
        let all = list(schema, "allOf").iter();
        for part in target
            .into_iter()
            .chain(all)
            .chain(self.meant(schema, value))
        {
            self.visit(part, value, below)?;
        }
        if is_whole(schema) {
            make_whole(value);
        }
        match value {
            Value::Object(entries) => self.visit_entries(schema, entries, below),
            Value::Array(items) => {
                let first = list(schema, "prefixItems");
                let others = schema.get("items");
                for (at, item) in items.iter_mut().enumerate() {
                    if let Some(schema) = first.get(at).or(others) {
                        self.visit(schema, item, below)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn visit_entries(
        &mut self,
        schema: &'s Value,
        entries: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), TooManyDefaults> {
        let known = schema.get("properties").and_then(Value::as_object);
        let other = schema.get("additionalProperties");
        for (key, value) in entries.iter_mut() {
            let own = known.and_then(|known| known.get(key));
            if let Some(schema) = own.or(other) {
                self.visit(schema, value, depth)?;
            }
        }
        for (key, schema) in known.into_iter().flatten() {
            if let Some(default) = default(self.root, schema)
                && !entries.contains_key(key)
            {
                self.left = self
                    .left
                    .checked_sub(size(default))
                    .ok_or(TooManyDefaults)?;
                entries.insert(key.clone(), default.clone());
            }
        }
        Ok(())
    }

    /// The only one of a schema's alternatives that `value` can be.
    fn meant(&self, schema: &'s Value, value: &Value) -> Option<&'s Value> {
        let options = ["anyOf", "oneOf"].map(|keyword| list(schema, keyword));
        let options = options.into_iter().flatten();
        let mut fitting = options.filter(|it| may_be(resolve(self.root, it), value));
        let only = fitting.next()?;
        fitting.next().is_none().then_some(only)
    }
}

fn list<'s>(schema: &'s Value, keyword: &str) -> &'s [Value] {
    schema
        .get(keyword)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Whether `value` has a type of `schema`, its constants, and the keys that it must have.
fn may_be(schema: &Value, value: &Value) -> bool {
    let types = match schema.get("type") {
        Some(Value::Array(types)) => types.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let has_type = types.is_empty() || types.iter().any(|name| is_type(name, value));
    let is_constant = schema.get("const").is_none_or(|constant| constant == value);
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut properties = properties.into_iter().flatten();
    let is_tagged = properties.all(
        |(key, schema)| match (schema.get("const"), value.get(key)) {
            (Some(constant), Some(value)) => constant == value,
            _ => true,
        },
    );
    let mut required = list(schema, "required").iter().filter_map(Value::as_str);
    let has_keys = !value.is_object() || required.all(|key| value.get(key).is_some());
    has_type && is_constant && is_tagged && has_keys
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap_or_default() {
        "integer" => value.is_i64() || value.is_u64() || whole(value).is_some(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn is_whole(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => {
            types.iter().any(|it| it == "integer") && !types.iter().any(|it| it == "number")
        }
        kind => kind == Some(&"integer".into()),
    }
}

/// The whole number that is written as `5.0` or `1e3`.
fn whole(value: &Value) -> Option<i64> {
    /// Beyond, not every whole number is one of these.
    const EXACT: f64 = (1u64 << 53) as f64;
    let number = value.as_f64().filter(|_| value.is_f64())?;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

fn make_whole(value: &mut Value) {
    if let Some(number) = whole(value) {
        *value = number.into();
    }
}

/// The number of values in `value`, itself included; long texts count as several.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / 64,
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(entries) => 1 + entries.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_set_gets_its_default_where_it_lies() {
        let schema = json!({
            "properties": {
                "size": {"type": "integer", "default": 20},
                "font": {"type": ["string", "null"], "default": null},
                "place": {"$ref": "#/$defs/Place"},
                "zones": {"type": "array", "items": {"$ref": "#/$defs/Zone"}},
                "shape": {"oneOf": [
                    {"properties": {"kind": {"const": "round"}, "radius": {"default": 4}}},
                    {"properties": {"kind": {"const": "square"}, "side": {"default": 8}}},
                ]},
                "limit": {"anyOf": [{"type": "integer"}, {"const": "auto"}]},
                "colors": {"additionalProperties": {"properties": {"alpha": {"default": 1}}}},
            },
            "$defs": {
                "Place": {"type": "string", "default": "top"},
                "Zone": {"type": "object", "properties": {
                    "name": {"type": "string"},
                    "least": {"type": "integer", "default": 1},
                }},
            },
        });
        let settings = json!({
            "zones": [{"name": "a"}, {"least": 2.0}],
            "shape": {"kind": "square"},
            "limit": 1e3,
            "colors": {"red": {}},
        });
        let completed = complete(&schema, &settings).unwrap();
        assert_eq!(
            completed,
            json!({
                "zones": [{"name": "a", "least": 1}, {"least": 2}],
                "shape": {"kind": "square", "side": 8},
                "limit": 1000,
                "colors": {"red": {"alpha": 1}},
                "size": 20,
                "place": "top",
            })
        );
        assert!(completed["zones"][1]["least"].is_i64());
        assert!(completed["limit"].is_i64());
    }

    #[test]
    fn numbers_stay_what_they_are_where_they_need_not_be_whole() {
        let schema = json!({"properties": {
            "a": {"type": "number"},
            "b": {"type": ["integer", "number"]},
            "c": {"type": "integer"},
        }});
        let settings = json!({"a": 2.0, "b": 2.0, "c": 1e300});
        let completed = complete(&schema, &settings).unwrap();
        assert_eq!(completed.to_string(), r#"{"a":2.0,"b":2.0,"c":1e+300}"#);
    }

    #[test]
    fn defaults_have_a_limit_and_do_not_go_round() {
        let schema = json!({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {
            "below": {"$ref": "#/$defs/a", "default": {}},
        }}}});
        let completed = complete(&schema, &json!({"below": {}}));
        assert_eq!(completed, Ok(json!({"below": {"below": {}}})));
        let many = json!({"properties": {"items": {"items": {"properties": {
            "text": {"default": "x".repeat(6400)},
        }}}}});
        let items = json!({"items": vec![json!({}); 1000]});
        assert_eq!(complete(&many, &items), Err(TooManyDefaults));
    }
}
