//! The picture without what moves: a running average of each pixel, its noise, and what differs
//! from both.

use crate::compensation::{Compensation, slopes};
use crate::contrast::Contrast;
use crate::luma::Luma;

/// Seconds in which the average follows the light.
const LIGHT_SECONDS: f32 = 10.0;
/// Seconds in which it follows what differs, and in which the noise of what differs is learned:
/// leaves in the wind are noise after a while, somebody who walks by is not.
const MOTION_SECONDS: f32 = 60.0;
/// Seconds after which something that came and stands still belongs to the picture.
const STILL_SECONDS: f32 = 6.0;
/// Seconds in which the brightness of what stands still is averaged.
const RECENT_SECONDS: f32 = 0.7;
/// Deviations of a pixel's noise that are no motion yet.
const DEVIATIONS: f32 = 4.5;
/// Deviations of the whole picture's noise that are no motion yet.
const PICTURE_DEVIATIONS: f32 = 5.0;
/// The most that a pixel's noise raises its threshold, in thresholds.
const MOST: f32 = 4.0;
/// How far a shake may leave an edge: parts of a pixel of the small picture.
const SHAKE: f32 = 0.06;
/// How far from what it was something may be and still stand still, in thresholds.
const STILL: f32 = 0.5;

/// The running average of a picture.
pub struct Background {
    width: usize,
    /// The average brightness.
    mean: Vec<f32>,
    /// The average distance from it, in levels.
    noise: Vec<f32>,
    /// The average of the last moments.
    recent: Vec<f32>,
    /// Seconds for which a pixel that differs has been as it is.
    still: Vec<f32>,
    contrast: Contrast,
}

/// What differs from the average.
pub struct Difference {
    /// How much, in thresholds of each pixel: 1 and more is motion.
    pub strength: Vec<f32>,
    /// The part of the picture that differs while nothing is made up for, 0 to 1.
    pub changed: f32,
    compensation: Compensation,
}

impl Background {
    /// The average of one picture.
    pub fn new(luma: Luma) -> Self {
        let mean: Vec<_> = luma.pixels.iter().map(|&it| it.into()).collect();
        Self {
            width: luma.width,
            noise: vec![0.0; mean.len()],
            still: vec![0.0; mean.len()],
            recent: mean.clone(),
            mean,
            contrast: Contrast::new(luma.pixels),
        }
    }

    /// What of `pixels` differs by more than `threshold`, 1 to 255; `counts` tells the pixels to
    /// look at.
    pub fn compare(&self, pixels: &[u8], counts: &[bool], threshold: f32) -> Difference {
        let compensation = Compensation::fit(pixels, &self.mean, counts, self.width);
        let threshold = threshold / self.contrast.gain();
        let least = threshold.max(PICTURE_DEVIATIONS * compensation.noise);
        let changed =
            |at: &usize| counts[*at] && (f32::from(pixels[*at]) - self.mean[*at]).abs() > least;
        let count = counts.iter().filter(|it| **it).count().max(1);
        Difference {
            changed: (0..pixels.len()).filter(changed).count() as f32 / count as f32,
            strength: self.strength(pixels, counts, &compensation, (threshold, least)),
            compensation,
        }
    }

    fn strength(
        &self,
        pixels: &[u8],
        counts: &[bool],
        compensation: &Compensation,
        (threshold, least): (f32, f32),
    ) -> Vec<f32> {
        let mut strength = vec![0.0; pixels.len()];
        let most = threshold * MOST;
        let height = pixels.len() / self.width;
        for y in 0..height {
            for x in 0..self.width {
                let at = y * self.width + x;
                if !counts[at] {
                    continue;
                }
                let slopes = self.slopes(x, y, height);
                let mean = self.mean[at];
                let change = f32::from(pixels[at]) - mean - compensation.change(mean, slopes);
                let edge = SHAKE * (slopes[0].abs() + slopes[1].abs());
                // A mean distance of 0.8 is a standard deviation of 1.
                let noise = (DEVIATIONS * 1.25 * self.noise[at] + edge).min(most);
                strength[at] = change.abs() / least.max(noise);
            }
        }
        strength
    }

    fn slopes(&self, x: usize, y: usize, height: usize) -> [f32; 2] {
        let is_inner = |at: usize, count: usize| at > 0 && at + 1 < count;
        match is_inner(x, self.width) && is_inner(y, height) {
            true => slopes(&self.mean, self.width, y * self.width + x),
            false => [0.0; 2],
        }
    }

    /// Averages `pixels` in, `seconds` after the last; `moving` tells what moves.
    pub fn learn(&mut self, pixels: &[u8], difference: &Difference, moving: &[bool], seconds: f32) {
        self.contrast.learn(pixels, seconds);
        let part = |of: f32| 1.0 - (-seconds / of).exp();
        let (light, motion, recent) = (
            part(LIGHT_SECONDS),
            part(MOTION_SECONDS),
            part(RECENT_SECONDS),
        );
        for at in 0..pixels.len() {
            let pixel = f32::from(pixels[at]);
            let (mean, noise) = (&mut self.mean[at], &mut self.noise[at]);
            let change = pixel - *mean;
            let all = difference.compensation.offset
                + difference.compensation.gain * (*mean - 128.0) / 128.0;
            let own = (change - all).abs();
            let was = self.recent[at];
            self.recent[at] += recent * (pixel - was);
            if !moving[at] {
                *mean += light * change;
                *noise += light * (own - *noise);
                self.still[at] = 0.0;
                continue;
            }
            *mean += light * all + motion * (change - all);
            let distance = own / difference.strength[at].max(1e-3);
            *noise += motion * (own.min(4.0 * distance) - *noise);
            let is_still = (pixel - was).abs() < STILL * distance;
            self.still[at] = if is_still {
                self.still[at] + seconds
            } else {
                0.0
            };
            if self.still[at] > STILL_SECONDS {
                *mean = self.recent[at];
                self.still[at] = 0.0;
            }
        }
    }

    /// Averages one of the first pictures in, the `count`th, 2 or more.
    pub fn start(&mut self, pixels: &[u8], count: u32) {
        let part = 1.0 / count as f32;
        self.contrast = Contrast::new(pixels);
        for (at, &pixel) in pixels.iter().enumerate() {
            let change = f32::from(pixel) - self.mean[at];
            self.mean[at] += part * change;
            self.recent[at] = pixel.into();
            let so_far = if count == 2 { 0.0 } else { self.noise[at] };
            self.noise[at] = so_far + part * (change.abs() - so_far);
        }
    }
}
