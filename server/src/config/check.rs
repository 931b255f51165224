//! Checks a filter's settings against the filter's own JSON Schema, and says what is wrong in the words
//! of the pipeline file.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::any_of;
use super::describe::{choices, expected, keys};
use super::error::Diagnostic;
use super::limits;
use super::model::StepConfig;
use super::settings::shown;
use super::settings_schema::SettingsSchema;
use super::suggest::{enumerate, hint, one_of, quote};
use crate::panics::catch;

/// The most problems that are told of one step.
const PROBLEMS: usize = 50;

/// Everything in `step`'s settings that `schema`, of the filter called `filter`, does not allow. References
/// that lead out of the schema are not followed.
///
/// # Errors
/// The schema itself is wrong, which is the filter's fault.
pub fn check_settings(
    step: &StepConfig,
    filter: &str,
    schema: &SettingsSchema,
) -> Result<Vec<Diagnostic>, String> {
    let unusable = |why| format!("has a settings schema that can't be used: {why}");
    limits::check(schema.value(), step.settings()).map_err(unusable)?;
    let validator = schema.validator()?;
    // jsonschema 0.61.2 panics on some schemas that refer to themselves.
    let found = catch(|| {
        let mut checker = Checker {
            step,
            filter,
            schema: schema.value(),
            found: Vec::new(),
        };
        for error in validator.iter_errors(step.settings()).take(PROBLEMS) {
            checker.explain(&error);
        }
        checker.found
    });
    found.map_err(|_| unusable("checking it failed".to_owned()))
}

struct Checker<'a> {
    step: &'a StepConfig,
    filter: &'a str,
    schema: &'a Value,
    found: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn explain(&mut self, error: &ValidationError<'_>) {
        let path = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                for key in unexpected {
                    self.unknown(key, path, self.failed_schema(error));
                }
            }
            ValidationErrorKind::PropertyNames { error: name } => {
                self.unknown(name.instance().as_str().unwrap_or_default(), path, None);
            }
            ValidationErrorKind::Required { property } => {
                self.missing(property.as_str().unwrap_or_default(), path);
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                match any_of::meant(context, path) {
                    Some(errors) => errors.iter().for_each(|error| self.explain(error)),
                    None => self.no_alternative(error, context),
                }
            }
            ValidationErrorKind::OneOfMultipleValid { .. } => self.wrong_alternative(error, path),
            _ => self.wrong_value(error, path),
        }
    }

    fn unknown(&mut self, key: &str, path: &str, schema: Option<&Value>) {
        let known = schema.map(|schema| keys(self.schema, schema));
        let known = known.unwrap_or_default();
        let hint = match known.as_slice() {
            [] => String::new(),
            known => hint(key, known.iter().map(String::as_str)),
        };
        let owner = self.owner(path);
        let place = self.step.with.place(path);
        let entry = place.and_then(|place| place.value.entry(key));
        let name = entry.map_or_else(|| quote(key), |(key, _)| key.name());
        let message = format!("{name} is not a setting of {owner}{hint}");
        match entry {
            Some((key, _)) => self.add(Diagnostic::new(key.span, message)),
            None => self.add(self.step.error_at_settings(message)),
        }
    }

    fn missing(&mut self, key: &str, path: &str) {
        let owner = self.owner(path);
        self.add_at_key(path, format!("{owner} needs the setting {}", quote(key)));
    }

    /// None of several alternatives fits, and it can't be told which of them was meant.
    fn no_alternative(
        &mut self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
    ) {
        let path = error.instance_path().as_str();
        if let Some((path, words)) = any_of::tags(context)
            && let Some(place) = self.step.with.place(&path)
            && path != error.instance_path().as_str()
        {
            let word = place.value.text().unwrap_or_default();
            let words = words.iter().map(String::as_str);
            let message = one_of(word, &place.value.describe(), words);
            let message = format!("{}: {message}", place.label);
            self.add(Diagnostic::new(place.value.span, message));
        } else if let Some(key) = any_of::common_required(context, path) {
            self.missing(&key, path);
        } else {
            self.wrong_alternative(error, path);
        }
    }

    /// None of several alternatives fits, or more than one where only one may.
    fn wrong_alternative(&mut self, error: &ValidationError<'_>, path: &str) {
        let Some(names) = self.required_alternatives(error) else {
            return self.wrong_value(error, path);
        };
        let owner = self.owner(path);
        let message = match error.kind() {
            ValidationErrorKind::OneOfMultipleValid { .. } => {
                let names = enumerate(names.iter().map(String::as_str), "and");
                format!("{owner} takes only one of {names}")
            }
            _ => {
                let names = enumerate(names.iter().map(String::as_str), "or");
                format!("{owner} needs {names}")
            }
        };
        self.add_at_key(path, message);
    }

    /// The keys of alternatives such as `{"required": ["width"]}`, if all are of that kind.
    fn required_alternatives(&self, error: &ValidationError<'_>) -> Option<Vec<String>> {
        let schema = self.failed_schema(error)?;
        let options = schema.get(error.kind().keyword())?.as_array()?;
        let required = |option: &Value| match option.get("required")?.as_array()?.as_slice() {
            [key] => Some(key.as_str()?.to_owned()),
            _ => None,
        };
        options.iter().map(required).collect()
    }

    fn wrong_value(&mut self, error: &ValidationError<'_>, path: &str) {
        let place = self.step.with.place(path);
        let found = match &place {
            Some(place) => place.value.describe(),
            None => quote(&shown(error.instance()).to_string()),
        };
        let open = place.as_ref().filter(|place| !place.value.is_secret);
        let word = open.and_then(|place| place.value.text());
        let schema = self.failed_schema(error);
        let choices = schema.map(|schema| choices(self.schema, schema));
        let message = match choices.filter(|choices| !choices.is_empty()) {
            Some(choices) => {
                let choices = choices.iter().map(String::as_str);
                one_of(word.unwrap_or_default(), &found, choices)
            }
            None => match schema.and_then(|schema| expected(self.schema, schema)) {
                Some(expected) => format!("expected {expected}, found {found}"),
                None => format!("the filter {} does not take {found}", quote(self.filter)),
            },
        };
        match place {
            Some(place) if !place.label.is_empty() => {
                let message = format!("{}: {message}", place.label);
                self.add(Diagnostic::new(place.value.span, message));
            }
            _ => self.add(self.step.error_at_settings(format!("`with`: {message}"))),
        }
    }

    /// The schema whose keyword was not fulfilled.
    fn failed_schema(&self, error: &ValidationError<'_>) -> Option<&'a Value> {
        let path = error.schema_path().as_str();
        let (schema, _keyword) = path.rsplit_once('/')?;
        self.schema.pointer(schema)
    }

    fn owner(&self, path: &str) -> String {
        let filter = format!("the filter {}", quote(self.filter));
        match self.step.with.place(path) {
            Some(place) if !place.label.is_empty() => format!("{} of {filter}", place.label),
            _ => filter,
        }
    }

    fn add_at_key(&mut self, path: &str, message: String) {
        match self.step.with.place(path) {
            Some(place) => self.add(Diagnostic::new(place.key, message)),
            None => self.add(self.step.error_at_settings(message)),
        }
    }

    /// Several keywords of a schema may fail with one and the same sentence.
    fn add(&mut self, new: Diagnostic) {
        let place = |d: &Diagnostic| (d.span.line, d.span.column);
        let is_same = |d: &Diagnostic| place(d) == place(&new) && d.message == new.message;
        if !self.found.iter().any(is_same) {
            self.found.push(new);
        }
    }
}
