//! When a stream's threads run: from the first viewer until `idle-timeout` after the last.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};
use tokio_util::sync::CancellationToken;

use super::capture::{self, Capturing};
use super::demand::Demand;
use super::filtering::{self, Filtering};
use super::no_signal;
use super::orders::Orders;
use super::status::{State, Status};
use super::stream_log::StreamLog;
use super::threads::Threads;
use super::title::Title;
use crate::backoff::Backoff;
use crate::chain::Chain;
use crate::clock::{Clock, Stop};
use crate::panics::{Panicked, catch};
use crate::source::Source;
use crate::supervise::keep_running;

/// Pauses before a thread that broke down, or could not be started, is started again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What governs a stream's running.
pub struct Life {
    pub name: String,
    pub title: Title,
    pub orders: Orders,
    pub clock: Arc<dyn Clock>,
    pub demand: Demand,
    pub status: Status,
    pub log: Arc<StreamLog>,
    pub raw: capture::Newest,
    pub served: filtering::Newest,
    /// Ends the stream for good.
    pub shutdown: CancellationToken,
    /// Starts threads.
    pub threads: Arc<dyn Threads>,
    /// Whether all threads that are wanted are there.
    pub is_alive: Arc<AtomicBool>,
}

/// The source and the chain, which the threads work with.
pub struct Equipment {
    pub source: Box<dyn Source>,
    pub chain: Chain,
}

/// The same in two parts. A thread holds the lock of its part for as long as it runs, and leaves the part behind however it
/// ends.
#[derive(Clone)]
struct Shelf {
    source: Arc<Mutex<Box<dyn Source>>>,
    chain: Arc<Mutex<Chain>>,
}

/// Why a session ended before it was over.
#[derive(Debug, thiserror::Error)]
enum Breakdown {
    #[error(
        "no thread can be started: {0}; see how many the system allows (`ulimit -u`, systemd's `TasksMax`)"
    )]
    NoThread(#[from] io::Error),
    #[error("the {0} thread panicked: {1}")]
    Panicked(&'static str, Panicked),
    #[error("the {0} thread ended by itself")]
    Ended(&'static str),
}

/// Why a session is over.
enum Over {
    /// Nobody has watched for the idle time-out, or the stream is to end.
    Idle,
    /// Another camera is to be opened; viewers stay.
    SourceReplaced,
    /// A thread is gone that was not told to end.
    Broken(Breakdown),
}

/// A thread that was started, until it ends.
type Running = oneshot::Receiver<Result<(), Panicked>>;

impl Life {
    /// Lives until `shutdown`; the camera is closed then.
    pub async fn run(self, equipment: Equipment) {
        let shelf = Shelf {
            source: Arc::new(Mutex::new(equipment.source)),
            chain: Arc::new(Mutex::new(equipment.chain)),
        };
        let name = format!("stream {}", self.name);
        let live = || self.live(&shelf);
        keep_running(&name, &*self.clock, &self.shutdown, live).await;
    }

    async fn live(&self, shelf: &Shelf) {
        let _pulse = Pulse::new(&self.is_alive);
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut is_retry = false;
        while self
            .shutdown
            .run_until_cancelled(self.until_demand(shelf))
            .await
            .is_some()
        {
            let ended = self.session(shelf, is_retry).await;
            is_retry = ended.is_err();
            match ended {
                Ok(()) => backoff.reset(),
                Err(breakdown) => self.recover(&breakdown, backoff.pause()).await,
            }
        }
    }

    /// Rests until somebody watches, and changes what is to be changed meanwhile.
    async fn until_demand(&self, shelf: &Shelf) {
        let (mut rearranged, mut replaced) = (self.orders.rearranged(), self.orders.replaced());
        loop {
            self.fulfil_orders(shelf).await;
            if !self.demand.exists() {
                self.rest();
            }
            // `self` keeps the senders alive, so that no wait can fail.
            tokio::select! {
                biased;
                () = self.demand.some() => return,
                _ = rearranged.changed() => {}
                _ = replaced.changed() => {}
            }
        }
    }

    /// Waits for threads that are still ending, too.
    async fn fulfil_orders(&self, shelf: &Shelf) {
        let mut source = shelf.source.lock().await;
        let mut chain = shelf.chain.lock().await;
        self.orders.fulfil(&mut source, &mut chain);
    }

    fn rest(&self) {
        // No thread is wanted, so that none is missing.
        self.is_alive.store(true, Ordering::Relaxed);
        if self.status.activity() != State::Resting {
            self.served.send_replace(None);
            self.status.set(State::Resting);
            tracing::info!(stream = self.name, "rests: nobody watches");
        }
    }

    /// From the first viewer to the rest after the last, or until the source is to be another one. In a retry after a
    /// breakdown the stream fails until a picture comes through.
    async fn session(&self, shelf: &Shelf, is_retry: bool) -> Result<(), Breakdown> {
        if self.status.activity() == State::Resting {
            tracing::info!(stream = self.name, "starts: somebody watches");
        }
        if !is_retry || self.status.activity() == State::Resting {
            self.status.set(State::Starting);
        }
        let mut replaced = self.orders.replaced();
        self.fulfil_orders(shelf).await;
        let token = self.shutdown.child_token();
        // However this ends, no thread is left running.
        let stop = token.clone().drop_guard();
        let threads = self.start_threads(shelf, token)?;
        self.is_alive.store(true, Ordering::Relaxed);
        let over = tokio::select! {
            // Threads that end because they were told to have not broken down.
            biased;
            _ = self.shutdown.run_until_cancelled(self.until_idle()) => Over::Idle,
            _ = replaced.changed() => Over::SourceReplaced,
            breakdown = first_to_end(threads) => Over::Broken(breakdown),
        };
        drop(stop);
        // Each has let go of its part of the shelf when it has ended.
        drop((shelf.source.lock().await, shelf.chain.lock().await));
        self.raw.send_replace(None);
        match over {
            Over::Idle => self.rest(),
            Over::SourceReplaced => self.status.set(State::Starting),
            Over::Broken(breakdown) => return Err(breakdown),
        }
        Ok(())
    }

    /// Tells of a breakdown and waits for `pause`. Viewers stay, and see that there is no signal.
    async fn recover(&self, breakdown: &Breakdown, pause: Duration) {
        self.is_alive.store(false, Ordering::Relaxed);
        let why = breakdown.to_string();
        self.status.fail_camera(&why);
        self.log.broke_down(self.clock.now(), &why);
        let title = self.title.get();
        let draw = || no_signal::frame("No signal", (&title, &self.name), None, self.clock.unix());
        let picture = catch(draw);
        match picture {
            Ok(Ok(frame)) => {
                self.served.send_replace(Some(Arc::new(frame)));
            }
            Ok(Err(why)) => tracing::debug!(stream = self.name, "no picture of no signal: {why}"),
            Err(why) => tracing::debug!(stream = self.name, "no picture of no signal: {why}"),
        }
        let until = self.clock.sleep_until(self.clock.now() + pause);
        self.shutdown.run_until_cancelled(until).await;
    }

    /// Resolves once nobody has watched for the whole idle time-out.
    async fn until_idle(&self) {
        loop {
            self.demand.none().await;
            let deadline = self.clock.now() + self.orders.rules().idle_timeout;
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
        shelf: &Shelf,
        token: CancellationToken,
    ) -> io::Result<[(&'static str, Running); 2]> {
        let stop = Stop::new(self.clock.clone(), Handle::current(), token);
        // Listens for frames before there can be any.
        let filtering = self.filtering(shelf, stop.clone());
        let capture = self.start("capture", self.capturing(shelf, stop))?;
        Ok([capture, self.start("chain", filtering)?])
    }

    fn capturing(&self, shelf: &Shelf, stop: Stop) -> impl FnOnce() + Send + 'static {
        let (name, rules) = (self.name.clone(), self.orders.rules().capture);
        let (newest, status, log) = (self.raw.clone(), self.status.clone(), self.log.clone());
        let source = shelf.source.clone();
        move || {
            let capturing = Capturing {
                stream: &name,
                rules,
                newest: &newest,
                status: &status,
                log: &log,
                stop: &stop,
            };
            capturing.run(&mut **source.blocking_lock());
        }
    }

    fn filtering(&self, shelf: &Shelf, stop: Stop) -> impl FnOnce() + Send + 'static {
        let (name, raw) = (self.name.clone(), self.raw.subscribe());
        let title = self.title.clone();
        let (status, log) = (self.status.clone(), self.log.clone());
        let (served, demand) = (self.served.clone(), self.demand.clone());
        let (orders, chain) = (self.orders.clone(), shelf.chain.clone());
        move || {
            let mut filtering = Filtering {
                stream: &name,
                title: &title,
                raw,
                orders: &orders,
                served: &served,
                demand: &demand,
                status: &status,
                log: &log,
                stop: &stop,
            };
            filtering.run(&mut chain.blocking_lock());
        }
    }

    /// Starts the thread `name` of this stream, which does `work`.
    fn start(
        &self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<(&'static str, Running)> {
        let (ended, receiver) = oneshot::channel();
        let work = Box::new(move || {
            // Nobody waits for it any more when the server is shutting down.
            ended.send(catch(work)).ok();
        });
        self.threads.start(format!("{} {name}", self.name), work)?;
        Ok((name, receiver))
    }
}

/// Resolves once one of the threads has ended, which none does unless it is told to.
async fn first_to_end([capture, chain]: [(&'static str, Running); 2]) -> Breakdown {
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
struct Pulse<'a>(&'a AtomicBool);

impl<'a> Pulse<'a> {
    fn new(is_alive: &'a AtomicBool) -> Self {
        is_alive.store(true, Ordering::Relaxed);
        Self(is_alive)
    }
}

impl Drop for Pulse<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
