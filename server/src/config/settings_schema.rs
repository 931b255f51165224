//! A filter's settings schema, ready to check settings with.

use std::sync::OnceLock;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::panics::catch;

/// The most bytes of one compiled pattern.
const PATTERN_BYTES: usize = 1 << 20;
/// The most steps that matching one pattern may go back.
const BACKTRACKS: usize = 100_000;

/// The JSON Schema of a filter's settings.
#[derive(Debug)]
pub struct SettingsSchema {
    value: Value,
    /// Built when it is first needed, and kept: building costs more than checking.
    validator: OnceLock<Result<Validator, String>>,
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

    /// Builds what checks settings. Takes as long, and as much memory and stack, as the schema asks for, which has to be limited
    /// where the schema is a stranger's.
    ///
    /// # Errors
    /// It is no schema. A sentence whose subject is the filter.
    pub fn build(&self) -> Result<(), String> {
        self.validator().map(drop)
    }

    /// The built schema.
    ///
    /// # Errors
    /// It is no schema.
    pub(super) fn validator(&self) -> Result<&Validator, String> {
        let built = self.validator.get_or_init(|| build(&self.value));
        built.as_ref().map_err(Clone::clone)
    }
}

fn build(schema: &Value) -> Result<Validator, String> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES);
    // jsonschema 0.61.2 panics on some schemas that refer to themselves; the tests have one.
    let built = catch(|| {
        jsonschema::options()
            .with_pattern_options(patterns)
            .build(schema)
    });
    match built {
        Ok(built) => built.map_err(|error| format!("has a settings schema that is none: {error}")),
        Err(_) => Err("has a settings schema that can't be used: checking it failed".to_owned()),
    }
}
