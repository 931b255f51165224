//! The schemas that lie in a schema.

use serde_json::Value;

/// A schema that lies in another, and its place there as a JSON pointer.
pub type Found<'s> = (String, &'s Value);

/// Keywords whose values are data.
const DATA: [&str; 5] = ["const", "default", "enum", "examples", "required"];
/// Keywords whose values are schemas by names.
const NAMED: [&str; 5] = [
    "$defs",
    "definitions",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

/// `schema` and all that lie in it. References are not followed. It lies no deeper than
/// `serde_json` reads.
pub fn subschemas(schema: &Value) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    collect(schema, String::new(), &mut found);
    found
}

fn collect<'s>(schema: &'s Value, place: String, found: &mut Vec<Found<'s>>) {
    if let Value::Array(schemas) = schema {
        for (at, schema) in schemas.iter().enumerate() {
            collect(schema, format!("{place}/{at}"), found);
        }
    }
    let Value::Object(keywords) = schema else {
        return;
    };
    for (keyword, parts) in keywords {
        let place = below(&place, keyword);
        match (keyword.as_str(), parts) {
            (keyword, _) if DATA.contains(&keyword) => {}
            (keyword, Value::Object(named)) if NAMED.contains(&keyword) => {
                for (name, schema) in named {
                    collect(schema, below(&place, name), found);
                }
            }
            _ => collect(parts, place, found),
        }
    }
    found.push((place, schema));
}

/// The JSON pointer (RFC 6901) to `key` below `place`.
pub fn below(place: &str, key: &str) -> String {
    format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}
