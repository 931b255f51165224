//! Publishing: variables and events, by which a filter tells others. Inspecting filters may; others
//! where the pipeline file allows it (`publish: true`). What a call tells counts once it has ended
//! well.

use std::time::Duration;

use image::GrayImage;

#[cfg(target_family = "wasm")]
use crate::bindings::imports::mattebox::filter::publish;

/// The part of an event that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It begins. One of the same kind that lasts goes on.
    Start,
    /// It is over. Without a start nothing happens.
    End,
    /// It has no duration.
    Moment,
}

/// Gives the variable `name` a text (up to 500 characters), for `ttl` (up to 49 days) or for good.
/// Filters see it from the next frame on.
///
/// # Errors
/// A text that says why not: the server itself measures what is called so, or there are too many.
pub fn set_variable(name: &str, text: &str, ttl: Option<Duration>) -> Result<(), String> {
    #[cfg(target_family = "wasm")]
    {
        let ms = |ttl: Duration| u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX);
        publish::set_variable(name, text, ttl.map(ms))
    }
    #[cfg(not(target_family = "wasm"))]
    {
        let _ = ttl;
        crate::testing::set_variable(name, text);
        Ok(())
    }
}

/// Shows a small picture, up to 1 000 000 pixels, to whoever tunes the filter on the page. Natively
/// it goes nowhere.
///
/// # Errors
/// A text that says why not.
pub fn show(picture: GrayImage) -> Result<(), String> {
    #[cfg(target_family = "wasm")]
    {
        let (width, height) = picture.dimensions();
        let luma = picture.into_raw();
        publish::show(&publish::LumaImage {
            width,
            height,
            luma,
        })
    }
    #[cfg(not(target_family = "wasm"))]
    {
        drop(picture);
        Ok(())
    }
}

/// Tells of an event of this stream: `kind` is a word of `a-z 0-9 -`, such as `motion`, and `text`
/// a line for people, or nothing. It has the picture and the regions of this call.
///
/// # Errors
/// A text that says why not.
pub fn event(kind: &str, phase: Phase, text: &str) -> Result<(), String> {
    #[cfg(target_family = "wasm")]
    {
        let phase = match phase {
            Phase::Start => publish::Phase::Start,
            Phase::End => publish::Phase::End,
            Phase::Moment => publish::Phase::Moment,
        };
        publish::event(kind, phase, text)
    }
    #[cfg(not(target_family = "wasm"))]
    {
        crate::testing::add_event(kind, phase, text);
        Ok(())
    }
}
