//! Schemas of keys whose types don't tell them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::access::Role;
use super::gpio::InputConfig;
use super::source::Secret;
use super::stream::StreamConfig;
use super::tls::TlsConfig;

/// A duration. `x-range` beside it has the shortest and the longest.
pub fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "x-check": "duration", "pattern": "[0-9] ?[A-Za-z\u{b5}]" })
}

/// A size in bytes. `x-range` beside it has the least and the most.
pub fn bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer"],
        "x-check": "bytes",
        "pattern": "^[0-9]+ *([KMGT]iB|[kMG]?B)?$"
    })
}

/// A text that the check `name` of `config/texts.rs` reads.
fn text(name: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "x-check": name })
}

/// A list of such texts; `example` is one.
fn list(name: &str, example: &str) -> Schema {
    json_schema!({
        "type": "array",
        "items": text(name),
        "x-expected": format!("a list such as {example}"),
    })
}

pub fn listen(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [text("listen"), {
            "type": "array",
            "items": text("listen"),
            "minItems": 1,
            "maxItems": 16,
            "x-expected": "1 to 16 addresses",
        }],
    })
}

pub fn tls(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "string", "enum": ["self-signed"] },
            generator.subschema_for::<TlsConfig>(),
        ],
        "x-expected": "`self-signed`, or a mapping such as `{ cert: cert.pem, key: key.pem }`",
    })
}

pub fn hosts(_: &mut SchemaGenerator) -> Schema {
    list("host", "`[cam.example.org]`")
}

pub fn domains(_: &mut SchemaGenerator) -> Schema {
    let mut schema = list("host", "`[cam.example.org]`");
    schema.insert("minItems".to_owned(), 1.into());
    schema.insert("maxItems".to_owned(), 100.into());
    schema
}

pub fn networks(_: &mut SchemaGenerator) -> Schema {
    list("network", "`[127.0.0.1]`")
}

pub fn origins(_: &mut SchemaGenerator) -> Schema {
    list("origin", "`[https://ha.example.org]` or `[\"*\"]`")
}

pub fn assets(_: &mut SchemaGenerator) -> Schema {
    list("path-below", "`[logo.png]`")
}

/// A mapping from names that the check `name` reads.
fn names<T: JsonSchema>(generator: &mut SchemaGenerator, name: &str, expected: &str) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": { "x-check": name },
        "additionalProperties": generator.subschema_for::<T>(),
        "x-expected": expected,
    })
}

pub fn streams(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = names::<StreamConfig>(
        generator,
        "stream-name",
        "a mapping with a name for each stream",
    );
    let missing = format!(
        "the file names no streams; it needs at least {}",
        super::LEAST
    );
    schema.insert("x-missing".to_owned(), missing.into());
    schema
}

pub fn inputs(generator: &mut SchemaGenerator) -> Schema {
    let expected = "names and pins such as `door: { pin: 5 }`";
    names::<InputConfig>(generator, "input-name", expected)
}

pub fn camera_device(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer"],
        "minLength": 1,
        "default": 0,
        "x-expected": "a camera's number or path",
    })
}

pub fn controls(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "type": ["integer", "boolean"],
            "minimum": i64::MIN,
            "maximum": i64::MAX,
            "x-expected": "a whole number, `true` or `false`",
        },
        "x-expected": "controls as `name: value`, such as `brightness: 128`",
    })
}

pub fn stream_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "string", "minLength": 1 },
        "minItems": 1,
        "x-expected": "a list of streams such as `[front]`",
    })
}

/// Streams by name, or by a pattern.
pub fn stream_patterns(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": text("stream-pattern"),
        "minItems": 1,
        "maxItems": 200,
        "x-expected": "a list of streams such as `[front, door*]`",
    })
}

/// A mapping from groups to roles.
pub fn group_roles(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": generator.subschema_for::<Role>(),
        "maxProperties": 100,
        "x-expected": "groups and roles such as `family: viewer`",
    })
}

pub fn headers(generator: &mut SchemaGenerator) -> Schema {
    let expected = "names and values such as `Authorization: { env: HOOK_TOKEN }`";
    names::<Secret>(generator, "header-name", expected)
}

pub fn discovery(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "boolean"],
        "minLength": 1,
        "x-check": "topic",
        "default": "homeassistant",
        "x-expected": "the start of topics, such as `homeassistant`, or `false`",
    })
}

/// A mapping from topics to variables.
pub fn subscriptions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": { "x-check": "topic" },
        "additionalProperties": text("variable-name"),
        "maxProperties": 100,
        "x-expected": "topics and variables such as `house/temperature: outside`",
    })
}

pub fn action_command(_: &mut SchemaGenerator) -> Schema {
    command_of("a list of the program and its arguments, such as `[./notify.sh, front]`")
}

pub fn command(_: &mut SchemaGenerator) -> Schema {
    let expected = "a list of the program and its arguments, such as \
        `[rpicam-vid, --codec, mjpeg, -t, \"0\", -o, \"-\"]`";
    let mut schema = command_of(expected);
    let missing = format!("the driver `exec` needs a `command`: {expected}");
    schema.insert("x-missing".to_owned(), missing.into());
    schema
}

fn command_of(expected: &str) -> Schema {
    json_schema!({
        "type": "array",
        "prefixItems": [{ "type": "string", "minLength": 1 }],
        "items": { "type": ["string", "number", "boolean"] },
        "minItems": 1,
        "x-expected": expected,
    })
}
