//! Regions: labelled rectangles that analyses find in a stream's frames.

use std::sync::Arc;

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

/// A region, and the look that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRegion {
    /// The region.
    pub region: Region,
    /// The filter that found it, by its name in the pipeline file.
    pub found_by: Arc<str>,
    /// The time at which the picture was taken: milliseconds since 1970-01-01 00:00 UTC.
    pub captured_at_ms: u64,
    /// The picture's width and height in pixels.
    pub size: (u32, u32),
}

/// The report of a region that was found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RegionReport {
    /// The region.
    #[serde(flatten)]
    pub region: Region,
    /// The filter that found it, by its name in the pipeline file.
    pub found_by: String,
    /// The time at which the picture was taken: milliseconds since 1970-01-01 00:00 UTC.
    pub captured_at_ms: u64,
    /// The picture's width in pixels.
    pub picture_width: u32,
    /// The picture's height in pixels.
    pub picture_height: u32,
}

impl From<&FoundRegion> for RegionReport {
    fn from(found: &FoundRegion) -> Self {
        Self {
            region: found.region.clone(),
            found_by: found.found_by.to_string(),
            captured_at_ms: found.captured_at_ms,
            picture_width: found.size.0,
            picture_height: found.size.1,
        }
    }
}

impl Area {
    /// The part that lies within a picture of `width` × `height`; none if that is nothing.
    pub fn within(self, (width, height): (u32, u32)) -> Option<Self> {
        let cut =
            |at: u32, length: u32, side: u32| length.min(side.checked_sub(at)?).checked_sub(1);
        Some(Self {
            width: cut(self.x, self.width, width)? + 1,
            height: cut(self.y, self.height, height)? + 1,
            ..self
        })
    }

    /// The same area of a picture that has the size `to` instead of `from`, outwards to whole
    /// pixels.
    pub fn scaled(self, from: (u32, u32), to: (u32, u32)) -> Self {
        let scale = |at: u32, length: u32, from: u32, to: u32| {
            let place = |at: u64| at * u64::from(to);
            let start = place(at.into()) / u64::from(from);
            let end = place(u64::from(at) + u64::from(length)).div_ceil(from.into());
            // Within 32 bits, since an area lies within its picture.
            (start as u32, (end - start).max(1) as u32)
        };
        let (x, width) = scale(self.x, self.width, from.0, to.0);
        let (y, height) = scale(self.y, self.height, from.1, to.1);
        Self {
            x,
            y,
            width,
            height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x: u32, y: u32, width: u32, height: u32) -> Area {
        Area {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn what_lies_outside_a_picture_is_cut_off() {
        let within = |it: Area| it.within((100, 50));
        assert_eq!(within(area(90, 40, 10, 10)), Some(area(90, 40, 10, 10)));
        assert_eq!(within(area(90, 0, u32::MAX, 99)), Some(area(90, 0, 10, 50)));
        for outside in [(100, 0, 1, 1), (0, 51, 1, 1), (0, 0, 0, 9), (5, 5, 1, 0)] {
            let (x, y, width, height) = outside;
            assert_eq!(within(area(x, y, width, height)), None, "{outside:?}");
        }
    }

    #[test]
    fn an_area_of_another_size_covers_as_much() {
        let scaled = area(10, 11, 20, 3).scaled((100, 50), (50, 25));
        assert_eq!(scaled, area(5, 5, 10, 2));
        let whole = area(0, 0, 1920, 1080).scaled((1920, 1080), (641, 7));
        assert_eq!(whole, area(0, 0, 641, 7));
        assert_eq!(area(3, 3, 1, 1).scaled((9, 9), (3, 3)), area(1, 1, 1, 1));
    }
}
