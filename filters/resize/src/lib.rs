//! The built-in filter `resize`: the picture, larger or smaller.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use mattebox_filter::image::RgbImage;
use mattebox_filter::{FrameInfo, Transform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest side that the contract allows, in pixels.
const SIDE: u64 = 16_384;
/// The most that the server takes back, in pixels.
const PIXELS: u64 = 64 << 20;

/// The settings of `resize`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(extend("anyOf" = [{"required": ["width"]}, {"required": ["height"]}]))]
pub struct Config {
    /// The width in pixels. Without it, the picture keeps its shape.
    #[schemars(range(min = 1, max = 16384))]
    width: Option<u32>,
    /// The height in pixels. Without it, the picture keeps its shape.
    #[schemars(range(min = 1, max = 16384))]
    height: Option<u32>,
    /// When both are given: `contain` makes the picture as large as fits inside, without bars
    /// beside it; `cover` fills them and cuts off what is over, on both sides alike; `stretch`
    /// distorts.
    fit: Fit,
    /// `nearest` is the fastest, `lanczos3` the sharpest.
    method: Method,
}

/// What to do when the picture has another shape than the box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// All of the picture, in its shape.
    #[default]
    Contain,
    /// All of the box, with the picture's middle.
    Cover,
    /// All of the picture in all of the box.
    Stretch,
}

/// How pixels are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Picks one of the old pixels for each new one.
    Nearest,
    /// Weights the old pixels around by their distance.
    #[default]
    Bilinear,
    /// Weights the old pixels around by a windowed sinc of three lobes.
    Lanczos3,
}

/// The filter.
pub struct Resize {
    target: Target,
    options: ResizeOptions,
    resizer: Resizer,
}

impl Transform for Resize {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let target = Target::new(&config)?;
        Ok(Self {
            target,
            options: options(config.method, target),
            resizer: Resizer::new(),
        })
    }

    fn apply(&mut self, _: &FrameInfo, picture: RgbImage) -> Result<RgbImage, String> {
        let size = picture.dimensions();
        let (width, height) = self.target.size(size)?;
        if (width, height) == size {
            return Ok(picture);
        }
        let mut scaled = RgbImage::new(width, height);
        // Views of a type known beforehand leave the code for all other types out of the module.
        let from = TypedImageRef::<U8x3>::from_buffer(size.0, size.1, &picture)
            .map_err(|error| error.to_string())?;
        let mut to = TypedImage::<U8x3>::from_buffer(width, height, &mut scaled)
            .map_err(|error| error.to_string())?;
        self.resizer
            .resize_typed(&from, &mut to, &self.options)
            .map_err(|error| error.to_string())?;
        Ok(scaled)
    }
}

fn options(method: Method, target: Target) -> ResizeOptions {
    let options = ResizeOptions::new().resize_alg(match method {
        Method::Nearest => ResizeAlg::Nearest,
        Method::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
        Method::Lanczos3 => ResizeAlg::Convolution(FilterType::Lanczos3),
    });
    match target {
        Target::Box {
            fit: Fit::Cover, ..
        } => options.fit_into_destination(None),
        _ => options,
    }
}

/// The size that the settings ask for.
#[derive(Clone, Copy, Debug)]
enum Target {
    Width(u32),
    Height(u32),
    Box { width: u32, height: u32, fit: Fit },
}

impl Target {
    fn new(config: &Config) -> Result<Self, String> {
        let fit = config.fit;
        match (config.width, config.height) {
            (Some(width), Some(height)) => Ok(Self::Box { width, height, fit }),
            (Some(width), None) => Ok(Self::Width(width)),
            (None, Some(height)) => Ok(Self::Height(height)),
            (None, None) => Err("needs `width` or `height`".to_owned()),
        }
    }

    /// The size that a picture of `size` gets.
    ///
    /// # Errors
    /// It would be larger than pictures may be: a very flat picture with one side given gets huge.
    fn size(self, size: (u32, u32)) -> Result<(u32, u32), String> {
        let given_width = |width| (width, in_proportion(size.1, width, size.0));
        let given_height = |height| (in_proportion(size.0, height, size.1), height);
        let (width, height) = match self {
            Self::Width(width) => given_width(width.into()),
            Self::Height(height) => given_height(height.into()),
            Self::Box {
                width,
                height,
                fit: Fit::Contain,
            } => {
                let (width, height) = (u64::from(width), u64::from(height));
                let is_flatter = u64::from(size.0) * height > width * u64::from(size.1);
                if is_flatter {
                    given_width(width)
                } else {
                    given_height(height)
                }
            }
            Self::Box { width, height, .. } => (width.into(), height.into()),
        };
        if width.max(height) > SIDE || width * height > PIXELS {
            return Err(format!(
                "a picture of {}×{} would become {width}×{height} pixels, more than {SIDE} a side \
                 or {PIXELS} in all",
                size.0, size.1
            ));
        }
        Ok((width as u32, height as u32))
    }
}

/// `side` × `new` / `old`, rounded, and still a picture.
fn in_proportion(side: u32, new: u64, old: u32) -> u64 {
    let old = u64::from(old.max(1));
    ((u64::from(side) * new + old / 2) / old).max(1)
}

mattebox_filter::export_transform!(Resize);

#[cfg(test)]
mod tests;
