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
        let compared = Comparison::new(to.compensation, threshold / self.contrast.gain());
        for list in [&mut to.threshold, &mut to.distance, &mut to.strength] {
            list.resize(pixels.len(), 0.0);
        }
        let averages = self.mean.iter().zip(&self.former).zip(&self.noise);
        let slopes = to.slopes.across.iter().zip(&to.slopes.down);
        let seen = pixels.iter().zip(counts);
        let levels = to.threshold.iter_mut().zip(&mut to.distance);
        let levels = levels.zip(&mut to.strength);
        let (mut all, mut changed, mut left) = (0_u32, 0_u32, 0_u32);
        // One pass, for all lists together are more than a processor's nearest memory holds.
        for (((average, slope), (&pixel, &counts)), level) in
            averages.zip(slopes).zip(seen).zip(levels)
        {
            let ((&mean, &former), &noise) = average;
            let ((threshold, distance), strength) = level;
            let slope = [*slope.0, *slope.1];
            let pixel = f32::from(pixel);
            let change = compared.compensation.change(mean, slope);
            *threshold = compared.threshold(noise, slope);
            *distance = (pixel - (mean + change).clamp(0.0, 255.0)).abs();
            let from_former = (pixel - (former + change).clamp(0.0, 255.0)).abs();
            let nearer = lesser(from_former, *distance) / *threshold;
            *strength = if counts { nearer } else { 0.0 };
            all += u32::from(counts);
            changed += u32::from(counts & ((pixel - mean).abs() > compared.least));
            left += u32::from(counts & (*distance > compared.least));
        }
        let part = |of: u32| of as f32 / all.max(1) as f32;
        (to.changed, to.left) = (part(changed), part(left));
    }

    /// Averages `pixels` in, `seconds` after the last; `moving` tells what moves.
    pub fn learn(&mut self, pixels: &[u8], difference: &Difference, moving: &[bool], seconds: f32) {
        self.contrast.learn(pixels, seconds);
        let parts = Parts::after(seconds);
        let averages = self.mean.iter_mut().zip(&mut self.former);
        let averages = averages.zip(&mut self.noise);
        let votes = self.votes.candidate.iter_mut().zip(&mut self.votes.seconds);
        let votes = votes.zip(&mut self.votes.age);
        let levels = difference.distance.iter().zip(&difference.threshold);
        let seen = pixels.iter().zip(levels).zip(moving);
        for ((average, vote), ((&pixel, (&distance, &threshold)), &moves)) in
            averages.zip(votes).zip(seen)
        {
            let ((mean, former), noise) = average;
            let ((candidate, seconds), age) = vote;
            let mut known = Known {
                mean: *mean,
                former: *former,
                noise: *noise,
                candidate: *candidate,
                seconds: *seconds,
                age: *age,
            };
            let seen = Seen {
                pixel: pixel.into(),
                distance,
                threshold,
                moves,
            };
            known.learn(&seen, &difference.compensation, &parts);
            (*mean, *former, *noise) = (known.mean, known.former, known.noise);
            (*candidate, *seconds, *age) = (known.candidate, known.seconds, known.age);
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

/// The measures by which all pixels of a picture are compared.
struct Comparison {
    compensation: Compensation,
    /// Levels that differ, at least.
    least: f32,
    /// The least threshold of a pixel, for the whole picture's noise.
    floor: f32,
    /// The most that a pixel's noise demands.
    most: f32,
    /// The distance that an edge may be from where it was, across and down.
    shake: [f32; 2],
}

impl Comparison {
    fn new(compensation: Compensation, least: f32) -> Self {
        Self {
            compensation,
            least,
            floor: least.max(PICTURE_DEVIATIONS * compensation.noise),
            most: least * MOST,
            // A shift is made up for where the slope is even; hard edges are not.
            shake: compensation.shift.map(|it| SHAKE + it.abs()),
        }
    }

    /// The levels that are motion at a pixel of such noise and slopes: the least, or what the noise
    /// demands.
    fn threshold(&self, noise: f32, [across, down]: [f32; 2]) -> f32 {
        let shaken = self.shake[0] * across.abs() + self.shake[1] * down.abs();
        // A mean distance of 0.8 is a standard deviation of 1.
        let own = DEVIATIONS * 1.25 * noise + shaken;
        greater(lesser(own, self.most), self.floor)
    }
}

// `f32::min` and `max` know numbers that are none, for which WebAssembly has no vectors.

/// The lesser of two numbers.
fn lesser(one: f32, other: f32) -> f32 {
    if other < one { other } else { one }
}

/// The greater of two numbers.
fn greater(one: f32, other: f32) -> f32 {
    if other > one { other } else { one }
}

/// A pixel as it is seen.
struct Seen {
    pixel: f32,
    /// Levels from the average, and those that are motion.
    distance: f32,
    threshold: f32,
    moves: bool,
}

/// A pixel's part of [`Background`] and [`Votes`].
struct Known {
    mean: f32,
    former: f32,
    noise: f32,
    candidate: f32,
    seconds: f32,
    age: f32,
}

/// Each choice takes one of two values that are both known, so that no processor must guess which.
impl Known {
    fn learn(&mut self, seen: &Seen, compensation: &Compensation, parts: &Parts) {
        self.uncover(seen);
        self.average(seen, compensation, parts);
        self.vote(seen, parts);
        self.elect();
    }

    /// Makes what is seen again the average.
    fn uncover(&mut self, seen: &Seen) {
        let from = |average: f32| (seen.pixel - average).abs();
        let differs = !seen.moves & (seen.distance > seen.threshold);
        let is_back = differs & (from(self.former) < from(self.mean));
        let (mean, former) = (self.mean, self.former);
        self.mean = if is_back { former } else { mean };
        self.former = if is_back { mean } else { former };
        self.age = if is_back { OLD_SECONDS } else { self.age };
    }

    fn average(&mut self, seen: &Seen, compensation: &Compensation, parts: &Parts) {
        let whole = parts.whole * compensation.change(self.mean, [0.0; 2]);
        let now = self.mean + whole;
        self.former += whole + parts.former * (self.mean - self.former);
        let part = if seen.moves {
            parts.former
        } else {
            parts.light
        };
        self.mean = now + part * (seen.pixel - now);
        self.candidate += whole;
        let part = if seen.moves {
            parts.motion
        } else {
            parts.light
        };
        let distance = greater(lesser(seen.distance, MOST * seen.threshold), LEAST_NOISE);
        self.noise += part * (distance - self.noise);
    }

    /// Counts for how long the same has been seen where something moves.
    fn vote(&mut self, seen: &Seen, parts: &Parts) {
        let distance = seen.pixel - self.candidate;
        let is_same = seen.moves & (distance.abs() < seen.threshold);
        let sum = self.seconds
            + if is_same {
                parts.seconds
            } else {
                -parts.seconds
            };
        let other = if sum <= 0.0 { 1.0 } else { 0.0 };
        self.candidate += distance * if is_same { parts.recent } else { other };
        self.seconds = greater(sum, 0.0);
        self.age += parts.seconds;
    }

    /// Makes what has stood still for long the average.
    fn elect(&mut self) {
        let is_elected = self.seconds > STILL_SECONDS;
        // Somebody who stands there in one way and another hides the same.
        let hides = is_elected & (self.age >= OLD_SECONDS);
        self.former = if hides { self.mean } else { self.former };
        self.mean = if is_elected {
            self.candidate
        } else {
            self.mean
        };
        self.seconds = if is_elected { 0.0 } else { self.seconds };
        self.age = if is_elected { 0.0 } else { self.age };
    }
}
