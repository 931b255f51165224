//! Filters that work on the picture itself.

use image::RgbImage;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::FrameInfo;

/// A filter that gets the picture and gives another. Export it with
/// [`export_transform!`](crate::export_transform).
///
/// It makes the server decode and encode every frame; a filter that only draws should be an
/// [`Overlay`](crate::Overlay).
pub trait Transform: Sized {
    /// The settings: what the pipeline file has under `with`. Their JSON Schema is derived, and the
    /// server checks the settings against it before the filter sees them.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the settings. Called once, before the first frame.
    ///
    /// # Errors
    /// A text for whoever wrote the pipeline file. Name the setting in backticks (`` `width` ``),
    /// and the server points at it.
    fn new(config: Self::Config) -> Result<Self, String>;

    /// Gives the picture that goes on instead, of the same or another size (each side 1 to 16384).
    ///
    /// # Errors
    /// A text for the log; this one frame goes on as it was.
    fn apply(&mut self, frame: &FrameInfo, picture: RgbImage) -> Result<RgbImage, String>;
}

/// Makes this crate a transform filter: `export_transform!(MyTransform);`, once per crate.
///
/// The filter's name, version and summary are the package's `name`, `version` and `description` in
/// `Cargo.toml`. Does nothing when not compiled to WebAssembly, so that unit tests run natively.
#[macro_export]
macro_rules! export_transform {
    ($filter:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::transform::exports::mattebox::filter::transform;

            struct Component;

            $crate::implement_lifecycle!(Component, $filter, $crate::Transform);

            impl transform::Guest for Component {
                fn apply(
                    frame: transform::FrameInfo,
                    picture: transform::Image,
                ) -> ::core::result::Result<transform::Image, $crate::glue::String> {
                    FILTER.with(|filter| $crate::glue::apply(filter, frame, picture))
                }
            }

            $crate::bindings::transform::export_transform_interface!(
                Component with_types_in $crate::bindings::transform
            );
        };
    };
}
