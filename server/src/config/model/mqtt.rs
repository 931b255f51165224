//! `mqtt:`: the broker that events and states are published to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

use super::super::value_error::ValueError;
use super::schemas;
use super::source::{Login, settle_login};
use crate::secret::SecretText;

/// The start of Home Assistant's topics for discovery, unless it is told another.
const HOME_ASSISTANT: &str = "homeassistant";
/// The most bytes of a topic; what the server adds to one still fits into MQTT's 65535.
const TOPIC_BYTES: usize = 200;

/// A broker, and what is published there.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "`mqtt`")]
pub struct MqttConfig {
    /// The broker's address: `mqtt://` and a host, with a port if it is not 1883; or `mqtts://`,
    /// port 8883, for TLS.
    #[schemars(with = "String", extend(
        "x-check" = "broker-url",
        "x-missing" = "`mqtt` needs a `broker`, such as `mqtt://192.168.1.10`",
        "examples" = ["mqtt://192.168.1.10"],
    ))]
    pub broker: SecretText,
    /// The login that it asks for, if it does.
    #[serde(flatten)]
    pub login: Option<Login>,
    /// A file with the certificates, in PEM, that the broker's must be signed by, relative to this
    /// file. Without it, those that this machine trusts.
    #[schemars(length(min = 1))]
    pub ca: Option<String>,
    /// The name by which the broker knows the server; each of a broker's clients has another.
    /// Default: `mattebox-` and this machine's name.
    #[schemars(length(min = 1, max = 100))]
    pub client_id: Option<String>,
    /// The start of all topics.
    #[serde(default = "topic")]
    #[schemars(length(min = 1), extend("x-check" = "topic"))]
    pub topic: String,
    /// The start of Home Assistant's topics for discovery, by which streams appear there by
    /// themselves; `false`: they don't.
    #[serde(default = "discovery", deserialize_with = "read_discovery")]
    #[schemars(schema_with = "schemas::discovery")]
    pub discovery: Option<String>,
    /// Topics whose texts variables get, such as `house/temperature: outside`.
    #[serde(default)]
    #[schemars(schema_with = "schemas::subscriptions")]
    pub subscribe: BTreeMap<String, String>,
}

fn topic() -> String {
    "mattebox".to_owned()
}

fn discovery() -> Option<String> {
    Some(HOME_ASSISTANT.to_owned())
}

fn read_discovery<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    // Where a text may stand, a word is read as one.
    Ok(match Value::deserialize(from)? {
        Value::String(topic) if !matches!(topic.as_str(), "true" | "false") => Some(topic),
        off if off == "false" || off == false => None,
        _ => discovery(),
    })
}

impl MqttConfig {
    /// Takes a login out of the address. Secrets are masked from now on.
    pub fn settle(&mut self) {
        settle_login(&mut self.broker, &mut self.login);
    }
}

/// An address of a broker.
///
/// # Errors
/// It is something else.
pub fn check_broker_url(text: &str) -> Result<Url, ValueError> {
    let example = "mqtt://192.168.1.10";
    let url = super::source::check_url(text, &["mqtt", "mqtts"], example)?;
    match url.path() {
        "" | "/" => Ok(url),
        _ => Err("a broker's address ends with its host and port".into()),
    }
}

/// A topic without wildcards (MQTT 3.1.1, 4.7), neither empty nor the broker's own.
///
/// # Errors
/// It is something else.
pub fn check_topic(text: &str) -> Result<(), ValueError> {
    let is_fine = |c: char| !c.is_control() && !matches!(c, '+' | '#');
    let is_framed = text.starts_with(['/', '$']) || text.ends_with('/');
    if text.is_empty() || is_framed || text.len() > TOPIC_BYTES || !text.chars().all(is_fine) {
        let expected = "a topic such as `house/front`, without `+` and `#`";
        return Err(ValueError::unexpected(expected, text));
    }
    Ok(())
}
