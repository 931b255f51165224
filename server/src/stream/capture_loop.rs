//! The capture thread: keeps the camera open and publishes its newest frame.

use std::time::{Duration, Instant, SystemTime};

use super::bus::FrameBus;
use super::status::{Failure, FailureKind, Status};
use super::stream_log::StreamLog;
use super::watchdog::Watchdog;
use crate::backoff::Backoff;
use crate::clock::StopToken;
use crate::config::WarmUp;
use crate::frame::{Frame, PartHead, Sequence};
use crate::log::sanitize;
use crate::mask::{MaskSet, MaskStamp, MaskedJpeg, Masker};
use crate::panics::catch;
use crate::secret::mask;
use crate::source::{
    Camera, CapturedFrame, FrameData, PictureFault, RateLimit, Source, SourceError, WantedRate,
};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Opening a camera takes longer than waiting for its next frame: some network cameras send a whole
/// picture only every few seconds.
const FIRST_FRAME: Duration = Duration::from_secs(10);

/// The rules that a camera is run by.
#[derive(Clone, Copy, Debug)]
pub struct CaptureRules {
    /// Frames per second that it was asked for.
    pub fps: Option<f64>,
    /// The most frames per second that are taken.
    pub most_fps: f64,
    /// The time for which it may give no frame.
    pub stall_timeout: Duration,
    /// The most pixels of a picture; larger ones are left out.
    pub max_pixels: u64,
    /// The part that is left out after it was opened.
    pub warm_up: WarmUp,
    /// JPEG quality, 1 to 100, of pictures that have to be coded anew to be masked.
    pub quality: u8,
}

impl CaptureRules {
    /// A camera that is asked for few frames has that much more time for each.
    fn patience(&self) -> Duration {
        let interval = self.fps.map(|fps| Duration::from_secs_f64(1.0 / fps));
        self.stall_timeout + interval.unwrap_or_default()
    }
}

/// The reason why a camera's session is over.
enum End {
    Stopped,
    Over,
}

/// The loop of the capture thread.
pub struct CaptureLoop<'a> {
    pub rules: CaptureRules,
    pub rate: WantedRate,
    pub masks: &'a MaskSet,
    pub frames: &'a FrameBus,
    pub sequence: &'a Sequence,
    pub status: &'a Status,
    pub log: &'a StreamLog,
    pub stop: &'a StopToken,
}

impl CaptureLoop<'_> {
    /// Runs until it is told to stop. A camera that fails, or whose driver panics, is closed, told
    /// of, and opened again with growing pauses.
    pub fn run(&self, source: &mut dyn Source) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while !self.stop.is_requested() {
            let mut session = Session::default();
            let end = self.status.while_open(|| {
                catch(|| self.run_session(source, &mut session)).unwrap_or_else(|panicked| {
                    Err(SourceError::Panicked(source.driver(), panicked))
                })
            });
            match end {
                Ok(End::Stopped) => return,
                Ok(End::Over) => {
                    tracing::info!("the recording is over");
                    self.status.end();
                    // The last picture stays until nobody watches any more.
                    self.stop.wait_for(std::future::pending::<()>());
                    return;
                }
                Err(error) => {
                    self.fail(&error);
                    if session.frames > 0 {
                        backoff.reset();
                    }
                    self.stop.sleep(backoff.pause());
                }
            }
        }
    }

    fn fail(&self, error: &SourceError) {
        let failure = Failure {
            kind: FailureKind::Source(error.kind()),
            message: sanitize(&mask(&error.to_string())),
        };
        self.log.camera_failed(self.now(), &failure);
        self.status.fail_camera(failure);
    }

    fn now(&self) -> Instant {
        self.stop.clock().now()
    }

    /// Opens the camera, takes its frames until it ends, and closes it.
    fn run_session(
        &self,
        source: &mut dyn Source,
        session: &mut Session,
    ) -> Result<End, SourceError> {
        if !source.can_stall() {
            let mut camera = source.open(self.stop)?;
            session.hopeless_at = Some(self.now() + self.rules.patience());
            return self.take_all(&mut *camera, self.stop, || {}, session);
        }
        let patience = self.rules.patience();
        let first = patience.max(FIRST_FRAME);
        let watchdog = Watchdog::new(self.stop, first, patience);
        let ended = source.open(watchdog.stop()).and_then(|mut camera| {
            self.take_all(&mut *camera, watchdog.stop(), || watchdog.feed(), session)
        });
        if self.stop.is_requested() {
            Ok(End::Stopped)
        } else if watchdog.stop().is_requested() {
            Err(SourceError::Stalled {
                patience: if session.frames == 0 { first } else { patience },
                broken: session.broken.take(),
            })
        } else {
            ended
        }
    }

    fn take_all(
        &self,
        camera: &mut dyn Camera,
        stop: &StopToken,
        feed: impl Fn(),
        session: &mut Session,
    ) -> Result<End, SourceError> {
        let mut limit = RateLimit::new(self.rules.most_fps);
        let shortest = Duration::from_secs_f64(1.0 / self.rules.most_fps);
        camera.follow(self.rate.clone());
        let mut masker = Masker::new(self.masks.clone(), self.rules.quality);
        let mut start = Start::default();
        loop {
            let capture = camera.next_frame(stop)?;
            if stop.is_requested() {
                return Ok(End::Stopped);
            }
            let Some(CapturedFrame {
                picture,
                captured_at,
                since,
                masks,
            }) = capture
            else {
                return Ok(End::Over);
            };
            limit.set_interval(self.rate.interval().max(shortest));
            let is_broken = matches!(picture, FrameData::Coded(Err(_)));
            let is_skipped = matches!(picture, FrameData::Skipped);
            let is_new = !is_broken && !is_skipped;
            if is_new && start.is_left_out(self.rules.warm_up, self.now()) {
                feed();
                continue;
            }
            if is_skipped || !is_broken && !limit.admits(self.now()) {
                // As good as the last one, for all that is known.
                if session.is_whole {
                    feed();
                }
                continue;
            }
            match self.finish(picture, &mut masker) {
                Ok(masked) => {
                    feed();
                    self.publish(masked, (captured_at, since), masks);
                    session.frames += 1;
                    session.is_whole = true;
                }
                Err(fault) => self.drop_frame(fault, session),
            }
        }
    }

    /// The whole JPEG, masked, or the fault of the picture. Nothing is done with one that is too
    /// large.
    fn finish(
        &self,
        picture: FrameData<'_>,
        masker: &mut Masker,
    ) -> Result<MaskedJpeg, PictureFault> {
        let jpeg = catch(|| picture.into_jpeg(self.rules.max_pixels))??;
        Ok(masker.mask(jpeg)?)
    }

    /// Publishes a picture with its times, and the masks that it had before.
    fn publish(
        &self,
        MaskedJpeg { jpeg, stamp, path }: MaskedJpeg,
        (captured_at, taken_after): (SystemTime, Option<Instant>),
        masks: MaskStamp,
    ) {
        self.status.frame_masked(path);
        let frame = Frame {
            jpeg,
            sequence: self.sequence.next(),
            captured_at,
            received_at: self.now(),
            taken_after,
            is_picture: true,
            masks: stamp.on(masks),
            part_head: PartHead::default(),
        };
        self.log.picture_came(frame.received_at);
        self.status.frame_in(&frame.jpeg);
        self.frames.publish(frame);
    }

    fn drop_frame(&self, fault: PictureFault, session: &mut Session) {
        self.status.frame_broken();
        self.log.picture_left_out(self.now(), &fault);
        session.is_whole = false;
        let is_hopeless = session.hopeless_at.is_some_and(|at| at <= self.now());
        if is_hopeless && session.frames == 0 {
            self.fail(&SourceError::Stalled {
                broken: Some(fault),
                patience: self.rules.patience(),
            });
        } else {
            session.broken = Some(fault);
        }
    }
}

/// A camera's first pictures, which may be left out.
#[derive(Default)]
struct Start {
    since: Option<Instant>,
    frames: u32,
}

impl Start {
    /// Whether the picture that came at `now` still belongs to the warm-up.
    fn is_left_out(&mut self, warm_up: WarmUp, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        match warm_up {
            WarmUp::Time(time) => now.saturating_duration_since(since) < time,
            WarmUp::Frames(frames) => {
                let is_left_out = self.frames < frames;
                self.frames += u32::from(is_left_out);
                is_left_out
            }
        }
    }
}

/// The time from the opening of a camera to its closing, and the frames that came in it.
#[derive(Default)]
struct Session {
    frames: u64,
    /// The last broken picture.
    broken: Option<PictureFault>,
    /// Whether the last picture was none of those.
    is_whole: bool,
    /// The time at which a source that nobody else watches over fails if none of its pictures was
    /// whole.
    hopeless_at: Option<Instant>,
}
