//! Refusals that several addresses answer with, for the API's description.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::super::problem::PROBLEM;

/// Defines types that stand for refusals among an address's `responses`.
macro_rules! refusals {
    ($($name:ident: $($status:ident $reason:literal),+;)*) => {$(
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let all = [$((StatusCode::$status, $reason)),+];
                let all = all.map(|(status, reason)| {
                    (status.as_str().to_owned(), problem(reason).into())
                });
                all.into()
            }
        }
    )*};
}

refusals! {
    NoStream: NOT_FOUND "No such stream";
    NoStep: NOT_FOUND "No such step";
    NoShownPicture: NOT_FOUND "No such step, or its filter shows no picture";
    NoVersion: NOT_FOUND "No such version";
    NoEvent: NOT_FOUND "No such event";
    NoPicture: NOT_FOUND "No such event, or it has no picture";
    NoVariable: NOT_FOUND "No such variable";
    NotAdmin: UNAUTHORIZED "It takes an admin";
    NotLoggedIn:
        UNAUTHORIZED "The name, the password or the token is wrong, or nobody is logged in",
        FORBIDDEN "The header `X-Requested-With` is missing";
    NoUser: NOT_FOUND "No such user";
    NoViewer: NOT_FOUND "No such viewer";
    WrongQuery: BAD_REQUEST "A query parameter is wrong";
    WrongBody: BAD_REQUEST "The body is no JSON of this kind";
    WrongFile:
        CONFLICT "The pipeline file as it is now is wrong, or there is none",
        UNPROCESSABLE_ENTITY "It would make the pipeline file wrong";
    WrongPipeline: UNPROCESSABLE_ENTITY "It would make the pipeline file wrong";
    NotRestored:
        CONFLICT "The file is at another revision by now, or can't be read",
        UNPROCESSABLE_ENTITY
            "The version is wrong today: a filter that it names is gone, for instance";
    WrongToken: UNAUTHORIZED "The token is wrong";
    NotSet:
        BAD_REQUEST "The name or the body is wrong",
        CONFLICT "There are too many variables, or the server itself measures those of that name";
    MeasuredVariable: CONFLICT "The server itself measures those of that name";
    NoWebSocket: UPGRADE_REQUIRED "The request asks for no WebSocket";
    WrongCredit:
        BAD_REQUEST "The message is wrong",
        NOT_FOUND "No such session, or it is over";
    NotKept:
        BAD_REQUEST "The name is wrong",
        CONFLICT "The pipeline file names no `filter-folder`",
        REQUEST_TIMEOUT "The module did not come in time",
        PAYLOAD_TOO_LARGE "The module is too large",
        UNPROCESSABLE_ENTITY "It is no filter",
        SERVICE_UNAVAILABLE "Another upload is under way",
        INSUFFICIENT_STORAGE "The folder has no room for it";
}

/// A refusal with a problem that says why.
pub fn problem(reason: &str) -> Response {
    let schema = Ref::from_schema_name("ProblemDetails");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new().description(reason);
    response.content(PROBLEM, content).build()
}
