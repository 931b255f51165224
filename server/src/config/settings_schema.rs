//! A filter's settings schema, ready to check settings with.

use std::sync::OnceLock;

use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use super::complete::{TooManyDefaults, complete, default};
use super::describe::resolve;
use super::formats;
use super::limits::{self, Unbounded};
use super::subschemas::{below, subschemas};
use crate::log::sanitize;
use crate::panics::{Panicked, catch};

/// The most bytes of one compiled pattern. What matching it takes and keeps is a small multiple.
const PATTERN_BYTES: usize = 256 << 10;
/// The most bytes that matching one pattern may keep of what it found out on the way.
const DFA_BYTES: usize = 16 << 10;
/// The most patterns in a schema.
const PATTERNS: usize = 64;
/// The most steps that matching one pattern may go back.
const BACKTRACKS: usize = 100_000;
/// The most settings whose defaults are checked, and the depth to which they may lie in each other.
const DEFAULTS: usize = 20_000;
const DEPTH: usize = 16;

/// The reason why a filter's settings can't be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Its schema is none, at this place.
    #[error("the filter has a settings schema that is none{}: {why}", at(.place))]
    Invalid {
        /// The place, as a JSON pointer.
        place: String,
        /// The fault.
        why: String,
    },
    /// The default at this place is not what its own schema asks for.
    #[error("the filter has a settings schema with a wrong default, at `{0}`: {1}")]
    Default(String, String),
    /// It refers to something at this place that can't be followed.
    #[error("the filter has a settings schema that can't be used: at `{0}`, {1}")]
    Reference(String, Unbounded),
    /// Its defaults are too many.
    #[error("the filter has a settings schema that can't be used: {0}")]
    Defaults(#[from] TooManyDefaults),
    /// Its schema has too many patterns.
    #[error(
        "the filter has a settings schema that can't be used: it has more than {PATTERNS} patterns"
    )]
    Patterns,
    /// Checking with its schema may take too long.
    #[error("the filter has a settings schema that can't be used: {0}")]
    Unbounded(#[from] Unbounded),
    /// The validator has a fault.
    #[error("the filter has a settings schema that can't be used: checking it failed")]
    Panicked(#[from] Panicked),
}

/// The JSON Schema of a filter's settings.
#[derive(Debug)]
pub struct SettingsSchema {
    value: Value,
    /// Built when it is first needed, and kept: building costs more than checking.
    validator: OnceLock<Result<Validator, SchemaError>>,
}

impl SettingsSchema {
    /// Takes `value` as a schema, whatever it is. Settings that have a default need not be set.
    pub fn new(value: Value) -> Self {
        Self {
            value: without_filled(value),
            validator: OnceLock::new(),
        }
    }

    /// The schema as JSON.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Builds what checks settings. Takes as long, and as much memory and stack, as the schema asks
    /// for, which has to be limited where the schema is a stranger's.
    ///
    /// # Errors
    /// It is no schema.
    pub fn build(&self) -> Result<(), SchemaError> {
        self.validator().map(drop)
    }

    /// Whether `settings` fit the schema.
    pub fn allows(&self, settings: &Value) -> bool {
        let is_valid = |validator: &Validator| catch(|| validator.is_valid(settings)) == Ok(true);
        limits::check(&self.value, settings).is_ok() && self.validator().is_ok_and(is_valid)
    }

    /// `settings`, which fit the schema, as the filter gets them: with defaults for what is not
    /// set, and whole numbers as such.
    ///
    /// # Errors
    /// The defaults are too many.
    pub fn complete(&self, settings: &Value) -> Result<Value, SchemaError> {
        Ok(complete(&self.value, settings)?)
    }

    /// The built schema.
    ///
    /// # Errors
    /// It is no schema.
    pub(super) fn validator(&self) -> Result<&Validator, SchemaError> {
        let built = self.validator.get_or_init(|| build(&self.value));
        built.as_ref().map_err(Clone::clone)
    }
}

/// `schema` without the demand for settings that have a default: those are always there.
fn without_filled(mut schema: Value) -> Value {
    let open = |(place, part): (String, &Value)| {
        let properties = part.get("properties")?.as_object()?;
        let required = part.get("required")?.as_array()?;
        let is_filled = |key: &Value| {
            let property = key.as_str().and_then(|key| properties.get(key));
            property.is_some_and(|it| default(&schema, it).is_some())
        };
        let open: Vec<_> = required.iter().filter(|it| !is_filled(it)).collect();
        let is_less = open.len() < required.len();
        is_less.then(|| (place, open.into_iter().cloned().collect::<Value>()))
    };
    let changes: Vec<_> = subschemas(&schema).into_iter().filter_map(open).collect();
    for (place, required) in changes {
        if let Some(part) = schema.pointer_mut(&place) {
            part["required"] = required;
        }
    }
    schema
}

/// The place in a schema, for people.
fn at(pointer: &str) -> String {
    match pointer {
        "" => String::new(),
        pointer => format!(" at `{}`", sanitize(pointer)),
    }
}

fn build(schema: &Value) -> Result<Validator, SchemaError> {
    if patterns(schema) > PATTERNS {
        return Err(SchemaError::Patterns);
    }
    limits::check_references(schema)
        .map_err(|(place, wrong)| SchemaError::Reference(sanitize(&place), wrong))?;
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(DFA_BYTES);
    // jsonschema 0.61.2 panics on some schemas that refer to themselves; the tests have one.
    let built = catch(|| {
        jsonschema::options()
            .with_pattern_options(patterns)
            .should_validate_formats(true)
            .with_format("color", formats::is_color)
            .build(schema)
    })?;
    let invalid = |error: ValidationError<'_>| {
        let (place, why) = (error.instance_path().to_string(), error.to_string());
        SchemaError::Invalid { place, why }
    };
    let validator = built.map_err(invalid)?;
    if !may_be_object(resolve(schema, schema)) {
        let (place, why) = ("/type".to_owned(), "settings are an object".to_owned());
        return Err(SchemaError::Invalid { place, why });
    }
    // jsonschema 0.61.2 panics on some schemas that refer to themselves.
    catch(|| check_defaults(schema, &validator))??;
    Ok(validator)
}

/// Whether a schema's type allows for objects.
fn may_be_object(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|it| it == "object"),
        Some(one) => one == "object",
        None => true,
    }
}

/// Checks each default by its own schema, with all the others in their places.
fn check_defaults(schema: &Value, validator: &Validator) -> Result<(), SchemaError> {
    let mut defaults = Defaults {
        root: schema,
        places: Vec::new(),
        left: DEFAULTS,
    };
    let all = defaults.below(schema, (String::new(), String::new()), DEPTH);
    let all = all.unwrap_or_else(|| Value::Object(Map::new()));
    limits::check(schema, &all)?;
    let places = defaults.places;
    for error in validator.iter_errors(&all) {
        let wrong = error.instance_path().as_str();
        let is_of = |(place, _): &&(String, String)| {
            let below = wrong.strip_prefix(place.as_str());
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some((_, keyword)) = places.iter().find(is_of) {
            let (place, why) = (sanitize(keyword), sanitize(&error.to_string()));
            return Err(SchemaError::Default(place, why));
        }
    }
    Ok(())
}

/// All defaults of a schema, in their places.
struct Defaults<'s> {
    root: &'s Value,
    /// The place of each in the settings and in the schema.
    places: Vec<(String, String)>,
    left: usize,
}

impl<'s> Defaults<'s> {
    /// A value for `schema`, which stands at `place` of the settings and of the whole schema, with
    /// the defaults that lie below it; none if there are none.
    fn below(&mut self, schema: &'s Value, place: (String, String), depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let resolved = resolve(self.root, schema);
        let properties = resolved.get("properties").and_then(Value::as_object);
        let mut entries = Map::new();
        for (key, part) in properties.into_iter().flatten() {
            self.left = self.left.checked_sub(1)?;
            let in_schema = below(&below(&place.1, "properties"), key);
            let place = (below(&place.0, key), in_schema);
            let value = match default(self.root, part) {
                Some(default) => {
                    let keyword = below(&place.1, "default");
                    self.places.push((place.0, keyword));
                    Some(default.clone())
                }
                None => self.below(part, place, depth),
            };
            if let Some(value) = value {
                entries.insert(key.clone(), value);
            }
        }
        if !entries.is_empty() {
            return Some(entries.into());
        }
        let items = resolved.get("items").filter(|items| items.is_object())?;
        let place = (below(&place.0, "0"), below(&place.1, "items"));
        self.below(items, place, depth)
            .map(|item| vec![item].into())
    }
}

/// The number of regular expressions in `schema`, wherever they are in it.
fn patterns(schema: &Value) -> usize {
    match schema {
        Value::Array(parts) => parts.iter().map(patterns).sum(),
        Value::Object(keywords) => keywords.iter().map(own_patterns).sum(),
        _ => 0,
    }
}

fn own_patterns((keyword, parts): (&String, &Value)) -> usize {
    let own = match (keyword.as_str(), parts) {
        ("pattern", Value::String(_)) => 1,
        ("patternProperties", Value::Object(parts)) => parts.len(),
        _ => 0,
    };
    own + patterns(parts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_are_counted_wherever_they_are() {
        let many = |count: usize| -> Value {
            let pattern = |number| json!({"pattern": format!("^{number}")});
            (0..count).map(pattern).collect()
        };
        let schema = |count| SettingsSchema::new(json!({"$defs": {"d": {"anyOf": many(count)}}}));
        assert_eq!(schema(PATTERNS).build(), Ok(()));
        let error = schema(PATTERNS + 1).build().unwrap_err().to_string();
        assert!(error.contains("more than 64 patterns"), "{error}");
    }
}
