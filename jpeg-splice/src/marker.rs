//! The second bytes of markers (ITU-T T.81, table B.1). The first is FF.

/// Alone, for use in arithmetic coding.
pub const TEM: u8 = 0x01;
/// Frame header of a baseline JPEG.
pub const SOF0: u8 = 0xc0;
/// Frame header of an extended sequential JPEG with Huffman codes.
pub const SOF1: u8 = 0xc1;
/// Frame header of a progressive JPEG with Huffman codes.
pub const SOF2: u8 = 0xc2;
/// Frame header of a lossless JPEG.
pub const SOF3: u8 = 0xc3;
/// Huffman tables.
pub const DHT: u8 = 0xc4;
/// Frame header of a hierarchical sequential JPEG; the next two are hierarchical, too.
pub const SOF5: u8 = 0xc5;
/// Frame header of a hierarchical lossless JPEG.
pub const SOF7: u8 = 0xc7;
/// Reserved for extensions.
pub const JPG: u8 = 0xc8;
/// Frame header of a sequential JPEG with arithmetic codes.
pub const SOF9: u8 = 0xc9;
/// Frame header of a progressive JPEG with arithmetic codes.
pub const SOF10: u8 = 0xca;
/// Conditions of arithmetic coding.
pub const DAC: u8 = 0xcc;
/// The last of the frame headers.
pub const SOF15: u8 = 0xcf;
/// The first of eight restart markers.
pub const RST0: u8 = 0xd0;
/// The last of eight restart markers.
pub const RST7: u8 = 0xd7;
/// Start of image.
pub const SOI: u8 = 0xd8;
/// End of image.
pub const EOI: u8 = 0xd9;
/// Start of scan: coded data follows its header.
pub const SOS: u8 = 0xda;
/// Quantization tables.
pub const DQT: u8 = 0xdb;
/// The restart interval.
pub const DRI: u8 = 0xdd;
/// Application segment 0 (JFIF).
pub const APP0: u8 = 0xe0;
/// Application segment 1 (Exif).
pub const APP1: u8 = 0xe1;
/// Application segment 2 (ICC profile, Multi-Picture Format).
pub const APP2: u8 = 0xe2;
/// Application segment 13 (Photoshop).
pub const APP13: u8 = 0xed;
/// Application segment 14 (Adobe's colour transform).
pub const APP14: u8 = 0xee;
/// Application segment 15.
pub const APP15: u8 = 0xef;
/// Comment.
pub const COM: u8 = 0xfe;

/// Whether a frame header follows.
#[must_use]
pub fn is_sof(marker: u8) -> bool {
    matches!(marker, SOF0..=SOF15) && !matches!(marker, DHT | JPG | DAC)
}

/// Whether no length follows: TEM, RST0 to RST7, SOI and EOI.
#[must_use]
pub fn stands_alone(marker: u8) -> bool {
    matches!(marker, TEM | RST0..=EOI)
}
