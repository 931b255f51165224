//! The transform that `contract-0.1.0-transform.wasm` was built from: the upper rows of the
//! picture.

use mattebox_filter::image::{RgbImage, imageops};
use mattebox_filter::{FrameInfo, Transform};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// How many rows stay.
    rows: u32,
}

struct Top(Config);

impl Transform for Top {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self(config))
    }

    fn apply(&mut self, frame: &FrameInfo, picture: RgbImage) -> Result<RgbImage, String> {
        if frame.variables.iter().any(|(name, _)| name == "refuse") {
            return Err("the variable `refuse` is set".to_owned());
        }
        let rows = self.0.rows.min(frame.height);
        Ok(imageops::crop_imm(&picture, 0, 0, frame.width, rows).to_image())
    }
}

mattebox_filter::export_transform!(Top);
