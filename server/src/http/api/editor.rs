//! Requests that change the pipeline file.

use axum::Extension;
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::App;
use super::super::auth::Identity;
use super::super::problem::ProblemDetails;
use super::{Answer, root_from, uncached_json};
use crate::control::{Author, Edit, EditError, EditRights, Edited};

/// The pipeline file's revision after a change.
pub const REVISION: HeaderName = HeaderName::from_static("x-mattebox-revision");
/// The version whose restoring undoes a change.
pub const PREVIOUS: HeaderName = HeaderName::from_static("x-mattebox-previous");

/// One who changes the pipeline file by a request.
pub struct Editor {
    pub app: App,
    pub author: Author,
    /// Who it is.
    pub identity: Identity,
    /// The way from the answer to the server's root.
    root: String,
}

impl FromRequestParts<App> for Editor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let Extension(author) = Extension::from_request_parts(parts, app)
            .await
            .map_err(IntoResponse::into_response)?;
        let Extension(identity) = Extension::<Identity>::from_request_parts(parts, app)
            .await
            .map_err(IntoResponse::into_response)?;
        let Ok(OriginalUri(uri)) = OriginalUri::from_request_parts(parts, app).await;
        Ok(Self {
            app: app.clone(),
            author,
            identity,
            root: root_from(&uri),
        })
    }
}

impl Editor {
    /// Makes `edit`. The answer is made of what came into force, with the revisions around it.
    ///
    /// # Errors
    /// The edit is refused, or `answer` finds nothing.
    pub async fn make(self, edit: Edit, answer: impl FnOnce(&Edited) -> Answer) -> Answer {
        let rights = self.identity.edit_rights();
        let edited = self.app.controller.edit(edit, self.author, rights).await;
        let edited = edited.map_err(|error| match rights {
            EditRights::All => error.into(),
            EditRights::Switches => ProblemDetails::of_operator(error),
        })?;
        Ok(with_revisions(answer(&edited)?, &edited))
    }

    /// Makes `edit` of the stream `name`, and answers with that stream.
    ///
    /// # Errors
    /// The edit is refused, or another has removed the stream.
    pub async fn change_stream(self, name: String, edit: Edit, status: StatusCode) -> Answer {
        let root = self.root.clone();
        let answer = move |edited: &Edited| {
            let stream = edited.snapshot.find(&name);
            let stream = stream.ok_or(EditError::UnknownStream(name))?;
            let report = stream.report().seen_from(&root);
            Ok((status, uncached_json(report)).into_response())
        };
        self.make(edit, answer).await
    }

    /// Makes `edit`, of which nothing is to be told.
    ///
    /// # Errors
    /// The edit is refused.
    pub async fn remove(self, edit: Edit) -> Answer {
        let done = |_: &Edited| Ok(StatusCode::NO_CONTENT.into_response());
        self.make(edit, done).await
    }
}

/// The answer to an edit, with the revisions that it made.
pub fn with_revisions(mut response: Response, edited: &Edited) -> Response {
    let headers = response.headers_mut();
    let previous = edited.previous.as_ref().map(|id| (PREVIOUS, id));
    for (name, revision) in previous.into_iter().chain([(REVISION, &edited.revision)]) {
        // Hexadecimal digits always are one.
        headers.extend(HeaderValue::from_str(revision).map(|value| (name, value)));
    }
    response
}
