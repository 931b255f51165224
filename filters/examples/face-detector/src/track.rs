//! Numbers that faces keep while they are seen.

use crate::face::Face;

/// The time that a face may be out of sight, in milliseconds.
const REMEMBERED_MS: u64 = 2000;
/// The part that a face has in common with itself at the look before, at least.
const SAME: f32 = 0.1;

struct Track {
    number: u64,
    face: Face,
    seen_ms: u64,
}

/// The faces that were seen lately.
#[derive(Default)]
pub struct Tracks {
    tracks: Vec<Track>,
    next: u64,
}

impl Tracks {
    /// The faces where they were last.
    pub fn faces(&self) -> impl Iterator<Item = &Face> {
        self.tracks.iter().map(|track| &track.face)
    }

    /// Gives each face its number: that of the face which was there before, or a new one.
    pub fn follow(&mut self, faces: Vec<Face>, now_ms: u64) -> Vec<(Face, u64)> {
        self.tracks
            .retain(|track| now_ms.saturating_sub(track.seen_ms) <= REMEMBERED_MS);
        let mut before = std::mem::take(&mut self.tracks);
        let mut numbered = Vec::with_capacity(faces.len());
        for face in faces {
            let number = match nearest(&before, &face) {
                Some(index) => before.swap_remove(index).number,
                None => self.new_number(),
            };
            numbered.push((face, number));
        }
        self.tracks = before;
        self.tracks
            .extend(numbered.iter().map(|&(face, number)| Track {
                number,
                face,
                seen_ms: now_ms,
            }));
        numbered
    }

    fn new_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn nearest(tracks: &[Track], face: &Face) -> Option<usize> {
    let overlaps = tracks.iter().map(|track| track.face.overlap(face));
    let (index, overlap) = overlaps.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (overlap >= SAME).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32) -> Face {
        Face {
            x,
            y: 0.0,
            width: 40.0,
            height: 40.0,
            score: 0.9,
        }
    }

    fn numbers(tracks: &mut Tracks, xs: &[f32], now_ms: u64) -> Vec<u64> {
        let faces = xs.iter().map(|&x| face(x)).collect();
        let tracked = tracks.follow(faces, now_ms).into_iter();
        tracked.map(|(_, number)| number).collect()
    }

    #[test]
    fn a_face_keeps_its_number_while_it_moves_and_for_two_seconds() {
        let mut tracks = Tracks::default();
        assert_eq!(numbers(&mut tracks, &[0.0, 100.0], 0), [1, 2]);
        assert_eq!(numbers(&mut tracks, &[110.0, 20.0], 200), [2, 1]);
        assert_eq!(numbers(&mut tracks, &[110.0], 400), [2]);
        assert_eq!(numbers(&mut tracks, &[25.0], 2200), [1]);
        assert_eq!(numbers(&mut tracks, &[110.0], 4000), [3]);
    }
}
