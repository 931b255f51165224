//! A camera that sends video: ffmpeg decodes it, and is told nothing else.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::selection::{Choice, Selection};
use super::session::{Coding, Frames, SessionError};
use super::timed::{Pictures, Taken, Timeline};
use super::{RtspFault, matroska};
use crate::clock::StopToken;
use crate::source::process::{ChildProcess, CommandError, Invocation};
use crate::source::{Camera, CapturedFrame, FrameData, SourceError, WantedRate};
use crate::sync::IgnorePoison;

/// A camera's video, and ffmpeg which decodes it.
pub struct Decoding {
    address: String,
    pictures: Pictures<ChildStdout>,
    shared: Shared,
    /// Ends before ffmpeg does, so that that finds its input closed.
    feeding: AbortOnDropHandle<FeedEnd>,
    child_process: ChildProcess,
    is_old: Arc<AtomicBool>,
}

/// The video to be decoded.
pub struct Video<'a> {
    /// The camera's address, for messages.
    pub address: &'a str,
    /// Its frames.
    pub frames: Frames,
    /// Their coding.
    pub coding: Coding,
    /// The shortest time between two that are wanted at any rate.
    pub shortest: Duration,
    /// Whether key frames are enough at any rate.
    pub only_keys: bool,
    /// Set when ffmpeg is one that does not know its newer options.
    pub is_old: &'a Arc<AtomicBool>,
}

/// The knowledge on both sides of ffmpeg.
#[derive(Clone, Default)]
struct Shared {
    taken: Arc<Mutex<Taken>>,
    /// Signals of frames that become no pictures.
    skipped: Arc<Notify>,
    /// The rate at which frames are wanted.
    rate: Arc<OnceLock<WantedRate>>,
}

/// The reason why ffmpeg gets no more.
enum FeedEnd {
    Camera(SessionError),
    /// It takes no more.
    Refused,
}

impl Decoding {
    /// Starts ffmpeg as `invocation` says, and gives it the frames of `video`.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(
        invocation: &Invocation<'_>,
        video: Video<'_>,
        stop: &StopToken,
    ) -> Result<Self, CommandError> {
        let (mut child_process, out) = ChildProcess::start(invocation, Stdio::piped(), stop)?;
        let input = child_process.input()?;
        let shared = Shared::default();
        let feeder = Feeder {
            frames: video.frames,
            selection: Selection::new(video.coding == Coding::Jpeg, video.only_keys),
            shortest: video.shortest,
            start: stop.clock().now(),
            timeline: Timeline::default(),
            shared: shared.clone(),
            input,
        };
        let feeding = stop.runtime().spawn(feeder.run(video.coding));
        Ok(Self {
            address: video.address.to_owned(),
            pictures: Pictures::new(out),
            shared,
            feeding: AbortOnDropHandle::new(feeding),
            child_process,
            is_old: video.is_old.clone(),
        })
    }

    /// The next picture and its time; none where a frame was not decoded.
    async fn next(&mut self) -> Result<Option<(u64, Bytes)>, Over> {
        tokio::select! {
            biased;
            picture = self.pictures.next() => match picture {
                Ok(Some(picture)) => Ok(Some(picture)),
                Ok(None) => Err(Over::Ffmpeg),
                Err(error) => Err(Over::Fault(error.into())),
            },
            fed = &mut self.feeding => Err(match fed {
                Ok(FeedEnd::Refused) => Over::Ffmpeg,
                Ok(FeedEnd::Camera(error)) => Over::Fault(error.into()),
                Err(error) => Over::Fault(error.into()),
            }),
            () = self.shared.skipped.notified() => Ok(None),
        }
    }

    fn error(&mut self, over: Over) -> SourceError {
        match over {
            Over::Fault(fault) => fault.at(&self.address).into(),
            Over::Ffmpeg => {
                let end = self.child_process.end();
                // What ffmpeg before 5.1 says of an option that it doesn't know.
                if matches!(
                    &end,
                    CommandError::Ended { last_line, .. } if last_line.contains("fps_mode")
                ) {
                    self.is_old.store(true, Ordering::Relaxed);
                }
                end.into()
            }
        }
    }
}

/// The reason why there are no more pictures.
enum Over {
    /// ffmpeg has ended.
    Ffmpeg,
    /// The camera or what is between has a fault.
    Fault(RtspFault),
}

impl Camera for Decoding {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        let next = match stop.wait_for(self.next()) {
            None => return Ok(None),
            Some(next) => next.map_err(|over| self.error(over))?,
        };
        let Some((time, jpeg)) = next else {
            return Ok(Some(CapturedFrame::now(FrameData::Skipped, stop)));
        };
        self.child_process.works();
        let mut frame = CapturedFrame::now(FrameData::Coded(Ok(jpeg)), stop);
        if let Some(taken) = self.shared.taken.lock().ignore_poison().take(time) {
            frame.captured_at = taken;
        }
        Ok(Some(frame))
    }

    fn follow(&mut self, rate: WantedRate) {
        // It is asked for once.
        self.shared.rate.set(rate).ok();
    }
}

/// Gives ffmpeg what comes from the camera.
struct Feeder {
    frames: Frames,
    selection: Selection,
    shortest: Duration,
    /// The moment from which the frames' times are counted.
    start: Instant,
    timeline: Timeline,
    shared: Shared,
    input: ChildStdin,
}

impl Feeder {
    async fn run(mut self, coding: Coding) -> FeedEnd {
        if self.input.write_all(&matroska::head(coding)).await.is_err() {
            return FeedEnd::Refused;
        }
        loop {
            let frame = match self.frames.next().await {
                Ok(frame) => frame,
                Err(error) => return FeedEnd::Camera(error),
            };
            let Ok(data) = frame.data else {
                continue;
            };
            let milliseconds = self.timeline.place(frame.timestamp);
            let choice = self.choose(milliseconds, frame.is_key);
            let time = matroska::time(milliseconds, choice == Choice::Code);
            if choice == Choice::Code {
                let taken = &self.shared.taken;
                taken.lock().ignore_poison().note(time, frame.captured_at);
            } else {
                self.skip();
            }
            let cluster = matroska::frame(time, frame.is_key, &data);
            if choice != Choice::Skip && self.input.write_all(&cluster).await.is_err() {
                return FeedEnd::Refused;
            }
        }
    }

    fn choose(&mut self, milliseconds: u64, is_key: bool) -> Choice {
        let at = self.start + Duration::from_millis(milliseconds);
        let wanted = self.shared.rate.get().map(WantedRate::interval);
        let interval = wanted.unwrap_or_default().max(self.shortest);
        self.selection.choose(at, is_key, interval)
    }

    /// The camera lives, and so does ffmpeg, if it owes nothing.
    fn skip(&self) {
        if self.shared.taken.lock().ignore_poison().is_empty() {
            self.shared.skipped.notify_one();
        }
    }
}
