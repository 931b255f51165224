//! Loads the filters that pipeline.yaml names, each once for all the steps that use it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::config::{self, FilterRef};
use crate::events::Events;
use crate::filter::{
    Compiler, Digest, Engine, Filter, LoadError, Module, SharedFilter, Wanted, catalogue,
};
use crate::sync::IgnorePoison;
use crate::variables::Variables;

/// Loads filters. Clones share what is loaded.
#[derive(Clone)]
pub struct Loader(Arc<Inner>);

struct Inner {
    engine: Engine,
    compiler: Compiler,
    variables: Variables,
    events: Events,
    /// Filters that some step uses, by their modules' hashes.
    filters: Mutex<HashMap<Digest, Weak<Filter>>>,
    steps: AtomicU64,
}

impl Loader {
    /// Filters are compiled by `compiler`, run on `engine`, see `variables`, and their errors are told to `events`.
    pub fn new(engine: Engine, compiler: Compiler, variables: Variables, events: Events) -> Self {
        Self(Arc::new(Inner {
            engine,
            compiler,
            variables,
            events,
            filters: Mutex::default(),
            steps: AtomicU64::new(1),
        }))
    }

    /// The engine that the filters run on.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The compiler of the filters' modules.
    pub fn compiler(&self) -> &Compiler {
        &self.0.compiler
    }

    /// The variables that the filters see beside the frames.
    pub fn variables(&self) -> &Variables {
        &self.0.variables
    }

    /// The event bus, for errors of filters.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    /// An id that no step has had.
    pub fn next_id(&self) -> u64 {
        self.0.steps.fetch_add(1, Ordering::Relaxed)
    }

    /// The filter that `filter` names; paths start at `folder`. Blocks while it is compiled for the purpose `wanted`; must not be
    /// called from async code.
    ///
    /// # Errors
    /// See [`LoadError`]; a sentence that names the filter and says what is wrong with it.
    pub fn load(
        &self,
        filter: &FilterRef,
        folder: &Path,
        wanted: Wanted,
    ) -> Result<SharedFilter, LoadError> {
        let named = |error| about(error, filter);
        let module = module(filter, folder).map_err(named)?;
        if let Some(loaded) = self.filters().get(module.digest()).and_then(Weak::upgrade) {
            return Ok(loaded);
        }
        let new = Filter::load(self.engine(), (self.compiler(), wanted), &module);
        let new = new.map_err(named)?;
        let mut filters = self.filters();
        filters.retain(|_, filter| filter.strong_count() > 0);
        // Another step may have loaded it meanwhile.
        if let Some(loaded) = filters.get(module.digest()).and_then(Weak::upgrade) {
            return Ok(loaded);
        }
        let new = Arc::new(new);
        filters.insert(*module.digest(), Arc::downgrade(&new));
        Ok(new)
    }

    fn filters(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Filter>>> {
        self.0.filters.lock().ignore_poison()
    }
}

/// The module that `filter` names; paths start at `folder`.
///
/// # Errors
/// A sentence without its subject that says what is wrong with the file.
pub fn module(filter: &FilterRef, folder: &Path) -> Result<Module, LoadError> {
    match filter {
        FilterRef::BuiltIn(name) => catalogue::module(name).ok_or_else(|| {
            let names = catalogue::BUILT_IN.iter().map(|filter| filter.name);
            let hint = config::hint(name, names);
            LoadError::Failed(format!(
                "no built-in filter is called `{name}`{hint} (a path of your own has a `/` in it or ends in `.wasm`)"
            ))
        }),
        FilterRef::Path(path) => Module::read(&folder.join(path)).map_err(LoadError::Failed),
    }
}

/// The same error with its subject.
fn about(error: LoadError, filter: &FilterRef) -> LoadError {
    let named = |why| match filter {
        FilterRef::Path(path) => format!("`{path}`: {why}"),
        // It has its name in it already.
        FilterRef::BuiltIn(_) => why,
    };
    match error {
        LoadError::Refused(why) => LoadError::Refused(named(why)),
        LoadError::Failed(why) => LoadError::Failed(named(why)),
    }
}
