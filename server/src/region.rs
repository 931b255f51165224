//! Regions: labelled rectangles that analyses find in a stream's frames.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A labelled rectangle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Region {
    /// Its place.
    pub area: Area,
    /// The kind of thing that was found, such as `person`.
    pub label: String,
    /// The certainty of it, 0 to 1.
    pub score: f32,
    /// A number that the same thing keeps while it moves, where the analysis follows things.
    pub track: Option<u64>,
}

/// A rectangle in pixels of the picture as it is seen, from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Area {
    /// The left edge.
    pub x: u32,
    /// The top edge.
    pub y: u32,
    /// The width, at least 1.
    pub width: u32,
    /// The height, at least 1.
    pub height: u32,
}
