//! Users: listed, added, changed and removed, in the pipeline file.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::App;
use super::super::problem::ProblemDetails;
use super::editor::Editor;
use super::refusals::{NoUser, WrongBody, WrongFile};
use super::{Answer, parse, uncached_json};
use crate::config::Role;
use crate::control::{Edit, EditError};
use crate::password;

/// A user.
#[derive(Serialize, utoipa::ToSchema)]
struct UserReport {
    /// The user's name.
    name: String,
    /// What the user may do.
    role: Role,
    /// The streams that the user sees, by name or by a pattern; all if there are none.
    streams: Vec<String>,
    /// Whether the user can log in here; else a proxy tells of it.
    has_password: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Users {
    users: Vec<UserReport>,
}

/// What is to be changed of a user; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// The password. Its hash is written to the pipeline file.
    #[serde(default)]
    #[schema(min_length = 8, max_length = 1000)]
    password: Option<String>,
    /// What the user may do; a new user watches without it.
    #[serde(default)]
    role: Option<Role>,
    /// The streams that the user sees, by name or by a pattern; all if there are none.
    #[serde(default)]
    streams: Option<Vec<String>>,
}

/// All users, in the file's order.
#[utoipa::path(
    get,
    path = "/users",
    responses((status = OK, description = "All users", body = Users)),
)]
pub async fn list_users(State(app): State<App>) -> Response {
    let snapshot = app.controller.current();
    let users = snapshot.config.access.users.iter().map(|user| UserReport {
        name: user.name.clone(),
        role: user.role,
        streams: user.streams.clone(),
        has_password: user.password.is_some(),
    });
    uncached_json(Users {
        users: users.collect(),
    })
}

/// Adds the user, or changes what is sent of the one there is. Sessions of before end.
#[utoipa::path(
    put,
    path = "/users/{user}",
    params(("user" = String, Path, description = "The user's name")),
    request_body(content = UserChange),
    responses(
        (status = CREATED, description = "The user is added"),
        (status = NO_CONTENT, description = "The user is changed"),
        WrongBody, WrongFile,
    ),
)]
pub async fn put_user(editor: Editor, Path(name): Path<String>, body: Bytes) -> Answer {
    let change: UserChange = parse(&body)?;
    let snapshot = editor.app.controller.current();
    let is_new = snapshot.credentials.user(&name).is_none();
    let mut keys = Map::new();
    if let Some(role) = change.role {
        keys.insert("role".to_owned(), role.name().into());
    }
    if let Some(streams) = change.streams {
        let all = streams.is_empty();
        keys.insert(
            "streams".to_owned(),
            if all { Value::Null } else { json!(streams) },
        );
    }
    if let Some(password) = change.password {
        password::check_new(&password)
            .map_err(|why| ProblemDetails::bad_request(why.to_string()))?;
        let turn = editor.app.access.passwords.turn().await?;
        keys.insert("password".to_owned(), turn.hash(password).await?.into());
    }
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::NO_CONTENT,
    };
    let edit = Edit::PutUser { name, keys };
    editor.make(edit, |_| Ok(status.into_response())).await
}

/// Removes the user, whose sessions end.
#[utoipa::path(
    delete,
    path = "/users/{user}",
    params(("user" = String, Path, description = "The user's name")),
    responses(
        (status = NO_CONTENT, description = "The user is removed"),
        NoUser, WrongFile,
    ),
)]
pub async fn remove_user(editor: Editor, Path(name): Path<String>) -> Answer {
    let snapshot = editor.app.controller.current();
    let users = &snapshot.config.access.users;
    if !users.iter().any(|user| user.name == name) {
        return Err(EditError::UnknownUser(name).into());
    }
    editor.remove(Edit::RemoveUser { name }).await
}
