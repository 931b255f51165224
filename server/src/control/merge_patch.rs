//! JSON merge patches (RFC 7396) of what the pipeline file says.

use json_patch::PatchOperation;
use json_patch::jsonptr::Pointer;
use serde_json::{Map, Value};

use super::edit::{EditError, add, remove};
use crate::config::{find_mask, unmask};

/// Collects the changes that make of `known`, which the file says at `path`, what `patch` asks for.
/// A mask in it is the secret that it was shown for.
///
/// # Errors
/// There is a mask for a secret that is not there.
pub fn merge(
    path: &Pointer,
    known: &Value,
    patch: &Map<String, Value>,
    changes: &mut Vec<PatchOperation>,
) -> Result<(), EditError> {
    for (key, new) in patch {
        let known = known.get(key);
        let path = path.with_trailing_token(key);
        let new = match known {
            Some(known) => unmask(key, known, new.clone()),
            None => new.clone(),
        };
        match (known, &new) {
            (None, Value::Null) => {}
            (Some(known), new) if known == new => {}
            (Some(_), Value::Null) => changes.push(remove(path)),
            (Some(known @ Value::Object(_)), Value::Object(new)) => {
                merge(&path, known, new, changes)?;
            }
            (_, new) => {
                check_masks(key, new)?;
                changes.push(add(path, without_nulls(new)));
            }
        }
    }
    Ok(())
}

/// `config`, which is to stand in the file as a whole. Keys that are `null` count as left out.
///
/// # Errors
/// There is a mask in it.
pub fn whole(config: &Map<String, Value>) -> Result<Value, EditError> {
    let config = Value::Object(config.clone());
    check_masks("", &config)?;
    Ok(without_nulls(&config))
}

/// `value` without the keys that are `null`, at any depth.
fn without_nulls(value: &Value) -> Value {
    let Value::Object(entries) = value else {
        return value.clone();
    };
    let entries = entries.iter().filter(|(_, value)| !value.is_null());
    let entries = entries.map(|(key, value)| (key.clone(), without_nulls(value)));
    Value::Object(entries.collect())
}

/// Refuses what was shown in a secret's place and is sent back as the secret itself.
fn check_masks(key: &str, value: &Value) -> Result<(), EditError> {
    find_mask(key, value).map_or(Ok(()), |key| Err(EditError::Masked(key.to_owned())))
}
