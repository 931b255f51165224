//! The contract as Rust, generated from `wit/0.2.0/filter.wit`.
//!
//! Each interface is generated once, as a world of its own, so that a filter carries those that it
//! exports and no others; the worlds that a module carries add up to one of the contract's.

// Calling conventions across the module's border can't be written without.
#![allow(unsafe_code, missing_docs, clippy::all)]

pub mod imports {
    wit_bindgen::generate!({
        path: "wit/0.2.0",
        inline: "
            package mattebox:sdk;
            world imports {
                import mattebox:filter/types@0.2.0;
                import mattebox:filter/host@0.2.0;
                import mattebox:filter/context@0.2.0;
                import mattebox:filter/view@0.2.0;
                import mattebox:filter/publish@0.2.0;
            }
        ",
        generate_all,
    });
}

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "wit/0.2.0",
        inline: "
            package mattebox:sdk;
            world lifecycle {
                export mattebox:filter/lifecycle@0.2.0;
            }
        ",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_lifecycle_interface",
        default_bindings_module: "mattebox_filter::bindings::lifecycle",
        runtime_path: "::mattebox_filter::wit_bindgen::rt",
    });
}

pub mod overlay {
    wit_bindgen::generate!({
        path: "wit/0.2.0",
        inline: "
            package mattebox:sdk;
            world overlay {
                export mattebox:filter/overlay@0.2.0;
            }
        ",
        with: {
            "mattebox:filter/types@0.2.0": crate::bindings::imports::mattebox::filter::types,
        },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_overlay_interface",
        default_bindings_module: "mattebox_filter::bindings::overlay",
        runtime_path: "::mattebox_filter::wit_bindgen::rt",
    });
}

pub mod transform {
    wit_bindgen::generate!({
        path: "wit/0.2.0",
        inline: "
            package mattebox:sdk;
            world transform {
                export mattebox:filter/transform@0.2.0;
            }
        ",
        with: {
            "mattebox:filter/types@0.2.0": crate::bindings::imports::mattebox::filter::types,
        },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_transform_interface",
        default_bindings_module: "mattebox_filter::bindings::transform",
        runtime_path: "::mattebox_filter::wit_bindgen::rt",
    });
}

pub mod inspect {
    wit_bindgen::generate!({
        path: "wit/0.2.0",
        inline: "
            package mattebox:sdk;
            world inspect {
                export mattebox:filter/inspect@0.2.0;
            }
        ",
        with: {
            "mattebox:filter/types@0.2.0": crate::bindings::imports::mattebox::filter::types,
        },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_inspect_interface",
        default_bindings_module: "mattebox_filter::bindings::inspect",
        runtime_path: "::mattebox_filter::wit_bindgen::rt",
    });
}
