//! The one WebAssembly engine of the process: compiler, compile cache, clock hand, and what filters
//! can import.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use wasmtime::component::{Component, Linker};
use wasmtime::{Cache, CacheConfig, Config};

use super::budget::Budget;
use super::host::{self, HostState};
use super::ticker::{Active, Ticker};
use crate::config::FILTERS_MEMORY;

/// Compiles and runs filters. Clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<HostState>,
    ticker: Ticker,
    runtime: Handle,
    budget: Budget,
}

/// Where compiled modules are kept between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CompileCache {
    /// `mattebox` below the user's cache folder.
    #[default]
    User,
    /// This folder.
    Folder(PathBuf),
    /// Nowhere.
    Off,
}

impl Engine {
    /// An engine whose filters wait (time limits, WASI clocks) on `runtime`.
    ///
    /// A cache that can't be used is told in the log and done without.
    ///
    /// # Errors
    /// The machine can't run WebAssembly, or refuses a thread.
    pub fn new(runtime: Handle, cache: &CompileCache) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        config.cache(open_cache(cache));
        let engine = wasmtime::Engine::new(&config)?;
        Ok(Self(Arc::new(Inner {
            linker: host::linker(&engine)?,
            ticker: Ticker::start(engine.clone())?,
            engine,
            runtime,
            budget: Budget::new(FILTERS_MEMORY),
        })))
    }

    /// Filters can run, within their time limits, while the result is held.
    pub fn activate(&self) -> Active {
        self.0.ticker.activate()
    }

    pub(super) fn compile(&self, component: &[u8]) -> wasmtime::Result<Component> {
        Component::from_binary(&self.0.engine, component)
    }

    pub(super) fn raw(&self) -> &wasmtime::Engine {
        &self.0.engine
    }

    pub(super) fn linker(&self) -> &Linker<HostState> {
        &self.0.linker
    }

    /// The memory that all filters share; 2 GiB until it is set.
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// Where filters wait, and where work off the frame's way is done.
    pub fn runtime(&self) -> &Handle {
        &self.0.runtime
    }
}

fn open_cache(cache: &CompileCache) -> Option<Cache> {
    let folder = match cache {
        CompileCache::Off => return None,
        CompileCache::Folder(folder) => folder.clone(),
        CompileCache::User => dirs::cache_dir()?.join("mattebox"),
    };
    let mut config = CacheConfig::new();
    config.with_directory(&folder);
    Cache::new(config)
        .inspect_err(|error| {
            tracing::warn!(
                "no compile cache in {}: {error:#}; filters are compiled at each start",
                folder.display()
            );
        })
        .ok()
}
