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
/// How far a shake may leave an edge: parts of a pixel of the small picture.
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
    votes: Vec<Vote>,
    contrast: Contrast,
}

/// What may become the average of a pixel (Boyer and Moore's majority vote).
#[derive(Clone, Copy)]
struct Vote {
    /// What has lately been seen in its place.
    candidate: f32,
    /// Seconds for which that was seen, less those for which it was not.
    seconds: f32,
    /// Seconds for which the average has been of the same thing.
    age: f32,
}

impl Vote {
    /// Counts a pixel for `seconds`: what is nearer than `near` is the same.
    fn count(&mut self, pixel: f32, moves: bool, near: f32, (seconds, part): (f32, f32)) {
        self.age += seconds;
        if moves && (pixel - self.candidate).abs() < near {
            self.seconds += seconds;
            self.candidate += part * (pixel - self.candidate);
        } else {
            self.seconds -= seconds;
            if self.seconds <= 0.0 {
                (self.candidate, self.seconds) = (pixel, 0.0);
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
        let vote = |&candidate: &f32| Vote {
            candidate,
            seconds: 0.0,
            age: OLD_SECONDS,
        };
        Self {
            width: luma.width,
            former: mean.clone(),
            noise: vec![0.0; mean.len()],
            votes: mean.iter().map(vote).collect(),
            mean,
            contrast: Contrast::new(luma.pixels),
        }
    }

    /// What of `pixels` differs by more than `threshold`, 1 to 255; `counts` tells the pixels to
    /// look at.
    pub fn compare(&self, pixels: &[u8], counts: &[bool], threshold: f32) -> Difference {
        let slopes = Slopes::new(&self.mean, self.width);
        let compensation = Compensation::fit(pixels, &self.mean, counts, &slopes);
        let least = threshold / self.contrast.gain();
        let threshold = self.threshold(&slopes, least, compensation.noise);
        let (distance, strength) = self.distance(pixels, &slopes, &compensation, &threshold);
        let part = |flags: &mut dyn Iterator<Item = bool>| {
            let (mut all, mut set) = (0_u32, 0_u32);
            for (flag, &counts) in flags.zip(counts) {
                all += u32::from(counts);
                set += u32::from(counts && flag);
            }
            set as f32 / all.max(1) as f32
        };
        let changes = pixels.iter().zip(&self.mean);
        let mut changed = changes.map(|(&pixel, mean)| (f32::from(pixel) - mean).abs() > least);
        Difference {
            changed: part(&mut changed),
            left: part(&mut strength.iter().map(|it| *it > 1.0)),
            strength: counted(strength, counts),
            compensation,
            distance,
            threshold,
        }
    }

    /// The levels that are motion, at each pixel: `least`, or what the noise demands.
    fn threshold(&self, slopes: &Slopes, least: f32, picture_noise: f32) -> Vec<f32> {
        let most = least * MOST;
        let least = least.max(PICTURE_DEVIATIONS * picture_noise);
        let slopes = slopes.across.iter().zip(&slopes.down);
        let threshold = |(noise, (across, down)): (&f32, (&f32, &f32))| {
            // A mean distance of 0.8 is a standard deviation of 1.
            let own = DEVIATIONS * 1.25 * noise + SHAKE * (across.abs() + down.abs());
            own.min(most).max(least)
        };
        self.noise.iter().zip(slopes).map(threshold).collect()
    }

    /// The levels from the average, and the thresholds from what is nearer, the average or what it
    /// was before.
    fn distance(
        &self,
        pixels: &[u8],
        slopes: &Slopes,
        compensation: &Compensation,
        threshold: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let averages = self.mean.iter().zip(&self.former);
        let slopes = slopes.across.iter().zip(&slopes.down);
        let inputs = pixels.iter().zip(averages).zip(slopes).zip(threshold);
        let distances = inputs.map(|(((&pixel, (mean, former)), (across, down)), threshold)| {
            let change = compensation.change(*mean, [*across, *down]);
            let from =
                |average: f32| (f32::from(pixel) - (average + change).clamp(0.0, 255.0)).abs();
            (from(*mean), from(*mean).min(from(*former)) / threshold)
        });
        distances.unzip()
    }

    /// Averages `pixels` in, `seconds` after the last; `moving` tells what moves.
    pub fn learn(&mut self, pixels: &[u8], difference: &Difference, moving: &[bool], seconds: f32) {
        self.contrast.learn(pixels, seconds);
        let parts = Parts::after(seconds);
        for (at, &pixel) in pixels.iter().enumerate() {
            self.learn_pixel(at, pixel.into(), difference, moving[at], &parts);
        }
    }

    fn learn_pixel(
        &mut self,
        at: usize,
        pixel: f32,
        difference: &Difference,
        moves: bool,
        parts: &Parts,
    ) {
        let (mean, former) = (&mut self.mean[at], &mut self.former[at]);
        let (noise, vote) = (&mut self.noise[at], &mut self.votes[at]);
        let (distance, threshold) = (difference.distance[at], difference.threshold[at]);
        let is_former = (pixel - *former).abs() < (pixel - *mean).abs();
        if !moves && distance > threshold && is_former {
            std::mem::swap(mean, former);
            vote.age = OLD_SECONDS;
        }
        let whole = parts.whole * difference.compensation.change(*mean, [0.0; 2]);
        *former += whole + parts.former * (*mean - *former);
        *mean += whole;
        vote.candidate += whole;
        let (follow, part) = match moves {
            true => (parts.former, parts.motion),
            false => (parts.light, parts.light),
        };
        *mean += follow * (pixel - *mean);
        *noise += part * (distance.min(MOST * threshold) - *noise);
        vote.count(pixel, moves, threshold, (parts.seconds, parts.recent));
        if vote.seconds > STILL_SECONDS {
            // Somebody who stands there in one way and another hides the same.
            if vote.age >= OLD_SECONDS {
                *former = *mean;
            }
            *mean = vote.candidate;
            (vote.seconds, vote.age) = (0.0, 0.0);
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
            self.votes[at].candidate = pixel;
        }
    }
}

/// `strength` where it counts, and else 0.
fn counted(mut strength: Vec<f32>, counts: &[bool]) -> Vec<f32> {
    for (strength, counts) in strength.iter_mut().zip(counts) {
        *strength *= f32::from(u8::from(*counts));
    }
    strength
}
