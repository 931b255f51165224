//! The picture without what moves: a running average of each pixel, its noise, and what differs
//! from both.

use crate::compensation::{Compensation, Slopes};
use crate::contrast::Contrast;
use crate::luma::Luma;

/// Seconds in which the average follows what changes in the whole picture at once.
const WHOLE_SECONDS: f32 = 1.0;
/// Seconds in which it follows the light of each place.
const LIGHT_SECONDS: f32 = 10.0;
/// Seconds in which it follows what differs, and in which the noise of what differs is learned:
/// leaves in the wind are noise after a while, somebody who walks by is not.
const MOTION_SECONDS: f32 = 60.0;
/// Seconds after which something that came and stands still belongs to the picture.
const STILL_SECONDS: f32 = 6.0;
/// Seconds after which it can be what something else hides.
const OLD_SECONDS: f32 = 120.0;
/// Seconds in which the picture before that is forgotten.
const FORMER_SECONDS: f32 = 600.0;
/// Seconds in which the brightness of what stands still is averaged.
const RECENT_SECONDS: f32 = 0.7;
/// Deviations of a pixel's noise that are no motion yet.
const DEVIATIONS: f32 = 3.5;
/// Deviations of the whole picture's noise that are no motion yet.
const PICTURE_DEVIATIONS: f32 = 4.0;
/// The most that a pixel's noise raises its threshold, in thresholds.
const MOST: f32 = 4.0;
/// The least noise, in levels: numbers that fade to nothing are slow.
const LEAST_NOISE: f32 = 0.01;
/// The distance that an edge may be from where it was, shakes that are known aside: parts of a
/// pixel of the small picture.
const SHAKE: f32 = 0.1;

/// The running average of a picture.
pub struct Background {
    width: usize,
    /// The average brightness of each pixel.
    mean: Vec<f32>,
    /// The average before something came and stood still: what is seen again when it goes.
    former: Vec<f32>,
    /// The average distance from the average, in levels.
    noise: Vec<f32>,
    votes: Votes,
    contrast: Contrast,
}

/// The candidates for the average of each pixel (Boyer and Moore's majority vote).
struct Votes {
    /// What has lately been seen in its place.
    candidate: Vec<f32>,
    /// Seconds for which that was seen, less those for which it was not.
    seconds: Vec<f32>,
    /// Seconds for which the average has been of the same thing.
    age: Vec<f32>,
}

/// The difference from the average. Its memory is kept from one look to the next.
#[derive(Default)]
pub struct Difference {
    /// How much, in thresholds of each pixel: 1 and more is motion.
    pub strength: Vec<f32>,
    /// The part of the picture that differs while nothing is made up for, 0 to 1.
    pub changed: f32,
    /// The part that differs when the change of the whole picture is made up for.
    pub left: f32,
    slopes: Slopes,
    compensation: Compensation,
    /// What the whole picture's change is at each pixel.
    change: Vec<f32>,
    /// Levels from the average.
    distance: Vec<f32>,
    /// Levels from the average that are motion.
    threshold: Vec<f32>,
}

/// The parts by which averages move at one look.
struct Parts {
    whole: f32,
    light: f32,
    motion: f32,
    former: f32,
    recent: f32,
    seconds: f32,
}

impl Parts {
    fn after(seconds: f32) -> Self {
        let part = |of: f32| 1.0 - (-seconds / of).exp();
        Self {
            whole: part(WHOLE_SECONDS),
            light: part(LIGHT_SECONDS),
            motion: part(MOTION_SECONDS),
            former: part(FORMER_SECONDS),
            recent: part(RECENT_SECONDS),
            seconds,
        }
    }
}

impl Background {
    /// The average of one picture.
    pub fn new(luma: Luma) -> Self {
        let mean: Vec<f32> = luma.pixels.iter().map(|&it| it.into()).collect();
        let count = mean.len();
        Self {
            width: luma.width,
            former: mean.clone(),
            noise: vec![0.0; count],
            votes: Votes {
                candidate: mean.clone(),
                seconds: vec![0.0; count],
                age: vec![OLD_SECONDS; count],
            },
            mean,
            contrast: Contrast::new(luma.pixels),
        }
    }

    /// Finds what of `pixels` differs by more than `threshold`, 1 to 255; `counts` tells the pixels
    /// to look at.
    pub fn compare(&self, to: &mut Difference, pixels: &[u8], counts: &[bool], threshold: f32) {
        to.slopes.take(&self.mean, self.width);
        to.compensation = Compensation::fit(pixels, &self.mean, counts, &to.slopes);
        let least = threshold / self.contrast.gain();
        self.take_thresholds(to, least);
        self.take_distances(to, pixels);
        let changes = pixels.iter().zip(&self.mean);
        let changed = changes.map(|(&pixel, mean)| (f32::from(pixel) - mean).abs() > least);
        to.changed = part(changed, counts);
        for (strength, counts) in to.strength.iter_mut().zip(counts) {
            *strength *= f32::from(u8::from(*counts));
        }
        to.left = part(to.distance.iter().map(|it| *it > least), counts);
    }

    /// Takes the levels that are motion, at each pixel: `least`, or what the noise demands.
    fn take_thresholds(&self, to: &mut Difference, least: f32) {
        let most = least * MOST;
        let least = least.max(PICTURE_DEVIATIONS * to.compensation.noise);
        // A shift is made up for where the slope is even; hard edges are not.
        let shake = to.compensation.shift.map(|it| SHAKE + it.abs());
        let slopes = to.slopes.across.iter().zip(&to.slopes.down);
        let threshold = |(noise, (across, down)): (&f32, (&f32, &f32))| {
            // A mean distance of 0.8 is a standard deviation of 1.
            let own = DEVIATIONS * 1.25 * noise + shake[0] * across.abs() + shake[1] * down.abs();
            own.min(most).max(least)
        };
        fill(
            &mut to.threshold,
            self.noise.iter().zip(slopes).map(threshold),
        );
    }

    fn take_distances(&self, to: &mut Difference, pixels: &[u8]) {
        let compensation = to.compensation;
        let slopes = to.slopes.across.iter().zip(&to.slopes.down);
        let places = self.mean.iter().zip(slopes);
        let change = |(mean, (across, down)): (&f32, (&f32, &f32))| {
            compensation.change(*mean, [*across, *down])
        };
        fill(&mut to.change, places.map(change));
        fill(&mut to.distance, distances(pixels, &self.mean, &to.change));
        let former = distances(pixels, &self.former, &to.change);
        let nearer = former.zip(&to.distance).zip(&to.threshold);
        let strength = nearer.map(|((former, mean), threshold)| former.min(*mean) / threshold);
        fill(&mut to.strength, strength);
    }

    /// Averages `pixels` in, `seconds` after the last; `moving` tells what moves.
    pub fn learn(&mut self, pixels: &[u8], difference: &Difference, moving: &[bool], seconds: f32) {
        self.contrast.learn(pixels, seconds);
        let parts = Parts::after(seconds);
        self.uncover(pixels, difference, moving);
        self.average(pixels, difference, moving, &parts);
        self.vote(pixels, difference, moving, &parts);
        self.elect();
    }

    /// Makes what is seen again the average.
    fn uncover(&mut self, pixels: &[u8], difference: &Difference, moving: &[bool]) {
        for at in (0..pixels.len()).filter(|&at| !moving[at]) {
            let (mean, former) = (&mut self.mean[at], &mut self.former[at]);
            let from = |average: f32| (f32::from(pixels[at]) - average).abs();
            let differs = difference.distance[at] > difference.threshold[at];
            if differs && from(*former) < from(*mean) {
                std::mem::swap(mean, former);
                self.votes.age[at] = OLD_SECONDS;
            }
        }
    }

    fn average(&mut self, pixels: &[u8], difference: &Difference, moving: &[bool], parts: &Parts) {
        let compensation = difference.compensation;
        let averages = self.mean.iter_mut().zip(&mut self.former);
        let averages = averages.zip(&mut self.votes.candidate);
        for (((mean, former), candidate), (&pixel, &moves)) in
            averages.zip(pixels.iter().zip(moving))
        {
            let whole = parts.whole * compensation.change(*mean, [0.0; 2]);
            let part = if moves { parts.former } else { parts.light };
            let now = *mean + whole;
            *former += whole + parts.former * (*mean - *former);
            *mean = now + part * (f32::from(pixel) - now);
            *candidate += whole;
        }
        let levels = difference.distance.iter().zip(&difference.threshold);
        for (noise, ((distance, threshold), &moves)) in
            self.noise.iter_mut().zip(levels.zip(moving))
        {
            let part = if moves { parts.motion } else { parts.light };
            *noise += part * (distance.min(MOST * threshold).max(LEAST_NOISE) - *noise);
        }
    }

    /// Counts for how long the same has been seen where something moves.
    fn vote(&mut self, pixels: &[u8], difference: &Difference, moving: &[bool], parts: &Parts) {
        let votes = self.votes.candidate.iter_mut().zip(&mut self.votes.seconds);
        let seen = pixels.iter().zip(&difference.threshold).zip(moving);
        for ((candidate, seconds), ((&pixel, threshold), &moves)) in votes.zip(seen) {
            let distance = f32::from(pixel) - *candidate;
            let is_same = moves & (distance.abs() < *threshold);
            let sum = *seconds
                + if is_same {
                    parts.seconds
                } else {
                    -parts.seconds
                };
            let other = if sum <= 0.0 { 1.0 } else { 0.0 };
            *candidate += distance * if is_same { parts.recent } else { other };
            *seconds = sum.max(0.0);
        }
        for age in &mut self.votes.age {
            *age += parts.seconds;
        }
    }

    /// Makes what has stood still for long the average.
    fn elect(&mut self) {
        let votes = &mut self.votes;
        for at in 0..self.mean.len() {
            if votes.seconds[at] > STILL_SECONDS {
                // Somebody who stands there in one way and another hides the same.
                if votes.age[at] >= OLD_SECONDS {
                    self.former[at] = self.mean[at];
                }
                self.mean[at] = votes.candidate[at];
                (votes.seconds[at], votes.age[at]) = (0.0, 0.0);
            }
        }
    }

    /// Averages one of the first pictures in, the `count`th, 2 or more.
    pub fn start(&mut self, pixels: &[u8], count: u32) {
        let part = 1.0 / count as f32;
        self.contrast = Contrast::new(pixels);
        for (at, &pixel) in pixels.iter().enumerate() {
            let (mean, pixel) = (&mut self.mean[at], f32::from(pixel));
            let distance = (pixel - *mean).abs();
            *mean += part * (pixel - *mean);
            self.noise[at] += part * (distance - self.noise[at]);
            self.former[at] = *mean;
            self.votes.candidate[at] = pixel;
        }
    }
}

/// The levels of each pixel from an average that has changed.
fn distances<'p>(
    pixels: &'p [u8],
    average: &'p [f32],
    change: &'p [f32],
) -> impl Iterator<Item = f32> + 'p {
    let pixels = pixels.iter().zip(average).zip(change);
    pixels.map(|((&pixel, average), change)| {
        (f32::from(pixel) - (average + change).clamp(0.0, 255.0)).abs()
    })
}

fn fill(to: &mut Vec<f32>, from: impl Iterator<Item = f32>) {
    to.clear();
    to.extend(from);
}

/// The part of the pixels that count for which a flag is set.
fn part(flags: impl Iterator<Item = bool>, counts: &[bool]) -> f32 {
    let (mut all, mut set) = (0_u32, 0_u32);
    for (flag, &counts) in flags.zip(counts) {
        all += u32::from(counts);
        set += u32::from(counts && flag);
    }
    set as f32 / all.max(1) as f32
}
