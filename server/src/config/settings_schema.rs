//! A filter's settings schema, ready to check settings with.

use std::fmt::Display;
use std::sync::OnceLock;

use jsonschema::{
    PatternOptions, Registry, RegistryBuilder, ValidationError, ValidationOptions, Validator,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::complete::{complete, default, is_whole, with_defaults};
use super::describe::resolve;
use super::formats;
use super::limits::{self, Unbounded};
use super::subschemas::{Found, below, subschemas};
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
/// The name of a schema for those that refer into it.
const NAME: &str = "urn:settings";
/// What is escaped in a JSON pointer behind `#`.
const IN_FRAGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/');

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
    /// With its defaults, settings that fit it do so no more: at this place of the settings.
    #[error(
        "the filter has a settings schema that its own defaults don't fit{}: {why}",
        at(.place)
    )]
    Unfit {
        /// The place, as a JSON pointer.
        place: String,
        /// The fault.
        why: String,
    },
    /// Its defaults are more values than these.
    #[error(
        "the filter has a settings schema that can't be used: its defaults add more than {0} \
         values to these settings"
    )]
    Defaults(usize),
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
        self.complete(settings).is_ok()
    }

    /// `settings` as they are checked: with the defaults that the schema has in any case.
    ///
    /// # Errors
    /// The defaults are too many, or have no end.
    pub(super) fn with_defaults(&self, settings: &Value) -> Result<Value, SchemaError> {
        with_defaults(&self.value, &self.value, settings)
    }

    /// `settings` as the filter gets them: with defaults for what is not set, and whole numbers as
    /// such.
    ///
    /// # Errors
    /// They don't fit the schema, with the defaults or without, or the defaults are too many.
    pub fn complete(&self, settings: &Value) -> Result<Value, SchemaError> {
        complete(&self.value, self.validator()?, settings)
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
    let open = |found: Found<'_>| {
        let properties = found.schema.get("properties")?.as_object()?;
        let required = found.schema.get("required")?.as_array()?;
        let is_filled = |key: &Value| {
            let property = key.as_str().and_then(|key| properties.get(key));
            property.is_some_and(|it| default(&schema, it).is_some())
        };
        let open: Vec<_> = required.iter().filter(|it| !is_filled(it)).collect();
        let is_less = open.len() < required.len();
        is_less.then(|| (found.place, open.into_iter().cloned().collect::<Value>()))
    };
    let demands = subschemas(&schema)
        .into_iter()
        .filter(|it| !it.is_condition);
    let changes: Vec<_> = demands.filter_map(open).collect();
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
    let schema = &with_bounds(schema);
    let invalid = |error: ValidationError<'_>| {
        let (place, why) = (error.instance_path().to_string(), error.to_string());
        SchemaError::Invalid { place, why }
    };
    // jsonschema 0.61.2 panics on some schemas that refer to themselves; the tests have one.
    let validator = catch(|| options().build(schema))?.map_err(invalid)?;
    if !may_be_object(resolve(schema, schema)) {
        let (place, why) = ("/type".to_owned(), "settings are an object".to_owned());
        return Err(SchemaError::Invalid { place, why });
    }
    catch(|| check_defaults(schema))??;
    let nothing_set = with_defaults(schema, schema, &json!({}))?;
    limits::check(schema, schema, &nothing_set)?;
    if catch(|| validator.is_valid(&nothing_set))? {
        complete(schema, &validator, &nothing_set)?;
    }
    Ok(validator)
}

fn options<'a>() -> ValidationOptions<'a> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(DFA_BYTES);
    jsonschema::options()
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        .with_format("color", formats::is_color)
}

/// The bounds of a whole number, by the keywords for them: those of 64 bits.
pub(super) fn whole_bounds() -> [(&'static str, Value); 2] {
    [("minimum", i64::MIN.into()), ("maximum", u64::MAX.into())]
}

/// `schema`, by which whole numbers are of 64 bits: JSON's readers make others of larger ones.
/// Without the name that it may have, so that places in it are told from its start.
fn with_bounds(schema: &Value) -> Value {
    let mut bounded = schema.clone();
    if let Value::Object(keywords) = &mut bounded {
        keywords.shift_remove("$id");
    }
    for Found { place, schema, .. } in subschemas(schema) {
        if !is_whole(schema) {
            continue;
        }
        if let Some(Value::Object(keywords)) = bounded.pointer_mut(&place) {
            for (keyword, bound) in whole_bounds() {
                keywords.entry(keyword).or_insert(bound);
            }
        }
    }
    bounded
}

/// Whether a schema's type allows for objects.
fn may_be_object(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|it| it == "object"),
        Some(one) => one == "object",
        None => true,
    }
}

/// Checks each default by its own schema, with the defaults of what lies in it.
fn check_defaults(schema: &Value) -> Result<(), SchemaError> {
    let (mut places, mut parts, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for Found {
        place,
        schema: part,
        ..
    } in subschemas(schema)
    {
        let Some(default) = part.get("default").filter(|it| !it.is_null()) else {
            continue;
        };
        let value = with_defaults(schema, part, default)?;
        limits::check(schema, part, &value)?;
        let pointer = utf8_percent_encode(&place, IN_FRAGMENT);
        parts.push(json!({"$ref": format!("{NAME}#{pointer}")}));
        values.push(value);
        places.push(below(&place, "default"));
    }
    if places.is_empty() {
        return Ok(());
    }
    let unusable = |why: &dyn Display| SchemaError::Invalid {
        place: String::new(),
        why: why.to_string(),
    };
    let registry = Registry::new().add(NAME, schema);
    let registry = registry.and_then(RegistryBuilder::prepare);
    let registry = registry.map_err(|why| unusable(&why))?;
    let all = json!({"prefixItems": parts});
    let validator = options().with_registry(&registry).build(&all);
    let validator = validator.map_err(|why| unusable(&why))?;
    let values = Value::Array(values);
    let Some(wrong) = validator.iter_errors(&values).next() else {
        return Ok(());
    };
    let at = wrong.instance_path().as_str().split('/').nth(1);
    let at = at.and_then(|at| places.get(at.parse::<usize>().ok()?));
    let place = at.map_or_else(String::new, |place| sanitize(place));
    Err(SchemaError::Default(place, sanitize(&wrong.to_string())))
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
