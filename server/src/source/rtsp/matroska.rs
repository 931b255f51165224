//! Coded frames with their times as ffmpeg reads them from a pipe: Matroska (RFC 9559) without an
//! end.
//!
//! A bare stream of H.264 has no times, and none of its frames is over before the next one has
//! come.

use super::session::Coding;

/// The number of bytes of a master element that ends with the stream (RFC 8794, 6.2).
const UNKNOWN: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// The headers before the frames; times are in half milliseconds.
pub fn head(coding: Coding) -> Vec<u8> {
    let codec = match coding {
        Coding::Jpeg => "V_MJPEG",
        // Without private data their frames have start codes (ITU-T H.264, annex B).
        Coding::H264 => "V_MPEG4/ISO/AVC",
        Coding::H265 => "V_MPEGH/ISO/HEVC",
    };
    let ebml = [
        element(&[0x42, 0x82], b"matroska"),
        element(&[0x42, 0x87], &[4]),
        element(&[0x42, 0x85], &[2]),
    ];
    let info = [
        element(&[0x2a, 0xd7, 0xb1], &500_000u32.to_be_bytes()),
        element(&[0x4d, 0x80], b"mattebox"),
        element(&[0x57, 0x41], b"mattebox"),
    ];
    let track = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[1]),
        // Frames don't wait for each other.
        element(&[0x9c], &[0]),
        element(&[0x86], codec.as_bytes()),
    ];
    [
        element(&[0x1a, 0x45, 0xdf, 0xa3], &ebml.concat()),
        vec![0x18, 0x53, 0x80, 0x67],
        UNKNOWN.to_vec(),
        element(&[0x15, 0x49, 0xa9, 0x66], &info.concat()),
        element(
            &[0x16, 0x54, 0xae, 0x6b],
            &element(&[0xae], &track.concat()),
        ),
    ]
    .concat()
}

/// The time of a frame at so many `milliseconds`, by which ffmpeg tells whether it is to be coded:
/// it is even then. See [`super::ffmpeg::decoder`].
pub fn time(milliseconds: u64, is_coded: bool) -> u64 {
    milliseconds
        .saturating_mul(2)
        .saturating_add(u64::from(!is_coded))
}

/// One frame, in a cluster of its own.
pub fn frame(time: u64, is_key: bool, data: &[u8]) -> Vec<u8> {
    // Track 1, at the cluster's time.
    let head = [0x81, 0, 0, if is_key { 0x80 } else { 0 }];
    let time = element(&[0xe7], &time.to_be_bytes());
    let block = element(&[0xa3], &[&head, data].concat());
    element(&[0x1f, 0x43, 0xb6, 0x75], &[time, block].concat())
}

fn element(id: &[u8], data: &[u8]) -> Vec<u8> {
    let length = data.len() as u64 | 1 << 56;
    [id, &length.to_be_bytes(), data].concat()
}
