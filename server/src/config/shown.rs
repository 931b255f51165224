//! Settings as they are shown, with masks for their secrets; and what is sent back with masks in
//! it.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::secret::{MASK, is_secret_name, names_a_place, replace, secrets_in, secrets_in_word};

/// The key of a command's words.
const COMMAND: &str = "command";
/// The looks of a masked login in an address, a masked parameter and a masked option in a line.
const MASKED: [&str; 3] = ["***@", "=***", " ***"];

/// `value` with its secrets masked: what is called like one, logins in addresses, and a command's
/// options. What says where a secret stands, such as `{env: NAME}`, is none.
pub fn shown(value: &Value) -> Value {
    show("", value)
}

fn show(key: &str, value: &Value) -> Value {
    let masked = |(text, ranges): (String, _)| Value::from(replace(&text, ranges));
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        _ if is_secret(key, value) => MASK.into(),
        Value::Array(_) if key == COMMAND => texts(key, value).into_iter().map(masked).collect(),
        Value::String(_) => texts(key, value)
            .into_iter()
            .map(masked)
            .next()
            .unwrap_or_default(),
        Value::Array(items) => items.iter().map(|item| show(key, item)).collect(),
        Value::Object(entries) => {
            let entries = entries.iter();
            let show = |(key, value): (&String, &Value)| (key.clone(), show(key, value));
            Value::Object(entries.map(show).collect())
        }
        Value::Number(_) => value.clone(),
    }
}

/// Whether the value of `key` is a secret as a whole.
fn is_secret(key: &str, value: &Value) -> bool {
    let names_a_place = |place: &Map<String, Value>| {
        let mut entries = place.iter();
        let entry = entries.next().filter(|_| place.len() == 1);
        entry.is_some_and(|(key, value)| names_a_place(key, value.as_str().unwrap_or_default()))
    };
    match value {
        // No user's name has a colon (RFC 7617, 2).
        Value::String(text) if key == "user" => text.contains(':'),
        Value::Object(place) if names_a_place(place) => false,
        _ => is_secret_name(key),
    }
}

/// The text that the value of `key` is, or a command's words, each with its secret parts.
fn texts(key: &str, value: &Value) -> Vec<(String, Vec<Range<usize>>)> {
    match value {
        Value::String(text) => vec![(text.clone(), secrets_in(text))],
        Value::Array(words) if key == COMMAND => {
            let word = |word: &Value| match word.as_str() {
                Some(text) => text.to_owned(),
                None => word.to_string(),
            };
            let words: Vec<_> = words.iter().map(word).collect();
            let secrets = (0..words.len()).map(|at| secrets_in_word(&words, at));
            let secrets: Vec<_> = secrets.collect();
            words.into_iter().zip(secrets).collect()
        }
        _ => Vec::new(),
    }
}

/// The new value `new` of `key` with the secrets of `known`, its value so far, in the places of the
/// masks that were shown for them. Where there are more or fewer masks than secrets, they stay.
pub fn unmask(key: &str, known: &Value, new: Value) -> Value {
    if new == show(key, known) {
        return known.clone();
    }
    let texts = texts(key, known);
    let secrets = texts.iter().flat_map(|(text, ranges)| {
        let ranges = ranges.iter().cloned();
        ranges.map(|range| &text[range])
    });
    let secrets: Vec<&str> = secrets.collect();
    let masks = |value: &Value| value.as_str().map_or(0, |text| text.matches(MASK).count());
    let (count, items) = match &new {
        Value::Array(items) => (items.iter().map(masks).sum(), items.as_slice()),
        text => (masks(text), std::slice::from_ref(text)),
    };
    if count != secrets.len() {
        return new;
    }
    let mut secrets = secrets.into_iter();
    let mut fill = |item: &Value| match item {
        Value::String(text) => fill(text, &mut secrets).into(),
        other => other.clone(),
    };
    match items {
        items if new.is_array() => items.iter().map(fill).collect(),
        _ => fill(&new),
    }
}

/// `text` with the next of `secrets` in the place of each mask.
fn fill<'s>(text: &str, secrets: &mut impl Iterator<Item = &'s str>) -> String {
    let mut parts = text.split(MASK);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        filled += secrets.next().unwrap_or(MASK);
        filled += part;
    }
    filled
}

/// The key of a secret that is masked in `value`, the value of `key`.
pub fn find_mask<'v>(key: &'v str, value: &'v Value) -> Option<&'v str> {
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| find_mask(key, value)),
        Value::Array(values) => values.iter().find_map(|value| find_mask(key, value)),
        Value::String(text) if text.contains(MASK) => {
            let is_whole = key == COMMAND || is_secret_name(key);
            let is_masked = is_whole || MASKED.iter().any(|it| text.contains(it));
            is_masked.then_some(key)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_and_the_places_where_they_stand_are_not() {
        for (value, expected) in [
            (json!({"password": "hush"}), json!({"password": "***"})),
            (json!({"password": 12}), json!({"password": "***"})),
            (
                json!({"password": {"env": "DOOR"}}),
                json!({"password": {"env": "DOOR"}}),
            ),
            (
                json!({"password": {"env": "DOOR", "x": 1}}),
                json!({"password": "***"}),
            ),
            (json!({"user": "me"}), json!({"user": "me"})),
            (json!({"user": "me:hush"}), json!({"user": "***"})),
            (
                json!({"url": "http://me:hush@cam/?pwd=hush&x=1"}),
                json!({"url": "http://***@cam/?pwd=***&x=1"}),
            ),
            (
                json!({"command": ["curl", "-u", "me:hush", "--token", 12, "http://me:hush@cam/"]}),
                json!({"command": ["curl", "-u", "***", "--token", "***", "http://***@cam/"]}),
            ),
            (
                json!({"command": ["sh", "-c", "grab --password hush >&2"]}),
                json!({"command": ["sh", "-c", "grab --password *** >&2"]}),
            ),
            (
                json!({"list": [{"token": "hush"}, "http://me:hush@cam/", 5, true]}),
                json!({"list": [{"token": "***"}, "http://***@cam/", 5, true]}),
            ),
        ] {
            assert_eq!(shown(&value), expected);
        }
    }

    #[test]
    fn a_mask_that_is_sent_back_is_the_secret() {
        for (key, known, new, expected) in [
            ("password", json!("hush"), json!("***"), json!("hush")),
            ("password", json!(12), json!("***"), json!(12)),
            ("password", json!("hush"), json!("new"), json!("new")),
            (
                "url",
                json!("http://me:hush@cam/?pwd=psst"),
                json!("http://***@other:81/?pwd=***&x=1"),
                json!("http://me:hush@other:81/?pwd=psst&x=1"),
            ),
            (
                "url",
                json!("http://cam/"),
                json!("http://***@cam/"),
                json!("http://***@cam/"),
            ),
            (
                "command",
                json!(["grab", "--password", "hush", "http://me:psst@cam/"]),
                json!(["grab", "-v", "--password", "***", "http://***@cam/2"]),
                json!(["grab", "-v", "--password", "hush", "http://me:psst@cam/2"]),
            ),
            (
                "command",
                json!(["grab", "--password", "hush", "http://me:psst@cam/"]),
                json!(["grab", "http://***@cam/"]),
                json!(["grab", "http://***@cam/"]),
            ),
            ("quality", json!(85), json!(70), json!(70)),
        ] {
            assert_eq!(unmask(key, &known, new), expected);
        }
        assert_eq!(
            find_mask("command", &json!(["grab", "***"])),
            Some("command")
        );
        assert_eq!(find_mask("text", &json!("***")), None);
    }
}
