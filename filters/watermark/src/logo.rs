//! The logo, from a PNG file to the pixels that are laid over the picture.
//!
//! All of this happens once, when the filter gets its settings, and within the memory of one
//! filter: hence the limits.

use std::io::Cursor;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::png::PngDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits, RgbaImage};

/// The first bytes of every PNG (PNG specification, section 5.2).
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The longest side that is read or made, in pixels.
const SIDE: u32 = 8192;
/// The most that is read or made, in pixels: a little more than a 4K picture has.
const PIXELS: u64 = 8 << 20;
/// The most memory that decoding may take, in bytes: eight a pixel at most, and the file's other
/// chunks.
const DECODER_BYTES: u64 = PIXELS * 8 + (32 << 20);

/// Reads a PNG of any kind.
///
/// # Errors
/// What is wrong with it, to be read after its name.
pub fn decode(png: &[u8]) -> Result<RgbaImage, String> {
    if !png.starts_with(SIGNATURE) {
        return Err("is not a PNG: convert it to one".to_owned());
    }
    let damaged = |error: ImageError| format!("is a PNG that can't be read: {error}");
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODER_BYTES);
    let decoder = PngDecoder::with_limits(Cursor::new(png), limits).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if !is_allowed(width.into(), height.into()) {
        return Err(format!("is {width}×{height} pixels large, {TOO_LARGE}"));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok(image.into_rgba8())
}

const TOO_LARGE: &str = "more than 8192 a side or 8 megapixels in all";

fn is_allowed(width: f64, height: f64) -> bool {
    width.max(height) <= f64::from(SIDE) && width * height <= PIXELS as f64
}

/// Makes `image` larger or smaller.
///
/// # Errors
/// It would get too large.
pub fn scale(image: RgbaImage, factor: f32) -> Result<RgbaImage, String> {
    if factor == 1.0 {
        return Ok(image);
    }
    let scaled = |side: u32| (f64::from(side) * f64::from(factor)).round().max(1.0);
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    if !is_allowed(width, height) {
        return Err(format!(
            "`scale`: the image would get {width}×{height} pixels large, {TOO_LARGE}"
        ));
    }
    resample(&image, width as u32, height as u32)
}

/// Colours are weighted by their alpha meanwhile (the resizer's default for this kind of pixel):
/// what transparent pixels hide must not bleed into the edges.
fn resample(image: &RgbaImage, width: u32, height: u32) -> Result<RgbaImage, String> {
    let wrong = |error: &dyn std::error::Error| format!("`scale`: {error}");
    let mut scaled = RgbaImage::new(width, height);
    let from = TypedImageRef::<U8x4>::from_buffer(image.width(), image.height(), image)
        .map_err(|error| wrong(&error))?;
    let mut to = TypedImage::<U8x4>::from_buffer(width, height, &mut scaled)
        .map_err(|error| wrong(&error))?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new()
        .resize_typed(&from, &mut to, &options)
        .map_err(|error| wrong(&error))?;
    Ok(scaled)
}

/// Makes `image` as opaque as `opacity` says, 0 to 1.
pub fn fade(image: &mut RgbaImage, opacity: f32) {
    for pixel in image.pixels_mut() {
        pixel[3] = (f32::from(pixel[3]) * opacity).round() as u8;
    }
}
