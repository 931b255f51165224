//! A long walk in three pieces at once, on one core.
//!
//! A walk is a chain: where a code starts is known when the one before it has been looked up, so a
//! processor waits most of the time. Three walks in one loop fill that time. But where to start the
//! second and the third? Huffman codes are self-synchronizing: a decoder that starts at any bit falls
//! into step with one that started at the first, sooner or later (Klein and Wiseman, "Parallel
//! Huffman Decoding with Applications to JPEG Files", 2003; Weissenberger and Schmidt, "Massively
//! Parallel Huffman Decoding on GPUs", 2018, and "Accelerating JPEG Decompression on GPUs", 2021;
//! Giesen, "Entropy coding in Oodle Data: Huffman coding", 2021, on several streams in one loop).
//! What follows in a scan depends on nothing but the bit and the block of the MCU (ITU-T T.81, E.2.3
//! and F.2.2; DC coefficients are differences), so:
//!
//! 1. The bytes of the walk are divided into three pieces, by where it ended in the frame before.
//! 2. At the start of the second and of the third, two walks that begin apart go on until they meet:
//!    they are most likely in step with the true one then. If they don't meet soon, as in flat
//!    pictures, nothing is lost.
//! 3. The true walk and the two go on in one loop.
//! 4. Each goes on until it is where the next one started: the same bit, the same block of the MCU.
//!    Only this proves the next one right. Its blocks and sums are used then; else the walk goes on
//!    plainly from what was proven.
//!
//! A stream whose pieces don't join is tried less and less often.

use std::ops::Range;

use super::bit_reader::BitReader;
use super::walk::{Walk, WalkTables, rounds_of_three};
use crate::error::Result;

/// Walks over fewer blocks than this aren't worth it.
const LEAST_BLOCKS: u32 = 3000;
/// Nor those over fewer bytes.
const LEAST_BYTES: usize = 4096;
/// Of so many blocks, two walks that are to meet may take one each.
const MEETING_SHARE: u32 = 64;
/// Of so many bytes, one is left for the plain walk, lest the last piece goes too far.
const MARGIN: usize = 128;
/// So few rounds are left to the plain walk.
const LEAST_ROUNDS: u32 = 4;
/// So many places in a picture are remembered.
const MOST_PLACES: usize = 16;
/// At most 2 to the power of this walks are done plainly before the next try.
const MOST_DOUBLINGS: u32 = 6;

/// What a stream's long walks have shown.
#[derive(Default)]
pub(crate) struct Interleave {
    /// For MCUs to which there was a walk: the share of the bytes from the scan on that came before
    /// it in the latest frame.
    places: Vec<(u32, f64)>,
    /// Tries in a row that came to nothing.
    failures: u32,
    /// Walks to be done plainly before the next try.
    wait: u32,
}

/// A part of a scan that is to be walked over.
pub(crate) struct Stretch<'a> {
    pub jpeg: &'a [u8],
    /// The first byte of the scan.
    pub scan: usize,
    pub mcus: Range<u32>,
    /// The MCUs of the whole scan.
    pub all_mcus: u32,
    /// The blocks of these MCUs.
    pub blocks: u32,
}

impl Interleave {
    /// Takes `walk`, which is at the start of `stretch`, as far through it as is quick.
    pub fn advance<'a>(
        &mut self,
        walk: &mut Walk<'a>,
        tables: WalkTables<'_>,
        stretch: &Stretch<'a>,
    ) {
        let end = self.expected_end(stretch, walk.byte());
        if stretch.blocks < LEAST_BLOCKS || end < walk.byte() + LEAST_BYTES {
            return;
        }
        if self.wait > 0 {
            self.wait -= 1;
        } else if in_pieces(walk, tables, stretch, end) {
            self.failures = 0;
        } else {
            self.failures = (self.failures + 1).min(MOST_DOUBLINGS);
            self.wait = (1 << self.failures) - 2;
        }
    }

    /// The byte where `stretch` ends if this frame is like the one before, or else if all of its
    /// MCUs are alike.
    fn expected_end(&self, stretch: &Stretch<'_>, start: usize) -> usize {
        let length = stretch.jpeg.len();
        let place = self.places.iter().find(|place| place.0 == stretch.mcus.end);
        let (from, share) = place.map_or_else(
            || {
                let mcus = stretch.all_mcus - stretch.mcus.start;
                (start, stretch.mcus.len() as f64 / f64::from(mcus))
            },
            |&(_, share)| (stretch.scan, share),
        );
        from + ((length - from) as f64 * share) as usize
    }

    /// Remembers that `stretch` ended at the byte `end`.
    pub fn note(&mut self, stretch: &Stretch<'_>, end: usize) {
        if stretch.blocks < LEAST_BLOCKS {
            return;
        }
        let share = (end - stretch.scan) as f64 / (stretch.jpeg.len() - stretch.scan) as f64;
        self.places.retain(|place| place.0 != stretch.mcus.end);
        self.places.truncate(MOST_PLACES - 1);
        self.places.push((stretch.mcus.end, share));
    }
}

/// Walks up to about the byte `end`. Leaves `walk` at the last place within `stretch` that is
/// proven. Gives whether the pieces have joined.
fn in_pieces<'a>(
    walk: &mut Walk<'a>,
    tables: WalkTables<'_>,
    stretch: &Stretch<'a>,
    end: usize,
) -> bool {
    let length = end - walk.byte();
    let most = stretch.blocks / MEETING_SHARE;
    let meet = |byte: usize| meeting(tables, stretch.jpeg, byte, most);
    let Some(second) = meet(walk.byte() + length / 3) else {
        return false;
    };
    let Some(third) = meet(walk.byte() + length / 3 * 2) else {
        return false;
    };
    let ends = [second.byte(), third.byte(), end - length / MARGIN];
    let mut walks = [walk.clone(), second.clone(), third.clone()];
    let is_sound = interleaved(&mut walks, tables, ends).is_ok();
    let [mut at, after_second, after_third] = walks;
    // Too far is no failure: next time it is known better where the stretch ends.
    let mut is_within = |at: &Walk<'a>| {
        // Not even as far, for it may be within the block behind.
        let is_within = at.blocks() < stretch.blocks;
        if is_within {
            *walk = at.clone();
        }
        is_within
    };
    for (start, next) in [(second, after_second), (third, after_third)] {
        let is_reached = at.reach(tables, &start);
        if !is_within(&at) {
            return true;
        }
        if !is_reached {
            return false;
        }
        at = next.behind(&at, &start);
    }
    is_within(&at);
    is_sound
}

/// Walks on in one loop until one comes near its end.
fn interleaved(walks: &mut [Walk<'_>; 3], tables: WalkTables<'_>, ends: [usize; 3]) -> Result<()> {
    loop {
        let rooms = walks.iter().zip(ends).map(|(walk, end)| walk.room(end));
        let rounds = rooms.min().unwrap_or(0);
        if rounds < LEAST_ROUNDS {
            return Ok(());
        }
        rounds_of_three(walks, tables, rounds)?;
        for walk in walks.iter() {
            walk.check()?;
        }
    }
}

/// Where two walks that begin apart, at or behind `byte`, meet; each may take `most` blocks.
fn meeting<'a>(tables: WalkTables<'_>, jpeg: &'a [u8], byte: usize, most: u32) -> Option<Walk<'a>> {
    let mut one = guess(tables, jpeg, byte, 0);
    let mut other = guess(tables, jpeg, byte + 2, tables.skip.blocks / 2);
    for _ in 0..2 * most {
        let places = (one.place(), other.place());
        if places.0 == places.1 {
            return Some(one.restarted());
        }
        let behind = if places.0 < places.1 {
            &mut one
        } else {
            &mut other
        };
        let block = behind.block();
        if behind.end_block(tables).is_err() {
            *behind = guess(tables, jpeg, behind.byte() + 1, block);
        }
    }
    None
}

/// A walk from the byte `at` on, as if a block began there.
fn guess<'a>(tables: WalkTables<'_>, jpeg: &'a [u8], at: usize, block: usize) -> Walk<'a> {
    let is_behind_ff = jpeg.get(at - 1) == Some(&0xff);
    let reader = BitReader::new(jpeg, at + usize::from(is_behind_ff));
    Walk::new(reader, tables, block)
}
