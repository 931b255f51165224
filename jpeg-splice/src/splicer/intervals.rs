//! Finds markers between and behind restart intervals without decoding (ITU-T T.81, B.2.1 and
//! E.1.4).

use std::ops::Range;

use crate::error::{Result, damaged};
use crate::marker;
use crate::segments::has_end;

/// Makes sure that EOI follows somewhere: else the JPEG was cut off.
pub(crate) fn check_end(jpeg: &[u8], scan: usize) -> Result<()> {
    if has_end(&jpeg[scan..]) {
        return Ok(());
    }
    damaged("the JPEG is cut off", jpeg.len())
}

/// The position of the next marker from `at` on, its fill bytes included.
pub(crate) fn next_marker(jpeg: &[u8], mut at: usize) -> Result<usize> {
    while let Some(ahead) = jpeg.get(at..).and_then(|data| memchr::memchr(0xff, data)) {
        at += ahead;
        match jpeg.get(at + 1) {
            Some(0) => at += 2,
            Some(_) => return Ok(at),
            None => break,
        }
    }
    damaged("the coded data is cut off", jpeg.len())
}

/// Skips intervals, each with the marker behind it, from a byte in the first of them on. Gives the
/// first byte behind.
pub(crate) fn skip(jpeg: &[u8], mut at: usize, intervals: Range<u32>) -> Result<usize> {
    for interval in intervals {
        at = next_marker(jpeg, at)?;
        while jpeg.get(at) == Some(&0xff) {
            at += 1;
        }
        if jpeg.get(at) != Some(&(marker::RST0 + (interval % 8) as u8)) {
            return damaged("a restart marker is missing", at);
        }
        at += 1;
    }
    Ok(at)
}
