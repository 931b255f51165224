//! The estimated cost of splicing, beside that of decoding, drawing and encoding: the cheaper one
//! is to be taken.
//!
//! The factors are CPU time in nanoseconds on the machine of docs/performance.md, at a camera's
//! quality; `cargo bench -p mattebox-benches --bench splice` measures them anew. Elsewhere all are
//! other numbers, but much the same to each other, which is all that a comparison needs.

use super::cache::{Cache, KeptDrawing};
use super::frame::Frame;
use super::layout::Layout;
use super::rewriter::TouchedBy;

/// A byte of coded data up to the last drawn block of its restart interval, whose codes are walked
/// over.
pub const WALK: f64 = 2.5;
/// A block that a drawing hides: coded anew.
pub const FILL: f64 = 60.0;
/// A block that a drawing lets through: decoded, drawn on and coded anew.
pub const DRAW: f64 = 170.0;
/// A block of a new drawing, unless it is one of many in one colour.
pub const PREPARE: f64 = 200.0;
/// A pixel of the picture, decoded, drawn on and encoded.
pub const RECODE: f64 = 7.0;

/// An estimate, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Of splicing.
    pub splice: f64,
    /// Of decoding, drawing and encoding.
    pub recode: f64,
    /// About the memory that splicing takes for as long as the drawings stay, in bytes.
    pub prepared_bytes: u64,
}

impl Cost {
    /// Of the `touched` MCUs, in order, of the drawings that `cache` has found.
    pub(crate) fn of(
        coded_bytes: usize,
        frame: &Frame<'_>,
        layout: &Layout,
        cache: &Cache,
        touched: &[TouchedBy],
    ) -> Self {
        let drawings = cache.drawings();
        let (across, down) = layout.mcus();
        let walked = walked_mcus(touched, frame.interval(layout));
        let walked = coded_bytes as f64 * walked as f64 / f64::from(across * down);
        let drawn = touched.chunk_by(|one, other| one.mcu == other.mcu);
        let drawn: f64 = drawn.map(|here| draw(here, drawings)).sum();
        let new = drawings.iter().filter(|drawing| drawing.is_new);
        let new = new.flat_map(KeptDrawing::distinct).count() as f64;
        let (_, blocks) = layout.blocks();
        Self {
            splice: walked * WALK + (drawn + new * PREPARE) * blocks as f64,
            recode: f64::from(layout.width) * f64::from(layout.height) * RECODE,
            prepared_bytes: drawings.iter().map(KeptDrawing::prepared_bytes).sum(),
        }
    }

    /// Whether decoding, drawing and encoding is cheaper.
    #[must_use]
    pub fn favors_recoding(&self) -> bool {
        self.splice > self.recode
    }
}

/// The MCUs up to the last drawn one of each restart interval.
fn walked_mcus(touched: &[TouchedBy], interval: u32) -> u64 {
    let intervals = touched.chunk_by(|one, other| one.mcu / interval == other.mcu / interval);
    let last = intervals.filter_map(|here| here.last());
    last.map(|last| u64::from(last.mcu % interval) + 1).sum()
}

/// The cost of each block of an MCU that is drawn on.
fn draw(here: &[TouchedBy], drawings: &[KeptDrawing]) -> f64 {
    match here {
        [only]
            if drawings[only.drawing as usize]
                .cover(only.index)
                .is_opaque() =>
        {
            FILL
        }
        _ => DRAW,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Drawing, Layer, Splicer};

    fn layer(y: i32, height: u32, pixel: impl Fn(u32) -> [u8; 4]) -> Layer {
        Layer {
            x: 0,
            y,
            width: 1024,
            height,
            rgba: (0..1024 * height).flat_map(pixel).collect(),
        }
    }

    fn drawing(layers: Vec<Layer>) -> Drawing {
        Drawing::new(layers).unwrap()
    }

    /// The header of a picture of 1024 × 1024 in 4:2:0, and coded data that nobody reads.
    fn jpeg(restart_interval: u8) -> Vec<u8> {
        let head = b"\xff\xd8\xff\xc0\0\x11\x08\x04\0\x04\0\x03\x01\x22\0\x02\x11\0\x03\x11\0";
        let dri = [0xff, 0xdd, 0, 4, 0, restart_interval];
        let scan = b"\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0";
        [&head[..], &dri, scan, &[0; 300_000]].concat()
    }

    /// The share of recoding's cost that splicing costs, on the first frame and on the next.
    fn shares(jpeg: &[u8], drawings: &[&Drawing]) -> [f64; 2] {
        let mut splicer = Splicer::new();
        [0, 1].map(|_| {
            let cost = splicer.estimate(jpeg, drawings).unwrap();
            assert_eq!(cost.favors_recoding(), cost.splice > cost.recode);
            cost.splice / cost.recode
        })
    }

    #[test]
    fn what_hides_half_of_the_picture_is_spliced() {
        let mask = drawing(vec![layer(0, 512, |_| [0, 0, 0, 255])]);
        let [first, next] = shares(&jpeg(0), &[&mask]);
        assert!(next < 0.25 && first < next + 0.001, "{first} {next}");
        // Its blocks are its own, which is all that differs.
        let picture = drawing(vec![layer(0, 512, |at| [at as u8, 0, 0, 255])]);
        let [first, again] = shares(&jpeg(0), &[&picture]);
        assert!(again == next && first < 0.6, "{first} {again}");
    }

    #[test]
    fn a_large_drawing_pays_when_it_stays() {
        let veil = drawing(vec![layer(0, 768, |at| [at as u8, 0, 0, 128])]);
        let [first, next] = shares(&jpeg(0), &[&veil]);
        assert!(first > 1.0 && next < 0.6, "{first} {next}");
    }

    #[test]
    fn what_is_hidden_under_another_layer_or_transparent_costs_nothing() {
        let mask = || layer(256, 512, |_| [0, 0, 0, 255]);
        let veil = layer(256, 512, |at| [at as u8, 0, 0, 128]);
        let nothing = layer(0, 1024, |_| [9, 9, 9, 0]);
        let alone = shares(&jpeg(0), &[&drawing(vec![mask()])]);
        let all = drawing(vec![veil, mask(), nothing]);
        assert_eq!(shares(&jpeg(0), &[&all]), alone);
    }

    #[test]
    fn restart_markers_save_the_walk() {
        let line = drawing(vec![layer(1023, 1, |_| [0, 0, 0, 255])]);
        let [plain, rows] = [0, 64].map(|interval| shares(&jpeg(interval), &[&line])[1]);
        assert!(plain > 2.0 * rows, "{plain} {rows}");
    }

    #[test]
    fn memory_is_counted_by_the_blocks_that_are_kept() {
        let bytes = |layers| {
            let cost = Splicer::new().estimate(&jpeg(0), &[&drawing(layers)]);
            cost.unwrap().prepared_bytes
        };
        let mask = bytes(vec![layer(0, 1024, |_| [0, 0, 0, 255])]);
        let veil = bytes(vec![layer(0, 1024, |at| [at as u8, 0, 0, 128])]);
        assert!(mask < 400_000 && veil > 12_000_000, "{mask} {veil}");
        let lines = (0..64).map(|line| layer(16 * line, 1, |_| [0, 0, 0, 255]));
        assert_eq!(bytes(lines.collect()), veil);
        assert_eq!(bytes(vec![layer(2000, 5, |_| [255; 4])]), 0);
    }
}
