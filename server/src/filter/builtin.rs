//! The filters that the server brings along.

use std::sync::LazyLock;

use super::Module;

/// A filter embedded in the binary.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// Its name in a step's `use`.
    pub name: &'static str,
    /// The module, as `filters/build.sh` made it.
    pub wasm: &'static [u8],
}

/// The filters of these names.
macro_rules! built_in {
    ($($name:literal),*) => {
        &[$(BuiltIn {
            name: $name,
            wasm: include_bytes!(concat!("../../assets/filters/", $name, ".wasm")),
        }),*]
    };
}

/// All of them, by name.
pub const BUILT_IN: &[BuiltIn] = built_in!(
    "boxes",
    "motion",
    "resize",
    "text",
    "timestamp",
    "watermark"
);

/// The module of the filter called `name`.
pub fn module(name: &str) -> Option<Module> {
    /// Hashed once.
    static MODULES: LazyLock<Vec<Module>> = LazyLock::new(|| {
        BUILT_IN
            .iter()
            .map(|it| Module::built_in(it.wasm))
            .collect()
    });
    let place = BUILT_IN.iter().position(|filter| filter.name == name)?;
    MODULES.get(place).cloned()
}
