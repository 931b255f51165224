//! YAML as a tree that knows where each part stands in the file.
//!
//! Errors are to point at the very word that is wrong, also inside a filter's settings, whose meaning only
//! the filter's schema knows. So the file is read into this tree first.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as ParserSpan};
use serde_json::{Map, Number, Value};

use super::error::{Diagnostic, Span};

/// The most that a file may hold, counting copies made by aliases.
const NODES: usize = 20_000;
/// How deep lists and mappings may lie in each other.
const DEPTH: usize = 32;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Span,
    pub content: Content,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A text as written, and whether it stands without quotes.
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The text, if it is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether nothing is written there.
    pub fn is_null(&self) -> bool {
        matches!(self.scalar(), Some(Value::Null))
    }

    /// A scalar's value by the core schema of YAML 1.2 (section 10.3.2).
    pub fn scalar(&self) -> Option<Value> {
        let Content::Scalar { text, plain } = &self.content else {
            return None;
        };
        Some(if *plain {
            plain_value(text)
        } else {
            Value::String(text.clone())
        })
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

    /// What it is, for messages: "the text `x`", "a list".
    pub fn describe(&self) -> String {
        match (&self.content, self.scalar()) {
            (Content::List(_), _) => "a list".to_owned(),
            (Content::Mapping(_), _) => "a mapping".to_owned(),
            (_, Some(Value::Null)) => "nothing".to_owned(),
            (_, Some(Value::String(text))) => format!("the text `{text}`"),
            _ => format!("`{}`", self.text().unwrap_or_default()),
        }
    }
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
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    text.parse::<u64>()
        .map(Number::from)
        .or_else(|_| text.parse::<i64>().map(Number::from))
        .ok()
}

fn float(text: &str) -> Option<Number> {
    // Rust's parser also takes words such as `inf`, which are texts in YAML.
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    if !has_digit || !text.chars().all(numeric) {
        return None;
    }
    text.parse().ok().and_then(Number::from_f64)
}

/// Reads a file of one document. `None` if it holds nothing.
///
/// # Errors
/// Where and why it is no YAML, or more than is allowed.
pub fn parse(text: &str) -> Result<Option<Node>, Diagnostic> {
    let mut builder = Builder {
        events: Parser::new_from_str(text),
        anchors: Vec::new(),
        nodes: 0,
    };
    builder.document()
}

struct Builder<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, to_span(span))),
            Some(Err(error)) => Err(scan_error(&error)),
            None => Ok((Event::StreamEnd, Span::START)),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Diagnostic> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(Diagnostic::new(
                        span,
                        "a second document starts here; a pipeline file has one",
                    ));
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        if depth > DEPTH {
            return Err(Diagnostic::new(
                span,
                format!("lists and mappings lie more than {DEPTH} deep here"),
            ));
        }
        self.count(1, span)?;
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                // A tag such as !!str says that the text is meant.
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let text = text.into_owned();
                let content = Content::Scalar { text, plain };
                (anchor, Node { span, content })
            }
            Event::SequenceStart(anchor, _) => (anchor, self.list(span, depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.mapping(span, depth)?),
            Event::Alias(id) => (0, self.alias(id, span)?),
            _ => return Err(Diagnostic::new(span, "something is missing here")),
        };
        if anchor > 0 {
            self.anchors.push((anchor, node.clone()));
        }
        Ok(node)
    }

    fn list(&mut self, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => break,
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
        let content = Content::List(items);
        Ok(Node { span, content })
    }

    fn mapping(&mut self, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => break,
                (event, span) => self.node(event, span, depth + 1)?,
            };
            let Some(name) = key.text() else {
                return Err(Diagnostic::new(key.span, "a key must be a text"));
            };
            if entries.iter().any(|(other, _)| other.text() == Some(name)) {
                let message = format!("`{name}` stands here a second time");
                return Err(Diagnostic::new(key.span, message));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push((key, value));
        }
        let content = Content::Mapping(entries);
        Ok(Node { span, content })
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Diagnostic> {
        let found = self.anchors.iter().rev().find(|(anchor, _)| *anchor == id);
        let Some((_, node)) = found else {
            return Err(Diagnostic::new(
                span,
                "this alias stands inside its own anchor",
            ));
        };
        let content = node.content.clone();
        self.count(size(&content), span)?;
        Ok(Node { span, content })
    }

    /// Keeps a few lines of aliases from growing into gigabytes.
    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes > NODES {
            let message = format!("the file holds more than {NODES} values up to here");
            return Err(Diagnostic::new(span, message));
        }
        Ok(())
    }
}

fn size(content: &Content) -> usize {
    match content {
        Content::Scalar { .. } => 1,
        Content::List(items) => items.iter().map(|item| 1 + size(&item.content)).sum(),
        Content::Mapping(entries) => {
            let entry = |(_, value): &(Node, Node)| 2 + size(&value.content);
            entries.iter().map(entry).sum()
        }
    }
}

fn to_span(span: ParserSpan) -> Span {
    let (start, end) = (span.start, span.end);
    let length = if end.line() == start.line() {
        end.col().saturating_sub(start.col())
    } else {
        1
    };
    Span {
        line: start.line(),
        column: start.col() + 1,
        length: length.max(1),
    }
}

fn scan_error(error: &ScanError) -> Diagnostic {
    let span = Span {
        line: error.marker().line(),
        column: error.marker().col() + 1,
        length: 1,
    };
    Diagnostic::new(span, format!("this is not valid YAML: {}", error.info()))
}
