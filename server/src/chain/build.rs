//! From a stream's part of pipeline.yaml to its chain: filters loaded, settings checked, steps started.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{Chain, Step};
use crate::clock::Clock;
use crate::config::{self, Diagnostic, FilterRef, Pipeline, StepConfig, StreamConfig};
use crate::filter::{Engine, Filter, SharedFilter, StartError, StepSettings, catalogue};
use crate::variables::Variables;

/// Loads each filter once, however many steps use it.
pub struct Loader {
    engine: Engine,
    variables: Variables,
    filters: HashMap<FilterRef, Result<SharedFilter, String>>,
}

impl Loader {
    /// Filters are compiled with `engine`, and see `variables`.
    pub fn new(engine: Engine, variables: Variables) -> Self {
        Self {
            engine,
            variables,
            filters: HashMap::new(),
        }
    }

    /// What the filters run on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The filter that `filter` names; paths start at `folder`.
    ///
    /// # Errors
    /// A sentence that names the filter and says what is wrong with it.
    pub fn load(&mut self, filter: &FilterRef, folder: &Path) -> Result<SharedFilter, String> {
        if let Some(loaded) = self.filters.get(filter) {
            return loaded.clone();
        }
        let loaded = match filter {
            FilterRef::BuiltIn(name) => built_in(&self.engine, name),
            FilterRef::Path(path) => Filter::from_file(&self.engine, &folder.join(path))
                .map_err(|why| format!("`{path}`: {why}")),
        };
        let loaded = loaded.map(Arc::new);
        self.filters.insert(filter.clone(), loaded.clone());
        loaded
    }
}

fn built_in(engine: &Engine, name: &str) -> Result<Filter, String> {
    if catalogue::find(name).is_none() {
        let names = catalogue::BUILT_IN.iter().map(|filter| filter.name);
        let hint = config::hint(name, names);
        return Err(format!(
            "no built-in filter is called `{name}`{hint} (a path of your own has a `/` in it or ends in `.wasm`)"
        ));
    }
    Filter::built_in(engine, name)
}

/// Builds the chain of `stream`. Blocks while filters are compiled and started; must not be called from
/// async code.
///
/// # Errors
/// Everything that is wrong with its filters, as places in the pipeline file.
pub fn build(
    loader: &mut Loader,
    pipeline: &Pipeline,
    stream: &StreamConfig,
    clock: Arc<dyn Clock>,
) -> Result<Chain, Vec<Diagnostic>> {
    let mut steps = Vec::new();
    let mut errors = Vec::new();
    for step in &stream.filters {
        match build_step(loader, pipeline, stream, step, &*clock) {
            Ok(step) => steps.push(step),
            Err(mut wrong) => errors.append(&mut wrong),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let engine = loader.engine();
    Ok(Chain::new(
        engine,
        steps,
        stream.quality,
        clock,
        TimeZone::system(),
        loader.variables.clone(),
    ))
}

fn build_step(
    loader: &mut Loader,
    pipeline: &Pipeline,
    stream: &StreamConfig,
    step: &StepConfig,
    clock: &dyn Clock,
) -> Result<Step, Vec<Diagnostic>> {
    let name = step.filter.as_str();
    let filter = loader
        .load(&step.filter, &pipeline.folder)
        .map_err(|why| vec![step.error_at_use(why)])?;
    let wrong = config::check_settings(step, name, filter.schema())
        .map_err(|why| vec![step.error_at_use(format!("`{name}` {why}"))])?;
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let settings = StepSettings {
        label: format!("{}/{name}", stream.name),
        config_json: step.settings().to_string(),
        folder: pipeline.folder.clone(),
        assets: step.granted_assets(),
        time_limit: step.time_limit,
        memory_limit: step.memory_limit,
    };
    Step::start(
        loader.engine(),
        name.to_owned(),
        filter,
        settings,
        step.on_error,
        clock.now(),
    )
    .map_err(|error| start_errors(step, name, &error))
}

/// An asset that could not be read is shown where it is named; all else where the filter's words point.
fn start_errors(step: &StepConfig, name: &str, error: &StartError) -> Vec<Diagnostic> {
    if error.assets.is_empty() {
        return vec![step.error_from_filter(&error.message, format!("`{name}`: {error}"))];
    }
    let at = |failure: &crate::filter::AssetFailure| {
        let message = format!("`{name}` can't read its file: {}", failure.reason);
        step.error_at_text(&failure.name, message)
    };
    error.assets.iter().map(at).collect()
}
