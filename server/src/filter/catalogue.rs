//! The filters that the server brings along.

/// A filter embedded in the binary.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// What `use` calls it.
    pub name: &'static str,
    /// The module, as `filters/build.sh` made it.
    pub wasm: &'static [u8],
}

/// All of them, by name.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: "resize",
        wasm: include_bytes!("../../../filters/prebuilt/resize.wasm"),
    },
    BuiltIn {
        name: "text",
        wasm: include_bytes!("../../../filters/prebuilt/text.wasm"),
    },
    BuiltIn {
        name: "timestamp",
        wasm: include_bytes!("../../../filters/prebuilt/timestamp.wasm"),
    },
    BuiltIn {
        name: "watermark",
        wasm: include_bytes!("../../../filters/prebuilt/watermark.wasm"),
    },
];

/// The filter called `name`.
pub fn find(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|filter| filter.name == name)
}
