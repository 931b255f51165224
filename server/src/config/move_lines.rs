//! Moves the items of a list by whole lines, so that each takes the comments above it along.

use std::ops::Range;

use json_patch::jsonptr::Pointer;

use super::edit::TextError;
use super::error::Errors;
use super::parse::parse;
use super::place::Place;
use super::yaml::Content;

/// Moves the item of a list in `text` that is at `from` to the place `to` in the same list.
///
/// # Errors
/// The list is written in a way that can't be taken apart by lines.
pub fn move_item(text: &str, from: &Pointer, to: &Pointer) -> Result<String, TextError> {
    try_move(text, from, to).ok_or(TextError::MoveByHand)
}

fn try_move(text: &str, from: &Pointer, to: &Pointer) -> Option<String> {
    let root = parse(text, &mut Errors::default())?;
    let (path, from) = from.split_back()?;
    let (_, to) = to.split_back().filter(|(list, _)| *list == path)?;
    let (from, to) = (from.decoded().parse().ok()?, to.decoded().parse().ok()?);
    let list = Place::new(root.span, &root).find(path.as_str())?;
    let Content::List(items) = &list.value.content else {
        return None;
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let chunks: Option<Vec<_>> = items
        .iter()
        .map(|item| chunk(&lines, item.span.line - 1))
        .collect();
    let chunks = chunks?;
    let mut order: Vec<usize> = (0..chunks.len()).collect();
    let item = order.remove(from);
    order.insert(to, item);
    let mut result = String::new();
    let mut done = 0;
    // What stands between the items stays where it is.
    for (place, item) in chunks.iter().zip(order) {
        result.extend(lines.get(done..place.start)?.iter().copied());
        result.extend(
            lines
                .get(chunks[item].clone())?
                .iter()
                .map(|line| with_end(line, line_end)),
        );
        done = place.end;
    }
    result.extend(lines[done..].iter().copied());
    Some(result)
}

/// The lines of the item that starts on the line `start`, with the comments right above it.
fn chunk(lines: &[&str], start: usize) -> Option<Range<usize>> {
    let first = lines.get(start)?;
    let indent = indent(first);
    if !first.trim_start().starts_with("- ") {
        return None;
    }
    let is_inside = |line: &&&str| line.trim().is_empty() || self::indent(line) > indent;
    let inside = lines[start + 1..].iter().take_while(is_inside).count();
    let mut end = start + 1 + inside;
    while lines[end - 1].trim().is_empty() {
        end -= 1;
    }
    let is_comment = |line: &&&str| line.trim_start().starts_with('#');
    let comments = lines[..start].iter().rev().take_while(is_comment).count();
    Some(start - comments..end)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The last line of a file may have no end.
fn with_end(line: &str, line_end: &str) -> String {
    match line.ends_with('\n') {
        true => line.to_owned(),
        false => format!("{line}{line_end}"),
    }
}
