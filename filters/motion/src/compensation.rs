//! Compensation for what changes in the whole picture at once: the light, the exposure, and the
//! camera's place when it shakes.

/// The part of the change that must be explained by a shift before it is believed: a ridge, in
/// squares of brightness a pixel.
const SHIFT_RIDGE: f64 = 0.02;
/// The same for the contrast.
const GAIN_RIDGE: f64 = 0.001;
/// Rounds of fitting. In each, what fits badly counts less: that is what moves.
const ROUNDS: usize = 5;
/// The farthest that a shake reaches, in pixels of the small picture.
const FARTHEST: f32 = 1.0;
/// At most about as many pixels are looked at; the others say the same.
const SAMPLES: usize = 2048;
/// The most that the last round changes any pixel, in levels.
const EXACT: f32 = 0.1;

/// The change of the whole picture against its average, in levels of brightness.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Compensation {
    /// Added to all.
    pub offset: f32,
    /// Added in proportion to the distance from middle grey.
    pub gain: f32,
    /// Pixels of the small picture that its content went to the left and up.
    pub shift: [f32; 2],
    /// The standard deviation of what is left, without what moves.
    pub noise: f32,
}

/// A pixel: its change, and what that may come from.
struct Sample {
    change: f32,
    /// 1, the distance from middle grey, and the slopes across and down.
    causes: [f32; 4],
}

impl Compensation {
    /// The change that best explains `pixels` against their average `mean`; `counts` tells the
    /// pixels to look at.
    pub fn fit(pixels: &[u8], mean: &[f32], counts: &[bool], slopes: &Slopes) -> Self {
        let samples = samples(pixels, mean, counts, slopes);
        if samples.is_empty() {
            return Self::default();
        }
        let mut found = Self::default();
        let mut scale = f32::INFINITY;
        for _ in 0..ROUNDS {
            let before = found;
            found = found.refit(&samples, scale);
            found.noise = found.deviation(&samples);
            if found.is_like(&before) {
                break;
            }
            scale = (2.0 * found.noise).max(1.0);
        }
        found
    }

    /// One round of least squares; changes that are left and larger than `scale` count little.
    fn refit(&self, samples: &[Sample], scale: f32) -> Self {
        // Of four numbers each, as processors add them at once.
        let (mut matrix, mut right) = ([[0.0_f32; 4]; 4], [0.0_f32; 4]);
        for sample in samples {
            let left = self.left(sample) / scale;
            let weight = 1.0 / (1.0 + left * left);
            let weighted = sample.causes.map(|cause| weight * cause);
            for (row, weighted) in matrix.iter_mut().zip(weighted) {
                for (sum, cause) in row.iter_mut().zip(sample.causes) {
                    *sum += weighted * cause;
                }
            }
            for (sum, weighted) in right.iter_mut().zip(weighted) {
                *sum += weighted * sample.change;
            }
        }
        let mut equations = [0, 1, 2, 3].map(|at| {
            let [a, b, c, d] = matrix[at];
            [a, b, c, d, right[at]].map(f64::from)
        });
        let count = samples.len() as f64;
        for (at, ridge) in [1e-6, GAIN_RIDGE, SHIFT_RIDGE, SHIFT_RIDGE]
            .into_iter()
            .enumerate()
        {
            equations[at][at] += ridge * count;
        }
        let [offset, gain, x, y] = solve(equations).map(|it| it as f32);
        Self {
            offset,
            gain,
            shift: [x, y].map(|it| it.clamp(-FARTHEST, FARTHEST)),
            noise: 0.0,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        // A slope is about 10 levels.
        let parts = |it: &Self| [it.offset, it.gain, 10.0 * it.shift[0], 10.0 * it.shift[1]];
        let parts = parts(self).into_iter().zip(parts(other));
        parts
            .into_iter()
            .all(|(one, other)| (one - other).abs() < EXACT)
    }

    /// The change of a pixel with the average `mean` and the slopes across and down.
    pub fn change(&self, mean: f32, slopes: [f32; 2]) -> f32 {
        let [x, y] = self.shift;
        self.offset + self.gain * from_grey(mean) + x * slopes[0] + y * slopes[1]
    }

    fn left(&self, sample: &Sample) -> f32 {
        let [one, grey, across, down] = sample.causes;
        let [x, y] = self.shift;
        sample.change - self.offset * one - self.gain * grey - x * across - y * down
    }

    /// The deviation of the better half, as if all were spread as noise is.
    fn deviation(&self, samples: &[Sample]) -> f32 {
        let mut left: Vec<_> = samples.iter().map(|it| self.left(it).abs()).collect();
        let middle = left.len() / 2;
        *left.select_nth_unstable_by(middle, f32::total_cmp).1 * 1.4826
    }
}

fn from_grey(mean: f32) -> f32 {
    (mean - 128.0) / 128.0
}

fn samples(pixels: &[u8], mean: &[f32], counts: &[bool], slopes: &Slopes) -> Vec<Sample> {
    // Any step that is odd and no part of the width will do: a row starts elsewhere than the last.
    let step = pixels.len().div_ceil(SAMPLES) | 1;
    let places = (0..pixels.len()).step_by(step);
    // What is black or white to the end hides how far it changed.
    let places = places.filter(|&at| counts[at] && (1..255).contains(&pixels[at]));
    places
        .map(|at| Sample {
            change: f32::from(pixels[at]) - mean[at],
            causes: [1.0, from_grey(mean[at]), slopes.across[at], slopes.down[at]],
        })
        .collect()
}

/// The slope of the brightness at each pixel, in levels a pixel; 0 at the picture's edges.
#[derive(Default)]
pub struct Slopes {
    /// From left to right.
    pub across: Vec<f32>,
    /// From top to bottom.
    pub down: Vec<f32>,
}

impl Slopes {
    /// Takes the slopes of a picture of `width`.
    pub fn take(&mut self, mean: &[f32], width: usize) {
        take_slopes(&mut self.across, mean, 1);
        for row in self.across.chunks_mut(width) {
            row[0] = 0.0;
            row[width - 1] = 0.0;
        }
        take_slopes(&mut self.down, mean, width);
    }
}

/// Takes the slopes to the pixels that are `step` further, as if all were one row.
fn take_slopes(slopes: &mut Vec<f32>, mean: &[f32], step: usize) {
    slopes.resize(mean.len(), 0.0);
    let pairs = mean.iter().zip(mean.iter().skip(2 * step));
    for (slope, (before, after)) in slopes.iter_mut().skip(step).zip(pairs) {
        *slope = (after - before) / 2.0;
    }
}

/// The solution of four linear equations whose matrix is symmetric and positive (Gaussian
/// elimination).
fn solve(mut rows: [[f64; 5]; 4]) -> [f64; 4] {
    for pivot in 0..4 {
        let head = rows[pivot];
        for row in &mut rows[pivot + 1..] {
            let factor = row[pivot] / head[pivot];
            for (value, above) in row.iter_mut().zip(head) {
                *value -= factor * above;
            }
        }
    }
    let mut solution = [0.0; 4];
    for at in (0..4).rev() {
        let known = (at + 1..4).map(|it| rows[at][it] * solution[it]);
        solution[at] = (rows[at][4] - known.sum::<f64>()) / rows[at][at];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with slopes in all directions.
    fn picture(x: f32, y: f32) -> f32 {
        120.0 + 50.0 * (x / 5.0).sin() + 40.0 * (y / 4.0).cos()
    }

    fn each(of: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let at = |it: usize| of((it % 40) as f32, (it / 40) as f32);
        (0..1200).map(at).collect()
    }

    fn fit(pixels: &[f32]) -> Compensation {
        let pixels: Vec<_> = pixels.iter().map(|it| it.round() as u8).collect();
        let (mean, mut slopes) = (each(picture), Slopes::default());
        slopes.take(&mean, 40);
        Compensation::fit(&pixels, &mean, &[true; 1200], &slopes)
    }

    #[test]
    fn light_and_shakes_are_told_from_one_another() {
        let found = fit(&each(|x, y| picture(x, y) * 1.2 + 5.0));
        // At middle grey: 128 × 0.2 + 5.
        assert!((found.offset - 30.6).abs() < 1.0, "{found:?}");
        assert!((found.gain - 25.6).abs() < 1.0, "{found:?}");
        let found = fit(&each(|x, y| picture(x + 0.3, y - 0.2)));
        assert!((found.shift[0] - 0.3).abs() < 0.05, "{found:?}");
        assert!((found.shift[1] + 0.2).abs() < 0.05, "{found:?}");
        assert!(found.noise < 1.0, "{found:?}");
    }

    #[test]
    fn what_moves_is_no_light() {
        let thing = |x: f32, y: f32| (5.0..15.0).contains(&x) && (5.0..20.0).contains(&y);
        let found = fit(&each(
            |x, y| {
                if thing(x, y) { 250.0 } else { picture(x, y) }
            },
        ));
        assert!(found.offset.abs() < 3.0, "{found:?}");
        assert!(found.shift.iter().all(|it| it.abs() < 0.1), "{found:?}");
    }

    #[test]
    fn a_black_picture_has_no_change() {
        let mut slopes = Slopes::default();
        slopes.take(&[0.0; 100], 10);
        let nothing = Compensation::fit(&[0; 100], &[0.0; 100], &[true; 100], &slopes);
        assert_eq!(nothing, Compensation::default());
    }
}
