//! Numbers that things keep while they move.

/// Seconds for which something that is out of sight is remembered.
const MEMORY_SECONDS: f32 = 2.0;
/// The speed of something, in its own size a second.
const SPEED: f32 = 1.5;
/// Seconds in which the speed of something is averaged.
const SPEED_SECONDS: f32 = 0.5;

/// A rectangle in pixels of the small picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Box {
    /// The left edge.
    pub left: f32,
    /// The top edge.
    pub top: f32,
    /// The right edge, beyond the last pixel.
    pub right: f32,
    /// The bottom edge, beyond the last pixel.
    pub bottom: f32,
}

impl Box {
    fn center(&self) -> [f32; 2] {
        [
            f32::midpoint(self.left, self.right),
            f32::midpoint(self.top, self.bottom),
        ]
    }

    fn longer_side(&self) -> f32 {
        (self.right - self.left).max(self.bottom - self.top)
    }

    fn moved(&self, [x, y]: [f32; 2]) -> Self {
        Self {
            left: self.left + x,
            top: self.top + y,
            right: self.right + x,
            bottom: self.bottom + y,
        }
    }

    fn area(&self) -> f32 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    /// The part of both that is in both, 0 to 1 (intersection over union).
    fn overlap(&self, other: &Self) -> f32 {
        let common = Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        common.area() / (self.area() + other.area() - common.area())
    }
}

/// Something that is followed.
struct Track {
    number: u64,
    place: Box,
    /// Pixels a second.
    speed: [f32; 2],
    /// Seconds since it was seen.
    unseen: f32,
    /// Looks in which it was seen.
    seen: u32,
}

impl Track {
    fn expected(&self) -> Box {
        self.place.moved(self.speed.map(|it| it * self.unseen))
    }

    /// How well a thing at `place` is this one, if it can be.
    fn likeness(&self, place: &Box) -> Option<f32> {
        let expected = self.expected();
        let [x, y] = [0, 1].map(|it| expected.center()[it] - place.center()[it]);
        let size = expected.longer_side().max(place.longer_side());
        let reach = size * (0.5 + SPEED * self.unseen) + 1.0;
        let distance = x.hypot(y) / reach;
        (distance < 1.0).then(|| expected.overlap(place) - distance)
    }

    fn follow(&mut self, place: Box) {
        let part = 1.0 - (-self.unseen / SPEED_SECONDS).exp();
        if self.unseen > 0.0 {
            for (axis, speed) in self.speed.iter_mut().enumerate() {
                let way = place.center()[axis] - self.place.center()[axis];
                *speed += part * (way / self.unseen - *speed);
            }
        }
        self.place = place;
        self.unseen = 0.0;
        self.seen = self.seen.saturating_add(1);
    }
}

/// The things that are followed.
#[derive(Default)]
pub struct Tracks {
    tracks: Vec<Track>,
    last_number: u64,
}

impl Tracks {
    /// The number of each of the things at `places`, `seconds` after the last look, and in how many
    /// looks it was seen. The most alike go first (greedy assignment); what is like nothing gets a
    /// new number.
    pub fn follow(&mut self, places: &[Box], seconds: f32) -> Vec<(u64, u32)> {
        for track in &mut self.tracks {
            track.unseen += seconds;
        }
        let mut found = vec![None; places.len()];
        let mut taken = vec![false; self.tracks.len()];
        for (_, thing, track) in self.pairs(places) {
            if found[thing].is_none() && !taken[track] {
                taken[track] = true;
                self.tracks[track].follow(places[thing]);
                found[thing] = Some((self.tracks[track].number, self.tracks[track].seen));
            }
        }
        self.tracks
            .retain(|it| it.unseen <= MEMORY_SECONDS.max(1.5 * seconds));
        let numbers = found.into_iter().zip(places);
        numbers
            .map(|(found, place)| found.unwrap_or_else(|| self.begin(*place)))
            .collect()
    }

    /// The pairs of a thing and a track that can be the same, the most alike first.
    fn pairs(&self, places: &[Box]) -> Vec<(f32, usize, usize)> {
        let mut pairs = Vec::new();
        for (thing, place) in places.iter().enumerate() {
            for (at, track) in self.tracks.iter().enumerate() {
                if let Some(likeness) = track.likeness(place) {
                    pairs.push((likeness, thing, at));
                }
            }
        }
        pairs.sort_by(|one, other| other.0.total_cmp(&one.0));
        pairs
    }

    fn begin(&mut self, place: Box) -> (u64, u32) {
        self.last_number += 1;
        self.tracks.push(Track {
            number: self.last_number,
            place,
            speed: [0.0; 2],
            unseen: 0.0,
            seen: 1,
        });
        (self.last_number, 1)
    }

    /// Forgets all; no number comes again.
    pub fn clear(&mut self) {
        self.tracks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(left: f32, top: f32) -> Box {
        Box {
            left,
            top,
            right: left + 4.0,
            bottom: top + 8.0,
        }
    }

    fn numbers(tracks: &mut Tracks, places: &[Box]) -> Vec<u64> {
        let found = tracks.follow(places, 0.2);
        found.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn two_things_that_pass_one_another_keep_their_numbers() {
        let mut tracks = Tracks::default();
        for step in 0..20 {
            let way = step as f32 * 2.0;
            let places = [at(way, 10.0), at(40.0 - way, 16.0)];
            assert_eq!(numbers(&mut tracks, &places), [1, 2], "{step}");
        }
    }

    #[test]
    fn what_is_hidden_for_a_moment_keeps_its_number_and_longer_not() {
        let mut tracks = Tracks::default();
        for step in 0..5 {
            numbers(&mut tracks, &[at(step as f32, 10.0)]);
        }
        for _ in 5..10 {
            numbers(&mut tracks, &[]);
        }
        assert_eq!(numbers(&mut tracks, &[at(10.0, 10.0)]), [1]);
        for _ in 0..11 {
            numbers(&mut tracks, &[]);
        }
        assert_eq!(numbers(&mut tracks, &[at(12.0, 10.0)]), [2]);
    }

    #[test]
    fn what_comes_elsewhere_gets_a_number_of_its_own() {
        let mut tracks = Tracks::default();
        assert_eq!(numbers(&mut tracks, &[at(0.0, 0.0)]), [1]);
        assert_eq!(numbers(&mut tracks, &[at(50.0, 0.0), at(1.0, 0.0)]), [2, 1]);
    }
}
