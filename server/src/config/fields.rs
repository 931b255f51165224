//! Reads a mapping's known keys, and tells of every key and value that is not as it should be.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::error::{Diagnostic, Span};
use super::suggest::hint;
use super::units;
use super::yaml::{Content, Node};

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
    span: Span,
    entries: &'a [(Node, Node)],
}

impl<'a> Fields<'a> {
    /// Takes `node` as a mapping with some of `keys`; `owner` is what has them, for messages. A key that
    /// isn't among them is told of.
    pub fn new(node: &'a Node, owner: &str, keys: &[&str], errors: &mut Errors) -> Option<Self> {
        let Content::Mapping(entries) = &node.content else {
            let keys = super::suggest::list(keys.iter().copied());
            let found = node.describe();
            errors.add(
                node.span,
                format!("expected {owner} with the keys {keys}, found {found}"),
            );
            return None;
        };
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if !keys.contains(&name) {
                let hint = hint(name, keys.iter().copied());
                errors.add(key.span, format!("`{name}` is not a key of {owner}{hint}"));
            }
        }
        Some(Self {
            span: node.span,
            entries,
        })
    }

    /// Where the mapping starts.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The value of `key`, if one is written.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(name, value)| name.text() == Some(key) && !value.is_null())
            .map(|(_, value)| value)
    }

    /// Where `key` stands, with or without a value.
    pub fn key_span(&self, key: &str) -> Option<Span> {
        let entry = self.entries.iter().find(|(name, _)| name.text() == Some(key));
        entry.map(|(name, _)| name.span)
    }

    /// A text.
    pub fn text(&self, key: &str, errors: &mut Errors) -> Option<&'a str> {
        let node = self.get(key)?;
        let text = node
            .text()
            .ok_or_else(|| format!("expected a text, found {}", node.describe()));
        errors.keep(node.span, key, text)
    }

    /// A whole number in a range.
    pub fn whole(&self, key: &str, range: RangeInclusive<u64>, errors: &mut Errors) -> Option<u64> {
        let node = self.get(key)?;
        let found = node.scalar().and_then(|value| value.as_u64());
        let number = found.filter(|number| range.contains(number)).ok_or_else(|| {
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
        let number = found.filter(|number| range.contains(number)).ok_or_else(|| {
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
        self.unit(key, range, units::duration, |d| format!("{d:?}"), errors)
    }

    /// A size in bytes in a range.
    pub fn bytes(&self, key: &str, range: RangeInclusive<u64>, errors: &mut Errors) -> Option<u64> {
        let show = |bytes: &u64| format!("{}MiB", bytes >> 20);
        self.unit(key, range, units::bytes, show, errors)
    }

    fn unit<T: PartialOrd, S: Display>(
        &self,
        key: &str,
        range: RangeInclusive<T>,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&T) -> S,
        errors: &mut Errors,
    ) -> Option<T> {
        let node = self.get(key)?;
        let parsed = parse(node.text().unwrap_or(&node.describe())).and_then(|value| {
            if range.contains(&value) {
                return Ok(value);
            }
            let (least, most) = (show(range.start()), show(range.end()));
            let found = node.describe();
            Err(format!("expected {least} to {most}, found {found}"))
        });
        errors.keep(node.span, key, parsed)
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
            format!("found {}{}", node.describe(), hint(word, words))
        });
        errors.keep(node.span, key, chosen)
    }
}
