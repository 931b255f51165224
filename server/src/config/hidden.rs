//! The parts of a pipeline file that are not shown: values of passwords and tokens, logins in
//! addresses and commands.
//!
//! A value is found by the parser, which knows where it ends; what stands behind that on its line
//! is hidden too, unless a new key starts there: a quote, a comma or a `#` may have cut the secret
//! off. A file that is no YAML is not known to mean what it seems to, so there all is hidden that
//! could belong to a secret's value: the rest of its line, and the lines below it that start
//! nothing else.

use std::ops::Range;

use super::error::{Diagnostic, Errors, Span};
use super::parse::{SecretParts, parse_with_secrets};
use super::snippet;
use super::suggest::suggest;
use crate::secret::{
    MASK, TOKENS, Until, cut_off, find_word, is_reference, is_secret_name, merge, replace, written,
};

/// Names that a slip of the pen may have become another of.
const NAMES: [&str; 6] = [
    "password",
    "passwd",
    "token",
    "admin-token",
    "secret",
    "api-key",
];

/// Whether what is called `name` is a secret, or was probably meant to be one.
pub fn is_like_a_secret(name: &str) -> bool {
    name != TOKENS && (is_secret_name(name) || suggest(name, NAMES).is_some())
}

/// Longer lines are hidden altogether.
const LINE_BYTES: usize = 10_000;
/// The most values that are looked for beside their own places.
const VALUES: usize = 100;

/// All of the file `text` without what is not shown.
pub fn masked(text: &str) -> String {
    let hidden = Hidden::of(text);
    let lines = snippet::lines(text)
        .enumerate()
        .map(|(at, line)| hidden.mask(line, Span::at(at + 1, 1)).0);
    lines.collect::<Vec<_>>().join("\n")
}

/// Secrets without quotes which a ` #` may have cut off.
pub fn cut_by_comments(text: &str) -> Vec<Diagnostic> {
    let lines: Vec<_> = snippet::lines(text).collect();
    let spans = Hidden::of(text).spans.into_iter();
    spans
        .filter_map(|span| cut_by_comment(&span, &lines))
        .collect()
}

fn cut_by_comment(span: &saphyr_parser::Span, lines: &[&str]) -> Option<Diagnostic> {
    let number = span.start.line();
    let line = lines.get(number.checked_sub(1)?)?;
    let value = part(span, line, number).filter(|_| span.end.line() == number)?;
    let is_plain = !line[value.clone()].starts_with(['"', '\'', '|', '>', '*']);
    let is_cut = is_plain && line[value.end..].trim_start().starts_with('#');
    is_cut.then(|| {
        Diagnostic::new(
            Span::at(number, span.start.col() + 1),
            "a ` #` starts a comment, which is no part of this secret; put the secret in quotes",
        )
    })
}

/// The hidden parts of a file.
pub struct Hidden {
    /// The values of secrets, as far as the file is YAML.
    spans: Vec<saphyr_parser::Span>,
    values: Vec<String>,
    /// Of a file that is no YAML: what could be a secret's value, for each line in bytes.
    suspect: Option<Vec<Vec<Range<usize>>>>,
}

impl Hidden {
    /// The parts of the file `text` that are to be hidden.
    pub fn of(text: &str) -> Self {
        let (root, SecretParts { spans, mut values }) =
            parse_with_secrets(text, &mut Errors::default());
        values.sort_unstable();
        values.dedup();
        values.truncate(VALUES);
        Self {
            spans,
            values,
            suspect: root.is_err().then(|| suspect(snippet::lines(text))),
        }
    }

    /// `line`, which `span` lies in, without what is hidden; and where `span` is then.
    pub fn mask(&self, line: &str, span: Span) -> (String, Span) {
        let hidden = self.of_line(line, span.line);
        let start = span.column - 1;
        let from = moved(line, &hidden, start, 0);
        let to = moved(line, &hidden, start + span.length, MASK.len());
        let span = Span {
            line: span.line,
            column: from + 1,
            length: to.saturating_sub(from).max(1),
        };
        (replace(line, hidden), span)
    }

    /// The hidden parts of the line of this number, in bytes, sorted and apart.
    fn of_line(&self, line: &str, number: usize) -> Vec<Range<usize>> {
        if line.len() > LINE_BYTES {
            return std::iter::once(0..line.len()).collect();
        }
        let mut hidden = written(line, Until::Word);
        cut_off(line, &mut hidden);
        let parts = self.spans.iter();
        let parts: Vec<_> = parts.filter_map(|span| part(span, line, number)).collect();
        for value in values_on(line) {
            hidden.extend(value_at(line, value, &parts));
        }
        hidden.extend(parts);
        for value in &self.values {
            find_word(line, value, &mut hidden);
        }
        let suspect = self.suspect.as_ref();
        hidden.extend(
            suspect
                .and_then(|lines| lines.get(number - 1))
                .into_iter()
                .flatten()
                .cloned(),
        );
        merge(hidden)
    }
}

/// The secret's value that starts at `start` in `line`, with all behind it but other keys; `parts`
/// are values that the parser found.
fn value_at(line: &str, start: usize, parts: &[Range<usize>]) -> Option<Range<usize>> {
    let text = line[start..].trim_start();
    if is_reference(text) || text.starts_with([',', '}', ']']) {
        return None;
    }
    let start = line.len() - text.len();
    let known = parts
        .iter()
        .filter(|part| part.start >= start)
        .min_by_key(|part| part.start);
    let end = known.map_or(line.len(), |part| part.end + behind(&line[part.end..]));
    Some(start..end)
}

/// The bytes of `rest`, behind a secret's value, that may belong to it: all but further keys, and
/// what closes the mapping.
fn behind(rest: &str) -> usize {
    let is_closed = |at: usize| rest[at..].trim_start().starts_with(['}', ']']);
    let mut at = 0;
    loop {
        if is_closed(at) {
            return at;
        }
        let Some(items) = rest[at..].trim_start().strip_prefix(',') else {
            return rest.len();
        };
        let item = &items[..items.find([',', '}', ']']).unwrap_or(items.len())];
        if item.contains(':') {
            return at;
        }
        at = rest.len() - items.len() + item.len();
    }
}

/// The place of the column `column`, in characters from 0, is once `hidden` is masked; one within a
/// hidden part is `inside` characters behind the mask's start.
fn moved(line: &str, hidden: &[Range<usize>], column: usize, inside: usize) -> usize {
    let mut moved = column;
    for range in hidden {
        let start = line[..range.start].chars().count();
        let length = line[range.clone()].chars().count();
        if column >= start + length {
            moved = moved + MASK.len() - length;
        } else if column > start {
            return moved - (column - start) + inside;
        }
    }
    moved
}

/// The part of the line of this number that lies in `span`, in bytes.
fn part(span: &saphyr_parser::Span, line: &str, number: usize) -> Option<Range<usize>> {
    let (first, last) = (span.start.line(), span.end.line());
    if !(first..=last).contains(&number) {
        return None;
    }
    let byte = |column: usize| {
        line.char_indices()
            .nth(column)
            .map_or(line.len(), |(at, _)| at)
    };
    let indent = line.len() - line.trim_start().len();
    let start = if number == first {
        byte(span.start.col())
    } else {
        indent
    };
    let end = if number == last {
        byte(span.end.col())
    } else {
        line.len()
    };
    (start < end).then_some(start..end)
}

/// Whether `user`, the value of a key of that name, is a name; else it may be a login, or what a
/// slip of the pen has made of one.
pub fn is_name(user: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || ":@#\"'`&*!{}[],".contains(c);
    !user.contains(is_odd)
}

/// Texts that could be a secret's value in the lines of a file that is no YAML.
fn suspect<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Vec<Range<usize>>> {
    // How far the line with a secret's name is indented, and whether its value goes on over lines
    // that look like others.
    let mut open: Option<(usize, bool)> = None;
    let hide = |line: &str| {
        if line.len() > LINE_BYTES {
            return Vec::new();
        }
        let indent = line.len() - line.trim_start().len();
        if let Some((least, has_any)) = open {
            let is_its_own = is_key(line) && (indent <= least || !has_any);
            if !is_its_own {
                return std::iter::once(indent..line.len()).collect();
            }
            open = None;
        }
        let hidden = doubtful(line);
        if let Some(first) = hidden.iter().map(|range| range.start).min() {
            let starts = ['|', '>', '"', '\'', '&', '!'];
            open = Some((indent, line[first..].trim_start().starts_with(starts)));
        }
        hidden
    };
    lines.map(hide).collect()
}

/// The rest of a line of a file that is no YAML behind what starts a secret there.
fn doubtful(line: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    cut_off(line, &mut hidden);
    let values = values_on(line).into_iter().filter_map(|start| {
        let text = line[start..].trim_start();
        (!is_reference(text)).then(|| line.len() - text.len()..line.len())
    });
    hidden.extend(values);
    for range in &mut hidden {
        range.end = line.len();
    }
    hidden.retain(|range| !range.is_empty() || line.trim_end().ends_with(':'));
    hidden
}

/// The starts of secrets' values in a line.
fn values_on(line: &str) -> Vec<usize> {
    let is_named = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let marks = line.match_indices([':', '=']);
    let values = marks.filter(|(at, _)| {
        let before = line[..*at].trim_end().trim_end_matches(['"', '\'']);
        let word = &before[before.trim_end_matches(is_named).len()..];
        let key = &before[before.rfind(['{', ',']).map_or(0, |it| it + 1)..];
        let value = line[at + 1..].trim_start();
        is_like_a_secret(word)
            || is_secret_name(key.trim_matches(|c: char| !is_named(c)))
            || word == "user" && !is_name(first_value(value))
    });
    values.map(|(at, _)| at + 1).collect()
}

/// The value at the start of `text`, if it has no quotes.
fn first_value(text: &str) -> &str {
    match text.find([',', '}']) {
        Some(end) if !text.starts_with(['{', '[']) => &text[..end],
        _ => text.trim_end(),
    }
}

/// Whether a line starts a key.
fn is_key(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches("- ");
    let is_named = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'');
    let rest = line.trim_start_matches(is_named);
    rest.len() < line.len()
        && rest
            .strip_prefix(':')
            .is_some_and(|it| it.is_empty() || it.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets() {
        for (text, expected) in [
            ("password: hunter2", "password: ***"),
            ("password: a b, c # note", "password: ***"),
            ("password: hunter #2", "password: ***"),
            ("password: &hunter", "password: ***"),
            ("password: !hunter", "password: ***"),
            ("my pass word: hunter2", "my pass word: ***"),
            ("password hunter2", "password ***"),
            (
                "{ password: hun,ter,2, fps: 1 }",
                "{ password: ***, fps: 1 }",
            ),
            ("{ password: hunter }", "{ password: *** }"),
            (
                "password: { env: DOOR } # it",
                "password: { env: DOOR } # it",
            ),
            ("user: me", "user: me"),
            ("{ user: me, fps: 1 }", "{ user: me, fps: 1 }"),
            ("user: me:hunter2", "user: ***"),
            ("user: [hunter2]", "user: ***]"),
            ("url: http://me:hun #ter@cam/", "url: http://***@cam/"),
            ("url: http://me:hun #ter", "url: http://***"),
            ("url: http://cam:80/ # note", "url: http://cam:80/ # note"),
            (
                "{ user: me, password: hunter2, fps: 1 }",
                "{ user: me, password: ***, fps: 1 }",
            ),
            ("\"admin-token\" : 'it''s'", "\"admin-token\" : ***"),
            ("pasword: hunter2", "pasword: ***"),
            ("api_key: 12345", "api_key: ***"),
            ("password: { env: DOOR }", "password: { env: DOOR }"),
            ("password:\n  file: a.b", "password:\n  file: a.b"),
            ("password: { env: two words }", "password: ***"),
            ("password: [one, two]", "password: ***"),
            ("password:hunter2", "password:***"),
            ("# password: hunter2", "# password: ***"),
            ("url: rtsp://me:hunter2@cam/1", "url: rtsp://***@cam/1"),
            ("x: &a hunter2\npassword: *a", "x: ***\npassword: ***"),
            ("x: hunter2\npassword: hunter2", "x: ***\npassword: ***"),
            ("streams: demo", "streams: demo"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn values_over_several_lines() {
        for text in [
            "password: |\n  hunter2\n  HUNTER3\nurl: x",
            "password: >-\n  hunter2\n\n  hunter3\nurl: x",
            "password: \"hunter2\n  hunter3\"\nurl: x",
            "password: hunter2\n  hunter3\nurl: x",
            "password:\n  hunter2\nurl: x",
            "{ password: hunter2\n  hunter3,\n  url: x }",
            // No YAML.
            "password: |\n  hunter2\n  hunter3\nurl: [",
            "password: \"hunter2\n  hunter3\nurl: [",
            "password: hunter2\n   hunter3\nurl: [",
            "password:\n\thunter2\nurl: [",
            "  password:\nhunter2\nurl: [",
            "user: \"me\nx:\n  password: hunter2\nurl: y",
            "tokn: hunter2, hunter3\nurl: [",
            "{ user: me, password: hunter2, hunter3\nurl: x",
            "x: [\n  pasword: \"hunter2 hunter3\nurl: x",
            "x: \"http://me:\"hunter2@cam/\"\nurl: y",
            "x: \"http://me:hun\n  hunter2@cam/\nurl: [",
            "x: http://me: hunter2@cam/\nurl: y",
            "password: { env: A }hunter2\nurl: y",
            "password \"hunter2\nurl: [",
            "user: \"me:hunter2\nurl: [",
            "x: &a [hunter2, { b: hunter3 }]\npassword: *a\nurl: y",
        ] {
            let masked = masked(text);
            assert!(
                !masked.to_lowercase().contains("hunter"),
                "{text}\n->\n{masked}"
            );
            assert!(masked.contains("url: "), "{text}\n->\n{masked}");
        }
    }

    #[test]
    fn the_mark_stays_at_its_part() {
        let text = "{ password: hunter2, opacty: 1 }";
        let hidden = Hidden::of(text);
        let span = |column, length| Span {
            line: 1,
            column,
            length,
        };
        for (before, after) in [
            ((3, 8), (3, 8)),
            ((13, 7), (13, 3)),
            ((15, 2), (13, 3)),
            ((22, 6), (18, 6)),
            ((3, 17), (3, 13)),
        ] {
            let (line, moved) = hidden.mask(text, span(before.0, before.1));
            assert_eq!(line, "{ password: ***, opacty: 1 }");
            assert_eq!((moved.column, moved.length), after, "{before:?}");
        }
    }
}
