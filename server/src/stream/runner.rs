//! Runs a stream: waits for viewers, and starts and stops its threads, from the first viewer until
//! `idle-timeout` after the last.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::bus::FrameBus;
use super::capture_loop::CaptureLoop;
use super::chain_loop::ChainLoop;
use super::demand::Demand;
use super::inspect_loops::InspectLoops;
use super::no_signal;
use super::pending_changes::PendingChanges;
use super::status::{Failure, FailureKind, Status, StreamState};
use super::stream_log::StreamLog;
use super::threads::Threads;
use super::title::Title;
use crate::backoff::Backoff;
use crate::chain::{Chain, StepStatus};
use crate::clock::{Clock, StopToken};
use crate::frame::Sequence;
use crate::mask::MaskSet;
use crate::panics::{Panicked, catch};
use crate::source::Source;
use crate::supervise::keep_running;

/// Pauses before a thread that broke down, or could not be started, is started again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Runs a stream: waits for viewers, starts and stops its threads.
pub struct StreamRunner {
    pub name: String,
    pub title: Title,
    pub changes: PendingChanges,
    pub clock: Arc<dyn Clock>,
    pub demand: Demand,
    pub status: Status,
    pub log: Arc<StreamLog>,
    pub sequence: Sequence,
    pub raw: FrameBus,
    pub served: FrameBus,
    /// Ends the stream for good.
    pub shutdown: CancellationToken,
    /// Starts threads.
    pub threads: Arc<dyn Threads>,
    /// Whether all threads that are wanted are there.
    pub is_alive: Arc<AtomicBool>,
}

/// The source and the chain, which the threads work with.
pub struct StreamParts {
    pub source: Box<dyn Source>,
    /// Those of the source.
    pub masks: MaskSet,
    pub chain: Chain,
    /// The chain's steps, in order.
    pub steps: Vec<StepStatus>,
}

/// The parts, shared with the threads. A thread holds the lock of its part for as long as it runs,
/// and gives it back however it ends.
#[derive(Clone)]
struct SharedParts {
    source: Arc<Mutex<Box<dyn Source>>>,
    masks: MaskSet,
    chain: Arc<Mutex<Chain>>,
}

/// The reason why a session ended before it was over.
#[derive(Debug, thiserror::Error)]
enum Breakdown {
    #[error(
        "no thread can be started: {0}; see how many the system allows (`ulimit -u`, systemd's \
         `TasksMax`)"
    )]
    NoThread(#[from] io::Error),
    #[error("the {0} thread panicked: {1}")]
    Panicked(&'static str, Panicked),
    #[error("the {0} thread ended by itself")]
    Ended(&'static str),
}

/// The reason why a session is over.
enum SessionEnd {
    /// Nobody has watched for the idle time-out, or the stream is to end.
    Idle,
    /// Another camera is to be opened; viewers stay.
    SourceReplaced,
    /// A thread is gone that was not told to end.
    Broken(Breakdown),
}

/// A thread that was started, until it ends.
type ThreadEnd = oneshot::Receiver<Result<(), Panicked>>;

impl StreamRunner {
    /// Runs until `shutdown`; the camera is closed then.
    pub async fn run(self, parts: StreamParts) {
        let parts = SharedParts {
            source: Arc::new(Mutex::new(parts.source)),
            masks: parts.masks,
            chain: Arc::new(Mutex::new(parts.chain)),
        };
        let name = format!("stream {}", self.name);
        let run = || self.run_sessions(&parts);
        let running = keep_running(&name, &*self.clock, &self.shutdown, run);
        running.instrument(self.span()).await;
    }

    /// The span of all its log lines, at the highest level, so that lines of every level name their
    /// stream.
    fn span(&self) -> tracing::Span {
        tracing::error_span!(parent: None, "stream", stream = %self.name)
    }

    async fn run_sessions(&self, parts: &SharedParts) {
        let _alive = AliveGuard::new(&self.is_alive);
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut is_retry = false;
        while self
            .shutdown
            .run_until_cancelled(self.until_demand(parts))
            .await
            .is_some()
        {
            let ended = self.session(parts, is_retry).await;
            is_retry = ended.is_err();
            match ended {
                Ok(()) => backoff.reset(),
                Err(breakdown) => self.recover(&breakdown, backoff.pause()).await,
            }
        }
    }

    /// Rests until somebody watches, and changes what is to be changed meanwhile.
    async fn until_demand(&self, parts: &SharedParts) {
        let (mut chain_changed, mut replaced) =
            (self.changes.chain_changed(), self.changes.replaced());
        loop {
            self.apply_changes(parts).await;
            if !self.demand.exists() {
                self.rest();
            }
            // `self` keeps the senders alive, so that no wait can fail.
            tokio::select! {
                biased;
                () = self.demand.some() => return,
                _ = chain_changed.changed() => {}
                _ = replaced.changed() => {}
            }
        }
    }

    /// Waits for threads that are still ending, too.
    async fn apply_changes(&self, parts: &SharedParts) {
        let mut source = parts.source.lock().await;
        let mut chain = parts.chain.lock().await;
        self.changes.apply_to(&mut source, &mut chain);
    }

    fn rest(&self) {
        // No thread is wanted, so that none is missing.
        self.is_alive.store(true, Ordering::Relaxed);
        if self.status.activity() != StreamState::Resting {
            self.served.clear();
            self.status.set(StreamState::Resting);
            tracing::info!("stream idle: no viewers");
        }
    }

    /// From the first viewer to the rest after the last, or until the source is to be another one.
    /// In a retry after a breakdown the stream fails until a picture comes through.
    async fn session(&self, parts: &SharedParts, is_retry: bool) -> Result<(), Breakdown> {
        if self.status.activity() == StreamState::Resting {
            let wanted_by = self.demand.viewers().kinds();
            let wanted_by = wanted_by.iter().map(|kind| kind.name());
            let wanted_by = wanted_by.collect::<Vec<_>>().join(", ");
            tracing::info!(wanted_by, "stream starting");
        }
        if !is_retry || self.status.activity() == StreamState::Resting {
            self.status.set(StreamState::Starting);
        }
        let mut replaced = self.changes.replaced();
        self.apply_changes(parts).await;
        let token = self.shutdown.child_token();
        // However this ends, no thread is left running.
        let stop = token.clone().drop_guard();
        let threads = self.start_threads(parts, token)?;
        self.is_alive.store(true, Ordering::Relaxed);
        let over = tokio::select! {
            // Threads that end because they were told to have not broken down.
            biased;
            _ = self.shutdown.run_until_cancelled(self.until_idle()) => SessionEnd::Idle,
            _ = replaced.changed() => SessionEnd::SourceReplaced,
            breakdown = first_to_end(threads) => SessionEnd::Broken(breakdown),
        };
        drop(stop);
        // Each has let go of its part when it has ended.
        drop((parts.source.lock().await, parts.chain.lock().await));
        self.raw.clear();
        match over {
            SessionEnd::Idle => self.rest(),
            SessionEnd::SourceReplaced => self.status.set(StreamState::Starting),
            SessionEnd::Broken(breakdown) => return Err(breakdown),
        }
        Ok(())
    }

    /// Tells of a breakdown and waits for `pause`. Viewers stay, and see that there is no signal.
    async fn recover(&self, breakdown: &Breakdown, pause: Duration) {
        self.is_alive.store(false, Ordering::Relaxed);
        let message = breakdown.to_string();
        self.log.broke_down(self.clock.now(), &message);
        self.status.fail_camera(Failure {
            kind: FailureKind::Threads,
            message,
        });
        let title = self.title.get();
        let called = (title.as_str(), self.name.as_str());
        let draw = || no_signal::frame("No signal", called, None, &*self.clock, &self.sequence);
        match catch(draw) {
            Ok(Ok(frame)) => self.served.publish(frame),
            Ok(Err(why)) => tracing::debug!(error = %why, "no picture of no signal"),
            Err(why) => tracing::debug!(error = %why, "no picture of no signal"),
        }
        let until = self.clock.sleep_until(self.clock.now() + pause);
        self.shutdown.run_until_cancelled(until).await;
    }

    /// Resolves once nobody has watched for the whole idle time-out.
    async fn until_idle(&self) {
        loop {
            self.demand.none().await;
            let deadline = self.clock.now() + self.changes.rules().idle_timeout;
            tokio::select! {
                // Whoever comes at the last moment finds the camera on.
                biased;
                () = self.demand.some() => {}
                () = self.clock.sleep_until(deadline) => return,
            }
        }
    }

    /// Starts both threads, which end once `token` is cancelled.
    fn start_threads(
        &self,
        parts: &SharedParts,
        token: CancellationToken,
    ) -> io::Result<[(&'static str, ThreadEnd); 2]> {
        let stop = StopToken::new(self.clock.clone(), Handle::current(), token);
        // Listens for frames before there can be any.
        let chain_loop = self.chain_loop(parts, stop.clone());
        let capture = self.start("capture", self.capture_loop(parts, stop))?;
        Ok([capture, self.start("chain", chain_loop)?])
    }

    fn capture_loop(&self, parts: &SharedParts, stop: StopToken) -> impl FnOnce() + Send + 'static {
        let (rules, rate) = (self.changes.rules().capture, self.demand.rate());
        let (frames, sequence) = (self.raw.clone(), self.sequence.clone());
        let (status, log) = (self.status.clone(), self.log.clone());
        let (source, masks) = (parts.source.clone(), parts.masks.clone());
        move || {
            let capture_loop = CaptureLoop {
                rules,
                rate,
                masks: &masks,
                frames: &frames,
                sequence: &sequence,
                status: &status,
                log: &log,
                stop: &stop,
            };
            capture_loop.run(&mut **source.blocking_lock());
        }
    }

    fn chain_loop(&self, parts: &SharedParts, stop: StopToken) -> impl FnOnce() + Send + 'static {
        let (name, raw) = (self.name.clone(), self.raw.subscribe());
        let (title, sequence) = (self.title.clone(), self.sequence.clone());
        let first = sequence.peek();
        let (status, log) = (self.status.clone(), self.log.clone());
        let (served, demand) = (self.served.clone(), self.demand.clone());
        let (changes, chain) = (self.changes.clone(), parts.chain.clone());
        let (frames, threads) = (self.raw.clone(), self.threads.clone());
        move || {
            let mut chain_loop = ChainLoop {
                stream: &name,
                title: &title,
                raw,
                first,
                sequence: &sequence,
                changes: &changes,
                served: &served,
                demand: &demand,
                status: &status,
                log: &log,
                stop: &stop,
                inspect: InspectLoops::new(&name, &frames, threads, &stop),
            };
            chain_loop.run(&mut chain.blocking_lock());
        }
    }

    /// Starts the thread `name` of this stream, which does `work`.
    fn start(
        &self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<(&'static str, ThreadEnd)> {
        let (ended, receiver) = oneshot::channel();
        let span = self.span();
        let work = Box::new(move || {
            let _entered = span.entered();
            // Nobody waits for it any more when the server is shutting down.
            ended.send(catch(work)).ok();
        });
        self.threads.start(format!("{} {name}", self.name), work)?;
        Ok((name, receiver))
    }
}

/// Resolves once one of the threads has ended, which none does unless it is told to.
async fn first_to_end([capture, chain]: [(&'static str, ThreadEnd); 2]) -> Breakdown {
    let (name, end) = tokio::select! {
        end = capture.1 => (capture.0, end),
        end = chain.1 => (chain.0, end),
    };
    match end {
        Ok(Err(panicked)) => Breakdown::Panicked(name, panicked),
        Ok(Ok(())) | Err(_) => Breakdown::Ended(name),
    }
}

/// Says that a stream is alive, until it is dropped.
struct AliveGuard<'a>(&'a AtomicBool);

impl<'a> AliveGuard<'a> {
    fn new(is_alive: &'a AtomicBool) -> Self {
        is_alive.store(true, Ordering::Relaxed);
        Self(is_alive)
    }
}

impl Drop for AliveGuard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
