//! The glue between the contract and the traits. For the macros only.

use std::cell::RefCell;

use image::RgbImage;
use schemars::transform::{self, RecursiveTransform};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::imports::mattebox::filter::{host, types};
use crate::bindings::inspect::exports::mattebox::filter::inspect;
use crate::bindings::overlay::exports::mattebox::filter::overlay;
use crate::{Drawing, Inspect, Layer, Overlay, Transform};

pub use std::string::String;

pub use crate::print::{Stream, print};

/// The place of a module's one filter; empty until it has its settings.
pub type Slot<T> = RefCell<Option<T>>;

/// The settings' JSON Schema.
pub fn schema<C: JsonSchema>() -> String {
    let mut schema = schemars::schema_for!(C);
    transform::Transform::transform(&mut RecursiveTransform(join_lines), &mut schema);
    schema.as_value().to_string()
}

/// Makes a line of each paragraph of a description: doc comments are broken for the editor.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs = text.split("\n\n").map(|it| it.replace('\n', " "));
        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
}

/// Reads the settings and makes the filter.
///
/// # Errors
/// The settings don't fit, or the filter refuses them.
pub fn configure<T, C: DeserializeOwned>(
    slot: &Slot<T>,
    json: &str,
    new: impl FnOnce(C) -> Result<T, String>,
) -> Result<(), String> {
    // A panic's message would go to a standard error that nobody has.
    std::panic::set_hook(Box::new(|panic| {
        host::log(host::Level::Error, &panic.to_string());
    }));
    let config = serde_json::from_str(json).map_err(|error| words(&error))?;
    *slot.borrow_mut() = Some(new(config)?);
    Ok(())
}

/// The error's words, without the place in a JSON text that nobody has written.
fn words(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    error.to_string().replace(&place, "")
}

const NOT_CONFIGURED: &str = "called before `configure`";

/// Passes a frame to an overlay.
///
/// # Errors
/// The overlay's own.
pub fn draw<T: Overlay>(
    slot: &Slot<T>,
    frame: types::FrameInfo,
) -> Result<overlay::Drawing, String> {
    let mut slot = slot.borrow_mut();
    let filter = slot.as_mut().ok_or(NOT_CONFIGURED)?;
    let all = |layers: Vec<Layer>| layers.into_iter().map(overlay::Layer::from).collect();
    Ok(match filter.draw(&frame.into())? {
        Drawing::Unchanged => overlay::Drawing::Unchanged,
        Drawing::Layers(layers) => overlay::Drawing::Layers(all(layers)),
        Drawing::LayersUntil(layers, until_ms) => {
            let layers = all(layers);
            overlay::Drawing::LayersUntil(overlay::TimedLayers { layers, until_ms })
        }
    })
}

/// Passes a frame to an inspecting filter.
///
/// # Errors
/// The filter's own.
pub fn look<T: Inspect>(
    slot: &Slot<T>,
    frame: types::FrameInfo,
) -> Result<inspect::Findings, String> {
    let mut slot = slot.borrow_mut();
    let filter = slot.as_mut().ok_or(NOT_CONFIGURED)?;
    let regions = filter.look(&frame.into())?.into_iter();
    Ok(inspect::Findings {
        regions: regions.map(types::Region::from).collect(),
    })
}

/// Passes a picture to a transform. The pixels are moved, not copied.
///
/// # Errors
/// The transform's own.
pub fn apply<T: Transform>(
    slot: &Slot<T>,
    frame: types::FrameInfo,
    picture: types::Image,
) -> Result<types::Image, String> {
    let mut slot = slot.borrow_mut();
    let filter = slot.as_mut().ok_or(NOT_CONFIGURED)?;
    let picture = RgbImage::from_raw(picture.width, picture.height, picture.rgb)
        .ok_or("the picture's bytes don't fit its size")?;
    let picture = filter.apply(&frame.into(), picture)?;
    Ok(types::Image {
        width: picture.width(),
        height: picture.height(),
        rgb: picture.into_raw(),
    })
}

/// The part of the contract that all kinds share. For the other macros only.
#[doc(hidden)]
#[macro_export]
macro_rules! implement_lifecycle {
    ($component:ident, $filter:ty, $kind:path) => {
        ::std::thread_local! {
            static FILTER: $crate::glue::Slot<$filter> =
                const { ::std::cell::RefCell::new(::std::option::Option::None) };
        }

        const _: () = {
            use $crate::bindings::lifecycle::exports::mattebox::filter::lifecycle;

            impl lifecycle::Guest for $component {
                fn describe() -> lifecycle::Description {
                    lifecycle::Description {
                        name: ::core::env!("CARGO_PKG_NAME").into(),
                        version: ::core::env!("CARGO_PKG_VERSION").into(),
                        summary: ::core::env!("CARGO_PKG_DESCRIPTION").into(),
                        config_schema: $crate::glue::schema::<<$filter as $kind>::Config>(),
                    }
                }

                fn configure(
                    json: $crate::glue::String,
                ) -> ::core::result::Result<(), $crate::glue::String> {
                    FILTER
                        .with(|slot| $crate::glue::configure(slot, &json, <$filter as $kind>::new))
                }
            }

            $crate::bindings::lifecycle::export_lifecycle_interface!(
                $component with_types_in $crate::bindings::lifecycle
            );
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_a_line_for_each_paragraph() {
        let text = "Over\ntwo lines.\n\nAnd two paragraphs.";
        let mut schema = schemars::json_schema!({ "description": text });
        join_lines(&mut schema);
        let text = Value::from("Over two lines.\n\nAnd two paragraphs.");
        assert_eq!(schema.get("description"), Some(&text));
    }
}
