//! Compile jobs: each module is compiled once at a time, for all who want it.
//!
//! A job that nobody waits for any more goes on for a while if it was for a change: the pipeline
//! file may be saved faster than a module that it names compiles, and each version wants the same.

use std::collections::HashMap;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::{Compiler, Entry, LoadError, Wanted};
use crate::filter::{Digest, Module};

/// A result that all who wait share.
type Outcome = Shared<BoxFuture<'static, Result<Entry, LoadError>>>;

/// The jobs that are under way.
#[derive(Default)]
pub struct Jobs {
    by_module: HashMap<Digest, Job>,
    /// The one that nobody waits for.
    unwanted: Option<Digest>,
    begun: u64,
    /// Whether none may be left without anybody who waits.
    are_closed: bool,
}

struct Job {
    number: u64,
    /// The purpose that it has its place of.
    place: Wanted,
    waiters: usize,
    /// Ends it, and its child process.
    end: CancellationToken,
    outcome: Outcome,
}

/// One who waits for a job, which may end once the last one is dropped.
pub struct Waiter {
    compiler: Compiler,
    key: Key,
    wanted: Wanted,
    outcome: Outcome,
}

/// The key of a job.
#[derive(Clone, Copy)]
struct Key {
    module: Digest,
    number: u64,
}

/// Removes a job from those that are under way, however it ends.
struct Done(Compiler, Key);

impl Jobs {
    fn get(&mut self, key: Key) -> Option<&mut Job> {
        let job = self.by_module.get_mut(&key.module);
        job.filter(|job| job.number == key.number)
    }

    fn join(&mut self, module: &Digest) -> Option<(Key, Outcome)> {
        let job = self.by_module.get_mut(module)?;
        job.waiters += 1;
        if self.unwanted == Some(*module) {
            self.unwanted = None;
        }
        let (module, number) = (*module, job.number);
        Some((Key { module, number }, job.outcome.clone()))
    }

    /// Somebody who wanted the job for this purpose waits no more. Gives the purpose of its place
    /// if it goes on for nobody.
    fn leave(&mut self, key: Key, wanted: Wanted) -> Option<Wanted> {
        let are_closed = self.are_closed;
        let job = self.get(key)?;
        job.waiters -= 1;
        if job.waiters > 0 {
            return None;
        }
        let place = job.place;
        if wanted != Wanted::ByChange || are_closed {
            self.end(&key.module);
            return None;
        }
        if let Some(older) = self.unwanted.replace(key.module) {
            self.end(&older);
        }
        Some(place)
    }

    /// Ends the job that nobody waits for, if it has a place for `wanted`.
    pub fn make_room(&mut self, wanted: Wanted) {
        let unwanted = self.unwanted.and_then(|it| self.by_module.get(&it));
        if unwanted.is_some_and(|job| job.place == wanted) {
            self.end_unwanted();
        }
    }

    /// Ends the job that nobody waits for, and from now on each at once.
    pub fn close(&mut self) {
        self.are_closed = true;
        self.end_unwanted();
    }

    fn end_unwanted(&mut self) {
        if let Some(module) = self.unwanted.take() {
            self.end(&module);
        }
    }

    fn end(&mut self, module: &Digest) {
        if let Some(job) = self.by_module.remove(module) {
            job.end.cancel();
        }
    }

    fn remove(&mut self, key: Key) {
        if self.get(key).is_some() {
            self.by_module.remove(&key.module);
            self.unwanted = self.unwanted.filter(|it| *it != key.module);
        }
    }
}

impl Compiler {
    /// Joins the job that compiles the module with this hash, if there is one.
    pub(super) fn join(&self, module: &Digest, wanted: Wanted) -> Option<Waiter> {
        let joined = self.modules().jobs.join(module);
        joined.map(|joined| Waiter::new(self, wanted, joined))
    }

    /// Begins to compile `module` at a `place` for the purpose `wanted`, or joins the job that has
    /// begun meanwhile. Must be called on a runtime.
    pub(super) fn begin(
        &self,
        module: &Module,
        wanted: Wanted,
        place: OwnedSemaphorePermit,
    ) -> Waiter {
        let mut modules = self.modules();
        let jobs = &mut modules.jobs;
        if let Some(joined) = jobs.join(module.digest()) {
            return Waiter::new(self, wanted, joined);
        }
        jobs.begun += 1;
        let key = Key {
            module: *module.digest(),
            number: jobs.begun,
        };
        let (compiler, module) = (self.clone(), module.clone());
        let end = CancellationToken::new();
        let ended = end.clone();
        // Not on the threads that serve viewers: starting a process of a large one takes
        // milliseconds.
        let task = tokio::task::spawn_blocking(move || {
            // Made here: a runtime that ends drops the task at once, while the jobs are locked.
            let _held = (place, Done(compiler.clone(), key));
            let result = ended.run_until_cancelled(compiler.find_or_compile(&module));
            let result = Handle::current().block_on(result);
            result.ok_or_else(LoadError::unwanted)?
        });
        let outcome =
            task.map(|ended| ended.unwrap_or_else(|error| Err(LoadError::unavailable(error))));
        let outcome = outcome.boxed().shared();
        let job = Job {
            number: key.number,
            place: wanted,
            waiters: 1,
            end,
            outcome: outcome.clone(),
        };
        jobs.by_module.insert(key.module, job);
        Waiter::new(self, wanted, (key, outcome))
    }
}

impl Waiter {
    fn new(compiler: &Compiler, wanted: Wanted, (key, outcome): (Key, Outcome)) -> Self {
        Self {
            compiler: compiler.clone(),
            key,
            wanted,
            outcome,
        }
    }

    /// The job's result.
    pub async fn outcome(self) -> Result<Entry, LoadError> {
        self.outcome.clone().await
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut modules = self.compiler.modules();
        let jobs = &mut modules.jobs;
        let places = &self.compiler.0.places;
        // Somebody may wait for its place.
        if let Some(place) = jobs.leave(self.key, self.wanted)
            && places.of(place).available_permits() == 0
        {
            jobs.make_room(place);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.0.modules().jobs.remove(self.1);
    }
}
