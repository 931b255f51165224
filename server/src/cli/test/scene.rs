//! The pictures that a filter is tested with, and what it is told beside them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jpeg_splice::codec::{PixelFormat, Subsampling, encode};
use jpeg_splice::{Jpeg, Splicer};

use crate::chain::Drawing;
use crate::codec::decode;
use crate::files;
use crate::filter::context::FrameContext;
use crate::filter::contract::{FrameInfo, ImageRef};
use crate::frame::{Frame, PartHead};
use crate::mask::MaskStamp;
use crate::region::{Area, FoundRegion, Region};
use crate::source::FRAME_BYTES;
use crate::variables::Snapshot;

/// 2026-01-02 03:04:05 UTC, in milliseconds since 1970: the same in every test, so that pictures
/// with a time on them are, too.
const START_MS: u64 = 1_767_323_045_000;
/// The quality of made pictures.
const QUALITY: u8 = 90;

/// A picture.
pub struct Scene {
    /// Its file's name, or its size.
    pub name: String,
    /// Its width and height in pixels.
    pub size: (u32, u32),
    rgb: Vec<u8>,
    jpeg: Jpeg,
}

impl Scene {
    /// A made picture of `size`: colours that run across it, squares, and a bright spot.
    ///
    /// # Errors
    /// It can't be encoded.
    pub fn made(size: (u32, u32)) -> Result<Self, String> {
        let (width, height) = size;
        let pixel = |at: u32| color((at % width, at / width), size);
        let rgb: Vec<u8> = (0..width * height).flat_map(pixel).collect();
        let jpeg = encode(&rgb, PixelFormat::Rgb, size, Subsampling::S420, QUALITY);
        Self::new(
            format!("{width}x{height}"),
            jpeg.map_err(|error| error.to_string())?,
        )
    }

    /// The picture in the JPEG file at `path`.
    ///
    /// # Errors
    /// It can't be read or decoded.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = files::read(path, FRAME_BYTES as u64);
        let failure = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let bytes = bytes.map_err(|error| failure(&error))?;
        let jpeg = Jpeg::new(bytes.into()).map_err(|error| failure(&error))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::new(name.into_owned(), jpeg).map_err(|error| failure(&error))
    }

    fn new(name: String, jpeg: Jpeg) -> Result<Self, String> {
        let mut rgb = Vec::new();
        decode(&jpeg, &mut Splicer::new(), &mut rgb).map_err(|error| error.to_string())?;
        let header = jpeg.header();
        if !header.orientation.is_upright() {
            let stored = (header.width, header.height);
            rgb = header.orientation.show::<3>(&rgb, stored);
        }
        Ok(Self {
            name,
            size: jpeg.size(),
            rgb,
            jpeg,
        })
    }

    /// Its pixels.
    pub fn image(&self) -> ImageRef<'_> {
        let (width, height) = self.size;
        ImageRef {
            width,
            height,
            rgb: &self.rgb,
        }
    }

    /// Its pixels with `drawing` over them.
    pub fn painted(&self, drawing: &Drawing) -> Vec<u8> {
        let mut rgb = self.rgb.clone();
        drawing.blend_over(&mut rgb, self.size.0, self.size.1);
        rgb
    }

    /// The context of a call at `moment`. `now` is the time by the monotonic clock.
    pub fn facts(&self, moment: &Moment, now: Instant) -> (FrameInfo, FrameContext) {
        let (width, height) = self.size;
        let captured_at_ms = START_MS + moment.ms;
        let info = FrameInfo {
            sequence: moment.sequence,
            captured_at_ms,
            utc_offset_minutes: 60,
            width,
            height,
        };
        let regions = match moment.has_regions {
            true => regions(self.size, captured_at_ms),
            false => Vec::new(),
        };
        let frame = Frame {
            jpeg: self.jpeg.clone(),
            sequence: moment.sequence,
            captured_at: captured(captured_at_ms),
            received_at: now,
            taken_after: None,
            is_picture: true,
            masks: MaskStamp::default(),
            part_head: PartHead::default(),
        };
        let context = FrameContext {
            variables: moment.variables.clone(),
            regions: regions.into(),
            frame,
            size: self.size,
        };
        (info, context)
    }
}

fn captured(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

/// The context of a call beside the picture.
#[derive(Clone, Default)]
pub struct Moment {
    /// The frame's number.
    pub sequence: u64,
    /// The time, in milliseconds since the start of the test.
    pub ms: u64,
    /// The variables.
    pub variables: Snapshot,
    /// Whether inspecting filters have found something.
    pub has_regions: bool,
}

fn color((x, y): (u32, u32), (width, height): (u32, u32)) -> [u8; 3] {
    let part = |at: u32, side: u32| (u64::from(at) * 200 / u64::from(side)) as u8;
    let is_near = |at: u32, side: u32| at.abs_diff(side / 3) <= side / 16;
    if is_near(x, width) && is_near(y, height) {
        return [250, 250, 240];
    }
    let square = if (x / 16 + y / 16).is_multiple_of(2) {
        60
    } else {
        120
    };
    [part(x, width), part(y, height), square]
}

/// Regions: a usual one, all of the picture, and one pixel in its corner.
fn regions((width, height): (u32, u32), captured_at_ms: u64) -> Vec<FoundRegion> {
    let middle = Area {
        x: width / 4,
        y: height / 4,
        width: (width / 2).max(1),
        height: (height / 2).max(1),
    };
    let all = Area {
        x: 0,
        y: 0,
        width,
        height,
    };
    let corner = Area {
        x: width - 1,
        y: height - 1,
        width: 1,
        height: 1,
    };
    let found_by: Arc<str> = "motion".into();
    let areas = [
        (middle, "person", Some(7)),
        (all, "größer", None),
        (corner, "dot", Some(8)),
    ];
    let found = areas.into_iter().map(|(area, label, track)| FoundRegion {
        region: Region {
            area,
            label: label.to_owned(),
            score: 0.75,
            track,
        },
        found_by: found_by.clone(),
        captured_at_ms,
        size: (width, height),
    });
    found.collect()
}
