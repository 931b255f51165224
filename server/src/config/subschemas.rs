//! The schemas that lie in a schema.

use serde_json::Value;

/// A schema that lies in another.
pub struct Found<'s> {
    /// The place, as a JSON pointer.
    pub place: String,
    /// The schema.
    pub schema: &'s Value,
    /// Whether values need not fit it, since it lies in a condition.
    pub is_condition: bool,
}

/// Keywords whose values are data. Those of others begin with `x-`.
const DATA: [&str; 5] = ["const", "default", "enum", "examples", "required"];
/// Keywords whose values are conditions.
const CONDITIONS: [&str; 3] = ["contains", "if", "not"];
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
    collect(schema, String::new(), false, &mut found);
    found
}

fn collect<'s>(schema: &'s Value, place: String, is_in: bool, found: &mut Vec<Found<'s>>) {
    if let Value::Array(schemas) = schema {
        for (at, schema) in schemas.iter().enumerate() {
            collect(schema, format!("{place}/{at}"), is_in, found);
        }
    }
    let Value::Object(keywords) = schema else {
        return;
    };
    for (keyword, parts) in keywords {
        let place = below(&place, keyword);
        match (keyword.as_str(), parts) {
            (keyword, _) if DATA.contains(&keyword) || keyword.starts_with("x-") => {}
            (keyword, Value::Object(named)) if NAMED.contains(&keyword) => {
                for (name, schema) in named {
                    collect(schema, below(&place, name), is_in, found);
                }
            }
            (keyword, _) => collect(parts, place, is_in || CONDITIONS.contains(&keyword), found),
        }
    }
    found.push(Found {
        place,
        schema,
        is_condition: is_in,
    });
}

/// The JSON pointer (RFC 6901) to `key` below `place`.
pub fn below(place: &str, key: &str) -> String {
    format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}
