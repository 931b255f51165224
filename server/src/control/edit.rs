//! Edits: changes of the pipeline as values, such as come by the API, and what they make of the
//! pipeline file's text.

use std::path::PathBuf;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, MoveOperation, PatchOperation, RemoveOperation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::merge_patch::{merge, whole};
use crate::config::{self, Config, ConfigError, TextError};
use crate::filter::LoadError;
use crate::secret::MASK;

/// A change of the pipeline. Values of configurations say things as the pipeline file does.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "edit",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Edit {
    /// Adds the stream, or replaces what the file says of it. Keys that are `null` count as left
    /// out.
    PutStream {
        stream: String,
        config: Map<String, Value>,
    },
    /// Changes what the file says of the stream by a JSON merge patch (RFC 7396).
    PatchStream {
        stream: String,
        patch: Map<String, Value>,
    },
    /// Removes the stream.
    RemoveStream { stream: String },
    /// Adds a step at this place of the chain, from 0; at its end without one.
    AddStep {
        stream: String,
        position: Option<usize>,
        config: Map<String, Value>,
    },
    /// Changes what the file says of a step by a JSON merge patch (RFC 7396), and then moves it to
    /// this place of the chain, from 0.
    PatchStep {
        stream: String,
        /// Its id.
        step: u64,
        position: Option<usize>,
        patch: Map<String, Value>,
    },
    /// Removes a step.
    RemoveStep { stream: String, step: u64 },
    /// Adds the user, or changes the keys that are given of the one of this name.
    PutUser {
        name: String,
        keys: Map<String, Value>,
    },
    /// Removes a user.
    RemoveUser { name: String },
    /// Replaces all of the file's text; with a revision only if that is the file's.
    ReplaceText {
        text: String,
        revision: Option<String>,
    },
}

/// The ids of a running stream's steps, in the chain's order; none if there is no such stream.
pub type StepIds<'a> = &'a dyn Fn(&str) -> Option<Vec<u64>>;

/// The reason why an edit was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is no such stream.
    #[error("no stream is called `{0}`")]
    UnknownStream(String),
    /// The stream has no such step.
    #[error("`{stream}` has no step {step}")]
    UnknownStep { stream: String, step: u64 },
    /// There is no such user.
    #[error("no user is called `{0}`")]
    UnknownUser(String),
    /// A mask stands for a secret that is not there.
    #[error(
        "`{0}`: `{MASK}` stands for a secret that is not shown; send the secret itself, or leave \
         the key out of a PATCH"
    )]
    Masked(String),
    /// There is no such version.
    #[error("no version of the pipeline file is called `{0}`; the newest are kept")]
    UnknownVersion(String),
    /// The file's text can't be changed in place.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The command line sets the stream's source, which the edit would change.
    #[error(
        "the source of `{0}` is the one of --source (or MATTEBOX_SOURCE), whatever the pipeline \
         file names; start the server without it to change the source"
    )]
    Overridden(String),
    /// The file is at another revision by now.
    #[error("nothing is restored, since the pipeline file was changed meanwhile: {0}")]
    OtherRevision(String),
    /// It changes more than whether steps are on and when masks are.
    #[error(
        "this takes the role admin: an operator may set `enabled` of a step and `when` of a mask, \
         and nothing else of the pipeline"
    )]
    OperatorOnly,
    /// It names a command, or allows naming them.
    #[error(
        "commands (`exec`, `run`) can't be named over the API: who may, can do on this machine \
         what the server's user can. Where that is meant, write `allow-commands-by-api: true` \
         into the pipeline file by hand"
    )]
    Command,
    /// Nothing would say any more who may watch, so that everybody might.
    #[error(
        "this would let everybody see everything, since nothing in the pipeline file would say who \
         may watch; write `anonymous: none` or `anonymous: viewer` there first"
    )]
    Opening,
    /// No folder for uploads is named.
    #[error(
        "uploads are off: name a folder for them in the pipeline file, such as \
         `filter-folder: filters`"
    )]
    UploadsOff,
    /// The file is wrong as it is; changing it could lose what somebody is writing.
    #[error(transparent)]
    FileIsWrong(ConfigError),
    /// The pipeline would be wrong.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
    /// The uploaded file is no filter, or can't be looked at just now.
    #[error(transparent)]
    Filter(#[from] LoadError),
    /// The server ends.
    #[error("the server is ending")]
    Ending,
    /// Changes that were asked for earlier are still being made.
    #[error("other changes of `{0}` take too long; try again")]
    Waiting(String),
    /// Other changes have come first again and again.
    #[error("other changes keep coming before this one; try again")]
    Outrun,
    /// The file is open for writing.
    #[error("somebody is writing to the pipeline file; try again when it is saved")]
    BeingWritten,
    /// The file was changed by hand, and is not in force yet.
    #[error("the pipeline file was changed, and its filters are still being readied; try again")]
    Preparing,
    /// Another program keeps the file's folder locked.
    #[error("another program keeps the folder {} locked; try again", .0.display())]
    Locked(PathBuf),
    /// The disk is full, or fails just now.
    #[error("{} can't be written just now: {why}", path.display())]
    NoSpace { path: PathBuf, why: String },
    /// The file can't be written.
    #[error("{} can't be written: {why}", path.display())]
    Unwritable { path: PathBuf, why: String },
    /// The server failed over it.
    #[error("the change broke down: {0}")]
    Broken(String),
}

impl Edit {
    /// The stream that it changes; none if it may change all of them.
    pub fn stream(&self) -> Option<&str> {
        match self {
            Self::PutStream { stream, .. }
            | Self::PatchStream { stream, .. }
            | Self::RemoveStream { stream }
            | Self::AddStep { stream, .. }
            | Self::PatchStep { stream, .. }
            | Self::RemoveStep { stream, .. } => Some(stream),
            Self::PutUser { .. } | Self::RemoveUser { .. } | Self::ReplaceText { .. } => None,
        }
    }

    /// The text of the pipeline `base` with this edit made in it. Steps are those that run, which
    /// must be the ones that `base` has.
    ///
    /// # Errors
    /// There is no such stream or step, or the text can't be changed.
    pub fn apply(&self, base: &Config, ids: StepIds<'_>) -> Result<String, EditError> {
        if let Self::ReplaceText { text, .. } = self {
            return Ok(text.clone());
        }
        Ok(config::edit(&base.file.text, &self.changes(base, ids)?)?)
    }

    fn changes(&self, base: &Config, ids: StepIds<'_>) -> Result<Vec<PatchOperation>, EditError> {
        let steps = |name: &str| ids(name).ok_or_else(|| EditError::UnknownStream(name.to_owned()));
        let written = |stream| base.written(stream).unwrap_or_default();
        Ok(match self {
            Self::PutStream { stream, config } => vec![add(place(stream), whole(config)?)],
            Self::PatchStream { stream, patch } => {
                steps(stream)?;
                let mut changes = Vec::new();
                merge(&place(stream), &written(stream), patch, &mut changes)?;
                changes
            }
            Self::RemoveStream { stream } => {
                steps(stream)?;
                vec![remove(place(stream))]
            }
            Self::AddStep {
                stream,
                position,
                config,
            } => {
                let count = steps(stream)?.len();
                let at = position.unwrap_or(count).min(count);
                vec![add(step_place(stream, at), whole(config)?)]
            }
            Self::PatchStep {
                stream,
                step,
                position,
                patch,
            } => {
                let ids = steps(stream)?;
                let at = index(&ids, stream, *step)?;
                let mut changes = Vec::new();
                let from = step_place(stream, at);
                merge(&from, &written(stream)["filters"][at], patch, &mut changes)?;
                let to = position.map(|to| to.min(ids.len() - 1));
                changes.extend(to.filter(|to| *to != at).map(|to| {
                    let path = step_place(stream, to);
                    PatchOperation::Move(MoveOperation { from, path })
                }));
                changes
            }
            Self::RemoveStep { stream, step } => {
                let at = index(&steps(stream)?, stream, *step)?;
                vec![remove(step_place(stream, at))]
            }
            Self::PutUser { name, keys } => put_user(base, name, keys)?,
            Self::RemoveUser { name } => {
                let at = user_at(base, name).ok_or_else(|| EditError::UnknownUser(name.clone()))?;
                vec![remove(user_place(at))]
            }
            Self::ReplaceText { .. } => Vec::new(),
        })
    }
}

/// The step's place in the chain.
fn index(ids: &[u64], stream: &str, step: u64) -> Result<usize, EditError> {
    let at = ids.iter().position(|id| *id == step);
    at.ok_or_else(|| EditError::UnknownStep {
        stream: stream.to_owned(),
        step,
    })
}

/// The place of a stream in the pipeline file.
fn place(stream: &str) -> PointerBuf {
    PointerBuf::from_tokens(["streams", stream])
}

fn step_place(stream: &str, at: usize) -> PointerBuf {
    PointerBuf::from_tokens(["streams", stream, "filters", &at.to_string()])
}

/// The user's place in the list.
fn user_at(base: &Config, name: &str) -> Option<usize> {
    let mut users = base.access.users.iter();
    users.position(|user| user.name == name)
}

fn user_place(at: usize) -> PointerBuf {
    PointerBuf::from_tokens(["users", &at.to_string()])
}

fn put_user(
    base: &Config,
    name: &str,
    keys: &Map<String, Value>,
) -> Result<Vec<PatchOperation>, EditError> {
    let Some(at) = user_at(base, name) else {
        let mut user = Map::from_iter([("name".to_owned(), name.into())]);
        user.extend(keys.clone());
        let end = user_place(base.access.users.len());
        return Ok(vec![add(end, whole(&user)?)]);
    };
    let known = base.written_user(at).unwrap_or_default();
    let mut changes = Vec::new();
    merge(&user_place(at), &known, keys, &mut changes)?;
    Ok(changes)
}

/// The change that gives `path` this value.
pub(super) fn add(path: PointerBuf, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value })
}

/// The change that removes what is at `path`.
pub(super) fn remove(path: PointerBuf) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation { path })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::shown;

    const FILE: &str = "streams:
  door:
    filters:
      - use: timestamp
        with: { format: '%H:%M' }
      - use: resize   # small
        with: { width: 320 }
  # nobody looks
  back: {}
";

    fn config(text: &str) -> Config {
        Config::parse(text, "pipeline.yaml", std::path::Path::new(".")).unwrap()
    }

    fn apply(edit: &Value) -> Result<String, String> {
        let edit: Edit = serde_json::from_value(edit.clone()).map_err(|it| it.to_string())?;
        let ids = |name: &str| match name {
            "door" => Some(vec![7, 9]),
            "back" => Some(vec![]),
            _ => None,
        };
        let text = edit.apply(&config(FILE), &ids);
        text.map_err(|it| it.to_string())
    }

    #[test]
    fn each_edit_changes_what_it_names_and_keeps_the_rest() {
        for (edit, old, new) in [
            (
                json!({
                    "edit": "put-stream", "stream": "back",
                    "config": {"title": "Back", "quality": null}
                }),
                "  back: {}\n",
                "  back:\n    title: Back\n",
            ),
            (
                json!({
                    "edit": "patch-stream", "stream": "back",
                    "patch": {"title": "Back", "quality": null}
                }),
                "  back: {}\n",
                "  back: {title: Back}\n",
            ),
            (
                json!({"edit": "remove-stream", "stream": "back"}),
                "  back: {}\n",
                "",
            ),
            (
                json!({
                    "edit": "add-step", "stream": "door", "position": 9,
                    "config": {"use": "text"}
                }),
                "        with: { width: 320 }\n",
                "        with: { width: 320 }\n      - use: text\n",
            ),
            (
                json!({
                    "edit": "patch-step", "stream": "door", "step": 9,
                    "patch": {"with": {"width": 64}, "enabled": null}
                }),
                "width: 320",
                "width: 64",
            ),
            (
                json!({"edit": "remove-step", "stream": "door", "step": 7}),
                "      - use: timestamp\n        with: { format: '%H:%M' }\n",
                "",
            ),
            (
                json!({"edit": "replace-text", "text": "streams: { a: {} }"}),
                FILE,
                "streams: { a: {} }",
            ),
        ] {
            assert_eq!(apply(&edit), Ok(FILE.replace(old, new)), "{edit}");
        }
    }

    #[test]
    fn a_step_is_changed_and_moved_in_one() {
        let edit = json!({
            "edit": "patch-step", "stream": "door", "step": 9, "position": 0,
            "patch": {"enabled": false},
        });
        let door = config(&apply(&edit).unwrap()).written("door").unwrap();
        let steps = door["filters"].as_array().unwrap().iter();
        let steps: Vec<_> = steps.map(|it| (&it["use"], &it["enabled"])).collect();
        assert_eq!(
            steps,
            [
                (&json!("resize"), &json!(false)),
                (&json!("timestamp"), &Value::Null)
            ]
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (edit, why) in [
            (
                json!({"edit": "remove-stream", "stream": "front"}),
                "no stream is called `front`",
            ),
            (
                json!({"edit": "remove-step", "stream": "door", "step": 8}),
                "`door` has no step 8",
            ),
            (
                json!({"edit": "add-step", "stream": "front", "config": {}}),
                "no stream is called `front`",
            ),
        ] {
            assert_eq!(apply(&edit), Err(why.to_owned()));
        }
        assert!(apply(&json!({"edit": "remove-stream", "name": "door"})).is_err());
    }

    #[test]
    fn an_edit_is_the_same_after_a_way_as_json() {
        let edit = Edit::PatchStep {
            stream: "door".to_owned(),
            step: 7,
            position: Some(1),
            patch: Map::from_iter([("enabled".to_owned(), Value::Null)]),
        };
        let json = serde_json::to_value(&edit).unwrap();
        assert_eq!(json["edit"], "patch-step");
        assert!(serde_json::from_value::<Edit>(json).unwrap() == edit);
    }

    #[test]
    fn what_is_sent_back_as_it_was_shown_is_left() {
        let (known, mut changes) = (json!({"password": "hunter2"}), Vec::new());
        let patch = Map::from_iter([("password".to_owned(), shown(&known)["password"].clone())]);
        merge(
            json_patch::jsonptr::Pointer::root(),
            &known,
            &patch,
            &mut changes,
        )
        .unwrap();
        assert!(changes.is_empty());
    }
}
