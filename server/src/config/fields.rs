//! Reads a mapping's known keys, and tells of every key and value that is not as it should be.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::error::{Diagnostic, Span};
use super::suggest::{enumerate, hint, one_of};
use super::units;
use super::yaml::{Content, Node};

type Parse<T> = fn(&str) -> Result<T, String>;
type Show<T> = fn(&T) -> String;

/// What is wrong so far. A file is read to its end, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct Errors(pub Vec<Diagnostic>);

impl Errors {
    pub fn add(&mut self, span: Span, message: impl Into<String>) {
        self.0.push(Diagnostic::new(span, message));
    }

    /// Keeps a value, or tells why there is none.
    fn keep<T>(&mut self, span: Span, key: &str, result: Result<T, String>) -> Option<T> {
        result
            .map_err(|why| self.add(span, format!("`{key}`: {why}")))
            .ok()
    }
}

/// A mapping whose keys are known.
pub struct Fields<'a> {
    node: &'a Node,
}

impl<'a> Fields<'a> {
    /// Takes `node` as a mapping with some of `keys`; `owner` is what has them, for messages. A key that
    /// isn't among them is told of.
    pub fn new(node: &'a Node, owner: &str, keys: &[&str], errors: &mut Errors) -> Option<Self> {
        let Content::Mapping(entries) = &node.content else {
            let keys = enumerate(keys.iter().copied(), "and");
            let found = node.describe();
            errors.add(
                node.span,
                format!("expected {owner} with keys such as {keys}, found {found}"),
            );
            return None;
        };
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if !keys.contains(&name) {
                let hint = hint(name, keys.iter().copied());
                let name = key.name();
                errors.add(key.span, format!("{name} is not a key of {owner}{hint}"));
            }
        }
        Some(Self { node })
    }

    /// Where the mapping starts.
    pub fn span(&self) -> Span {
        self.node.span
    }

    /// The value of `key`, if one is written.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        let (_, value) = self.node.entry(key)?;
        (!value.is_null()).then_some(value)
    }

    /// Tells of `key` if it is written without a value, where that can't be meant.
    pub fn refuse_nothing(&self, key: &str, errors: &mut Errors) {
        let entry = self.node.entry(key).filter(|(_, value)| value.is_null());
        if let Some((name, value)) = entry {
            let found = value.describe();
            let message = format!("`{key}`: expected a text, found {found}");
            errors.add(name.span, message);
        }
    }

    /// Where `key` stands, with or without a value.
    pub fn key_span(&self, key: &str) -> Option<Span> {
        self.node.entry(key).map(|(name, _)| name.span)
    }

    /// A text.
    pub fn text(&self, key: &str, errors: &mut Errors) -> Option<&'a str> {
        let node = self.get(key)?;
        let text = node.text().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| format!("expected a text, found {}", node.describe()));
        errors.keep(node.span, key, text)
    }

    /// A whole number in a range.
    pub fn whole(&self, key: &str, range: RangeInclusive<u64>, errors: &mut Errors) -> Option<u64> {
        let node = self.get(key)?;
        let found = node.scalar().and_then(|value| value.as_u64());
        let number = found
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                let found = node.describe();
                format!("expected a whole number from {least} to {most}, found {found}")
            });
        errors.keep(node.span, key, number)
    }

    /// A number in a range.
    pub fn number(
        &self,
        key: &str,
        range: RangeInclusive<f64>,
        errors: &mut Errors,
    ) -> Option<f64> {
        let node = self.get(key)?;
        let found = node.scalar().and_then(|value| value.as_f64());
        let number = found
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                let found = node.describe();
                format!("expected a number from {least} to {most}, found {found}")
            });
        errors.keep(node.span, key, number)
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str, errors: &mut Errors) -> Option<bool> {
        let node = self.get(key)?;
        let flag = match node.scalar() {
            Some(Value::Bool(flag)) => Ok(flag),
            _ => Err(format!(
                "expected `true` or `false`, found {}",
                node.describe()
            )),
        };
        errors.keep(node.span, key, flag)
    }

    /// A duration in a range.
    pub fn duration(
        &self,
        key: &str,
        range: RangeInclusive<Duration>,
        errors: &mut Errors,
    ) -> Option<Duration> {
        let unit = (units::duration as Parse<_>, units::show_duration as Show<_>);
        self.unit(key, range, unit, errors)
    }

    /// A size in bytes in a range.
    pub fn bytes(&self, key: &str, range: RangeInclusive<u64>, errors: &mut Errors) -> Option<u64> {
        let unit = (units::bytes as Parse<_>, units::show_bytes as Show<_>);
        self.unit(key, range, unit, errors)
    }

    /// A text that `parse` makes something of.
    pub fn parsed<T>(&self, key: &str, parse: Parse<T>, errors: &mut Errors) -> Option<T> {
        let text = self.text(key, errors)?;
        let span = self.get(key).map_or(self.span(), |node| node.span);
        errors.keep(span, key, parse(text))
    }

    fn unit<T: PartialOrd>(
        &self,
        key: &str,
        range: RangeInclusive<T>,
        (parse, show): (Parse<T>, Show<T>),
        errors: &mut Errors,
    ) -> Option<T> {
        let node = self.get(key)?;
        let (least, most) = (show(range.start()), show(range.end()));
        let refused = || {
            let found = node.describe();
            format!("expected {least} to {most}, found {found}")
        };
        let parsed = match node.text() {
            Some(text) => parse(text),
            None => Err(refused()),
        };
        let fitting = parsed.and_then(|value| match range.contains(&value) {
            true => Ok(value),
            false => Err(refused()),
        });
        errors.keep(node.span, key, fitting)
    }

    /// One of some words.
    pub fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
        errors: &mut Errors,
    ) -> Option<T> {
        let node = self.get(key)?;
        let word = node.text().unwrap_or_default();
        let chosen = choices.iter().find(|(name, _)| *name == word);
        let chosen = chosen.map(|(_, value)| *value).ok_or_else(|| {
            let words = choices.iter().map(|(name, _)| *name);
            one_of(word, &node.describe(), words)
        });
        errors.keep(node.span, key, chosen)
    }
}
