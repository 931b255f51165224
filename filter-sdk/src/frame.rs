//! The frame at hand: the facts that a filter is told, and those that it may ask for.

use crate::region::FoundRegion;

/// One frame, as a filter is told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameInfo {
    /// The frame's number, counted by its stream; the count goes on when the camera is opened
    /// again. Numbers may be left out.
    pub sequence: u64,
    /// The time when the picture was taken, in milliseconds since 1970-01-01 00:00 UTC.
    pub captured_at_ms: u64,
    /// The server's local time zone at that moment: minutes to add to UTC.
    pub utc_offset_minutes: i32,
    /// The picture's width in pixels at this point of the chain.
    pub width: u32,
    /// The picture's height in pixels at this point of the chain.
    pub height: u32,
}

impl From<crate::bindings::imports::mattebox::filter::types::FrameInfo> for FrameInfo {
    fn from(frame: crate::bindings::imports::mattebox::filter::types::FrameInfo) -> Self {
        Self {
            sequence: frame.sequence,
            captured_at_ms: frame.captured_at_ms,
            utc_offset_minutes: frame.utc_offset_minutes,
            width: frame.width,
            height: frame.height,
        }
    }
}

/// The name of the stream. Natively, see
/// [`testing::set_stream_name`](crate::testing::set_stream_name).
pub fn stream_name() -> String {
    #[cfg(target_family = "wasm")]
    return crate::bindings::imports::mattebox::filter::context::stream_name();
    #[cfg(not(target_family = "wasm"))]
    crate::testing::stream_name()
}

/// The text that the server was given under `name`, for instance a sensor's reading. Natively, see
/// [`testing::set_variable`](crate::testing::set_variable).
pub fn variable(name: &str) -> Option<String> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::imports::mattebox::filter::context::variable(name);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::variable(name)
}

/// The regions that the stream's inspecting filters found when they looked last, in pixels of the
/// picture at this point of the chain. Natively, see
/// [`testing::set_regions`](crate::testing::set_regions).
pub fn regions() -> Vec<FoundRegion> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::imports::mattebox::filter::context::regions()
        .into_iter()
        .map(FoundRegion::from)
        .collect();
    #[cfg(not(target_family = "wasm"))]
    crate::testing::regions()
}
