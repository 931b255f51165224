//! The built-in filter `watermark`: a logo over the picture.

mod logo;

use mattebox_filter::image::{RgbaImage, imageops};
use mattebox_filter::{Drawing, FrameInfo, Layer, Overlay, Position, read_asset};
use schemars::JsonSchema;
use serde::Deserialize;

/// The settings of `watermark`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// A PNG file below the pipeline file's folder, of at most 8 megapixels.
    image: String,
    /// Where on the picture.
    #[serde(default = "bottom_right")]
    position: Position,
    /// Pixels to the picture's edge.
    #[serde(default = "sixteen")]
    #[schemars(range(max = 4096))]
    margin: u32,
    /// From 0, invisible, to 1, as opaque as the image is.
    #[serde(default = "one")]
    #[schemars(range(min = 0.0, max = 1.0))]
    opacity: f32,
    /// The factor by which the image is enlarged, or below 1 made smaller.
    #[serde(default = "one")]
    #[schemars(range(min = 0.01, max = 100.0))]
    scale: f32,
}

fn bottom_right() -> Position {
    Position::BottomRight
}

fn sixteen() -> u32 {
    16
}

fn one() -> f32 {
    1.0
}

/// The filter.
pub struct Watermark {
    image: RgbaImage,
    position: Position,
    margin: u32,
    drawn_for: Option<(u32, u32)>,
}

impl Overlay for Watermark {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let png = read_asset(&config.image).map_err(|error| format!("`image`: {error}"))?;
        let image =
            logo::decode(&png).map_err(|error| format!("`image`: {} {error}", config.image))?;
        let mut image = logo::scale(image, config.scale)?;
        logo::fade(&mut image, config.opacity);
        Ok(Self {
            image,
            position: config.position,
            margin: config.margin,
            drawn_for: None,
        })
    }

    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
        let size = (frame.width, frame.height);
        if self.drawn_for.replace(size) == Some(size) {
            return Ok(Drawing::Unchanged);
        }
        let place = self
            .position
            .place(self.image.dimensions(), size, self.margin);
        Ok(Drawing::Layers(
            visible(&self.image, place, size).into_iter().collect(),
        ))
    }
}

/// The part of `image`, placed at `place`, that a picture of `size` has room for.
fn visible(image: &RgbaImage, place: (i32, i32), size: (u32, u32)) -> Option<Layer> {
    let (x, width) = overlap(place.0, image.width(), size.0)?;
    let (y, height) = overlap(place.1, image.height(), size.1)?;
    let left = (x - i64::from(place.0)) as u32;
    let top = (y - i64::from(place.1)) as u32;
    let part = imageops::crop_imm(image, left, top, width, height).to_image();
    Some(Layer::new(x as i32, y as i32, part))
}

/// Where `length` pixels from `start` on overlap 0 to `end`: the first pixel, and how many.
fn overlap(start: i32, length: u32, end: u32) -> Option<(i64, u32)> {
    let first = i64::from(start).max(0);
    let last = (i64::from(start) + i64::from(length)).min(i64::from(end));
    let length = u32::try_from(last - first).ok()?;
    (length > 0).then_some((first, length))
}

mattebox_filter::export_overlay!(Watermark);

#[cfg(test)]
mod tests;
