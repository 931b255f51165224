//! The plain walk as the judge of the walk in pieces, for tests and the fuzzer.

use std::fmt::Debug;

use super::bit_reader::{BitPosition, BitReader};
use super::cache::Cache;
use super::differences::{DifferenceList, Differences, Sums};
use super::frame::Frame;
use super::interleave::{Stretch, in_pieces};
use super::layout::Layout;
use super::trail::Trail;
use super::walk::{Walk, WalkTables};
use crate::error::Result;

/// The result that two walks must have in common: blocks, DC differences, the position of the next
/// bit.
type Outcome<D> = (u32, D, BitPosition);

/// Walks over the first interval of `jpeg`, up to the MCU that comes after `mcus` 255ths of all,
/// plainly and in pieces.
/// `end` is where the pieces take that to end, in 255ths of the bytes: their division then.
///
/// Gives whether the pieces have joined; `None` if the walk comes to damage, or isn't one.
///
/// # Panics
/// If one of the two comes to another end than the other.
pub fn walks_agree(jpeg: &[u8], mcus: u8, end: u8, is_sure: bool) -> Option<bool> {
    let frame = Frame::parse(jpeg).ok()?;
    let layout = Layout::of(&frame);
    let mut cache = Cache::default();
    cache.prepare_tables(&frame, &layout).ok()?;
    let tables = WalkTables::of(&cache);
    let (across, down) = layout.mcus();
    let all_mcus = match frame.restart_interval {
        0 => across * down,
        interval => interval as u32,
    };
    let mcus = (u64::from(all_mcus) * u64::from(mcus) / 255) as u32;
    let stretch = Stretch {
        jpeg,
        scan: frame.scan,
        mcus: 0..mcus,
        all_mcus,
        blocks: mcus * tables.skip.blocks as u32,
    };
    let end = frame.scan + (jpeg.len() - frame.scan) * usize::from(end) / 255;
    let have_joined = agree::<Sums>(tables, &stretch, (end, is_sure));
    let lists_have_joined = agree::<DifferenceList>(tables, &stretch, (end, is_sure));
    assert_eq!(have_joined, lists_have_joined);
    have_joined
}

fn agree<'a, D: Differences + PartialEq + Debug>(
    tables: WalkTables<'_>,
    stretch: &Stretch<'a>,
    (end, is_sure): (usize, bool),
) -> Option<bool> {
    let begin = || Walk::<'a, D>::new(BitReader::new(stretch.jpeg, stretch.scan), tables, 0);
    let plain = finish(begin(), tables, stretch.blocks);
    let mut walk = begin();
    let mut trail = Trail::new(end);
    let have_joined = in_pieces(&mut walk, tables, stretch, (end, is_sure), &mut trail);
    let places = (0..=8).filter_map(|eighths| trail.last_within(0..stretch.blocks / 8 * eighths));
    for walk in std::iter::once(walk).chain(places) {
        match (&plain, finish(walk, tables, stretch.blocks)) {
            (Ok(plain), Ok(pieces)) => assert_eq!(*plain, pieces),
            (Err(_), Err(_)) => {}
            (plain, pieces) => panic!("{plain:?}, but in pieces {pieces:?}"),
        }
    }
    plain.is_ok().then_some(have_joined)
}

fn finish<D: Differences>(
    mut walk: Walk<'_, D>,
    tables: WalkTables<'_>,
    blocks: u32,
) -> Result<Outcome<D>> {
    walk.run(tables, blocks)?;
    let ended = walk.blocks();
    let position = walk.clone().into_reader().position();
    Ok((ended, walk.into_differences(), position))
}
