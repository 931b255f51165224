//! The splicer of a stream.

mod bit_reader;
mod bit_writer;
mod block;
mod cache;
pub mod cost;
mod coverage;
mod dc_planes;
mod dct;
mod differences;
mod drawing;
mod frame;
mod huffman;
mod interleave;
mod intervals;
mod layout;
mod pending_mcus;
mod prepared;
mod registry;
mod rewriter;
mod rows;
mod skip_tables;
mod tile;
mod trail;
mod walk;
#[cfg(any(test, fuzzing))]
mod walk_check;

pub(crate) use dc_planes::DcPlane;
pub use drawing::{Drawing, Layer};
pub(crate) use frame::Frame;
pub(crate) use layout::Layout;
#[cfg(fuzzing)]
pub use walk_check::walks_agree;

use crate::error::Result;
use crate::mask::MaskPlan;
use crate::standard;
use cache::Cache;
use cost::Cost;
use rewriter::{Kept, Rewriter, TouchedBy};

/// Draws on JPEGs, and keeps between them what can be kept: tables, prepared drawings and memory.
/// Meant to be used for all frames of one stream.
#[derive(Default)]
pub struct Splicer {
    cache: Cache,
    touched: Vec<TouchedBy>,
    kept: Kept,
    /// Of the masks that the last frame had.
    pub(crate) mask_plan: Option<MaskPlan>,
    /// Stays empty: for walks that write nothing.
    scratch: Vec<u8>,
}

impl Splicer {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes to `out`, which is emptied first, what `jpeg` looks like with `drawings` on it, the
    /// first at the bottom. Blocks that no drawing touches keep their bits; everything before the
    /// coded data and behind it is kept, bytes behind EOI too. A JPEG without Huffman tables gets
    /// the standard ones.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) if this JPEG has to be decoded for it,
    /// most often decided before anything is done; [`Error::Damaged`](crate::Error::Damaged) if it
    /// is broken. What is broken behind the last drawn block need not be found. Then `out` holds
    /// nothing of use.
    pub fn splice(&mut self, jpeg: &[u8], drawings: &[&Drawing], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let frame = Frame::parse(jpeg)?;
        let layout = Layout::of(&frame);
        self.cache.prepare(&frame, &layout, drawings)?;
        self.collect_touched(drawings.len());
        // A little more than it had: most often enough.
        out.reserve(jpeg.len() + jpeg.len() / 8 + 1024);
        out.extend_from_slice(&jpeg[..frame.sos]);
        if frame.lacks_huffman() {
            standard::dht_segment(out);
        }
        out.extend_from_slice(&jpeg[frame.sos..frame.scan]);
        let kept = &mut self.kept;
        Rewriter::new(jpeg, &frame, &layout, &self.cache, kept, out).scan(&self.touched)
    }

    /// The estimated cost of [`Splicer::splice`] with these, and that of decoding, drawing and
    /// encoding. A drawing that was not there on the frame before has to be prepared; one that was
    /// counts as prepared, since it will pay.
    ///
    /// # Errors
    /// Those of [`Splicer::splice`] that the header tells.
    pub fn estimate(&mut self, jpeg: &[u8], drawings: &[&Drawing]) -> Result<Cost> {
        let frame = Frame::parse(jpeg)?;
        let layout = Layout::of(&frame);
        self.cache.find_drawings(&layout, drawings);
        self.collect_touched(drawings.len());
        let coded = jpeg.len() - frame.scan;
        Ok(Cost::of(coded, &frame, &layout, &self.cache, &self.touched))
    }

    /// About the memory that the prepared drawings take, in bytes.
    pub fn prepared_bytes(&self) -> u64 {
        let drawings = self.cache.drawings().iter();
        let prepared = drawings.filter(|drawing| drawing.prepared().is_some());
        prepared.map(|drawing| drawing.prepared_bytes()).sum()
    }

    /// Walks through all coded data of `jpeg` without changing anything: each restart interval has
    /// all its blocks, and the markers between them are there and in order. Other decoders may show
    /// something else than this JPEG where that is not so.
    ///
    /// # Errors
    /// Those of [`Splicer::splice`].
    pub fn verify(&mut self, jpeg: &[u8]) -> Result<()> {
        let frame = Frame::parse(jpeg)?;
        let layout = Layout::of(&frame);
        self.cache.prepare_tables(&frame, &layout)?;
        let (kept, out) = (&mut self.kept, &mut self.scratch);
        Rewriter::new(jpeg, &frame, &layout, &self.cache, kept, out).verify()
    }

    fn collect_touched(&mut self, drawings: usize) {
        self.touched.clear();
        for drawing in 0..drawings {
            let covered = self.cache.drawing(drawing).covered.iter().enumerate();
            self.touched
                .extend(covered.map(|(index, &(mcu, _))| TouchedBy {
                    mcu,
                    drawing: drawing as u32,
                    index: index as u32,
                }));
        }
        if drawings > 1 {
            self.touched
                .sort_unstable_by_key(|touched| (touched.mcu, touched.drawing));
        }
    }
}
