//! The WebAssembly host: loads filters and runs them where they can harm nothing.
//!
//! A filter is a component for `mattebox:filter@0.1.0` (`filter-sdk/wit`). Its exports say what it gets:
//! an overlay never sees a picture. Each running filter has memory of its own, a limit on it, a limit on
//! the time of each call, and WASI with nothing granted.

mod answer;
mod assets;
mod budget;
pub mod catalogue;
mod check;
pub mod contract;
mod engine;
mod failure;
mod footprint;
mod host;
mod instance;
mod last_words;
pub mod limits;
mod log;
mod module;
mod ticker;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use wasmtime::component::InstancePre;

pub use assets::{AssetFailure, AssetsRead};
pub use budget::Budget;
pub use engine::{CompileCache, Engine};
pub use instance::{CallError, RunningFilter, SharedFilter, StartError, StepSettings};
pub use module::Module;
pub use ticker::Active;

use crate::log::shorten;
use assets::Assets;
use host::HostState;
use instance::Guest;
use limits::MemoryLimit;
use log::StepLog;

/// What a filter works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Draws layers over the picture and never sees it.
    Overlay,
    /// Gets the picture and returns another.
    Transform,
}

/// A filter that is loaded and compiled, and has introduced itself; not running yet.
pub struct Filter {
    engine: Engine,
    pre: InstancePre<HostState>,
    kind: Kind,
    name: String,
    version: String,
    summary: String,
    schema: Value,
    digest: Digest,
    /// The most instances that it may have.
    instances: usize,
    compile_time: Duration,
}

/// What tells a file's contents from others: their SHA-256 hash.
pub type Digest = [u8; 32];

impl Filter {
    /// Loads the built-in filter `name`.
    ///
    /// # Errors
    /// A text that starts with the filter's name; there is none of that name, or it can't be loaded.
    pub fn built_in(engine: &Engine, name: &str) -> Result<Self, String> {
        let filter = catalogue::find(name)
            .ok_or_else(|| format!("no built-in filter is called `{name}`"))?;
        Self::load(engine, Module::new(filter.wasm.to_vec()))
            .map_err(|why| format!("`{name}` {why}"))
    }

    /// Loads the filter in the file `path`.
    ///
    /// # Errors
    /// A text without the path; the file is missing, is no WebAssembly, or no filter.
    pub fn from_file(engine: &Engine, path: &Path) -> Result<Self, String> {
        Self::load(engine, Module::read(path)?)
    }

    /// Loads a filter. Blocks for as long as compiling takes; must not be called from async code.
    ///
    /// # Errors
    /// A text without a name: the module is no WebAssembly, or no filter.
    pub fn load(engine: &Engine, module: Module) -> Result<Self, String> {
        let start = Instant::now();
        let digest = *module.digest();
        let component = module.into_component()?;
        let instances = footprint::instances(&component);
        let component = engine
            .compile(&component)
            .map_err(|error| format!("can't be compiled: {error:#}"))?;
        let kind = kind_of(&component, engine)?;
        let pre = engine
            .linker()
            .instantiate_pre(&component)
            .map_err(|error| format!("imports what no filter gets: {error:#}"))?;
        let mut filter = Self {
            engine: engine.clone(),
            pre,
            kind,
            name: String::new(),
            version: String::new(),
            summary: String::new(),
            schema: Value::Null,
            digest,
            instances,
            compile_time: start.elapsed(),
        };
        filter.introduce()?;
        Ok(filter)
    }

    fn introduce(&mut self) -> Result<(), String> {
        let state = HostState::new(
            self.memory_limit(limits::DESCRIBE_MEMORY),
            Assets::new(Path::new("."), []),
            StepLog::new("describe"),
        );
        let description = Guest::instantiate(self, state)?.describe()?;
        self.schema = parse_schema(&description.config_schema)?;
        self.name = shorten(&description.name);
        self.version = shorten(&description.version);
        self.summary = shorten(&description.summary);
        Ok(())
    }

    /// Whether it draws or works on pixels.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name that it gives itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// One line about it.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The JSON Schema of its settings, an object.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// The hash of the file that it was loaded from.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How long compiling took, which is short when it was in the cache.
    pub fn compile_time(&self) -> Duration {
        self.compile_time
    }

    fn memory_limit(&self, bytes: u64) -> MemoryLimit {
        MemoryLimit::new(bytes, self.instances, self.engine.budget())
    }

    fn engine(&self) -> &Engine {
        &self.engine
    }

    fn pre(&self) -> &InstancePre<HostState> {
        &self.pre
    }
}

fn parse_schema(text: &str) -> Result<Value, String> {
    if text.len() > limits::SCHEMA_BYTES {
        return Err(format!(
            "describes its settings in {} bytes, more than {}",
            text.len(),
            limits::SCHEMA_BYTES
        ));
    }
    let schema: Value = serde_json::from_str(text)
        .map_err(|error| format!("has a settings schema that is no JSON: {error}"))?;
    if !schema.is_object() {
        return Err("has a settings schema that is no JSON object".to_owned());
    }
    if values(&schema) > limits::SCHEMA_VALUES {
        return Err(format!(
            "has a settings schema of more than {} values",
            limits::SCHEMA_VALUES
        ));
    }
    Ok(schema)
}

/// How many values there are in `value`, itself included. It lies no deeper than `serde_json` reads.
fn values(value: &Value) -> usize {
    let below: usize = match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(entries) => entries.values().map(values).sum(),
        _ => 0,
    };
    below + 1
}

/// Reads the kind off the exports, before any of the filter runs.
fn kind_of(component: &wasmtime::component::Component, engine: &Engine) -> Result<Kind, String> {
    let ty = component.component_type();
    let exports = |interface: &str| ty.get_export(engine.raw(), interface).is_some();
    if !exports(contract::LIFECYCLE) {
        let names: Vec<_> = ty.exports(engine.raw()).map(|(name, _)| name).collect();
        let found = match names.as_slice() {
            [] => "nothing".to_owned(),
            names => shorten(&names.join(", ")),
        };
        return Err(format!(
            "is a WebAssembly component but no Mattebox filter: it exports {found}, not `{}`",
            contract::LIFECYCLE
        ));
    }
    match (exports(contract::OVERLAY), exports(contract::TRANSFORM)) {
        (true, false) => Ok(Kind::Overlay),
        (false, true) => Ok(Kind::Transform),
        (false, false) => Err(format!(
            "exports neither `{}` nor `{}`, so there is nothing it could do",
            contract::OVERLAY,
            contract::TRANSFORM
        )),
        (true, true) => Err(format!(
            "exports both `{}` and `{}`; make two filters of it, so that each says what it needs",
            contract::OVERLAY,
            contract::TRANSFORM
        )),
    }
}
