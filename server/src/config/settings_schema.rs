//! A filter's settings schema, ready to check settings with.

use std::sync::OnceLock;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::limits::Unbounded;
use crate::panics::{Panicked, catch};

/// The most bytes of one compiled pattern. What matching it takes and keeps is a small multiple.
const PATTERN_BYTES: usize = 256 << 10;
/// The most bytes that matching one pattern may keep of what it found out on the way.
const DFA_BYTES: usize = 16 << 10;
/// The most patterns in a schema.
const PATTERNS: usize = 64;
/// The most steps that matching one pattern may go back.
const BACKTRACKS: usize = 100_000;

/// The reason why a filter's settings can't be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Its schema is none.
    #[error("the filter has a settings schema that is none: {0}")]
    Invalid(String),
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
    /// Takes `value` as a schema, whatever it is.
    pub fn new(value: Value) -> Self {
        Self {
            value,
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

    /// The built schema.
    ///
    /// # Errors
    /// It is no schema.
    pub(super) fn validator(&self) -> Result<&Validator, SchemaError> {
        let built = self.validator.get_or_init(|| build(&self.value));
        built.as_ref().map_err(Clone::clone)
    }
}

fn build(schema: &Value) -> Result<Validator, SchemaError> {
    if patterns(schema) > PATTERNS {
        return Err(SchemaError::Patterns);
    }
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(DFA_BYTES);
    // jsonschema 0.61.2 panics on some schemas that refer to themselves; the tests have one.
    let built = catch(|| {
        jsonschema::options()
            .with_pattern_options(patterns)
            .build(schema)
    })?;
    built.map_err(|error| SchemaError::Invalid(error.to_string()))
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
