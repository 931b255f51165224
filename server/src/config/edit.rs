//! Changes a pipeline file's text in place: what is not changed keeps its comments, its order and
//! its style.
//!
//! Changes are those of JSON Patch (RFC 6902), of which adding, removing and replacing values, and
//! moving items within a list, are known. `yaml-edit` makes them in the text. Since no editor knows
//! all of YAML, the result is read again, and must say what was meant.

use std::slice;
use std::str::FromStr;

use json_patch::jsonptr::{Pointer, Token};
use json_patch::{AddOperation, PatchOperation, ReplaceOperation};
use serde_json::{Value, json};
use yaml_edit::{AsYaml, Document, YamlNode};

use super::error::Errors;
use super::move_lines::move_item;
use super::parse::parse;
use crate::panics::catch;

/// The reason why a text can't be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is no YAML.
    #[error("the pipeline file is no YAML")]
    NoYaml,
    /// It has no such key or item.
    #[error("there is no such place in the pipeline file")]
    NoSuchPlace,
    /// The change would lose something of it.
    #[error(
        "the pipeline file is written in a way that the server can't change without losing \
         something (an anchor, for instance); change it by hand"
    )]
    ByHand,
    /// The items of the list can't be taken apart by lines.
    #[error(
        "these steps don't stand on lines of their own in the pipeline file; move them by hand"
    )]
    MoveByHand,
}

/// Makes `changes` in `text`, one after the other.
///
/// # Errors
/// See [`TextError`].
pub fn edit(text: &str, changes: &[PatchOperation]) -> Result<String, TextError> {
    let mut text = text.to_owned();
    let mut value = read(&text)?;
    for change in changes {
        let change = simplify(&value, change.clone());
        json_patch::patch(&mut value, slice::from_ref(&change))
            .map_err(|_| TextError::NoSuchPlace)?;
        // The library may break down over YAML that it doesn't know.
        text = catch(|| apply(&text, &change)).unwrap_or(Err(TextError::ByHand))?;
        if read(&text).as_ref() != Ok(&value) {
            return Err(TextError::ByHand);
        }
    }
    Ok(text)
}

/// The contents of a pipeline file, as JSON.
fn read(text: &str) -> Result<Value, TextError> {
    let mut errors = Errors::default();
    match parse(text, &mut errors) {
        Some(root) if errors.0.is_empty() => Ok(root.to_json()),
        _ => Err(TextError::NoYaml),
    }
}

/// Lists and mappings that are not there, or empty, or become so, are written as a whole.
fn simplify(root: &Value, change: PatchOperation) -> PatchOperation {
    let path = change.path().to_owned();
    let Some((parent, last)) = path.split_back() else {
        return change;
    };
    match (&change, root.pointer(parent.as_str())) {
        (PatchOperation::Add(_), Some(Value::Object(_))) => change,
        (PatchOperation::Add(_), Some(Value::Array(items))) if !items.is_empty() => change,
        (PatchOperation::Add(add), there) => {
            let is_list = there.is_some_and(Value::is_array) || last.to_index().is_ok();
            let whole = match is_list {
                true => json!([add.value]),
                false => json!({ last.decoded(): add.value }),
            };
            put_whole(root, parent, whole)
        }
        (PatchOperation::Remove(_), Some(Value::Array(items))) if items.len() == 1 => {
            put_whole(root, parent, json!([]))
        }
        (PatchOperation::Remove(_), Some(Value::Object(entries)))
            if entries.len() == 1 && !parent.is_root() =>
        {
            put_whole(root, parent, json!({}))
        }
        _ => change,
    }
}

fn put_whole(root: &Value, path: &Pointer, value: Value) -> PatchOperation {
    let is_there = root.pointer(path.as_str()).is_some();
    let path = path.to_buf();
    match is_there {
        true => PatchOperation::Replace(ReplaceOperation { path, value }),
        false => simplify(root, PatchOperation::Add(AddOperation { path, value })),
    }
}

fn apply(text: &str, change: &PatchOperation) -> Result<String, TextError> {
    if let PatchOperation::Move(change) = change {
        return move_item(text, &change.from, &change.path);
    }
    let document = Document::from_str(text).map_err(|_| TextError::ByHand)?;
    apply_to(&document, change).ok_or(TextError::NoSuchPlace)?;
    Ok(document.to_string())
}

fn apply_to(document: &Document, change: &PatchOperation) -> Option<()> {
    let (parent, last) = change.path().split_back()?;
    let root = YamlNode::Mapping(document.as_mapping()?);
    let mut parts = parent.tokens();
    let parent = parts.try_fold(root, |node, part| match node {
        YamlNode::Sequence(list) => list.get(index(&part)?),
        node => node.get(&*part.decoded()),
    })?;
    match (change, &parent) {
        (PatchOperation::Remove(_), YamlNode::Sequence(list)) => {
            list.remove(index(&last)?).map(drop)
        }
        (PatchOperation::Remove(_), node) => node.as_mapping()?.remove(&*last.decoded()).map(drop),
        (PatchOperation::Add(add), YamlNode::Sequence(list)) => {
            list.insert(index(&last)?, written(&add.value)?.as_mapping()?);
            Some(())
        }
        (
            PatchOperation::Add(AddOperation { value, .. })
            | PatchOperation::Replace(ReplaceOperation { value, .. }),
            node,
        ) => set(node, &last, value),
        _ => None,
    }
}

fn index(part: &Token<'_>) -> Option<usize> {
    part.decoded().parse().ok()
}

fn set(parent: &YamlNode, last: &Token<'_>, new: &Value) -> Option<()> {
    match new {
        Value::Bool(flag) => put(parent, last, flag),
        Value::String(text) => put(parent, last, text.as_str()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => put(parent, last, whole),
            (None, Some(number)) => put(parent, last, number),
            (None, None) => None,
        },
        Value::Null => None,
        Value::Array(_) | Value::Object(_) => put(parent, last, &written(new)?),
    }
}

fn put(parent: &YamlNode, last: &Token<'_>, new: impl AsYaml) -> Option<()> {
    match parent {
        YamlNode::Sequence(list) => return list.set(index(last)?, new).then_some(()),
        node => node.as_mapping()?.set(&*last.decoded(), new),
    }
    Some(())
}

/// A list or a mapping, written over several lines as people do; what is deeper and short stays on
/// one line.
fn written(value: &Value) -> Option<Document> {
    let mut text = String::new();
    block(value, 0, &mut text);
    Document::from_str(&text).ok()
}

/// Writes `value` on lines of its own.
fn block(value: &Value, indent: usize, text: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(entries) if is_block(value) => {
            for (key, value) in entries {
                *text += &format!("{margin}{}:", scalar(key));
                match value {
                    Value::String(value) => *text += &format!(" {}\n", scalar(value)),
                    value if is_block(value) => {
                        text.push('\n');
                        block(value, indent + 2, text);
                    }
                    value => *text += &format!(" {value}\n"),
                }
            }
        }
        Value::Array(items) if is_block(value) => {
            for item in items {
                let mut lines = String::new();
                block(item, indent + 2, &mut lines);
                *text += &format!("{margin}- {}", lines.trim_start());
            }
        }
        // JSON is YAML.
        value => *text += &format!("{margin}{value}\n"),
    }
}

/// Whether `value` is a mapping, or a list of them.
fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(entries) => !entries.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        _ => false,
    }
}

/// A text without quotes where it can't be taken for anything else.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let is_text = super::yaml::is_text(text)
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/'));
    if is_text && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}
