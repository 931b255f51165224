//! Filters that look at pictures and tell what they found.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{FrameInfo, Region};

/// A filter that looks at pictures by the functions of [`view`](crate::view). It runs beside the
/// frames' way, at a rate of its own (`every` in the pipeline file), on the newest frame, and
/// delays none. Export it with [`export_inspect!`](crate::export_inspect).
pub trait Inspect: Sized {
    /// The settings: what the pipeline file has under `with`. Their JSON Schema is derived, and the
    /// server checks the settings against it before the filter sees them.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the settings. Called once, before the first frame.
    ///
    /// # Errors
    /// A text for whoever wrote the pipeline file. Name the setting in backticks
    /// (`` `threshold` ``), and the server points at it.
    fn new(config: Self::Config) -> Result<Self, String>;

    /// Gives what is found in this frame, up to 256 regions; they take the place of those before.
    /// Overlays see them by [`regions`](crate::regions).
    ///
    /// # Errors
    /// A text for the log; the regions of the look before stay.
    fn look(&mut self, frame: &FrameInfo) -> Result<Vec<Region>, String>;
}

/// Makes this crate an inspecting filter: `export_inspect!(MyDetector);`, once per crate.
///
/// The filter's name, version and summary are the package's `name`, `version` and `description` in
/// `Cargo.toml`. Does nothing when not compiled to WebAssembly, so that unit tests run natively.
#[macro_export]
macro_rules! export_inspect {
    ($filter:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::inspect::exports::mattebox::filter::inspect;

            struct Component;

            $crate::implement_lifecycle!(Component, $filter, $crate::Inspect);

            impl inspect::Guest for Component {
                fn look(
                    frame: inspect::FrameInfo,
                ) -> ::core::result::Result<inspect::Findings, $crate::glue::String> {
                    FILTER.with(|filter| $crate::glue::look(filter, frame))
                }
            }

            $crate::bindings::inspect::export_inspect_interface!(
                Component with_types_in $crate::bindings::inspect
            );
        };
    };
}
