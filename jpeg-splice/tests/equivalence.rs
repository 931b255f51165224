//! The spliced picture beside the decoded, drawn-on one: where it was drawn, and where it was not.

use crate::support::{
    BASELINE, Picture, blend, decode, drawing, encode, jpeg, plain, psnr, soft, with_tables,
};
use jpeg_splice::{Layer, Splicer};

fn splice(jpeg: &[u8], layers: &[Layer]) -> Vec<u8> {
    let mut out = Vec::new();
    let drawing = drawing(layers.to_vec());
    Splicer::new().splice(jpeg, &[&drawing], &mut out).unwrap();
    out
}

/// The largest MCU's side, and a pixel that smooth chroma may reach over it.
const REACH: i64 = 17;

/// Outside of the layers' MCUs no pixel may differ.
fn assert_kept(name: &str, before: &Picture, after: &Picture, layers: &[Layer]) {
    for y in 0..before.height {
        for x in 0..before.width {
            let is_near = layers.iter().any(|layer| {
                let near = |at: usize, start: i32, length: u32| {
                    let from = i64::from(start).div_euclid(16) * 16 - REACH;
                    let until =
                        (i64::from(start) + i64::from(length)).div_euclid(16) * 16 + 16 + REACH;
                    (from..until).contains(&(at as i64))
                };
                // 4:1:1 has MCUs of 32 pixels.
                near(x, layer.x - 16, layer.width + 32) && near(y, layer.y, layer.height)
            });
            if !is_near {
                assert_eq!(before.at(x, y), after.at(x, y), "{name} at {x}, {y}");
            }
        }
    }
}

/// A drawing on every kind of JPEG, beside the same drawing on the decoded picture, encoded again.
/// `area` is where to look; they must agree to `least` dB.
fn check(layers: &[Layer], area: (usize, usize, usize, usize), least: f64) {
    for &(name, sampling) in BASELINE {
        let source = jpeg(name);
        // zune-jpeg wants tables.
        let before = decode(&with_tables(name));
        let after = decode(&splice(&source, layers));
        assert_kept(name, &before, &after, layers);
        let mut blended = blend(&before, layers);
        if name == "grey.jpg" {
            blended.make_grey();
        }
        let recoded = decode(&encode(&blended, sampling));
        let found = psnr(&recoded, &after, area);
        println!("{name}: {found:.1} dB");
        assert!(found > least, "{name}: {found:.1} dB");
    }
}

#[test]
fn an_opaque_layer() {
    let layer = plain(48, 32, 64, 48, [200, 30, 60, 255]);
    check(&[layer], (48, 32, 64, 48), 35.0);
}

#[test]
fn a_half_transparent_layer() {
    let layer = plain(43, 37, 64, 48, [20, 30, 60, 128]);
    check(&[layer], (43, 37, 64, 48), 35.0);
}

#[test]
fn soft_edges() {
    check(&[soft(37, 29, 70, 40)], (37, 29, 70, 40), 30.0);
}

#[test]
fn several_layers_on_each_other() {
    let layers = [
        plain(40, 30, 64, 48, [200, 30, 60, 255]),
        plain(50, 20, 64, 48, [0, 200, 60, 100]),
        soft(60, 40, 50, 20),
    ];
    check(&layers, (40, 20, 74, 58), 30.0);
}

#[test]
fn layers_over_every_edge() {
    let layers = [
        plain(-10, -10, 30, 30, [255; 4]),
        plain(190, 140, 100, 100, [255; 4]),
        plain(-5, 60, 1000, 9, [255; 4]),
    ];
    check(&layers, (0, 60, 200, 9), 30.0);
    check(&layers, (0, 0, 16, 16), 30.0);
    check(&layers, (195, 145, 6, 3), 30.0);
}
