//! The content of a pipeline file as it is written, and the places of its parts.

use std::collections::HashMap;

use json_patch::jsonptr::Pointer;
use serde_json::Value;

use super::error::{ConfigError, Diagnostic, Span};
use super::model::Config;
use super::place::Place;
use super::yaml::{Content, Node};
use crate::secret::mask_value;

impl Config {
    /// The stream `name` as the file says it, in the types that it is written in; nothing if it has
    /// no such stream.
    pub fn written(&self, name: &str) -> Option<Value> {
        let (_, stream) = self.file.root.as_ref()?.get("streams")?.entry(name)?;
        Some(stream.to_json())
    }

    /// The user at this place of the list as the file says it.
    pub fn written_user(&self, at: usize) -> Option<Value> {
        let users = self.file.root.as_ref()?.get("users")?;
        Some(users.items().get(at)?.to_json())
    }

    /// An error at the first of `keys` that stands in the file below `pointer` (RFC 6901), or else
    /// at what that leads to.
    pub fn error_at(&self, pointer: &str, keys: &[&str], message: impl Into<String>) -> Diagnostic {
        let find = |pointer: &str| {
            let root = self.file.root.as_deref()?;
            let place = Place::new(root.span, root).find(pointer)?;
            (!place.value.is_null()).then_some(place.value.span)
        };
        let mut keys = keys.iter();
        let span = keys.find_map(|key| find(&format!("{pointer}/{key}")));
        Diagnostic::new(span.or_else(|| find(pointer)).unwrap_or_default(), message)
    }
}

impl ConfigError {
    /// The JSON pointers (RFC 6901) of the keys and items in the file of which each diagnostic is;
    /// none for one of nothing in particular.
    pub fn pointers(&self) -> Vec<Option<String>> {
        let mut known = HashMap::new();
        if let Some(root) = &self.file.root {
            collect(root, Pointer::root(), &mut known);
        }
        let diagnostics = self.diagnostics().iter();
        let pointer = diagnostics.map(|it| known.get(&it.span).cloned());
        pointer.collect()
    }
}

/// Collects the pointers to the parts of `node`, to which `pointer` leads, by the places of their
/// keys and values.
fn collect(node: &Node, pointer: &Pointer, known: &mut HashMap<Span, String>) {
    let mut add = |key: Span, part: &str, value: &Node| {
        let pointer = pointer.with_trailing_token(part);
        for span in [key, value.span] {
            known.entry(span).or_insert_with(|| pointer.to_string());
        }
        collect(value, &pointer, known);
    };
    match &node.content {
        Content::Mapping(entries) => {
            // A slip of the pen makes a secret, or a part of it, a key.
            let is_open = |key: &Node| {
                let name = key.text().unwrap_or_default();
                !key.is_secret && mask_value(name) == name
            };
            let open = entries.iter().filter(|(key, _)| is_open(key));
            open.for_each(|(key, value)| add(key.span, key.text().unwrap_or_default(), value));
        }
        Content::List(items) => items.iter().enumerate().for_each(|(at, item)| {
            add(item.span, &at.to_string(), item);
        }),
        Content::Scalar { .. } => {}
    }
}
