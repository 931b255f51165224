//! The one WebAssembly engine of the process: compiled code, the limits of time, and what filters
//! can import.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use wasmtime::Config;
use wasmtime::component::{Component, Linker};

use super::budget::Budget;
use super::epoch::{CallTime, EpochThread};
use super::system_fonts::{self, SystemFonts};
use super::texts::Texts;
use super::wasi::{self, HostState};
use crate::clock::{Clock, SystemClock};
use crate::config::FILTERS_MEMORY;

/// Runs filters. Clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<HostState>,
    epochs: EpochThread,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    budget: Budget,
    fonts: Arc<SystemFonts>,
    texts: Texts,
}

impl Engine {
    /// An engine whose filters wait (time limits, WASI clocks) on `runtime`. It has no compiler: a
    /// [`Compiler`] has modules compiled elsewhere.
    ///
    /// [`Compiler`]: super::Compiler
    ///
    /// # Errors
    /// The machine can't run WebAssembly, or refuses a thread.
    pub fn new(runtime: Handle, clock: Arc<dyn Clock>) -> wasmtime::Result<Self> {
        let mut config = config();
        config.enable_compiler(false);
        Self::with_config(runtime, clock, &config)
    }

    /// Tells code for this engine from code for those of other builds.
    pub(super) fn compatibility(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        self.raw().precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    /// An engine that compiles in this process, for a child process.
    ///
    /// # Errors
    /// The machine can't run WebAssembly, or refuses a thread.
    pub(super) fn compiling(runtime: Handle) -> wasmtime::Result<Self> {
        Self::with_config(runtime, Arc::new(SystemClock), &config())
    }

    fn with_config(
        runtime: Handle,
        clock: Arc<dyn Clock>,
        config: &Config,
    ) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(config)?;
        let fonts = Arc::new(SystemFonts::new(system_fonts::folders()));
        Ok(Self(Arc::new(Inner {
            linker: wasi::linker(&engine)?,
            epochs: EpochThread::start(engine.clone(), clock.clone())?,
            engine,
            runtime,
            clock,
            budget: Budget::new(FILTERS_MEMORY),
            texts: Texts::new(fonts.clone()),
            fonts,
        })))
    }

    /// The time of calls of one more filter.
    pub(super) fn call_time(&self) -> CallTime {
        self.0.epochs.call_time()
    }

    /// The compiled component in the file `code` of the compile cache.
    #[expect(
        unsafe_code,
        reason = "the only way to load compiled code; the file is of a folder that only this user \
            can write to, and was written by a child process of this same program. Loading a \
            module through a compiler instead, as before, let one take 3 GiB and 14 s of the \
            server"
    )]
    pub(super) fn load(&self, code: &Path) -> wasmtime::Result<Component> {
        // SAFETY: see the reason above; wasmtime itself checks that the code is of its own version
        // and settings.
        unsafe { Component::deserialize_file(&self.0.engine, code) }
    }

    /// The compiled core module in the file `part` of the compile cache.
    #[expect(unsafe_code, reason = "as for a component's code")]
    pub(super) fn load_part(&self, part: &Path) -> wasmtime::Result<wasmtime::Module> {
        // SAFETY: as for a component's code. Its file is named by the hash of the module that it
        // was compiled from, so that it is the code of nothing else.
        unsafe { wasmtime::Module::deserialize_file(&self.0.engine, part) }
    }

    pub(super) fn raw(&self) -> &wasmtime::Engine {
        &self.0.engine
    }

    pub(super) fn linker(&self) -> &Linker<HostState> {
        &self.0.linker
    }

    /// The clock that calls are measured by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The system's fonts.
    pub(super) fn fonts(&self) -> Arc<SystemFonts> {
        self.0.fonts.clone()
    }

    /// Writes texts that filters ask for.
    pub fn texts(&self) -> &Texts {
        &self.0.texts
    }

    /// The memory that all filters share; 2 GiB until it is set.
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// The runtime that filters wait on, and that does work off the frame's way.
    pub fn runtime(&self) -> &Handle {
        &self.0.runtime
    }
}

/// The settings that code is compiled for and run with.
fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config
}
