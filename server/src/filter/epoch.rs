//! The clock hand that time limits are measured by.
//!
//! wasmtime stops a filter when the engine's epoch passes the filter's deadline. Somebody has to
//! count the epochs up, but a server that nobody watches must not wake up for that: the thread
//! ticks only while somebody holds an [`Active`].

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

use crate::clock::Clock;
use crate::panics::catch;
use crate::sync::IgnorePoison;

/// The time for which an epoch lasts; time limits are rounded up to it.
pub const EPOCH: Duration = Duration::from_millis(10);

/// Owns the ticking thread, which ends with it.
pub struct EpochThread(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    active: usize,
    closed: bool,
}

/// While one is held, epochs are counted.
pub struct Active(Arc<Shared>);

impl EpochThread {
    /// Starts the thread, at rest.
    ///
    /// # Errors
    /// The system refuses the thread.
    pub fn start(engine: Engine, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let thread = Self(shared.clone());
        thread::Builder::new()
            .name("mattebox-epochs".into())
            .spawn(move || {
                // Without it, nothing would stop a filter.
                while let Err(panicked) = catch(|| shared.tick(&engine, &*clock)) {
                    tracing::error!("the filters' clock panicked and goes on: {panicked}");
                    clock.block(EPOCH);
                }
            })?;
        Ok(thread)
    }

    /// Keeps the epochs counted for as long as the result lives.
    pub fn activate(&self) -> Active {
        let mut state = self.0.lock();
        state.active += 1;
        // Waking a thread is a system call; it is spared while the thread is awake.
        if state.active == 1 {
            self.0.changed.notify_one();
        }
        drop(state);
        Active(self.0.clone())
    }
}

impl Drop for EpochThread {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.lock().active -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().ignore_poison()
    }

    /// Counts epochs up until the thread's owner is gone.
    fn tick(&self, engine: &Engine, clock: &dyn Clock) {
        while self.wait_until_active() {
            engine.increment_epoch();
            clock.block(EPOCH);
        }
    }

    /// `false` once the thread's owner is gone.
    fn wait_until_active(&self) -> bool {
        let state = self.lock();
        let idle = |state: &mut State| state.active == 0 && !state.closed;
        let state = self.changed.wait_while(state, idle);
        !state.ignore_poison().closed
    }
}

/// The number of epochs that surely last `limit`.
pub fn epochs(limit: Duration) -> u64 {
    // One more, since the epoch that is running may be nearly over.
    u64::try_from(limit.as_nanos().div_ceil(EPOCH.as_nanos())).unwrap_or(u64::MAX - 1) + 1
}
