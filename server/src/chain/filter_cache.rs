//! Loads the filters that pipeline.yaml names, each once for all the steps that use it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::Check;
use super::compiling::{Compiling, CompilingReport};
use crate::config::{self, FilterRef};
use crate::event_log::EventLog;
use crate::files::{self, FileState};
use crate::filter::{
    Compiler, Digest, Engine, Filter, LoadError, LoadErrorKind, Module, SharedFilter, builtin,
};
use crate::notifications::Notifications;
use crate::sync::IgnorePoison;
use crate::variables::Variables;

/// Loads filters. Clones share what is loaded.
#[derive(Clone)]
pub struct FilterCache(Arc<Inner>);

struct Inner {
    engine: Engine,
    compiler: Compiler,
    variables: Variables,
    notifications: Notifications,
    events: EventLog,
    /// Filters that some step uses, by their modules' hashes.
    filters: Mutex<HashMap<Digest, Weak<Filter>>>,
    /// The hashes of those that were loaded from files, and the files' states then: while they are
    /// so, they need not be read.
    files: Mutex<HashMap<PathBuf, (FileState, Digest)>>,
    compiling: Compiling,
    steps: AtomicU64,
}

impl FilterCache {
    /// Filters are compiled by `compiler`, run on `engine`, see `variables`; their errors go to
    /// `notifications`, and what they find to `events`.
    pub fn new(
        (engine, compiler): (Engine, Compiler),
        variables: Variables,
        notifications: Notifications,
        events: EventLog,
    ) -> Self {
        Self(Arc::new(Inner {
            engine,
            compiler,
            variables,
            notifications,
            events,
            filters: Mutex::default(),
            files: Mutex::default(),
            compiling: Compiling::default(),
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

    /// The log of what they find.
    pub fn events(&self) -> &EventLog {
        &self.0.events
    }

    /// The bus for their errors.
    pub fn notifications(&self) -> &Notifications {
        &self.0.notifications
    }

    /// An id that no step has had.
    pub fn next_id(&self) -> u64 {
        self.0.steps.fetch_add(1, Ordering::Relaxed)
    }

    /// The filter that is being compiled for the stream `stream`, if one is.
    pub fn compiling(&self, stream: &str) -> Option<CompilingReport> {
        self.0.compiling.of(stream, self.engine().clock().now())
    }

    /// The filter that `filter` names, for the stream `stream`; paths start at `folder`. Blocks
    /// while it is compiled, as long as `check` is wanted; must not be called from async code.
    ///
    /// # Errors
    /// See [`LoadError`], which names the filter.
    pub fn load(
        &self,
        (stream, filter): (&str, &FilterRef),
        folder: &Path,
        check: &Check<'_>,
    ) -> Result<SharedFilter, LoadError> {
        let FilterRef::Path(path) = filter else {
            return self.load_new((stream, filter), folder, check);
        };
        let path = folder.join(path);
        // Before it is read: what changes then is another state the next time.
        let state = files::state(&path);
        let known = self.files().get(&path).copied();
        if let Some((_, digest)) = known.filter(|(known, _)| state.exists() && *known == state)
            && let Some(loaded) = self.loaded(&digest)
        {
            return Ok(loaded);
        }
        let loaded = self.load_new((stream, filter), folder, check)?;
        let mut files = self.files();
        files.retain(|_, (_, digest)| self.loaded(digest).is_some());
        files.insert(path, (state, *loaded.digest()));
        Ok(loaded)
    }

    fn load_new(
        &self,
        (stream, filter): (&str, &FilterRef),
        folder: &Path,
        check: &Check<'_>,
    ) -> Result<SharedFilter, LoadError> {
        let module = module(filter, folder)?;
        if let Some(loaded) = self.loaded(module.digest()) {
            return Ok(loaded);
        }
        let compilation = (!self.compiler().knows(&module)).then(|| {
            let clock = self.engine().clock();
            let bytes = module.bytes().len();
            let compiling = &self.0.compiling;
            compiling.begin((stream, filter.as_str()), bytes, clock)
        });
        let compiler = (self.compiler(), check.wanted());
        let new = Filter::load(self.engine(), compiler, &module, check.abandoned());
        let new = new.map_err(|error| error.of(filter.as_str()))?;
        if let Some(compilation) = compilation {
            compilation.succeed();
            check.compiled();
        }
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

    fn loaded(&self, digest: &Digest) -> Option<SharedFilter> {
        self.filters().get(digest).and_then(Weak::upgrade)
    }

    fn files(&self) -> MutexGuard<'_, HashMap<PathBuf, (FileState, Digest)>> {
        self.0.files.lock().ignore_poison()
    }

    fn filters(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Filter>>> {
        self.0.filters.lock().ignore_poison()
    }
}

/// The module that `filter` names; paths start at `folder`.
///
/// # Errors
/// There is no such filter, or its file can't be read.
pub fn module(filter: &FilterRef, folder: &Path) -> Result<Module, LoadError> {
    match filter {
        FilterRef::BuiltIn(name) => builtin::module(name).ok_or_else(|| {
            let names = builtin::BUILT_IN.iter().map(|filter| filter.name);
            let hint = config::hint(name, names);
            let fault = format!(
                "this is not the name of a built-in filter{hint} (a path of your \
                own has a `/` in it or ends in `.wasm`)"
            );
            LoadError::new(LoadErrorKind::File, fault).of(name)
        }),
        FilterRef::Path(path) => {
            let module = Module::read(&folder.join(path));
            module.map_err(|error| LoadError::from(error).of(path))
        }
    }
}
