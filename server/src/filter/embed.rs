//! Puts a world of the newest contract into a core module, for languages without a generator of
//! bindings.

use wit_component::StringEncoding;
use wit_parser::Resolve;

use super::contract;
use super::module::{Module, ModuleError};
use crate::config::hint;

/// The newest contract, in WIT.
pub const CONTRACT: &str = include_str!("../../assets/wit/0.2.0/filter.wit");

/// The reason why a world can't be put into a module.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The contract has no world of this name; the known ones, and the one that was meant.
    #[error("the contract has no world `{0}`{1}")]
    World(String, String),
    /// It is a component.
    #[error("this module is a component; use it as it is")]
    Component,
    /// It has its world already.
    #[error("this module has a world in it; use it as it is")]
    HasWorld,
    /// The module has not what the world asks for, or is none.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The contract can't be read, which is a mistake in the server.
    #[error("the contract can't be put into the module: {0}")]
    Contract(String),
}

/// `core` with `world` in it, which every version of the server that knows the contract loads.
///
/// # Errors
/// See [`EmbedError`].
pub fn embed(world: &str, core: &[u8]) -> Result<Vec<u8>, EmbedError> {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("filter.wit", CONTRACT)
        .map_err(in_contract)?;
    let Some(&id) = resolve.packages[package].worlds.get(world) else {
        let worlds = resolve.packages[package].worlds.keys();
        let hint = hint(world, worlds.map(String::as_str));
        return Err(EmbedError::World(world.to_owned(), hint));
    };
    match Module::new(core.to_vec()).into_component() {
        Err(ModuleError::NoWorld) => {}
        Ok(component) if component == core => return Err(EmbedError::Component),
        Ok(_) => return Err(EmbedError::HasWorld),
        Err(error) => return Err(error.into()),
    }
    let mut module = core.to_vec();
    wit_component::embed_component_metadata(&mut module, &resolve, id, StringEncoding::UTF8, false)
        .map_err(in_contract)?;
    let component = Module::new(module.clone()).into_component()?;
    let exports = contract::exports(&component);
    contract::of(exports.iter().map(String::as_str))?;
    Ok(module)
}

fn in_contract(error: impl std::fmt::Display) -> EmbedError {
    EmbedError::Contract(format!("{error:#}"))
}
