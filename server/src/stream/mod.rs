//! A stream: a name under which frames are served, from a source and through a chain, on two
//! threads.
//!
//! ```text
//! source ──(capture thread)──> newest raw frame ──(chain thread)──> newest served frame ─> viewers
//! ```
//! Each arrow keeps the newest frame only, so whoever is slow skips frames and slows nobody else.

mod bus;
mod capture_loop;
mod chain_loop;
mod demand;
mod fresh;
mod inspect_loops;
mod no_signal;
mod pending_changes;
mod rate;
mod run_mode;
mod runner;
mod shared;
mod status;
mod stream_log;
mod threads;
mod title;
mod watchdog;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use bus::{FrameBus, FrameQueue, NewestFrames, QueueLimits};
pub use capture_loop::CaptureRules;
pub use demand::{DemandKind, Viewers};
pub use fresh::Fresh;
pub use runner::StreamParts;
pub use shared::Shared;
pub use status::{FailureKind, SourceOrigin, StreamHealth, StreamReport, StreamState};

use crate::chain::{ChainUpdate, RegionBoard, StepStatus};
use crate::clock::Clock;
use crate::config::{MaskConfig, RunMode};
use crate::frame::{Frame, Sequence};
use crate::local_time;
use crate::mask::{ExpectedMasks, MaskSet};
use crate::region::FoundRegion;
use crate::source::Source;
use crate::sync::IgnorePoison;
use demand::{Demand, DemandGuard, ViewerKind};
use pending_changes::PendingChanges;
use run_mode::RunModeSetting;
use runner::StreamRunner;
use status::{Readiness, Status, StreamInfo};
use stream_log::StreamLog;
use threads::{SystemThreads, Threads};
use title::Title;

/// A stream that runs by itself whenever somebody watches it.
pub struct Stream {
    name: String,
    title: Title,
    /// Its info, which may change while it runs.
    info: RwLock<StreamInfo>,
    changes: PendingChanges,
    demand: Demand,
    run_mode: RunModeSetting,
    status: Status,
    masks: MaskSet,
    regions: RegionBoard,
    raw: FrameBus,
    served: FrameBus,
    shutdown: CancellationToken,
    is_alive: Arc<AtomicBool>,
}

/// The rules that a stream is run by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The time for which the camera stays on after the last viewer.
    pub idle_timeout: Duration,
    /// The rules that its camera is run by.
    pub capture: CaptureRules,
}

/// Somebody who watches a stream. The camera runs while there is one.
pub struct Viewer {
    received: Arc<Received>,
    frames: NewestFrames,
    status: Status,
    shutdown: CancellationToken,
    _guard: DemandGuard,
}

impl Stream {
    /// A stream at rest, and what governs it: to be run as a task of a tokio runtime, it ends soon
    /// after `shutdown`, with the camera closed.
    pub fn new(
        name: String,
        parts: StreamParts,
        rules: Rules,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let threads = Arc::new(SystemThreads);
        Self::with_threads(name, parts, rules, clock, shutdown, threads)
    }

    fn with_threads(
        name: String,
        parts: StreamParts,
        rules: Rules,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
        threads: Arc<dyn Threads>,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let title = Title::new(&name);
        let stream = Arc::new(Self {
            name: name.clone(),
            title: title.clone(),
            info: RwLock::new(StreamInfo {
                driver: parts.source.driver(),
                source_set_by: SourceOrigin::PipelineFile,
                steps: parts.steps.clone(),
            }),
            changes: PendingChanges::new(rules),
            demand: Demand::default(),
            run_mode: RunModeSetting::default(),
            status: Status::new(clock.clone()),
            masks: parts.masks.clone(),
            regions: parts.chain.regions().clone(),
            raw: FrameBus::default(),
            served: FrameBus::default(),
            shutdown: shutdown.clone(),
            is_alive: Arc::new(AtomicBool::new(true)),
        });
        let runner = StreamRunner {
            log: Arc::<StreamLog>::default(),
            name,
            title,
            changes: stream.changes.clone(),
            clock,
            demand: stream.demand.clone(),
            status: stream.status.clone(),
            sequence: Sequence::default(),
            raw: stream.raw.clone(),
            served: stream.served.clone(),
            shutdown,
            threads,
            is_alive: stream.is_alive.clone(),
        };
        (stream, runner.run(parts))
    }

    /// The stream's name in pipeline.yaml.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One more viewer.
    pub fn watch(&self) -> Viewer {
        Viewer {
            received: Arc::default(),
            frames: self.served.subscribe_with_newest(),
            status: self.status.clone(),
            shutdown: self.shutdown.clone(),
            _guard: self.demand.watch(ViewerKind::Viewer),
        }
    }

    /// One more viewer, unless there are `most` already.
    pub fn watch_below(&self, most: usize) -> Option<Viewer> {
        let guard = self.demand.watch_below(most)?;
        Some(Viewer {
            received: Arc::default(),
            frames: self.served.subscribe_with_newest(),
            status: self.status.clone(),
            shutdown: self.shutdown.clone(),
            _guard: guard,
        })
    }

    /// Tells which of the frames to come were taken from `now` on.
    pub fn fresh(&self, now: Instant) -> Fresh {
        let raw = self.raw.subscribe();
        let info = self.info.read().ignore_poison();
        // What is being read from the camera has been taken before, as has the newest frame of
        // another stream.
        let is_on_its_way = self.raw.newest().is_some() || info.driver == "stream";
        Fresh::new(raw, u32::from(is_on_its_way), now)
    }

    /// The time for which a camera that works may take until its first picture, or until a `fresh`
    /// one.
    pub fn longest_wait(&self, fresh: bool) -> Duration {
        let rules = self.changes.rules().capture;
        let fps = rules.fps.unwrap_or(1.0);
        let frames = if fresh { 2.0 } else { 0.0 };
        rules.warm_up.duration(fps) + Duration::from_secs_f64(frames / fps)
    }

    /// The frame that viewers had last, while it runs.
    pub fn newest(&self) -> Option<Arc<Frame>> {
        self.served.newest()
    }

    /// The newest frame of the camera that viewers had, also while they see a notice.
    pub fn newest_picture(&self) -> Option<Arc<Frame>> {
        self.served.newest_picture()
    }

    /// Its state.
    pub fn state(&self) -> StreamState {
        self.status.state()
    }

    /// The reason why it fails, while it does.
    pub fn error(&self) -> Option<String> {
        self.status.error()
    }

    /// Whether it runs, or could at once: its task and the threads that it wants now are there. One
    /// whose thread broke down, or can't be started, is not alive until it has got up again.
    pub fn is_alive(&self) -> bool {
        self.is_alive.load(Ordering::Relaxed) || self.shutdown.is_cancelled()
    }

    /// The report of the stream.
    pub fn report(&self) -> StreamReport {
        let info = self.info.read().ignore_poison();
        let called = (self.name.as_str(), self.title.get());
        let masks = self.masks.report();
        self.status.report(
            called,
            &info,
            masks,
            (self.demand.viewers(), &self.demand.rate()),
        )
    }

    /// The regions that its inspecting filters found when they looked last.
    pub fn regions(&self) -> Arc<[FoundRegion]> {
        self.regions.all()
    }

    /// Its steps, in order.
    pub fn steps(&self) -> Vec<StepStatus> {
        let info = self.info.read().ignore_poison();
        info.steps.clone()
    }

    /// Makes its chain another between two frames; `steps` are those that it will have.
    pub fn update_chain(&self, update: ChainUpdate, steps: Vec<StepStatus>) {
        let mut info = self.info.write().ignore_poison();
        info.steps = steps;
        drop(info);
        self.changes.update_chain(update);
        // Last: whoever sees it finds the chain.
        self.status.set_readiness(Readiness::Ready);
    }

    /// Its filters are being readied: until it gets its chain by [`Stream::update_chain`], nothing
    /// of the camera is served.
    pub fn prepare(&self) {
        self.status.set_readiness(Readiness::Preparing);
    }

    /// Its filters can't be used, and why. Nothing of the camera is served until it gets another
    /// chain.
    pub fn cannot_prepare(&self, why: &str) {
        if !self.is_prepared() {
            self.status
                .set_readiness(Readiness::Unusable(why.to_owned()));
        }
    }

    /// Whether it has its chain.
    pub fn is_prepared(&self) -> bool {
        self.status.readiness() == Readiness::Ready
    }

    /// Closes the camera and opens another in its place, with other masks. Viewers stay.
    pub fn replace_source(&self, source: Box<dyn Source>, masks: &[MaskConfig]) {
        let mut info = self.info.write().ignore_poison();
        info.driver = source.driver();
        drop(info);
        self.changes
            .replace_source(source, self.masks.expect(masks));
    }

    /// Covers `masks` in all that is handed out from now on.
    pub fn set_masks(&self, masks: &[MaskConfig]) {
        self.changes.set_masks(&self.masks, masks);
    }

    /// Covers `masks`, too, while a change to them is under way.
    #[must_use]
    pub fn expect_masks(&self, masks: &[MaskConfig]) -> ExpectedMasks {
        self.masks.expect(masks)
    }

    /// The title that people see, else the name.
    pub fn title(&self) -> String {
        self.title.get()
    }

    /// People call it so; by its name if that is none.
    pub fn set_title(&self, title: Option<String>) {
        self.title.set(title.as_deref().unwrap_or(&self.name));
    }

    /// Its source is named by `origin`.
    pub fn set_source_origin(&self, origin: SourceOrigin) {
        self.info.write().ignore_poison().source_set_by = origin;
    }

    /// Sets when its camera is on though nobody watches.
    pub fn set_run_mode(&self, mode: RunMode) {
        self.run_mode.set(mode);
    }

    /// Keeps its camera on by its mode, until it is dropped.
    pub async fn keep_on(&self, clock: &dyn Clock) {
        let time_zone = local_time::zone();
        self.run_mode.run(&self.demand, clock, &time_zone).await;
    }

    /// Runs it by other rules: the idle time-out at once, the others when the camera is opened
    /// next.
    pub fn set_rules(&self, rules: Rules) {
        self.changes.set_rules(rules);
    }

    /// Resolves once it has been ended.
    pub async fn ended(&self) {
        self.shutdown.cancelled().await;
    }

    /// Ends it for good, and its viewers' streams with it.
    pub fn end(&self) {
        self.shutdown.cancel();
    }

    /// Tells of every change in who watches.
    pub fn viewers(&self) -> watch::Receiver<Viewers> {
        self.demand.changes()
    }

    /// The stream's health now.
    pub fn health(&self) -> StreamHealth {
        self.status.health()
    }

    /// Tells of every change in what it does, which [`Stream::health`] then gives.
    pub fn health_changes(&self) -> watch::Receiver<StreamHealth> {
        self.status.health_changes()
    }
}

impl Viewer {
    /// The newest frame that this viewer has not had yet; waits for one. The first call gives the
    /// frame that is there, so that nobody waits for a slow camera's next. `None` when the stream
    /// has ended.
    pub async fn next(&mut self) -> Option<Arc<Frame>> {
        let next = self.shutdown.run_until_cancelled(self.frames.next());
        let frame = next.await.flatten()?;
        self.status.frame_sent(&frame.jpeg);
        self.received.count(frame.jpeg.len());
        Some(frame)
    }

    /// Resolves once [`Viewer::take`] gives a frame, or never will again. It holds no viewer: one
    /// who goes meanwhile is gone.
    pub fn arrival(&self) -> impl Future<Output = ()> + Send + use<> {
        let (mut frames, shutdown) = (self.frames.clone(), self.shutdown.clone());
        async move {
            // The stream keeps the bus for as long as it is not ended.
            shutdown.run_until_cancelled(frames.next()).await;
        }
    }

    /// The newest frame, if this viewer has not had it yet. Doesn't wait.
    pub fn take(&mut self) -> Option<Arc<Frame>> {
        if self.is_over() {
            return None;
        }
        let frame = self.frames.take()?;
        self.status.frame_sent(&frame.jpeg);
        self.received.count(frame.jpeg.len());
        Some(frame)
    }

    /// Puts the newest frame in the place of `frame`, which this viewer took and gets nothing of,
    /// if it is a newer one. Doesn't wait.
    pub fn replace(&mut self, frame: &mut Arc<Frame>) {
        if self.is_over() {
            return;
        }
        if let Some(newest) = self.frames.take() {
            self.status.frame_replaced(&frame.jpeg, &newest.jpeg);
            self.received.replace(frame.jpeg.len(), newest.jpeg.len());
            *frame = newest;
        }
    }

    /// What it was given so far.
    pub fn received(&self) -> &Arc<Received> {
        &self.received
    }

    /// Whether the stream has ended.
    pub fn is_over(&self) -> bool {
        self.shutdown.is_cancelled()
    }
}

/// Counts what one viewer was given.
#[derive(Debug, Default)]
pub struct Received {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Received {
    fn count(&self, bytes: usize) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn replace(&self, old: usize, new: usize) {
        self.bytes.fetch_sub(old as u64, Ordering::Relaxed);
        self.bytes.fetch_add(new as u64, Ordering::Relaxed);
    }

    /// Frames, and their bytes.
    pub fn counts(&self) -> (u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.frames), load(&self.bytes))
    }
}

#[cfg(test)]
mod tests;
