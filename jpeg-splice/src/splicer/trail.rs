//! The places that a walk in pieces came by. To come to many places of a scan, it is walked over
//! once, three pieces at a time, and then from the nearest place before each.

use std::ops::Range;

use super::differences::Differences;
use super::walk::Walk;

/// Rounds from one place to the next: about a hundred blocks of a camera's picture.
const SPACING: u32 = 96;
/// The same before the first place that is wanted, as far as that is known.
const FAR_SPACING: u32 = 1024;

/// The places, in the order of the scan.
pub(crate) struct Trail<'a, D> {
    /// The byte from which on places are wanted.
    from: usize,
    pieces: Vec<Piece<'a, D>>,
}

/// Those of one of the pieces.
struct Piece<'a, D> {
    /// The walk before it, and the place where that met this piece's start.
    joint: Option<(Walk<'a, D>, Walk<'a, D>)>,
    places: Vec<Walk<'a, D>>,
}

impl<'a, D: Differences> Trail<'a, D> {
    /// Keeps places, most of them from the byte `from` on.
    pub fn new(from: usize) -> Self {
        let pieces = Vec::new();
        Self { from, pieces }
    }

    /// Keeps none.
    pub fn none() -> Self {
        Self::new(usize::MAX)
    }

    /// Whether it keeps any.
    pub fn is_kept(&self) -> bool {
        self.from < usize::MAX
    }

    /// The rounds from here, where `walks` are, to the next places.
    pub fn spacing(&self, walks: &[Walk<'a, D>; 3]) -> u32 {
        match walks.iter().any(|walk| walk.byte() >= self.from) {
            true => SPACING,
            false => FAR_SPACING,
        }
    }

    /// Adds the places of a piece. All but the first have a joint: the walk that has come to the
    /// piece's start, and that start.
    pub fn add(&mut self, joint: Option<(&Walk<'a, D>, &Walk<'a, D>)>, places: Vec<Walk<'a, D>>) {
        if !places.is_empty() {
            let joint = joint.map(|(before, start)| (before.clone(), start.clone()));
            self.pieces.push(Piece { joint, places });
        }
    }

    /// A walk at the last place at which so many blocks have ended, and more than at its start.
    pub fn last_within(&self, blocks: Range<u32>) -> Option<Walk<'a, D>> {
        let start = |piece: &Piece<'_, D>| piece.joint.as_ref().map_or(0, |it| it.0.blocks());
        let is_before =
            |piece: &&Piece<'_, D>| start(piece) + piece.places[0].blocks() < blocks.end;
        let piece = self.pieces.iter().rfind(is_before)?;
        let ended = |place: &Walk<'_, D>| start(piece) + place.blocks();
        let count = (piece.places).partition_point(|place| ended(place) < blocks.end);
        let place = &piece.places[count - 1];
        (ended(place) > blocks.start).then(|| match &piece.joint {
            Some((walk, start)) => walk.clone().join(place.clone(), start),
            None => place.clone(),
        })
    }
}
