//! The choice among the formats and sizes that a camera offers.

use super::{DeviceError, FormatInfo, Sizes};
use crate::config::{CameraConfig, CameraFormat, Size};

/// From the cheapest: what comes as JPEG is not touched, and what comes as Y′CbCr is only coded.
const PREFERENCE: [CameraFormat; 8] = [
    CameraFormat::Mjpeg,
    CameraFormat::Yuyv,
    CameraFormat::Uyvy,
    CameraFormat::Nv12,
    CameraFormat::Yuv420,
    CameraFormat::Rgb,
    CameraFormat::Bgr,
    CameraFormat::Grey,
];

/// The largest that is taken unasked: what everybody's network carries, and of raw formats what USB
/// 2 does.
const LARGEST: Size = Size {
    width: 1920,
    height: 1080,
};
const LARGEST_RAW: Size = Size {
    width: 1280,
    height: 720,
};

/// The best of `formats` for what is wanted.
///
/// # Errors
/// There is none.
pub fn choose(
    formats: &[FormatInfo],
    config: &CameraConfig,
) -> Result<(CameraFormat, Size), DeviceError> {
    let wanted = |format: &CameraFormat| {
        matches!(config.format, CameraFormat::Auto) || *format == config.format
    };
    for format in PREFERENCE.iter().filter(|format| wanted(format)) {
        let formats = formats.iter().filter(|it| it.format == *format);
        let sizes = formats.flat_map(|it| &it.sizes).map(|(sizes, _)| *sizes);
        let size = match config.size {
            Some(size) => sizes.clone().find(|sizes| has(*sizes, size)).map(|_| size),
            None => best(sizes, *format),
        };
        if let Some(size) = size {
            return Ok((*format, size));
        }
    }
    Err(nothing(formats, config))
}

fn best(sizes: impl Iterator<Item = Sizes> + Clone, format: CameraFormat) -> Option<Size> {
    let limit = match format {
        CameraFormat::Mjpeg => LARGEST,
        _ => LARGEST_RAW,
    };
    let area = |size: &Size| u64::from(size.width) * u64::from(size.height);
    let within = sizes.clone().filter_map(|sizes| largest(sizes, limit));
    within.max_by_key(area).or_else(|| {
        // All of them are larger.
        let least = sizes.map(|sizes| match sizes {
            Sizes::One(size) | Sizes::Range(size, _, _) => size,
        });
        least.min_by_key(area)
    })
}

fn largest(sizes: Sizes, limit: Size) -> Option<Size> {
    let fits = |size: &Size| size.width <= limit.width && size.height <= limit.height;
    match sizes {
        Sizes::One(size) => Some(size).filter(fits),
        Sizes::Range(least, most, step) => {
            let side = |least: u32, most: u32, step: u32, limit: u32| {
                let room = most.min(limit).checked_sub(least)?;
                Some(least + room / step.max(1) * step.max(1))
            };
            Some(Size {
                width: side(least.width, most.width, step.width, limit.width)?,
                height: side(least.height, most.height, step.height, limit.height)?,
            })
        }
    }
}

fn has(sizes: Sizes, size: Size) -> bool {
    match sizes {
        Sizes::One(one) => one == size,
        Sizes::Range(least, most, step) => {
            let side = |least: u32, most: u32, step: u32, side: u32| {
                (least..=most).contains(&side) && (side - least).is_multiple_of(step.max(1))
            };
            side(least.width, most.width, step.width, size.width)
                && side(least.height, most.height, step.height, size.height)
        }
    }
}

fn nothing(formats: &[FormatInfo], config: &CameraConfig) -> DeviceError {
    let (size, format) = (config.size, config.format);
    if size.is_none() && format == CameraFormat::Auto {
        return DeviceError::NoFormat;
    }
    let offered: Vec<_> = formats
        .iter()
        .map(|it| {
            let sizes = it.sizes.iter().map(|(sizes, _)| sizes.to_string());
            let sizes: Vec<_> = sizes.collect();
            format!("{} as {}", sizes.join(", "), it.format)
        })
        .collect();
    DeviceError::NotOffered {
        size,
        format,
        offered: offered.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DriverConfig, parse_spec};

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn format_info(format: CameraFormat, sizes: &[(u32, u32)]) -> FormatInfo {
        let one = |&(width, height)| (Sizes::One(size(width, height)), Vec::new());
        FormatInfo {
            format,
            sizes: sizes.iter().map(one).collect(),
        }
    }

    fn config(format: CameraFormat, size: Option<Size>) -> CameraConfig {
        let DriverConfig::Camera(mut config) = parse_spec("camera").unwrap().driver else {
            panic!("another driver");
        };
        (config.format, config.size) = (format, size);
        config
    }

    #[test]
    fn jpeg_is_preferred_and_no_more_than_is_useful() {
        let formats = [
            format_info(CameraFormat::Yuyv, &[(640, 480), (1920, 1080)]),
            format_info(
                CameraFormat::Mjpeg,
                &[(640, 480), (3840, 2160), (1920, 1080)],
            ),
        ];
        let choose = |format, size| choose(&formats, &config(format, size));
        use CameraFormat::{Auto, Grey, Mjpeg, Yuyv};
        assert_eq!(choose(Auto, None).unwrap(), (Mjpeg, size(1920, 1080)));
        assert_eq!(choose(Yuyv, None).unwrap(), (Yuyv, size(640, 480)));
        assert_eq!(
            choose(Auto, Some(size(3840, 2160))).unwrap(),
            (Mjpeg, size(3840, 2160))
        );
        let error = choose(Auto, Some(size(641, 480))).unwrap_err().to_string();
        assert_eq!(
            error,
            "the camera does not offer 641x480; it offers 640x480, 1920x1080 as yuyv; 640x480, \
             3840x2160, 1920x1080 as mjpeg"
        );
        assert!(choose(Grey, None).is_err());
    }

    #[test]
    fn ranges_of_sizes() {
        let range = Sizes::Range(size(32, 32), size(2592, 1944), size(16, 8));
        let formats = [FormatInfo {
            format: CameraFormat::Nv12,
            sizes: vec![(range, Vec::new())],
        }];
        let choose = |size| choose(&formats, &config(CameraFormat::Auto, size));
        assert_eq!(choose(None).unwrap(), (CameraFormat::Nv12, size(1280, 720)));
        assert!(choose(Some(size(640, 480))).is_ok());
        assert!(choose(Some(size(641, 480))).is_err());
        assert!(choose(Some(size(4000, 3000))).is_err());
    }
}
