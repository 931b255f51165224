//! Puts a world of the newest contract into a core module, for languages without a generator of
//! bindings.

use wasmparser::{BinaryReaderError, Parser, Payload};
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

/// `core` with `world` in it, which every version of the server that knows the contract loads. Its
/// debug information is left out.
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
    let mut module = without_debug_information(core).map_err(ModuleError::from)?;
    wit_component::embed_component_metadata(&mut module, &resolve, id, StringEncoding::UTF8, false)
        .map_err(in_contract)?;
    let component = Module::new(module.clone()).into_component()?;
    let exports = contract::exports(&component);
    contract::of(exports.iter().map(String::as_str))?;
    Ok(module)
}

/// `core` without what debuggers read, which the server doesn't and which is often ten times the
/// code. Functions keep their names: traps are told by them.
fn without_debug_information(core: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut kept = Vec::new();
    let mut start = 0;
    for payload in Parser::new(0).parse_all(core) {
        let payload = payload?;
        let range = match &payload {
            Payload::Version { range, .. } => Some(range.clone()),
            section => section.as_section().map(|(_, range)| range),
        };
        let Some(end) = range.and_then(|it| usize::try_from(it.end).ok()) else {
            continue;
        };
        let is_debug = match payload {
            Payload::CustomSection(section) => section.name().starts_with(".debug_"),
            _ => false,
        };
        if !is_debug {
            kept.extend_from_slice(&core[start..end]);
        }
        start = end;
    }
    Ok(kept)
}

fn in_contract(error: impl std::fmt::Display) -> EmbedError {
    EmbedError::Contract(format!("{error:#}"))
}
