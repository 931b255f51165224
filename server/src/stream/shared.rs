//! The source that is another stream: several streams then share one camera, which runs while any of them is watched.

use std::sync::Arc;

use tokio::sync::watch;

use super::demand::{DemandGuard, ViewerKind};
use super::status::StreamHealth;
use super::{ServedFrame, Stream, StreamState};
use crate::chain::RawFrame;
use crate::clock::StopToken;
use crate::config::SharedFrames;
use crate::source::{Camera, CapturedFrame, FrameData, Source, SourceError};

/// Another stream's frames.
pub struct Shared {
    stream: Arc<Stream>,
    frames: SharedFrames,
    /// That stream's failure has been told of.
    told: bool,
}

impl Shared {
    /// The frames of `stream`, before or after its filters.
    pub fn new(stream: Arc<Stream>, frames: SharedFrames) -> Self {
        Self {
            stream,
            frames,
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
        let (kind, newest) = match self.frames {
            SharedFrames::Unfiltered => (
                ViewerKind::Unfiltered,
                Upstream::Raw(stream.raw.subscribe()),
            ),
            SharedFrames::Filtered => (
                ViewerKind::Filtered,
                Upstream::Served(stream.served.subscribe()),
            ),
        };
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
            newest,
            is_new: true,
            health_changes,
            _guard: guard,
        }))
    }

    /// That stream notices its camera's stalling itself.
    fn can_stall(&self) -> bool {
        false
    }
}

enum Upstream {
    Raw(watch::Receiver<Option<RawFrame>>),
    Served(watch::Receiver<Option<Arc<ServedFrame>>>),
}

struct SharedCamera<'a> {
    name: &'a str,
    told: &'a mut bool,
    newest: Upstream,
    /// Nothing was taken yet, so that the frame that is there will do.
    is_new: bool,
    health_changes: watch::Receiver<StreamHealth>,
    _guard: DemandGuard,
}

impl Camera for SharedCamera<'_> {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        match stop.wait_for(self.next()) {
            Some(next) => next,
            None => Ok(None),
        }
    }
}

impl SharedCamera<'_> {
    async fn next(&mut self) -> Result<Option<CapturedFrame<'static>>, SourceError> {
        loop {
            if std::mem::take(&mut self.is_new)
                && let Some(capture) = self.newest.take()
            {
                return Ok(Some(capture));
            }
            tokio::select! {
                biased;
                changed = self.newest.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    if let Some(capture) = self.newest.take() {
                        return Ok(Some(capture));
                    }
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

    /// How that stream has come to its end, if it has.
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

/// How the stream called `name` fails, if it does.
fn failure(name: &str, health: &StreamHealth) -> Option<SourceError> {
    let why = health.error.as_deref().unwrap_or_default();
    let fails = health.state == StreamState::Failing;
    fails.then(|| SourceError(format!("the stream `{name}` fails: {why}")))
}

impl Upstream {
    async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        match self {
            Self::Raw(raw) => raw.changed().await,
            Self::Served(served) => served.changed().await,
        }
    }

    fn take(&mut self) -> Option<CapturedFrame<'static>> {
        let (jpeg, captured_at, since) = match self {
            Self::Raw(raw) => {
                let frame = raw.borrow_and_update();
                let frame = frame.as_ref()?;
                (frame.jpeg.clone(), frame.captured_at, frame.since)
            }
            Self::Served(served) => {
                let frame = served.borrow_and_update();
                let frame = frame.as_ref().filter(|frame| frame.is_picture)?;
                (frame.jpeg.clone(), frame.captured_at, None)
            }
        };
        Some(CapturedFrame {
            picture: FrameData::Whole(jpeg),
            captured_at,
            since,
        })
    }
}
