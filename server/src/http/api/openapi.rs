//! The API's description, OpenAPI 3.1.

use std::sync::LazyLock;

use axum::extract::NestedPath;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, Info, License, OpenApi, Ref, RefOr, ResponseBuilder,
    Server,
};
use utoipa::{PartialSchema, ToSchema};

use super::super::problem::{PROBLEM, ProblemDetails};
use super::super::wall;
use super::BASE;
use super::versions::{PREVIOUS, REVISION};
use crate::config::{STEP_KEYS, STREAM_KEYS};

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "describe_api",
    tag = "Server",
    responses((status = OK, description = "An OpenAPI document", body = Value)),
)]
pub async fn show(prefix: NestedPath) -> Response {
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
    serde_json::to_string(&document).expect("its keys are texts")
}

fn describe() -> OpenApi {
    let mut document = super::described().into_openapi();
    let mut info = Info::new("Mattebox", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Streams, their chains of filters, and variables. What changes the pipeline is written to the pipeline file, whose earlier versions can be restored."
            .to_owned(),
    );
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    info.license = Some(license);
    document.info = info;
    let components = document.components.get_or_insert_default();
    describe_files(components);
    describe_problems(components);
    describe_wall(components);
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("What `admin-token` in the pipeline file names. It may be sent in the header `X-Mattebox-Token` as well. Characters other than ASCII are sent in UTF-8; Latin-1 is taken, too."))
        .build();
    components.add_security_scheme("admin", SecurityScheme::Http(token));
    refuse_everywhere(&mut document);
    describe_revisions(&mut document);
    document
}

/// What the pipeline file may say of streams and steps.
fn describe_files(components: &mut Components) {
    let of_step = fields(STEP_KEYS, step_key);
    let mut of_patch = of_step.clone();
    of_patch.insert(
        "position".to_owned(),
        json!({ "type": "integer", "minimum": 0, "description": "The place in the chain to move it to, from 0." }),
    );
    for (name, schema) in [
        (
            "StreamConfig",
            json!({
                "type": "object",
                "description": "What the pipeline file says of a stream.",
                "properties": fields(STREAM_KEYS, stream_key),
                "additionalProperties": false,
            }),
        ),
        (
            "StepConfig",
            json!({
                "type": "object",
                "description": "What the pipeline file says of a step.",
                "properties": of_step,
                "required": ["use"],
                "additionalProperties": false,
            }),
        ),
        (
            "StepPatch",
            json!({
                "type": "object",
                "description": "A JSON merge patch (RFC 7396) of what the pipeline file says of a step: `null` removes a key.",
                "properties": of_patch,
                "additionalProperties": false,
            }),
        ),
    ] {
        let schema: Schema = serde_json::from_value(schema).expect("it is a schema");
        components.schemas.insert(name.to_owned(), schema.into());
    }
}

fn fields(keys: &[&str], describe: fn(&str) -> Value) -> Map<String, Value> {
    let fields = keys.iter().map(|key| ((*key).to_owned(), describe(key)));
    fields.collect()
}

fn stream_key(key: &str) -> Value {
    match key {
        "title" => json!({
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "description": "What people call the stream, where it is shown to them; its name if it has none.",
            "examples": ["Einfahrt Süd"],
        }),
        "source" => json!({
            "type": "object",
            "description": "The camera: `driver` and its settings, or `stream` with another stream's name.",
        }),
        "idle-timeout" => json!({
            "type": "string",
            "description": "How long the camera stays on after the last viewer, `0s` to `24h`.",
            "examples": ["10s"],
        }),
        "max-viewers" => json!({
            "type": "integer",
            "minimum": 1,
            "maximum": 10_000,
            "description": "The most that watch at once; more get 503.",
        }),
        "quality" => json!({
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "description": "JPEG quality of recoded frames.",
        }),
        "filters" => json!({
            "type": "array",
            "maxItems": 64,
            "items": { "$ref": "#/components/schemas/StepConfig" },
            "description": "The chain, in order.",
        }),
        _ => Value::Bool(true),
    }
}

fn step_key(key: &str) -> Value {
    match key {
        "use" => json!({
            "type": "string",
            "description": "A built-in filter's name, or a `.wasm` file's path.",
            "examples": ["timestamp"],
        }),
        "enabled" => json!({ "type": "boolean", "description": "Whether frames go through it." }),
        "with" => json!({
            "type": "object",
            "description": "The filter's settings, by its schema in `/api/v1/filters`.",
        }),
        "assets" => json!({
            "type": "array",
            "items": { "type": "string" },
            "description": "Files that the filter may read, beside those that its settings name.",
        }),
        "on-error" => json!({
            "type": "string",
            "enum": ["bypass", "drop"],
            "description": "What becomes of a frame when the filter fails.",
        }),
        "time-limit" => json!({
            "type": "string",
            "description": "The most that one call may take, `10ms` to `60s`.",
            "examples": ["1s"],
        }),
        "memory-limit" => json!({
            "type": "string",
            "description": "The most memory that the filter may have, tables and what the server keeps of its answers included, `1MiB` to `4GiB`.",
            "examples": ["256MiB"],
        }),
        _ => Value::Bool(true),
    }
}

fn describe_problems(components: &mut Components) {
    let mut schemas = Vec::new();
    ProblemDetails::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let schema = ProblemDetails::schema();
    components
        .schemas
        .insert("ProblemDetails".to_owned(), schema);
}

/// What goes to and fro on the wall's connection, of which paths tell nothing.
fn describe_wall(components: &mut Components) {
    for (name, schema) in [
        (wall::ClientMessage::name(), wall::ClientMessage::schema()),
        (wall::WallState::name(), wall::WallState::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
}

/// Every request may be refused for what is told in the problem.
fn refuse_everywhere(document: &mut OpenApi) {
    let problem = Ref::from_schema_name("ProblemDetails");
    let content = ContentBuilder::new().schema(Some(problem)).build();
    let refusal = ResponseBuilder::new()
        .description("Why it was not done: a wrong token, a foreign host or page, or a request that can't be read")
        .content(PROBLEM, content)
        .build();
    for path in document.paths.paths.values_mut() {
        let operations = [
            &mut path.get,
            &mut path.put,
            &mut path.post,
            &mut path.patch,
            &mut path.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), RefOr::T(refusal.clone()));
        }
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
    let changes = document.paths.paths.iter_mut();
    let changes = changes.filter(|(path, _)| is_of_file(path));
    for (_, path) in changes {
        let operations = [
            &mut path.put,
            &mut path.post,
            &mut path.patch,
            &mut path.delete,
        ];
        let operations = operations.into_iter().flatten();
        let responses = operations.flat_map(|operation| operation.responses.responses.iter_mut());
        for (status, response) in responses {
            if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
                let headers = &mut response.headers;
                headers.insert(REVISION.to_string(), revision.clone().into());
                headers.insert(PREVIOUS.to_string(), previous.clone().into());
            }
        }
    }
}

/// Whether what is changed at `path` stands in the pipeline file.
fn is_of_file(path: &str) -> bool {
    let is_restart = path == "/streams/{stream}/restart";
    !is_restart
        && ["/streams", "/pipeline"]
            .iter()
            .any(|it| path.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_file_is_described() {
        for (keys, describe) in [
            (STREAM_KEYS, stream_key as fn(&str) -> Value),
            (STEP_KEYS, step_key),
        ] {
            for key in keys {
                assert!(describe(key).is_object(), "{key}");
            }
        }
    }
}
