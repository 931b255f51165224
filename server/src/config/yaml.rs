//! YAML as a tree that knows where each part stands in the file.
//!
//! Errors are to point at the very word that is wrong, also inside a filter's settings, whose
//! meaning only the filter's schema knows. So the file is read into this tree first.

use std::fmt;

use serde_json::{Map, Number, Value};

use super::error::Span;
use super::suggest::quote;
use crate::secret::{self, note};

/// A value and its place.
#[derive(Clone)]
pub struct Node {
    pub span: Span,
    pub content: Content,
    /// Whether it is a secret's value, or a part of it, and must not be shown.
    pub is_secret: bool,
}

/// A node's contents. Without `Debug`, since that may be a secret.
#[derive(Clone)]
pub enum Content {
    Scalar { text: String, style: Style },
    List(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

/// The style of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: what it is depends on how it looks.
    Plain,
    /// With quotes, as a block, or with the tag `!!str`: a text.
    Text,
    /// Not at all, since a `#` made a comment of it, as in `color: #fff`.
    Commented,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Node {
    /// The part that may be shown.
    pub fn open(span: Span, content: Content) -> Self {
        Self {
            span,
            content,
            is_secret: false,
        }
    }

    /// Notes that it is a secret's value: it and its parts are not shown from now on.
    pub fn keep_secret(&mut self) {
        self.is_secret = true;
        match &mut self.content {
            Content::Scalar { text, .. } => note(text),
            Content::List(items) => items.iter_mut().for_each(Self::keep_secret),
            Content::Mapping(entries) => {
                let parts = entries.iter_mut().flat_map(|(key, value)| [key, value]);
                parts.for_each(Self::keep_secret);
            }
        }
    }

    /// Whether it says where a secret stands: `{ env: NAME }` or `{ file: PATH }`.
    pub fn names_a_place(&self) -> bool {
        match self.entries() {
            [(key, value)] => match (key.text(), value.text()) {
                (Some(key), Some(value)) => secret::names_a_place(key, value),
                _ => false,
            },
            _ => false,
        }
    }

    /// The text, if it is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The keys and values, if it is a mapping.
    pub fn entries(&self) -> &[(Self, Self)] {
        match &self.content {
            Content::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value of the key `key` of a mapping, if one is written.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let (_, value) = self.entry(key)?;
        (!value.is_null()).then_some(value)
    }

    /// The items, if it is a list.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The key `key` of a mapping, and its value.
    pub fn entry(&self, key: &str) -> Option<(&Self, &Self)> {
        let mut entries = self.entries().iter();
        let entry = entries.find(|(name, _)| name.text() == Some(key))?;
        Some((&entry.0, &entry.1))
    }

    /// Whether nothing is written there.
    pub fn is_null(&self) -> bool {
        matches!(self.scalar(), Some(Value::Null))
    }

    /// A scalar's value by the core schema of YAML 1.2 (section 10.3.2).
    pub fn scalar(&self) -> Option<Value> {
        match &self.content {
            Content::Scalar { text, style } if *style == Style::Text => Some(text.as_str().into()),
            Content::Scalar { text, .. } => Some(plain_value(text)),
            _ => None,
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar { .. } => self.scalar().unwrap_or_default(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Mapping(entries) => {
                let entry = |(key, value): &(Self, Self)| {
                    (key.text().unwrap_or_default().to_owned(), value.to_json())
                };
                Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }

    /// The key that it is, for messages.
    pub fn name(&self) -> String {
        match self.text() {
            Some(text) if !self.is_secret => quote(text),
            _ => "a key that is not shown".to_owned(),
        }
    }

    /// Its description for messages: "the text `x`", "a list".
    pub fn describe(&self) -> String {
        let (text, style) = match &self.content {
            Content::List(items) => return plural("a list of ", items.len(), "item"),
            Content::Mapping(entries) => return plural("a mapping of ", entries.len(), "key"),
            Content::Scalar { text, style } => (text, *style),
        };
        match self.scalar() {
            Some(Value::String(text)) if self.is_secret && !text.is_empty() => {
                "a text that is not shown".to_owned()
            }
            Some(value) if self.is_secret && !value.is_null() && !value.is_string() => {
                "a value that is not shown".to_owned()
            }
            _ if style == Style::Commented => {
                "nothing (a `#` after a space starts a comment; put the value in quotes)".to_owned()
            }
            Some(Value::Null) => "nothing".to_owned(),
            Some(Value::String(text)) if text.is_empty() => "an empty text".to_owned(),
            Some(Value::String(text)) => format!("the text {}", quote(&text)),
            _ => quote(text),
        }
    }
}

/// The description of `text` without quotes, for messages.
pub fn describe_text(text: &str) -> String {
    let kind = if is_text(text) { "the text " } else { "" };
    format!("{kind}{}", quote(text))
}

fn plural(start: &str, count: usize, thing: &str) -> String {
    match count {
        0 => format!("an empty {}", start[2..].trim_end_matches(" of ")),
        1 => format!("{start}1 {thing}"),
        _ => format!("{start}{count} {thing}s"),
    }
}

/// Whether `text` is a text also without quotes.
pub fn is_text(text: &str) -> bool {
    plain_value(text).is_string()
}

fn plain_value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    integer(text)
        .or_else(|| float(text))
        .map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn integer(text: &str) -> Option<Number> {
    let unsigned = |digits: &str, radix| {
        // Rust's parser would take a sign here.
        let is_number = digits.starts_with(|c: char| c.is_digit(radix));
        let number = is_number.then(|| u64::from_str_radix(digits, radix))?;
        number.ok().map(Number::from)
    };
    if let Some(hex) = text.strip_prefix("0x") {
        return unsigned(hex, 16);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return unsigned(octal, 8);
    }
    text.parse::<u64>()
        .map(Number::from)
        .or_else(|_| text.parse::<i64>().map(Number::from))
        .ok()
}

fn float(text: &str) -> Option<Number> {
    // Rust's parser also takes words such as `inf`, which are texts in YAML. YAML's own `.inf` and
    // `.nan` have no place in JSON and stay texts too, so that they are refused where a number is
    // expected.
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    if !has_digit || !text.chars().all(numeric) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    // Rounded to the least whole number of 64 bits, one below would pass for it.
    let is_least = number == i64::MIN as f64;
    Number::from_f64(if is_least { number.next_down() } else { number })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("True", json!(true)),
            ("FALSE", json!(false)),
            ("yes", json!("yes")),
            ("no", json!("no")),
            ("0", json!(0)),
            ("012", json!(12)),
            ("+5", json!(5)),
            ("-5", json!(-5)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0x+1", json!("0x+1")),
            ("0b1", json!("0b1")),
            ("1_000", json!("1_000")),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("18446744073709551616", json!(18446744073709551616.0)),
            ("1e999", json!("1e999")),
            (".inf", json!(".inf")),
            ("inf", json!("inf")),
            ("e", json!("e")),
            ("2026-11-23", json!("2026-11-23")),
            ("12:30", json!("12:30")),
        ] {
            assert_eq!(plain_value(text), value, "{text}");
        }
    }
}
