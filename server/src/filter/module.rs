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
use super::limits::MODULE_BYTES;
use crate::files::{self, FileError};

const MAGIC: &[u8] = b"\0asm";
// Bytes 4 to 8: version and layer (component model, binary format).
const CORE_LAYER: &[u8] = &[1, 0, 0, 0];

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
    /// A text that says what the bytes are instead, and what to do.
    pub fn into_component(self) -> Result<Bytes, String> {
        let bytes = self.bytes;
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            let hint = if bytes.starts_with(b"(module") || bytes.starts_with(b"(component") {
                " but WebAssembly text; translate it with `wasm-tools parse`"
            } else {
                ""
            };
            return Err(format!("is not a WebAssembly file{hint}"));
        };
        if rest.starts_with(CORE_LAYER) {
            wrap(&bytes).map(Bytes::from)
        } else {
            Ok(bytes)
        }
    }
}

fn wrap(core: &[u8]) -> Result<Vec<u8>, String> {
    // The decoder below takes for granted that the sections are whole.
    wasmparser::validate(core)
        .map_err(|error| format!("is a damaged WebAssembly module: {error}"))?;
    let (without_world, _) = wit_component::metadata::decode(core)
        .map_err(|error| format!("is a damaged WebAssembly module: {error:#}"))?;
    // Without a world the encoder would make an empty component of any module.
    if without_world.is_none() {
        return Err(
            "is a core WebAssembly module without a WIT world, so it is no filter; build it with \
             `mattebox-filter` or `wit-bindgen`, or make it a component"
                .to_owned(),
        );
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
    encode().map_err(|error| format!("can't be made into a component: {error:#}"))
}
