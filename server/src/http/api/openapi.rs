//! The API's description, OpenAPI 3.1.

use std::sync::LazyLock;

use axum::extract::NestedPath;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, HeaderBuilder, Info, License, OpenApi, RefOr, Server};
use utoipa::{PartialSchema, ToSchema};

use super::super::auth::{Right, right_at};
use super::super::problem::ProblemDetails;
use super::super::wall;
use super::refusals::problem;
use super::{BASE, PREVIOUS, REVISION};
use crate::config::pipeline_schema;

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    responses((status = OK, description = "An OpenAPI document", body = Value)),
)]
pub async fn describe_api(prefix: NestedPath) -> Response {
    // Each leads from this answer to `BASE`, below whatever path a proxy puts it.
    static AT_BASE: LazyLock<String> = LazyLock::new(|| document("../v1"));
    static ELSEWHERE: LazyLock<String> = LazyLock::new(|| document("v1"));
    let text = match prefix.as_str() {
        BASE => &AT_BASE,
        _ => &ELSEWHERE,
    };
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, text.as_str()).into_response()
}

/// The description as JSON, of the API at the relative address `base`.
fn document(base: &str) -> String {
    let mut document = describe();
    document.servers = Some(vec![Server::new(base)]);
    let mut document = serde_json::to_value(document).expect("its keys are texts");
    describe_files(&mut document);
    document.to_string()
}

fn describe() -> OpenApi {
    let mut document = super::described().into_openapi();
    let mut info = Info::new("Mattebox", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Streams, their chains of filters, and variables. What changes the pipeline is written to \
         the pipeline file, whose earlier versions can be restored."
            .to_owned(),
    );
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    info.license = Some(license);
    document.info = info;
    let components = document.components.get_or_insert_default();
    describe_types(components);
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "What `admin-token` in the pipeline file names, or one of `tokens`. It may be sent in \
            the header `X-Mattebox-Token` as well. Characters other than ASCII are sent in UTF-8; \
            Latin-1 is taken, too.",
        ))
        .build();
    let password = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some(
            "The name and password of one of `users` in the pipeline file.",
        ))
        .build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token));
    components.add_security_scheme(PASSWORD, SecurityScheme::Http(password));
    complete(&mut document);
    describe_revisions(&mut document);
    document
}

/// Describes streams and steps in the pipeline file, by the parts of its schema.
fn describe_files(document: &mut Value) {
    let mut schema = pipeline_schema();
    let mut parts = match schema["$defs"].take() {
        Value::Object(parts) => parts,
        _ => Map::new(),
    };
    parts.values_mut().for_each(refer_to_components);
    parts.insert(
        "StreamPatch".to_owned(),
        patch_of(&parts["StreamConfig"], "a stream"),
    );
    let mut patch = patch_of(&parts["StepConfig"], "a step");
    patch["properties"]["position"] = json!({
        "type": "integer",
        "minimum": 0,
        "description": "The place in the chain to move it to, from 0."
    });
    parts.insert("StepPatch".to_owned(), patch);
    if let Value::Object(schemas) = &mut document["components"]["schemas"] {
        schemas.extend(parts);
    }
}

/// The schema of a patch of what `schema` describes, which is `name`.
fn patch_of(schema: &Value, name: &str) -> Value {
    let mut patch = schema.clone();
    patch["description"] = format!(
        "A JSON merge patch (RFC 7396) of what the pipeline file says \
        of {name}: `null` removes a key."
    )
    .into();
    if let Value::Object(patch) = &mut patch {
        patch.shift_remove("required");
    }
    patch
}

/// Parts of a schema lie elsewhere here.
fn refer_to_components(schema: &mut Value) {
    match schema {
        Value::Array(parts) => parts.iter_mut().for_each(refer_to_components),
        Value::Object(keywords) => {
            if let Some(Value::String(target)) = keywords.get_mut("$ref") {
                *target = target.replace("#/$defs/", "#/components/schemas/");
            }
            keywords.values_mut().for_each(refer_to_components);
        }
        _ => {}
    }
}

/// Describes what paths tell nothing of: problems, and the messages on the wall's connection.
fn describe_types(components: &mut Components) {
    let mut parts = Vec::new();
    ProblemDetails::schemas(&mut parts);
    components.schemas.extend(parts);
    for (name, schema) in [
        (ProblemDetails::name(), ProblemDetails::schema()),
        (wall::ClientMessage::name(), wall::ClientMessage::schema()),
        (wall::WallState::name(), wall::WallState::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
}

/// The names of the ways to show who one is.
const TOKEN: &str = "token";
const PASSWORD: &str = "password";

/// The groups of operations, by the start of their addresses; all others are the server's.
const TAGS: [(&str, &str); 13] = [
    ("/access", "Access"),
    ("/audit", "Access"),
    ("/links", "Access"),
    ("/session", "Access"),
    ("/users", "Access"),
    ("/viewers", "Access"),
    ("/actions", "Events"),
    ("/events", "Events"),
    ("/streams/{stream}/steps", "Steps"),
    ("/streams", "Streams"),
    ("/variables", "Variables"),
    ("/filters", "Filters"),
    ("/wall", "Wall"),
];

/// All operations, each with its address and its method.
fn operations(document: &mut OpenApi) -> impl Iterator<Item = (&str, &str, &mut Operation)> {
    document.paths.paths.iter_mut().flat_map(|(path, item)| {
        let operations = [
            ("GET", &mut item.get),
            ("PUT", &mut item.put),
            ("POST", &mut item.post),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ];
        let operations = operations.into_iter();
        operations.filter_map(|(method, it)| Some((path.as_str(), method, it.as_mut()?)))
    })
}

/// Adds to each operation what its address and its method say: its group, the least role that it
/// takes, and that every request may be refused for what is told in the problem.
fn complete(document: &mut OpenApi) {
    let refusal = problem(
        "Why it was not done: a wrong token, a foreign host or page, or a request that can't be \
         read",
    );
    for (path, method, operation) in operations(document) {
        let tag = TAGS.iter().find(|(start, _)| path.starts_with(start));
        let tag = tag.map_or("Server", |(_, tag)| *tag);
        operation.tags = Some(vec![tag.to_owned()]);
        let right = right_at(method, path);
        if right > Right::Read {
            let any = [TOKEN, PASSWORD].map(|name| SecurityRequirement::new(name, [""; 0]));
            operation.security = Some(any.into());
        }
        if right > Right::Nothing {
            let role = ExtensionsBuilder::new().add("x-role", right.role().name());
            operation.extensions = Some(role.build());
        }
        let responses = &mut operation.responses.responses;
        responses.insert("default".to_owned(), RefOr::T(refusal.clone()));
    }
}

/// The headers by which a change of the pipeline file can be undone.
fn describe_revisions(document: &mut OpenApi) {
    let header = |description: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        HeaderBuilder::new()
            .schema(Some(text))
            .description(Some(description))
            .build()
    };
    let revision = header("The pipeline file's revision after the change.");
    let previous =
        header("The version that it was before, to be restored; absent if it was the same.");
    for (path, method, operation) in operations(document) {
        let responses = operation.responses.responses.iter_mut();
        for (status, response) in responses {
            if let RefOr::T(response) = response
                && method != "GET"
                && is_of_file(path)
                && status.starts_with('2')
            {
                let headers = &mut response.headers;
                headers.insert(REVISION.to_string(), revision.clone().into());
                headers.insert(PREVIOUS.to_string(), previous.clone().into());
            }
        }
    }
}

/// Whether what is changed at `path` stands in the pipeline file.
fn is_of_file(path: &str) -> bool {
    let starts = ["/streams", "/pipeline", "/users"];
    let is_there = starts.iter().any(|start| path.starts_with(start));
    is_there && !path.ends_with("/restart") && !path.ends_with("/links")
}
