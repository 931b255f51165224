//! Checks a filter's settings against the filter's own JSON Schema, and a pipeline file against its
//! own, and says what is wrong in the words of the pipeline file.

use std::cmp::Reverse;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::any_of;
use super::describe::{choices, expected, keys, resolve};
use super::error::{Diagnostic, Errors, Span};
use super::limits;
use super::place::Place;
use super::placed_step::PlacedStep;
use super::schema::{SCHEMA, VALIDATOR, tagged, tags};
use super::settings_schema::{SchemaError, SettingsSchema, whole_bounds};
use super::shown::shown;
use super::suggest::{enumerate, enumerate_whole, hint, list, one_of, quote};
use super::yaml::{Content, Node};
use crate::panics::catch;

/// The most problems that are told of one step.
const PROBLEMS: usize = 50;

/// The mistakes in `step`'s settings, by `schema`, that of the filter called `filter`, with the
/// defaults that it has in any case. References that lead out of the schema are not followed.
///
/// # Errors
/// The schema itself is wrong, which is the filter's fault.
pub fn check_settings(
    step: PlacedStep<'_>,
    filter: &str,
    schema: &SettingsSchema,
) -> Result<Vec<Diagnostic>, SchemaError> {
    let validator = schema.validator()?;
    let settings = schema.with_defaults(step.settings())?;
    limits::check(schema.value(), schema.value(), &settings)?;
    // jsonschema 0.61.2 panics on some schemas that refer to themselves.
    Ok(catch(|| {
        let subject = Subject::Settings { step, filter };
        let mut checker = Checker::new(subject, schema.value());
        for error in validator.iter_errors(&settings).take(PROBLEMS) {
            checker.explain(&error);
        }
        checker.found
    })?)
}

/// Tells of everything in the pipeline file `root`, which as JSON is `json`, that its schema does
/// not allow.
pub fn check_file(root: &Node, json: &Value, errors: &mut Errors) {
    let mut checker = Checker::new(Subject::File(root), &SCHEMA);
    for error in VALIDATOR.iter_errors(json) {
        checker.explain(&error);
    }
    errors.0.append(&mut checker.found);
}

/// The subject of a check.
enum Subject<'a> {
    /// A filter's settings.
    Settings {
        step: PlacedStep<'a>,
        filter: &'a str,
    },
    /// A pipeline file.
    File(&'a Node),
}

struct Checker<'a> {
    subject: Subject<'a>,
    schema: &'a Value,
    found: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn new(subject: Subject<'a>, schema: &'a Value) -> Self {
        Self {
            subject,
            schema,
            found: Vec::new(),
        }
    }

    fn explain(&mut self, error: &ValidationError<'_>) {
        let path = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                for key in unexpected {
                    self.unknown(key, path, self.failed_schema(error));
                }
            }
            ValidationErrorKind::PropertyNames { error: name } => self.wrong_name(name, path),
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                self.missing(key, path, self.failed_schema(error));
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                match self.meant(error, context, path) {
                    Some(errors) => errors.iter().for_each(|error| self.explain(error)),
                    None => self.no_alternative(error, context),
                }
            }
            ValidationErrorKind::OneOfMultipleValid { .. } => self.wrong_alternative(error, path),
            ValidationErrorKind::Custom { message, .. } => {
                let label = self.label(error, path);
                self.add_at_value(path, label, message);
            }
            // What `x-check` says of the same text is told.
            ValidationErrorKind::Pattern { .. } if self.annotation(error, "x-check").is_some() => {}
            ValidationErrorKind::MaxItems { limit } => self.too_many(error, path, *limit),
            _ => self.wrong_value(error, path),
        }
    }

    /// The errors of the alternative that was meant by the value at `path`, if it can be told.
    fn meant<'e>(
        &self,
        error: &ValidationError<'_>,
        context: &'e [Vec<ValidationError<'static>>],
        path: &str,
    ) -> Option<&'e [ValidationError<'static>]> {
        let options = self.options(error);
        let place = self.place(path);
        let tagged = options.zip(place).and_then(|(options, place)| {
            let tagged = tagged(self.schema, options, place.value)?;
            context.get(tagged)
        });
        match tagged {
            Some(errors) => Some(errors),
            None if !self.is_settings() && self.first_tag(error).is_some() => None,
            None => any_of::meant(context, path).or_else(|| self.nearest(error, context, path)),
        }
    }

    /// The errors of the alternative that knows more of the keys at `path` than the others that may
    /// be meant, or has fewer errors where they know as many.
    fn nearest<'e>(
        &self,
        error: &ValidationError<'_>,
        context: &'e [Vec<ValidationError<'static>>],
        path: &str,
    ) -> Option<&'e [ValidationError<'static>]> {
        let given = self.place(path)?.value.entries();
        let nearness = |(option, errors): (&Value, &'e Vec<_>)| {
            let known = keys(self.schema, option);
            let is_known = |(key, _): &&(Node, Node)| known.iter().any(|it| key.text() == Some(it));
            let count = given.iter().filter(is_known).count();
            ((count, Reverse(errors.len())), errors)
        };
        let options = self.options(error)?.iter().zip(context);
        let options = options.filter(|(_, errors)| any_of::may_be(errors, path));
        let mut options: Vec<_> = options.map(nearness).collect();
        options.sort_by_key(|(nearness, _)| Reverse(*nearness));
        match options.as_slice() {
            [(first, errors), (second, _), ..] if first.0 > 0 && first > second => Some(errors),
            _ => None,
        }
    }

    /// The key whose constants tell the alternatives apart, of which none fits.
    fn first_tag(&self, error: &ValidationError<'_>) -> Option<&'a str> {
        let mut options = self.options(error)?.iter();
        let tag = options.find_map(|option| tags(self.schema, option).next())?;
        Some(tag.0)
    }

    /// The alternatives of which none fits.
    fn options(&self, error: &ValidationError<'_>) -> Option<&'a [Value]> {
        let options = self.failed_schema(error)?.get(error.kind().keyword())?;
        options.as_array().map(Vec::as_slice)
    }

    fn wrong_name(&mut self, name: &ValidationError<'_>, path: &str) {
        let key = name.instance().as_str().unwrap_or_default();
        let place = self.place(path);
        let entry = place.and_then(|place| place.value.entry(key));
        match (name.kind(), entry) {
            (ValidationErrorKind::Custom { message, .. }, Some((key, _))) => {
                self.add(Diagnostic::new(key.span, message));
            }
            _ => self.unknown(key, path, None),
        }
    }

    fn unknown(&mut self, key: &str, path: &str, schema: Option<&Value>) {
        let known = schema.map(|schema| keys(self.schema, schema));
        let known = known.unwrap_or_default();
        let hint = match known.as_slice() {
            [] => String::new(),
            known => hint(key, known.iter().map(String::as_str)),
        };
        let owner = self.owner(path, schema);
        let entry = self.place(path).and_then(|place| place.value.entry(key));
        let name = entry.map_or_else(|| quote(key), |(key, _)| key.name());
        let kind = match self.subject {
            Subject::Settings { .. } => "setting",
            Subject::File(_) => "key",
        };
        let message = format!("{name} is not a {kind} of {owner}{hint}");
        match entry {
            Some((key, _)) => self.add(Diagnostic::new(key.span, message)),
            None => self.add(self.error_at_whole(message)),
        }
    }

    fn missing(&mut self, key: &str, path: &str, schema: Option<&Value>) {
        let owner = self.owner(path, schema);
        if self.is_settings() {
            let message = format!("{owner} needs the setting {}", quote(key));
            return self.add_at_key(path, message);
        }
        let said = schema.and_then(|schema| {
            let key = schema.get("properties")?.get(key)?;
            key.get("x-missing")?.as_str()
        });
        let message = said.map_or_else(|| format!("{owner} needs {}", quote(key)), str::to_owned);
        let span = self.place(path).map(|place| match place.value.entry(key) {
            Some((key, _)) if path.is_empty() => key.span,
            _ => tag_span(self.schema, schema, place.value).unwrap_or(place.value.span),
        });
        self.add(Diagnostic::new(span.unwrap_or_default(), message));
    }

    /// None of several alternatives fits, and it can't be told which of them was meant.
    fn no_alternative(
        &mut self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
    ) {
        let path = error.instance_path().as_str();
        if self.annotation(error, "x-expected").is_some() {
            match self.unknown_tag(error, path) {
                Some(diagnostic) => self.add(diagnostic),
                None => self.wrong_value(error, path),
            }
        } else if let Some((path, words)) = any_of::tags(context)
            && let Some(place) = self.place(&path)
            && path != error.instance_path().as_str()
        {
            let word = place.value.text().unwrap_or_default();
            let words = words.iter().map(String::as_str);
            let message = one_of(word, &place.value.describe(), words);
            let message = format!("{}: {message}", place.label);
            self.add(Diagnostic::new(place.value.span, message));
        } else if let Some(key) = any_of::common_required(context, path) {
            self.missing(&key, path, None);
        } else {
            self.wrong_alternative(error, path);
        }
    }

    /// The error of a mapping at `path` without the constant that names one of several kinds,
    /// such as a driver's name.
    fn unknown_tag(&self, error: &ValidationError<'_>, path: &str) -> Option<Diagnostic> {
        let tag = self.first_tag(error)?;
        let options = self.options(error)?;
        let words = options.iter().flat_map(|it| tags(self.schema, it));
        let words: Vec<_> = words.map(|(_, word)| word).collect();
        let words = words.iter().copied();
        let place = self.place(path)?;
        if !matches!(place.value.content, Content::Mapping(_)) {
            return None;
        }
        let Some(value) = place.value.get(tag) else {
            let (name, tag, words) = (&place.name, quote(tag), list(words));
            let or = self.annotation(error, "x-or").unwrap_or_default();
            let message = format!("{name} needs a {tag}; there is {words}{or}");
            return Some(Diagnostic::new(place.value.span, message));
        };
        let message = match value.text() {
            Some(word) => format!("no {tag} is called {}{}", quote(word), hint(word, words)),
            None => {
                let (tag, found) = (quote(tag), value.describe());
                format!("{tag}: expected a name, found {found}{}", hint("", words))
            }
        };
        Some(Diagnostic::new(value.span, message))
    }

    /// None of several alternatives fits, or more than one where only one may.
    fn wrong_alternative(&mut self, error: &ValidationError<'_>, path: &str) {
        let Some(names) = self.required_alternatives(error) else {
            return self.wrong_value(error, path);
        };
        let owner = self.owner(path, None);
        let message = match error.kind() {
            ValidationErrorKind::OneOfMultipleValid { .. } => {
                format!(
                    "{owner} takes only one of {}",
                    enumerate_whole(names, "and")
                )
            }
            _ => format!("{owner} needs {}", enumerate_whole(names, "or")),
        };
        self.add_at_key(path, message);
    }

    /// The keys that alternatives such as `{"required": ["width"]}` ask for, in words, if all ask
    /// for some of a mapping.
    fn required_alternatives(&self, error: &ValidationError<'_>) -> Option<Vec<String>> {
        let required = |option: &Value| {
            let keys = resolve(self.schema, option).get("required")?.as_array()?;
            let keys: Option<Vec<_>> = keys.iter().map(Value::as_str).collect();
            keys.filter(|keys| !keys.is_empty()).map(list)
        };
        let path = error.instance_path().as_str();
        let is_mapping = |place: Place<'_>| matches!(place.value.content, Content::Mapping(_));
        // Settings that are not there at all are an empty mapping.
        let is_mapping = self.place(path).is_none_or(is_mapping);
        let options = self.options(error).filter(|_| is_mapping)?;
        options.iter().map(required).collect()
    }

    fn wrong_value(&mut self, error: &ValidationError<'_>, path: &str) {
        let place = self.place(path);
        let found = match &place {
            Some(place) => place.value.describe(),
            None => quote(&shown(error.instance()).to_string()),
        };
        if let (Subject::File(_), Some(owner)) = (&self.subject, self.wanted_mapping(error)) {
            let span = place.map(|place| place.value.span);
            let message = format!("expected {owner}, found {found}");
            return self.add(Diagnostic::new(span.unwrap_or_default(), message));
        }
        let open = place.as_ref().filter(|place| !place.value.is_secret);
        let word = open.and_then(|place| place.value.text());
        let message = self.expectation(error, word.unwrap_or_default(), &found);
        let label = self.label(error, path);
        self.add_at_value(path, label, &message);
    }

    /// The message about `word`, which `found` describes, with what was expected in its place.
    fn expectation(&self, error: &ValidationError<'_>, word: &str, found: &str) -> String {
        if let Some(expected) = self.annotation(error, "x-expected") {
            return format!("expected {expected}, found {found}");
        }
        let schema = self.failed_schema(error);
        let choices = schema.map(|schema| choices(self.schema, schema));
        if let Some(choices) = choices.filter(|choices| !choices.is_empty()) {
            return one_of(word, found, choices.iter().map(String::as_str));
        }
        let expected = schema.and_then(|schema| expected(self.schema, schema));
        let is_beyond = self.is_settings() && schema.is_some_and(|it| is_bound_of_ours(error, it));
        let expected = expected.map(|expected| match is_beyond {
            true => format!("{expected} that fits into 64 bits"),
            false => expected,
        });
        match (expected, &self.subject) {
            (Some(expected), _) => format!("expected {expected}, found {found}"),
            (None, Subject::Settings { filter, .. }) => {
                format!("the filter {} does not take {found}", quote(filter))
            }
            (None, Subject::File(_)) => format!("{found} can't stand here"),
        }
    }

    /// A mapping with known keys, in words, if that was expected in place of something else.
    fn wanted_mapping(&self, error: &ValidationError<'_>) -> Option<String> {
        let schema = self.failed_schema(error)?;
        let title = schema.get("title")?.as_str()?;
        let keys = keys(self.schema, schema);
        let keys = enumerate(keys.iter().map(String::as_str), "and");
        let is_type = matches!(error.kind(), ValidationErrorKind::Type { .. });
        is_type.then(|| format!("{title} with keys such as {keys}"))
    }

    fn too_many(&mut self, error: &ValidationError<'_>, path: &str, limit: u64) {
        let items = self.place(path).map(|place| place.value.items());
        let extra = items.and_then(|items| items.get(usize::try_from(limit).ok()?));
        match (extra, self.annotation(error, "x-too-many")) {
            (Some(extra), Some(message)) => self.add(Diagnostic::new(extra.span, message)),
            _ => self.wrong_value(error, path),
        }
    }

    /// The schema whose keyword was not fulfilled.
    fn failed_schema(&self, error: &ValidationError<'_>) -> Option<&'a Value> {
        let path = error.schema_path().as_str();
        let (schema, _keyword) = path.rsplit_once('/')?;
        self.schema.pointer(schema)
    }

    /// The text of a keyword of our own beside the one that was not fulfilled. Filters' schemas
    /// have none of these.
    fn annotation(&self, error: &ValidationError<'_>, keyword: &str) -> Option<&'a str> {
        let Subject::File(_) = self.subject else {
            return None;
        };
        let schema = self.failed_schema(error)?;
        let own = schema.get(keyword);
        own.or_else(|| resolve(self.schema, schema).get(keyword))?
            .as_str()
    }

    fn place(&self, path: &str) -> Option<Place<'a>> {
        match self.subject {
            Subject::Settings { step, .. } => step.place(path),
            Subject::File(root) => Place::new(root.span, root).find(path),
        }
    }

    /// The name of the value at `path`: in a pipeline file its key alone, unless that is a name of
    /// one's own.
    fn label(&self, error: &ValidationError<'_>, path: &str) -> String {
        let Some(place) = self.place(path) else {
            return String::new();
        };
        let schema = error.schema_path().as_str();
        let holder = schema.rsplit_once('/').map(|(holder, _)| holder);
        let is_free = || holder.is_some_and(|it| it.ends_with("/additionalProperties"));
        match self.subject {
            Subject::Settings { .. } => place.label,
            Subject::File(_) if is_free() => {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                let parent = self.place(parent).map(|parent| parent.name);
                format!("{} of {}", place.name, parent.unwrap_or_default())
            }
            Subject::File(_) => place.name,
        }
    }

    fn owner(&self, path: &str, schema: Option<&Value>) -> String {
        let title = schema.and_then(|schema| schema.get("title")?.as_str());
        let place = self.place(path);
        let label = place.map(|place| place.label).filter(|it| !it.is_empty());
        match self.subject {
            Subject::Settings { filter, .. } => {
                let of = label.map(|label| format!("{label} of "));
                format!("{}the filter {}", of.unwrap_or_default(), quote(filter))
            }
            Subject::File(_) => title.map_or_else(|| label.unwrap_or_default(), str::to_owned),
        }
    }

    fn add_at_key(&mut self, path: &str, message: String) {
        match self.place(path) {
            Some(place) => self.add(Diagnostic::new(place.key, message)),
            None => self.add(self.error_at_whole(message)),
        }
    }

    fn add_at_value(&mut self, path: &str, label: String, message: &str) {
        match self.place(path) {
            Some(place) if !label.is_empty() => {
                let message = format!("{label}: {message}");
                self.add(Diagnostic::new(place.value.span, message));
            }
            _ if self.is_settings() => {
                self.add(self.error_at_whole(format!("`with`: {message}")));
            }
            _ => self.add(self.error_at_whole(message.to_owned())),
        }
    }

    fn is_settings(&self) -> bool {
        matches!(self.subject, Subject::Settings { .. })
    }

    fn error_at_whole(&self, message: String) -> Diagnostic {
        match self.subject {
            Subject::Settings { step, .. } => step.error_at_settings(message),
            Subject::File(root) => Diagnostic::new(root.span, message),
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

/// Whether `error` is that a whole number is none of 64 bits, of which `schema` itself says
/// nothing.
fn is_bound_of_ours(error: &ValidationError<'_>, schema: &Value) -> bool {
    let keyword = error.kind().keyword();
    let mut bounds = whole_bounds().into_iter();
    bounds.any(|(ours, _)| ours == keyword) && schema.get(keyword).is_none()
}

/// The place of the word by which the mapping `node` of this schema is told from others.
fn tag_span(root: &Value, schema: Option<&Value>, node: &Node) -> Option<Span> {
    let (tag, _) = tags(root, schema?).next()?;
    node.entry(tag).map(|(_, value)| value.span)
}
