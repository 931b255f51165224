//! The brightest spot of the picture, as a region: an inspecting filter for Mattebox in Rust.

use std::time::Duration;

use mattebox_filter::image::Luma;
use mattebox_filter::publish::{self, Phase};
use mattebox_filter::view::{self, Shrink};
use mattebox_filter::{Area, FrameInfo, Inspect, Region};
// They write to the server's log; those of `std` would write nowhere.
#[allow(unused_imports, reason = "to look for faults with")]
use mattebox_filter::{dbg, eprintln, println};

/// The side of a pixel of the small picture, in pixels of the whole one.
const SHRINK: u32 = 8;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How bright a spot must be.
    #[serde(default = "threshold")]
    #[schemars(range(min = 1, max = 255))]
    threshold: u8,
}

fn threshold() -> u8 {
    200
}

pub struct BrightSpot {
    threshold: u8,
    was_bright: bool,
}

impl Inspect for BrightSpot {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self {
            threshold: config.threshold,
            was_bright: false,
        })
    }

    fn look(&mut self, _: &FrameInfo) -> Result<Vec<Region>, String> {
        let picture = view::luma(Shrink::Eighth, None)?;
        // The first of those that are as bright.
        let brightest = picture
            .enumerate_pixels()
            .reduce(|best, next| if next.2.0 > best.2.0 { next } else { best });
        let (x, y, &Luma([brightness])) = brightest.ok_or("the picture has no pixels")?;
        self.tell(brightness)?;
        let region = Region {
            area: Area {
                x: x * SHRINK,
                y: y * SHRINK,
                width: SHRINK,
                height: SHRINK,
            },
            label: "bright".to_owned(),
            score: f32::from(brightness) / 255.0,
            track: None,
        };
        Ok(self.was_bright.then_some(region).into_iter().collect())
    }
}

impl BrightSpot {
    /// Sets the variable `brightness`, and tells of an event when it becomes bright and when it is
    /// over.
    fn tell(&mut self, brightness: u8) -> Result<(), String> {
        publish::set_variable(
            "brightness",
            &brightness.to_string(),
            Some(Duration::from_secs(30)),
        )?;
        let is_bright = brightness >= self.threshold;
        if is_bright != self.was_bright {
            self.was_bright = is_bright;
            let phase = if is_bright { Phase::Start } else { Phase::End };
            publish::event("bright-spot", phase, "")?;
        }
        Ok(())
    }
}

mattebox_filter::export_inspect!(BrightSpot);
