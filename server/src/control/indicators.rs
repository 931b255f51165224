//! Indicators: LEDs that show the states of the server and its streams.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::Snapshot;
use crate::clock::Clock;
use crate::config::{OutputConfig, Shows};
use crate::event_log::{Change, EventKind, EventLog};
use crate::gpio::LedPin;
use crate::stream::{DemandKind, Stream, StreamHealth, StreamState, Viewers};
use crate::supervise::keep_running;

/// Indicators of the server's and the streams' states.
pub struct Indicators(Vec<(OutputConfig, LedPin)>);

impl Indicators {
    /// `indicators`, each with its LED.
    pub fn new(indicators: Vec<(OutputConfig, LedPin)>) -> Self {
        Self(indicators)
    }

    /// Shows what the streams in `snapshot` do, and which of `events` last, until `end`; then all
    /// go out.
    pub async fn run(
        self,
        (snapshot, events): (watch::Receiver<Arc<Snapshot>>, EventLog),
        clock: Arc<dyn Clock>,
        end: CancellationToken,
    ) {
        let shown = self.0.into_iter().map(|(output, led)| {
            let name = format!("LED on pin {}", led.number());
            let led = tokio::sync::Mutex::new(led);
            let seen = (snapshot.clone(), events.clone());
            let (clock, end) = (clock.clone(), end.clone());
            async move {
                let show = || show(&led, &output, seen.clone());
                let shown = keep_running(&name, &*clock, &end, show);
                end.run_until_cancelled(shown).await;
                led.into_inner().show(false);
            }
        });
        futures_util::future::join_all(shown).await;
    }
}

/// The state that `output` shows; none while its stream is not there.
fn shown_state(output: &OutputConfig, snapshot: &Snapshot, events: &EventLog) -> Shown {
    let stream = output.stream.as_ref();
    match (output.shows, stream.and_then(|name| snapshot.find(name))) {
        (Shows::Running, _) => Shown::Always,
        (Shows::Viewers, Some(stream)) => Shown::wanted(DemandKind::Viewers, stream),
        (Shows::Streams, Some(stream)) => Shown::wanted(DemandKind::Streams, stream),
        (Shows::Analysis, Some(stream)) => Shown::wanted(DemandKind::Analysis, stream),
        (Shows::Failing, Some(stream)) => Shown::Failing(stream.health_changes()),
        (Shows::Motion, Some(stream)) => Shown::motion(stream.name(), events),
        _ => Shown::Never,
    }
}

/// The state that an indicator shows.
enum Shown {
    Always,
    Never,
    Wanted(DemandKind, watch::Receiver<Viewers>),
    Failing(watch::Receiver<StreamHealth>),
    Motion {
        stream: String,
        events: EventLog,
        changes: broadcast::Receiver<Change>,
    },
}

impl Shown {
    fn wanted(by: DemandKind, stream: &Stream) -> Self {
        Self::Wanted(by, stream.viewers())
    }

    fn motion(stream: &str, events: &EventLog) -> Self {
        Self::Motion {
            stream: stream.to_owned(),
            changes: events.changes(),
            events: events.clone(),
        }
    }

    fn is_lit(&mut self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Wanted(by, viewers) => viewers.borrow_and_update().kinds().contains(by),
            Self::Failing(health) => health.borrow_and_update().state == StreamState::Failing,
            Self::Motion { stream, events, .. } => events.lasts(&EventKind::MOTION, stream),
        }
    }

    /// Resolves once it may say something else; never if its stream has gone.
    async fn changed(&mut self) {
        let changed = match self {
            Self::Always | Self::Never => return std::future::pending().await,
            Self::Wanted(_, viewers) => viewers.changed().await.is_ok(),
            Self::Failing(health) => health.changed().await.is_ok(),
            Self::Motion { changes, .. } => !matches!(changes.recv().await, Err(RecvError::Closed)),
        };
        if !changed {
            std::future::pending().await
        }
    }
}

async fn show(
    led: &tokio::sync::Mutex<LedPin>,
    output: &OutputConfig,
    (mut snapshot, events): (watch::Receiver<Arc<Snapshot>>, EventLog),
) {
    let mut led = led.lock().await;
    let mut was_lit = None;
    let mut shown = shown_state(output, &snapshot.borrow_and_update(), &events);
    loop {
        let is_lit = shown.is_lit();
        if was_lit != Some(is_lit) {
            led.show(is_lit);
            was_lit = Some(is_lit);
        }
        tokio::select! {
            () = shown.changed() => {}
            Ok(()) = snapshot.changed() => {
                shown = shown_state(output, &snapshot.borrow_and_update(), &events);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;
    use crate::event_log::NewEvent;

    #[tokio::test]
    async fn motion_is_shown_while_it_lasts_and_of_its_stream_alone() {
        let clock = FakeClock::new();
        let events = EventLog::in_memory(clock.clone());
        let begin = |stream: &str| {
            events.begin(NewEvent {
                kind: EventKind::MOTION,
                stream: stream.to_owned(),
                filter: None,
                start: clock.unix(),
                regions: Vec::new(),
                text: None,
                picture: None,
            })
        };
        let mut shown = Shown::motion("front", &events);
        let other = begin("back");
        shown.changed().await;
        assert!(!shown.is_lit());
        let motion = begin("front");
        shown.changed().await;
        assert!(shown.is_lit());
        drop((motion, other));
        shown.changed().await;
        assert!(!shown.is_lit());
    }
}
