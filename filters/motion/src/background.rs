//! The picture without what moves: a running average of each pixel, its noise, and what differs
//! from both.

use crate::compensation::{Compensation, slopes};
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
/// How far a shake may leave an edge: parts of a pixel of the small picture.
const SHAKE: f32 = 0.1;
/// How far from what it was something may be and still stand still, in thresholds.
const STILL: f32 = 1.0;

/// The running average of a picture.
pub struct Background {
    width: usize,
    /// The average brightness of each pixel.
    mean: Vec<f32>,
    pixels: Vec<Pixel>,
    contrast: Contrast,
}

/// What is known of a pixel besides its average.
#[derive(Clone, Copy)]
struct Pixel {
    /// The average before something came and stood still: what is seen again when it goes.
    former: f32,
    /// The average distance from the average, in levels.
    noise: f32,
    /// What has lately been seen in its place.
    candidate: f32,
    /// Seconds for which that was seen, less those for which it was not (Boyer and Moore's vote).
    votes: f32,
    /// Seconds for which the average has been of the same thing.
    age: f32,
}

impl Pixel {
    /// Counts for how long the same has been seen in place of the average: what is nearer than
    /// `near` is the same.
    fn vote(&mut self, pixel: f32, moves: bool, near: f32, (seconds, part): (f32, f32)) {
        if moves && (pixel - self.candidate).abs() < near {
            self.votes += seconds;
            self.candidate += part * (pixel - self.candidate);
        } else {
            self.votes -= seconds;
            if self.votes <= 0.0 {
                (self.candidate, self.votes) = (pixel, 0.0);
            }
        }
    }
}

/// What differs from the average.
pub struct Difference {
    /// How much, in thresholds of each pixel: 1 and more is motion.
    pub strength: Vec<f32>,
    /// The part of the picture that differs while nothing is made up for, 0 to 1.
    pub changed: f32,
    /// The part that differs nevertheless.
    pub left: f32,
    compensation: Compensation,
    /// Levels from the average, and levels that are motion.
    distances: Vec<(f32, f32)>,
}

/// The parts by which averages move at one look.
struct Parts {
    whole: f32,
    light: f32,
    motion: f32,
    former: f32,
    recent: f32,
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
        }
    }
}

impl Background {
    /// The average of one picture.
    pub fn new(luma: Luma) -> Self {
        let mean: Vec<f32> = luma.pixels.iter().map(|&it| it.into()).collect();
        let pixel = |&mean: &f32| Pixel {
            former: mean,
            noise: 0.0,
            candidate: mean,
            votes: 0.0,
            age: OLD_SECONDS,
        };
        Self {
            width: luma.width,
            pixels: mean.iter().map(pixel).collect(),
            mean,
            contrast: Contrast::new(luma.pixels),
        }
    }

    /// What of `pixels` differs by more than `threshold`, 1 to 255; `counts` tells the pixels to
    /// look at.
    pub fn compare(&self, pixels: &[u8], counts: &[bool], threshold: f32) -> Difference {
        let compensation = Compensation::fit(pixels, &self.mean, counts, self.width);
        let threshold = threshold / self.contrast.gain();
        let mut difference = Difference {
            strength: vec![0.0; pixels.len()],
            left: 0.0,
            changed: self.changed(pixels, counts, threshold),
            compensation,
            distances: vec![(0.0, threshold); pixels.len()],
        };
        for (at, _) in counts.iter().enumerate().filter(|(_, counts)| **counts) {
            let slopes = slopes(&self.mean, self.width, at);
            self.compare_pixel(&mut difference, at, pixels[at].into(), slopes);
        }
        let left = difference.strength.iter().filter(|it| **it > 1.0).count();
        let all = counts.iter().filter(|it| **it).count();
        difference.left = left as f32 / all.max(1) as f32;
        difference
    }

    fn changed(&self, pixels: &[u8], counts: &[bool], threshold: f32) -> f32 {
        let pixels = pixels.iter().zip(&self.mean).zip(counts);
        let (mut changed, mut all) = (0_u32, 0_u32);
        for ((&pixel, mean), &counts) in pixels {
            changed += u32::from(counts && (f32::from(pixel) - mean).abs() > threshold);
            all += u32::from(counts);
        }
        changed as f32 / all.max(1) as f32
    }

    fn compare_pixel(&self, difference: &mut Difference, at: usize, pixel: f32, slopes: [f32; 2]) {
        let (mean, known) = (self.mean[at], self.pixels[at]);
        let compensation = &difference.compensation;
        let change = compensation.change(mean, slopes);
        let distance = (pixel - (mean + change).clamp(0.0, 255.0)).abs();
        let from_former = (pixel - (known.former + change).clamp(0.0, 255.0)).abs();
        let edge = SHAKE * (slopes[0].abs() + slopes[1].abs());
        let threshold = difference.distances[at].1;
        // A mean distance of 0.8 is a standard deviation of 1.
        let noise = (DEVIATIONS * 1.25 * known.noise + edge).min(threshold * MOST);
        let threshold = threshold
            .max(noise)
            .max(PICTURE_DEVIATIONS * compensation.noise);
        difference.distances[at] = (distance, threshold);
        difference.strength[at] = distance.min(from_former) / threshold;
    }

    /// Averages `pixels` in, `seconds` after the last; `moving` tells what moves.
    pub fn learn(&mut self, pixels: &[u8], difference: &Difference, moving: &[bool], seconds: f32) {
        self.contrast.learn(pixels, seconds);
        let parts = Parts::after(seconds);
        let states = self.mean.iter_mut().zip(&mut self.pixels);
        let seen = pixels.iter().zip(&difference.distances).zip(moving);
        for ((mean, known), ((&pixel, &(distance, threshold)), &moves)) in states.zip(seen) {
            let pixel = f32::from(pixel);
            let is_former = (pixel - known.former).abs() < (pixel - *mean).abs();
            if !moves && distance > threshold && is_former {
                std::mem::swap(mean, &mut known.former);
                known.age = OLD_SECONDS;
            }
            known.age += seconds;
            let whole = parts.whole * difference.compensation.change(*mean, [0.0; 2]);
            known.candidate += whole;
            known.former += whole + parts.former * (*mean - known.former);
            *mean += whole;
            let (follow, part) = match moves {
                true => (parts.former, parts.motion),
                false => (parts.light, parts.light),
            };
            *mean += follow * (pixel - *mean);
            known.noise += part * (distance.min(MOST * threshold) - known.noise);
            known.vote(pixel, moves, STILL * threshold, (seconds, parts.recent));
            if known.votes > STILL_SECONDS {
                // Somebody who stands there in one way and another hides the same.
                if known.age >= OLD_SECONDS {
                    known.former = *mean;
                }
                *mean = known.candidate;
                (known.votes, known.age) = (0.0, 0.0);
            }
        }
    }

    /// Averages one of the first pictures in, the `count`th, 2 or more.
    pub fn start(&mut self, pixels: &[u8], count: u32) {
        let part = 1.0 / count as f32;
        self.contrast = Contrast::new(pixels);
        for ((mean, known), &pixel) in self.mean.iter_mut().zip(&mut self.pixels).zip(pixels) {
            let pixel = f32::from(pixel);
            let distance = (pixel - *mean).abs();
            *mean += part * (pixel - *mean);
            known.noise += part * (distance - known.noise);
            known.former = *mean;
            known.candidate = pixel;
        }
    }
}
