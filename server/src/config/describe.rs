//! The value that a JSON Schema asks for, in words.

use std::cell::Cell;

use serde_json::Value;

use super::formats;
use super::suggest::{enumerate, quote};

/// So many references in a row are followed; one to itself must not go round for ever.
const REFERENCES: usize = 8;
/// So many schemas are looked at for one sentence: a few alternatives that refer to each other make
/// millions.
const VISITS: usize = 2_000;
/// And so many in each other.
const DEPTH: usize = 16;

/// The part of a schema that may still be looked at.
#[derive(Clone, Copy)]
struct Limit<'v> {
    visits: &'v Cell<usize>,
    depth: usize,
}

impl Limit<'_> {
    /// The limit below a schema; `None` if that schema is one too many.
    fn enter(self) -> Option<Self> {
        self.visits.set(self.visits.get().checked_sub(1)?);
        let depth = self.depth.checked_sub(1)?;
        Some(Self { depth, ..self })
    }
}

fn with_limit<T>(look: impl FnOnce(Limit<'_>) -> T) -> T {
    look(Limit {
        visits: &Cell::new(VISITS),
        depth: DEPTH,
    })
}

/// Follows a `$ref` from `schema` into `root`, and an "or nothing".
pub fn resolve<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    for _ in 0..REFERENCES {
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|target| root.pointer(target.strip_prefix('#')?));
        match target.or_else(|| only_alternative(schema)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

fn only_alternative(schema: &Value) -> Option<&Value> {
    let is_null = |option: &&Value| option.get("type") == Some(&"null".into());
    let mut others = any_of(schema)?.iter().filter(|option| !is_null(option));
    let only = others.next()?;
    others.next().is_none().then_some(only)
}

fn any_of(schema: &Value) -> Option<&Vec<Value>> {
    let mut keywords = ["anyOf", "oneOf"].iter();
    keywords.find_map(|keyword| schema.get(keyword)?.as_array())
}

/// The words that a schema allows, if it is a list of words: an `enum`, or constants as
/// alternatives.
pub fn choices(root: &Value, schema: &Value) -> Vec<String> {
    with_limit(|limit| collect_choices(root, schema, limit)).unwrap_or_default()
}

fn collect_choices(root: &Value, schema: &Value, limit: Limit<'_>) -> Option<Vec<String>> {
    let limit = limit.enter()?;
    let schema = resolve(root, schema);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(word) = schema.get("const") {
        return Some(vec![text(word)?]);
    }
    if let Some(words) = schema.get("enum") {
        let words = words.as_array()?.iter().filter(|word| !word.is_null());
        return words.map(text).collect();
    }
    if schema.get("type") == Some(&"null".into()) {
        return Some(Vec::new());
    }
    let options = any_of(schema)?.iter();
    let options: Option<Vec<_>> = options
        .map(|option| collect_choices(root, option, limit))
        .collect();
    Some(options?.concat())
}

/// The keys that a schema of a mapping knows, also those that it takes from other schemas.
pub fn keys(root: &Value, schema: &Value) -> Vec<String> {
    let mut keys = Vec::new();
    with_limit(|limit| collect_keys(root, schema, limit, &mut keys));
    keys
}

fn collect_keys(root: &Value, schema: &Value, limit: Limit<'_>, keys: &mut Vec<String>) {
    let Some(limit) = limit.enter() else {
        return;
    };
    let own = schema.get("properties").and_then(Value::as_object);
    for key in own.into_iter().flat_map(|own| own.keys()) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    let target = resolve(root, schema);
    if !std::ptr::eq(target, schema) {
        collect_keys(root, target, limit, keys);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let parts = schema.get(keyword).and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            collect_keys(root, part, limit, keys);
        }
    }
}

/// The value that a schema asks for: "a whole number from 1 to 100". `None` if it can't be said.
pub fn expected(root: &Value, schema: &Value) -> Option<String> {
    with_limit(|limit| describe(root, schema, limit))
}

fn describe(root: &Value, schema: &Value, limit: Limit<'_>) -> Option<String> {
    let limit = limit.enter()?;
    let schema = resolve(root, schema);
    let choices = collect_choices(root, schema, limit).unwrap_or_default();
    if !choices.is_empty() {
        return Some(enumerate(choices.iter().map(String::as_str), "or"));
    }
    if let Some(constant) = schema.get("const") {
        return Some(quote(&constant.to_string()));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<_> = values.iter().map(Value::to_string).collect();
        return Some(enumerate(values.iter().map(String::as_str), "or"));
    }
    if let Some(kind) = schema.get("type") {
        return of_types(schema, kind);
    }
    if let Some(kind) = implied_type(schema) {
        return of_type(schema, kind);
    }
    let options: Option<Vec<_>> = any_of(schema)?
        .iter()
        .filter(|option| option.get("type") != Some(&"null".into()))
        .map(|option| describe(root, option, limit))
        .collect();
    let mut options = options?;
    options.dedup();
    Some(options.join(" or "))
}

/// The type whose keywords a schema has that names none.
fn implied_type(schema: &Value) -> Option<&'static str> {
    let kinds: [(&str, &[&str]); 4] = [
        (
            "number",
            &[
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "multipleOf",
            ],
        ),
        ("string", &["minLength", "maxLength", "pattern", "format"]),
        ("array", &["minItems", "maxItems", "uniqueItems"]),
        ("object", &["minProperties", "maxProperties"]),
    ];
    let has_any = |keywords: &[&str]| keywords.iter().any(|key| schema.get(key).is_some());
    let kind = kinds.into_iter().find(|(_, keywords)| has_any(keywords));
    kind.map(|(kind, _)| kind)
}

fn of_types(schema: &Value, kind: &Value) -> Option<String> {
    let kinds = match kind {
        Value::Array(kinds) => kinds.as_slice(),
        kind => std::slice::from_ref(kind),
    };
    if schema.get("x-range").is_some() {
        return Some(text(schema));
    }
    let kinds = kinds.iter().filter(|kind| *kind != "null");
    let words: Option<Vec<_>> = kinds.map(|kind| of_type(schema, kind.as_str()?)).collect();
    let words = words?;
    (!words.is_empty()).then(|| words.join(" or "))
}

fn of_type(schema: &Value, kind: &str) -> Option<String> {
    Some(match kind {
        "integer" => format!("a whole number{}", number_range(schema)),
        "number" => format!("a number{}", number_range(schema)),
        "string" => text(schema),
        "boolean" => "`true` or `false`".to_owned(),
        "array" => {
            let size = size(schema, ["minItems", "maxItems"], "item");
            let is_unique = schema.get("uniqueItems") == Some(&true.into());
            let unique = if is_unique {
                " without repetitions"
            } else {
                ""
            };
            format!("a list{size}{unique}")
        }
        "object" => {
            let size = size(schema, ["minProperties", "maxProperties"], "key");
            format!("a mapping{size}")
        }
        _ => return None,
    })
}

fn number_range(schema: &Value) -> String {
    let bound = |key: &str, words: &str| {
        let bound = schema.get(key).filter(|bound| bound.is_number())?;
        Some(format!("{words} {}", plain(bound)))
    };
    let least = bound("exclusiveMinimum", "above").or_else(|| bound("minimum", "of at least"));
    let most = bound("exclusiveMaximum", "below").or_else(|| bound("maximum", "at most"));
    let range = match (bound("minimum", "from"), bound("maximum", "to")) {
        (Some(from), Some(to)) if schema.get("exclusiveMinimum").is_none() => {
            format!(" {from} {to}")
        }
        _ => match (least, most) {
            (Some(least), Some(most)) => format!(" {least} and {most}"),
            (Some(least), None) => format!(" {least}"),
            (None, Some(most)) if most.starts_with("at") => format!(" of {most}"),
            (None, Some(most)) => format!(" {most}"),
            (None, None) => String::new(),
        },
    };
    match bound("multipleOf", "that is a multiple of") {
        Some(multiple) => format!("{range} {multiple}"),
        None => range,
    }
}

fn text(schema: &Value) -> String {
    if let Some([least, most]) = schema.get("x-range").and_then(range) {
        return format!("{least} to {most}");
    }
    let mut words = format!(
        "a text{}",
        size(schema, ["minLength", "maxLength"], "character")
    );
    let examples = schema.get("examples").and_then(Value::as_array);
    let mut examples: Vec<_> = examples
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    if let Some((format, example)) = text("format").and_then(formats::words) {
        format.clone_into(&mut words);
        if examples.is_empty() {
            examples.push(example);
        }
    }
    if !examples.is_empty() {
        words += &format!(" such as {}", enumerate(examples, "or"));
    } else if schema.get("x-check").is_some() {
        // What it must be is told by what reads it.
    } else if let Some(pattern) = text("pattern") {
        words += &format!(" that matches the pattern `{pattern}`");
    } else if let Some(format) = text("format") {
        words += &format!(" in the format {}", quote(format));
    }
    words
}

/// The least and the most of a duration or a size: in pipeline files' schema these are texts.
fn range(range: &Value) -> Option<[&str; 2]> {
    let words = range.as_array()?.iter().map(Value::as_str);
    words.collect::<Option<Vec<_>>>()?.try_into().ok()
}

fn size(schema: &Value, [least, most]: [&str; 2], thing: &str) -> String {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    match (bound(least), bound(most)) {
        (Some(least), Some(most)) => format!(" of {least} to {most} {thing}s"),
        (Some(1), None) if thing == "character" => String::new(),
        (Some(1), None) => format!(" of at least 1 {thing}"),
        (Some(least), None) => format!(" of at least {least} {thing}s"),
        (None, Some(most)) => format!(" of at most {most} {thing}s"),
        (None, None) => String::new(),
    }
}

/// A number without a needless `.0`.
fn plain(number: &Value) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(cases: &[(Value, &str)]) {
        for (schema, words) in cases {
            let said = expected(&json!({}), schema);
            assert_eq!(said.as_deref(), Some(*words), "{schema}");
        }
    }

    #[test]
    fn numbers_in_words() {
        check(&[
            (
                json!({"type": "integer", "minimum": 1, "maximum": 100}),
                "a whole number from 1 to 100",
            ),
            (
                json!({"type": ["number", "null"], "minimum": 0.0, "maximum": 1.0}),
                "a number from 0 to 1",
            ),
            (
                json!({"type": "number", "exclusiveMinimum": 0}),
                "a number above 0",
            ),
            (
                json!({"type": "number", "exclusiveMinimum": 0, "maximum": 8}),
                "a number above 0 and at most 8",
            ),
            (
                json!({"type": "number", "maximum": 8}),
                "a number of at most 8",
            ),
            (
                json!({"type": "integer", "minimum": 2, "multipleOf": 2}),
                "a whole number of at least 2 that is a multiple of 2",
            ),
            (json!({"enum": [1, 2]}), "`1` or `2`"),
            (json!({"const": 5}), "`5`"),
        ]);
    }

    #[test]
    fn texts_lists_and_choices_in_words() {
        check(&[
            (
                json!({"type": "string", "maxLength": 9}),
                "a text of at most 9 characters",
            ),
            (
                json!({"type": "string", "pattern": "^a", "examples": ["ab", "ac"]}),
                "a text such as `ab` or `ac`",
            ),
            (
                json!({"type": "string", "pattern": "^a"}),
                "a text that matches the pattern `^a`",
            ),
            (
                json!({"type": "string", "format": "ipv4", "minLength": 7}),
                "an IPv4 address such as `192.168.1.20`",
            ),
            (
                json!({"type": "string", "format": "shoe-size"}),
                "a text in the format `shoe-size`",
            ),
            (
                json!({"type": ["string", "integer"]}),
                "a text or a whole number",
            ),
            (
                json!({"type": "array", "minItems": 1, "uniqueItems": true}),
                "a list of at least 1 item without repetitions",
            ),
            (
                json!({"anyOf": [{"type": "integer"}, {"enum": ["auto"]}]}),
                "a whole number or `auto`",
            ),
            (
                json!({"oneOf": [{"const": "a"}, {"enum": ["b", "c"]}]}),
                "`a`, `b` or `c`",
            ),
        ]);
        assert_eq!(expected(&json!({}), &json!({"not": {}})), None);
    }

    #[test]
    fn a_reference_to_itself_ends() {
        let root = json!({"$ref": "#", "anyOf": [{"$ref": "#"}, {"$ref": "#"}]});
        assert_eq!(expected(&root, &root), None);
        assert!(keys(&root, &root).is_empty());
    }
}
