//! What the tests share: JPEGs by other software, layers, and what decoders see.

use std::path::{Path, PathBuf};

use jpeg_splice::{Drawing, Layer};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Baseline JPEGs of every sampling and kind, made by cjpeg.
pub const BASELINE: &[(&str, Subsampling)] = &[
    ("420.jpg", Subsampling::S420),
    ("422.jpg", Subsampling::S422),
    ("444.jpg", Subsampling::S444),
    ("440.jpg", Subsampling::S440),
    ("411.jpg", Subsampling::S411),
    ("grey.jpg", Subsampling::S444),
    ("restart.jpg", Subsampling::S420),
    ("nodht.jpg", Subsampling::S422),
    ("fill.jpg", Subsampling::S420),
];

/// The JPEG `name`, with Huffman tables in any case.
pub fn with_tables(name: &str) -> Vec<u8> {
    jpeg(if name == "nodht.jpg" { "422.jpg" } else { name })
}

/// An encoder's picture, as good as the test pictures are.
pub fn encode(picture: &Picture, sampling: Subsampling) -> Vec<u8> {
    let (width, height) = (picture.width, picture.height);
    Encoder::new(&picture.samples, width, height, PixelFormat::Rgb)
        .quality(85)
        .subsampling(sampling)
        .encode()
        .unwrap()
}

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/jpegs")
        .join(name)
}

pub fn jpeg(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// An 8-bit picture of 3 channels, rows from top to bottom.
#[derive(Clone, PartialEq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub samples: Vec<u8>,
}

impl Picture {
    pub fn at(&self, x: usize, y: usize) -> &[u8] {
        let at = (y * self.width + x) * 3;
        &self.samples[at..at + 3]
    }

    /// Leaves only the luma (ITU-T T.871, section 7).
    pub fn make_grey(&mut self) {
        for pixel in self.samples.chunks_exact_mut(3) {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
            pixel.fill((0.299 * r + 0.587 * g + 0.114 * b).round() as u8);
        }
    }
}

/// What zune-jpeg sees, in RGB.
pub fn decode(jpeg: &[u8]) -> Picture {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    let samples = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    Picture {
        width,
        height,
        samples,
    }
}

/// A layer of one colour.
pub fn plain(x: i32, y: i32, width: u32, height: u32, rgba: [u8; 4]) -> Layer {
    Layer {
        x,
        y,
        width,
        height,
        rgba: rgba.repeat((width * height) as usize),
    }
}

/// Shapes with soft edges, as text has.
pub fn soft(x: i32, y: i32, width: u32, height: u32) -> Layer {
    let mut rgba = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let wave = ((column as f32 * 0.9).sin() + (row as f32 * 0.7).cos()) * 160.0;
            rgba.extend([230, 240, 250, wave.clamp(0.0, 255.0) as u8]);
        }
    }
    Layer {
        x,
        y,
        width,
        height,
        rgba,
    }
}

pub fn drawing(layers: Vec<Layer>) -> Drawing {
    Drawing::new(layers).unwrap()
}

/// `picture` with `layers` over it, pixel by pixel.
pub fn blend(picture: &Picture, layers: &[Layer]) -> Picture {
    let mut blended = picture.clone();
    for layer in layers {
        for row in 0..layer.height as i64 {
            for column in 0..layer.width as i64 {
                let (x, y) = (column + i64::from(layer.x), row + i64::from(layer.y));
                if x < 0 || y < 0 || x >= picture.width as i64 || y >= picture.height as i64 {
                    continue;
                }
                let from = ((row * i64::from(layer.width) + column) * 4) as usize;
                let at = (y as usize * picture.width + x as usize) * 3;
                let alpha = f32::from(layer.rgba[from + 3]) / 255.0;
                for channel in 0..3 {
                    let over = f32::from(layer.rgba[from + channel]);
                    let under = f32::from(blended.samples[at + channel]);
                    let sum = over * alpha + under * (1.0 - alpha);
                    blended.samples[at + channel] = sum.round() as u8;
                }
            }
        }
    }
    blended
}

/// The peak signal-to-noise ratio of the part of two pictures that `area` (x, y, width, height)
/// names, in dB.
pub fn psnr(a: &Picture, b: &Picture, area: (usize, usize, usize, usize)) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for y in area.1..area.1 + area.3 {
        for x in area.0..area.0 + area.2 {
            for (a, b) in a.at(x, y).iter().zip(b.at(x, y)) {
                sum += (f64::from(*a) - f64::from(*b)).powi(2);
                count += 1;
            }
        }
    }
    10.0 * (255.0f64.powi(2) * f64::from(count) / sum).log10()
}
