//! Other decoders are the judges: libjpeg's djpeg to the last bit, zune-jpeg where it is right.

use std::process::{Command, Stdio};

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{DecodeError, decode};

const WIDTH: usize = 203;
const HEIGHT: usize = 149;

fn jpeg(name: &str) -> Vec<u8> {
    let path = format!("{}/../tests/jpegs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn decoded(jpeg: &[u8]) -> Vec<u8> {
    // What was there before must not shine through.
    let mut rgb = vec![77; 10];
    assert_eq!(decode(jpeg, &mut rgb), Ok((WIDTH as u32, HEIGHT as u32)));
    assert_eq!(rgb.len(), WIDTH * HEIGHT * 3);
    rgb
}

fn zune(jpeg: &[u8]) -> Vec<u8> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    JpegDecoder::new_with_options(ZCursor::new(jpeg), options)
        .decode()
        .unwrap()
}

fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// The places of the restart markers of a JPEG with one scan.
fn restarts(jpeg: &[u8]) -> Vec<usize> {
    let scan = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xda])
        .unwrap();
    let is_restart = |at: &usize| jpeg[*at] == 0xff && matches!(jpeg[at + 1], 0xd0..=0xd7);
    (scan..jpeg.len() - 1).filter(is_restart).collect()
}

fn with(jpeg: &[u8], range: std::ops::Range<usize>, new: &[u8]) -> Vec<u8> {
    let mut changed = jpeg.to_vec();
    changed.splice(range, new.iter().copied());
    changed
}

#[test]
fn one_picture_is_the_same_however_it_is_coded() {
    let baseline = decoded(&jpeg("420.jpg"));
    for name in [
        "multiscan.jpg",
        "partscan.jpg",
        "progressive.jpg",
        "arithmetic.jpg",
        "arithmetic-progressive.jpg",
        "optimized.jpg",
        "restart.jpg",
        "fill.jpg",
    ] {
        assert!(decoded(&jpeg(name)) == baseline, "{name}");
    }
    assert!(decoded(&jpeg("nodht.jpg")) == decoded(&jpeg("422.jpg")));
}

#[test]
fn it_sees_what_zune_jpeg_sees() {
    for name in [
        "444.jpg",
        "422.jpg",
        "420.jpg",
        "440.jpg",
        "411.jpg",
        "grey.jpg",
        "cmyk.jpg",
        "ffmpeg.jpg",
    ] {
        let jpeg = jpeg(name);
        let difference = largest_difference(&decoded(&jpeg), &zune(&jpeg));
        assert!(difference <= 4, "{name}: {difference}");
    }
}

#[test]
fn a_lost_interval_is_grey_and_the_others_stay() {
    let whole = jpeg("restart.jpg");
    let (rows, markers) = (32, restarts(&whole));
    assert_eq!(markers.len(), 4);
    let expected = decoded(&whole);
    let end = whole.len() - 2;
    let scan = jpeg_scan(&whole);
    for (lost, damaged) in [
        (0..1, with(&whole, scan..markers[0], &[])),
        (1..2, with(&whole, markers[0] + 2..markers[1], &[])),
        (1..2, with(&whole, markers[0]..markers[1], &[])),
        (1..3, with(&whole, markers[0]..markers[2], &[])),
        (4..5, with(&whole, markers[3]..end, &[])),
        (4..5, with(&whole, markers[3] + 2..end, &[])),
        // Not the one that was expected, and far from it.
        (9..9, with(&whole, markers[1] + 1..markers[1] + 2, &[0xd5])),
        // Rubbish in front of a marker.
        (
            9..9,
            with(&whole, markers[1]..markers[1], b"\x12\x34\xff\x00\x56"),
        ),
    ] {
        let found = decoded(&damaged);
        for y in 0..HEIGHT {
            // At its edges, an interval's chroma is mixed with the next one's.
            if [0, rows - 1].contains(&(y % rows)) {
                continue;
            }
            let mut row = y * WIDTH * 3..(y + 1) * WIDTH * 3;
            if lost.contains(&(y / rows)) {
                // The first MCU is decoded before libjpeg knows that nothing comes.
                row.start += 20 * 3;
                assert!(
                    found[row].iter().all(|&value| value == 128),
                    "{lost:?}, row {y}"
                );
            } else {
                assert!(found[row.clone()] == expected[row], "{lost:?}, row {y}");
            }
        }
    }
}

fn jpeg_scan(jpeg: &[u8]) -> usize {
    let sos = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xda])
        .unwrap();
    sos + 2 + usize::from(u16::from_be_bytes([jpeg[sos + 2], jpeg[sos + 3]]))
}

#[test]
fn what_is_not_decoded_is_told_of() {
    let header = |name: &str, at: usize, value: u8| {
        let mut jpeg = jpeg(name);
        let sof = jpeg
            .windows(2)
            .position(|pair| pair == [0xff, 0xc0])
            .unwrap();
        jpeg[sof + at] = value;
        decode(&jpeg, &mut Vec::new()).unwrap_err()
    };
    // Chroma of two thirds.
    assert_eq!(header("3x1.jpg", 14, 0x21), DecodeError::Sampling);
    assert_eq!(header("420.jpg", 1, 0xc3), DecodeError::Process);
    assert_eq!(header("420.jpg", 4, 12), DecodeError::Precision(12));
    assert_eq!(header("420.jpg", 9, 2), DecodeError::Components(2));
    for (at, value) in [(11, 0x02), (11, 0x25), (10, 9)] {
        let error = header("420.jpg", at, value);
        assert!(matches!(error, DecodeError::Damaged(_)), "{at}: {error}");
    }
    assert!(decode(b"", &mut Vec::new()).is_err());
    // A scan for each of more than a hundred times.
    let multiscan = jpeg("multiscan.jpg");
    let scan = multiscan
        .windows(2)
        .position(|pair| pair == [0xff, 0xda])
        .unwrap();
    let next = jpeg_scan(&multiscan);
    let header = &multiscan[scan..next];
    let many = [&multiscan[..scan], &header.repeat(101), b"\xff\xd9"].concat();
    assert_eq!(decode(&many, &mut Vec::new()), Err(DecodeError::Scans(100)));
}

/// Some sum, so that the damage differs and is the same each time.
fn noise(seed: &mut u32) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    *seed as usize
}

#[test]
fn no_damage_makes_it_panic() {
    let mut seed = 1;
    for name in [
        "restart.jpg",
        "partscan.jpg",
        "progressive.jpg",
        "arithmetic-progressive.jpg",
        "3x1.jpg",
    ] {
        let whole = jpeg(name);
        for _ in 0..60 {
            let mut damaged = whole.clone();
            for _ in 0..1 + noise(&mut seed) % 4 {
                let at = 2 + noise(&mut seed) % (damaged.len() - 2);
                damaged[at] = noise(&mut seed) as u8;
            }
            damaged.truncate(damaged.len() - noise(&mut seed) % damaged.len() / 4);
            // A header may claim any size.
            if crate::Header::parse(&damaged).is_ok_and(|it| it.width * it.height < 1 << 20) {
                let mut rgb = Vec::new();
                if let Ok((width, height)) = decode(&damaged, &mut rgb) {
                    assert_eq!(rgb.len(), width as usize * height as usize * 3);
                }
            }
        }
    }
}

/// libjpeg's picture, and what it complains of. Pictures without colours have them, too.
fn djpeg(jpeg: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new("djpeg");
    command.args(["-rgb", "-ppm"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let jpeg = jpeg.to_vec();
    // It need not read all.
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &jpeg).is_ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let head = format!("P6\n{WIDTH} {HEIGHT}\n255\n");
    output
        .stdout
        .strip_prefix(head.as_bytes())
        .map(<[u8]>::to_vec)
}

#[test]
#[ignore = "needs djpeg (Debian: libjpeg-turbo-progs)"]
fn it_sees_what_djpeg_sees() {
    for name in [
        "444.jpg",
        "422.jpg",
        "420.jpg",
        "440.jpg",
        "411.jpg",
        "grey.jpg",
        "finer.jpg",
        "3x1.jpg",
        "multiscan.jpg",
        "partscan.jpg",
        "progressive.jpg",
        "arithmetic.jpg",
        "arithmetic-progressive.jpg",
        "nodht.jpg",
        "fill.jpg",
        "ffmpeg.jpg",
        "comment.jpg",
    ] {
        let jpeg = jpeg(name);
        assert!(decoded(&jpeg) == djpeg(&jpeg).unwrap(), "{name}");
        // The height once more behind the scan, another one there, and bytes behind the end.
        let end = jpeg.len() - 2;
        for (range, new) in [
            (end..end, &b"\xff\xdc\0\x04\0\x95"[..]),
            (end..end, b"\xff\xdc\0\x04\0\x40"),
            (end..end, b"\x00\x01\xff\x00\x02"),
            (end + 2..end + 2, b"behind"),
            (end - 300..end, b""),
        ] {
            let odd = with(&jpeg, range.clone(), new);
            assert!(
                decoded(&odd) == djpeg(&odd).unwrap(),
                "{name} {range:?} {new:x?}"
            );
        }
    }
}

#[test]
#[ignore = "needs djpeg (Debian: libjpeg-turbo-progs)"]
fn it_makes_of_lost_intervals_what_djpeg_makes_of_them() {
    let whole = jpeg("restart.jpg");
    let (markers, end) = (restarts(&whole), whole.len() - 2);
    let scan = jpeg_scan(&whole);
    let mut cuts = vec![
        (scan..markers[0]),
        (scan..markers[0] + 2),
        (markers[3]..end),
    ];
    for from in 0..4 {
        for to in from..4 {
            for (before, behind) in [(0, 0), (2, 0), (2, 2), (9, 0), (0, 11)] {
                let range = markers[from] + before..markers[to] + behind;
                cuts.push(range.start..range.end.max(range.start));
            }
        }
    }
    for range in cuts {
        let damaged = with(&whole, range.clone(), &[]);
        assert!(decoded(&damaged) == djpeg(&damaged).unwrap(), "{range:?}");
    }
    for (at, marker) in (0..4).flat_map(|at| (0xd0..=0xd9).map(move |marker| (at, marker))) {
        let place = markers[at];
        for (range, new) in [
            (place + 1..place + 2, vec![marker]),
            (place..place, vec![0xff, marker]),
            (place + 30..place + 30, vec![0xff, marker]),
        ] {
            let damaged = with(&whole, range, &new);
            assert!(
                decoded(&damaged) == djpeg(&damaged).unwrap(),
                "{at} {marker:x}"
            );
        }
    }
}
