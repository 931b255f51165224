//! The API's description, OpenAPI 3.1, as Markdown.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::cell;

const HEAD: &str = "# The API

What `/api/v1/openapi.json` says, for people. This file is made by `tests/reference.rs`;
[the guide](../guide/api.md) has examples.

Each answer may be a refusal, too: a problem (RFC 9457), [`ProblemDetails`](#problemdetails). What
changes something takes the admin token, in the header `X-Mattebox-Token` or as a bearer token in
`Authorization`. The version in the addresses changes with what breaks clients; `/api/` without one
answers the same, for clients that are older than it.
";

/// What the paths of the description are below.
const BASE: &str = "/api/v1";

/// What stands at operations that change something.
const ADMIN: &str = "Takes the admin token.";

/// The Markdown for `document`.
pub fn reference(document: &Value) -> String {
    let mut text = HEAD.to_owned();
    for (tag, operations) in by_tag(document) {
        text += &format!("\n## {tag}\n");
        text.extend(operations);
    }
    text += "\n## Types\n";
    for (name, schema) in entries(&document["components"]["schemas"]) {
        text += &describe_type(name, schema);
    }
    text
}

/// The operations' Markdown, below the tag that each has.
fn by_tag(document: &Value) -> BTreeMap<&str, Vec<String>> {
    let mut tags: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (path, methods) in entries(&document["paths"]) {
        for (method, operation) in entries(methods) {
            let tag = operation["tags"][0].as_str().unwrap();
            let described = describe_operation(path, method, operation);
            tags.entry(tag).or_default().push(described);
        }
    }
    tags
}

fn describe_operation(path: &str, method: &str, operation: &Value) -> String {
    let mut text = format!("\n### `{} {BASE}{path}`\n", method.to_uppercase());
    for part in ["summary", "description"] {
        if let Some(said) = operation[part].as_str() {
            text += &format!("\n{}\n", wrapped(said));
        }
    }
    if operation["security"].is_array() && !text.contains(ADMIN) {
        text += &format!("\n{ADMIN}\n");
    }
    text += &describe_parameters(&operation["parameters"]);
    for (kind, content) in entries(&operation["requestBody"]["content"]) {
        let body = match kind {
            "application/json" => kind_of(&content["schema"]),
            other => format!("`{other}`"),
        };
        text += &format!("\nBody: {body}.\n");
    }
    text + &describe_answers(&operation["responses"])
}

fn describe_parameters(parameters: &Value) -> String {
    let Some(parameters) = parameters.as_array() else {
        return String::new();
    };
    let mut text =
        "\n| parameter | in | type | what it is |\n| --- | --- | --- | --- |\n".to_owned();
    for it in parameters {
        let [name, place, said] =
            ["name", "in", "description"].map(|key| it[key].as_str().unwrap());
        let kind = kind_of(&it["schema"]);
        text += &format!("| `{name}` | {place} | {kind} | {} |\n", cell(said));
    }
    text
}

fn describe_answers(answers: &Value) -> String {
    let mut text = "\n| status | when | body |\n| --- | --- | --- |\n".to_owned();
    for (status, answer) in entries(answers).filter(|(status, _)| *status != "default") {
        let bodies = entries(&answer["content"]).map(|(kind, content)| match &content["schema"] {
            schema if kind.ends_with("json") => kind_of(schema),
            _ => format!("`{kind}`"),
        });
        let bodies = bodies.collect::<Vec<_>>().join(", ");
        let mut said = cell(answer["description"].as_str().unwrap());
        if answer["headers"].is_object() {
            let headers = entries(&answer["headers"]).map(|(name, _)| format!("`{name}`"));
            said += &format!("; {}", headers.collect::<Vec<_>>().join(", "));
        }
        text += &format!("| {status} | {said} | {bodies} |\n");
    }
    text
}

fn describe_type(name: &str, schema: &Value) -> String {
    let mut text = format!("\n### {}\n", heading(name));
    if let Some(said) = schema["description"].as_str() {
        text += &format!("\n{}\n", wrapped(said));
    }
    if schema["properties"].is_object() {
        text += &describe_fields(schema);
    } else if let Some(parts) = schema["allOf"].as_array() {
        for part in parts {
            text += &match part["$ref"].is_string() {
                true => format!("\nAll fields of {}, and:\n", kind_of(part)),
                false => describe_fields(part),
            };
        }
    } else if let Some(kinds) = schema["oneOf"].as_array() {
        text += &describe_kinds(kinds);
    } else {
        text += &format!("\n{}.\n", kind_of(schema));
    }
    text
}

/// One of several words, or of several kinds of objects.
fn describe_kinds(kinds: &[Value]) -> String {
    let mut text = String::new();
    for kind in kinds {
        let said = kind["description"].as_str().unwrap_or_default();
        text += &match kind["const"].as_str() {
            Some(word) => format!("\n- `{word}`: {said}"),
            None => format!("\n{said}\n{}", describe_fields(kind)),
        };
    }
    text.trim_end().to_owned() + "\n"
}

/// The heading of a type; some are called like tags, which have the shorter address.
fn heading(name: &str) -> String {
    match name {
        "Streams" | "Steps" | "Variables" => format!("{name} (type)"),
        _ => name.to_owned(),
    }
}

fn describe_fields(schema: &Value) -> String {
    let required = schema["required"].as_array().into_iter().flatten();
    let required: Vec<_> = required.filter_map(Value::as_str).collect();
    let mut text = "\n| field | type | what it is |\n| --- | --- | --- |\n".to_owned();
    for (name, field) in entries(&schema["properties"]) {
        let kind = kind_of(field);
        let absent = if required.contains(&name) {
            ""
        } else {
            ", may be absent"
        };
        let said = cell(description(field));
        text += &format!("| `{name}` | {kind}{absent} | {said} |\n");
    }
    text
}

/// What a field is said to be, beside its type or in one of its alternatives.
fn description(field: &Value) -> &str {
    let alternatives = field["oneOf"].as_array().into_iter().flatten();
    let mut all = std::iter::once(field).chain(alternatives);
    all.find_map(|it| it["description"].as_str())
        .unwrap_or_default()
}

/// A schema in a few words.
fn kind_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        let address = heading(name)
            .to_lowercase()
            .replace(' ', "-")
            .replace(['(', ')'], "");
        return format!("[`{name}`](#{address})");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    let kinds = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(kinds) = kinds {
        return kinds.iter().map(kind_of).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        let word = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let values = values.iter().map(|value| format!("`{}`", word(value)));
        return values.collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::String(kind) => simple(kind, schema),
        Value::Array(kinds) => {
            let kinds = kinds
                .iter()
                .map(|kind| simple(kind.as_str().unwrap(), schema));
            kinds.collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

fn simple(kind: &str, schema: &Value) -> String {
    match kind {
        "array" => format!("list of {}", kind_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", kind_of(&schema["additionalProperties"]))
        }
        "string" => "text".to_owned() + &bounds(schema, "Length", " characters"),
        "integer" | "number" => kind.to_owned() + &bounds(schema, "imum", ""),
        other => other.to_owned(),
    }
}

/// The bounds of a number or a text. That something isn't negative is left out, since all numbers
/// here are so.
fn bounds(schema: &Value, suffix: &str, unit: &str) -> String {
    let [least, most] = ["min", "max"].map(|prefix| &schema[format!("{prefix}{suffix}")]);
    match (least.as_u64().filter(|least| *least > 0), most.as_u64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
        (Some(least), None) => format!(", at least {least}{unit}"),
        (None, None) => String::new(),
    }
}

/// `text` in lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().unwrap();
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= 100 {
            *last += &format!(" {word}");
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

/// The entries of an object; none if it is not there.
fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = value.as_object().map(Map::iter).into_iter().flatten();
    entries.map(|(key, value)| (key.as_str(), value))
}
