//! The parameters that are known before decoding.

use crate::error::InvalidJpeg;
use crate::exif;
use crate::marker;
use crate::orientation::Orientation;
use crate::segments::Segments;
use crate::syntax::{self, Damage, FrameHeader};

/// The parameters that the segments before the picture tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width in pixels as it is stored, 1 to 65535.
    pub width: u32,
    /// Height in pixels as it is stored, 1 to 65535.
    pub height: u32,
    /// The way in which the stored picture is turned when it is shown.
    pub orientation: Orientation,
    /// The number of components: 1 grey, 3 colour, 4 CMYK.
    pub components: u8,
    /// Luma samples for each chroma sample, across and down; 1 × 1 for grey.
    pub sampling: (u8, u8),
    /// Whether no component has more samples than the first, as everywhere but in test pictures.
    pub first_is_finest: bool,
    /// Pixels of an MCU of all components, across and down: 8 × 8 to 32 × 32 (T.81, A.2.3).
    pub mcu: (u32, u32),
    /// MCUs between restart markers, 0 for none (T.81, B.2.4.4).
    pub restart_interval: u16,
}

impl Header {
    /// Reads the first frame header, and the first Exif data.
    ///
    /// # Errors
    /// `jpeg` has no complete header.
    pub fn parse(jpeg: &[u8]) -> Result<Self, InvalidJpeg> {
        let mut header = None;
        let mut orientation = None;
        let mut restart_interval = 0;
        for segment in Segments::new(jpeg)? {
            match segment {
                Ok(it) if marker::is_sof(it.marker) && header.is_none() => {
                    let frame = FrameHeader::read(it.payload());
                    let at = it.start;
                    let frame = frame.map_err(|Damage(what)| InvalidJpeg::Damaged { what, at })?;
                    header = Some(Self::from_frame(&frame)?);
                }
                Ok(it) if it.marker == marker::APP1 && orientation.is_none() => {
                    orientation = exif::orientation(it.payload());
                }
                Ok(it) if it.marker == marker::DRI => {
                    // A wrong one is told of by who reads the scan.
                    restart_interval = syntax::restart_interval(it.payload()).unwrap_or_default();
                }
                Ok(_) => {}
                // What stands behind the frame header is for who looks at all of it.
                Err(_) if header.is_some() => break,
                Err(why) => return Err(why),
            }
        }
        let mut header = header.ok_or(InvalidJpeg::NoFrameHeader)?;
        header.orientation = orientation.unwrap_or_default();
        header.restart_interval = restart_interval;
        Ok(header)
    }

    /// Width and height in pixels as people see the picture.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.orientation.turned_size((self.width, self.height))
    }

    fn from_frame(frame: &FrameHeader<'_>) -> Result<Self, InvalidJpeg> {
        let &FrameHeader { width, height, .. } = frame;
        if width == 0 {
            return Err(InvalidJpeg::NoWidth { height });
        }
        if height == 0 {
            return Err(InvalidJpeg::HeightBehindPicture);
        }
        let mut factors = frame.components().map(|it| (it.h, it.v));
        let first = factors.clone().next().unwrap_or((1, 1));
        let first_is_finest = factors.clone().all(|(h, v)| h <= first.0 && v <= first.1);
        let most = factors.clone().fold((1, 1), |most, it| {
            (it.0.clamp(most.0, 4), it.1.clamp(most.1, 4))
        });
        let mcu = match frame.count {
            // One component's blocks lie side by side whatever its factors (T.81, A.2.2).
            1 => (8, 8),
            _ => (8 * u32::from(most.0), 8 * u32::from(most.1)),
        };
        let sampling = match (factors.next(), factors.next()) {
            (Some((y_h, y_v)), Some((c_h, c_v))) => (ratio(y_h, c_h), ratio(y_v, c_v)),
            _ => (1, 1),
        };
        Ok(Self {
            width: width.into(),
            height: height.into(),
            orientation: Orientation::default(),
            components: frame.count,
            sampling,
            first_is_finest,
            mcu,
            restart_interval: 0,
        })
    }
}

fn ratio(luma: u8, chroma: u8) -> u8 {
    luma.checked_div(chroma).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOI, an APP segment, fill bytes, and a baseline frame header of 4:2:2.
    const HEAD: &[u8] = &[
        0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xaa, 0xbb, 0xff, 0xff, 0xff, 0xc0, 0, 17, 8, 0, 48, 0, 64,
        3, 1, 0x21, 0, 2, 0x11, 1, 3, 0x11, 1, 0xff, 0xda,
    ];

    #[test]
    fn reads_size_and_sampling_past_other_segments() {
        assert_eq!(
            Header::parse(HEAD),
            Ok(Header {
                width: 64,
                height: 48,
                orientation: Orientation::default(),
                components: 3,
                sampling: (2, 1),
                first_is_finest: true,
                mcu: (16, 8),
                restart_interval: 0,
            })
        );
        let segments = Segments::new(HEAD).unwrap();
        let payloads: Vec<_> = segments.map(|s| s.unwrap().payload().len()).collect();
        assert_eq!(payloads, [2, 15]);
    }

    #[test]
    fn every_cut_is_an_error() {
        for length in 0..HEAD.len() - 2 {
            assert!(Header::parse(&HEAD[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (bytes, why) in [
            (&b"GIF89a"[..], "is not a JPEG"),
            (b"", "is empty"),
            (b"\xff\xd8\xff\xda", "no frame header"),
            (b"\xff\xd8\xff\xe0\x00\x01", "cut off"),
            (b"\xff\xd8zz", "damaged"),
            (b"\xff\xd8\xff\xe0\x00\x02\xff\xd8", "starts twice"),
            (
                b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x00\x00\x08\x01\x01\x11\x00",
                "DNL",
            ),
        ] {
            let error = Header::parse(bytes).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
