//! The reference of pipeline files' keys, in Markdown, from their schema.

use super::help::{SettingHelp, keys_help};
use super::schema::SCHEMA;

const HEAD: &str = "\
# The keys of pipeline.yaml

What each key means, what it may be, and what it is where it is left out. Made by
`mattebox schema --markdown`; `mattebox schema` prints the JSON Schema that it is made from, with
which editors complete and check the file as they do once its first line is

```yaml
# yaml-language-server: $schema=docs/reference/pipeline.schema.json
```

A duration is written as `10s`, `200ms` or `1m 30s`, a size as `256MiB` or `1GB`. A key without a
value is as if it were not there.
";

/// The mappings besides the file itself and sources: their headings, and their names among the
/// schema's definitions.
const PARTS: [(&str, &str); 10] = [
    ("`tls`", "TlsConfig"),
    ("`acme`, of `tls`", "AcmeConfig"),
    ("`limits`", "Limits"),
    ("A stream, below its name in `streams`", "StreamConfig"),
    ("A step, an item of `filters`", "StepConfig"),
    ("An action, an item of `on`", "ActionConfig"),
    ("`mqtt`", "MqttConfig"),
    ("`gpio`", "GpioConfig"),
    ("An indicator, an item of `outputs`", "OutputConfig"),
    (
        "A contact or a sensor, below its name in `inputs`",
        "InputConfig",
    ),
];

/// The reference.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    section(&mut text, "## The file", &keys_help(&SCHEMA, &SCHEMA));
    for (heading, name) in PARTS {
        let help = keys_help(&SCHEMA, &SCHEMA["$defs"][name]);
        section(&mut text, &format!("## {heading}"), &help);
        if name == "StreamConfig" {
            sources(&mut text);
        }
    }
    text
}

/// The keys that all drivers have, and those of each.
fn sources(text: &mut String) {
    let drivers = SCHEMA["$defs"]["SourceConfig"]["oneOf"].as_array();
    let drivers: Vec<_> = drivers.into_iter().flatten().collect();
    let Some((first, _)) = drivers.split_first() else {
        return;
    };
    // The first has no others.
    let common = &first["properties"];
    let help = keys_help(&SCHEMA, first);
    section(text, "## A source, with any driver", &help[1..]);
    for driver in drivers {
        let title = driver["title"].as_str().unwrap_or_default();
        let title = title[..1].to_uppercase() + &title[1..];
        let is_own = |help: &SettingHelp| help.name != "driver" && common.get(&help.name).is_none();
        let help = keys_help(&SCHEMA, driver).into_iter().filter(is_own);
        let about = driver["description"].as_str().unwrap_or_default();
        let heading = format!("### {title}\n\n{about}");
        section(text, &heading, &help.collect::<Vec<_>>());
    }
}

fn section(text: &mut String, heading: &str, keys: &[SettingHelp]) {
    *text += &format!("\n{heading}\n");
    if keys.is_empty() {
        return;
    }
    *text += "\n| key | what it may be | default | what it is |\n| --- | --- | --- | --- |\n";
    for key in keys {
        let default = key.default.as_ref().map(|it| default_words(it));
        let default = match key.is_required {
            true => "required".to_owned(),
            false => default.unwrap_or_default(),
        };
        let (name, summary) = (&key.name, &key.summary);
        let expected = expected_words(&key.expected);
        *text += &format!("| `{name}` | {expected} | {default} | {summary} |\n");
    }
}

fn default_words(json: &str) -> String {
    let bare = json.trim_matches('"');
    format!("`{}`", bare.strip_suffix(".0").unwrap_or(bare))
}

/// A bar would end the table's cell.
fn expected_words(words: &str) -> String {
    match words.split_once(" | ") {
        Some(_) => words
            .split(" | ")
            .map(|it| format!("`{it}`"))
            .collect::<Vec<_>>()
            .join(", "),
        None => words.to_owned(),
    }
}
