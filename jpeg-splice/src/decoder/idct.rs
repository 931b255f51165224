//! The inverse discrete cosine transform in whole numbers, as libjpeg's default does it, so that
//! pictures are the same to the last bit: the algorithm of Loeffler, Ligtenberg and Moschytz
//! ("Practical fast 1-D DCT algorithms with 11 multiplications", 1989), with constants of 13 bits.

use std::num::Wrapping;

type Number = Wrapping<i32>;

/// The bits of the constants, and those by which the first pass is more precise.
const BITS: usize = 13;
const MORE: usize = 2;

/// A constant of [`BITS`] bits.
const fn fix(value: f64) -> Number {
    Wrapping((value * (1 << BITS) as f64 + 0.5) as i32)
}

const C0_298: Number = fix(0.298_631_336);
const C0_390: Number = fix(0.390_180_644);
const C0_541: Number = fix(0.541_196_100);
const C0_765: Number = fix(0.765_366_865);
const C0_899: Number = fix(0.899_976_223);
const C1_175: Number = fix(1.175_875_602);
const C1_501: Number = fix(1.501_321_110);
const C1_847: Number = fix(1.847_759_065);
const C1_961: Number = fix(1.961_570_560);
const C2_053: Number = fix(2.053_119_869);
const C2_562: Number = fix(2.562_915_447);
const C3_072: Number = fix(3.072_711_026);

/// The samples of a block, from its coefficients and quantization table, all in rows.
pub fn samples(coefficients: &[i16], table: &[u16; 64]) -> [u8; 64] {
    let mut block = [Wrapping(0); 64];
    for ((value, &coefficient), &step) in block.iter_mut().zip(coefficients).zip(table) {
        // Damaged data may leave the 16 bits that libjpeg has for this.
        *value = Wrapping(coefficient.wrapping_mul(step as i16).into());
    }
    for column in 0..8 {
        let line = pass(
            std::array::from_fn(|row| block[row * 8 + column]),
            BITS - MORE,
        );
        for (row, value) in line.into_iter().enumerate() {
            block[row * 8 + column] = Wrapping(value.0.clamp(i16::MIN.into(), i16::MAX.into()));
        }
    }
    for row in block.as_chunks_mut::<8>().0 {
        *row = pass(*row, BITS + MORE + 3);
    }
    block.map(|value| (value + Wrapping(128)).0.clamp(0, 255) as u8)
}

fn pass(line: [Number; 8], shift: usize) -> [Number; 8] {
    let sum = (line[2] + line[6]) * C0_541;
    let (two, three) = (sum - line[6] * C1_847, sum + line[2] * C0_765);
    let (zero, one) = ((line[0] + line[4]) << BITS, (line[0] - line[4]) << BITS);
    let even = [zero + three, one + two, one - two, zero - three];

    let [a, b, c, d] = [line[7], line[5], line[3], line[1]];
    let all = (a + c + b + d) * C1_175;
    let (ad, bc) = ((a + d) * C0_899, (b + c) * C2_562);
    let (ac, bd) = (all - (a + c) * C1_961, all - (b + d) * C0_390);
    let odd = [
        d * C1_501 - ad + bd,
        c * C3_072 - bc + ac,
        b * C2_053 - bc + bd,
        a * C0_298 - ad + ac,
    ];
    let half = Wrapping(1 << (shift - 1));
    std::array::from_fn(|at| {
        let value = if at < 4 {
            even[at] + odd[at]
        } else {
            even[7 - at] - odd[7 - at]
        };
        (value + half) >> shift
    })
}
