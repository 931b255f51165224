//! `on:`: what is done when an event happens.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::units;
use super::schemas;
use super::source::{Login, Secret, settle_login, yes};
use crate::secret::{SecretText, note_command};

/// Something that is done when an event begins or ends.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "an action", extend("oneOf" = [
    { "required": ["post"] },
    { "required": ["mqtt"] },
    { "required": ["run"] },
]))]
pub struct ActionConfig {
    /// The kind of the events, such as `motion` or `camera-failed`.
    #[schemars(length(min = 1), extend(
        "x-check" = "event-kind",
        "x-missing" = "an action needs `event`: a kind of events, such as `motion`",
        "examples" = ["motion"],
    ))]
    pub event: String,
    /// The streams whose events are meant. Without it, all.
    #[serde(default)]
    #[schemars(schema_with = "schemas::stream_names")]
    pub streams: Vec<String>,
    /// The moment at which it is done. An event that takes no time is done once.
    #[serde(default)]
    pub when: When,
    /// The address that the event is posted to, as JSON; `http` or `https`. A login may stand in it
    /// or beside it.
    #[schemars(with = "Option<String>", extend(
        "x-check" = "webhook-url",
        "examples" = ["https://ha.example.org/api/webhook/front"],
    ))]
    pub post: Option<SecretText>,
    /// The login that is sent with it (HTTP Basic).
    #[serde(flatten)]
    pub login: Option<Login>,
    /// Headers that are sent with it; each is treated like a password.
    #[serde(default)]
    #[schemars(schema_with = "schemas::headers")]
    pub headers: BTreeMap<String, Secret>,
    /// Whether its certificate must be one that this machine trusts.
    #[serde(default = "yes")]
    pub verify_tls: bool,
    /// The topic that the event is published to, as JSON; its picture goes to `TOPIC/picture`.
    #[schemars(length(min = 1), extend("x-check" = "topic", "examples" = ["house/front/alarm"]))]
    pub mqtt: Option<String>,
    /// The program that is run, and its arguments; no shell reads them. It gets the event as JSON
    /// on its standard input, and as `MATTEBOX_EVENT_…` in its environment.
    #[serde(default)]
    #[schemars(schema_with = "schemas::action_command")]
    pub run: Option<Vec<SecretText>>,
    /// Whether the event's picture goes with it.
    #[serde(default)]
    pub picture: bool,
    /// Fields that are added to the JSON. In texts `{stream}`, `{kind}`, `{phase}`, `{text}`,
    /// `{start}`, `{end}` and `{id}` stand for the event's.
    #[serde(default)]
    #[schemars(extend("x-expected" = "fields as `name: value`"))]
    pub with: Map<String, Value>,
    /// The most that one try may take.
    #[serde(default = "time_limit", with = "units::duration_text")]
    #[schemars(schema_with = "schemas::duration", extend("x-range" = ["100ms", "10m"]))]
    pub time_limit: Duration,
}

fn time_limit() -> Duration {
    Duration::from_secs(10)
}

/// The moments of an event at which an action is done.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Its start.
    #[default]
    Start,
    /// Its end.
    End,
    /// Both.
    Both,
}

impl ActionConfig {
    /// Takes a login out of the address. Secrets are masked from now on.
    pub fn settle(&mut self) {
        if let Some(url) = &mut self.post {
            settle_login(url, &mut self.login);
        }
        self.headers.values().for_each(Secret::note);
        if let Some(command) = &self.run {
            note_command(command);
        }
    }

    /// The secrets in it.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let password = self.login.iter().map(|login| &login.password);
        password.chain(self.headers.values())
    }
}
