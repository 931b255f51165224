//! Changes a pipeline file's text in place: what is not changed keeps its comments, its order and
//! its style.
//!
//! `yaml-edit` does it. Since no editor knows all of YAML, the result is read again, and must say
//! what was meant.

use std::str::FromStr;

use serde_json::{Map, Value};
use yaml_edit::{AsYaml, Document, YamlNode};

use super::error::Errors;
use super::move_lines::move_item;
use super::parse::parse;
use crate::panics::catch;

/// A change of a pipeline file. A path is one of keys, and of places in lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Gives the key or item at the path this value.
    Set(Vec<Part>, Value),
    /// Removes the key or item at the path.
    Remove(Vec<Part>),
    /// Puts a value into the list at the path, before the item at this place.
    Insert(Vec<Part>, usize, Value),
    /// Moves an item of the list at the path from one place to another.
    Move(Vec<Part>, usize, usize),
}

/// A part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A mapping's key.
    Key(String),
    /// An item's place in a list, from 0.
    Item(usize),
}

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
        "the pipeline file is written in a way that the server can't change without losing something (an anchor, for instance); change it by hand"
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
pub fn edit(text: &str, changes: &[Change]) -> Result<String, TextError> {
    let mut text = text.to_owned();
    let mut value = read(&text)?;
    for change in changes {
        let change = simplify(&value, change.clone());
        apply_to_json(&mut value, &change)?;
        // The library may break down over YAML that it doesn't know.
        text = catch(|| apply_to_text(&text, &change)).unwrap_or(Err(TextError::ByHand))?;
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
fn simplify(value: &Value, change: Change) -> Change {
    match change {
        Change::Set(mut path, new) => match path.split_last() {
            Some((Part::Key(key), parent))
                if !find(value, parent).is_some_and(Value::is_object) =>
            {
                let new = Value::Object(Map::from_iter([(key.clone(), new)]));
                path.pop();
                simplify(value, Change::Set(path, new))
            }
            _ => Change::Set(path, new),
        },
        Change::Insert(path, at, new) => match find(value, &path).and_then(Value::as_array) {
            Some(items) if !items.is_empty() => Change::Insert(path, at, new),
            _ => simplify(value, Change::Set(path, Value::Array(vec![new]))),
        },
        Change::Remove(path) => match path
            .split_last()
            .and_then(|(_, it)| Some((it, find(value, it)?)))
        {
            Some((parent, Value::Array(items))) if items.len() == 1 => {
                Change::Set(parent.to_vec(), Value::Array(Vec::new()))
            }
            Some((parent, Value::Object(entries))) if entries.len() == 1 && !parent.is_empty() => {
                Change::Set(parent.to_vec(), Value::Object(Map::new()))
            }
            _ => Change::Remove(path),
        },
        Change::Move(..) => change,
    }
}

fn find<'a>(value: &'a Value, path: &[Part]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, part| match part {
        Part::Key(key) => value.get(key),
        Part::Item(at) => value.get(at),
    })
}

fn find_mut<'a>(value: &'a mut Value, path: &[Part]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, part| match part {
        Part::Key(key) => value.get_mut(key),
        Part::Item(at) => value.get_mut(at),
    })
}

fn apply_to_json(root: &mut Value, change: &Change) -> Result<(), TextError> {
    let done = match change {
        Change::Set(path, new) => path.split_last().and_then(|(last, parent)| {
            let parent = find_mut(root, parent)?;
            match last {
                Part::Key(key) => {
                    parent.as_object_mut()?.insert(key.clone(), new.clone());
                }
                Part::Item(at) => *parent.get_mut(at)? = new.clone(),
            }
            Some(())
        }),
        Change::Remove(path) => path.split_last().and_then(|(last, parent)| {
            let parent = find_mut(root, parent)?;
            match last {
                Part::Key(key) => parent.as_object_mut()?.shift_remove(key).map(drop),
                Part::Item(at) => {
                    let items = parent.as_array_mut()?;
                    (*at < items.len()).then(|| drop(items.remove(*at)))
                }
            }
        }),
        Change::Insert(path, at, new) => find_mut(root, path).and_then(|list| {
            let items = list.as_array_mut()?;
            (*at <= items.len()).then(|| items.insert(*at, new.clone()))
        }),
        Change::Move(path, from, to) => find_mut(root, path).and_then(|list| {
            let items = list.as_array_mut()?;
            (*from < items.len() && *to < items.len()).then(|| {
                let item = items.remove(*from);
                items.insert(*to, item);
            })
        }),
    };
    done.ok_or(TextError::NoSuchPlace)
}

fn apply_to_text(text: &str, change: &Change) -> Result<String, TextError> {
    if let Change::Move(path, from, to) = change {
        return move_item(text, path, *from, *to);
    }
    let document = Document::from_str(text).map_err(|_| TextError::ByHand)?;
    let done = match change {
        Change::Set(path, new) => path
            .split_last()
            .and_then(|(last, parent)| set(&node(&document, parent)?, last, new)),
        Change::Remove(path) => path.split_last().and_then(|(last, parent)| {
            let parent = node(&document, parent)?;
            match last {
                Part::Key(key) => parent.as_mapping()?.remove(key.as_str()).map(drop),
                Part::Item(at) => parent.as_sequence()?.remove(*at).map(drop),
            }
        }),
        Change::Insert(path, at, new) => node(&document, path).and_then(|list| {
            let new = written(new)?;
            list.as_sequence()?.insert(*at, new.as_mapping()?);
            Some(())
        }),
        Change::Move(..) => None,
    };
    done.ok_or(TextError::NoSuchPlace)?;
    Ok(document.to_string())
}

fn node(document: &Document, path: &[Part]) -> Option<YamlNode> {
    let root = YamlNode::Mapping(document.as_mapping()?);
    path.iter().try_fold(root, |node, part| match part {
        Part::Key(key) => node.get(key.as_str()),
        Part::Item(at) => node.get_item(*at),
    })
}

fn set(parent: &YamlNode, last: &Part, new: &Value) -> Option<()> {
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

fn put(parent: &YamlNode, last: &Part, new: impl AsYaml) -> Option<()> {
    match last {
        Part::Key(key) => parent.as_mapping()?.set(key.as_str(), new),
        Part::Item(at) => return parent.as_sequence()?.set(*at, new).then_some(()),
    }
    Some(())
}

/// A list or a mapping, written over several lines as people do; what is deeper and short stays on
/// one line.
fn written(value: &Value) -> Option<Document> {
    let mut text = String::new();
    match value {
        Value::Object(entries) if !entries.is_empty() => block(entries, 0, &mut text),
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            for entries in items.iter().filter_map(Value::as_object) {
                let mut item = String::new();
                block(entries, 2, &mut item);
                text += "- ";
                text += item.trim_start();
            }
        }
        // JSON is YAML.
        _ => text = value.to_string(),
    }
    Document::from_str(&text).ok()
}

fn block(entries: &Map<String, Value>, indent: usize, text: &mut String) {
    for (key, value) in entries {
        *text += &" ".repeat(indent);
        *text += &scalar(key);
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                *text += ":\n";
                block(inner, indent + 2, text);
            }
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
                *text += ":\n";
                for inner in items.iter().filter_map(Value::as_object) {
                    let mut item = String::new();
                    block(inner, indent + 4, &mut item);
                    *text += &" ".repeat(indent + 2);
                    *text += "- ";
                    *text += item.trim_start();
                }
            }
            Value::String(value) => *text += &format!(": {}\n", scalar(value)),
            value => *text += &format!(": {value}\n"),
        }
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
