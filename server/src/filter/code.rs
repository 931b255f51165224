//! Compiled code of a filter, in memory.

use std::path::{Path, PathBuf};

use wasmtime::Module;
use wasmtime::component::{Component, InstancePre};

use super::engine::Engine;
use super::module::ModuleError;
use super::split::import_name;
use super::wasi::HostState;

/// A component, and the core modules that were taken out of it to be compiled by themselves.
pub struct Code {
    /// The component, which imports `parts`.
    pub component: Component,
    /// The core modules.
    pub parts: Vec<Module>,
}

impl Code {
    /// The code in files of the compile cache: a component's, and those of its parts.
    ///
    /// # Errors
    /// One is missing, damaged, or of another build.
    pub fn load(engine: &Engine, component: &Path, parts: &[PathBuf]) -> wasmtime::Result<Self> {
        let parts = parts.iter().map(|part| engine.load_part(part));
        Ok(Self {
            component: engine.load(component)?,
            parts: parts.collect::<Result<_, _>>()?,
        })
    }

    /// The component with all that it imports: its parts, and what the server has for filters.
    ///
    /// # Errors
    /// It imports anything else.
    pub fn link(&self, engine: &Engine) -> Result<InstancePre<HostState>, ModuleError> {
        let link = || {
            if self.parts.is_empty() {
                return engine.linker().instantiate_pre(&self.component);
            }
            let mut linker = engine.linker().clone();
            for (index, part) in self.parts.iter().enumerate() {
                linker.root().module(&import_name(index), part)?;
            }
            linker.instantiate_pre(&self.component)
        };
        link().map_err(|error| ModuleError::Imports(format!("{error:#}")))
    }
}
