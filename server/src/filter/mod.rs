//! The WebAssembly host: loads filters and runs them where they can harm nothing.
//!
//! A filter is a component for a version of `mattebox:filter` (`filter-sdk/wit`). Its exports say
//! what it gets: an overlay never sees a picture. Each running filter has memory of its own, a
//! limit on it, a limit on the time of each call, and WASI with nothing granted.

mod answer;
mod assets;
mod budget;
pub mod builtin;
mod code;
pub mod compile;
pub mod context;
pub mod contract;
pub mod embed;
mod engine;
mod epoch;
mod error_output;
mod failure;
mod footprint;
mod growth;
mod instance;
mod kinds;
pub mod limits;
mod log;
mod module;
mod split;
mod system_fonts;
mod texts;
pub mod view;
mod wasi;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre};

pub use assets::{AssetFailure, AssetsRead};
pub use budget::Budget;
pub use compile::{Compiler, LoadError, LoadErrorKind, Manifest, Wanted};
pub use engine::Engine;
pub use failure::{CallError, FilterFault};
use footprint::Footprint;
pub use instance::{RunningFilter, SharedFilter, StartError, StepSettings};
pub use kinds::FilterKind;
pub use module::{Module, ModuleError};
pub use texts::Texts;

use crate::config::SettingsSchema;
use crate::log::sanitize;
use assets::Assets;
use budget::Taken;
use code::Code;
use compile::Entry;
use context::{CallState, Grants};
use contract::Contract;
use instance::Guest;
use limits::MemoryLimit;
use log::StepLog;
use wasi::HostState;

/// A filter that is compiled and has introduced itself; not running yet.
pub struct Filter {
    engine: Engine,
    pre: InstancePre<HostState>,
    contract: &'static dyn Contract,
    manifest: Manifest,
    schema: SettingsSchema,
    digest: Digest,
    load_time: Duration,
    /// The memory that it takes by itself.
    _loaded: Taken,
}

/// The SHA-256 hash of a file's contents.
pub type Digest = [u8; 32];

impl Filter {
    /// Loads a filter, compiled by `compiler` for the purpose `wanted` unless it was before. Blocks
    /// for as long as that takes, or until it is `abandoned`; must not be called from async code.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(
        engine: &Engine,
        (compiler, wanted): (&Compiler, Wanted),
        module: &Module,
        abandoned: &CancellationToken,
    ) -> Result<Self, LoadError> {
        let clock = engine.clock();
        let start = clock.now();
        let runtime = engine.runtime();
        let compile = || {
            let compiled = abandoned.run_until_cancelled(compiler.compile(module, wanted));
            let compiled = runtime.block_on(compiled);
            compiled.ok_or_else(LoadError::unwanted)?
        };
        let mut entry = compile()?;
        let mut code = Code::load(engine, &entry.code, &entry.parts);
        if let Err(error) = &code {
            tracing::debug!(
                error = %format!("{error:#}"),
                "compiled code of another build or processor"
            );
            compiler.discard(&entry);
            entry = compile()?;
            code = Code::load(engine, &entry.code, &entry.parts);
        }
        let unusable =
            |error| LoadError::unavailable(format!("the filter's code can't be loaded: {error:#}"));
        let code = code.map_err(unusable)?;
        let Entry { manifest, .. } = entry;
        let schema = serde_json::from_str(&manifest.schema).map_err(ModuleError::from)?;
        let loaded = engine.budget().take_for(manifest.loaded);
        let loaded = loaded.map_err(|limit| {
            let needed = limits::mib(manifest.loaded);
            let fault =
                format!("the filter can't be loaded: it needs {needed:.1} MiB, more than {limit}");
            LoadError::new(LoadErrorKind::Memory, fault)
        })?;
        Ok(Self {
            pre: code.link(engine)?,
            contract: contract_of(engine, &code.component)?.0,
            engine: engine.clone(),
            schema: SettingsSchema::new(schema),
            manifest,
            digest: *module.digest(),
            load_time: clock.now() - start,
            _loaded: loaded,
        })
    }

    /// The kind of its calls.
    pub fn kind(&self) -> FilterKind {
        self.manifest.kind
    }

    /// Its description of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The JSON Schema of its settings, an object.
    pub fn schema(&self) -> &SettingsSchema {
        &self.schema
    }

    /// The hash of the file that it was loaded from.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The time that loading took, which is short when its code was in the cache.
    pub fn load_time(&self) -> Duration {
        self.load_time
    }

    /// The version of the contract that it is built for.
    pub fn contract_version(&self) -> semver::Version {
        self.contract.version()
    }

    fn contract(&self) -> &'static dyn Contract {
        self.contract
    }

    fn memory_limit(&self, bytes: u64) -> Result<MemoryLimit, StartError> {
        MemoryLimit::new(bytes, self.manifest.footprint, self.engine.budget())
    }

    fn engine(&self) -> &Engine {
        &self.engine
    }

    fn pre(&self) -> &InstancePre<HostState> {
        &self.pre
    }
}

fn contract_of(
    engine: &Engine,
    component: &Component,
) -> Result<(&'static dyn Contract, FilterKind), ModuleError> {
    let ty = component.component_type();
    contract::of(ty.exports(engine.raw()).map(|(name, _)| name))
}

/// Runs `describe` of a filter, within limits, and gives what is to be known of it. Blocks; must
/// not be called from async code.
///
/// # Errors
/// It is no filter, or its introduction is none.
fn describe(engine: &Engine, code: &Code, footprint: Footprint) -> Result<Manifest, ModuleError> {
    let (contract, kind) = contract_of(engine, &code.component)?;
    let pre = code.link(engine)?;
    let state = HostState::new(
        MemoryLimit::new(limits::DESCRIBE_MEMORY, footprint, engine.budget())?,
        Assets::new(Path::new("."), []),
        StepLog::new(tracing::error_span!("describe"), engine.clock().clone()),
        CallState::new("".into(), Grants::default()),
        engine.call_time(),
    );
    let guest = Guest::instantiate(engine, &pre, state, &CancellationToken::new());
    let description = contract.describe(&mut guest?)?;
    let ty = code.component.component_type();
    // Its own parts are no interfaces.
    let imports = ty.imports(engine.raw());
    let imports = imports.filter(|(_, import)| !matches!(import.ty, ComponentItem::Module(_)));
    let exports = ty.exports(engine.raw());
    Ok(Manifest {
        kind,
        name: sanitize(&description.name),
        version: sanitize(&description.version),
        summary: sanitize(&description.summary),
        schema: parse_schema(&description.config_schema)?.to_string(),
        imports: imports.map(|(name, _)| sanitize(name)).collect(),
        exports: exports.map(|(name, _)| sanitize(name)).collect(),
        footprint,
        parts: Vec::new(),
        loaded: 0,
    })
}

fn parse_schema(text: &str) -> Result<Value, ModuleError> {
    if text.len() > limits::SCHEMA_BYTES {
        return Err(ModuleError::LongSchema(text.len()));
    }
    match serde_json::from_str(text)? {
        schema if !Value::is_object(&schema) => Err(ModuleError::SchemaObject),
        schema if values(&schema) > limits::SCHEMA_VALUES => Err(ModuleError::SchemaValues),
        schema => Ok(schema),
    }
}

/// The number of values in `value`, itself included. It lies no deeper than `serde_json` reads.
fn values(value: &Value) -> usize {
    let below: usize = match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(entries) => entries.values().map(values).sum(),
        _ => 0,
    };
    below + 1
}
