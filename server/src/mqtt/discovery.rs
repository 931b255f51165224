//! Home Assistant's discovery of MQTT: a device for each stream, with its sensors and its last
//! picture.

use serde_json::{Value, json};

use super::topics::Topics;
use crate::event_log::EventKind;
use crate::stream::StreamState;

/// The entities of one stream.
pub struct Device<'a> {
    /// The start of the topics.
    pub discovery: &'a str,
    /// The topics of states.
    pub topics: &'a Topics,
    /// The stream's name, and the one that people see.
    pub stream: &'a str,
    /// The name that people see.
    pub title: &'a str,
}

/// The topic of all entities of this server, for subscribing.
pub fn all(discovery: &str, topics: &Topics) -> String {
    format!("{discovery}/+/{}/+/config", topics.node())
}

impl Device<'_> {
    /// The topics and messages by which it is discovered, with a sensor for each of `kinds`.
    pub fn messages(&self, kinds: impl Iterator<Item = EventKind>) -> Vec<(String, Value)> {
        let own = [self.state(), self.picture()].into_iter();
        own.chain(kinds.map(|kind| self.sensor(&kind))).collect()
    }

    fn state(&self) -> (String, Value) {
        let states = StreamState::ALL.map(StreamState::name);
        let fields = json!({
            "name": "State",
            "state_topic": self.topics.of_stream(self.stream, "state"),
            "device_class": "enum",
            "options": states,
            "entity_category": "diagnostic",
        });
        self.entity("sensor", "state", fields)
    }

    fn picture(&self) -> (String, Value) {
        let fields = json!({
            "name": "Last event",
            "topic": self.topics.of_stream(self.stream, "picture"),
        });
        self.entity("camera", "picture", fields)
    }

    fn sensor(&self, kind: &EventKind) -> (String, Value) {
        let mut fields = json!({
            "name": name(kind.as_str()),
            "state_topic": self.topics.of_stream(self.stream, kind.as_str()),
            "payload_on": "ON",
            "payload_off": "OFF",
        });
        let class = match kind {
            it if *it == EventKind::MOTION => Some("motion"),
            it if *it == EventKind::CAMERA_FAILED => Some("problem"),
            _ => None,
        };
        if let Some(class) = class {
            fields["device_class"] = class.into();
        }
        self.entity("binary_sensor", kind.as_str(), fields)
    }

    fn entity(&self, component: &str, name: &str, mut fields: Value) -> (String, Value) {
        let (node, stream) = (self.topics.node(), self.stream);
        let version = env!("CARGO_PKG_VERSION");
        fields["unique_id"] = format!("{node}_{stream}_{name}").into();
        fields["availability_topic"] = self.topics.status().into();
        fields["device"] = json!({
            "identifiers": [format!("{node}_{stream}")],
            "name": self.title,
            "manufacturer": "Mattebox",
            "model": "Stream",
            "sw_version": version,
        });
        fields["origin"] = json!({ "name": "Mattebox", "sw_version": version });
        let discovery = self.discovery;
        let topic = format!("{discovery}/{component}/{node}/{stream}_{name}/config");
        (topic, fields)
    }
}

/// `camera-failed` for people: `Camera failed`.
fn name(kind: &str) -> String {
    let (first, rest) = kind.split_at(1);
    format!("{}{}", first.to_uppercase(), rest.replace('-', " "))
}
