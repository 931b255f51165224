//! When a stream's threads run: from the first viewer until `idle-timeout` after the last.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::capture::{self, Capturing};
use super::demand::Demand;
use super::filtering::{self, Filtering};
use super::orders::Orders;
use super::status::{State, Status};
use crate::chain::Chain;
use crate::clock::{Clock, Stop};
use crate::source::Source;

/// What governs a stream's running.
pub struct Life {
    pub name: String,
    pub orders: Orders,
    pub clock: Arc<dyn Clock>,
    pub demand: Demand,
    pub status: Status,
    pub raw: capture::Newest,
    pub served: filtering::Newest,
    /// Ends the stream for good.
    pub shutdown: CancellationToken,
}

/// What the threads work with, lent to them while they run.
pub struct Equipment {
    pub source: Box<dyn Source>,
    pub chain: Chain,
}

/// Why a session is over.
enum Over {
    /// Nobody has watched for the idle time-out, or the stream is to end.
    Idle,
    /// Another camera is to be opened; viewers stay.
    SourceReplaced,
}

impl Life {
    /// Lives until `shutdown`; the camera is closed then.
    pub async fn run(self, mut equipment: Equipment) {
        let shutdown = self.shutdown.clone();
        while shutdown
            .run_until_cancelled(self.until_demand(&mut equipment))
            .await
            .is_some()
        {
            equipment = match self.session(equipment).await {
                Ok(equipment) => equipment,
                Err(error) => {
                    self.status.fail(&error);
                    tracing::error!(stream = self.name, "{error}");
                    return;
                }
            };
        }
    }

    /// Rests until somebody watches, and changes what is to be changed meanwhile.
    async fn until_demand(&self, equipment: &mut Equipment) {
        let (mut rearranged, mut replaced) = (self.orders.rearranged(), self.orders.replaced());
        loop {
            self.orders.fulfil(equipment);
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

    fn rest(&self) {
        if self.status.state() != State::Resting {
            self.served.send_replace(None);
            self.status.set(State::Resting);
            tracing::info!(stream = self.name, "rests: nobody watches");
        }
    }

    /// From the first viewer to the rest after the last, or until the source is to be another one.
    async fn session(&self, mut equipment: Equipment) -> Result<Equipment, String> {
        if self.status.state() == State::Resting {
            tracing::info!(stream = self.name, "starts: somebody watches");
        }
        self.status.set(State::Starting);
        let mut replaced = self.orders.replaced();
        self.orders.fulfil(&mut equipment);
        let token = self.shutdown.child_token();
        // However this ends, no thread is left running.
        let stop = token.clone().drop_guard();
        let work = self
            .start_threads(equipment, token)
            .map_err(|error| format!("can't start a thread: {error}"))?;
        let mut work = std::pin::pin!(work);
        let broke = |_| "a thread of this stream broke down; the stream stays off".to_owned();
        let over = tokio::select! {
            _ = self.shutdown.run_until_cancelled(self.until_idle()) => Over::Idle,
            _ = replaced.changed() => Over::SourceReplaced,
            // Told nothing, they end only by breaking down.
            ended = &mut work => return ended.map_err(broke),
        };
        drop(stop);
        let equipment = work.await.map_err(broke)?;
        self.raw.send_replace(None);
        match over {
            Over::Idle => self.rest(),
            Over::SourceReplaced => self.status.set(State::Starting),
        }
        Ok(equipment)
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

    /// Starts both threads. The result resolves to the equipment when they have ended.
    fn start_threads(
        &self,
        equipment: Equipment,
        token: CancellationToken,
    ) -> io::Result<impl Future<Output = Result<Equipment, oneshot::error::RecvError>> + use<>>
    {
        let Equipment {
            mut source,
            mut chain,
        } = equipment;
        let stop = Stop::new(self.clock.clone(), Handle::current(), token);
        let raw = self.raw.subscribe();

        let (name, rules, newest) = (
            self.name.clone(),
            self.orders.rules().capture,
            self.raw.clone(),
        );
        let (status, until) = (self.status.clone(), stop.clone());
        let capture = thread(format!("{name} capture"), move || {
            let capturing = Capturing {
                stream: &name,
                rules,
                newest: &newest,
                status: &status,
                stop: &until,
            };
            capturing.run(&mut *source);
            source
        })?;
        let (name, status) = (self.name.clone(), self.status.clone());
        let (served, demand) = (self.served.clone(), self.demand.clone());
        let orders = self.orders.clone();
        let filtering = thread(format!("{name} chain"), move || {
            let mut filtering = Filtering {
                stream: &name,
                raw,
                orders: &orders,
                served: &served,
                demand: &demand,
                status: &status,
                stop: &stop,
            };
            filtering.run(&mut chain);
            chain
        })?;
        Ok(async move {
            let (source, chain) = tokio::try_join!(capture, filtering)?;
            Ok(Equipment { source, chain })
        })
    }
}

/// Runs `work` on a thread called `name`. The result never comes if it panics.
fn thread<T: Send + 'static>(
    name: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (result, receiver) = oneshot::channel();
    thread::Builder::new().name(name).spawn(move || {
        // Nobody waits for it any more when the server is shutting down.
        result.send(work()).ok();
    })?;
    Ok(receiver)
}
