//! Masks: nothing of what they cover is left, and nothing else is changed.

use jpeg_splice::{
    Cover, Jpeg, Mask, Orientation, Polygon, Segments, Splicer, cover_pixels, marker,
};

use crate::coefficients::{coefficients, mcu_of};
use crate::support::{BASELINE, Picture, decode, drawing, encode, jpeg, plain};

fn mask(corners: &[[f64; 2]], cover: Cover) -> Mask {
    let outline = Polygon::new(corners.to_vec());
    Mask { outline, cover }
}

/// A rectangle: left, top, right, bottom.
fn rectangle([left, top, right, bottom]: [f64; 4], cover: Cover) -> Mask {
    let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
    mask(&corners, cover)
}

const RED: Cover = Cover::Color([200, 20, 30]);
/// Its edges lie within blocks.
const AREA: [f64; 4] = [61.0, 35.0, 130.0, 90.0];

fn masked(jpeg: &[u8], masks: &[Mask]) -> Jpeg {
    let jpeg = Jpeg::new(jpeg.to_vec().into()).unwrap();
    Splicer::new().mask(&jpeg, masks).unwrap()
}

/// Whether each block belongs to an MCU that `AREA` reaches into.
fn is_covered(size: (u32, u32), mcu: (u32, u32), number: usize) -> bool {
    let across = size.0.div_ceil(mcu.0) as usize;
    let (column, row) = ((number % across) as u32, (number / across) as u32);
    let reaches = |at: u32, side: u32, from: f64, to: f64| {
        f64::from(at * side) < to && f64::from((at + 1) * side) > from
    };
    reaches(column, mcu.0, AREA[0], AREA[2]) && reaches(row, mcu.1, AREA[1], AREA[3])
}

#[test]
fn whole_mcus_are_one_colour_and_all_others_keep_their_coefficients() {
    for (name, _) in BASELINE.iter().filter(|(name, _)| *name != "fill.jpg") {
        let whole = Jpeg::new(jpeg(name).into()).unwrap();
        let before = coefficients(&whole);
        let after = coefficients(&masked(&whole, &[rectangle(AREA, RED)]));
        let mcu = match before.factors.len() {
            1 => (8, 8),
            _ => mcu_of(&before.factors),
        };
        let blocks = match before.factors.len() {
            1 => 1,
            _ => before.factors.iter().map(|(h, v)| (h * v) as usize).sum(),
        };
        let mut covered = 0;
        for (at, (old, new)) in before.blocks.iter().zip(&after.blocks).enumerate() {
            if is_covered(before.size, mcu, at / blocks) {
                assert_eq!(new.1[1..], [0; 63], "{name}: block {at}");
                covered += 1;
            } else {
                assert_eq!(old, new, "{name}: block {at}");
            }
        }
        assert!(covered > 60, "{name}");
    }
}

#[test]
fn the_colour_is_seen_all_over_the_area() {
    for (name, _) in BASELINE {
        let seen = decode(&masked(&jpeg(name), &[rectangle(AREA, RED)]));
        let expected = match *name {
            "grey.jpg" => [75; 3],
            _ => [200, 20, 30],
        };
        for y in AREA[1] as usize..AREA[3] as usize {
            for x in AREA[0] as usize..AREA[2] as usize {
                let mut differences = seen.at(x, y).iter().zip(expected);
                let is_near = differences.all(|(&a, b)| a.abs_diff(b) <= 6);
                assert!(is_near, "{name}: {:?} at {x}, {y}", seen.at(x, y));
            }
        }
    }
}

/// Two pictures that differ in the area only.
fn two_pictures() -> [Picture; 2] {
    let one = decode(&jpeg("444.jpg"));
    let mut other = one.clone();
    for y in AREA[1] as usize..AREA[3] as usize {
        for x in AREA[0] as usize..AREA[2] as usize {
            let at = (y * one.width + x) * 3;
            other.samples[at..at + 3].fill((x * 7 + y * 13) as u8);
        }
    }
    [one, other]
}

#[test]
fn pictures_that_differ_below_the_mask_have_the_same_coefficients_then() {
    for &(name, sampling) in BASELINE {
        let [one, other] = two_pictures().map(|picture| {
            let jpeg = masked(&encode(&picture, sampling), &[rectangle(AREA, RED)]);
            coefficients(&jpeg).blocks
        });
        assert!(one == other, "{name}");
    }
}

#[test]
fn a_mosaic_has_no_cell_smaller_than_it_says() {
    for &(name, sampling) in BASELINE {
        let whole = encode(&two_pictures()[1], sampling);
        let seen = decode(&masked(&whole, &[rectangle(AREA, Cover::Mosaic(32))]));
        let cell = |x: usize, y: usize| ((x / 32).min(203 / 32 - 1), (y / 32).min(149 / 32 - 1));
        let mut colors = std::collections::HashMap::new();
        for y in AREA[1] as usize..AREA[3] as usize {
            for x in AREA[0] as usize..AREA[2] as usize {
                // Where decoders mix the chroma of two cells, they differ.
                if (x % 32).min(31 - x % 32) < 4 || (y % 32).min(31 - y % 32) < 4 {
                    continue;
                }
                let first = colors.entry(cell(x, y)).or_insert(seen.at(x, y));
                let mut differences = seen.at(x, y).iter().zip(first.iter());
                let are_near = differences.all(|(a, b)| a.abs_diff(*b) <= 2);
                assert!(
                    are_near,
                    "{name}: {:?} at {x}, {y}, not {first:?}",
                    seen.at(x, y)
                );
            }
        }
        assert!(colors.len() >= 4, "{name}");
    }
}

#[test]
fn a_mosaic_shows_the_average_of_what_is_there() {
    let picture = decode(&jpeg("444.jpg"));
    let seen = decode(&masked(
        &jpeg("444.jpg"),
        &[rectangle(AREA, Cover::Mosaic(32))],
    ));
    let mut sums = [0.0; 3];
    for (y, x) in (64..96).flat_map(|y| (64..96).map(move |x| (y, x))) {
        for (sum, value) in sums.iter_mut().zip(picture.at(x, y)) {
            *sum += f64::from(*value) / 1024.0;
        }
    }
    for (average, seen) in sums.iter().zip(seen.at(80, 80)) {
        assert!((average - f64::from(*seen)).abs() < 3.0, "{sums:?}");
    }
}

#[test]
fn a_colour_goes_before_a_mosaic_and_the_first_before_others() {
    let green = Cover::Color([0, 160, 0]);
    let masks = [Cover::Mosaic(64), green, RED].map(|cover| rectangle(AREA, cover));
    let seen = decode(&masked(&jpeg("444.jpg"), &masks));
    assert!(seen.at(90, 60)[1] > 150, "{:?}", seen.at(90, 60));
}

/// Exif data with a thumbnail in it, a comment, a second picture behind the first, as phones and
/// cameras write them.
fn with_traces(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let segment = |marker: u8, payload: &[u8]| {
        let length = (payload.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker][..], &length, payload].concat()
    };
    let tiff = [
        &b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..],
        &[orientation, 0, 0, 0, 0, 0, 0, 0],
        b"SECRET",
    ]
    .concat();
    let jfif = b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x01SECRET";
    [
        &jpeg[..2],
        &segment(0xe0, jfif),
        &segment(0xe0, b"JFXX\0\x10SECRET"),
        &segment(0xe1, &tiff),
        &segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0SECRET"),
        &segment(0xe2, b"MPF\0SECRET"),
        &segment(0xe2, b"ICC_PROFILE\0\x01\x01profile"),
        &segment(0xed, b"Photoshop 3.0\0SECRET"),
        &segment(0xfe, b"SECRET"),
        &jpeg[20..],
        b"\xff\xd8\xff\xe1\0\x08SECRET",
        jpeg,
    ]
    .concat()
}

#[test]
fn no_thumbnail_no_second_picture_and_no_comment_is_left() {
    for (name, _) in BASELINE {
        let masked = masked(&with_traces(&jpeg(name), 6), &[rectangle(AREA, RED)]);
        let found = masked.windows(6).position(|bytes| bytes == b"SECRET");
        assert_eq!(found, None, "{name}");
        let ends = masked
            .windows(2)
            .filter(|bytes| *bytes == [0xff, marker::EOI]);
        assert_eq!(ends.count(), 1, "{name}");
        assert!(masked.ends_with(&[0xff, marker::EOI]), "{name}");
        let again = Jpeg::new(masked.bytes().clone()).unwrap();
        assert_eq!(again.header(), masked.header(), "{name}");
        assert_eq!(masked.header().orientation, Orientation::new(6).unwrap());
        let segments = Segments::new(&masked).unwrap().map(Result::unwrap);
        let kept = segments.filter(|it| (0xe0..=0xfe).contains(&it.marker));
        let kept: Vec<_> = kept.map(|it| (it.marker, it.payload().len())).collect();
        assert_eq!(kept, [(0xe0, 14), (0xe1, 32), (0xe2, 21)], "{name}");
    }
    let upright = masked(&with_traces(&jpeg("420.jpg"), 1), &[rectangle(AREA, RED)]);
    assert_eq!(&upright[20..24], b"\xff\xe2\0\x17");
}

#[test]
fn a_drawing_leaves_no_picture_that_shows_what_it_covers() {
    let whole = Jpeg::new(with_traces(&jpeg("420.jpg"), 6).into()).unwrap();
    let layer = plain(61, 35, 69, 55, [0, 0, 0, 255]);
    let drawn = whole.splice(&mut Splicer::new(), &[&drawing(vec![layer])]);
    let drawn = drawn.unwrap();
    assert_eq!(Jpeg::new(drawn.bytes().clone()).unwrap(), drawn);
    let segments = Segments::new(&drawn).unwrap().map(Result::unwrap);
    let kept = segments.filter(|it| (0xe0..=0xfe).contains(&it.marker));
    let kept: Vec<_> = kept.map(|it| (it.marker, it.payload().len())).collect();
    // JFIF, Exif, XMP without a thumbnail, the colour profile, Photoshop's data and the comment.
    let expected = [
        (0xe0, 14),
        (0xe1, 38),
        (0xe1, 35),
        (0xe2, 21),
        (0xed, 20),
        (0xfe, 6),
    ];
    assert_eq!(kept, expected);
    let ends = drawn
        .windows(2)
        .filter(|bytes| *bytes == [0xff, marker::EOI]);
    assert_eq!(ends.count(), 1);
    // What has none keeps every byte.
    let plain = Jpeg::new(jpeg("comment.jpg").into()).unwrap();
    let drawn = plain.splice(&mut Splicer::new(), &[]).unwrap();
    assert_eq!(drawn, plain);
}

#[test]
fn decoded_pixels_are_covered_as_far_and_further() {
    let picture = decode(&jpeg("444.jpg"));
    let whole = Jpeg::new(jpeg("444.jpg").into()).unwrap();
    let header = whole.header();
    for cover in [RED, Cover::Mosaic(40)] {
        let mut covered = picture.samples.clone();
        cover_pixels(&mut covered, header, &[rectangle(AREA, cover)]);
        let mut other = two_pictures()[1].samples.clone();
        cover_pixels(&mut other, header, &[rectangle(AREA, RED)]);
        let squares = |start: f64, at: f64| start - 48.0 <= at;
        let mut changed = 0;
        for (at, (old, new)) in picture.samples.iter().zip(&covered).enumerate() {
            let (x, y) = (
                (at / 3 % picture.width) as f64,
                (at / 3 / picture.width) as f64,
            );
            if old != new {
                changed += 1;
                assert!(squares(AREA[0], x) && squares(AREA[1], y), "{x}, {y}");
            }
        }
        assert!(changed > 3 * 69 * 55, "{changed}");
        if cover == RED {
            assert!(covered == other);
        }
    }
}

#[test]
fn what_has_several_scans_is_left_to_pixels() {
    for name in [
        "multiscan.jpg",
        "progressive.jpg",
        "arithmetic.jpg",
        "cmyk.jpg",
    ] {
        let whole = Jpeg::new(jpeg(name).into()).unwrap();
        let masked = Splicer::new().mask(&whole, &[rectangle(AREA, RED)]);
        assert!(
            matches!(masked, Err(jpeg_splice::Error::Unsupported(_))),
            "{name}"
        );
    }
}
