//! MQTT: states, variables and events are published to a broker, and variables set from there.
//!
//! What is retained is declared as a whole (see `topics`), and what differs from what the broker
//! has is published; so it is right again after each change and each new connection.

mod discovery;
mod incoming;
mod publisher;
mod session;
mod topics;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use rumqttc::{AsyncClient, QoS};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

pub use session::{MqttError, check};

use crate::control::Controller;
use crate::log::recurring::Recurring;
use crate::secret::mask_foreign;
use crate::sync::IgnorePoison;

/// The connection to the broker that the pipeline names. Clones share it.
#[derive(Clone, Default)]
pub struct Mqtt(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// None while there is no broker.
    client: Option<AsyncClient>,
    report: MqttReport,
    failures: Recurring,
}

/// The state of the connection to the MQTT broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct MqttReport {
    /// The broker's address; none if the pipeline file names none.
    pub broker: Option<String>,
    /// Whether it is connected.
    pub connected: bool,
    /// The reason why it is not, if that is known.
    pub error: Option<String>,
    /// The number of events that were not published, since the broker was away or too slow.
    pub dropped: u64,
}

/// The reason why nothing can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the MQTT broker is not connected")]
pub struct NotConnected;

impl Mqtt {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().ignore_poison()
    }

    /// The state of the connection.
    pub fn report(&self) -> MqttReport {
        self.state().report.clone()
    }

    /// Publishes `payload` to `topic`, at least once. Waits while too much else is being sent.
    ///
    /// # Errors
    /// The broker is not connected.
    pub async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), NotConnected> {
        let client = {
            let state = self.state();
            state.client.clone().filter(|_| state.report.connected)
        };
        let client = client.ok_or(NotConnected)?;
        let sent = client.publish(topic, QoS::AtLeastOnce, false, payload);
        sent.await.map_err(|_| NotConnected)
    }

    /// Keeps the connection that the pipeline in force wants, until `end`. Must be called on a
    /// runtime.
    pub async fn run(&self, controller: &Controller, end: &CancellationToken) {
        let mut snapshots = controller.changes();
        while !end.is_cancelled() {
            let config = snapshots.borrow_and_update().config.clone();
            let over = end.child_token();
            let session = self.keep(controller, &config, &over);
            tokio::pin!(session);
            let is_other = |it: &Arc<crate::control::Snapshot>| it.config.mqtt != config.mqtt;
            tokio::select! {
                () = &mut session => continue,
                _ = snapshots.wait_for(is_other) => over.cancel(),
            }
            // It says good-bye.
            session.await;
        }
    }

    /// Takes note that the broker is connected, at `now`.
    fn connected(&self, now: Instant) {
        let mut state = self.state();
        state.report.connected = true;
        state.report.error = None;
        if let Some(recovery) = state.failures.worked(now) {
            let failures = recovery.failures;
            tracing::info!(failures, "the connection to the MQTT broker works again");
        }
    }

    /// Takes note that the broker can't be reached, at `now`, and tells in the log, but not each
    /// time.
    fn failed(&self, error: &str, now: Instant) {
        let error = mask_foreign(error);
        let mut state = self.state();
        state.report.connected = false;
        if let Some(notice) = state.failures.failed(now) {
            let broker = state.report.broker.clone().unwrap_or_default();
            tracing::warn!(
                broker,
                failures = notice.failures(),
                seconds = notice.seconds(),
                %error,
                "the MQTT broker can't be reached"
            );
        }
        state.report.error = Some(error);
    }

    /// Takes note that so many events could not be published.
    fn dropped(&self, events: u64) {
        self.state().report.dropped += events;
    }

    fn is_connected(&self) -> bool {
        self.state().report.connected
    }
}
