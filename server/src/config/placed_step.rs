//! A step of a pipeline and where it stands in the file, for errors in its settings.

use std::ops::Deref;

use super::error::{Diagnostic, Span};
use super::model::{Config, StepConfig, StreamConfig};
use super::place::Place;
use super::yaml::{Content, Node};

/// A step of a pipeline.
#[derive(Clone, Copy)]
pub struct PlacedStep<'c> {
    config: &'c StepConfig,
    /// Its part of the file.
    node: &'c Node,
}

impl Deref for PlacedStep<'_> {
    type Target = StepConfig;

    fn deref(&self) -> &StepConfig {
        self.config
    }
}

impl Config {
    /// The steps of `stream`, which is one of this file's.
    pub fn steps<'c>(&'c self, stream: &'c StreamConfig) -> Vec<PlacedStep<'c>> {
        let root = self.file.root.as_deref();
        let node = root.and_then(|root| root.get("streams")?.get(&stream.name)?.get("filters"));
        let steps = stream.filters.iter().zip(node.map_or(&[][..], Node::items));
        steps
            .map(|(config, node)| PlacedStep { config, node })
            .collect()
    }
}

impl<'c> PlacedStep<'c> {
    /// The step's configuration.
    pub fn config(&self) -> &'c StepConfig {
        self.config
    }

    /// The place in the settings that the JSON pointer `pointer` (RFC 6901) leads to.
    pub(super) fn place(&self, pointer: &str) -> Option<Place<'c>> {
        let (key, value) = self.node.entry("with")?;
        Place::new(key.span, value).find(pointer)
    }

    /// An error at the filter's name.
    pub fn error_at_use(&self, message: impl Into<String>) -> Diagnostic {
        let name = self.node.get("use").unwrap_or(self.node);
        Diagnostic::new(name.span, message)
    }

    /// An error at the step's key `key`; none if the file doesn't have it there.
    pub fn error_at_key(&self, key: &str, message: impl Into<String>) -> Option<Diagnostic> {
        let (key, _) = self.node.entry(key)?;
        Some(Diagnostic::new(key.span, message))
    }

    /// An error at the text `text` in the settings, or about them as a whole if it isn't there.
    pub fn error_at_text(&self, text: &str, message: impl Into<String>) -> Diagnostic {
        let settings = self.node.get("with");
        match settings.and_then(|settings| find_text(settings, text)) {
            Some(span) => Diagnostic::new(span, message),
            None => self.error_at_settings(message),
        }
    }

    /// An error about the settings as a whole: at `with`, or at the filter's name if there are
    /// none.
    pub fn error_at_settings(&self, message: impl Into<String>) -> Diagnostic {
        match self.node.entry("with") {
            Some((key, _)) => Diagnostic::new(key.span, message),
            None => self.error_at_use(message),
        }
    }

    /// An error that the filter worded itself: at the setting that `words` name in backticks, if
    /// any.
    pub fn error_from_filter(&self, words: &str, message: impl Into<String>) -> Diagnostic {
        let mut entries = self.node.get("with").map_or(&[][..], Node::entries).iter();
        let named = entries.find(|(key, _)| {
            let key = key.text().unwrap_or_default();
            words.contains(&format!("`{key}`"))
        });
        match named {
            Some((_, value)) => Diagnostic::new(value.span, message),
            None => self.error_at_settings(message),
        }
    }
}

/// The place of the text or number that is written as `text` in `node`.
fn find_text(node: &Node, text: &str) -> Option<Span> {
    match &node.content {
        Content::Scalar { text: written, .. } => (written == text).then_some(node.span),
        Content::List(items) => items.iter().find_map(|item| find_text(item, text)),
        Content::Mapping(entries) => entries.iter().find_map(|(_, value)| find_text(value, text)),
    }
}
