//! A filter's settings as written, and where each of them stands in the file.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::Span;
use super::place::Place;
use super::shown::shown;
use super::yaml::{Content, Node};

/// A step's value of `with`. Two are equal if they say the same, however it is written.
#[derive(Clone, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct Settings {
    key: Option<Span>,
    node: Option<Node>,
    json: Value,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown(&self.json))
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl From<Map<String, Value>> for Settings {
    /// Settings that stand nowhere yet.
    fn from(json: Map<String, Value>) -> Self {
        Self {
            key: None,
            node: None,
            json: Value::Object(json),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Map::new().into()
    }
}

impl Settings {
    /// The settings of a step whose key `with` stands at `key` and has the value `node`.
    pub fn new(key: Option<Span>, node: Option<Node>) -> Self {
        let json = node.as_ref().map(Node::to_json);
        Self {
            key,
            node,
            json: json.unwrap_or_else(|| Value::Object(Map::new())),
        }
    }

    /// A JSON object.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The place of `with`, if it is there.
    pub fn key_span(&self) -> Option<Span> {
        self.key
    }

    /// Keys and values.
    pub fn entries(&self) -> &[(Node, Node)] {
        self.node.as_ref().map_or(&[], Node::entries)
    }

    /// Every text and number in the values, as written, with its place.
    pub fn texts(&self) -> impl Iterator<Item = (&str, Span)> {
        let mut found = Vec::new();
        if let Some(node) = &self.node {
            collect_texts(node, &mut found);
        }
        found.into_iter()
    }

    /// The place that the JSON pointer `pointer` (RFC 6901) leads to.
    pub fn place(&self, pointer: &str) -> Option<Place<'_>> {
        Place::new(self.key?, self.node.as_ref()?).find(pointer)
    }
}

fn collect_texts<'a>(node: &'a Node, into: &mut Vec<(&'a str, Span)>) {
    match &node.content {
        Content::Scalar { text, .. } => into.push((text, node.span)),
        Content::List(items) => items.iter().for_each(|item| collect_texts(item, into)),
        Content::Mapping(entries) => {
            let values = entries.iter().map(|(_, value)| value);
            values.for_each(|value| collect_texts(value, into));
        }
    }
}
