//! The detector: from one look to the next.

use crate::areas::Areas;
use crate::background::{Background, Difference};
use crate::config::Config;
use crate::event::{Event, EventClock};
use crate::luma::{Luma, SHRINK};
use crate::shape::{dilate, groups, open};
use crate::track::{Box, Tracks};

/// The first looks and seconds, in which the average and the noise are learned.
const LEARNING_LOOKS: u32 = 3;
const LEARNING_SECONDS: f32 = 1.0;
/// Seconds after which a picture has nothing to do with the last.
const LONGEST_PAUSE: f32 = 30.0;
/// The part of the threshold that pixels beside what moves must reach to belong to it.
const WEAK: f32 = 0.6;
/// What is this much larger than `min-area` and stronger than `threshold` is told at the first
/// sight; what is less must be seen twice.
const SURE: f32 = 2.0;
/// The part of the picture that may differ after a change of light is made up for: then it was
/// even, and what moves can still be told.
const EVEN: f32 = 0.5;
/// The most regions.
const REGIONS: usize = 64;

/// Something that moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its left and top edge, width and height, in pixels of the full picture.
    pub area: [u32; 4],
    /// How sure it is, 0.5 to 1: how far it is above the threshold.
    pub score: f32,
    /// A number that it keeps while it moves.
    pub track: u64,
    /// The names of the zones that it is in, the smallest zone first.
    pub zones: Vec<String>,
}

impl Region {
    /// The name of the smallest zone that it is in, or `motion`.
    pub fn label(&self) -> &str {
        self.zones.first().map_or("motion", String::as_str)
    }
}

/// The findings of a look.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// What moves, the largest first.
    pub regions: Vec<Region>,
    /// What it means for the event.
    pub event: Event,
    /// The kind of the look.
    pub look: Look,
    /// The part of the picture that differs from the average, 0 to 1.
    pub changed: f32,
    /// For each pixel of the small picture, 255 if it moves, 64 if it is not looked at, else 0.
    pub picture: Vec<u8>,
}

/// The kind of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The average is taken from the first pictures: nothing can be found.
    Learning,
    /// The light changed all at once: the average is taken over anew.
    Lightning,
    /// The picture was compared with the average.
    Compared,
}

/// Finds what moves.
pub struct Detector {
    config: Config,
    event: EventClock,
    tracks: Tracks,
    scene: Option<Scene>,
}

/// The knowledge of a picture of one size.
struct Scene {
    full: (u32, u32),
    size: (usize, usize),
    areas: Areas,
    background: Background,
    difference: Difference,
    looks: u32,
    /// Seconds since the first.
    seconds: f32,
    last_ms: u64,
}

impl Detector {
    /// A detector with these settings.
    ///
    /// # Errors
    /// One is out of its range.
    pub fn new(config: Config) -> Result<Self, String> {
        let config = config.checked()?;
        Ok(Self {
            event: EventClock::new(config.event_gap),
            config,
            tracks: Tracks::default(),
            scene: None,
        })
    }

    /// What moves in `luma`, the eighth-size picture of one of `full_size`, captured so many
    /// milliseconds after 1970. May come at any rate, also an uneven one.
    pub fn look(&mut self, luma: Luma, captured_at_ms: u64, full_size: (u32, u32)) -> Findings {
        let scene = self.scene.take();
        let scene = scene.filter(|it| it.is_continued(luma, captured_at_ms, full_size));
        let (mut scene, seconds) = match scene {
            Some(mut scene) => {
                let seconds = scene.seconds_to(captured_at_ms);
                scene.last_ms = captured_at_ms;
                scene.seconds += seconds;
                scene.looks += 1;
                (scene, seconds)
            }
            None => {
                self.tracks.clear();
                (
                    Scene::new(luma, captured_at_ms, full_size, &self.config),
                    0.0,
                )
            }
        };
        let findings = self.look_at(&mut scene, luma, seconds);
        self.scene = Some(scene);
        findings
    }

    fn look_at(&mut self, scene: &mut Scene, luma: Luma, seconds: f32) -> Findings {
        if scene.is_learning() {
            scene.learn_first(luma);
            return self.nothing(scene, Look::Learning, 0.0);
        }
        let changed = scene.compare(luma, self.config.threshold);
        if f64::from(changed) >= self.config.lightning_threshold && scene.difference.left > EVEN {
            *scene = Scene::new(luma, scene.last_ms, scene.full, &self.config);
            self.tracks.clear();
            return self.nothing(scene, Look::Lightning, changed);
        }
        let moving = moving(&scene.difference, luma.width);
        scene.learn(luma, &moving, seconds);
        let regions = self.regions(scene, &moving, seconds);
        let picture = scene.areas.picture(&moving);
        self.findings(scene, regions, Look::Compared, changed, picture)
    }

    fn nothing(&mut self, scene: &Scene, look: Look, changed: f32) -> Findings {
        let picture = scene.areas.picture(&vec![false; scene.areas.counts.len()]);
        self.findings(scene, Vec::new(), look, changed, picture)
    }

    fn findings(
        &mut self,
        scene: &Scene,
        regions: Vec<Region>,
        look: Look,
        changed: f32,
        picture: Vec<u8>,
    ) -> Findings {
        Findings {
            event: self.event.look(!regions.is_empty(), scene.last_ms),
            regions,
            look,
            changed,
            picture,
        }
    }

    fn regions(&mut self, scene: &Scene, moving: &[bool], seconds: f32) -> Vec<Region> {
        let width = scene.size.0;
        let least = self.config.min_area as f32 * moving.len() as f32;
        let joined = groups(&dilate(moving, width), width);
        let things = joined.into_iter().filter_map(|group| {
            let pixels: Vec<_> = group.into_iter().filter(|&at| moving[at]).collect();
            Thing::new(pixels, &scene.difference.strength, width)
        });
        let mut things: Vec<_> = things
            .filter(|it| it.pixels.len() as f32 >= least)
            .collect();
        things.sort_by_key(|it| std::cmp::Reverse(it.pixels.len()));
        things.truncate(REGIONS);
        let places: Vec<_> = things.iter().map(|it| it.place).collect();
        let tracks = self.tracks.follow(&places, seconds);
        let is_told = |(thing, (_, seen)): &(Thing, (u64, u32))| {
            *seen > 1 || thing.strength > SURE && thing.pixels.len() as f32 > SURE * least
        };
        let told = things.into_iter().zip(tracks).filter(is_told);
        told.filter_map(|(thing, (track, _))| {
            let zones = scene.areas.zones_of(&thing.pixels, thing.foot(width))?;
            Some(Region {
                area: scene.in_full(&thing.place),
                score: 1.0 - 0.5 / thing.strength.max(1.0),
                track,
                zones,
            })
        })
        .collect()
    }
}

/// The pixels that move: squares of strong ones, and the weaker ones beside them.
fn moving(difference: &Difference, width: usize) -> Vec<bool> {
    let stronger = |than: f32| difference.strength.iter().map(move |it| *it > than);
    let strong: Vec<_> = stronger(1.0).collect();
    let near = dilate(&open(&strong, width), width);
    let moving = near.iter().zip(stronger(WEAK));
    moving.map(|(near, weak)| *near && weak).collect()
}

/// Pixels that move together.
struct Thing {
    pixels: Vec<usize>,
    place: Box,
    /// The mean strength, in thresholds.
    strength: f32,
}

impl Thing {
    /// `None` if there are no pixels.
    fn new(pixels: Vec<usize>, strength: &[f32], width: usize) -> Option<Self> {
        let columns = || pixels.iter().map(|at| at % width);
        let rows = || pixels.iter().map(|at| at / width);
        let place = Box {
            left: columns().min()? as f32,
            top: rows().min()? as f32,
            right: (columns().max()? + 1) as f32,
            bottom: (rows().max()? + 1) as f32,
        };
        let sum: f32 = pixels.iter().map(|&at| strength[at]).sum();
        Some(Self {
            place,
            strength: sum / pixels.len() as f32,
            pixels,
        })
    }

    /// The pixel in the middle of the lower edge.
    fn foot(&self, width: usize) -> usize {
        let column = f32::midpoint(self.place.left, self.place.right) as usize;
        (self.place.bottom as usize - 1) * width + column.min(width - 1)
    }
}

impl Scene {
    fn new(luma: Luma, now_ms: u64, full: (u32, u32), config: &Config) -> Self {
        Self {
            full,
            size: luma.size(),
            areas: Areas::new(luma.size(), full, config),
            background: Background::new(luma),
            difference: Difference::default(),
            looks: 1,
            seconds: 0.0,
            last_ms: now_ms,
        }
    }

    /// Whether a picture has to do with the last.
    fn is_continued(&self, luma: Luma, now_ms: u64, full: (u32, u32)) -> bool {
        let is_same = self.size == luma.size() && self.full == full;
        is_same && now_ms >= self.last_ms && self.seconds_to(now_ms) < LONGEST_PAUSE
    }

    fn seconds_to(&self, now_ms: u64) -> f32 {
        now_ms.saturating_sub(self.last_ms) as f32 / 1000.0
    }

    fn is_learning(&self) -> bool {
        self.looks <= LEARNING_LOOKS || self.seconds < LEARNING_SECONDS
    }

    fn learn_first(&mut self, luma: Luma) {
        if self.looks > 1 {
            self.background.start(luma.pixels, self.looks);
        }
    }

    /// Compares a picture with the average: the part of it that differs.
    fn compare(&mut self, luma: Luma, threshold: u8) -> f32 {
        let (difference, counts) = (&mut self.difference, &self.areas.counts);
        let background = &self.background;
        background.compare(difference, luma.pixels, counts, threshold.into());
        difference.changed
    }

    fn learn(&mut self, luma: Luma, moving: &[bool], seconds: f32) {
        let (background, difference) = (&mut self.background, &self.difference);
        background.learn(luma.pixels, difference, moving, seconds);
    }

    /// The area of the full picture that `place` is the eighth of.
    fn in_full(&self, place: &Box) -> [u32; 4] {
        let edge = |at: f32, end: u32| (at as u32 * SHRINK).min(end);
        let (width, height) = self.full;
        let (left, top) = (edge(place.left, width), edge(place.top, height));
        [
            left,
            top,
            edge(place.right, width).saturating_sub(left),
            edge(place.bottom, height).saturating_sub(top),
        ]
    }
}
