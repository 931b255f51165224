//! Raw pictures, coded once as JPEG. Those that are Y′CbCr already are not converted, only sorted
//! into planes.

use jpeg_splice::codec::{self, PixelFormat, Subsampling};

use crate::config::{CameraFormat, Size};
use crate::source::{PictureFault, Whole};

/// The layout of a raw picture in memory.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The order of its samples.
    pub format: CameraFormat,
    /// In pixels.
    pub size: Size,
    /// Bytes from one row of the first plane to the next.
    pub stride: usize,
    /// Whether Y goes from 16 to 235 and C from 16 to 240, as in video (ITU-R BT.601), and not from
    /// 0 to 255, as in JPEG (ITU-T T.871).
    pub is_limited: bool,
}

/// Codes `bytes` with `quality`, 1 to 100.
///
/// # Errors
/// They are too few.
pub fn encode(bytes: &[u8], layout: &Layout, quality: u8) -> Whole {
    let rows = Rows { bytes, layout };
    let planes = match layout.format {
        CameraFormat::Yuyv => rows.packed([0, 1, 3]),
        CameraFormat::Uyvy => rows.packed([1, 0, 2]),
        CameraFormat::Nv12 => rows.semi_planar(),
        CameraFormat::Yuv420 => rows.planar(),
        CameraFormat::Grey => return pixels(&rows, PixelFormat::Grayscale, 1, quality),
        CameraFormat::Rgb => return pixels(&rows, PixelFormat::Rgb, 3, quality),
        CameraFormat::Bgr => return pixels(&rows, PixelFormat::Bgr, 3, quality),
        CameraFormat::Auto | CameraFormat::Mjpeg => None,
    };
    let mut planes = planes.ok_or(PictureFault::CutOff)?;
    if layout.is_limited {
        expand(&mut planes);
    }
    let sampling = match layout.format {
        CameraFormat::Yuyv | CameraFormat::Uyvy => Subsampling::S422,
        _ => Subsampling::S420,
    };
    let planes = planes.each_ref().map(Vec::as_slice);
    let Size { width, height } = layout.size;
    let size = (width, height);
    Ok(codec::encode_planes(&planes, size, sampling, quality)?)
}

fn pixels(rows: &Rows<'_>, format: PixelFormat, channels: usize, quality: u8) -> Whole {
    let Size { width, height } = rows.layout.size;
    let row = width as usize * channels;
    let packed = rows.plane(0, rows.layout.stride, row, height as usize);
    let packed = packed.ok_or(PictureFault::CutOff)?;
    let size = (width, height);
    Ok(codec::encode(
        &packed,
        format,
        size,
        Subsampling::S420,
        quality,
    )?)
}

/// Y, Cb and Cr, without gaps between their rows.
type Planes = [Vec<u8>; 3];

struct Rows<'a> {
    bytes: &'a [u8],
    layout: &'a Layout,
}

impl Rows<'_> {
    /// `height` rows of `width` bytes from `start` on, `stride` apart.
    fn plane(&self, start: usize, stride: usize, width: usize, height: usize) -> Option<Vec<u8>> {
        let mut plane = Vec::with_capacity(width * height);
        for row in 0..height {
            let at = start + row * stride;
            plane.extend_from_slice(self.bytes.get(at..at + width)?);
        }
        Some(plane)
    }

    fn sides(&self) -> (usize, usize) {
        (
            self.layout.size.width as usize,
            self.layout.size.height as usize,
        )
    }

    /// Two pixels in four bytes; `places` are those of the first Y, of Cb and of Cr.
    fn packed(&self, places: [usize; 3]) -> Option<Planes> {
        let (width, height) = self.sides();
        let [y, cb, cr] = places;
        let pairs = width.div_ceil(2);
        let packed = self.plane(0, self.layout.stride, pairs * 4, height)?;
        let mut planes = [
            Vec::with_capacity(width * height),
            Vec::with_capacity(pairs * height),
            Vec::with_capacity(pairs * height),
        ];
        for row in packed.chunks_exact(pairs * 4) {
            let luma = row.iter().skip(y).step_by(2).take(width);
            planes[0].extend(luma);
            planes[1].extend(row.iter().skip(cb).step_by(4));
            planes[2].extend(row.iter().skip(cr).step_by(4));
        }
        Some(planes)
    }

    /// A plane of Y, and one of Cb and Cr in turns at half the size.
    fn semi_planar(&self) -> Option<Planes> {
        let (width, height) = self.sides();
        let stride = self.layout.stride;
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let y = self.plane(0, stride, width, height)?;
        let pairs = self.plane(stride * height, stride, half_width * 2, half_height)?;
        let cb = pairs.iter().step_by(2).copied().collect();
        let cr = pairs.iter().skip(1).step_by(2).copied().collect();
        Some([y, cb, cr])
    }

    /// Three planes, the last two at half the size.
    fn planar(&self) -> Option<Planes> {
        let (width, height) = self.sides();
        let (stride, half_stride) = (self.layout.stride, self.layout.stride / 2);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let start = stride * height;
        let next = start + half_stride * half_height;
        Some([
            self.plane(0, stride, width, height)?,
            self.plane(start, half_stride, half_width, half_height)?,
            self.plane(next, half_stride, half_width, half_height)?,
        ])
    }
}

/// From video's range to JPEG's.
fn expand(planes: &mut Planes) {
    let table = |middle: f32, factor: f32, to: f32| -> [u8; 256] {
        std::array::from_fn(|value| {
            ((value as f32 - middle) * factor + to)
                .round()
                .clamp(0.0, 255.0) as u8
        })
    };
    let luma = table(16.0, 255.0 / 219.0, 0.0);
    let chroma = table(128.0, 255.0 / 224.0, 128.0);
    for (plane, table) in planes.iter_mut().zip([luma, chroma, chroma]) {
        for value in plane {
            *value = table[usize::from(*value)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    /// Orange in video's range, by BT.601.
    const ORANGE: [u8; 3] = [255, 128, 0];
    const Y: u8 = 147;
    const CB: u8 = 53;
    const CR: u8 = 193;
    const SIZE: Size = Size {
        width: 34,
        height: 18,
    };

    /// The visible part of a picture whose rows have some bytes too many.
    fn seen(format: CameraFormat, stride: usize, bytes: &[u8]) -> [u8; 3] {
        let layout = Layout {
            format,
            size: SIZE,
            stride,
            is_limited: true,
        };
        let jpeg = encode(bytes, &layout, 95).unwrap();
        assert_eq!(jpeg.size(), (SIZE.width, SIZE.height));
        let mut rgb = Vec::new();
        let mut splicer = jpeg_splice::Splicer::new();
        codec::decode(&jpeg, &mut splicer, &mut rgb).unwrap();
        for length in [0, 1, bytes.len() / 2, bytes.len() - stride - 10] {
            assert!(
                encode(&bytes[..length], &layout, 95).is_err(),
                "{format} {length}"
            );
        }
        // All of it has one colour.
        let (first, last) = (&rgb[..3], &rgb[rgb.len() - 3..]);
        assert_eq!(first, last, "{format}");
        [rgb[0], rgb[1], rgb[2]]
    }

    fn rows(row: &[u8], stride: usize, height: u32) -> Vec<u8> {
        let mut padded = row.to_vec();
        padded.resize(stride, 0xaa);
        padded.repeat(height as usize)
    }

    #[test]
    fn every_format_shows_the_same_colour() {
        let (w, h) = (SIZE.width as usize, SIZE.height);
        let y = rows(&[Y].repeat(w), 40, h);
        let nv12 = [y.clone(), rows(&[CB, CR].repeat(w / 2), 40, h / 2)].concat();
        let yuv420 = [
            y,
            rows(&[CB].repeat(w / 2), 20, h / 2),
            rows(&[CR].repeat(w / 2), 20, h / 2),
        ]
        .concat();
        let pictures = [
            (
                CameraFormat::Yuyv,
                80,
                rows(&[Y, CB, Y, CR].repeat(w / 2), 80, h),
            ),
            (
                CameraFormat::Uyvy,
                80,
                rows(&[CB, Y, CR, Y].repeat(w / 2), 80, h),
            ),
            (CameraFormat::Nv12, 40, nv12),
            (CameraFormat::Yuv420, 40, yuv420),
            (CameraFormat::Rgb, 110, rows(&ORANGE.repeat(w), 110, h)),
            (
                CameraFormat::Bgr,
                110,
                rows(&[0, 128, 255].repeat(w), 110, h),
            ),
        ];
        for (format, stride, bytes) in pictures {
            let seen = seen(format, stride, &bytes);
            for (channel, wanted) in seen.iter().zip(ORANGE) {
                assert!(channel.abs_diff(wanted) <= 4, "{format}: {seen:?}");
            }
        }
        assert_eq!(
            seen(CameraFormat::Grey, 40, &rows(&[77].repeat(w), 40, h)),
            [77; 3]
        );
    }
}
