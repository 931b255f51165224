//! Loads the filters that pipeline.yaml names, each once, and again when its file has changed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::{self, FilterRef};
use crate::events::Events;
use crate::filter::{Engine, Filter, Module, SharedFilter, catalogue};
use crate::variables::Variables;

/// Loads each filter once, however many steps use it.
pub struct Loader {
    engine: Engine,
    variables: Variables,
    events: Events,
    filters: HashMap<FilterRef, SharedFilter>,
    /// What was looked at since [`Loader::look_again`].
    seen: HashMap<FilterRef, Result<SharedFilter, String>>,
    steps: AtomicU64,
}

impl Loader {
    /// Filters are compiled with `engine`, see `variables`, and their errors are told to `events`.
    pub fn new(engine: Engine, variables: Variables, events: Events) -> Self {
        Self {
            engine,
            variables,
            events,
            filters: HashMap::new(),
            seen: HashMap::new(),
            steps: AtomicU64::new(1),
        }
    }

    /// What the filters run on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the filters see beside the frames.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Where errors are told.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// An id that no step has had.
    pub fn next_id(&self) -> u64 {
        self.steps.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on, a file is looked at again when it is asked for.
    pub fn look_again(&mut self) {
        self.seen.clear();
    }

    /// Forgets all filters but `used`.
    pub fn keep(&mut self, used: impl Fn(&FilterRef) -> bool) {
        self.filters.retain(|filter, _| used(filter));
    }

    /// The filter that `filter` names; paths start at `folder`.
    ///
    /// # Errors
    /// A sentence that names the filter and says what is wrong with it.
    pub fn load(&mut self, filter: &FilterRef, folder: &Path) -> Result<SharedFilter, String> {
        if let Some(seen) = self.seen.get(filter) {
            return seen.clone();
        }
        let loaded = match filter {
            FilterRef::BuiltIn(name) => self.built_in(filter, name),
            FilterRef::Path(path) => self
                .own(filter, &folder.join(path))
                .map_err(|why| format!("`{path}`: {why}")),
        };
        if let Ok(loaded) = &loaded {
            self.filters.insert(filter.clone(), loaded.clone());
        }
        self.seen.insert(filter.clone(), loaded.clone());
        loaded
    }

    fn built_in(&self, filter: &FilterRef, name: &str) -> Result<SharedFilter, String> {
        if let Some(loaded) = self.filters.get(filter) {
            return Ok(loaded.clone());
        }
        if catalogue::find(name).is_none() {
            let names = catalogue::BUILT_IN.iter().map(|filter| filter.name);
            let hint = config::hint(name, names);
            return Err(format!(
                "no built-in filter is called `{name}`{hint} (a path of your own has a `/` in it or ends in `.wasm`)"
            ));
        }
        Filter::built_in(&self.engine, name).map(Arc::new)
    }

    fn own(&self, filter: &FilterRef, path: &Path) -> Result<SharedFilter, String> {
        let module = Module::read(path)?;
        if let Some(loaded) = self.filters.get(filter)
            && loaded.digest() == module.digest()
        {
            return Ok(loaded.clone());
        }
        Filter::load(&self.engine, module).map(Arc::new)
    }
}
