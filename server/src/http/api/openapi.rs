//! The API's description, OpenAPI 3.1.

use std::sync::LazyLock;

use axum::extract::NestedPath;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, HeaderBuilder, Info, License, OpenApi, RefOr, Server};
use utoipa::{PartialSchema, ToSchema};

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
            "What `admin-token` in the pipeline file names. It may be sent in the \
            header `X-Mattebox-Token` as well. Characters other than ASCII are sent in UTF-8; \
            Latin-1 is taken, too.",
        ))
        .build();
    components.add_security_scheme("admin", SecurityScheme::Http(token));
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

/// The groups of operations, by the start of their addresses; all others are the server's.
const TAGS: [(&str, &str); 7] = [
    ("/actions", "Events"),
    ("/events", "Events"),
    ("/streams/{stream}/steps", "Steps"),
    ("/streams", "Streams"),
    ("/variables", "Variables"),
    ("/filters", "Filters"),
    ("/wall", "Wall"),
];

/// All operations, each with its address and whether it changes something.
fn operations(document: &mut OpenApi) -> impl Iterator<Item = (&str, bool, &mut Operation)> {
    document.paths.paths.iter_mut().flat_map(|(path, item)| {
        let operations = [
            (false, &mut item.get),
            (true, &mut item.put),
            (true, &mut item.post),
            (true, &mut item.patch),
            (true, &mut item.delete),
        ];
        let operations = operations.into_iter();
        operations.filter_map(|(changes, it)| Some((path.as_str(), changes, it.as_mut()?)))
    })
}

/// Adds to each operation what its address and its method say: its group, that changes take the
/// admin token, and that every request may be refused for what is told in the problem.
fn complete(document: &mut OpenApi) {
    let refusal = problem(
        "Why it was not done: a wrong token, a foreign host or page, or a request that can't be \
         read",
    );
    for (path, changes, operation) in operations(document) {
        let tag = TAGS.iter().find(|(start, _)| path.starts_with(start));
        let tag = tag.map_or("Server", |(_, tag)| *tag);
        operation.tags = Some(vec![tag.to_owned()]);
        if changes {
            let admin = SecurityRequirement::new("admin", [""; 0]);
            operation.security = Some(vec![admin]);
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
    for (path, changes, operation) in operations(document) {
        let responses = operation.responses.responses.iter_mut();
        for (status, response) in responses {
            if let RefOr::T(response) = response
                && changes
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
    let is_there = path.starts_with("/streams") || path.starts_with("/pipeline");
    is_there && path != "/streams/{stream}/restart"
}
