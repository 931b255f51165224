//! The check whether validating settings against a filter's schema ends in good time.
//!
//! A schema is a stranger's, and a dozen lines of it, each asking for the next one twice, are worth
//! years of checking and terabytes of errors. So the steps that a validator will take are counted
//! first.

use std::slice;

use serde_json::{Map, Value};

use super::subschemas::{Found, below, subschemas};

/// The most work, in values looked at. A usual filter's settings take a few hundred.
pub(super) const WORK: usize = 1_000_000;
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
    #[error("schemas in it lie too deep in each other, or refer to themselves")]
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

/// Checks that it takes bounded work to validate `value` against `schema`, a part of `root`.
///
/// # Errors
/// It does not, or that can't be known.
pub fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), Unbounded> {
    let mut walk = Walk { root, left: WORK };
    walk.visit(schema, value, DEPTH)
}

/// Checks that `schema` refers to itself only, wherever it does, by references that lead somewhere.
///
/// # Errors
/// It does not, and the place where it doesn't, as a JSON pointer.
pub fn check_references(schema: &Value) -> Result<(), (String, Unbounded)> {
    let walk = Walk {
        root: schema,
        left: 0,
    };
    for Found { place, schema, .. } in subschemas(schema) {
        for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
            if let Some(reference) = schema.get(keyword)
                && let Err(wrong) = walk.target(reference)
            {
                return Err((below(&place, keyword), wrong));
            }
        }
        for keyword in ["$id", "id"] {
            if !place.is_empty() && schema.get(keyword).is_some_and(Value::is_string) {
                return Err((below(&place, keyword), Unbounded::Id));
            }
        }
    }
    Ok(())
}

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
        // Each failure keeps a copy of the value, and each keyword leaves a note of what it found.
        self.spend(keywords.len() + size(value))?;
        for (keyword, parts) in keywords {
            for part in self.applied(keyword, parts)? {
                self.visit(part, value, below)?;
            }
            match keyword.as_str() {
                "$id" | "id" if parts.is_string() && !std::ptr::eq(schema, self.root) => {
                    return Err(Unbounded::Id);
                }
                "not" => self.visit(parts, value, below)?,
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
                    let work: usize = keys(value).map(|key| matching(key)).sum();
                    for part in members(parts) {
                        self.spend(work)?;
                        self.visit_children(part, value, below)?;
                    }
                }
                "propertyNames" => {
                    for key in keys(value) {
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

    /// The schemas of a keyword that apply to the same value, and may evaluate its children.
    fn applied(&self, keyword: &str, parts: &'s Value) -> Result<&'s [Value], Unbounded> {
        Ok(match keyword {
            "$ref" | "$dynamicRef" | "$recursiveRef" => slice::from_ref(self.target(parts)?),
            "allOf" | "anyOf" | "oneOf" | "if" | "then" | "else" => one_or_more(parts),
            _ => &[],
        })
    }

    fn visit_children(
        &mut self,
        parts: &'s Value,
        value: &Value,
        depth: usize,
    ) -> Result<(), Unbounded> {
        for child in children(value) {
            for part in one_or_more(parts) {
                self.visit(part, child, depth)?;
            }
        }
        Ok(())
    }

    /// To know what is left unevaluated, a validator takes all that may evaluate it once more for
    /// each child of `value`.
    fn visit_evaluated(
        &mut self,
        keywords: &'s Map<String, Value>,
        value: &Value,
        depth: usize,
    ) -> Result<(), Unbounded> {
        for _ in 0..=children(value).count() {
            for (keyword, parts) in keywords {
                for part in self.applied(keyword, parts)? {
                    self.visit(part, value, depth)?;
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

fn one_or_more(parts: &Value) -> &[Value] {
    match parts {
        Value::Array(parts) => parts,
        part => slice::from_ref(part),
    }
}

/// The items of a list, or the values of an object.
fn children(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten().chain(members(value))
}

fn keys(value: &Value) -> impl Iterator<Item = &String> {
    value.as_object().into_iter().flat_map(Map::keys)
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
        value => {
            let names: usize = keys(value).map(|key| 1 + key.len() / TEXT).sum();
            1 + names + children(value).map(size).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The check of `settings` against a whole schema.
    fn of(schema: &Value, settings: &Value) -> Result<(), Unbounded> {
        check(schema, schema, settings)
    }

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
        assert_eq!(of(&schema, &settings), Ok(()));
        assert_eq!(of(&json!(true), &settings), Ok(()));
        assert_eq!(of(&doubling(4), &settings), Ok(()));
    }

    #[test]
    fn long_texts_are_matched_with_few_patterns() {
        let patterns = |count: usize| -> serde_json::Map<_, _> {
            let pattern = |number| (format!("^(a|b)*a(a|b){{14}}x{number}$"), json!({}));
            (0..count).map(pattern).collect()
        };
        let long = "ab".repeat(1000);
        let by_keys = |count| json!({"patternProperties": patterns(count)});
        assert_eq!(of(&by_keys(5), &json!({&long: 1})), Ok(()));
        for schema in [
            by_keys(50),
            json!({"propertyNames": {"allOf": vec![json!({"pattern": "^a"}); 50]}}),
        ] {
            let error = of(&schema, &json!({&long: 1})).unwrap_err().to_string();
            assert!(error.contains("too much work"), "{error}");
        }
        let texts = json!({"additionalProperties": {"pattern": "^a"}});
        assert_eq!(of(&texts, &json!({"x": long})), Ok(()));
        let error = of(&texts, &json!({"x": long.repeat(50)}))
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
            let error = of(&schema, &nested).unwrap_err().to_string();
            assert!(error.contains(why), "{schema}: {error}");
        }
    }
}
