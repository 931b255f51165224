//! Whether checking settings against a filter's schema comes to an end in good time.
//!
//! A schema is a stranger's, and a dozen lines of it, each asking for the next one twice, are worth
//! years of checking and terabytes of errors. So the steps that a validator will take are counted
//! first.

use serde_json::{Map, Value};

/// The most work, in values looked at. A usual filter's settings take a few hundred.
const WORK: usize = 1_000_000;
/// The depth to which schemas may lie in each other, references followed.
const DEPTH: usize = 128;
/// So many bytes of text count as one value.
const TEXT: usize = 64;
/// A byte of text that is matched with a pattern counts as so many values: each state of the
/// pattern may be tried at each.
const MATCHED: usize = 64;

/// The reason why settings are not checked against a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbounded {
    /// It may have no end.
    #[error("its schemas lie too deep in each other, or refer to themselves")]
    Deep,
    /// It has another base inside, so that references can't be followed here.
    #[error("it has an `$id` inside, which is not supported")]
    Id,
    /// It refers to another schema.
    #[error("it refers to {0}; only references into itself (`#/…`) are supported")]
    Reference(String),
    /// It would take too long.
    #[error("it takes too much work to check")]
    Work,
}

/// Checks that it takes bounded work to validate `settings` against `schema`.
///
/// # Errors
/// It does not, or that can't be known.
pub fn check(schema: &Value, settings: &Value) -> Result<(), Unbounded> {
    let mut walk = Walk {
        root: schema,
        left: WORK,
    };
    walk.visit(schema, settings, DEPTH)
}

/// Keywords whose schemas apply to the same value, and may evaluate its children.
const APPLIED: [&str; 9] = [
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "then",
    "else",
];

struct Walk<'s> {
    root: &'s Value,
    left: usize,
}

impl<'s> Walk<'s> {
    /// Takes every branch that a validator might take for `value`.
    fn visit(&mut self, schema: &'s Value, value: &Value, depth: usize) -> Result<(), Unbounded> {
        let Value::Object(keywords) = schema else {
            return Ok(());
        };
        let below = depth.checked_sub(1).ok_or(Unbounded::Deep)?;
        // Each failure keeps a copy of the value.
        self.spend(1 + size(value))?;
        for (keyword, parts) in keywords {
            match keyword.as_str() {
                "$ref" | "$dynamicRef" | "$recursiveRef" => {
                    let target = self.target(parts)?;
                    self.visit(target, value, below)?;
                }
                "$id" | "id" if parts.is_string() && !std::ptr::eq(schema, self.root) => {
                    return Err(Unbounded::Id);
                }
                "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" => {
                    self.visit_all(parts, value, below)?;
                }
                "dependentSchemas" | "dependencies" => {
                    for part in members(parts) {
                        self.visit(part, value, below)?;
                    }
                }
                "properties" => {
                    for (key, part) in parts.as_object().into_iter().flatten() {
                        if let Some(value) = value.get(key) {
                            self.visit(part, value, below)?;
                        }
                    }
                }
                "pattern" => self.spend(value.as_str().map_or(0, matching))?,
                "patternProperties" => {
                    let keys = value.as_object().into_iter().flat_map(Map::keys);
                    let work: usize = keys.map(|key| matching(key)).sum();
                    for part in members(parts) {
                        self.spend(work)?;
                        self.visit_children(part, value, below)?;
                    }
                }
                "propertyNames" => {
                    for key in value.as_object().into_iter().flat_map(Map::keys) {
                        self.visit(parts, &Value::from(key.as_str()), below)?;
                    }
                }
                "items"
                | "prefixItems"
                | "additionalItems"
                | "contains"
                | "additionalProperties" => {
                    self.visit_children(parts, value, below)?;
                }
                "unevaluatedItems" | "unevaluatedProperties" => {
                    self.visit_children(parts, value, below)?;
                    self.visit_evaluated(keywords, value, below)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn spend(&mut self, work: usize) -> Result<(), Unbounded> {
        let left = self.left.checked_sub(work);
        self.left = left.ok_or(Unbounded::Work)?;
        Ok(())
    }

    fn visit_all(
        &mut self,
        parts: &'s Value,
        value: &Value,
        depth: usize,
    ) -> Result<(), Unbounded> {
        match parts {
            Value::Array(parts) => parts
                .iter()
                .try_for_each(|part| self.visit(part, value, depth)),
            part => self.visit(part, value, depth),
        }
    }

    fn visit_children(
        &mut self,
        parts: &'s Value,
        value: &Value,
        depth: usize,
    ) -> Result<(), Unbounded> {
        match value {
            Value::Array(items) => items
                .iter()
                .try_for_each(|item| self.visit_all(parts, item, depth)),
            Value::Object(entries) => entries
                .values()
                .try_for_each(|value| self.visit_all(parts, value, depth)),
            _ => Ok(()),
        }
    }

    /// To know what is left unevaluated, a validator takes all that may evaluate it once more for
    /// each child of `value`.
    fn visit_evaluated(
        &mut self,
        keywords: &'s Map<String, Value>,
        value: &Value,
        depth: usize,
    ) -> Result<(), Unbounded> {
        let children = match value {
            Value::Array(items) => items.len(),
            Value::Object(entries) => entries.len(),
            _ => 0,
        };
        let applied = keywords
            .iter()
            .filter(|(keyword, _)| APPLIED.contains(&keyword.as_str()));
        let applied: Vec<_> = applied.collect();
        for _ in 0..=children {
            for (keyword, parts) in &applied {
                match keyword.as_str() {
                    "$ref" | "$dynamicRef" | "$recursiveRef" => {
                        let target = self.target(parts)?;
                        self.visit(target, value, depth)?;
                    }
                    _ => self.visit_all(parts, value, depth)?,
                }
            }
        }
        Ok(())
    }

    fn target(&self, reference: &Value) -> Result<&'s Value, Unbounded> {
        let reference = reference.as_str().unwrap_or_default();
        reference
            .strip_prefix('#')
            .filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
            .and_then(|pointer| self.root.pointer(pointer))
            .ok_or_else(|| Unbounded::Reference(super::suggest::quote(reference)))
    }
}

/// The values of an object; none if `parts` is no object.
fn members(parts: &Value) -> impl Iterator<Item = &Value> {
    parts.as_object().into_iter().flat_map(Map::values)
}

/// The work of matching `text` with one pattern.
fn matching(text: &str) -> usize {
    text.len().saturating_mul(MATCHED)
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / TEXT,
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| 1 + key.len() / TEXT + size(value);
            1 + entries.iter().map(entry).sum::<usize>()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Definitions that each ask for the next one twice.
    fn doubling(levels: usize) -> Value {
        let definition = |level: usize| {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            (format!("d{level}"), json!({"allOf": [next, next]}))
        };
        let mut definitions: serde_json::Map<_, _> = (0..levels).map(definition).collect();
        definitions.insert(format!("d{levels}"), json!({"type": "object"}));
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    }

    #[test]
    fn usual_schemas_pass() {
        let schema = json!({
            "$id": "https://example.com/a",
            "properties": {"tree": {"$ref": "#/$defs/tree"}, "id": {"type": "string"}},
            "additionalProperties": false,
            "$defs": {"tree": {"properties": {"below": {"items": {"$ref": "#/$defs/tree"}}}}},
        });
        let settings = json!({"tree": {"below": [{"below": [{}, {}]}]}, "id": "x"});
        assert_eq!(check(&schema, &settings), Ok(()));
        assert_eq!(check(&json!(true), &settings), Ok(()));
        assert_eq!(check(&doubling(4), &settings), Ok(()));
    }

    #[test]
    fn long_texts_are_matched_with_few_patterns() {
        let patterns = |count: usize| -> serde_json::Map<_, _> {
            let pattern = |number| (format!("^(a|b)*a(a|b){{14}}x{number}$"), json!({}));
            (0..count).map(pattern).collect()
        };
        let long = "ab".repeat(1000);
        let by_keys = |count| json!({"patternProperties": patterns(count)});
        assert_eq!(check(&by_keys(5), &json!({&long: 1})), Ok(()));
        for schema in [
            by_keys(50),
            json!({"propertyNames": {"allOf": vec![json!({"pattern": "^a"}); 50]}}),
        ] {
            let error = check(&schema, &json!({&long: 1})).unwrap_err().to_string();
            assert!(error.contains("too much work"), "{error}");
        }
        let texts = json!({"additionalProperties": {"pattern": "^a"}});
        assert_eq!(check(&texts, &json!({"x": long})), Ok(()));
        let error = check(&texts, &json!({"x": long.repeat(50)}))
            .unwrap_err()
            .to_string();
        assert!(error.contains("too much work"), "{error}");
    }

    #[test]
    fn endless_schemas_are_refused() {
        let mut nested = json!({});
        for _ in 0..30 {
            nested = json!({"x": nested});
        }
        for (schema, why) in [
            (json!({"$ref": "#"}), "refer to themselves"),
            (json!({"anyOf": [{"$ref": "#"}]}), "refer to themselves"),
            (doubling(40), "too much work"),
            (
                json!({"properties": {"x": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}),
                "too much work",
            ),
            (
                json!({"additionalProperties": {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}}),
                "too much work",
            ),
            (json!({"$ref": "other.json"}), "`other.json`"),
            (json!({"$ref": "#name"}), "`#name`"),
            (
                json!({"allOf": [{"$id": "https://example.com/b"}]}),
                "`$id`",
            ),
        ] {
            let error = check(&schema, &nested).unwrap_err().to_string();
            assert!(error.contains(why), "{schema}: {error}");
        }
    }
}
