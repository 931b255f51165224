//! The contract as Rust, generated from `wit/filter.wit`.
//!
//! What both worlds import is generated once, so that a filter carries no world but its own.

// Calling conventions across the module's border can't be written without.
#![allow(unsafe_code, missing_docs, clippy::all)]

pub mod imports {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package mattebox:sdk;
            world imports {
                import mattebox:filter/types@0.1.0;
                import mattebox:filter/host@0.1.0;
            }
        ",
        generate_all,
    });
}

pub mod overlay {
    wit_bindgen::generate!({
        path: "wit",
        world: "mattebox:filter/overlay-filter",
        with: {
            "mattebox:filter/types@0.1.0": crate::bindings::imports::mattebox::filter::types,
            "mattebox:filter/host@0.1.0": crate::bindings::imports::mattebox::filter::host,
        },
        pub_export_macro: true,
        export_macro_name: "export_overlay_world",
        default_bindings_module: "mattebox_filter::bindings::overlay",
        runtime_path: "::mattebox_filter::wit_bindgen::rt",
    });
}

pub mod transform {
    wit_bindgen::generate!({
        path: "wit",
        world: "mattebox:filter/transform-filter",
        with: {
            "mattebox:filter/types@0.1.0": crate::bindings::imports::mattebox::filter::types,
            "mattebox:filter/host@0.1.0": crate::bindings::imports::mattebox::filter::host,
        },
        pub_export_macro: true,
        export_macro_name: "export_transform_world",
        default_bindings_module: "mattebox_filter::bindings::transform",
        runtime_path: "::mattebox_filter::wit_bindgen::rt",
    });
}
