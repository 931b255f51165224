//! The filters that a step can name: those that the server brings, those that were uploaded, and those in use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ChangeError, Live};
use crate::config::{FilterRef, Pipeline};
use crate::filter::{Kind, catalogue};

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

impl Live {
    /// All filters.
    ///
    /// # Errors
    /// The work broke down.
    pub async fn catalogue(&self) -> Result<Catalogue, ChangeError> {
        self.at_work(|live| {
            let pipeline = live.now().pipeline.clone();
            let mut workshop = live.workshop();
            let loader = workshop.loader();
            loader.look_again();
            let mut catalogue = Catalogue::default();
            for filter in candidates(&pipeline) {
                let use_ = filter.as_str().to_owned();
                match loader.load(&filter, &pipeline.folder) {
                    Ok(loaded) => catalogue.filters.push(CatalogueEntry {
                        use_,
                        built_in: matches!(filter, FilterRef::BuiltIn(_)),
                        name: loaded.name().to_owned(),
                        version: loaded.version().to_owned(),
                        summary: loaded.summary().to_owned(),
                        kind: loaded.kind(),
                        schema: loaded.schema().clone(),
                    }),
                    Err(error) => catalogue.unusable.push(UnusableFilter { use_, error }),
                }
            }
            Ok(catalogue)
        })
        .await
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
