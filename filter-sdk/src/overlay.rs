//! Filters that draw over the picture.

use image::RgbaImage;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::FrameInfo;

/// A filter that draws over the picture without seeing it. Export it with
/// [`export_overlay!`](crate::export_overlay).
pub trait Overlay: Sized {
    /// The settings: what the pipeline file has under `with`. Their JSON Schema is derived, and the
    /// server checks the settings against it before the filter sees them.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the settings. Called once, before the first frame: the place to read assets and to prepare
    /// whatever frames share.
    ///
    /// # Errors
    /// A text for whoever wrote the pipeline file. Name the setting in backticks (`` `image` ``), and the
    /// server points at it.
    fn new(config: Self::Config) -> Result<Self, String>;

    /// Says what is to be seen over this frame. Answer [`Drawing::Unchanged`] whenever nothing changed:
    /// that costs next to nothing.
    ///
    /// # Errors
    /// A text for the log; this one frame goes without the drawing.
    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String>;
}

/// What an overlay wants to see on the picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawing {
    /// The same as after the call before.
    Unchanged,
    /// These layers, the first at the bottom. None at all draws nothing.
    Layers(Vec<Layer>),
}

impl From<Layer> for Drawing {
    fn from(layer: Layer) -> Self {
        Self::Layers(vec![layer])
    }
}

/// A picture to be laid over the camera's.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The left edge in pixels from the picture's left edge. What lies outside is cut off.
    pub x: i32,
    /// The top edge in pixels from the picture's top edge.
    pub y: i32,
    /// The pixels, with straight alpha. Each side 1 to 16384.
    pub image: RgbaImage,
}

impl Layer {
    /// `image` with its top left corner at `x`, `y`.
    pub fn new(x: i32, y: i32, image: RgbaImage) -> Self {
        Self { x, y, image }
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
            use $crate::bindings::overlay::exports::mattebox::filter as exports;

            struct Component;

            $crate::implement_lifecycle!(Component, $filter, $crate::Overlay);

            impl exports::overlay::Guest for Component {
                fn draw(
                    frame: exports::overlay::FrameInfo,
                ) -> ::core::result::Result<exports::overlay::Drawing, $crate::glue::String>
                {
                    FILTER.with(|filter| $crate::glue::draw(filter, frame))
                }
            }

            $crate::bindings::overlay::export_overlay_interface!(
                Component with_types_in $crate::bindings::overlay
            );
        };
    };
}
