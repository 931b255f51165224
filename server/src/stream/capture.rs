//! The capture thread: keeps the camera open and hands on its newest frame.

use std::time::Duration;

use tokio::sync::watch;

use super::status::{State, Status};
use super::watchdog::Watchdog;
use crate::chain::RawFrame;
use crate::clock::Stop;
use crate::jpeg::complete;
use crate::secret::mask;
use crate::source::{Camera, Capture, Ceiling, Picture, Source, SourceError};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Opening a camera takes longer than waiting for its next frame: some network cameras send a whole picture only every few
/// seconds.
const FIRST_FRAME: Duration = Duration::from_secs(10);

/// Where the newest raw frame lies.
pub type Newest = watch::Sender<Option<RawFrame>>;

/// How a camera is to be run.
#[derive(Clone, Copy, Debug)]
pub struct CaptureRules {
    /// The most frames per second that are taken.
    pub fps: Option<f64>,
    /// How long it may give no frame.
    pub stall_timeout: Duration,
}

impl CaptureRules {
    /// A camera that is asked for few frames has that much more time for each.
    fn patience(&self) -> Duration {
        let interval = self.fps.map(|fps| Duration::from_secs_f64(1.0 / fps));
        self.stall_timeout + interval.unwrap_or_default()
    }
}

/// How an opened camera ended.
enum End {
    Stopped,
    Over,
}

/// What a camera is run with.
pub struct Capturing<'a> {
    pub stream: &'a str,
    pub rules: CaptureRules,
    pub newest: &'a Newest,
    pub status: &'a Status,
    pub stop: &'a Stop,
}

impl Capturing<'_> {
    /// Runs until the order to stop. A camera that fails is closed, told of once, and opened again with growing pauses.
    pub fn run(&self, source: &mut dyn Source) {
        let (stream, mut pause) = (self.stream, FIRST_PAUSE);
        while !self.stop.is_requested() {
            let mut reel = Reel::default();
            let end = self.status.while_open(|| self.film(source, &mut reel));
            match end {
                Ok(End::Stopped) => return,
                Ok(End::Over) => {
                    tracing::info!(stream, "the recording is over");
                    self.status.end();
                    // The last picture stays until nobody watches any more.
                    self.stop.wait_for(std::future::pending::<()>());
                    return;
                }
                Err(SourceError(error)) => {
                    let error = mask(&error);
                    if self.status.fail_camera(&error) {
                        tracing::warn!(stream, "the camera fails: {error}");
                    }
                    if reel.frames > 0 {
                        pause = FIRST_PAUSE;
                    }
                    self.stop.sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Opens the camera, takes its frames until it ends, and closes it.
    fn film(&self, source: &mut dyn Source, reel: &mut Reel) -> Result<End, SourceError> {
        if !source.can_stall() {
            let mut camera = source.open(self.stop)?;
            return self.take_all(&mut *camera, self.stop, || {}, reel);
        }
        let patience = self.rules.patience();
        let first = patience.max(FIRST_FRAME);
        let watchdog = Watchdog::new(self.stop, first, patience);
        let filmed = source.open(watchdog.stop()).and_then(|mut camera| {
            self.take_all(&mut *camera, watchdog.stop(), || watchdog.feed(), reel)
        });
        if self.stop.is_requested() {
            Ok(End::Stopped)
        } else if watchdog.stop().is_requested() {
            let patience = if reel.frames == 0 { first } else { patience };
            Err(reel.stalled(patience))
        } else {
            filmed
        }
    }

    fn take_all(
        &self,
        camera: &mut dyn Camera,
        stop: &Stop,
        feed: impl Fn(),
        reel: &mut Reel,
    ) -> Result<End, SourceError> {
        let mut ceiling = self.rules.fps.map(Ceiling::new);
        loop {
            let capture = camera.next_frame(stop)?;
            if stop.is_requested() {
                return Ok(End::Stopped);
            }
            let Some(Capture {
                picture,
                captured_at,
            }) = capture
            else {
                return Ok(End::Over);
            };
            let is_too_many = |ceiling: &mut Ceiling| !ceiling.admits(stop.clock().now());
            let is_broken = matches!(picture, Picture::Coded(Err(_)));
            if !is_broken && ceiling.as_mut().is_some_and(is_too_many) {
                feed();
                continue;
            }
            match picture.into_jpeg().and_then(complete) {
                Ok(jpeg) => {
                    feed();
                    self.hand_on(RawFrame {
                        jpeg,
                        sequence: reel.frames,
                        captured_at,
                    });
                    reel.frames += 1;
                }
                Err(why) => self.leave_out(why, reel),
            }
        }
    }

    fn hand_on(&self, frame: RawFrame) {
        if frame.sequence == 0 && self.status.state() == State::Failing {
            tracing::info!(stream = self.stream, "the camera gives pictures again");
        }
        self.status.frame_in();
        self.newest.send_replace(Some(frame));
    }

    fn leave_out(&self, why: String, reel: &mut Reel) {
        self.status.frame_broken();
        if reel.broken.is_none() {
            let stream = self.stream;
            tracing::warn!(stream, "a picture of the camera {why}; such are left out");
        }
        reel.broken = Some(why);
    }
}

/// What came since the camera was opened.
#[derive(Default)]
struct Reel {
    frames: u64,
    /// What was wrong with the last broken picture.
    broken: Option<String>,
}

impl Reel {
    fn stalled(&self, patience: Duration) -> SourceError {
        let what = match &self.broken {
            Some(why) => format!("no whole picture (one {why})"),
            None => "no picture".to_owned(),
        };
        let patience = patience.as_secs_f64();
        SourceError(format!("the camera gave {what} for {patience} s"))
    }
}
