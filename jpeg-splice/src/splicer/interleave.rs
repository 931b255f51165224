//! A long walk in three pieces at once, on one core.
//!
//! A walk is a chain: where a code starts is known when the one before it has been looked up, so a
//! processor waits most of the time. Three walks in one loop fill that time. But where to start the
//! second and the third? Huffman codes are self-synchronizing: a decoder that starts at any bit
//! falls into step with one that started at the first, sooner or later (Klein and Wiseman,
//! "Parallel Huffman Decoding with Applications to JPEG Files", 2003; Weissenberger and Schmidt,
//! "Massively Parallel Huffman Decoding on GPUs", 2018, and "Accelerating JPEG Decompression on
//! GPUs", 2021; Giesen, "Entropy coding in Oodle Data: Huffman coding", 2021, on several streams in
//! one loop). The rest of a scan depends on nothing but the bit and the block of the MCU (ITU-T
//! T.81, E.2.3 and F.2.2; DC coefficients are differences), so:
//!
//! 1. The bytes of the walk are divided into three pieces, by where it ended in the frame before.
//! 2. At the start of the second and of the third a walk begins that is most likely in step after
//!    some blocks. Unless the frame before has shown it, a second one that begins apart must come
//!    to the same place: in flat pictures it does not, and next to nothing is lost.
//! 3. The true walk and the two go on in one loop.
//! 4. Each goes on until it is where the next one started: the same bit, the same block of the MCU.
//!    Only this proves the next one right. Its blocks and sums are used then; else the walk goes on
//!    plainly from what was proven.
//!
//! A stream whose pieces don't join is tried less and less often.

use std::ops::Range;

use super::bit_reader::BitReader;
use super::differences::Differences;
use super::trail::Trail;
use super::walk::{Walk, WalkTables, rounds_of_three};
use crate::error::Result;

/// Walks over fewer blocks than this aren't worth it.
const LEAST_BLOCKS: u32 = 1500;
/// Nor those over fewer bytes.
const LEAST_BYTES: usize = 4096;
/// After so many blocks a walk that began anywhere is most likely in step.
const IN_STEP_BLOCKS: u32 = 160;
/// But no more than this part of the blocks.
const IN_STEP_SHARE: u32 = 72;
/// So often such a walk may meet bits that are no code.
const MOST_GUESSES: u32 = 32;
/// Of so many bytes, one is left for the plain walk, lest the last piece goes too far.
const MARGIN: usize = 128;
/// So few rounds are left to the plain walk.
const LEAST_ROUNDS: u32 = 4;
/// So many places in a picture are remembered.
const MOST_PLACES: usize = 16;
/// At most 2 to the power of this walks are done plainly before the next try.
const MOST_DOUBLINGS: u32 = 6;

/// The experience with a stream's long walks, by which the next ones are divided or left plain.
#[derive(Default)]
pub(crate) struct Interleave {
    /// For MCUs to which there was a walk: the share of the bytes from the scan on that came before
    /// it, the latest last.
    places: Vec<(u32, f64)>,
    /// Whether the pieces of the latest try have joined.
    has_joined: bool,
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
    /// Takes `walk`, which is at the start of `stretch`, as far through it as is quick. `trail`
    /// gets the places on the way.
    pub fn advance<'a, D: Differences>(
        &mut self,
        walk: &mut Walk<'a, D>,
        tables: WalkTables<'_>,
        stretch: &Stretch<'a>,
        trail: &mut Trail<'a, D>,
    ) {
        let end = self.expected_byte(stretch, stretch.mcus.end, walk.byte());
        if stretch.blocks < LEAST_BLOCKS || end < walk.byte() + LEAST_BYTES {
            return;
        }
        if self.wait > 0 {
            self.wait -= 1;
            return;
        }
        self.has_joined = in_pieces(walk, tables, stretch, (end, !self.has_joined), trail);
        if self.has_joined {
            self.failures = 0;
        } else {
            self.failures = (self.failures + 1).min(MOST_DOUBLINGS);
            self.wait = (1 << self.failures) - 2;
        }
    }

    /// The byte at which the MCU `wanted` of `stretch`, which starts at the byte `start`, begins if
    /// this frame is like those before.
    pub fn expected_byte(&self, stretch: &Stretch<'_>, wanted: u32, start: usize) -> usize {
        let bytes = stretch.jpeg.len() - stretch.scan;
        // Between the nearest places that are known, MCUs are taken for alike.
        let (mut before, mut behind) = (stretch.mcus.start, stretch.all_mcus);
        let mut shares = ((start - stretch.scan) as f64 / bytes as f64, 1.0);
        for &(mcu, share) in &self.places {
            if (before..=wanted).contains(&mcu) {
                (before, shares.0) = (mcu, share);
            }
            if (wanted..=behind).contains(&mcu) {
                (behind, shares.1) = (mcu, share);
            }
        }
        let way = f64::from(wanted - before) / f64::from((behind - before).max(1));
        stretch.scan + (bytes as f64 * (shares.0 + (shares.1 - shares.0) * way)) as usize
    }

    /// Remembers that the MCU `mcu` of `stretch`, or the end of its last one, is at `byte`.
    pub fn note(&mut self, stretch: &Stretch<'_>, mcu: u32, byte: usize) {
        if stretch.blocks < LEAST_BLOCKS {
            return;
        }
        let share = (byte - stretch.scan) as f64 / (stretch.jpeg.len() - stretch.scan) as f64;
        self.places.retain(|place| place.0 != mcu);
        if self.places.len() == MOST_PLACES {
            self.places.remove(0);
        }
        self.places.push((mcu, share));
    }
}

/// Walks up to about the byte `end`. Leaves `walk` at the last place within `stretch` that is
/// proven, and those on the way in `trail`. Gives whether the pieces have joined.
pub(crate) fn in_pieces<'a, D: Differences>(
    walk: &mut Walk<'a, D>,
    tables: WalkTables<'_>,
    stretch: &Stretch<'a>,
    (end, is_sure): (usize, bool),
    trail: &mut Trail<'a, D>,
) -> bool {
    let length = end - walk.byte();
    let blocks = (stretch.blocks / IN_STEP_SHARE).min(IN_STEP_BLOCKS);
    let start = |at: usize| in_step(tables, stretch.jpeg, at, (blocks, is_sure));
    let Some(second) = start(walk.byte() + length / 3) else {
        return false;
    };
    let Some(third) = start(walk.byte() + length / 3 * 2) else {
        return false;
    };
    let ends = [second.byte(), third.byte(), end - length / MARGIN];
    let mut walks = [walk.clone(), second.clone(), third.clone()];
    let mut places = [const { Vec::new() }; 3];
    let is_sound = interleaved(&mut walks, tables, ends, (trail, &mut places)).is_ok();
    let [mut at, after_second, after_third] = walks;
    let [places, after_second_places, after_third_places] = places;
    trail.add(None, places);
    let mut proven = None;
    for (start, next, places) in [
        (second, after_second, after_second_places),
        (third, after_third, after_third_places),
    ] {
        let is_reached = at.reach(tables, &start).is_ok_and(|is_there| is_there);
        // Not even as far as its end, for it may be within the block behind.
        if at.blocks() >= stretch.blocks {
            break;
        }
        if !is_reached {
            *walk = at;
            return false;
        }
        proven = Some(at.mark());
        trail.add(Some((&at, &start)), places);
        at = at.join(next, &start);
    }
    let is_too_far = at.blocks() >= stretch.blocks;
    match proven {
        // That is no failure: next time it is known better where the stretch ends.
        Some(proven) if is_too_far => *walk = at.back(proven),
        None if is_too_far => {}
        _ => *walk = at,
    }
    is_too_far || is_sound
}

/// Walks on in one loop until one comes near its end. The `places` on the way are noted
/// for `trail`.
fn interleaved<'a, D: Differences>(
    walks: &mut [Walk<'a, D>; 3],
    tables: WalkTables<'_>,
    ends: [usize; 3],
    (trail, places): (&Trail<'a, D>, &mut [Vec<Walk<'a, D>>; 3]),
) -> Result<()> {
    loop {
        let rooms = walks.iter().zip(ends).map(|(walk, end)| walk.room(end));
        let rounds = rooms.min().unwrap_or(0);
        if rounds < LEAST_ROUNDS {
            return Ok(());
        }
        rounds_of_three(walks, tables, rounds.min(trail.spacing(walks)))?;
        for walk in walks.iter() {
            walk.check()?;
        }
        if trail.is_kept() {
            for (walk, places) in walks.iter().zip(&mut *places) {
                places.push(walk.clone());
            }
        }
    }
}

/// A walk that began at the byte `at` and went on for `blocks` blocks, with nothing counted yet. If
/// `is_sure`, another one that began apart has come to the same place.
fn in_step<'a, D: Differences>(
    tables: WalkTables<'_>,
    jpeg: &'a [u8],
    at: usize,
    (blocks, is_sure): (u32, bool),
) -> Option<Walk<'a, D>> {
    let go = |at: usize, block: usize, run: &dyn Fn(&mut Walk<'a, D>) -> Result<bool>| {
        let mut walk = guess(tables, jpeg, at, block);
        for _ in 0..MOST_GUESSES {
            match run(&mut walk) {
                Ok(is_there) => return is_there.then_some(walk),
                // Out of step, it met bits that are no code.
                Err(_) => walk = guess(tables, jpeg, walk.byte(), walk.block()),
            }
        }
        None
    };
    let walk = go(at, 0, &|walk| walk.run(tables, blocks).map(|()| true))?;
    if is_sure {
        let apart = tables.skip.blocks / 2;
        go(at + 2, apart, &|other| other.reach(tables, &walk))?;
    }
    Some(walk.restarted())
}

/// A walk from the byte `at` on, as if a block began there.
fn guess<'a, D: Differences>(
    tables: WalkTables<'_>,
    jpeg: &'a [u8],
    at: usize,
    block: usize,
) -> Walk<'a, D> {
    let is_behind_ff = jpeg.get(at - 1) == Some(&0xff);
    let reader = BitReader::new(jpeg, at + usize::from(is_behind_ff));
    Walk::new(reader, tables, block)
}

#[cfg(test)]
mod tests {
    use super::super::walk_check::walks_agree;
    use super::*;
    use crate::{Drawing, Layer, Splicer};
    use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

    const SAMPLINGS: [Subsampling; 5] = [
        Subsampling::S444,
        Subsampling::S422,
        Subsampling::S420,
        Subsampling::S440,
        Subsampling::S411,
    ];

    fn encode(size: (usize, usize), sampling: Subsampling, rgb: &[u8]) -> Vec<u8> {
        Encoder::new(rgb, size.0, size.1, PixelFormat::Rgb)
            .quality(80)
            .subsampling(sampling)
            .encode()
            .unwrap()
    }

    /// Shapes with grain.
    fn scene(sampling: Subsampling, seed: u32) -> Vec<u8> {
        let (width, height) = (640, 480);
        let mut state = seed;
        let pixels = (0..width * height).flat_map(|at: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (x, y) = (at % width, at / width);
            let shape = if (x / 37 + y / 29 + seed).is_multiple_of(3) {
                70
            } else {
                0
            };
            let grain = (state >> 28) * (1 + y / 160);
            [x / 5 + grain, y / 4 + shape, 90 + shape + grain / 2].map(|value| value as u8)
        });
        encode((640, 480), sampling, &pixels.collect::<Vec<u8>>())
    }

    fn flat(sampling: Subsampling) -> Vec<u8> {
        encode((640, 480), sampling, &[90; 640 * 480 * 3])
    }

    /// All of the scan, by where it ends, as far as that is known before.
    fn whole(jpeg: &[u8]) -> Option<bool> {
        walks_agree(jpeg, 255, 255, true)
    }

    #[test]
    fn pieces_join_in_pictures_of_every_sampling() {
        for sampling in SAMPLINGS {
            let joined = (0..20).filter(|seed| whole(&scene(sampling, *seed)) == Some(true));
            assert!(joined.count() >= 18, "{sampling:?}");
        }
    }

    #[test]
    fn wherever_the_pieces_are_taken_to_end_the_walk_ends_alike() {
        for sampling in SAMPLINGS {
            let jpeg = scene(sampling, 7);
            for mcus in [1, 50, 128, 254, 255] {
                for end in (0..=255).step_by(15) {
                    walks_agree(&jpeg, mcus, end, end % 2 == 0);
                }
            }
        }
    }

    #[test]
    fn frames_of_other_software_are_walked_alike() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/jpegs");
        let mut joined = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let Ok(jpeg) = std::fs::read(file.unwrap().path()) else {
                continue;
            };
            for mcus in (0..=255).step_by(17) {
                for end in (0..=255).step_by(51) {
                    let is_joined = walks_agree(&jpeg, mcus, end, end == 255);
                    joined += usize::from(is_joined == Some(true));
                }
            }
        }
        assert!(joined > 100, "{joined}");
    }

    #[test]
    fn flat_pictures_are_walked_alike_whether_they_fall_into_step_or_not() {
        for sampling in SAMPLINGS {
            for is_sure in [false, true] {
                assert!(walks_agree(&flat(sampling), 255, 255, is_sure).is_some());
            }
        }
        // The blocks of others end in the same bits whatever block it is.
        assert_eq!(whole(&flat(Subsampling::S420)), Some(false));
    }

    #[test]
    fn a_scan_that_is_cut_off_or_has_wrong_codes_fails_in_pieces_as_it_does_plainly() {
        let jpeg = scene(Subsampling::S420, 3);
        let eoi = [0xff, 0xd9];
        for share in 1..20 {
            let at = jpeg.len() * share / 20;
            assert_eq!(whole(&[&jpeg[..at], &eoi].concat()), None, "{share}");
            for wrong in [[0xff, 0xd3], [0xfe, 0xff], [0, 0], [0x55, 0xaa]] {
                let mut jpeg = jpeg.clone();
                jpeg[at..at + 2].copy_from_slice(&wrong);
                jpeg[at + 2] = 0;
                whole(&jpeg);
            }
        }
    }

    fn interleave_after(jpeg: &[u8], frames: usize) -> (usize, Interleave) {
        let mut splicer = Splicer::new();
        let tries = (0..frames).filter(|_| {
            let is_due = splicer.kept.interleave.wait == 0;
            splicer.verify(jpeg).unwrap();
            is_due
        });
        (tries.count(), splicer.kept.interleave)
    }

    #[test]
    fn a_stream_that_never_falls_into_step_is_tried_seldom() {
        let (tries, interleave) = interleave_after(&flat(Subsampling::S420), 300);
        assert!(!interleave.has_joined);
        assert!((8..=10).contains(&tries), "{tries}");
        let (tries, interleave) = interleave_after(&scene(Subsampling::S422, 1), 20);
        assert!(interleave.has_joined);
        assert_eq!(tries, 20);
    }

    #[test]
    fn where_a_walk_ended_is_remembered() {
        let jpeg = scene(Subsampling::S422, 5);
        let pixel = |y| {
            let layer = Layer {
                x: 8,
                y,
                width: 1,
                height: 1,
                rgba: vec![255; 4],
            };
            Drawing::new(vec![layer]).unwrap()
        };
        let (middle, bottom) = (pixel(240), pixel(470));
        let (mut splicer, mut out) = (Splicer::new(), Vec::new());
        splicer.splice(&jpeg, &[&middle], &mut out).unwrap();
        let places = &splicer.kept.interleave.places;
        let mcus: Vec<_> = places.iter().map(|place| place.0).collect();
        assert_eq!(mcus, [30 * 40]);
        assert!(places[0].1 > 0.25 && places[0].1 < 0.45, "more grain below");
        for _ in 0..100 {
            splicer
                .splice(&jpeg, &[&pixel(0), &bottom], &mut out)
                .unwrap();
        }
        assert!(splicer.kept.interleave.places.len() <= MOST_PLACES);
    }
}
