//! The discrete cosine transform of 8 × 8 samples and its inverse (ITU-T T.81, A.3.3), in the
//! factorization of Arai, Agui and Nakajima ("A fast DCT-SQ scheme for images", 1988): it leaves
//! each coefficient scaled by a constant, which goes into the quantization.
//!
//! Each step works on eight columns at once, which compilers turn into vector instructions.
//! Coefficients lie in columns, not in rows: then each transform transposes its block once, and not
//! a second time to put it back.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::zigzag::ZIGZAG;

/// 8 × 8 samples, row by row from the top, or coefficients, column by column from the left.
pub(crate) type Block = [f32; 64];

/// The place of each coefficient of the zigzag order in a [`Block`].
pub(crate) const PLACES: [u8; 64] = {
    let mut places = ZIGZAG;
    let mut k = 0;
    while k < 64 {
        places[k] = ZIGZAG[k] % 8 * 8 + ZIGZAG[k] / 8;
        k += 1;
    }
    places
};

/// The scale of coefficient k of a row or column: 1, then √2 · cos(kπ/16).
const SCALES: [f32; 8] = [
    1.0,
    1.387_039_8,
    1.306_563,
    1.175_875_6,
    1.0,
    0.785_694_96,
    0.541_196_1,
    0.275_899_38,
];

/// [`forward`] gives the true coefficient times this; [`inverse`] takes it times a 64th of this.
fn scale(index: usize) -> f32 {
    SCALES[index / 8] * SCALES[index % 8] * 8.0
}

/// The factors of coefficients, with a quantization table folded in.
#[derive(Clone)]
pub(crate) struct Multipliers {
    /// From quantized coefficients to [`inverse`].
    pub inverse: Block,
    /// From [`forward`] to quantized coefficients.
    pub forward: Block,
}

impl Multipliers {
    /// For a quantization table in zigzag order.
    pub fn new(table: &[u16; 64]) -> Self {
        let mut multipliers = Self {
            inverse: [0.0; 64],
            forward: [0.0; 64],
        };
        for (&place, &step) in PLACES.iter().zip(table) {
            let (place, step) = (usize::from(place), f32::from(step));
            multipliers.inverse[place] = step * scale(place) / 64.0;
            multipliers.forward[place] = 1.0 / (step * scale(place));
        }
        multipliers
    }
}

type Rows = [[f32; 8]; 8];

/// Samples, around 0, to scaled coefficients.
#[inline]
pub(crate) fn forward(block: &mut Block) {
    two_passes(block, forward_columns);
}

/// Scaled coefficients to samples, around 0.
#[inline]
pub(crate) fn inverse(block: &mut Block) {
    two_passes(block, inverse_columns);
}

#[inline(always)]
fn two_passes(block: &mut Block, columns: impl Fn(&mut Rows)) {
    let mut rows: Rows = std::array::from_fn(|y| std::array::from_fn(|x| block[y * 8 + x]));
    columns(&mut rows);
    rows = transpose(&rows);
    columns(&mut rows);
    for (to, from) in block.chunks_exact_mut(8).zip(&rows) {
        to.copy_from_slice(from);
    }
}

#[inline(always)]
fn transpose(rows: &Rows) -> Rows {
    std::array::from_fn(|y| std::array::from_fn(|x| rows[x][y]))
}

#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "compilers make vectors of the eight columns"
)]
fn forward_columns(rows: &mut Rows) {
    for x in 0..8 {
        let d: [f32; 8] = std::array::from_fn(|y| rows[y][x]);
        let (s07, d07) = (d[0] + d[7], d[0] - d[7]);
        let (s16, d16) = (d[1] + d[6], d[1] - d[6]);
        let (s25, d25) = (d[2] + d[5], d[2] - d[5]);
        let (s34, d34) = (d[3] + d[4], d[3] - d[4]);

        let (outer, outer_less) = (s07 + s34, s07 - s34);
        let (inner, inner_less) = (s16 + s25, s16 - s25);
        rows[0][x] = outer + inner;
        rows[4][x] = outer - inner;
        let turned = (inner_less + outer_less) * FRAC_1_SQRT_2;
        rows[2][x] = outer_less + turned;
        rows[6][x] = outer_less - turned;

        let (a, b, c) = (d34 + d25, d25 + d16, d16 + d07);
        let common = (a - c) * 0.382_683_43;
        let low = 0.541_196_1 * a + common;
        let high = 1.306_563 * c + common;
        let middle = b * FRAC_1_SQRT_2;
        let (plus, minus) = (d07 + middle, d07 - middle);
        rows[5][x] = minus + low;
        rows[3][x] = minus - low;
        rows[1][x] = plus + high;
        rows[7][x] = plus - high;
    }
}

#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "compilers make vectors of the eight columns"
)]
fn inverse_columns(rows: &mut Rows) {
    for x in 0..8 {
        let c: [f32; 8] = std::array::from_fn(|y| rows[y][x]);
        let (even, even_less) = (c[0] + c[4], c[0] - c[4]);
        let sum = c[2] + c[6];
        let turned = (c[2] - c[6]) * SQRT_2 - sum;
        let e = [
            even + sum,
            even_less + turned,
            even_less - turned,
            even - sum,
        ];

        let (p, q) = (c[5] + c[3], c[5] - c[3]);
        let (r, s) = (c[1] + c[7], c[1] - c[7]);
        let o0 = r + p;
        let common = (q + s) * 1.847_759_1;
        let o1 = common - q * 2.613_126 - o0;
        let o2 = (r - p) * SQRT_2 - o1;
        let o3 = common - s * 1.082_392_2 - o2;
        let o = [o0, o1, o2, o3];
        for y in 0..4 {
            rows[y][x] = e[y] + o[y];
            rows[7 - y][x] = e[y] - o[y];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    fn samples(seed: u32) -> Block {
        let mut state = seed;
        std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as f32 - 128.0
        })
    }

    /// T.81, A.3.3, as it stands there.
    fn by_definition(samples: &Block) -> [f64; 64] {
        let c = |k: usize| if k == 0 { 0.5f64.sqrt() } else { 1.0 };
        let cosine = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos();
        std::array::from_fn(|place| {
            let (u, v) = (place / 8, place % 8);
            let sum: f64 = (0..64)
                .map(|at| f64::from(samples[at]) * cosine(at % 8, u) * cosine(at / 8, v))
                .sum();
            sum * c(u) * c(v) / 4.0
        })
    }

    #[test]
    fn is_what_the_standard_defines() {
        let multipliers = Multipliers::new(&[1; 64]);
        for seed in 0..50 {
            let samples = samples(seed);
            let exact = by_definition(&samples);
            let mut block = samples;
            forward(&mut block);
            for at in 0..64 {
                let found = f64::from(block[at] * multipliers.forward[at]);
                assert!(
                    (found - exact[at]).abs() < 1e-3,
                    "{at}: {found} {}",
                    exact[at]
                );
                block[at] = exact[at] as f32 * multipliers.inverse[at];
            }
            inverse(&mut block);
            for at in 0..64 {
                assert!((block[at] - samples[at]).abs() < 1e-3, "{at}");
            }
        }
    }
}
