//! The status of a stream: its state, its counters, its report.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use jpeg_splice::Jpeg;
use tokio::sync::watch;

use super::demand::{DemandKind, Viewers};
use super::rate::Rate;
use crate::chain::{ChainError, CompilingReport, FilteredFrame, Path, StepReport, StepStatus};
use crate::clock::Clock;
use crate::mask::MaskReport;
use crate::source::{SourceErrorKind, WantedRate};
use crate::sync::IgnorePoison;

/// The state of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamState {
    /// Its filters are being compiled and started. Nothing of the camera is served.
    Preparing,
    /// Nobody watches; the camera is closed.
    Resting,
    /// The camera is being opened, or has given no frame yet.
    Starting,
    /// Frames come.
    Running,
    /// The camera, or every frame, fails; it is tried again.
    Failing,
    /// The recording is over; viewers keep its last picture.
    Ended,
}

impl StreamState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Preparing,
        Self::Resting,
        Self::Starting,
        Self::Running,
        Self::Failing,
        Self::Ended,
    ];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Resting => "resting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Ended => "ended",
        }
    }
}

/// The health of a stream, which others wait for: indicators, and streams that share its camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHealth {
    /// Its state.
    pub state: StreamState,
    /// The reason why it fails, while it does.
    pub failure: Option<Failure>,
    /// Whether the camera is open, or being opened.
    pub captures: bool,
}

/// The reason why a stream fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The part that fails.
    pub kind: FailureKind,
    /// The error, in words that may be shown.
    pub message: String,
}

/// The part of a stream that fails. Another one is another failure, whatever its words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Its source.
    Source(SourceErrorKind),
    /// Its chain, for which frames are dropped.
    Chain,
    /// Its filters, which can't be loaded or started.
    Filters,
    /// Its threads.
    Threads,
}

impl FailureKind {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source(kind) => kind.name(),
            Self::Chain => "chain",
            Self::Filters => "filters",
            Self::Threads => "threads",
        }
    }
}

/// All of it, at one moment. Serialized, it is an entry of `/api/v1/streams`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct StreamReport {
    /// The stream's name.
    pub name: String,
    /// The title that people see, else the name.
    pub title: String,
    /// Its state.
    pub state: StreamState,
    /// The reason why it fails, while it does.
    pub error: Option<String>,
    /// The reason why it failed last, if ever since the server started.
    pub last_error: Option<String>,
    /// The camera's driver.
    pub driver: &'static str,
    /// The place where its source is named.
    pub source_set_by: SourceOrigin,
    /// The number of viewers.
    pub viewers: usize,
    /// The number of other streams that take its frames at the moment.
    pub sharers: usize,
    /// Who wants the camera on at the moment.
    pub wanted_by: Vec<DemandKind>,
    /// The most frames per second that are wanted; none while every frame is, or nobody wants any.
    pub wanted_fps: Option<f64>,
    /// The served picture's width in pixels, as people see it.
    pub width: Option<u32>,
    /// The served picture's height in pixels, as people see it.
    pub height: Option<u32>,
    /// Frames per second from the camera.
    pub fps_in: f64,
    /// Frames per second out of the chain.
    pub fps_out: f64,
    /// Frames that the camera gave since the server started.
    pub frames_in: u64,
    /// Frames that came broken, or failed in the chain, and were not served.
    pub frames_dropped: u64,
    /// Those of them that came broken.
    pub frames_broken: u64,
    /// Bytes of the frames that came out of the chain, each counted once however many watch.
    pub bytes_out: u64,
    /// Frames that were handed to viewers, each counted for every one of them.
    pub frames_sent: u64,
    /// Bytes of those.
    pub bytes_sent: u64,
    /// Frames that were skipped since newer ones were there.
    pub frames_skipped: u64,
    /// Frames served, for each path.
    pub paths: BTreeMap<Path, u64>,
    /// Whether the newest frame from the camera has restart markers, by which drawing on it costs
    /// less.
    pub restart_markers: Option<bool>,
    /// The newest frame's path.
    pub path: Option<Path>,
    /// The reason why it took that path.
    pub path_reason: Option<String>,
    /// The masks of its source, in the order in which they are written.
    pub masks: Vec<MaskReport>,
    /// The way that the newest frame from the camera took to be masked: `passthrough` if nothing
    /// was.
    pub mask_path: Option<Path>,
    /// The reason why it took that path.
    pub mask_path_reason: Option<String>,
    /// The filter that is being compiled for its chain, the one in force or the next; if one is.
    pub compiling: Option<CompilingReport>,
    /// The chain, in order.
    pub filters: Vec<StepReport>,
    /// The address of the stream: a reference relative to the address of this answer (RFC 3986,
    /// 4.2), so that it holds behind every proxy.
    pub stream_url: String,
    /// The address of single pictures, likewise.
    pub snapshot_url: String,
}

/// The place where a stream's source is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SourceOrigin {
    /// The pipeline file.
    PipelineFile,
    /// `--source`, or `MATTEBOX_SOURCE`, in place of what the pipeline file names.
    CommandLine,
}

impl StreamReport {
    /// What somebody is told who may watch and see no settings: not what they are, nor the words of
    /// errors, which may name files and addresses.
    pub fn for_viewer(self) -> Self {
        let failing = "the stream fails; the reason takes the role operator to see";
        Self {
            error: self.error.map(|_| failing.to_owned()),
            last_error: None,
            path_reason: None,
            masks: Vec::new(),
            mask_path_reason: None,
            compiling: None,
            filters: Vec::new(),
            ..self
        }
    }

    /// The same in an answer from which `root` leads to the server's root, such as `../`. As a
    /// report is made it is none.
    pub fn seen_from(self, root: &str) -> Self {
        Self {
            stream_url: format!("{root}{}", self.stream_url),
            snapshot_url: format!("{root}{}", self.snapshot_url),
            ..self
        }
    }
}

/// The state of a stream's filters: whether it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// They are there.
    Ready,
    /// They are being compiled and started.
    Preparing,
    /// They can't be used, for this reason.
    Unusable(String),
}

/// Written by a stream's threads, read by anybody.
#[derive(Clone)]
pub struct Status {
    health: watch::Sender<StreamHealth>,
    readiness: watch::Sender<Readiness>,
    counters: Arc<Mutex<Counters>>,
    clock: Arc<dyn Clock>,
}

struct Counters {
    last_error: Option<String>,
    rate_in: Rate,
    rate_out: Rate,
    frames_in: u64,
    frames_dropped: u64,
    frames_broken: u64,
    frames_skipped: u64,
    bytes_out: u64,
    frames_sent: u64,
    bytes_sent: u64,
    paths: BTreeMap<Path, u64>,
    newest: Option<LastServed>,
    restart_markers: Option<bool>,
    masked: Option<(Path, Cow<'static, str>)>,
    /// The camera has failed or ended and not given a frame since.
    camera_is_out: bool,
}

struct LastServed {
    size: (u32, u32),
    path: Path,
    reason: String,
}

/// The parts of a stream that change with pipeline.yaml.
pub struct StreamInfo {
    /// Its camera's driver.
    pub driver: &'static str,
    /// The place where its source is named.
    pub source_set_by: SourceOrigin,
    /// Its steps.
    pub steps: Vec<StepStatus>,
}

impl Status {
    /// A stream at rest.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            health: watch::Sender::new(StreamHealth {
                state: StreamState::Resting,
                failure: None,
                captures: false,
            }),
            readiness: watch::Sender::new(Readiness::Ready),
            counters: Arc::new(Mutex::new(Counters {
                last_error: None,
                rate_in: Rate::default(),
                rate_out: Rate::default(),
                frames_in: 0,
                frames_dropped: 0,
                frames_broken: 0,
                frames_skipped: 0,
                bytes_out: 0,
                frames_sent: 0,
                bytes_sent: 0,
                paths: Path::ALL.map(|path| (path, 0)).into(),
                newest: None,
                restart_markers: None,
                masked: None,
                camera_is_out: false,
            })),
            clock,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().ignore_poison()
    }

    /// The stream does something else now.
    pub fn set(&self, state: StreamState) {
        self.change(state, None);
        if state == StreamState::Resting {
            let mut counters = self.lock();
            counters.newest = None;
            counters.camera_is_out = false;
        }
    }

    /// The camera fails.
    pub fn fail_camera(&self, failure: Failure) {
        self.lock().camera_is_out = true;
        self.fail(failure);
    }

    /// The recording is over.
    pub fn end(&self) {
        self.lock().camera_is_out = true;
        self.set(StreamState::Ended);
    }

    /// A frame came through. One from before the camera failed or ended says nothing of how it is
    /// now.
    pub fn works(&self) {
        if !self.lock().camera_is_out {
            self.change(StreamState::Running, None);
        }
    }

    fn fail(&self, failure: Failure) {
        self.lock().last_error = Some(failure.message.clone());
        self.change(StreamState::Failing, Some(failure));
    }

    fn change(&self, state: StreamState, failure: Option<Failure>) {
        let kind = |failure: &Option<Failure>| failure.as_ref().map(|it| it.kind);
        self.health.send_if_modified(|health| {
            let is_news = health.state != state || kind(&health.failure) != kind(&failure);
            health.state = state;
            health.failure = failure;
            is_news
        });
    }

    /// Whether the stream has its filters.
    pub fn readiness(&self) -> Readiness {
        self.readiness.borrow().clone()
    }

    /// The stream has its filters, or not. Tells those who wait for what it does, too.
    pub fn set_readiness(&self, readiness: Readiness) {
        if *self.readiness.borrow() == readiness {
            return;
        }
        if let Readiness::Unusable(why) = &readiness {
            self.lock().last_error = Some(why.clone());
        }
        self.readiness.send_replace(readiness);
        self.health.send_modify(|_| {});
    }

    /// The health that is shown: without its filters, a stream prepares or fails.
    pub fn health(&self) -> StreamHealth {
        let health = self.health.borrow().clone();
        match &*self.readiness.borrow() {
            Readiness::Ready => health,
            Readiness::Preparing => StreamHealth {
                state: StreamState::Preparing,
                failure: None,
                ..health
            },
            Readiness::Unusable(why) => StreamHealth {
                state: StreamState::Failing,
                failure: Some(Failure {
                    kind: FailureKind::Filters,
                    message: why.clone(),
                }),
                ..health
            },
        }
    }

    /// Does what needs the camera. For as long, it counts as open.
    pub fn while_open<T>(&self, work: impl FnOnce() -> T) -> T {
        let set = |captures| self.health.send_modify(|it| it.captures = captures);
        set(true);
        let result = work();
        set(false);
        result
    }

    /// Tells of every change.
    pub fn health_changes(&self) -> watch::Receiver<StreamHealth> {
        self.health.subscribe()
    }

    /// The camera gave a frame.
    pub fn frame_in(&self, jpeg: &Jpeg) {
        let now = self.clock.now();
        let mut counters = self.lock();
        counters.restart_markers = Some(jpeg.header().restart_interval > 0);
        counters.frames_in += 1;
        counters.camera_is_out = false;
        counters.rate_in.count(now);
    }

    /// The frame from the camera took this way to be masked, for this reason.
    pub fn frame_masked(&self, path: (Path, Cow<'static, str>)) {
        self.lock().masked = Some(path);
    }

    /// The camera gave a frame that is no whole picture.
    pub fn frame_broken(&self) {
        let mut counters = self.lock();
        counters.frames_dropped += 1;
        counters.frames_broken += 1;
    }

    /// `count` frames were passed over for newer ones.
    pub fn frames_skipped(&self, count: u64) {
        self.lock().frames_skipped += count;
    }

    /// A frame came out of the chain.
    pub fn frame_out(&self, filtered: &FilteredFrame) {
        let now = self.clock.now();
        let mut counters = self.lock();
        counters.rate_out.count(now);
        counters.bytes_out += filtered.frame.jpeg.len() as u64;
        *counters.paths.entry(filtered.path).or_default() += 1;
        counters.newest = Some(LastServed {
            size: filtered.frame.jpeg.size(),
            path: filtered.path,
            reason: filtered.reason.clone(),
        });
        drop(counters);
        self.works();
    }

    /// A viewer takes this picture.
    pub fn frame_sent(&self, jpeg: &[u8]) {
        let mut counters = self.lock();
        counters.frames_sent += 1;
        counters.bytes_sent += jpeg.len() as u64;
    }

    /// A viewer takes the picture `new` instead of `old`.
    pub fn frame_replaced(&self, old: &[u8], new: &[u8]) {
        let mut counters = self.lock();
        counters.bytes_sent += new.len() as u64;
        counters.bytes_sent = counters.bytes_sent.saturating_sub(old.len() as u64);
    }

    /// A frame was dropped.
    pub fn frame_dropped(&self, why: &ChainError) {
        self.lock().frames_dropped += 1;
        self.fail(Failure {
            kind: FailureKind::Chain,
            message: why.to_string(),
        });
    }

    /// The state of its threads, whether or not it has its filters.
    pub fn activity(&self) -> StreamState {
        self.health.borrow().state
    }

    /// The state.
    pub fn state(&self) -> StreamState {
        self.health().state
    }

    /// The reason why it fails, while it does.
    pub fn error(&self) -> Option<String> {
        self.health().failure.map(|failure| failure.message)
    }

    /// The report.
    pub fn report(
        &self,
        (name, title): (&str, String),
        info: &StreamInfo,
        masks: Vec<MaskReport>,
        (viewers, wanted): (Viewers, &WantedRate),
    ) -> StreamReport {
        let now = self.clock.now();
        let health = self.health();
        let mut counters = self.lock();
        let newest = counters.newest.as_ref();
        let size = newest.map(|newest| newest.size);
        StreamReport {
            name: name.to_owned(),
            title,
            state: health.state,
            error: health.failure.map(|failure| failure.message),
            last_error: counters.last_error.clone(),
            driver: info.driver,
            source_set_by: info.source_set_by,
            viewers: viewers.viewers,
            sharers: viewers.filtered + viewers.unfiltered,
            wanted_by: viewers.kinds(),
            wanted_fps: wanted.fps().map(hundredths),
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            restart_markers: counters.restart_markers,
            path: newest.map(|newest| newest.path),
            path_reason: newest.map(|newest| newest.reason.clone()),
            fps_in: tenths(counters.rate_in.per_second(now)),
            fps_out: tenths(counters.rate_out.per_second(now)),
            frames_in: counters.frames_in,
            frames_dropped: counters.frames_dropped,
            frames_broken: counters.frames_broken,
            frames_skipped: counters.frames_skipped,
            bytes_out: counters.bytes_out,
            frames_sent: counters.frames_sent,
            bytes_sent: counters.bytes_sent,
            paths: counters.paths.clone(),
            masks,
            mask_path: counters.masked.as_ref().map(|it| it.0),
            mask_path_reason: counters.masked.as_ref().map(|it| it.1.to_string()),
            compiling: None,
            filters: info.steps.iter().map(StepStatus::report).collect(),
            stream_url: format!("{name}.mjpeg"),
            snapshot_url: format!("{name}.jpg"),
        }
    }
}

fn hundredths(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

fn tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}
