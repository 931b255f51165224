//! The overlay that `contract-0.1.0-overlay.wasm` was built from: a square, whose side stands in an
//! asset.

use mattebox_filter::image::RgbaImage;
use mattebox_filter::{Color, Drawing, FrameInfo, Layer, Level, Overlay, log, read_asset};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The square's colour.
    color: Color,
    /// The file with its side in pixels.
    side: String,
}

struct Square {
    image: RgbaImage,
    drawn_for: Option<(u32, u32)>,
}

impl Overlay for Square {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let text = String::from_utf8(read_asset(&config.side)?).map_err(|e| e.to_string())?;
        let side = text.trim().parse().map_err(|_| format!("{text:?} is no side"))?;
        log(Level::Info, &format!("draws a square of {side}"));
        Ok(Self {
            image: RgbaImage::from_pixel(side, side, config.color.pixel()),
            drawn_for: None,
        })
    }

    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
        let size = (frame.width, frame.height);
        if self.drawn_for.replace(size) == Some(size) {
            return Ok(Drawing::Unchanged);
        }
        Ok(Drawing::Layers(vec![Layer::new(0, 0, self.image.clone())]))
    }
}

mattebox_filter::export_overlay!(Square);
