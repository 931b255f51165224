//! A part of a JPEG's rows as a JPEG of its own, so that no more has to be decoded.

use std::ops::Range;

use super::frame::Frame;
use super::intervals;
use super::layout::Layout;
use crate::error::Result;
use crate::jpeg::Jpeg;
use crate::marker;
use crate::segments::Segments;

impl Jpeg {
    /// A JPEG of the rows `wanted` (as they are stored, within the picture), and of those before
    /// that decoding them takes; and the number of its first row. With restart markers at the ends
    /// of rows of MCUs it begins near `wanted`, else at the top.
    ///
    /// # Errors
    /// Those of [`Splicer::splice`](crate::Splicer::splice) that lie before `wanted`.
    pub fn rows(&self, wanted: Range<u32>) -> Result<(Self, u32)> {
        let frame = Frame::parse(self)?;
        let layout = Layout::of(&frame);
        let (_, mcu) = layout.mcu();
        let (across, down) = layout.mcus();
        let interval = frame.interval(&layout);
        let is_start = |row: &u32| (row * across).is_multiple_of(interval);
        let first = (0..=wanted.start / mcu).rev().find(is_start).unwrap_or(0);
        let behind = wanted.end.div_ceil(mcu).min(down);
        let top = first * mcu;
        let height = (behind * mcu).min(layout.height) - top;
        let intervals = first * across / interval..(behind * across).div_ceil(interval);
        let mut out = self[..frame.scan].to_vec();
        set_height(&mut out, height);
        copy_intervals(self, frame.scan, intervals, &mut out)?;
        out.extend([0xff, marker::EOI]);
        Ok((self.with_rows(out, height), top))
    }
}

/// Writes the height into the frame header (T.81, B.2.2).
fn set_height(head: &mut [u8], height: u32) {
    let segments = Segments::new(head).into_iter().flatten();
    let mut frames = segments.flatten().filter(|it| marker::is_sof(it.marker));
    if let Some(start) = frames.next().map(|frame| frame.start) {
        // Behind the marker, the length and the precision.
        head[start + 5..start + 7].copy_from_slice(&(height as u16).to_be_bytes());
    }
}

/// Copies restart intervals, with their markers counted anew.
fn copy_intervals(jpeg: &[u8], scan: usize, wanted: Range<u32>, out: &mut Vec<u8>) -> Result<()> {
    let mut start = intervals::skip(jpeg, scan, 0..wanted.start)?;
    for number in wanted.clone() {
        if number > wanted.start {
            out.extend([0xff, marker::RST0 + ((number - wanted.start - 1) % 8) as u8]);
        }
        let end = intervals::next_marker(jpeg, start)?;
        out.extend_from_slice(&jpeg[start..end]);
        if number + 1 < wanted.end {
            start = intervals::skip(jpeg, start, number..number + 1)?;
        }
    }
    Ok(())
}
