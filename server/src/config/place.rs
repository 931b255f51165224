//! Places of values: where a JSON pointer leads, and what to call that.

use super::error::Span;
use super::suggest::quote;
use super::yaml::{Content, Node};

/// A value within another.
pub struct Place<'a> {
    /// The place of its key, or in a list its own.
    pub key: Span,
    /// Its name in messages: "`size`", "item 2 of `sizes`", "`width` of `box`"; nothing for the
    /// whole.
    pub label: String,
    /// The same by its key alone, also for a list's items.
    pub name: String,
    /// The value.
    pub value: &'a Node,
}

impl<'a> Place<'a> {
    /// The whole of `value`, whose key stands at `key`.
    pub fn new(key: Span, value: &'a Node) -> Self {
        Self {
            key,
            label: String::new(),
            name: String::new(),
            value,
        }
    }

    /// The place that the JSON pointer `pointer` (RFC 6901) leads to.
    pub fn find(self, pointer: &str) -> Option<Self> {
        let mut parts = pointer.split('/').skip(1);
        parts.try_fold(self, |place, part| {
            place.step(&part.replace("~1", "/").replace("~0", "~"))
        })
    }

    fn step(self, part: &str) -> Option<Self> {
        let of = match self.label.as_str() {
            "" => String::new(),
            label => format!(" of {label}"),
        };
        match &self.value.content {
            Content::List(items) => {
                let index: usize = part.parse().ok()?;
                let value = items.get(index)?;
                Some(Self {
                    key: value.span,
                    label: format!("item {}{of}", index + 1),
                    value,
                    ..self
                })
            }
            _ => {
                let (key, value) = self.value.entry(part)?;
                Some(Self {
                    key: key.span,
                    label: format!("{}{of}", quote(part)),
                    name: quote(part),
                    value,
                })
            }
        }
    }
}
