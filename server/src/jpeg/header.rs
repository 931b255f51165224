//! A JPEG's segments and its frame header (ITU-T T.81, B.1 and B.2.2).

use super::exif;
use super::orientation::Orientation;

/// The second byte of the markers that matter here (T.81, table B.1).
pub mod marker {
    /// Start of image.
    pub const SOI: u8 = 0xd8;
    /// End of image.
    pub const EOI: u8 = 0xd9;
    /// Quantization tables.
    pub const DQT: u8 = 0xdb;
    /// The height, behind the first scan.
    pub const DNL: u8 = 0xdc;
    /// The restart interval.
    pub const DRI: u8 = 0xdd;
    /// Huffman tables.
    pub const DHT: u8 = 0xc4;
    /// Conditions of arithmetic coding.
    pub const DAC: u8 = 0xcc;
    /// Start of scan: coded data follows its header.
    pub const SOS: u8 = 0xda;
    /// Application segment 0 (JFIF).
    pub const APP0: u8 = 0xe0;
    /// Application segment 1 (Exif).
    pub const APP1: u8 = 0xe1;
    /// Application segment 2 (ICC profile).
    pub const APP2: u8 = 0xe2;
    /// Application segment 14 (Adobe's colour transform).
    pub const APP14: u8 = 0xee;
    /// Application segment 15.
    pub const APP15: u8 = 0xef;
    /// Comment.
    pub const COM: u8 = 0xfe;

    /// Whether a frame header follows.
    pub fn is_sof(marker: u8) -> bool {
        matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
    }

    /// Whether no length follows: TEM, RST0 to RST7, SOI and EOI.
    pub fn stands_alone(marker: u8) -> bool {
        matches!(marker, 0x01 | 0xd0..=0xd9)
    }
}

/// One marker segment before the first scan.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The marker's second byte.
    pub marker: u8,
    /// From the marker's first byte to the segment's last.
    pub bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    /// What follows the length.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[4..]
    }
}

/// The segments of a JPEG up to and without its first scan.
pub struct Segments<'a> {
    rest: &'a [u8],
    done: bool,
}

impl<'a> Segments<'a> {
    /// Starts after SOI.
    ///
    /// # Errors
    /// `jpeg` doesn't start with SOI.
    pub fn new(jpeg: &'a [u8]) -> Result<Self, String> {
        let mut jpeg = jpeg;
        // Some cameras send it twice.
        while jpeg.starts_with(&[0xff, marker::SOI, 0xff, marker::SOI]) {
            jpeg = &jpeg[2..];
        }
        match jpeg {
            [0xff, marker::SOI, rest @ ..] => Ok(Self { rest, done: false }),
            [] => Err("is empty".to_owned()),
            _ => Err("is not a JPEG: it doesn't start with FF D8".to_owned()),
        }
    }

    /// What follows the segments that were given so far.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn step(&mut self) -> Result<Option<Segment<'a>>, String> {
        loop {
            let [0xff, rest @ ..] = self.rest else {
                return Err("is damaged: no marker where one should be".to_owned());
            };
            match rest {
                // A marker may be preceded by any number of fill bytes.
                [0xff, ..] => self.rest = rest,
                [marker::SOS | marker::EOI, ..] => return Ok(None),
                [marker::SOI, ..] => return Err("is damaged: it starts twice".to_owned()),
                [marker, after @ ..] if marker::stands_alone(*marker) => self.rest = after,
                [marker, high, low, ..] => {
                    let length = usize::from(u16::from_be_bytes([*high, *low]));
                    let end = 2 + length;
                    if length < 2 || self.rest.len() < end {
                        return Err(format!("is damaged: segment FF {marker:02X} is cut off"));
                    }
                    let (bytes, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    return Ok(Some(Segment {
                        marker: *marker,
                        bytes,
                    }));
                }
                _ => return Err("is cut off in its header".to_owned()),
            }
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

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
    /// How many luma samples there are for each chroma sample, across and down; 1 × 1 for grey.
    pub sampling: (u8, u8),
    /// Whether no component has more samples than the first, as everywhere but in test pictures.
    pub first_is_finest: bool,
}

impl Header {
    /// Reads the first frame header, and the first Exif data.
    ///
    /// # Errors
    /// A text that says how `jpeg` is not a complete JPEG header.
    pub fn parse(jpeg: &[u8]) -> Result<Self, String> {
        let mut header = None;
        let mut orientation = None;
        for segment in Segments::new(jpeg)? {
            match segment {
                Ok(it) if marker::is_sof(it.marker) && header.is_none() => {
                    header = Some(Self::from_sof(it.payload())?);
                }
                Ok(it) if it.marker == marker::APP1 && orientation.is_none() => {
                    orientation = exif::orientation(it.payload());
                }
                Ok(_) => {}
                // What stands behind the frame header is for who looks at all of it.
                Err(_) if header.is_some() => break,
                Err(why) => return Err(why),
            }
        }
        let mut header =
            header.ok_or_else(|| "has no frame header (SOF) before its picture data".to_owned())?;
        header.orientation = orientation.unwrap_or_default();
        Ok(header)
    }

    /// Width and height in pixels as people see the picture.
    pub fn size(&self) -> (u32, u32) {
        self.orientation.turned_size((self.width, self.height))
    }

    fn from_sof(payload: &[u8]) -> Result<Self, String> {
        let [_, h1, h0, w1, w0, components, rest @ ..] = payload else {
            return Err("is damaged: its frame header is cut off".to_owned());
        };
        let (width, height) = (
            u16::from_be_bytes([*w1, *w0]),
            u16::from_be_bytes([*h1, *h0]),
        );
        if width > 0 && height == 0 {
            return Err(
                "tells its height only behind the picture (DNL), so that nothing can show it"
                    .to_owned(),
            );
        }
        if width == 0 {
            return Err(format!("has a size of {width}×{height}"));
        }
        let factors = |component: &[u8]| (component[1] >> 4, component[1] & 15);
        let all = rest.chunks_exact(3).map(factors);
        let first = all.clone().next().unwrap_or((1, 1));
        let first_is_finest = all.clone().all(|(h, v)| h <= first.0 && v <= first.1);
        let mut components_read = all;
        let sampling = match (components_read.next(), components_read.next()) {
            (Some((y_h, y_v)), Some((c_h, c_v))) => (ratio(y_h, c_h), ratio(y_v, c_v)),
            _ => (1, 1),
        };
        Ok(Self {
            width: width.into(),
            height: height.into(),
            orientation: Orientation::default(),
            components: *components,
            sampling,
            first_is_finest,
        })
    }
}

/// Checks a picture's size before any work is done on it: it may have `most` pixels.
///
/// # Errors
/// A text that says how large it is, to stand behind a noun.
pub fn check_size((width, height): (u32, u32), most: u64) -> Result<(), String> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels <= most {
        return Ok(());
    }
    // Rounded so that neither looks like the other.
    let megapixels = (pixels as f64 / 1e4).ceil() / 1e2;
    let most = most as f64 / 1e6;
    Err(format!(
        "is too large: {width}×{height} are {megapixels} megapixels, and `max-megapixels` of the source is {most}"
    ))
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
            })
        );
        let segments = Segments::new(HEAD).unwrap();
        let payloads: Vec<_> = segments.map(|s| s.unwrap().payload().len()).collect();
        assert_eq!(payloads, [2, 15]);
    }

    #[test]
    fn a_pictures_size_is_checked() {
        assert_eq!(check_size((8000, 5000), 40_000_000), Ok(()));
        for (size, words) in [
            ((8000, 5001), "is too large: 8000×5001 are 40.01 megapixels"),
            ((65_535, 65_535), "65535×65535 are 4294.84 megapixels"),
        ] {
            let error = check_size(size, 40_000_000).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(
                error.ends_with("`max-megapixels` of the source is 40"),
                "{error}"
            );
        }
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
            let error = Header::parse(bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
