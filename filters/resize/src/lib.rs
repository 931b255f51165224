//! The built-in filter `resize`: the picture, larger or smaller.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use mattebox_filter::image::RgbImage;
use mattebox_filter::{FrameInfo, Transform};
use schemars::JsonSchema;
use serde::Deserialize;

/// The longest side that is made, in pixels.
const SIDE: u32 = 16_384;

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
    /// When both are given: `contain` makes the picture fit inside, `cover` fills them and cuts off what
    /// is over, `stretch` distorts.
    fit: Fit,
    /// `nearest` is the fastest, `lanczos3` the sharpest.
    method: Method,
}

/// What to do when the picture has another shape than the box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    #[default]
    Contain,
    Cover,
    Stretch,
}

/// How pixels are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    Nearest,
    #[default]
    Bilinear,
    Lanczos3,
}

/// The filter.
pub struct Resize {
    target: Target,
    method: Method,
    resizer: Resizer,
}

impl Transform for Resize {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self {
            target: Target::new(&config)?,
            method: config.method,
            resizer: Resizer::new(),
        })
    }

    fn apply(&mut self, _: &FrameInfo, picture: RgbImage) -> Result<RgbImage, String> {
        let (width, height) = self.target.size(picture.dimensions());
        if (width, height) == picture.dimensions() {
            return Ok(picture);
        }
        let source = ImageRef::new(
            picture.width(),
            picture.height(),
            picture.as_raw(),
            PixelType::U8x3,
        )
        .map_err(|error| error.to_string())?;
        let mut scaled = Image::new(width, height, PixelType::U8x3);
        self.resizer
            .resize(&source, &mut scaled, &self.options())
            .map_err(|error| error.to_string())?;
        RgbImage::from_raw(width, height, scaled.into_vec())
            .ok_or_else(|| "the scaled picture has a wrong size".to_owned())
    }
}

impl Resize {
    fn options(&self) -> ResizeOptions {
        let algorithm = match self.method {
            Method::Nearest => ResizeAlg::Nearest,
            Method::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
            Method::Lanczos3 => ResizeAlg::Convolution(FilterType::Lanczos3),
        };
        let options = ResizeOptions::new().resize_alg(algorithm);
        match self.target {
            Target::Box {
                fit: Fit::Cover, ..
            } => options.fit_into_destination(None),
            _ => options,
        }
    }
}

/// What the settings ask for.
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
    fn size(self, size: (u32, u32)) -> (u32, u32) {
        match self {
            Self::Width(width) => (width, in_proportion(size.1, width, size.0)),
            Self::Height(height) => (in_proportion(size.0, height, size.1), height),
            Self::Box {
                width,
                height,
                fit: Fit::Contain,
            } => {
                let wider = u64::from(size.0) * u64::from(height) > u64::from(width) * u64::from(size.1);
                if wider {
                    (width, in_proportion(size.1, width, size.0))
                } else {
                    (in_proportion(size.0, height, size.1), height)
                }
            }
            Self::Box { width, height, .. } => (width, height),
        }
    }
}

/// `side` × `new` / `old`, rounded, and still a picture.
fn in_proportion(side: u32, new: u32, old: u32) -> u32 {
    let (side, new, old) = (u64::from(side), u64::from(new), u64::from(old.max(1)));
    ((side * new + old / 2) / old).clamp(1, SIDE.into()) as u32
}

mattebox_filter::export_transform!(Resize);

#[cfg(test)]
mod tests;
