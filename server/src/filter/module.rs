//! Bytes of a `.wasm` file, checked and made into a component.
//!
//! Most compilers write core modules. One that carries its WIT world, as those made with
//! `wit-bindgen` do, is wrapped into a component here, so that its author needs no further tool.

use std::path::Path;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use super::Digest;
use super::failure::FilterFault;
use super::instance::StartError;
use super::limits::{MODULE_BYTES, SCHEMA_BYTES, SCHEMA_VALUES};
use crate::config::SchemaError;
use crate::files::{self, FileError};

const MAGIC: &[u8] = b"\0asm";
// Bytes 4 to 8: version and layer (component model, binary format).
const CORE_LAYER: &[u8] = &[1, 0, 0, 0];

/// The reason why a module is no filter.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// It is something else.
    #[error("this is not a WebAssembly file")]
    NotWasm,
    /// It is WebAssembly's text format.
    #[error(
        "this is not a WebAssembly file but WebAssembly text; translate it with `wasm-tools parse`"
    )]
    Text,
    /// Its sections are not whole.
    #[error("this is a damaged WebAssembly module: {0}")]
    Damaged(#[from] wasmparser::BinaryReaderError),
    /// Its WIT world is not whole.
    #[error("this is a damaged WebAssembly module: {0}")]
    World(String),
    /// It is a core module that was not made for any world.
    #[error(
        "this is a core WebAssembly module without a WIT world, so it is no filter; build it with \
         `mattebox-filter` or `wit-bindgen`, or put the world into it with `mattebox embed`"
    )]
    NoWorld,
    /// It fits no component.
    #[error("the module can't be made into a component: {0}")]
    Unwrappable(String),
    /// It is built for a version of the contract that is not known.
    #[error("the filter is built for contract {0}")]
    Version(String),
    /// It exports other interfaces than the one that every filter exports.
    #[error("this is a WebAssembly component but no Mattebox filter: it exports {0}, not `{1}`")]
    NoFilter(String, &'static str),
    /// It exports none of these interfaces.
    #[error("the filter exports neither {0}, so there is nothing it could do")]
    NoKind(String),
    /// It exports all of these interfaces.
    #[error("the filter exports both {0}; make two filters of it, so that each says what it needs")]
    SeveralKinds(String),
    /// It imports more than filters get.
    #[error("the filter imports what no filter gets: {0}")]
    Imports(String),
    /// It can't be compiled.
    #[error("the filter can't be compiled: {0}")]
    Compile(String),
    /// Its code is too large, in MiB.
    #[error("the filter can't be compiled: its code takes {0} MiB, more than {1}")]
    Code(usize, usize),
    /// Its code can't be loaded.
    #[error("the filter can't be loaded: {0}")]
    Load(String),
    /// It can't introduce itself.
    #[error(transparent)]
    Describe(#[from] FilterFault),
    /// It can't be started to introduce itself.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its settings schema is too long, in bytes.
    #[error("the filter describes its settings in {0} bytes, more than {SCHEMA_BYTES}")]
    LongSchema(usize),
    /// Its settings schema is no JSON.
    #[error("the filter has a settings schema that is no JSON: {0}")]
    SchemaJson(#[from] serde_json::Error),
    /// Its settings schema is another JSON value.
    #[error("the filter has a settings schema that is no JSON object")]
    SchemaObject,
    /// Its settings schema has too many values.
    #[error("the filter has a settings schema of more than {SCHEMA_VALUES} values")]
    SchemaValues,
    /// Its settings schema can't be checked with.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Its settings schema takes too long to build, in milliseconds.
    #[error(
        "the filter has a settings schema that can't be used: building it takes more than {0} ms \
         of processor time"
    )]
    SlowSchema(u128),
}

/// A `.wasm` file's bytes.
#[derive(Clone)]
pub struct Module {
    bytes: Bytes,
    digest: Digest,
}

impl Module {
    /// `bytes` may be anything; they are checked when they are loaded.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = Sha256::digest(&bytes).into();
        Self { bytes, digest }
    }

    /// A module that the binary holds.
    pub fn built_in(bytes: &'static [u8]) -> Self {
        Self::new(Bytes::from_static(bytes))
    }

    /// Reads a `.wasm` file.
    ///
    /// # Errors
    /// It is missing, can't be read, or is larger than [`MODULE_BYTES`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        files::read(path, MODULE_BYTES).map(Self::new)
    }

    /// The hash of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The component in the bytes, which hold a component or a core module with its WIT world.
    ///
    /// # Errors
    /// They hold something else.
    pub fn into_component(self) -> Result<Bytes, ModuleError> {
        let bytes = self.bytes;
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            let is_text = bytes.starts_with(b"(module") || bytes.starts_with(b"(component");
            return Err(match is_text {
                true => ModuleError::Text,
                false => ModuleError::NotWasm,
            });
        };
        if rest.starts_with(CORE_LAYER) {
            wrap(&bytes).map(Bytes::from)
        } else {
            Ok(bytes)
        }
    }
}

fn wrap(core: &[u8]) -> Result<Vec<u8>, ModuleError> {
    // The decoder below takes for granted that the sections are whole.
    wasmparser::validate(core)?;
    let (without_world, _) = wit_component::metadata::decode(core)
        .map_err(|error| ModuleError::World(format!("{error:#}")))?;
    // Without a world the encoder would make an empty component of any module.
    if without_world.is_none() {
        return Err(ModuleError::NoWorld);
    }
    let encode = || {
        ComponentEncoder::default()
            .module(core)?
            .adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )?
            .validate(true)
            .encode()
    };
    encode().map_err(|error| ModuleError::Unwrappable(format!("{error:#}")))
}
