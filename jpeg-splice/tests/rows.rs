//! A JPEG of some of another's rows.

use jpeg_splice::Jpeg;

use crate::support::{BASELINE, Picture, decode, encode, jpeg};

/// The rows `from` to `to` of both are alike. At a cut, decoders have no neighbours to mix chroma
/// with.
fn check(name: &str, whole: &Jpeg, (from, to): (u32, u32)) -> u32 {
    let (rows, top) = whole.rows(from..to).unwrap();
    let (picture, part) = (decode(whole), decode(&rows));
    assert_eq!((part.width, part.height), {
        let (width, height) = rows.size();
        (width as usize, height as usize)
    });
    assert!(top <= from && top + rows.size().1 >= to, "{name}");
    assert!(Jpeg::new(rows.bytes().clone()).is_ok());
    for y in from as usize..to as usize {
        for x in 0..picture.width {
            let (expected, found) = (picture.at(x, y), part.at(x, y - top as usize));
            let far = expected.iter().zip(found).any(|(a, b)| a.abs_diff(*b) > 40);
            assert!(!far, "{name}: {x}, {y}: {expected:?}, {found:?}");
        }
    }
    top
}

#[test]
fn they_are_those_of_the_whole_picture() {
    for (name, _) in BASELINE {
        let whole = Jpeg::new(jpeg(name).into()).unwrap();
        let (_, height) = whole.size();
        for part in [
            (0, height),
            (0, 1),
            (height / 2, height / 2 + 9),
            (height - 1, height),
        ] {
            check(name, &whole, part);
        }
    }
}

#[test]
fn with_restart_markers_they_begin_near_the_first_wanted_one() {
    let pixels = (0..320 * 240 * 3).map(|at: u32| (at / 977) as u8 ^ (at / 7) as u8);
    let picture = Picture {
        width: 320,
        height: 240,
        samples: pixels.collect(),
    };
    let rows = libjpeg_turbo_rs::Encoder::new(
        &picture.samples,
        320,
        240,
        libjpeg_turbo_rs::PixelFormat::Rgb,
    )
    .subsampling(libjpeg_turbo_rs::Subsampling::S420)
    .restart_rows(1);
    let whole = Jpeg::new(rows.encode().unwrap().into()).unwrap();
    assert_eq!(check("rows", &whole, (100, 103)), 96);
    assert_eq!(check("rows", &whole, (200, 240)), 192);
    let plain = Jpeg::new(encode(&picture, libjpeg_turbo_rs::Subsampling::S420).into()).unwrap();
    assert_eq!(check("plain", &plain, (100, 103)), 0);
}
