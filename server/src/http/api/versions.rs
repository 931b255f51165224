//! Versions of the pipeline file: listed, shown, restored.

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::App;
use super::editor::{Editor, with_revisions};
use super::refusals::{NoVersion, NotAdmin, NotRestored, WrongBody};
use super::{Answer, parse, uncached_json};
use crate::config::masked;
use crate::control::{Author, EditError, PipelineReport, Version};

#[derive(Serialize, utoipa::ToSchema)]
struct Versions {
    versions: Vec<VersionReport>,
}

/// A version of the pipeline file.
#[derive(Serialize, utoipa::ToSchema)]
struct VersionReport {
    /// Its name: the file's revision with this text.
    id: String,
    /// The time at which it became what the file says, RFC 3339, UTC.
    at: String,
    /// Its author.
    by: Author,
    /// Whether it is what is in force.
    is_current: bool,
    /// The file's text, with secrets masked. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl VersionReport {
    fn new(version: &Version, current: &str, text: Option<String>) -> Self {
        Self {
            id: version.id.clone(),
            at: version.time(),
            by: version.by.clone(),
            is_current: version.id == current,
            text,
        }
    }
}

/// The terms on which a version is restored.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Restoring {
    /// Only if this is still the file's revision, such as the `X-Mattebox-Revision` of the change
    /// that is to be undone.
    revision: Option<String>,
}

/// The newest twenty texts that the pipeline file had, the newest first. Each is there once.
#[utoipa::path(
    get,
    path = "/pipeline/versions",
    responses((status = OK, description = "The versions, newest first", body = Versions)),
)]
pub async fn list_versions(State(app): State<App>) -> Answer {
    let versions = super::blocking(move || {
        let current = app.controller.report().revision;
        let all = app.controller.versions().list();
        let reports = all.iter().map(|it| VersionReport::new(it, &current, None));
        reports.collect()
    });
    Ok(uncached_json(Versions {
        versions: versions.await?,
    }))
}

/// One version with its text, in which secrets are masked. Takes an admin.
#[utoipa::path(
    get,
    path = "/pipeline/versions/{version}",
    params(("version" = String, Path, description = "The version's id")),
    responses(
        (status = OK, description = "The version", body = VersionReport),
        NotAdmin, NoVersion,
    ),
)]
pub async fn show_version(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let found = super::blocking(move || {
        let version = app.controller.versions().find(&id);
        let version = version.ok_or(EditError::UnknownVersion(id))?;
        let text = masked(version.text.expose());
        let current = app.controller.report().revision;
        Ok::<_, EditError>(VersionReport::new(&version, &current, Some(text)))
    });
    Ok(uncached_json(found.await??))
}

/// Makes the pipeline file again what it was in this version, which is checked like any change.
///
/// The text until then is kept as a version. With `revision`, nothing is restored if the file
/// is another by now: so a change is undone by restoring its answer's `X-Mattebox-Previous` with
/// its `X-Mattebox-Revision`.
#[utoipa::path(
    post,
    path = "/pipeline/versions/{version}/restore",
    params(("version" = String, Path, description = "The version's id")),
    request_body(content = Option<Restoring>, content_type = "application/json"),
    responses(
        (status = OK, description = "How the pipeline file is now", body = PipelineReport),
        NotRestored, WrongBody, NoVersion,
    ),
)]
pub async fn restore_version(editor: Editor, Path(id): Path<String>, body: Bytes) -> Answer {
    let restoring: Restoring = match body.as_ref() {
        b"" => Restoring::default(),
        body => parse::<Option<_>>(body)?.unwrap_or_default(),
    };
    let rights = editor.identity.edit_rights();
    let Editor { app, author, .. } = editor;
    let edited = app
        .controller
        .restore(id, restoring.revision, author, rights);
    let edited = edited.await?;
    let report = app.controller.report().for_reader(true);
    Ok(with_revisions(uncached_json(report), &edited))
}
