//! Messages from the broker: texts of variables, and what it retains of the server's own.

use std::sync::Mutex;

use rumqttc::Publish;
use tokio::sync::mpsc;

use super::discovery;
use super::topics::Topics;
use crate::config::MqttConfig;
use crate::control::Controller;
use crate::log::recurring::Recurring;
use crate::log::sanitize;
use crate::sync::IgnorePoison;

/// Takes messages from the broker.
pub struct Incoming<'a> {
    config: &'a MqttConfig,
    controller: &'a Controller,
    /// Takes the topics that the broker retains for discovery.
    retained: mpsc::Sender<String>,
    refusals: Mutex<Recurring>,
}

impl<'a> Incoming<'a> {
    /// For the subscriptions of `config`.
    pub fn new(
        config: &'a MqttConfig,
        controller: &'a Controller,
        retained: mpsc::Sender<String>,
    ) -> Self {
        Self {
            config,
            controller,
            retained,
            refusals: Mutex::default(),
        }
    }

    /// Takes `message`. Never waits.
    pub fn take(&self, message: Publish) {
        if let Some(variable) = self.config.subscribe.get(&message.topic) {
            let set = self.set(variable, &message.payload);
            self.note(&message.topic, set);
        } else if message.retain && !message.payload.is_empty() {
            // Of too many, the rest are seen at the next connection.
            self.retained.try_send(message.topic).ok();
        }
    }

    fn set(&self, variable: &str, payload: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(payload).map_err(|_| "it is no UTF-8 text".to_owned())?;
        let set = self.controller.variables().set(variable, text, None);
        set.map_err(|refusal| refusal.to_string())
    }

    fn note(&self, topic: &str, set: Result<(), String>) {
        let now = self.controller.clock().now();
        let mut refusals = self.refusals.lock().ignore_poison();
        if let Err(why) = set {
            if let Some(notice) = refusals.failed(now) {
                let error = sanitize(&why);
                tracing::warn!(
                    topic,
                    failures = notice.failures(),
                    seconds = notice.seconds(),
                    %error,
                    "a message of MQTT is left out"
                );
            }
        } else if let Some(recovery) = refusals.worked(now) {
            let failures = recovery.failures;
            tracing::info!(failures, "setting variables by MQTT works again");
        }
    }
}

/// The topics to subscribe to.
pub fn subscriptions(config: &MqttConfig) -> Vec<String> {
    let own = config.discovery.as_ref();
    let own = own.map(|it| discovery::all(it, &Topics::of(config)));
    config.subscribe.keys().cloned().chain(own).collect()
}
