//! The source that is another stream: several streams then share one camera, which runs while any
//! of them is watched.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::bus::NewestFrames;
use super::demand::{DemandGuard, ViewerKind};
use super::status::StreamHealth;
use super::{Stream, StreamState};
use crate::clock::StopToken;
use crate::config::SharedFrames;
use crate::frame::Frame;
use crate::source::{Camera, CapturedFrame, FrameData, Source, SourceError, WantedRate};

/// Another stream's frames.
pub struct Shared {
    stream: Arc<Stream>,
    frames: SharedFrames,
    /// The shortest time between two frames that are taken.
    shortest: Duration,
    /// That stream's failure has been told of.
    told: bool,
}

impl Shared {
    /// The frames of `stream`, before or after its filters, `fps` a second at most.
    pub fn new(stream: Arc<Stream>, frames: SharedFrames, fps: Option<f64>) -> Self {
        let shortest = fps.map(|fps| Duration::from_secs_f64(1.0 / fps));
        Self {
            stream,
            frames,
            shortest: shortest.unwrap_or_default(),
            told: false,
        }
    }
}

impl Source for Shared {
    fn driver(&self) -> &'static str {
        "stream"
    }

    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        let stream = &*self.stream;
        let (kind, bus) = match self.frames {
            SharedFrames::Unfiltered => (ViewerKind::Unfiltered, &stream.raw),
            SharedFrames::Filtered => (ViewerKind::Filtered, &stream.served),
        };
        // Whatever is there will do.
        let frames = bus.subscribe_with_newest();
        let guard = stream.demand.watch(kind);
        let mut health_changes = stream.status.health_changes();
        if !self.told
            && let Some(error) = failure(stream.name(), &health_changes.borrow_and_update())
        {
            self.told = true;
            return Err(error);
        }
        // While it fails it has nothing to give; its own camera is tried again and again.
        stop.wait_for(health_changes.wait_for(|health| health.state != StreamState::Failing));
        self.told = false;
        Ok(Box::new(SharedCamera {
            name: stream.name(),
            told: &mut self.told,
            frames,
            health_changes,
            rate: None,
            shortest: self.shortest,
            guard,
        }))
    }

    /// That stream notices its camera's stalling itself.
    fn can_stall(&self) -> bool {
        false
    }
}

struct SharedCamera<'a> {
    name: &'a str,
    told: &'a mut bool,
    frames: NewestFrames,
    health_changes: watch::Receiver<StreamHealth>,
    /// The rate at which frames are wanted here.
    rate: Option<WantedRate>,
    shortest: Duration,
    guard: DemandGuard,
}

impl Camera for SharedCamera<'_> {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        match stop.wait_for(self.next()) {
            Some(next) => next,
            None => Ok(None),
        }
    }

    fn follow(&mut self, rate: WantedRate) {
        self.guard.set_interval(rate.interval().max(self.shortest));
        self.rate = Some(rate);
    }
}

impl SharedCamera<'_> {
    async fn next(&mut self) -> Result<Option<CapturedFrame<'static>>, SourceError> {
        loop {
            tokio::select! {
                biased;
                frame = self.frames.next() => match frame {
                    None => return Ok(None),
                    Some(frame) if frame.is_picture => return Ok(Some(captured(&frame))),
                    // A notice to viewers.
                    Some(_) => {}
                },
                interval = next_interval(&mut self.rate) => {
                    self.guard.set_interval(interval.max(self.shortest));
                }
                changed = self.health_changes.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    if let Some(end) = self.end() {
                        return end;
                    }
                }
            }
        }
    }

    /// The end that that stream has come to, if it has.
    fn end(&mut self) -> Option<Result<Option<CapturedFrame<'static>>, SourceError>> {
        let health = self.health_changes.borrow_and_update();
        if health.state == StreamState::Ended {
            return Some(Ok(None));
        }
        let error = failure(self.name, &health)?;
        *self.told = true;
        Some(Err(error))
    }
}

/// The interval of `rate`, once it is another one.
async fn next_interval(rate: &mut Option<WantedRate>) -> Duration {
    match rate {
        Some(rate) => {
            rate.changed().await;
            rate.interval()
        }
        None => std::future::pending().await,
    }
}

fn captured(frame: &Frame) -> CapturedFrame<'static> {
    CapturedFrame {
        picture: FrameData::Whole(frame.jpeg.clone()),
        captured_at: frame.captured_at,
        since: frame.taken_after,
        masks: frame.masks.clone(),
    }
}

/// The failure of the stream called `name`, if it fails.
fn failure(name: &str, health: &StreamHealth) -> Option<SourceError> {
    let why = health.failure.as_ref().map(ToString::to_string);
    let fails = health.state == StreamState::Failing;
    let name = name.to_owned();
    fails.then_some(SourceError::Stream { name, why })
}
