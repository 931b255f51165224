//! Watches a stream: what it does and who watches it, as notifications; its camera's failures, as
//! events; and its camera kept on by `run`.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::chain::FilterCache;
use crate::clock::Clock;
use crate::event_log::{EventKind, EventLog, NewEvent, OpenEvent, Picture};
use crate::notifications::Notification;
use crate::stream::{FailureKind, Stream, StreamHealth, StreamState};
use crate::supervise::keep_running;

/// Tells `cache`'s notifications and events of `stream`, and keeps its camera on while it is to be,
/// until it is ended or the server is.
pub async fn watch_stream(stream: Arc<Stream>, cache: FilterCache, end: CancellationToken) {
    let clock = cache.engine().clock();
    let name = format!("notifications of {}", stream.name());
    let watching = keep_running(&name, &**clock, &end, || watch(&stream, &cache));
    let name = format!("run mode of {}", stream.name());
    let keeping_on = keep_running(&name, &**clock, &end, || stream.keep_on(&**clock));
    tokio::select! {
        () = watching => {}
        () = keeping_on => {}
        () = stream.ended() => {}
    }
}

async fn watch(stream: &Stream, cache: &FilterCache) {
    let notifications = cache.notifications();
    let (mut health_changes, mut demand) = (stream.health_changes(), stream.viewers());
    let (mut state, mut viewers) = (stream.state(), 0);
    let mut camera = CameraWatch {
        events: cache.events(),
        clock: &**cache.engine().clock(),
        failure: None,
    };
    camera.note(stream, &stream.health());
    loop {
        tokio::select! {
            _ = health_changes.changed() => {
                health_changes.mark_unchanged();
                let health = stream.health();
                camera.note(stream, &health);
                if health.state != state || health.failure.is_some() {
                    state = health.state;
                    notifications.publish(Notification::State {
                        stream: stream.name().to_owned(),
                        state: state.name(),
                        error: health.failure.map(|failure| failure.message),
                    });
                }
            }
            _ = demand.changed() => {
                let now = demand.borrow_and_update().viewers;
                if now != viewers {
                    viewers = now;
                    let stream = stream.name().to_owned();
                    notifications.publish(Notification::Viewers { stream, viewers });
                }
            }
        }
    }
}

/// Makes a camera's failures events.
struct CameraWatch<'a> {
    events: &'a EventLog,
    clock: &'a dyn Clock,
    /// The one that lasts.
    failure: Option<OpenEvent>,
}

impl CameraWatch<'_> {
    /// Takes note of the `health` of `stream`. A failure lasts until frames come, or nobody wants
    /// them any more; not while the camera is only tried again.
    fn note(&mut self, stream: &Stream, health: &StreamHealth) {
        let failure = health.failure.as_ref();
        let of_camera = failure.filter(|it| matches!(it.kind, FailureKind::Source(_)));
        let is_tried = matches!(health.state, StreamState::Starting | StreamState::Preparing);
        match (of_camera, &self.failure) {
            (Some(failure), None) => {
                let last = stream.newest_picture();
                self.failure = Some(self.events.begin(NewEvent {
                    kind: EventKind::CAMERA_FAILED,
                    stream: stream.name().to_owned(),
                    filter: None,
                    start: self.clock.unix(),
                    regions: Vec::new(),
                    text: Some(failure.message.clone()),
                    picture: last.and_then(|frame| Picture::of(&frame)),
                }));
            }
            (None, Some(_)) if !is_tried => {
                let over = self.failure.take();
                over.into_iter().for_each(|it| it.end(self.clock.unix()));
            }
            _ => {}
        }
    }
}
