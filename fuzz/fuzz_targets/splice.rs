//! Any bytes as a JPEG, under drawings that differ with the input: it must come to an end, without
//! a panic, and what it makes must be drawn on again. Walks in pieces, wherever they are divided,
//! must end where the plain walk does.

#![no_main]

use jpeg_splice::{
    Cover, Drawing, Error, Jpeg, Layer, Mask, Polygon, Splicer, Unsupported, walks_agree,
};
use libfuzzer_sys::fuzz_target;

/// A masked JPEG must be one that can be masked again.
fn mask(jpeg: &[u8], [x, y, width, height]: [f64; 4]) {
    let Ok(jpeg) = Jpeg::new(jpeg.to_vec().into()) else {
        return;
    };
    let mask = |cover| Mask {
        outline: Polygon::new(vec![[x, y], [x + width, y], [x + width, y + height]]),
        cover,
    };
    let masks = [mask(Cover::Mosaic(32)), mask(Cover::Color([9, 99, 200]))];
    let mut splicer = Splicer::new();
    for masks in [&masks[..1], &masks[1..], &masks[..]] {
        let Ok(masked) = splicer.mask(&jpeg, masks) else {
            continue;
        };
        Jpeg::new(masked.bytes().clone()).expect("what was masked is whole");
        if let Err(Error::Unsupported(why)) = splicer.mask(&masked, masks) {
            assert_eq!(why, Unsupported::MissingCode);
        }
    }
}

fuzz_target!(|input: (u8, u8, u8, u8, &[u8])| {
    let (x, y, width, alpha, jpeg) = input;
    walks_agree(jpeg, x, y, alpha % 2 == 0);
    mask(jpeg, [x, y, width, alpha].map(f64::from));
    let width = u32::from(width) + 1;
    let layer = |x: i32, y: i32, alpha: u8| {
        let pixels = (0..width * 20)
            .flat_map(|pixel| [pixel as u8, 90, 200, alpha.wrapping_add((pixel % 3) as u8)]);
        Layer {
            x,
            y,
            width,
            height: 20,
            rgba: pixels.collect(),
        }
    };
    let top = Drawing::new(vec![layer(i32::from(x) - 20, i32::from(y) - 20, alpha)]).unwrap();
    let bottom = Drawing::new(vec![layer(i32::from(y) * 2, i32::from(x) * 2, 255)]).unwrap();
    let mut splicer = Splicer::new();
    let mut out = Vec::new();
    if splicer.splice(jpeg, &[&top, &bottom], &mut out).is_err() {
        return;
    }
    let mut again = Vec::new();
    match splicer.splice(&out, &[&top, &bottom], &mut again) {
        // The part behind the last drawn block may be damaged, and be read this time; and blocks
        // that were drawn on twice may need other codes.
        Ok(()) | Err(Error::Damaged { .. } | Error::Unsupported(Unsupported::MissingCode)) => {}
        Err(Error::Unsupported(why)) => panic!("what was drawn on is {why}"),
    }
});
