//! Which JPEGs can be drawn on, what is said of the others, and what is kept of those that can.

use std::process::Command;

use jpeg_splice::{Error, Result, Splicer, Unsupported};

use crate::support::{BASELINE, decode, drawing, jpeg, path, plain, with_tables};

fn splice(jpeg: &[u8]) -> Result<Vec<u8>> {
    let drawing = drawing(vec![plain(30, 20, 50, 40, [10, 200, 90, 200])]);
    let mut out = Vec::new();
    Splicer::new().splice(jpeg, &[&drawing], &mut out)?;
    Ok(out)
}

#[test]
fn others_are_refused_with_their_reason() {
    for (name, why) in [
        ("progressive.jpg", Unsupported::Progressive),
        ("arithmetic.jpg", Unsupported::Arithmetic),
        ("cmyk.jpg", Unsupported::Components(4)),
    ] {
        assert_eq!(splice(&jpeg(name)), Err(why.into()), "{name}");
    }
}

/// `jpeg` with the payload of each segment of this kind changed.
fn with_segments(jpeg: &[u8], marker: u8, change: impl Fn(u8, &[u8]) -> (u8, Vec<u8>)) -> Vec<u8> {
    let mut changed = jpeg[..2].to_vec();
    let mut at = 2;
    loop {
        let length = usize::from(jpeg[at + 2]) << 8 | usize::from(jpeg[at + 3]);
        let (code, payload) = (jpeg[at + 1], &jpeg[at + 4..at + 2 + length]);
        at += 2 + length;
        let (new_code, payload) = if code == marker {
            change(code, payload)
        } else {
            (code, payload.to_vec())
        };
        changed.extend([0xff, new_code]);
        changed.extend((payload.len() as u16 + 2).to_be_bytes());
        changed.extend(payload);
        if code == 0xda {
            changed.extend(&jpeg[at..]);
            return changed;
        }
    }
}

#[test]
fn kinds_of_the_frame_header() {
    let change = |at: usize, value: u8| {
        with_segments(&jpeg("420.jpg"), 0xc0, move |code, payload| {
            let mut payload = payload.to_vec();
            payload[at] = value;
            (code, payload)
        })
    };
    assert_eq!(
        splice(&change(0, 12)),
        Err(Unsupported::Precision(12).into())
    );
    let no_height = with_segments(&jpeg("420.jpg"), 0xc0, |code, payload| {
        (code, [&payload[..1], &[0, 0], &payload[3..]].concat())
    });
    assert_eq!(splice(&no_height), Err(Unsupported::Height.into()));
    assert_eq!(splice(&change(7, 0x32)), Err(Unsupported::Sampling.into()));
    assert!(matches!(
        splice(&change(7, 0x02)),
        Err(Error::Damaged { .. })
    ));
    for (code, why) in [
        (0xc3, Unsupported::Lossless),
        (0xc5, Unsupported::Lossless),
        (0xca, Unsupported::Arithmetic),
    ] {
        let other = with_segments(&jpeg("420.jpg"), 0xc0, |_, payload| {
            (code, payload.to_vec())
        });
        assert_eq!(splice(&other), Err(why.into()));
    }
}

#[test]
fn colours_that_are_not_ycbcr() {
    // Without JFIF's segment, Adobe's says that they are RGB.
    let adobe = with_segments(&jpeg("444.jpg"), 0xe0, |_, _| {
        (0xee, b"Adobe\0\x64\0\0\0\0\0".to_vec())
    });
    assert_eq!(splice(&adobe), Err(Unsupported::ColorSpace.into()));
    let adobe = with_segments(&jpeg("444.jpg"), 0xe0, |_, _| {
        (0xee, b"Adobe\0\x64\0\0\0\0\x01".to_vec())
    });
    assert!(splice(&adobe).is_ok());
}

#[test]
fn extended_sequential_and_wide_tables_are_the_same_picture() {
    let expected = decode(&splice(&jpeg("420.jpg")).unwrap());
    let extended = with_segments(&jpeg("420.jpg"), 0xc0, |_, payload| {
        (0xc1, payload.to_vec())
    });
    let wide = with_segments(&extended, 0xdb, |code, payload| {
        let wide = payload.chunks(65).flat_map(|table| {
            let values = table[1..].iter().flat_map(|&value| [0, value]);
            std::iter::once(0x10 | table[0])
                .chain(values)
                .collect::<Vec<_>>()
        });
        (code, wide.collect())
    });
    for jpeg in [extended, wide] {
        assert!(decode(&splice(&jpeg).unwrap()) == expected);
    }
}

#[test]
fn several_scans_are_refused() {
    let one = with_segments(&jpeg("420.jpg"), 0xda, |code, payload| {
        (code, [&[1], &payload[1..3], &payload[7..]].concat())
    });
    assert_eq!(splice(&one), Err(Unsupported::Scans.into()));
}

#[test]
fn tables_are_added_where_there_are_none() {
    let without = splice(&jpeg("nodht.jpg")).unwrap();
    let with = splice(&jpeg("422.jpg")).unwrap();
    assert!(decode(&without) == decode(&with));
}

#[test]
fn a_code_that_the_tables_lack_is_told_of() {
    // Its tables know what is in it, and hardly more.
    let picture = jpeg("optimized.jpg");
    let hard = drawing(vec![crate::support::soft(0, 0, 200, 140)]);
    let result = Splicer::new().splice(&picture, &[&hard], &mut Vec::new());
    assert_eq!(result, Err(Unsupported::MissingCode.into()));
    // Nothing drawn needs nothing.
    let mut out = Vec::new();
    Splicer::new().splice(&picture, &[], &mut out).unwrap();
    assert_eq!(out, picture);
}

#[test]
fn what_stands_around_the_picture_is_kept() {
    let mut picture = jpeg("422.jpg");
    let text = b"\xff\xfe\x00\x0eleft as it is";
    let text = [
        &text[..2],
        &(text.len() as u16 - 2).to_be_bytes(),
        &text[4..],
    ]
    .concat();
    picture.splice(2..2, text.clone());
    picture.extend(b"behind the end");
    let out = splice(&picture).unwrap();
    assert!(out[2..].starts_with(&text));
    assert!(out.ends_with(b"\xff\xd9behind the end"));
}

#[test]
fn what_is_cut_off_is_an_error_everywhere() {
    let picture = jpeg("restart.jpg");
    for length in 0..picture.len() {
        let result = splice(&picture[..length]);
        assert!(
            matches!(result, Err(Error::Damaged { .. })),
            "{length}: {result:?}"
        );
    }
}

/// A JPEG whose header claims restart markers, of which there are none, or other ones.
#[test]
fn a_missing_restart_marker_is_damage_and_cuts_nothing_off() {
    let picture = jpeg("420.jpg");
    let scan = picture.windows(2).position(|pair| pair == [0xff, 0xda]);
    let scan = scan.unwrap();
    // The drawing lies in the first interval, or reaches into the second.
    for interval in [100u8, 30] {
        let mut claimed = picture.clone();
        claimed.splice(scan..scan, [0xff, 0xdd, 0, 4, 0, interval]);
        let result = splice(&claimed);
        assert!(
            matches!(result, Err(Error::Damaged { .. })),
            "{interval}: {result:?}"
        );
    }
    let mut restart = jpeg("restart.jpg");
    let second = restart.windows(2).position(|pair| pair == [0xff, 0xd1]);
    restart[second.unwrap() + 1] = 0xd5;
    assert!(matches!(splice(&restart), Err(Error::Damaged { .. })));
}

/// A header may claim fewer rows than there are; decoders pass over the rest, unless it starts with
/// a marker.
#[test]
fn coded_data_behind_the_last_block_is_kept() {
    let mut picture = jpeg("420.jpg");
    let header = picture.windows(2).position(|pair| pair == [0xff, 0xc0]);
    let height = header.unwrap() + 5;
    assert_eq!(picture[height..height + 2], [0, 149]);
    picture[height + 1] = 48;
    let tail = picture.len() - 600;
    picture.splice(tail..tail, [0xff, 0x67]);
    let all = drawing(vec![plain(0, 0, 203, 48, [10, 200, 90, 255])]);
    let mut out = Vec::new();
    Splicer::new().splice(&picture, &[&all], &mut out).unwrap();
    assert_eq!(out[out.len() - 602..], picture[tail..]);
    assert!(out.len() > 2000);
    decode(&out);
}

/// libjpeg-turbo's own djpeg; not in the usual run, since not everybody has it. It also tells what
/// it finds odd.
#[test]
#[ignore = "needs djpeg (Debian: libjpeg-turbo-progs)"]
fn djpeg_sees_no_difference_outside_of_the_drawn_mcus() {
    let folder = std::env::temp_dir();
    for (name, _) in BASELINE {
        let out = folder.join(format!("jpeg-splice-{}-{name}", std::process::id()));
        std::fs::write(&out, splice(&jpeg(name)).unwrap()).unwrap();
        let (before, after) = (djpeg(&path(name)), djpeg(&out));
        std::fs::remove_file(&out).unwrap();
        assert_eq!(before.len(), after.len());
        let width = decode(&with_tables(name)).width;
        let channels = if *name == "grey.jpg" { 1 } else { 3 };
        let header = before.len() - before.len() / (width * channels) * width * channels;
        for (at, (before, after)) in before[header..].iter().zip(&after[header..]).enumerate() {
            let (x, y) = (at / channels % width, at / channels / width);
            // In MCUs of the largest size, the layer reaches these.
            if !((0..96).contains(&x) && (16..64).contains(&y)) {
                assert_eq!(before, after, "{name} at {x}, {y}");
            }
        }
    }
}

/// A picture as PPM or PGM, without smooth upsampling.
fn djpeg(path: &std::path::Path) -> Vec<u8> {
    let output = Command::new("djpeg")
        .arg("-nosmooth")
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "{}",
        path.display()
    );
    output.stdout
}
