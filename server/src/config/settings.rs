//! Checks a filter's settings against the filter's own JSON Schema, and says what is wrong in the words
//! of the pipeline file.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::error::{Diagnostic, Span};
use super::model::StepConfig;
use super::suggest::{hint, list};
use super::yaml::{Content, Node};

/// Everything in `step`'s settings that `schema`, of the filter called `filter`, does not allow.
///
/// # Errors
/// The schema itself is wrong, which is the filter's fault.
pub fn check_settings(
    step: &StepConfig,
    filter: &str,
    schema: &Value,
) -> Result<Vec<Diagnostic>, String> {
    let validator = jsonschema::options()
        .build(schema)
        .map_err(|error| format!("has a settings schema that is none: {error}"))?;
    let settings = step.settings();
    let checker = Checker {
        step,
        filter,
        schema,
    };
    Ok(validator
        .iter_errors(&settings)
        .flat_map(|error| checker.explain(&error))
        .collect())
}

struct Checker<'a> {
    step: &'a StepConfig,
    filter: &'a str,
    schema: &'a Value,
}

impl Checker<'_> {
    fn explain(&self, error: &ValidationError<'_>) -> Vec<Diagnostic> {
        let path = error.instance_path().to_string();
        let place = Place::find(self.step.with.as_ref(), &path);
        match error.kind() {
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => unexpected
                .iter()
                .map(|key| self.unknown(key, &path, place.as_ref()))
                .collect(),
            Kind::Required { property } => {
                let missing = property.as_str().unwrap_or_default();
                vec![self.missing(missing, &path, place.as_ref())]
            }
            Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } if path.is_empty() => {
                vec![self.choice_of_required(error)]
            }
            _ => vec![self.wrong_value(error, &path, place.as_ref())],
        }
    }

    fn unknown(&self, key: &str, path: &str, place: Option<&Place<'_>>) -> Diagnostic {
        let known = self.keys_at(path);
        let hint = hint(key, known.iter().map(String::as_str));
        let span = place.and_then(|place| place.key_span(key));
        self.at(
            span,
            format!("`{key}` is not a setting of {}{hint}", self.owner(path)),
        )
    }

    fn missing(&self, key: &str, path: &str, place: Option<&Place<'_>>) -> Diagnostic {
        let span = place.and_then(|place| place.key);
        self.at(span, format!("{} needs the setting `{key}`", self.owner(path)))
    }

    /// An `anyOf` over the whole settings says mostly which of several settings must be there.
    fn choice_of_required(&self, error: &ValidationError<'_>) -> Diagnostic {
        let options = ["anyOf", "oneOf"]
            .iter()
            .find_map(|keyword| self.schema.get(keyword)?.as_array());
        let required = |option: &Value| Some(option.get("required")?.get(0)?.as_str()?.to_owned());
        let names: Option<Vec<String>> =
            options.and_then(|options| options.iter().map(required).collect());
        let owner = self.owner("");
        let message = match names {
            Some(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                format!("{owner} needs {}", names.join(" or "))
            }
            None => format!("the settings do not suit {owner}: {error}"),
        };
        self.step.error_at_settings(message)
    }

    fn wrong_value(
        &self,
        error: &ValidationError<'_>,
        path: &str,
        place: Option<&Place<'_>>,
    ) -> Diagnostic {
        let name = path.rsplit('/').next().unwrap_or_default();
        let found = place.map_or_else(
            || error.instance().to_string(),
            |place| place.value.describe(),
        );
        let schema = self.schema_at(path);
        let choices = schema.map(choices).unwrap_or_default();
        let word = place.and_then(|place| place.value.text()).unwrap_or_default();
        let message = if !choices.is_empty() {
            let hint = hint(word, choices.iter().map(String::as_str));
            format!("`{name}`: found {found}{hint}")
        } else {
            match schema.and_then(expected) {
                Some(expected) => format!("`{name}`: expected {expected}, found {found}"),
                None => format!("`{name}`: {error}"),
            }
        };
        self.at(place.map(|place| place.value.span), message)
    }

    fn owner(&self, path: &str) -> String {
        match path.rsplit('/').next() {
            Some(name) if !name.is_empty() => format!("`{name}` of the filter `{}`", self.filter),
            _ => format!("the filter `{}`", self.filter),
        }
    }

    fn at(&self, span: Option<Span>, message: String) -> Diagnostic {
        match span {
            Some(span) => Diagnostic::new(span, message),
            None => self.step.error_at_use(message),
        }
    }

    fn keys_at(&self, path: &str) -> Vec<String> {
        self.schema_at(path)
            .and_then(|schema| schema.get("properties")?.as_object())
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The schema of the value at `path`, as far as plain properties and items lead there.
    fn schema_at(&self, path: &str) -> Option<&Value> {
        let mut schema = self.schema;
        for part in path.split('/').skip(1) {
            schema = resolve(self.schema, schema);
            schema = match schema.get("properties").and_then(|p| p.get(part)) {
                Some(property) => property,
                None => schema.get("items")?,
            };
        }
        Some(resolve(self.schema, schema))
    }
}

/// Follows a `$ref` from `schema` into `root`, and an "or nothing".
fn resolve<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    // A reference to itself must not go round for ever.
    for _ in 0..8 {
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|target| root.pointer(target.strip_prefix('#')?));
        let optional = || {
            let options = schema.get("anyOf")?.as_array()?;
            let is_null = |option: &&Value| option.get("type") == Some(&"null".into());
            let mut others = options.iter().filter(|option| !is_null(option));
            let only = others.next()?;
            others.next().is_none().then_some(only)
        };
        match target.or_else(optional) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// The words that a schema allows, if it is a list of words.
fn choices(schema: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let words = |key: &str| schema.get(key)?.as_array();
    if let Some(words) = words("enum") {
        return words.iter().filter_map(text).collect();
    }
    let constants = words("oneOf").into_iter().flatten();
    let constants = constants.flat_map(|option| match option.get("const") {
        Some(word) => text(word).into_iter().collect(),
        None => choices(option),
    });
    constants.collect()
}

/// What a schema asks for, in words.
fn expected(schema: &Value) -> Option<String> {
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().find(|kind| *kind != "null")?.as_str()?,
        Some(kind) => kind.as_str()?,
        None => return None,
    };
    let mut words = match kind {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a mapping",
        _ => return None,
    }
    .to_owned();
    let bound = |key: &str| schema.get(key).filter(|bound| bound.is_number());
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => {
            words += &format!(" from {} to {}", plain(least), plain(most));
        }
        (Some(least), None) => words += &format!(" of at least {}", plain(least)),
        (None, Some(most)) => words += &format!(" of at most {}", plain(most)),
        (None, None) => {}
    }
    if let Some(most) = schema.get("maxLength") {
        words += &format!(" of at most {most} characters");
    }
    if let Some(examples) = schema.get("examples").and_then(Value::as_array) {
        words += &format!(" such as {}", list(examples.iter().filter_map(Value::as_str)));
    } else if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        words += &format!(" that matches `{pattern}`");
    }
    Some(words)
}

/// A number without a needless `.0`.
fn plain(number: &Value) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// Where a JSON pointer leads in the file.
struct Place<'a> {
    key: Option<Span>,
    value: &'a Node,
}

impl<'a> Place<'a> {
    fn find(with: Option<&'a Node>, pointer: &str) -> Option<Self> {
        let mut place = Self {
            key: None,
            value: with?,
        };
        for part in pointer.split('/').skip(1) {
            // RFC 6901, section 4.
            let part = part.replace("~1", "/").replace("~0", "~");
            place = match &place.value.content {
                Content::Mapping(entries) => {
                    let entry = entries.iter().find(|(key, _)| key.text() == Some(&part));
                    entry.map(|(key, value)| Self {
                        key: Some(key.span),
                        value,
                    })?
                }
                Content::List(items) => Self {
                    key: place.key,
                    value: items.get(part.parse::<usize>().ok()?)?,
                },
                Content::Scalar { .. } => return None,
            };
        }
        Some(place)
    }

    fn key_span(&self, key: &str) -> Option<Span> {
        match &self.value.content {
            Content::Mapping(entries) => entries
                .iter()
                .find(|(name, _)| name.text() == Some(key))
                .map(|(name, _)| name.span),
            _ => None,
        }
    }
}

/// What can be said about one setting of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingHelp {
    /// Its name in `with`.
    pub name: String,
    /// What is expected, in words.
    pub expected: String,
    /// What it is if nothing is said, as JSON.
    pub default: Option<String>,
    /// Whether something must be said.
    pub is_required: bool,
    /// What it is for.
    pub summary: String,
}

/// The settings that `schema` describes, in its order.
pub fn settings_help(schema: &Value) -> Vec<SettingHelp> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let describe = |(name, property): (&String, &Value)| {
        let target = resolve(schema, property);
        let choices = choices(target);
        let text = |key: &str| {
            let own = property.get(key).or_else(|| target.get(key));
            own.and_then(Value::as_str).unwrap_or_default()
        };
        SettingHelp {
            name: name.clone(),
            expected: if choices.is_empty() {
                expected(target).unwrap_or_else(|| "anything".to_owned())
            } else {
                choices.join(" | ")
            },
            default: property
                .get("default")
                .filter(|default| !default.is_null())
                .map(Value::to_string),
            is_required: required.is_some_and(|names| names.iter().any(|n| n == name.as_str())),
            summary: text("description").split_whitespace().collect::<Vec<_>>().join(" "),
        }
    };
    properties.into_iter().flatten().map(describe).collect()
}
