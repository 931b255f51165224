//! JSON merge patches (RFC 7396) of what the pipeline file says.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::super::problem::ProblemDetails;
use crate::config::{Change, Part, find_mask, unmask};
use crate::control::ChangeError;
use crate::secret::MASK;

/// The changes that make of `known`, which the file says at `path`, what `patch` asks for. A mask in
/// it is the secret that it was shown for.
///
/// # Errors
/// There is a mask for a secret that is not there.
pub fn merge(
    path: &[Part],
    known: &Value,
    patch: Map<String, Value>,
    changes: &mut Vec<Change>,
) -> Result<(), ChangeError> {
    for (key, new) in patch {
        let known = known.get(&key);
        let path = [path, &[Part::Key(key.clone())]].concat();
        let new = match known {
            Some(known) => unmask(&key, known, new),
            None => new,
        };
        match (known, new) {
            (None, Value::Null) => {}
            (Some(known), new) if *known == new => {}
            (Some(_), Value::Null) => changes.push(Change::Remove(path)),
            (Some(known @ Value::Object(_)), Value::Object(new)) => {
                merge(&path, known, new, changes)?;
            }
            (_, new) => {
                check_masks(&key, &new).map_err(ChangeError::Invalid)?;
                changes.push(Change::Set(path, without_nulls(new)));
            }
        }
    }
    Ok(())
}

/// Leaves out what is `null`, as if it were not there.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.into_iter().filter(|(_, value)| !value.is_null());
            let entries = entries.map(|(key, value)| (key, without_nulls(value)));
            Value::Object(entries.collect())
        }
        other => other,
    }
}

/// Refuses what was shown in a secret's place and is sent back as the secret itself.
pub fn refuse_masks(config: &Value) -> Result<(), ProblemDetails> {
    let refuse = |why| ProblemDetails::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    check_masks("", config).map_err(refuse)
}

fn check_masks(key: &str, value: &Value) -> Result<(), String> {
    find_mask(key, value).map_or(Ok(()), |key| {
        Err(format!(
            "`{key}`: `{MASK}` stands for a secret that is not shown; send the secret itself, or leave the key out of a PATCH"
        ))
    })
}
