//! Filters that draw over the picture.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{FrameInfo, Layer};

/// A filter that draws over the picture, without seeing it unless the pipeline file allows it (then
/// by [`view`](crate::view)). Export it with [`export_overlay!`](crate::export_overlay).
pub trait Overlay: Sized {
    /// The settings: what the pipeline file has under `with`. Their JSON Schema is derived, and the
    /// server checks the settings against it before the filter sees them.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the settings. Called once, before the first frame: the place to read assets and to
    /// prepare whatever frames share.
    ///
    /// # Errors
    /// A text for whoever wrote the pipeline file. Name the setting in backticks (`` `image` ``),
    /// and the server points at it.
    fn new(config: Self::Config) -> Result<Self, String>;

    /// Says what is to be seen over this frame. Answer [`Drawing::Unchanged`] whenever nothing
    /// changed: that costs next to nothing.
    ///
    /// # Errors
    /// A text for the log; this one frame goes without the drawing.
    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String>;
}

/// An overlay's answer: the drawing that it wants to see on the picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawing {
    /// The same as after the call before.
    Unchanged,
    /// These layers, the first at the bottom, up to 256. None at all draws nothing.
    Layers(Vec<Layer>),
    /// The same, until a time in milliseconds since 1970-01-01 00:00 UTC: frames that were captured
    /// before are drawn on without a call, for as long as the picture's size, the variables and the
    /// regions are those of this call.
    LayersUntil(Vec<Layer>, u64),
}

impl<L: Into<Layer>> From<L> for Drawing {
    fn from(layer: L) -> Self {
        Self::Layers(vec![layer.into()])
    }
}

/// Makes this crate an overlay filter: `export_overlay!(MyOverlay);`, once per crate.
///
/// The filter's name, version and summary are the package's `name`, `version` and `description` in
/// `Cargo.toml`. Does nothing when not compiled to WebAssembly, so that unit tests run natively.
#[macro_export]
macro_rules! export_overlay {
    ($filter:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::overlay::exports::mattebox::filter::overlay;

            struct Component;

            $crate::implement_lifecycle!(Component, $filter, $crate::Overlay);

            impl overlay::Guest for Component {
                fn draw(
                    frame: overlay::FrameInfo,
                ) -> ::core::result::Result<overlay::Drawing, $crate::glue::String> {
                    FILTER.with(|filter| $crate::glue::draw(filter, frame))
                }
            }

            $crate::bindings::overlay::export_overlay_interface!(
                Component with_types_in $crate::bindings::overlay
            );
        };
    };
}
