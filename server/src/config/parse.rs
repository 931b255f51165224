//! From a file's text to the tree, within limits: a pipeline file may come from a stranger.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::error::{Diagnostic, Errors, Span};
use super::hidden;
use super::parse_error;
use super::snippet;
use super::yaml::{Content, Node, Style};
use crate::secret::note_addresses;

/// The most that a file may have, in bytes.
pub const FILE_BYTES: usize = 1 << 20;
/// The most values that a file may hold, counting the copies that aliases make.
const NODES: usize = 20_000;
/// The most text that aliases may copy, in bytes.
const COPIED_BYTES: usize = FILE_BYTES;
/// The depth to which lists and mappings may lie in each other.
const DEPTH: usize = 32;
/// Lines longer than this are not searched for values that a `#` has turned into comments.
const COMMENT_LINE_BYTES: usize = 500;

/// Reads a text of one document; `None` if it holds nothing, or is no YAML. All that is wrong is
/// added to `errors`; what can be read nevertheless is returned.
pub fn parse(text: &str, errors: &mut Errors) -> Option<Node> {
    let (root, _) = parse_with_secrets(text, errors);
    root.unwrap_or_else(|no_yaml| {
        errors.0.push(no_yaml);
        None
    })
}

/// The values of secrets in a file, as far as it could be read.
#[derive(Default)]
pub struct SecretParts {
    /// The places of their scalars and aliases.
    pub spans: Vec<saphyr_parser::Span>,
    /// The texts of their scalars.
    pub values: Vec<String>,
}

/// The same, and the secrets in the text; an error if it is no YAML.
pub fn parse_with_secrets(
    text: &str,
    errors: &mut Errors,
) -> (Result<Option<Node>, Diagnostic>, SecretParts) {
    if text.len() > FILE_BYTES {
        let large = Diagnostic::new(Span::START, "the file is larger than 1 MiB");
        return (Err(large), SecretParts::default());
    }
    let lines: Vec<_> = snippet::lines(text).collect();
    let unprintable = find_unprintable(&lines);
    let before = errors.0.len();
    let mut builder = Builder {
        events: Parser::new_from_str(text),
        lines,
        anchors: HashMap::new(),
        scalars: Vec::new(),
        nodes: 0,
        copied: 0,
        secrets: 0,
        hidden: 0,
        parts: SecretParts::default(),
        errors,
    };
    let root = builder.document();
    let parts = builder.parts;
    match unprintable {
        None => (root, parts),
        Some(unprintable) => {
            // All else may come of it.
            errors.0.truncate(before);
            (Err(unprintable), parts)
        }
    }
}

/// The first character that YAML does not allow (YAML 1.2, section 5.1). The parser would take some
/// of them for the end of the file.
fn find_unprintable(lines: &[&str]) -> Option<Diagnostic> {
    let is_wrong = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\u{85}'))
            || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let find = |(line, text): (usize, &&str)| {
        let (column, wrong) = text.chars().enumerate().find(|(_, c)| is_wrong(*c))?;
        let span = Span::at(line + 1, column + 1);
        let code = u32::from(wrong);
        Some(Diagnostic::new(
            span,
            format!(
                "the character U+{code:04X} can't stand in a YAML file; remove it, or write \
                 `\"\\u{code:04X}\"`"
            ),
        ))
    };
    lines.iter().enumerate().find_map(find)
}

struct Builder<'a, 'e> {
    events: Parser<'a, StrInput<'a>>,
    lines: Vec<&'a str>,
    anchors: HashMap<usize, Anchor>,
    /// All so far, for aliases in a secret's place.
    scalars: Vec<(saphyr_parser::Span, String)>,
    nodes: usize,
    copied: usize,
    /// Counts the secrets whose values are being read.
    secrets: u32,
    /// The same with users' values that are no names.
    hidden: u32,
    parts: SecretParts,
    errors: &'e mut Errors,
}

/// A node that aliases name, and the places of its scalars among all.
struct Anchor {
    node: Node,
    scalars: Range<usize>,
}

impl<'a> Builder<'a, '_> {
    fn next(&mut self) -> Result<(Event<'a>, saphyr_parser::Span), Diagnostic> {
        let event = self.events.next_event();
        let event = event.unwrap_or_else(|| Ok((Event::StreamEnd, saphyr_parser::Span::default())));
        event.map_err(|error| parse_error::explain(&error, &self.lines))
    }

    fn document(&mut self) -> Result<Option<Node>, Diagnostic> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    let message = "a second document starts here; a pipeline file has one";
                    return Err(Diagnostic::new(self.to_span(span), message));
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        place: saphyr_parser::Span,
        depth: usize,
    ) -> Result<Node, Diagnostic> {
        let span = self.to_span(place);
        self.check_depth(depth, span)?;
        self.count(1, span)?;
        let first = self.scalars.len();
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalars.push((place, text.to_string()));
                self.check_address(&text, span);
                let style = self.style(style, tag.as_deref(), span);
                (anchor, self.scalar(text.into_owned(), style, span))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(tag.as_deref(), span);
                (anchor, Node::open(span, self.list(depth)?))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(tag.as_deref(), span);
                (anchor, Node::open(span, self.mapping(depth)?))
            }
            Event::Alias(id) => {
                if self.hidden > 0 {
                    self.parts.spans.push(place);
                    let named = self.anchors.get(&id).map(|it| it.scalars.clone());
                    self.hide(named.unwrap_or_default());
                }
                (0, Node::open(span, self.alias(id, span, depth)?))
            }
            _ => return Err(Diagnostic::new(span, "something is missing here")),
        };
        if anchor > 0 {
            self.copy(Size::of(&node).bytes, span)?;
            let (node, scalars) = (node.clone(), first..self.scalars.len());
            self.anchors.insert(anchor, Anchor { node, scalars });
        }
        Ok(node)
    }

    /// Keeps these scalars as secrets' values.
    fn hide(&mut self, scalars: Range<usize>) {
        for (place, text) in self.scalars[scalars].iter().filter(|it| !it.1.is_empty()) {
            self.parts.spans.push(*place);
            self.parts.values.push(text.trim().to_owned());
        }
    }

    fn style(&mut self, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Style {
        let is_text_tag = |tag: &Tag| {
            (tag.is_yaml_core_schema() && tag.suffix == "str")
                || (tag.handle.is_empty() && tag.suffix == "!")
        };
        if tag.is_some_and(is_text_tag) {
            return Style::Text;
        }
        self.refuse(tag, span);
        match style {
            ScalarStyle::Plain => Style::Plain,
            _ => Style::Text,
        }
    }

    fn refuse(&mut self, tag: Option<&Tag>, span: Span) {
        if tag.is_some() {
            let message = "tags (`!name`) mean nothing in a pipeline file; put quotes around a \
                text that starts with `!`";
            self.errors.add(span, message);
        }
    }

    fn scalar(&self, text: String, style: Style, span: Span) -> Node {
        let is_empty = style == Style::Plain && text.is_empty();
        let (span, style) = match is_empty.then(|| self.comment_at(span)).flatten() {
            Some(comment) => (comment, Style::Commented),
            None => (span, style),
        };
        note_addresses(&text);
        Node::open(span, Content::Scalar { text, style })
    }

    /// Tells of an address that a ` #` has cut off within its login.
    fn check_address(&mut self, text: &str, span: Span) {
        let Some((_, host)) = text.split_once("://") else {
            return;
        };
        let behind = self.behind(span);
        let comment = behind.trim_start().strip_prefix('#');
        let word = comment.and_then(|comment| comment.split(char::is_whitespace).next());
        let is_login = host.contains(':') && !host.contains(['/', '@']);
        if is_login && word.is_some_and(|word| word.contains('@')) {
            self.errors.add(
                span,
                "a ` #` starts a comment, which cuts this address off; put the \
                address in quotes, and write `%20` for a space and `%23` for a `#` in its \
                password",
            );
        }
    }

    /// The place of something like `#fff` instead of the empty value at `span`: a comment that
    /// looks like none.
    fn comment_at(&self, span: Span) -> Option<Span> {
        let line = self.lines.get(span.line - 1)?;
        if line.len() > COMMENT_LINE_BYTES {
            return None;
        }
        // The parser places an empty value at the `:` before it.
        let rest: Vec<char> = line.chars().skip(span.column - 1).collect();
        let start = rest.iter().position(|c| !matches!(c, ':' | ' ' | '\t'))?;
        let comment = rest[start..].strip_prefix(&['#'])?;
        comment.first().filter(|c| c.is_alphanumeric())?;
        let word = comment.iter().position(|c| c.is_whitespace());
        Some(Span {
            column: span.column + start,
            length: 1 + word.unwrap_or(comment.len()),
            ..span
        })
    }

    fn list(&mut self, depth: usize) -> Result<Content, Diagnostic> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(Content::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Content, Diagnostic> {
        let mut entries = Vec::new();
        let mut names = HashSet::new();
        let mut is_behind_secret = false;
        loop {
            let mut key = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => return Ok(Content::Mapping(entries)),
                (event, span) => self.node(event, span, depth + 1)?,
            };
            let (event, place) = self.next()?;
            // A comma within a secret makes a key of what follows.
            key.is_secret = self.secrets > 0 || is_behind_secret && self.is_bare(&key);
            let is_secret = key.text().is_some_and(hidden::is_like_a_secret);
            let is_hidden = is_secret || key.text() == Some("user") && is_odd(&event);
            let first = self.scalars.len();
            self.secrets += u32::from(is_secret);
            self.hidden += u32::from(is_hidden);
            let value = self.node(event, place, depth + 1);
            self.secrets -= u32::from(is_secret);
            self.hidden -= u32::from(is_hidden);
            let is_place = value.as_ref().is_ok_and(Node::names_a_place);
            if is_hidden && !is_place {
                self.hide(first..self.scalars.len());
            }
            let mut value = value?;
            is_behind_secret = key.is_secret || is_secret && !is_place;
            if is_secret && !is_place {
                value.keep_secret();
            }
            match check_key(&key, &mut names) {
                Ok(()) => entries.push((key, value)),
                Err(error) => self.errors.add(key.span, error.to_string()),
            }
        }
    }

    /// Whether no `:` follows `key`.
    fn is_bare(&self, key: &Node) -> bool {
        !self.behind(key.span).trim_start().starts_with(':')
    }

    /// The rest of the line behind `span`.
    fn behind(&self, span: Span) -> String {
        let line = self.lines.get(span.line - 1).into_iter();
        let letters = line.flat_map(|line| line.chars());
        letters.skip(span.column - 1 + span.length).collect()
    }

    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Content, Diagnostic> {
        let Some(size) = self.anchors.get(&id).map(|it| Size::of(&it.node)) else {
            let message = "this alias stands inside its own anchor";
            return Err(Diagnostic::new(span, message));
        };
        self.check_depth(depth + size.depth, span)?;
        self.count(size.nodes, span)?;
        self.copy(size.bytes, span)?;
        Ok(self.anchors[&id].node.content.clone())
    }

    fn check_depth(&self, depth: usize, span: Span) -> Result<(), Diagnostic> {
        if depth <= DEPTH {
            return Ok(());
        }
        let message = format!("lists and mappings lie more than {DEPTH} deep in each other here");
        Err(Diagnostic::new(span, message))
    }

    /// Keeps a few lines of aliases from growing into gigabytes.
    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes <= NODES {
            return Ok(());
        }
        let message = format!("the file holds more than {NODES} values up to here");
        Err(Diagnostic::new(span, message))
    }

    /// The same for the texts in them.
    fn copy(&mut self, bytes: usize, span: Span) -> Result<(), Diagnostic> {
        self.copied += bytes;
        if self.copied <= COPIED_BYTES {
            return Ok(());
        }
        let message = "anchors and aliases copy more than 1 MiB of text up to here";
        Err(Diagnostic::new(span, message))
    }

    fn to_span(&self, span: saphyr_parser::Span) -> Span {
        let (start, end) = (span.start, span.end);
        let Some(line) = self.lines.get(start.line().saturating_sub(1)) else {
            return parse_error::end(&self.lines);
        };
        let length = if end.line() == start.line() {
            end.col().saturating_sub(start.col())
        } else {
            line.trim_end().chars().skip(start.col()).count()
        };
        Span {
            line: start.line().max(1),
            column: start.col() + 1,
            length: length.max(1),
        }
    }
}

/// Whether `event`, the value of `user`, is no name.
fn is_odd(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(name, ..) => !hidden::is_name(name),
        _ => true,
    }
}

/// The reason why a node is no key of a mapping.
#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error("a key must be a text, found {0}")]
    NoText(String),
    #[error("a key is missing here")]
    Missing,
    #[error("`<<` is no longer part of YAML; write the keys out here")]
    Merge,
    #[error("{0} stands here a second time")]
    Repeated(String),
}

/// Checks that `key` can be one beside the others, whose `names` these are.
fn check_key(key: &Node, names: &mut HashSet<String>) -> Result<(), KeyError> {
    let Content::Scalar { text, style } = &key.content else {
        return Err(KeyError::NoText(key.describe()));
    };
    if text.is_empty() {
        return Err(KeyError::Missing);
    }
    if text == "<<" && *style == Style::Plain {
        return Err(KeyError::Merge);
    }
    if !names.insert(text.clone()) {
        return Err(KeyError::Repeated(key.name()));
    }
    Ok(())
}

/// The cost of a copy of a node.
#[derive(Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl Size {
    fn of(node: &Node) -> Self {
        let parts: Vec<&Node> = match &node.content {
            Content::Scalar { text, .. } => {
                return Self {
                    nodes: 1,
                    bytes: text.len(),
                    depth: 0,
                };
            }
            Content::List(items) => items.iter().collect(),
            Content::Mapping(entries) => entries
                .iter()
                .flat_map(|(key, value)| [key, value])
                .collect(),
        };
        let mut size = Self {
            nodes: 1,
            ..Self::default()
        };
        for part in parts.into_iter().map(Self::of) {
            size.nodes += part.nodes;
            size.bytes += part.bytes;
            size.depth = size.depth.max(part.depth + 1);
        }
        size
    }
}
