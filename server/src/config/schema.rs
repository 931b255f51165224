//! The JSON Schema of a pipeline file, as the model's types tell it, and what a file says in the
//! types that it asks for.

use std::sync::LazyLock;

use jsonschema::Validator;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Map, Value, json};

use super::describe::resolve;
use super::model::Config;
use super::texts::TextCheck;
use super::yaml::{Content, Node};

/// The schema, with keywords of our own.
pub static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(tidy));
    let schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.to_value()
});

/// The validator of files.
pub static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let built = jsonschema::options().with_keyword("x-check", |schema, name, _| {
        let check =
            TextCheck::new(schema, name).expect("every check that the model names is there");
        Ok(Box::new(check))
    });
    built.build(&SCHEMA).expect("the model makes a schema")
});

/// The JSON Schema of a pipeline file, for editors and others: without the keywords of our own.
pub fn pipeline_schema() -> Value {
    let mut schema = Schema::try_from(SCHEMA.clone()).expect("it has been one");
    RecursiveTransform(publish).transform(&mut schema);
    schema.to_value()
}

fn publish(schema: &mut Schema) {
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    if let (Some([least, most]), Some(Value::String(description))) =
        (range(keywords), keywords.get_mut("description"))
    {
        *description += &format!(" `{least}` to `{most}`.");
    }
    keywords.retain(|keyword, _| !keyword.starts_with("x-"));
}

/// The least and the most of a duration or a size.
fn range(keywords: &Map<String, Value>) -> Option<[String; 2]> {
    serde_json::from_value(keywords.get("x-range")?.clone()).ok()
}

/// Takes out what schemars tells of Rust only: a key without a value is as if it were not there, so
/// nothing is `null`.
fn tidy(schema: &mut Schema) {
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    let is_null = |schema: &Value| schema.get("type") == Some(&"null".into());
    if let Some(Value::Array(options)) = keywords.get_mut("anyOf") {
        options.retain(|option| !is_null(option));
        if let [Value::Object(only)] = options.as_mut_slice() {
            let only = std::mem::take(only);
            keywords.shift_remove("anyOf");
            for (keyword, value) in only {
                keywords.entry(keyword).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(types)) = keywords.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keywords.insert("type".to_owned(), only);
        }
    }
    let is_of_rust = |format: &str| {
        ["uint", "int", "double"]
            .iter()
            .any(|it| format.starts_with(it))
    };
    if keywords
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(is_of_rust)
    {
        keywords.shift_remove("format");
    }
    // What a list or a mapping is without its key is told by what is in it.
    let is_told = |default: &Value| default.is_null() || default.is_array() || default.is_object();
    if keywords.get("default").is_some_and(is_told) {
        keywords.shift_remove("default");
    }
    if let Some(Value::String(description)) = keywords.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

/// The JSON of `node` in the types that `schema`, a part of [`SCHEMA`], asks for: `5` is a text
/// where one is wanted.
pub fn to_json(node: &Node, schema: Option<&Value>) -> Value {
    let Some(schema) = schema.map(|schema| resolve(&SCHEMA, schema)) else {
        return node.to_json();
    };
    match &node.content {
        Content::Mapping(entries) => entries_to_json(entries, mapping_schema(schema, node)),
        Content::List(items) => {
            let items = items.iter().enumerate();
            let item = |(at, item)| to_json(item, item_schema(schema, at));
            items.map(item).collect()
        }
        Content::Scalar { text, .. } => match node.scalar() {
            Some(value) if !value.is_null() && has_type(schema, "string") => text.as_str().into(),
            Some(value) if has_type(schema, "integer") => whole(value),
            value => value.unwrap_or_default(),
        },
    }
}

/// `5.0` is a whole number, too.
fn whole(value: Value) -> Value {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 => (number as i64).into(),
        _ => value,
    }
}

/// A key without a value is left out, but what stands below a name of one's own: `demo:` alone is a
/// stream.
fn entries_to_json(entries: &[(Node, Node)], schema: Option<&Value>) -> Value {
    let known = schema.and_then(|schema| schema.get("properties")?.as_object());
    let other = schema.and_then(|schema| schema.get("additionalProperties"));
    let entry = |(key, value): &(Node, Node)| {
        let name = key.text().unwrap_or_default();
        let json = match known.and_then(|known| known.get(name)) {
            Some(_) if value.is_null() => return None,
            None if value.is_null() && other.is_some_and(Value::is_object) => json!({}),
            schema => to_json(value, schema.or(other)),
        };
        Some((name.to_owned(), json))
    };
    Value::Object(entries.iter().filter_map(entry).collect())
}

fn mapping_schema<'s>(schema: &'s Value, node: &Node) -> Option<&'s Value> {
    match schema.get("oneOf").and_then(Value::as_array) {
        Some(options) => options.get(tagged(&SCHEMA, options, node)?),
        None => Some(schema),
    }
}

fn item_schema(schema: &Value, at: usize) -> Option<&Value> {
    let first = schema.get("prefixItems").and_then(|first| first.get(at));
    let list = |schema: &Value| schema.get("type") == Some(&"array".into());
    let mut options = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let option = options.find(|option| list(option));
    first.or_else(|| option.unwrap_or(schema).get("items"))
}

/// Whether `schema` allows values of a type. What is a text by it is one whatever it looks like.
fn has_type(schema: &Value, wanted: &str) -> bool {
    let options = schema.get("anyOf").and_then(Value::as_array);
    let mut options = options.into_iter().flatten();
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        Some(kind) => kind == wanted,
        None => schema.get("enum").is_none() && options.any(|option| has_type(option, wanted)),
    }
}

/// The one of `options`, in the schema `root`, that is meant by the constants in `node`, such as a
/// driver's name: that whose constants it has, or, if it has none of their keys, that without
/// constants whose keys it has.
pub fn tagged(root: &Value, options: &[Value], node: &Node) -> Option<usize> {
    let has = |(key, word): (&str, &str)| {
        let value = node.entry(key).and_then(|(_, value)| value.text());
        value == Some(word)
    };
    let keys = options.iter().flat_map(|option| tags(root, option));
    let mut keys = keys.map(|(key, _)| key).peekable();
    keys.peek()?;
    if keys.any(|key| node.entry(key).is_some()) {
        let is_named = |option: &Value| {
            let mut tags = tags(root, option).peekable();
            tags.peek().is_some() && tags.all(has)
        };
        return options.iter().position(is_named);
    }
    let has_keys = |option: &Value| {
        let required = option.get("required").and_then(Value::as_array);
        let mut required = required.into_iter().flatten().filter_map(Value::as_str);
        tags(root, option).next().is_none() && required.all(|key| node.entry(key).is_some())
    };
    options.iter().position(has_keys)
}

/// The keys of a mapping's schema that are constants, and these.
pub fn tags<'s>(root: &'s Value, schema: &'s Value) -> impl Iterator<Item = (&'s str, &'s str)> {
    let properties = resolve(root, schema).get("properties");
    let properties = properties.and_then(Value::as_object).into_iter().flatten();
    properties.filter_map(|(key, schema)| Some((key.as_str(), schema.get("const")?.as_str()?)))
}
