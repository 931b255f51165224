//! The state of the server: what the API tells of streams, the pipeline file and access, sent as it
//! changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::super::App;
use super::super::api::{AccessReport, pipeline_report};
use super::super::auth::Identity;
use super::channels::Channels;
use crate::clock::Clock;
use crate::control::PipelineReport;
use crate::notifications::Notification;
use crate::stream::StreamReport;

/// The interval at which the state is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// The least time between two states, however much happens.
const SPACING: Duration = Duration::from_millis(500);
/// A state that is the same is sent after so long: a client that hears nothing for longer has lost
/// the connection.
const SAME_AFTER: Duration = Duration::from_secs(5);

/// The state of the server as a client is told it, by a message of the kind `state`.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = WallState)]
pub struct WallState {
    /// The streams that the client sees, in the file's order.
    streams: Vec<StreamReport>,
    /// The state of the pipeline file.
    pipeline: PipelineReport,
    /// The client's rights.
    access: AccessReport,
    /// Streams that the client gave credit for and can't watch, and why.
    refused: BTreeMap<String, String>,
    /// The number of the client's last `refresh` that was done.
    refresh: u64,
}

/// The time at which the state is to be sent, and which was sent last.
pub struct Feed {
    clock: Arc<dyn Clock>,
    identity: Identity,
    /// The way from the answer to the server's root.
    root: String,
    notifications: Receiver<Notification>,
    due: Instant,
    timer: BoxFuture<'static, ()>,
    refresh: u64,
    sent: Bytes,
    sent_at: Option<Instant>,
}

impl Feed {
    /// The first one is due now.
    pub fn new(app: &App, identity: Identity, root: String) -> Self {
        let due = app.clock.now();
        Self {
            timer: app.clock.sleep_until(due),
            clock: app.clock.clone(),
            identity,
            root,
            notifications: app.controller.notifications().subscribe(),
            due,
            refresh: 0,
            sent: Bytes::new(),
            sent_at: None,
        }
    }

    /// Resolves once the state is to be looked at. A call that is dropped loses nothing.
    pub async fn due(&mut self) {
        loop {
            tokio::select! {
                () = &mut self.timer => return,
                event = self.notifications.recv() => match event {
                    Ok(_) | Err(RecvError::Lagged(_)) => self.hasten(),
                    Err(RecvError::Closed) => std::future::pending().await,
                },
            }
        }
    }

    /// Something has happened.
    fn hasten(&mut self) {
        let earliest = self.sent_at.map(|at| at + SPACING);
        let now = self.clock.now();
        self.set_due(
            earliest
                .map_or(now, |earliest| earliest.max(now))
                .min(self.due),
        );
    }

    fn set_due(&mut self, due: Instant) {
        if due != self.due {
            self.due = due;
            self.timer = self.clock.sleep_until(due);
        }
    }

    /// The client asks for the state now.
    pub fn refresh(&mut self, number: u64) {
        self.refresh = number;
        self.set_due(self.clock.now());
    }

    /// The state as JSON, if it is news.
    pub fn state(&mut self, app: &App, channels: &Channels) -> Option<Bytes> {
        let now = self.clock.now();
        self.due = now + EVERY;
        self.timer = self.clock.sleep_until(self.due);
        let state = WallState {
            streams: app.stream_reports(&self.identity, &self.root),
            pipeline: pipeline_report(app, &self.identity),
            access: AccessReport::of(app, &self.identity),
            refused: channels.refused(),
            refresh: self.refresh,
        };
        let json = Bytes::from(serde_json::to_vec(&state).expect("its keys are texts"));
        let is_old = self
            .sent_at
            .is_none_or(|at| now.saturating_duration_since(at) >= SAME_AFTER);
        if json == self.sent && !is_old {
            return None;
        }
        self.sent_at = Some(now);
        self.sent = json.clone();
        Some(json)
    }
}
