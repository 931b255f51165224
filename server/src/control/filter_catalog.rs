//! The filters that a step can name: those that the server brings, those that were uploaded, and
//! those in use.
//!
//! Asking for them takes nothing that changes need. What is known of a file is kept for as long as
//! the file stays as it is; one scan serves all who ask at the same time, and ends when nobody
//! waits for it any more.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use serde::{Serialize, Serializer, ser};
use serde_json::Value;

use super::Controller;
use crate::chain::module;
use crate::config::{Config, FilterRef};
use crate::files;
use crate::filter::{Compiler, FilterKind, LoadError, LoadErrorKind, Manifest, Wanted, builtin};
use crate::sync::IgnorePoison;

/// The filters that a step can name. Serialized, it is `/api/v1/filters`.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct FilterCatalog {
    /// The usable ones.
    pub filters: Vec<CatalogEntry>,
    /// Files that can't.
    pub unusable: Vec<UnusableFilter>,
}

/// A file that should be a filter, and is none.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct UnusableFilter {
    /// The name that a step's `use` would have for it.
    #[serde(rename = "use")]
    pub use_: String,
    /// The reason why it can't be used.
    pub error: String,
}

/// A filter that a step can name.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct CatalogEntry {
    /// Its name in a step's `use`.
    #[serde(rename = "use")]
    pub use_: String,
    /// Whether the server brings it.
    pub built_in: bool,
    /// The name that it gives itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line about it.
    pub summary: String,
    /// The kind of its filter.
    pub kind: FilterKind,
    /// Whether it asks to see pictures: an overlay's step then needs `sees`.
    pub wants_view: bool,
    /// Whether it asks to set variables or to tell of events: the step of one that doesn't inspect
    /// then needs `publish`.
    pub wants_publish: bool,
    /// The JSON Schema of its settings.
    #[schema(value_type = Object)]
    #[serde(serialize_with = "as_json")]
    pub schema: String,
}

/// Serializes the JSON in `text`, which takes a hundred times as much memory while it is read, one
/// after the other.
fn as_json<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let value: Value = serde_json::from_str(text).map_err(ser::Error::custom)?;
    value.serialize(serializer)
}

/// The most bytes of the settings schemas in one list, and of those that are kept for the next.
const SCHEMAS_BYTES: usize = 16 << 20;

/// Scans of the filters, and what they have found. Clones share it.
#[derive(Clone, Default)]
pub struct FilterCatalogs(Arc<Mutex<Scans>>);

/// A scan, until its list is written.
type Scan = BoxFuture<'static, Result<Bytes, CatalogError>>;

/// The reason why the list of filters can't be written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the list of filters can't be written: {0}")]
pub struct CatalogError(Arc<dyn Error + Send + Sync>);

impl CatalogError {
    fn new(why: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(why))
    }
}

#[derive(Default)]
struct Scans {
    /// The scan that is under way, if anybody waits for it.
    current: Option<WeakShared<Scan>>,
    known: BTreeMap<PathBuf, Known>,
    /// The list that was served last, as long as any answer with it is under way.
    served: Option<Weak<[u8]>>,
}

/// A file as it was last looked at: the filter in it, or why there is none.
struct Known {
    state: files::FileState,
    found: Result<Arc<Manifest>, LoadError>,
}

impl Controller {
    /// The list of all filters as JSON. Ends early, with its child processes, when it is dropped
    /// and nobody else waits for the same.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn catalog(&self) -> Result<Bytes, CatalogError> {
        let config = self.current().config.clone();
        let scan = self.0.catalogs.join(config, self.0.cache.compiler());
        scan.await
    }
}

impl Known {
    fn schema_bytes(&self) -> usize {
        self.found.as_ref().map_or(0, |found| found.schema.len())
    }
}

impl Scans {
    fn schemas_bytes(&self) -> usize {
        self.known.values().map(Known::schema_bytes).sum()
    }
}

impl FilterCatalogs {
    fn lock(&self) -> MutexGuard<'_, Scans> {
        self.0.lock().ignore_poison()
    }

    /// `catalog` as JSON.
    async fn write(&self, catalog: FilterCatalog) -> Result<Bytes, CatalogError> {
        let written = tokio::task::spawn_blocking(move || serde_json::to_vec(&catalog)).await;
        let json = written.map_err(CatalogError::new)?;
        Ok(self.share(json.map_err(CatalogError::new)?))
    }

    /// `json`, or what was served last if that is the same: answers share it, since each may be
    /// taken as slowly as its client likes.
    fn share(&self, json: Vec<u8>) -> Bytes {
        let mut scans = self.lock();
        let served = scans.served.as_ref().and_then(Weak::upgrade);
        let shared = served.filter(|served| **served == *json);
        let shared = shared.unwrap_or_else(|| json.into());
        scans.served = Some(Arc::downgrade(&shared));
        Bytes::from_owner(shared)
    }

    /// The scan that is under way, or a new one.
    fn join(&self, config: Arc<Config>, compiler: &Compiler) -> Shared<Scan> {
        let mut scans = self.lock();
        let current = scans.current.as_ref().and_then(WeakShared::upgrade);
        // One that is done tells of what was there.
        if let Some(scan) = current.filter(|scan| scan.peek().is_none()) {
            return scan;
        }
        let (catalogs, compiler) = (self.clone(), compiler.clone());
        let scan = async move {
            let catalog = catalogs.scan(&config, &compiler).await;
            catalogs.write(catalog).await
        };
        let scan = scan.boxed().shared();
        scans.current = scan.downgrade();
        scan
    }

    async fn scan(&self, config: &Arc<Config>, compiler: &Compiler) -> FilterCatalog {
        let mut catalog = FilterCatalog::default();
        let listed = config.clone();
        let candidates = tokio::task::spawn_blocking(move || candidates(&listed)).await;
        let candidates = candidates.unwrap_or_else(|error| {
            tracing::error!(%error, "listing filters broke down");
            Vec::new()
        });
        self.forget_all_but(&candidates, config);
        let mut room = SCHEMAS_BYTES;
        for filter in candidates {
            let use_ = filter.as_str().to_owned();
            let error = match self.find(&filter, config, compiler).await {
                Ok(found) if found.schema.len() <= room => {
                    room -= found.schema.len();
                    catalog.filters.push(CatalogEntry {
                        use_,
                        built_in: matches!(filter, FilterRef::BuiltIn(_)),
                        name: found.name.clone(),
                        version: found.version.clone(),
                        summary: found.summary.clone(),
                        kind: found.kind,
                        wants_view: found.wants_view(),
                        wants_publish: found.wants_publish(),
                        schema: found.schema.clone(),
                    });
                    continue;
                }
                Ok(_) => format!(
                    "`{use_}` is left out, since the settings schemas of all filters take more \
                     than {} MiB",
                    SCHEMAS_BYTES >> 20
                ),
                Err(error) => error.of(&use_).to_string(),
            };
            catalog.unusable.push(UnusableFilter { use_, error });
        }
        catalog
    }

    async fn find(
        &self,
        filter: &FilterRef,
        config: &Arc<Config>,
        compiler: &Compiler,
    ) -> Result<Arc<Manifest>, LoadError> {
        let path = path(filter, config);
        let looked_at = path.clone();
        let state = tokio::task::spawn_blocking(move || files::state(&looked_at)).await;
        let state = state.map_err(LoadError::unavailable)?;
        if let Some(known) = self.lock().known.get(&path)
            && known.state == state
        {
            return known.found.clone();
        }
        let found = describe(filter.clone(), config.clone(), compiler).await;
        // What failed for another reason than the module may succeed the next time.
        let may_change = |error: &LoadError| error.kind != LoadErrorKind::Module;
        if !found.as_ref().is_err_and(may_change) {
            let known = Known {
                state,
                found: found.clone(),
            };
            let mut scans = self.lock();
            if scans.schemas_bytes() + known.schema_bytes() <= SCHEMAS_BYTES {
                scans.known.insert(path, known);
            }
        }
        found
    }

    fn forget_all_but(&self, candidates: &[FilterRef], config: &Config) {
        let paths = candidates.iter().map(|filter| path(filter, config));
        let paths: BTreeSet<_> = paths.collect();
        self.lock().known.retain(|path, _| paths.contains(path));
    }
}

async fn describe(
    filter: FilterRef,
    config: Arc<Config>,
    compiler: &Compiler,
) -> Result<Arc<Manifest>, LoadError> {
    let read = tokio::task::spawn_blocking(move || module(&filter, &config.folder)).await;
    let module = read.map_err(LoadError::unavailable)??;
    let entry = compiler.compile(&module, Wanted::ByList).await?;
    Ok(Arc::new(entry.manifest))
}

/// The filter's file. A built-in one has none, and never changes.
fn path(filter: &FilterRef, config: &Config) -> PathBuf {
    match filter {
        FilterRef::BuiltIn(name) => PathBuf::from(format!("built-in/{name}")),
        FilterRef::Path(path) => config.folder.join(path),
    }
}

fn candidates(config: &Config) -> Vec<FilterRef> {
    let built_in = builtin::BUILT_IN.iter();
    let mut found: Vec<_> = built_in
        .map(|filter| FilterRef::BuiltIn(filter.name.to_owned()))
        .collect();
    let steps = config.streams.iter().flat_map(|stream| &stream.filters);
    let mut paths: BTreeSet<String> = steps
        .filter_map(|step| match &step.filter {
            FilterRef::Path(path) => Some(path.clone()),
            FilterRef::BuiltIn(_) => None,
        })
        .collect();
    if let Some(folder) = &config.filter_folder {
        let files = std::fs::read_dir(config.folder.join(folder));
        let names = files.into_iter().flatten().flatten();
        let names = names.filter_map(|file| file.file_name().into_string().ok());
        let modules = names.filter(|name| name.ends_with(".wasm"));
        paths.extend(modules.map(|name| format!("./{}/{name}", folder.trim_end_matches('/'))));
    }
    found.extend(paths.into_iter().map(FilterRef::Path));
    found
}
