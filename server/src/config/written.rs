//! What a pipeline file says, as it stands there, and where.

use std::collections::HashMap;

use serde_json::Value;

use super::error::{ConfigError, Errors, Span};
use super::model::Config;
use super::parse::parse;
use super::yaml::{Content, Node};

impl Config {
    /// What the file says of the stream `name`, in the types that it is written in; nothing if it
    /// has no such stream.
    pub fn written(&self, name: &str) -> Option<Value> {
        let root = parse(&self.file.text, &mut Errors::default())?;
        let (_, stream) = root.get("streams")?.entry(name)?;
        Some(stream.to_json())
    }
}

/// The start of a span, and its length.
type Place = (usize, usize, usize);

fn place(span: Span) -> Place {
    (span.line, span.column, span.length)
}

impl ConfigError {
    /// The JSON pointers (RFC 6901) of the keys and items in the file of which each diagnostic is;
    /// none for one of nothing in particular.
    pub fn pointers(&self) -> Vec<Option<String>> {
        let mut known = HashMap::new();
        if let Some(root) = parse(&self.file.text, &mut Errors::default()) {
            collect(&root, "", &mut known);
        }
        let diagnostics = self.diagnostics().iter();
        let pointer = diagnostics.map(|it| known.get(&place(it.span)).cloned());
        pointer.collect()
    }
}

/// Collects the pointers to the parts of `node`, to which `pointer` leads, by the places of their
/// keys and values.
fn collect(node: &Node, pointer: &str, known: &mut HashMap<Place, String>) {
    let mut add = |key: Span, part: &str, value: &Node| {
        let part = part.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{pointer}/{part}");
        for span in [key, value.span] {
            known.entry(place(span)).or_insert_with(|| pointer.clone());
        }
        collect(value, &pointer, known);
    };
    match &node.content {
        Content::Mapping(entries) => {
            // A comma within a secret makes a key of what follows.
            let open = entries.iter().filter(|(key, _)| !key.is_secret);
            open.for_each(|(key, value)| add(key.span, key.text().unwrap_or_default(), value));
        }
        Content::List(items) => items.iter().enumerate().for_each(|(at, item)| {
            add(item.span, &at.to_string(), item);
        }),
        Content::Scalar { .. } => {}
    }
}
