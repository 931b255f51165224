//! The names of topics.

use crate::config::MqttConfig;

/// The topics below the start that the pipeline names.
#[derive(Clone, Debug)]
pub struct Topics(String);

impl Topics {
    /// The topics of `config`.
    pub fn of(config: &MqttConfig) -> Self {
        Self(config.topic.clone())
    }

    /// Whether the server runs: `online` or `offline`.
    pub fn status(&self) -> String {
        format!("{}/status", self.0)
    }

    /// The topic `name` of a stream: `state`, `events`, `picture`, or a kind of event.
    pub fn of_stream(&self, stream: &str, name: &str) -> String {
        format!("{}/{stream}/{name}", self.0)
    }

    /// A variable's.
    pub fn variable(&self, name: &str) -> String {
        format!("{}/variables/{name}", self.0)
    }

    /// The server's name in topics of Home Assistant's discovery, which have letters, digits, `_`
    /// and `-` between their slashes.
    pub fn node(&self) -> String {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let fine = |c: char| if is_fine(c) { c } else { '_' };
        self.0.chars().map(fine).collect()
    }
}
