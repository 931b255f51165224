//! A filter's settings as the filter gets them: with the defaults of its schema for what is not
//! set, and whole numbers written as such.

use std::collections::HashMap;

use jsonschema::{OutputUnit, Validator};
use serde_json::{Map, Value};

use super::describe::resolve;
use super::limits::{self, Unbounded};
use super::settings_schema::SchemaError;
use super::subschemas::{below, subschemas};
use crate::log::sanitize;
use crate::panics::catch;

/// The most values that defaults may add.
const ADDED: usize = 20_000;
/// The depth to which schemas may lie in each other, references followed.
const DEPTH: usize = 128;
/// So often defaults may make other parts of a schema apply, which have defaults of their own.
const ROUNDS: usize = 16;

/// `value` with the defaults that `schema`, a part of `root`, has for it whatever else it is: those
/// of `properties`, also under `$ref`, `allOf`, `items` and `additionalProperties`, and in other
/// defaults. Settings are checked with these in place.
///
/// # Errors
/// The defaults are too many, or have no end.
pub fn with_defaults(root: &Value, schema: &Value, value: &Value) -> Result<Value, SchemaError> {
    let mut value = value.clone();
    let mut walk = Walk {
        root,
        added: Added::default(),
        left: limits::WORK,
    };
    walk.visit(schema, &mut value, DEPTH)?;
    Ok(value)
}

/// `settings`, which fit `schema` by its `validator`, with all defaults: also those of the parts of
/// the schema that apply by what the settings are, such as the alternative that fits.
///
/// # Errors
/// The defaults are too many, have no end, or do not fit the schema.
pub fn complete(
    schema: &Value,
    validator: &Validator,
    settings: &Value,
) -> Result<Value, SchemaError> {
    let mut settings = with_defaults(schema, schema, settings)?;
    let found = subschemas(schema).into_iter();
    let schemas: HashMap<_, _> = found.map(|it| (it.place, it.schema)).collect();
    let mut added = Added::default();
    for _ in 0..ROUNDS {
        limits::check(schema, schema, &settings)?;
        let evaluation = catch(|| validator.evaluate(&settings))?;
        if !evaluation.is_valid() {
            return Err(unfit(validator, &settings));
        }
        let mut applied = Vec::new();
        collect_applied(&schemas, evaluation.root(), &mut applied);
        let before = added.0;
        for (place, schema) in applied {
            let Some(value) = settings.pointer_mut(place) else {
                continue;
            };
            if is_whole(schema) {
                make_whole(value);
            }
            if let Value::Object(entries) = value {
                added.fill(schemas[""], schema, entries)?;
            }
        }
        if added.0 == before {
            return Ok(settings);
        }
    }
    Err(Unbounded::Deep.into())
}

/// The fault in `settings` that lies in what was filled in.
fn unfit(validator: &Validator, settings: &Value) -> SchemaError {
    let told = catch(|| {
        let wrong = validator.iter_errors(settings).next()?;
        Some((wrong.instance_path().to_string(), wrong.to_string()))
    });
    match told {
        Ok(told) => {
            let (place, why) = told.unwrap_or_default();
            let why = sanitize(&why);
            SchemaError::Unfit { place, why }
        }
        Err(panicked) => panicked.into(),
    }
}

/// The default that `schema`, a part of `root`, names for what is not set.
pub fn default<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    let own = schema.get("default");
    let default = own.or_else(|| resolve(root, schema).get("default"))?;
    // Nothing, as schemars tells of what may be left out.
    (!default.is_null()).then_some(default)
}

/// Finds the schemas that apply at `unit` and below, each with the place of its value in the
/// settings. Of the alternatives of an `anyOf` it is the first that fits.
fn collect_applied<'s, 'u>(
    schemas: &HashMap<String, &'s Value>,
    unit: OutputUnit<'u>,
    applied: &mut Vec<(&'u str, &'s Value)>,
) {
    let (place, location) = (unit.instance_location().as_str(), unit.schema_location());
    let schema = schemas.get(location).copied();
    applied.extend(schema.map(|schema| (place, schema)));
    let fitting = unit.children().filter(|child| child.valid());
    let is_any_of = schema.is_none() && location.ends_with("/anyOf");
    for child in fitting.take(if is_any_of { 1 } else { usize::MAX }) {
        // A keyword stands by its schema's place and by the value that has the keyword.
        let is_for = |keyword: &&&str| child.schema_location() == below(location, keyword);
        let is_same = child.instance_location().as_str() == place;
        match NOT_APPLIED.iter().find(is_for).filter(|_| is_same) {
            Some(&("not" | "propertyNames")) => {}
            Some(_) => {
                for child in child.children().filter(OutputUnit::valid) {
                    collect_applied(schemas, child, applied);
                }
            }
            None => collect_applied(schemas, child, applied),
        }
    }
}

/// The keywords whose schema is none for the value itself in any case.
const NOT_APPLIED: [&str; 9] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "if",
    "items",
    "not",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Counts the values that defaults have added.
#[derive(Default)]
struct Added(usize);

impl Added {
    /// Adds to `entries` what `schema`, a part of `root`, has a default for and they don't have.
    fn fill(
        &mut self,
        root: &Value,
        schema: &Value,
        entries: &mut Map<String, Value>,
    ) -> Result<(), SchemaError> {
        let known = schema.get("properties").and_then(Value::as_object);
        for (key, schema) in known.into_iter().flatten() {
            if let Some(default) = default(root, schema)
                && !entries.contains_key(key)
            {
                self.0 += size(default);
                if self.0 > ADDED {
                    return Err(SchemaError::Defaults(ADDED));
                }
                entries.insert(key.clone(), default.clone());
            }
        }
        Ok(())
    }
}

struct Walk<'s> {
    root: &'s Value,
    added: Added,
    /// The schemas that may still be looked at.
    left: usize,
}

impl<'s> Walk<'s> {
    fn visit(
        &mut self,
        schema: &'s Value,
        value: &mut Value,
        depth: usize,
    ) -> Result<(), SchemaError> {
        let below = depth.checked_sub(1).ok_or(Unbounded::Deep)?;
        self.left = self.left.checked_sub(1).ok_or(Unbounded::Work)?;
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|it| self.root.pointer(it.strip_prefix('#')?));
        for part in target.into_iter().chain(list(schema, "allOf")) {
            self.visit(part, value, below)?;
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
    ) -> Result<(), SchemaError> {
        self.added.fill(self.root, schema, entries)?;
        let known = schema.get("properties").and_then(Value::as_object);
        // Which keys are additional beside patterns is left to the validator.
        let is_open = schema.get("patternProperties").is_none();
        let other = schema.get("additionalProperties").filter(|_| is_open);
        for (key, value) in entries.iter_mut() {
            let own = known.and_then(|known| known.get(key));
            if let Some(schema) = own.or(other) {
                self.visit(schema, value, depth)?;
            }
        }
        Ok(())
    }
}

fn list<'s>(schema: &'s Value, keyword: &str) -> &'s [Value] {
    let list = schema.get(keyword).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// Whether `schema` asks for a whole number.
pub fn is_whole(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => {
            types.iter().any(|it| it == "integer") && !types.iter().any(|it| it == "number")
        }
        kind => kind == Some(&"integer".into()),
    }
}

/// Writes a whole number as such that is written as `5.0` or `1e3`, if 64 bits hold it. The check
/// of settings refuses others, unless the schema itself names bounds beyond.
fn make_whole(value: &mut Value) {
    const LEAST: f64 = i64::MIN as f64;
    const BEYOND: f64 = 2.0 * (1u64 << 63) as f64;
    let Some(number) = value.as_f64().filter(|it| it.fract() == 0.0) else {
        return;
    };
    if value.is_f64() && (LEAST..0.0).contains(&number) {
        *value = (number as i64).into();
    } else if value.is_f64() && (0.0..BEYOND).contains(&number) {
        *value = (number as u64).into();
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

    use super::super::settings_schema::SettingsSchema;
    use super::*;

    /// What a filter with `schema` gets for `settings`.
    fn completed(schema: Value, settings: Value) -> Result<Value, SchemaError> {
        SettingsSchema::new(schema).complete(&settings)
    }

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
        let completed = completed(schema, settings).unwrap();
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
    fn defaults_of_what_applies_by_the_settings_are_filled_in() {
        let kind = |kind: &str, key: &str, default: u32| {
            json!({
                "if": {"properties": {"kind": {"const": kind}}},
                "then": {"properties": {key: {"default": default}}},
                "else": {"properties": {"other": {"default": kind}}},
            })
        };
        let cases = [
            // The branch is that of the default, and not one that fits while nothing is set.
            (
                json!({
                    "properties": {"kind": {"default": "square"}},
                    "allOf": [kind("square", "side", 8), kind("round", "radius", 4)],
                }),
                json!({}),
                json!({"kind": "square", "side": 8, "other": "round"}),
            ),
            (
                json!({"anyOf": [
                    {"required": ["a"], "properties": {"of-a": {"default": 1}}},
                    {"properties": {"of-b": {"default": 2}}},
                    {"properties": {"of-c": {"default": 3}}},
                ]}),
                json!({}),
                json!({"of-b": 2}),
            ),
            (
                json!({"patternProperties": {"^x": {"properties": {"a": {"default": 1}}}},
                    "additionalProperties": {"properties": {"b": {"default": 2}}},
                    "propertyNames": {"properties": {"never": {"default": 3}}}}),
                json!({"x1": {}, "y": {}}),
                json!({"x1": {"a": 1}, "y": {"b": 2}}),
            ),
            (
                json!({"properties": {"list": {
                    "prefixItems": [{"properties": {"a": {"default": 1}}}],
                    "items": {"oneOf": [
                        {"type": "object", "properties": {"b": {"default": 2}}},
                        {"type": "integer"},
                    ]},
                }}}),
                json!({"list": [{}, {}, 3.0]}),
                json!({"list": [{"a": 1}, {"b": 2}, 3]}),
            ),
            (
                json!({"dependentSchemas": {"a": {"properties": {"b": {"default": 1}}}},
                    "not": {"properties": {"c": {"default": 2}}, "required": ["c"]}}),
                json!({"a": 0}),
                json!({"a": 0, "b": 1}),
            ),
            // A default may need others.
            (
                json!({"properties": {"size": {"$ref": "#/$defs/size", "default": {}}},
                    "$defs": {"size": {"required": ["width"],
                        "properties": {"width": {"default": 5}}}}}),
                json!({}),
                json!({"size": {"width": 5}}),
            ),
        ];
        for (schema, settings, expected) in cases {
            let completed = completed(schema.clone(), settings).unwrap();
            assert_eq!(completed, expected, "{schema}");
        }
    }

    #[test]
    fn numbers_stay_what_they_are_where_they_need_not_be_whole() {
        let schema = json!({"properties": {
            "a": {"type": "number"},
            "b": {"type": ["integer", "number"]},
            "c": {"type": "integer"},
            "d": {"type": "integer"},
        }});
        let settings = json!({"a": 2.0, "b": 2.0, "c": 1e19, "d": -9223372036854775808.0});
        let completed = completed(schema, settings).unwrap();
        assert_eq!(
            completed.to_string(),
            r#"{"a":2.0,"b":2.0,"c":10000000000000000000,"d":-9223372036854775808}"#
        );
    }

    #[test]
    fn defaults_have_a_limit_and_do_not_go_round() {
        let round = json!({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {
            "below": {"$ref": "#/$defs/a", "default": {}},
        }}}});
        let endless = SchemaError::Unbounded(Unbounded::Deep);
        assert_eq!(completed(round, json!({})), Err(endless));
        let many = json!({"properties": {"items": {"items": {"properties": {
            "text": {"default": "x".repeat(6400)},
        }}}}});
        let items = json!({"items": vec![json!({}); 1000]});
        assert_eq!(completed(many, items), Err(SchemaError::Defaults(ADDED)));
    }
}
