//! Compiling filters in a child process.
//!
//! A module is a stranger's, and a compiler can be made to take minutes and gigabytes, or to break
//! down. So the server has no compiler: a child process ([`worker`]) with limits of its own turns a
//! module into native code and a [`Manifest`], both of which go into the cache. A second one loads
//! the code, and a third one builds the settings schema, under limits that make both known to be
//! cheap. The server loads only what both have passed.

mod cache;
mod child;
mod jobs;
mod parts;
mod rlimits;
pub mod worker;

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use cache::Cache;
pub use cache::Entry;
use child::Phase;
use jobs::Jobs;

use super::contract;
use super::footprint::Footprint;
use super::{Digest, Engine, FilterKind, Module, ModuleError};
use crate::clock::Clock;
use crate::config::Cause;
use crate::files::FileError;
use crate::private_folder::FolderChoice;
use crate::sync::IgnorePoison;

/// Child processes at once for changes, and as many for the chains at the start and those whose
/// files have changed: as many as a machine of this memory can take, each of which may have its
/// whole limit, but at least and at most so many. A stream has one of each at a time, so that only
/// so many slow streams keep another one waiting.
const STREAMS: RangeInclusive<u64> = 4..=16;
/// Refused modules that are remembered.
const REMEMBERED: usize = 256;
/// The time for which they are. Some refusals are of limits of time, which a machine that was busy
/// may have been the cause of.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// A module's description of itself, and what it imports and exports.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Manifest {
    /// The kind of its calls.
    pub kind: FilterKind,
    /// The name that it gives itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line about it.
    pub summary: String,
    /// The JSON Schema of its settings, an object, as text: read, it takes a hundred times as much
    /// memory.
    pub schema: String,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
    /// The size of its instances.
    pub footprint: Footprint,
    /// The hashes of its parts: core modules in it that are compiled by themselves.
    pub parts: Vec<Digest>,
    /// The bytes of memory that its code and its schema take once they are loaded, before it has an
    /// instance. Zero until that was measured.
    pub loaded: u64,
}

impl Manifest {
    /// Whether it wants to see pictures that it isn't handed.
    pub fn wants_view(&self) -> bool {
        self.imports("view")
    }

    /// Whether it wants to set variables or to tell of events.
    pub fn wants_publish(&self) -> bool {
        self.imports("publish")
    }

    fn imports(&self, interface: &str) -> bool {
        let mut imports = self.imports.iter();
        imports.any(|import| contract::is_interface(import, interface))
    }
}

/// The reason why a filter can't be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{}{fault}", .filter.as_ref().map_or_else(String::new, |name| format!("`{name}`: ")))]
pub struct LoadError {
    /// The part that is at fault.
    pub kind: LoadErrorKind,
    /// The filter, as the pipeline file names it, where that is known.
    filter: Option<String>,
    /// The fault.
    fault: String,
}

/// The part that is at fault where a filter can't be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LoadErrorKind {
    /// The module itself. The same bytes will be refused again.
    Module,
    /// Its file, or nobody wants it any more.
    File,
    /// The machine, which is short of something just now: space, memory, processes, descriptors.
    /// Another try may succeed.
    Machine,
    /// The memory for all filters, which is used up.
    Memory,
}

impl LoadError {
    /// An error of this `kind`.
    pub fn new(kind: LoadErrorKind, fault: impl Display) -> Self {
        Self {
            kind,
            filter: None,
            fault: fault.to_string(),
        }
    }

    /// The machine is at fault, and why.
    pub fn unavailable(why: impl Display) -> Self {
        let fault = format!("the filter can't be compiled just now: {why}");
        Self::new(LoadErrorKind::Machine, fault)
    }

    /// Nobody waits for the filter any more.
    pub(super) fn unwanted() -> Self {
        Self::new(LoadErrorKind::File, "the filter is not wanted any more")
    }

    /// The same error, of the filter called `name`.
    pub fn of(mut self, name: impl Display) -> Self {
        self.filter = Some(name.to_string());
        self
    }

    /// The cause: what must change before another try can succeed.
    pub fn cause(&self) -> Cause {
        match self.kind {
            LoadErrorKind::Module | LoadErrorKind::File => Cause::Files,
            LoadErrorKind::Machine => Cause::Machine,
            LoadErrorKind::Memory => Cause::FiltersMemory,
        }
    }
}

impl From<ModuleError> for LoadError {
    fn from(error: ModuleError) -> Self {
        Self::new(LoadErrorKind::Module, error)
    }
}

impl From<FileError> for LoadError {
    fn from(error: FileError) -> Self {
        match error.is_passing() {
            true => Self::unavailable(error),
            false => Self::new(LoadErrorKind::File, error),
        }
    }
}

/// The purpose that a module is compiled for. Each has child processes of its own, so that none
/// waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A change of a stream's chain.
    ByChange,
    /// The chains at the start, and those whose files have changed.
    ByRenewal,
    /// An upload, of which there is one at a time.
    ByUpload,
    /// The list of filters, for which anybody may ask.
    ByList,
}

/// Places for child processes, by purpose.
struct Places([Arc<Semaphore>; 4]);

impl Places {
    fn new() -> Self {
        let room = memory().unwrap_or(u64::MAX) / worker::COMPILE.data;
        let streams = room.clamp(*STREAMS.start(), *STREAMS.end()) as usize;
        // In the order of `Wanted`.
        Self([streams, streams, 1, 1].map(|places| Arc::new(Semaphore::new(places))))
    }

    fn of(&self, wanted: Wanted) -> &Arc<Semaphore> {
        &self.0[wanted as usize]
    }
}

/// The bytes of memory that the machine has, where the system tells them in `/proc/meminfo`.
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1 << 10)
}

/// Compiles modules by child processes. Clones share all of it.
#[derive(Clone)]
pub struct Compiler(Arc<Inner>);

struct Inner {
    cache: Cache,
    worker: PathBuf,
    clock: Arc<dyn Clock>,
    places: Places,
    modules: Mutex<Modules>,
}

/// Knowledge of modules beside the cache.
#[derive(Default)]
struct Modules {
    refused: HashMap<Digest, (Instant, LoadError)>,
    jobs: Jobs,
}

impl Compiler {
    /// A compiler for `engine`, whose child processes run `worker`, the `mattebox` binary, and
    /// whose results are kept in `cache`.
    ///
    /// # Errors
    /// No folder for the results can be had.
    pub fn new(engine: &Engine, worker: PathBuf, cache: &FolderChoice) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            cache: Cache::open(cache, engine.compatibility())?,
            worker,
            clock: engine.clock().clone(),
            places: Places::new(),
            modules: Mutex::default(),
        })))
    }

    /// The compiled code of `module`, from the cache or by child processes. When the result is
    /// dropped early, they end, unless it was wanted by a change: the next version of that finds
    /// the module compiled then, or being compiled. One module at a time goes on so, as long as its
    /// place is not needed.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn compile(&self, module: &Module, wanted: Wanted) -> Result<Entry, LoadError> {
        let digest = *module.digest();
        if let Some(refusal) = self.refusal(&digest) {
            return Err(refusal);
        }
        if let Some(entry) = self.find(digest).await? {
            return Ok(entry);
        }
        let job = match self.join(&digest, wanted) {
            Some(job) => job,
            // Before it begins, so that each job has a place and keeps nobody waiting for it.
            None => self.begin(module, wanted, self.place(wanted).await?),
        };
        job.outcome().await
    }

    /// Whether [`Compiler::compile`] gives its result at once: `module` was compiled, or refused,
    /// before. Blocks while it looks.
    pub fn knows(&self, module: &Module) -> bool {
        let digest = module.digest();
        self.refusal(digest).is_some() || self.0.cache.find(digest, self.0.clock.unix()).is_some()
    }

    /// Why the module with this hash was refused a short while ago, if it was.
    fn refusal(&self, digest: &Digest) -> Option<LoadError> {
        let modules = self.modules();
        let (at, refusal) = modules.refused.get(digest)?;
        (self.0.clock.now() - *at < REMEMBERED_FOR).then(|| refusal.clone())
    }

    /// From now on, modules are compiled only while somebody waits for them: the server ends.
    pub fn close(&self) {
        self.modules().jobs.close();
    }

    async fn place(&self, wanted: Wanted) -> Result<OwnedSemaphorePermit, LoadError> {
        let places = self.0.places.of(wanted);
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Ok(place);
        }
        self.modules().jobs.make_room(wanted);
        let place = places.clone().acquire_owned().await;
        place.map_err(|_| LoadError::unwanted())
    }

    /// Removes a result that can't be used, so that the module is compiled again.
    pub fn discard(&self, entry: &Entry) {
        self.0.cache.remove(entry);
    }

    async fn find(&self, digest: Digest) -> Result<Option<Entry>, LoadError> {
        let now = self.0.clock.unix();
        self.in_cache(move |cache| Ok(cache.find(&digest, now)))
            .await
    }

    async fn find_or_compile(&self, module: &Module) -> Result<Entry, LoadError> {
        let digest = *module.digest();
        if let Some(entry) = self.find(digest).await? {
            return Ok(entry);
        }
        let result = self.compile_now(module).await;
        if let Err(error) = &result
            && error.kind == LoadErrorKind::Module
        {
            self.remember(digest, error.clone());
        }
        result
    }

    async fn compile_now(&self, module: &Module) -> Result<Entry, LoadError> {
        let inner = &*self.0;
        let code = self.in_cache(Cache::new_code).await?;
        let compile = Phase::Compile(code.path(), inner.cache.compatibility());
        let mut manifest: Manifest = child::run(&inner.worker, compile, module.bytes()).await?;
        let (digests, now) = (manifest.parts.clone(), inner.clock.unix());
        let parts = self
            .in_cache(move |cache| cache.parts(&digests, now))
            .await?;
        let load = Phase::Load(code.path(), &parts);
        let loaded: u64 = child::run(&inner.worker, load, &[]).await?;
        let schema = manifest.schema.as_bytes();
        let built: u64 = child::run(&inner.worker, Phase::Schema, schema).await?;
        manifest.loaded = loaded.saturating_add(built);
        let digest = *module.digest();
        let now = self.0.clock.unix();
        self.in_cache(move |cache| cache.store(&digest, (code, manifest), now))
            .await
    }

    /// Works in the cache where blocking is allowed: the folder may lie on another machine.
    async fn in_cache<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cache) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, LoadError> {
        let inner = self.0.clone();
        let done = tokio::task::spawn_blocking(move || work(&inner.cache)).await;
        done.map_err(LoadError::unavailable)?
            .map_err(|error| unwritable(self.0.cache.folder(), &error))
    }

    fn modules(&self) -> std::sync::MutexGuard<'_, Modules> {
        self.0.modules.lock().ignore_poison()
    }

    fn remember(&self, digest: Digest, error: LoadError) {
        let mut modules = self.modules();
        if modules.refused.len() >= REMEMBERED {
            modules.refused.clear();
        }
        modules.refused.insert(digest, (self.0.clock.now(), error));
    }
}

fn unwritable(folder: &Path, error: &std::io::Error) -> LoadError {
    let folder = folder.display();
    LoadError::unavailable(format!(
        "the compile cache {folder} can't be written: {error}"
    ))
}
