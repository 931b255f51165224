//! Regions: what inspecting filters find in pictures.

use crate::bindings::imports::mattebox::filter::{context, types};

/// A rectangle in pixels of the picture as people see it, from its upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Area {
    /// The left edge.
    pub x: u32,
    /// The top edge.
    pub y: u32,
    /// The width.
    pub width: u32,
    /// The height.
    pub height: u32,
}

/// Something that was found in a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Region {
    /// Its place.
    pub area: Area,
    /// The kind of thing, such as `person`: 1 to 100 characters.
    pub label: String,
    /// The certainty of it, 0 to 1.
    pub score: f32,
    /// A number that the same thing keeps while it moves, where the filter follows things.
    pub track: Option<u64>,
}

/// A region, and the look that it comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundRegion {
    /// The region.
    pub region: Region,
    /// The filter that found it, by the name that the pipeline file has for it.
    pub found_by: String,
    /// The time when the picture that it was found in was taken, in milliseconds since 1970-01-01
    /// 00:00 UTC.
    pub captured_at_ms: u64,
}

impl From<types::Area> for Area {
    fn from(area: types::Area) -> Self {
        Self {
            x: area.x,
            y: area.y,
            width: area.width,
            height: area.height,
        }
    }
}

impl From<Area> for types::Area {
    fn from(area: Area) -> Self {
        Self {
            x: area.x,
            y: area.y,
            width: area.width,
            height: area.height,
        }
    }
}

impl From<Region> for types::Region {
    fn from(region: Region) -> Self {
        Self {
            area: region.area.into(),
            label: region.label,
            score: region.score,
            track: region.track,
        }
    }
}

impl From<context::FoundRegion> for FoundRegion {
    fn from(found: context::FoundRegion) -> Self {
        let region = found.region;
        Self {
            region: Region {
                area: region.area.into(),
                label: region.label,
                score: region.score,
                track: region.track,
            },
            found_by: found.found_by,
            captured_at_ms: found.captured_at_ms,
        }
    }
}
