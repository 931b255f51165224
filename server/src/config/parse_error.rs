//! The parser's errors in the words of somebody who just wants the file to work.

use saphyr_parser::ScanError;

use super::error::{Diagnostic, Span};

/// Parts of the parser's messages, and what to say instead. The first that fits counts.
const WORDS: [(&str, &str); 17] = [
    (
        "tab",
        "a tab can't stand here; YAML is indented with spaces",
    ),
    (
        "mapping values are not allowed",
        "this `:` can't stand here; check the indentation, or put quotes \
         around a text that contains `: `",
    ),
    (
        "did not find expected key",
        "expected `key: value` here, indented like the keys above it",
    ),
    (
        "did not find expected '-' indicator",
        "expected an item that starts with `- ` here, indented like the items above it",
    ),
    (
        "block sequence entries are not allowed",
        "a `- ` can't stand here; start the list on a line of its own",
    ),
    (
        "found unknown anchor",
        "this alias (`*name`) has no anchor (`&name`) above it; put quotes around \
         a text that starts with `*`",
    ),
    (
        "indentation in quoted scalar",
        "the text that starts with this quote goes on over a line that isn't indented; \
         is the closing quote missing?",
    ),
    (
        "found unexpected end of stream",
        "the text that starts with this quote has no closing quote",
    ),
    (
        "unknown escape character",
        "`\\` starts an escape in double quotes, and this is none; write `\\\\`, or use \
         single quotes",
    ),
    (
        "expected ',' or '}'",
        "expected `,` or `}` here: a `{` above is not closed",
    ),
    (
        "expected ',' or ']'",
        "expected `,` or `]` here: a `[` above is not closed",
    ),
    (
        "indentation in flow construct",
        "this line belongs to a `{` or `[` above that is not closed yet, so it must be indented",
    ),
    (
        "recursion limit exceeded",
        "lists and mappings lie too deep in each other here",
    ),
    (
        "simple key expected",
        "this line is neither `key: value` nor an item that starts with `- `",
    ),
    (
        "unexpected character",
        "a value can't start with this character; put quotes around it",
    ),
    (
        "invalid trailing content",
        "the text in quotes ended before this; put all of it in quotes",
    ),
    (
        "comments must be separated",
        "a comment needs a space before its `#`",
    ),
];

/// The reason why the text, whose lines are `lines`, is not YAML, and its place.
pub fn explain(error: &ScanError, lines: &[&str]) -> Diagnostic {
    let span = place(error, lines);
    let known = WORDS.iter().find(|(part, _)| error.info().contains(part));
    match known {
        Some((_, words)) => Diagnostic::new(span, *words),
        None => Diagnostic::new(span, format!("this is not valid YAML: {}", error.info())),
    }
}

fn place(error: &ScanError, lines: &[&str]) -> Span {
    let marker = error.marker();
    let line = marker.line().saturating_sub(1);
    let is_end = lines.iter().skip(line).all(|line| line.trim().is_empty());
    if is_end {
        return end(lines);
    }
    let at = |column: usize| Span::at(line + 1, column + 1);
    if error.info().contains("tab")
        && let Some(tab) = lines[line].chars().position(|c| c == '\t')
    {
        return at(tab);
    }
    at(marker.col())
}

/// Behind the last word of the file.
pub fn end(lines: &[&str]) -> Span {
    let last = lines.iter().rposition(|line| !line.trim().is_empty());
    let last = last.unwrap_or_default();
    let text = lines.get(last).copied().unwrap_or_default();
    Span::at(last + 1, text.trim_end().chars().count() + 1)
}
