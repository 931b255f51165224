//! The message in which an action tells of an event.

use serde_json::{Map, Value, json};

use crate::config::ActionConfig;
use crate::event_log::{Change, Event};

/// The fields of `change`, as JSON: the event's, its phase, and those that `config` adds.
pub fn message(config: &ActionConfig, change: &Change) -> Value {
    let texts = texts(change);
    let mut message = json!(*change.event);
    message["phase"] = change.phase.name().into();
    message["has_picture"] = change.has_picture.into();
    for (name, value) in &config.with {
        message[name] = filled(value, &texts);
    }
    message
}

/// The texts that may stand for the event's in the fields that an action adds, by their names.
pub fn texts(change: &Change) -> Map<String, Value> {
    let event: &Event = &change.event;
    let mut fields = json!(*event);
    fields["phase"] = change.phase.name().into();
    let names = ["id", "kind", "phase", "stream", "text", "start", "end"];
    let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    let texts = names.map(|name| (name.to_owned(), text(name).into()));
    texts.into_iter().collect()
}

/// `value` with the event's texts in the places of their names.
fn filled(value: &Value, texts: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => fill(text, texts).into(),
        Value::Array(items) => items.iter().map(|it| filled(it, texts)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, it)| (name.clone(), filled(it, texts)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

/// `text`, in which `{stream}` and the like are names; other braces stay.
fn fill(text: &str, texts: &Map<String, Value>) -> String {
    let mut parts = text.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once('}');
        let known = known.and_then(|(name, rest)| Some((texts.get(name)?.as_str()?, rest)));
        match known {
            Some((text, rest)) => filled.extend([text, rest]),
            None => filled.extend(["{", part]),
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_stand_for_the_events_texts() {
        let texts = [
            ("stream".to_owned(), "a{kind}".into()),
            ("kind".to_owned(), "motion".into()),
        ];
        let texts = texts.into_iter().collect();
        let value = json!({ "content": "{kind} at {stream}: {x} {", "list": ["{kind}", 2] });
        assert_eq!(
            filled(&value, &texts),
            json!({ "content": "motion at a{kind}: {x} {", "list": ["motion", 2] })
        );
    }
}
