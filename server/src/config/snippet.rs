//! Shows a line of a pipeline file with a mark under the offending part.
//!
//! The file may be a stranger's: what goes to the terminal is free of control characters, which
//! could repaint it, and short, however long the line is.

use std::fmt::{self, Write};

use super::error::Span;
use crate::log::is_control;

/// The most characters of a line that are shown.
const WIDTH: usize = 120;
/// The most of them that stand before the mark if the line is longer.
const BEFORE: usize = 60;

/// The lines of a text by YAML's line breaks: LF, CR LF, and CR alone.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let after = &text[end..];
        let skip = if after.starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&after[skip..]);
        Some(&text[..end])
    })
}

/// A text on one line, without what could harm a terminal.
pub fn printable(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_control(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// Writes `line`, which `span` lies in, and the mark below it.
pub fn write(f: &mut impl Write, line: &str, span: Span) -> fmt::Result {
    let start = span.column - 1;
    let first = if line.chars().nth(WIDTH).is_none() {
        0
    } else {
        start.saturating_sub(BEFORE)
    };
    let shown: String = line.chars().skip(first).take(WIDTH).collect();
    let cut_left = if first > 0 { "…" } else { "" };
    let is_cut_right = line.chars().nth(first + WIDTH).is_some();
    let cut_right = if is_cut_right { "…" } else { "" };

    let indent = start - first + cut_left.chars().count();
    let rest = shown.chars().count().saturating_sub(start - first);
    let marks = "^".repeat(span.length.min(rest).max(1));
    let number = span.line;
    let margin = " ".repeat(number.to_string().len());
    let shown = printable(&shown);
    write!(f, "\n  {number} | {cut_left}{shown}{cut_right}")?;
    write!(f, "\n  {margin} | {}{marks}", " ".repeat(indent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, column: usize, length: usize) -> String {
        let mut text = String::new();
        let span = Span {
            line: 7,
            column,
            length,
        };
        write(&mut text, line, span).unwrap();
        text
    }

    #[test]
    fn lines_end_as_in_yaml() {
        let found: Vec<_> = lines("a\nb\r\nc\rd\n").collect();
        assert_eq!(found, ["a", "b", "c", "d", ""]);
    }

    #[test]
    fn the_mark_stands_below_its_part() {
        assert_eq!(shown("a: blue", 4, 4), "\n  7 | a: blue\n    |    ^^^^");
        // Past the end, and longer than the line.
        assert_eq!(shown("a:", 3, 1), "\n  7 | a:\n    |   ^");
        assert_eq!(shown("a: b", 4, 99), "\n  7 | a: b\n    |    ^");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let text = shown(&line, 501, 1);
        let mut lines = text.lines().skip(1);
        let (line, mark) = (lines.next().unwrap(), lines.next().unwrap());
        let place = mark.chars().position(|c| c == '^').unwrap();
        assert_eq!(line.chars().nth(place), Some('X'));
        assert!(line.chars().count() < 130, "{line}");
        assert!(line.contains("| …a") && line.ends_with("b…"), "{line}");
    }

    #[test]
    fn a_terminal_is_not_at_the_mercy_of_the_file() {
        assert_eq!(
            shown("\ta: \u{1b}[2J", 2, 1),
            "\n  7 |  a: \u{fffd}[2J\n    |  ^"
        );
        assert_eq!(printable("a\u{202e}b\u{7f}"), "a\u{fffd}b\u{fffd}");
    }
}
