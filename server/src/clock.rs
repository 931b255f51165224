//! Time, behind a trait, so that everything that waits can be tested without waiting. Nothing else
//! asks the system for it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The server's time, and waiting for it.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic time, for intervals.
    fn now(&self) -> Instant;
    /// The calendar's time (UTC), for what people read.
    fn unix(&self) -> SystemTime;
    /// Resolves once [`Clock::now`] has reached `deadline`.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()>;
    /// Blocks the thread for `pause`. Only for a moment: nothing can end it early.
    fn block(&self, pause: Duration);
    /// Blocks the thread until it is unparked or, if there is one, until `deadline`; perhaps for
    /// less.
    fn park(&self, deadline: Option<Instant>);
}

/// The machine's own clock. Sleeping needs a tokio runtime with its time driver on.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the time comes from"
)]
impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        // Made when it is first polled, on the runtime: the caller may be a thread outside.
        Box::pin(async move { tokio::time::sleep_until(deadline.into()).await })
    }

    fn block(&self, pause: Duration) {
        thread::sleep(pause);
    }

    fn park(&self, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => {
                thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
            }
            None => thread::park(),
        }
    }
}

/// Blocks the thread until `future` is ready; `None` if `deadline` has come first. The future is
/// polled outside of any runtime: it may not be one of input, output or tokio's time.
///
/// The thread itself waits for the deadline. A timer of the runtime would cost each wait the waking
/// of another thread, and come up to a millisecond late.
pub fn wait<F: Future>(
    clock: &dyn Clock,
    future: F,
    deadline: Option<Instant>,
) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        if deadline.is_some_and(|deadline| deadline <= clock.now()) {
            return None;
        }
        clock.park(deadline);
    }
}

/// Wakes a thread that waits in [`wait`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Cancellation for blocking threads. Every wait goes through it.
#[derive(Clone)]
pub struct StopToken {
    clock: Arc<dyn Clock>,
    runtime: Handle,
    token: CancellationToken,
}

impl StopToken {
    /// `token` requests the stop; `runtime` drives the clock's sleeps.
    pub fn new(clock: Arc<dyn Clock>, runtime: Handle, token: CancellationToken) -> Self {
        Self {
            clock,
            runtime,
            token,
        }
    }

    /// The clock that this thread waits by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The runtime that waits.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// A stop that is requested with this one, or by cancelling the token beside it.
    pub fn child(&self) -> (Self, CancellationToken) {
        let token = self.token.child_token();
        let child = Self {
            token: token.clone(),
            ..self.clone()
        };
        (child, token)
    }

    /// Whether the stop was requested.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Blocks until `deadline`, or until a stop is requested: then it returns `false` at once.
    pub fn sleep_until(&self, deadline: Instant) -> bool {
        wait(&*self.clock, self.token.cancelled(), Some(deadline)).is_none()
    }

    /// Blocks until `future`, which needs no runtime, is ready, at most until `deadline`: then it
    /// gives `Some(None)`. `None` once a stop is requested.
    pub fn wait_until<F: Future>(&self, deadline: Instant, future: F) -> Option<Option<F::Output>> {
        let future = self.token.run_until_cancelled(future);
        match wait(&*self.clock, future, Some(deadline)) {
            Some(Some(output)) => Some(Some(output)),
            Some(None) => None,
            None => Some(None),
        }
    }

    /// Blocks for `pause` in the same way.
    pub fn sleep(&self, pause: Duration) -> bool {
        self.sleep_until(self.clock.now() + pause)
    }

    /// Blocks until `future` is ready and gives its result; `None` once a stop is requested.
    pub fn wait_for<F: Future>(&self, future: F) -> Option<F::Output> {
        self.runtime
            .block_on(self.token.run_until_cancelled(future))
    }
}

#[cfg(test)]
pub mod fake {
    //! A clock that moves only when a test moves it.

    use super::*;
    use std::sync::Mutex;
    use tokio::sync::watch;

    pub struct FakeClock {
        start: Instant,
        elapsed: watch::Sender<Duration>,
        sleepers: Mutex<Vec<Instant>>,
        parked: Mutex<Vec<Thread>>,
    }

    impl FakeClock {
        pub fn new() -> Arc<Self> {
            Arc::new(Self {
                start: SystemClock.now(),
                elapsed: watch::Sender::new(Duration::ZERO),
                sleepers: Mutex::new(Vec::new()),
                parked: Mutex::new(Vec::new()),
            })
        }

        pub fn advance(&self, by: Duration) {
            self.elapsed.send_modify(|elapsed| *elapsed += by);
            let parked = std::mem::take(&mut *self.parked.lock().unwrap());
            parked.iter().for_each(Thread::unpark);
        }

        /// Resolves once somebody sleeps until `after` from now or later, so that a test advances
        /// the clock only when the sleeper is there.
        pub async fn sleeper(&self, after: Duration) {
            self.sleepers(after, 1).await;
        }

        /// The same for so many of them.
        pub async fn sleepers(&self, after: Duration, count: usize) {
            let wanted = self.now() + after;
            let is_wanted = |deadline: &&Instant| **deadline == wanted;
            while self
                .sleepers
                .lock()
                .unwrap()
                .iter()
                .filter(is_wanted)
                .count()
                < count
            {
                tokio::task::yield_now().await;
            }
        }
    }

    impl Clock for FakeClock {
        fn now(&self) -> Instant {
            self.start + *self.elapsed.borrow()
        }

        fn unix(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + *self.elapsed.borrow()
        }

        fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
            self.sleepers.lock().unwrap().push(deadline);
            let mut elapsed = self.elapsed.subscribe();
            let start = self.start;
            Box::pin(async move {
                // The sender lives as long as the test; were it gone, nobody would wait any more.
                if elapsed
                    .wait_for(|elapsed| start + *elapsed >= deadline)
                    .await
                    .is_err()
                {
                    std::future::pending::<()>().await;
                }
            })
        }

        fn block(&self, pause: Duration) {
            self.advance(pause);
        }

        fn park(&self, deadline: Option<Instant>) {
            self.parked.lock().unwrap().push(thread::current());
            if let Some(deadline) = deadline {
                if deadline <= self.now() {
                    return;
                }
                self.sleepers.lock().unwrap().push(deadline);
            }
            thread::park();
        }
    }
}
