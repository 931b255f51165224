//! The filters that a step can name: those that the server brings, those that were uploaded, and those in use.
//!
//! Asking for them takes nothing that changes need. What is known of a file is kept for as long as the file stays as it is; one
//! scan serves all who ask at the same time, and ends when nobody waits for it any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use serde_json::Value;

use super::Live;
use super::reading::{FileState, file_state};
use crate::chain::module;
use crate::config::{FilterRef, Pipeline};
use crate::filter::{Compiler, Kind, LoadError, Manifest, Wanted, catalogue};
use crate::sync::IgnorePoison;

/// The filters that a step can name. Serialized, it is `/api/filters`.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Catalogue {
    /// Those that can be used.
    pub filters: Vec<CatalogueEntry>,
    /// Files that can't.
    pub unusable: Vec<UnusableFilter>,
}

/// A file that should be a filter, and is none.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct UnusableFilter {
    /// What a step would call it.
    #[serde(rename = "use")]
    pub use_: String,
    /// Why it can't be used.
    pub error: String,
}

/// A filter that a step can name.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct CatalogueEntry {
    /// What a step calls it.
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
    /// What it works on.
    pub kind: Kind,
    /// The JSON Schema of its settings.
    pub schema: Value,
}

/// Scans of the filters, and what they have found. Clones share it.
#[derive(Clone, Default)]
pub struct Catalogues(Arc<Mutex<Scans>>);

#[derive(Default)]
struct Scans {
    /// The scan that is under way, if anybody waits for it.
    current: Option<WeakShared<BoxFuture<'static, Arc<Catalogue>>>>,
    known: BTreeMap<PathBuf, Known>,
}

/// A file as it was last looked at: the filter in it, or why there is none.
struct Known {
    state: FileState,
    found: Result<Arc<Manifest>, LoadError>,
}

impl Live {
    /// All filters. Ends early, with its child processes, when it is dropped and nobody else waits for the same.
    pub async fn catalogue(&self) -> Arc<Catalogue> {
        let pipeline = self.now().pipeline.clone();
        let scan = self.0.catalogues.join(pipeline, self.0.loader.compiler());
        scan.await
    }
}

impl Catalogues {
    fn lock(&self) -> MutexGuard<'_, Scans> {
        self.0.lock().ignore_poison()
    }

    /// The scan that is under way, or a new one.
    fn join(
        &self,
        pipeline: Arc<Pipeline>,
        compiler: &Compiler,
    ) -> Shared<BoxFuture<'static, Arc<Catalogue>>> {
        let mut scans = self.lock();
        let current = scans.current.as_ref().and_then(WeakShared::upgrade);
        // One that is done tells of what was there.
        if let Some(scan) = current.filter(|scan| scan.peek().is_none()) {
            return scan;
        }
        let (catalogues, compiler) = (self.clone(), compiler.clone());
        let scan = async move { Arc::new(catalogues.scan(&pipeline, &compiler).await) };
        let scan = scan.boxed().shared();
        scans.current = scan.downgrade();
        scan
    }

    async fn scan(&self, pipeline: &Arc<Pipeline>, compiler: &Compiler) -> Catalogue {
        let mut catalogue = Catalogue::default();
        let listed = pipeline.clone();
        let candidates = tokio::task::spawn_blocking(move || candidates(&listed)).await;
        let candidates = candidates.unwrap_or_else(|error| {
            tracing::error!(%error, "listing filters broke down");
            Vec::new()
        });
        self.forget_all_but(&candidates, pipeline);
        for filter in candidates {
            let use_ = filter.as_str().to_owned();
            match self.find(&filter, pipeline, compiler).await {
                Ok(found) => catalogue.filters.push(CatalogueEntry {
                    use_,
                    built_in: matches!(filter, FilterRef::BuiltIn(_)),
                    name: found.name.clone(),
                    version: found.version.clone(),
                    summary: found.summary.clone(),
                    kind: found.kind,
                    schema: found.schema.clone(),
                }),
                Err(error) => {
                    let error = format!("`{use_}`: {error}");
                    catalogue.unusable.push(UnusableFilter { use_, error });
                }
            }
        }
        catalogue
    }

    async fn find(
        &self,
        filter: &FilterRef,
        pipeline: &Arc<Pipeline>,
        compiler: &Compiler,
    ) -> Result<Arc<Manifest>, LoadError> {
        let path = path(filter, pipeline);
        let looked_at = path.clone();
        let state = tokio::task::spawn_blocking(move || file_state(&looked_at)).await;
        let state = state.map_err(|error| LoadError::Failed(error.to_string()))?;
        if let Some(known) = self.lock().known.get(&path)
            && known.state == state
        {
            return known.found.clone();
        }
        let found = describe(filter.clone(), pipeline.clone(), compiler).await;
        // What failed for another reason than the module may succeed the next time.
        if !matches!(found, Err(LoadError::Failed(_))) {
            let known = Known {
                state,
                found: found.clone(),
            };
            self.lock().known.insert(path, known);
        }
        found
    }

    fn forget_all_but(&self, candidates: &[FilterRef], pipeline: &Pipeline) {
        let paths = candidates.iter().map(|filter| path(filter, pipeline));
        let paths: BTreeSet<_> = paths.collect();
        self.lock().known.retain(|path, _| paths.contains(path));
    }
}

async fn describe(
    filter: FilterRef,
    pipeline: Arc<Pipeline>,
    compiler: &Compiler,
) -> Result<Arc<Manifest>, LoadError> {
    let read = tokio::task::spawn_blocking(move || module(&filter, &pipeline.folder)).await;
    let module = read.map_err(|error| LoadError::Failed(error.to_string()))??;
    let entry = compiler.compile(&module, Wanted::ByList).await?;
    Ok(Arc::new(entry.manifest))
}

/// The filter's file. A built-in one has none, and never changes.
fn path(filter: &FilterRef, pipeline: &Pipeline) -> PathBuf {
    match filter {
        FilterRef::BuiltIn(name) => PathBuf::from(format!("built-in/{name}")),
        FilterRef::Path(path) => pipeline.folder.join(path),
    }
}

fn candidates(pipeline: &Pipeline) -> Vec<FilterRef> {
    let built_in = catalogue::BUILT_IN.iter();
    let mut found: Vec<_> = built_in
        .map(|filter| FilterRef::BuiltIn(filter.name.to_owned()))
        .collect();
    let steps = pipeline.streams.iter().flat_map(|stream| &stream.filters);
    let mut paths: BTreeSet<String> = steps
        .filter_map(|step| match &step.filter {
            FilterRef::Path(path) => Some(path.clone()),
            FilterRef::BuiltIn(_) => None,
        })
        .collect();
    if let Some(folder) = &pipeline.filter_folder {
        let files = std::fs::read_dir(pipeline.folder.join(folder));
        let names = files.into_iter().flatten().flatten();
        let names = names.filter_map(|file| file.file_name().into_string().ok());
        let modules = names.filter(|name| name.ends_with(".wasm"));
        paths.extend(modules.map(|name| format!("./{}/{name}", folder.trim_end_matches('/'))));
    }
    found.extend(paths.into_iter().map(FilterRef::Path));
    found
}
