//! The picture as a mirror shows it: a transform for Mattebox in Rust.

use mattebox_filter::image::RgbImage;
use mattebox_filter::image::imageops::{flip_horizontal_in_place, flip_vertical_in_place};
use mattebox_filter::{FrameInfo, Transform};
// They write to the server's log; those of `std` would write nowhere.
#[allow(unused_imports, reason = "to look for faults with")]
use mattebox_filter::{dbg, eprintln, println};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which sides change places.
    #[serde(default)]
    direction: Direction,
}

#[derive(Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    LeftRight,
    #[default]
    TopBottom,
}

pub struct Mirror(Direction);

impl Transform for Mirror {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self(config.direction))
    }

    fn apply(&mut self, _: &FrameInfo, mut picture: RgbImage) -> Result<RgbImage, String> {
        match self.0 {
            Direction::LeftRight => flip_horizontal_in_place(&mut picture),
            Direction::TopBottom => flip_vertical_in_place(&mut picture),
        }
        Ok(picture)
    }
}

mattebox_filter::export_transform!(Mirror);
