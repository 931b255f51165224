//! Random JPEGs and layers: what comes out decodes, and every block that no layer reaches holds the
//! very coefficients it held (`PROPTEST_CASES=100000` tries more of them). They are read by a
//! decoder of this file's own, written plainly after ITU-T T.81, annex F.

use std::collections::HashMap;

use crate::support::decode;
use jpeg_splice::{Drawing, Layer, Splicer};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use proptest::prelude::*;

/// A scan's blocks in order: component and 64 coefficients in zigzag order, the first not a
/// difference.
pub struct Coefficients {
    pub blocks: Vec<(usize, [i32; 64])>,
    pub factors: Vec<(u32, u32)>,
    pub size: (u32, u32),
}

type Table = HashMap<(u32, u32), u8>;

struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    left: u32,
}

impl Bits<'_> {
    fn bit(&mut self) -> u32 {
        if self.left == 0 {
            self.at += if self.data[self.at] == 0xff { 2 } else { 1 };
            self.left = 8;
        }
        self.left -= 1;
        u32::from(self.data[self.at]) >> self.left & 1
    }

    fn bits(&mut self, count: u32) -> i32 {
        let value = (0..count).fold(0, |value, _| value << 1 | self.bit());
        if count > 0 && value >> (count - 1) == 0 {
            return value as i32 - (1 << count) + 1;
        }
        value as i32
    }

    fn symbol(&mut self, table: &Table) -> u8 {
        let (mut code, mut length) = (0, 0);
        loop {
            (code, length) = (code << 1 | self.bit(), length + 1);
            if let Some(&symbol) = table.get(&(length, code)) {
                return symbol;
            }
            assert!(length < 16, "no such code");
        }
    }

    fn restart(&mut self, number: u32) {
        let end = self.at + if self.data[self.at] == 0xff { 2 } else { 1 };
        assert_eq!(
            self.data[end..end + 2],
            [0xff, 0xd0 + (number % 8) as u8],
            "a restart marker"
        );
        (self.at, self.left) = (end + 1, 0);
    }
}

pub fn coefficients(jpeg: &[u8]) -> Coefficients {
    let (mut at, mut interval) = (2, 0);
    let mut tables: HashMap<u8, Table> = HashMap::new();
    let (mut factors, mut size) = (Vec::new(), (0, 0));
    loop {
        let (marker, length) = (
            jpeg[at + 1],
            usize::from(jpeg[at + 2]) << 8 | usize::from(jpeg[at + 3]),
        );
        let payload = &jpeg[at + 4..at + 2 + length];
        let pair = |at: usize| u32::from(payload[at]) << 8 | u32::from(payload[at + 1]);
        at += 2 + length;
        match marker {
            0xc4 => read_tables(payload, &mut tables),
            0xc0 => {
                size = (pair(3), pair(1));
                factors = payload[6..]
                    .chunks(3)
                    .map(|c| (u32::from(c[1] >> 4), u32::from(c[1] & 15)))
                    .collect();
            }
            0xdd => interval = pair(0),
            0xda => {
                let selectors = payload[1..]
                    .chunks(2)
                    .take(factors.len())
                    .map(|c| c[1])
                    .collect();
                let data = &jpeg[at - 1..];
                return scan(data, &tables, selectors, factors, size, interval);
            }
            _ => {}
        }
    }
}

fn read_tables(mut payload: &[u8], tables: &mut HashMap<u8, Table>) {
    while !payload.is_empty() {
        let (mut table, mut code, mut next) = (Table::new(), 0, 17);
        for length in 1..=16 {
            for _ in 0..payload[length] {
                table.insert((length as u32, code), payload[next]);
                (code, next) = (code + 1, next + 1);
            }
            code <<= 1;
        }
        tables.insert(payload[0], table);
        payload = &payload[next..];
    }
}

pub fn mcu_of(factors: &[(u32, u32)]) -> (u32, u32) {
    let h = factors.iter().map(|f| f.0).max().unwrap();
    let v = factors.iter().map(|f| f.1).max().unwrap();
    (h * 8, v * 8)
}

fn scan(
    data: &[u8],
    tables: &HashMap<u8, Table>,
    selectors: Vec<u8>,
    mut factors: Vec<(u32, u32)>,
    size: (u32, u32),
    interval: u32,
) -> Coefficients {
    if factors.len() == 1 {
        factors = vec![(1, 1)];
    }
    let (width, height) = mcu_of(&factors);
    let mcus = size.0.div_ceil(width) * size.1.div_ceil(height);
    let mut bits = Bits {
        data,
        at: 0,
        left: 0,
    };
    let (mut blocks, mut dc) = (Vec::new(), [0; 3]);
    for mcu in 0..mcus {
        if interval > 0 && mcu > 0 && mcu % interval == 0 {
            bits.restart(mcu / interval - 1);
            dc = [0; 3];
        }
        for (component, &(h, v)) in factors.iter().enumerate() {
            let (dc_table, ac_table) =
                (selectors[component] >> 4, 0x10 | selectors[component] & 15);
            for _ in 0..h * v {
                let mut block = [0; 64];
                let count = bits.symbol(&tables[&dc_table]);
                dc[component] += bits.bits(count.into());
                block[0] = dc[component];
                let mut k = 1;
                while k < 64 {
                    match bits.symbol(&tables[&ac_table]) {
                        0x00 => break,
                        0xf0 => k += 16,
                        symbol => {
                            k += usize::from(symbol >> 4);
                            block[k] = bits.bits((symbol & 15).into());
                            k += 1;
                        }
                    }
                }
                blocks.push((component, block));
            }
        }
    }
    let end = bits.at + if data[bits.at] == 0xff { 2 } else { 1 };
    assert_eq!(
        data[end..end + 2],
        [0xff, 0xd9],
        "EOI right behind the last bits"
    );
    Coefficients {
        blocks,
        factors,
        size,
    }
}

/// Whether a layer reaches any pixel of each MCU.
fn touched(picture: &Coefficients, layers: &[Layer]) -> Vec<bool> {
    let (width, height) = mcu_of(&picture.factors);
    let (across, down) = (
        picture.size.0.div_ceil(width),
        picture.size.1.div_ceil(height),
    );
    let overlaps = |start: u32, length: u32, end: u32, from: i32, layer: u32| {
        let (start, end) = (i64::from(start), i64::from((start + length).min(end)));
        i64::from(from) < end && i64::from(from) + i64::from(layer) > start
    };
    (0..across * down)
        .map(|mcu| {
            let (x, y) = (mcu % across * width, mcu / across * height);
            layers.iter().any(|layer| {
                overlaps(x, width, picture.size.0, layer.x, layer.width)
                    && overlaps(y, height, picture.size.1, layer.y, layer.height)
            })
        })
        .collect()
}

#[derive(Clone, Debug)]
struct Case {
    size: (u32, u32),
    sampling: Subsampling,
    quality: u8,
    interval: u16,
    seed: u32,
    layers: Vec<Layer>,
}

fn noise(case: &Case) -> Vec<u8> {
    let mut state = case.seed;
    let pixels = (0..case.size.1).flat_map(|y| (0..case.size.0).map(move |x| (x, y)));
    let rgb = pixels.flat_map(|(x, y)| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Calm and wild places.
        let wild = (x / 24 + y / 24 + case.seed % 3).is_multiple_of(3);
        let grain = if wild { state >> 24 } else { state >> 30 };
        [x * 3 + grain, y * 2 + grain * 2, x + y + grain].map(|value| value as u8)
    });
    rgb.collect()
}

fn encode(case: &Case) -> Vec<u8> {
    let (width, height) = (case.size.0 as usize, case.size.1 as usize);
    let rgb = noise(case);
    let encoder = Encoder::new(&rgb, width, height, PixelFormat::Rgb)
        .quality(case.quality)
        .subsampling(case.sampling);
    let encoder = match case.interval {
        0 => encoder,
        interval => encoder.restart_blocks(interval),
    };
    encoder.encode().unwrap()
}

fn layers() -> impl Strategy<Value = Vec<Layer>> {
    let alphas = prop_oneof![Just(255u8), Just(0), Just(128), any::<u8>()];
    let layer = (
        -40..180i32,
        -40..140i32,
        1..90u32,
        1..70u32,
        any::<[u8; 3]>(),
        alphas,
        any::<bool>(),
    );
    let layer = layer.prop_map(|(x, y, width, height, [r, g, b], alpha, is_even)| Layer {
        x,
        y,
        width,
        height,
        rgba: (0..width * height)
            .flat_map(|pixel| {
                let alpha = if is_even {
                    alpha
                } else {
                    alpha.wrapping_add((pixel * 7) as u8)
                };
                [r, g, b, alpha]
            })
            .collect(),
    });
    prop::collection::vec(layer, 0..4)
}

fn cases() -> impl Strategy<Value = Case> {
    use Subsampling::{S411, S420, S422, S440, S444};
    let samplings = prop::sample::select(vec![S444, S422, S420, S440, S411]);
    let intervals = prop_oneof![Just(0u16), 1..30u16];
    (
        (1..170u32, 1..130u32),
        samplings,
        30..100u8,
        intervals,
        any::<u32>(),
        layers(),
    )
        .prop_map(|(size, sampling, quality, interval, seed, layers)| Case {
            size,
            sampling,
            quality,
            interval,
            seed,
            layers,
        })
}

proptest! {
    #[test]
    fn untouched_blocks_hold_what_they_held(case in cases()) {
        let source = encode(&case);
        let drawings: Vec<_> = case
            .layers
            .iter()
            .map(|layer| Drawing::new(vec![layer.clone()]).unwrap())
            .collect();
        let mut out = Vec::new();
        let mut splicer = Splicer::new();
        splicer.splice(&source, &drawings.iter().collect::<Vec<_>>(), &mut out).unwrap();
        let (before, after) = (coefficients(&source), coefficients(&out));
        prop_assert_eq!(before.blocks.len(), after.blocks.len());
        let touched = touched(&before, &case.layers);
        let per_mcu = before.blocks.len() / touched.len();
        for (block, (before, after)) in before.blocks.iter().zip(&after.blocks).enumerate() {
            if !touched[block / per_mcu] {
                prop_assert_eq!(before, after, "block {}", block);
            }
        }
        decode(&out);
        // And again, with all that was kept.
        let mut again = Vec::new();
        splicer.splice(&source, &drawings.iter().collect::<Vec<_>>(), &mut again).unwrap();
        prop_assert!(out == again);
    }

    #[test]
    fn damage_gives_an_error_or_a_picture(
        case in cases(),
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8u32), 0..6),
        is_cut in any::<bool>(),
    ) {
        let mut jpeg = encode(&case);
        for (at, bit) in flips {
            let at = at.index(jpeg.len());
            jpeg[at] ^= 1 << bit;
        }
        if is_cut {
            jpeg.truncate(cut.index(jpeg.len()));
        }
        let drawing = Drawing::new(case.layers).unwrap();
        let mut out = Vec::new();
        // Whatever it says, it says so, and soon.
        if Splicer::new().splice(&jpeg, &[&drawing], &mut out).is_ok() {
            prop_assert!(out.len() < jpeg.len() * 4 + 200_000);
        }
    }
}

/// Large enough for walks in several pieces.
#[test]
fn untouched_blocks_of_large_pictures_hold_what_they_held() {
    use Subsampling::{S411, S420, S422, S440, S444};
    let layer = |y| Layer {
        x: 300,
        y,
        width: 90,
        height: 20,
        rgba: [200, 10, 90, 180].repeat(90 * 20),
    };
    let layers = [layer(10), layer(300), layer(452)];
    let drawing = Drawing::new(layers.to_vec()).unwrap();
    for sampling in [S444, S422, S420, S440, S411] {
        let (mut splicer, mut out) = (Splicer::new(), Vec::new());
        for seed in 0..4 {
            let source = encode(&Case {
                size: (645, 475),
                sampling,
                quality: 85,
                interval: 0,
                seed,
                layers: Vec::new(),
            });
            splicer.splice(&source, &[&drawing], &mut out).unwrap();
            let (before, after) = (coefficients(&source), coefficients(&out));
            let touched = touched(&before, &layers);
            let per_mcu = before.blocks.len() / touched.len();
            for (block, (before, after)) in before.blocks.iter().zip(&after.blocks).enumerate() {
                assert!(touched[block / per_mcu] || before == after, "block {block}");
            }
        }
    }
}
