//! A crosshair in the middle of the picture: an overlay for Mattebox in Rust.

use mattebox_filter::{Color, Drawing, FillLayer, FrameInfo, Overlay};
// They write to the server's log; those of `std` would write nowhere.
#[allow(unused_imports, reason = "to look for faults with")]
use mattebox_filter::{dbg, eprintln, println};

const THICKNESS: u32 = 3;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its colour.
    #[serde(default = "red")]
    #[schemars(extend("default" = "#ff4040"))]
    color: Color,
    /// Its width and height in pixels.
    #[serde(default = "size")]
    #[schemars(range(min = 8, max = 4096))]
    size: u32,
}

fn red() -> Color {
    Color::new([255, 64, 64, 255])
}

fn size() -> u32 {
    120
}

pub struct Crosshair {
    config: Config,
    /// The size of the picture that was drawn for.
    drawn: Option<(u32, u32)>,
}

impl Overlay for Crosshair {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self {
            config,
            drawn: None,
        })
    }

    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
        let picture = (frame.width, frame.height);
        if self.drawn == Some(picture) {
            return Ok(Drawing::Unchanged);
        }
        let size = self.config.size;
        let start = |side: u32, length: u32| side as i32 / 2 - length as i32 / 2;
        let bar = |width, height| FillLayer {
            x: start(frame.width, width),
            y: start(frame.height, height),
            width,
            height,
            color: self.config.color,
        };
        let bars = [bar(size, THICKNESS), bar(THICKNESS, size)];
        self.drawn = Some(picture);
        Ok(Drawing::Layers(bars.map(Into::into).to_vec()))
    }
}

mattebox_filter::export_overlay!(Crosshair);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_draws_two_bars_and_then_nothing_new() {
        let config = Config {
            color: red(),
            size: 9,
        };
        let mut crosshair = Crosshair::new(config).unwrap();
        let frame = FrameInfo {
            width: 64,
            height: 48,
            ..FrameInfo::default()
        };
        let drawing = crosshair.draw(&frame).unwrap();
        assert!(matches!(drawing, Drawing::Layers(layers) if layers.len() == 2));
        assert_eq!(crosshair.draw(&frame), Ok(Drawing::Unchanged));
    }
}
