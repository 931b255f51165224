//! The built-in filter `watermark`: a logo over the picture.

use std::io::Cursor;

use image::imageops::{self, FilterType};
use image::{ImageFormat, ImageReader, Limits, Rgba, Rgba32FImage, RgbaImage};
use mattebox_filter::{Drawing, FrameInfo, Layer, Overlay, Position, read_asset};
use schemars::JsonSchema;
use serde::Deserialize;

/// The longest side that is read or made, in pixels.
const SIDE: u32 = 8192;
/// The most that is made, in pixels.
const PIXELS: f64 = 16e6;

/// The settings of `watermark`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// A PNG file below the pipeline file's folder.
    image: String,
    /// Where on the picture.
    #[serde(default = "bottom_right")]
    position: Position,
    /// Pixels to the picture's edge.
    #[serde(default = "sixteen")]
    #[schemars(range(max = 4096))]
    margin: u32,
    /// From 0, invisible, to 1, as the image is.
    #[serde(default = "one")]
    #[schemars(range(min = 0.0, max = 1.0))]
    opacity: f32,
    /// The factor by which the image is enlarged.
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
        let bytes = read_asset(&config.image).map_err(|error| format!("`image`: {error}"))?;
        let image = decode(&bytes)
            .map_err(|error| format!("`image`: {} is not a PNG that can be read: {error}", config.image))?;
        let mut image = scale(image, config.scale)?;
        fade(&mut image, config.opacity);
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
        let place = self.position.place(self.image.dimensions(), size, self.margin);
        Ok(Drawing::Layers(
            visible(&self.image, place, size).into_iter().collect(),
        ))
    }
}

fn decode(png: &[u8]) -> Result<RgbaImage, image::ImageError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    reader.limits(limits);
    Ok(reader.decode()?.into_rgba8())
}

fn scale(image: RgbaImage, factor: f32) -> Result<RgbaImage, String> {
    if factor == 1.0 {
        return Ok(image);
    }
    let scaled = |side: u32| (f64::from(side) * f64::from(factor)).round().max(1.0);
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    if width.max(height) > f64::from(SIDE) || width * height > PIXELS {
        return Err(format!(
            "`scale`: the image would be {width}×{height} pixels, more than {SIDE} a side or {PIXELS} in all"
        ));
    }
    let premultiplied = premultiply(&image);
    let (width, height) = (width as u32, height as u32);
    let resized = imageops::resize(&premultiplied, width, height, FilterType::CatmullRom);
    Ok(unpremultiply(&resized))
}

/// Colours weighted by their alpha: the colour of transparent pixels must not bleed into an edge.
fn premultiply(image: &RgbaImage) -> Rgba32FImage {
    Rgba32FImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, a] = image.get_pixel(x, y).0.map(|value| f32::from(value) / 255.0);
        Rgba([r * a, g * a, b * a, a])
    })
}

fn unpremultiply(image: &Rgba32FImage) -> RgbaImage {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    RgbaImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, a] = image.get_pixel(x, y).0;
        if a <= 0.0 {
            return Rgba([0; 4]);
        }
        Rgba([byte(r / a), byte(g / a), byte(b / a), byte(a)])
    })
}

fn fade(image: &mut RgbaImage, opacity: f32) {
    for pixel in image.pixels_mut() {
        pixel[3] = (f32::from(pixel[3]) * opacity).round() as u8;
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
