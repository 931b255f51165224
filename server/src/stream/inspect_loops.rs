//! The threads of a stream's inspecting filters: each looks at the newest frame at its own rate,
//! and no frame waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::DropGuard;

use super::bus::{FrameBus, NewestFrames};
use super::threads::Threads;
use crate::chain::Inspector;
use crate::clock::StopToken;
use crate::panics::catch;

/// The pause before a thread that could not be started is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The threads. They end with this.
pub struct InspectLoops<'a> {
    pub stream: &'a str,
    pub frames: &'a FrameBus,
    pub threads: Arc<dyn Threads>,
    pub stop: &'a StopToken,
    running: Vec<(Inspector, DropGuard)>,
    /// The time at which those that could not be started are tried again.
    retry: Option<Instant>,
}

impl<'a> InspectLoops<'a> {
    /// No threads yet, for the stream called `stream`, whose frames come by `frames`.
    pub fn new(
        stream: &'a str,
        frames: &'a FrameBus,
        threads: Arc<dyn Threads>,
        stop: &'a StopToken,
    ) -> Self {
        Self {
            stream,
            frames,
            threads,
            stop,
            running: Vec::new(),
            retry: None,
        }
    }

    /// Starts the threads of new `inspectors`, and ends those of others.
    pub fn update(&mut self, inspectors: &[Inspector]) {
        let is_wanted = |it: &Inspector| it.is_on() && inspectors.contains(it);
        self.running.retain(|(inspector, _)| is_wanted(inspector));
        self.retry = None;
        for inspector in inspectors.iter().filter(|it| it.is_on()) {
            if !self.running.iter().any(|(running, _)| running == inspector) {
                self.start(inspector);
            }
        }
    }

    /// Tries again what could not be started, if it is time to.
    pub fn retry(&mut self, inspectors: &[Inspector]) {
        if self.retry.is_some_and(|at| at <= self.stop.clock().now()) {
            self.update(inspectors);
        }
    }

    fn start(&mut self, inspector: &Inspector) {
        let (stop, token) = self.stop.child();
        let guard = token.drop_guard();
        let (looking, frames) = (inspector.clone(), self.frames.subscribe());
        let span = tracing::Span::current();
        let work = Box::new(move || span.in_scope(|| run(&looking, frames, &stop)));
        let name = format!("{} inspect", self.stream);
        match self.threads.start(name, work) {
            Ok(()) => {
                self.running.push((inspector.clone(), guard));
            }
            Err(error) => {
                tracing::warn!(step = inspector.id(), %error, "no thread to inspect on");
                self.retry = Some(self.stop.clock().now() + RETRY);
            }
        }
    }
}

/// Looks at the newest frame again and again, until a stop is requested.
fn run(inspector: &Inspector, mut frames: NewestFrames, stop: &StopToken) {
    let mut due = stop.clock().now();
    while stop.sleep_until(due)
        && let Some(Some(frame)) = stop.wait_for(frames.next())
    {
        let now = stop.clock().now();
        // On the grid of the looks before, or from now on if frames were long in coming.
        due += inspector.every();
        if due <= now {
            due = now + inspector.every();
        }
        // A failure is told by its step.
        if let Err(panicked) = catch(|| inspector.look(&frame)) {
            tracing::error!(
                step = inspector.id(),
                error = %panicked,
                "inspecting a frame panicked"
            );
        }
    }
    inspector.rest();
}
