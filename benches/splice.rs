//! The cost of drawing: spliced, and decoded, drawn and encoded again.
//! `cargo bench -p mattebox-benches --bench splice` prints medians of CPU time over rounds that
//! alternate between the candidates, so that what is compared ran at the same time on the same
//! machine.
//!
//! `FRAMES=a.jpg,b.jpg` measures on these pictures; without it drawn ones of three sizes and
//! samplings. With `--features turbojpeg` libjpeg-turbo's C library runs beside (needs cmake and
//! nasm).

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use jpeg_splice::{Cover, Drawing, Header, Jpeg, Layer, Mask, Polygon, Splicer, cost};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use rustix::time::{ClockId, clock_gettime};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

const ROUNDS: usize = 40;
const QUALITY: u8 = 85;

struct Frames {
    name: String,
    jpegs: Vec<Vec<u8>>,
    width: u32,
    height: u32,
    sampling: Subsampling,
}

fn main() {
    for frames in all_frames() {
        measure(&frames);
    }
    measure_flat();
}

/// The cost of trying to walk in pieces where that never comes to anything. A new splicer tries it
/// on its first two frames, and not on the next two.
fn measure_flat() {
    let (width, height) = (1920, 1080);
    let rgb = vec![200; (width * height * 3) as usize];
    let jpeg = encode(&rgb, width, height, Subsampling::S420);
    let corner = Drawing::new(vec![layer(1912, 1072, 8, 8, |_, _| [255; 4])]);
    let corner = corner.expect("four bytes a pixel");
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS * 5 {
        let mut run = splicer(vec![&corner]);
        for times in &mut times {
            let start = cpu_time();
            black_box(run(&jpeg));
            times.push(cpu_time() - start);
        }
    }
    let [_, tried, _, plain] = times.map(|mut times| median(&mut times).as_secs_f64() * 1e3);
    println!("flat {width}×{height}, {} KB a frame", jpeg.len() / 1000);
    println!("  pieces tried in vain         {tried:9.3} ms");
    println!("  not tried                    {plain:9.3} ms");
}

/// The CPU time that this thread has used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it only grows")
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn all_frames() -> Vec<Frames> {
    if let Ok(names) = std::env::var("FRAMES") {
        let read =
            |name: &str| std::fs::read(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let jpegs: Vec<_> = names.split(',').map(read).collect();
        let header = Header::parse(&jpegs[0]).expect("a JPEG");
        let sampling = match header.sampling {
            (2, 2) => Subsampling::S420,
            (2, 1) => Subsampling::S422,
            _ => Subsampling::S444,
        };
        return vec![frames("FRAMES".to_owned(), jpegs, sampling)];
    }
    let mut all = Vec::new();
    for (width, height) in [(768, 576), (1920, 1080), (3840, 2160)] {
        for sampling in [Subsampling::S420, Subsampling::S422, Subsampling::S444] {
            let rgb = scene(width, height);
            let jpeg = encode(&rgb, width, height, sampling);
            all.push(frames(format!("drawn, {sampling:?}"), vec![jpeg], sampling));
        }
    }
    all
}

fn frames(name: String, jpegs: Vec<Vec<u8>>, sampling: Subsampling) -> Frames {
    let (width, height) = decode(&jpegs[0]).1;
    Frames {
        name,
        jpegs,
        width,
        height,
        sampling,
    }
}

/// Smooth areas, edges and grain, about as much as a camera's picture has.
fn scene(width: u32, height: u32) -> Vec<u8> {
    let mut grain = 1u32;
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let edge = if (x / 97 + y / 61) % 3 == 0 {
                50.0
            } else {
                0.0
            };
            let wave = ((x as f32 / 90.0).sin() + (y as f32 / 70.0).cos()) * 40.0;
            let value = 110.0 + wave + edge + (grain >> 28) as f32;
            rgb.extend([value, value * 0.9, value * 0.8].map(|v| v as u8));
        }
    }
    rgb
}

fn encode(rgb: &[u8], width: u32, height: u32, sampling: Subsampling) -> Vec<u8> {
    Encoder::new(rgb, width as usize, height as usize, PixelFormat::Rgb)
        .quality(QUALITY)
        .subsampling(sampling)
        .encode()
        .expect("an encoder's own limits")
}

fn decode(jpeg: &[u8]) -> (Vec<u8>, (u32, u32)) {
    let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
    let rgb = decoder.decode().expect("a JPEG");
    let (width, height) = decoder.dimensions().expect("decoded");
    (rgb, (width as u32, height as u32))
}

/// About 400 × 40 pixels, as large as a timestamp: a half-transparent box with soft white shapes.
fn timestamp() -> Layer {
    layer(16, 16, 400, 40, |x, y| {
        let shape = ((x as f32 * 0.55).sin() * (y as f32 * 0.35).cos() * 3.0 - 0.8).clamp(0.0, 1.0);
        let value = (shape * 255.0) as u8;
        [value, value, value, 128 + (shape * 127.0) as u8]
    })
}

/// 160 × 60 pixels, half-transparent.
fn logo(frames: &Frames) -> Layer {
    let (x, y) = (frames.width as i32 - 176, frames.height as i32 - 76);
    layer(x, y, 160, 60, |x, y| {
        [(x % 160) as u8, 90, (y * 4) as u8, 128]
    })
}

fn upper_half(frames: &Frames, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Layer {
    layer(0, 0, frames.width, frames.height / 2, pixel)
}

/// Nowhere the same, with this alpha.
fn colors(alpha: u8) -> impl Fn(u32, u32) -> [u8; 4] {
    move |x, y| [x as u8, y as u8, 90, alpha]
}

/// One pixel at the bottom right.
fn corner(frames: &Frames) -> Layer {
    let (x, y) = (frames.width as i32 - 1, frames.height as i32 - 1);
    layer(x, y, 1, 1, |_, _| [255, 255, 255, 128])
}

fn layer(x: i32, y: i32, width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Layer {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Layer {
        x,
        y,
        width,
        height,
        rgba: pixels.flat_map(|(x, y)| pixel(x, y)).collect(),
    }
}

fn measure(frames: &Frames) {
    let bytes: usize = frames.jpegs.iter().map(Vec::len).sum();
    println!(
        "{} {}×{}, {} KB a frame",
        frames.name,
        frames.width,
        frames.height,
        bytes / frames.jpegs.len() / 1000
    );
    let drawing = |layers| Drawing::new(layers).expect("four bytes a pixel");
    let top = drawing(vec![timestamp()]);
    let bottom = drawing(vec![logo(frames)]);
    let halves = [0, 1].map(|_| drawing(vec![upper_half(frames, colors(128))]));
    let mask = drawing(vec![upper_half(frames, |_, _| [0, 0, 0, 255])]);
    let opaque = drawing(vec![upper_half(frames, colors(255))]);
    let corner = drawing(vec![corner(frames)]);
    let candidates: Vec<Candidate<'_>> = vec![
        ("timestamp, spliced", Box::new(splicer(vec![&top]))),
        ("logo, spliced", Box::new(splicer(vec![&bottom]))),
        ("both, spliced", Box::new(splicer(vec![&top, &bottom]))),
        (
            "mask over 10 %, timestamp",
            Box::new(masker(&top, middle(frames, Cover::Color([0; 3])))),
        ),
        (
            "mosaic over 10 %, timestamp",
            Box::new(masker(&top, middle(frames, Cover::Mosaic(64)))),
        ),
        ("an eighth of the size, luma", Box::new(eighth())),
        (WALK, Box::new(splicer(vec![&corner]))),
        (FILL, Box::new(splicer(vec![&mask]))),
        ("half, opaque", Box::new(splicer(vec![&opaque]))),
        (DRAW, Box::new(splicer(vec![&halves[0]]))),
        (PREPARE, Box::new(preparing(&halves))),
        (
            "half in one colour, recoded",
            Box::new(|jpeg| recode(jpeg, frames, &[&mask])),
        ),
        (RECODE, Box::new(|jpeg| recode(jpeg, frames, &[&halves[0]]))),
        (
            "both, decoded and encoded",
            Box::new(|jpeg| recode(jpeg, frames, &[&top, &bottom])),
        ),
        #[cfg(feature = "turbojpeg")]
        ("decoded and encoded in C", Box::new(turbojpeg(frames))),
    ];
    print_factors(frames, &report(frames, candidates));
}

const WALK: &str = "a pixel at the end";
const FILL: &str = "half in one colour";
const DRAW: &str = "half, half-transparent";
const PREPARE: &str = "the same, prepared anew";
const RECODE: &str = "the same, decoded and encoded";

type Candidate<'a> = (&'static str, Box<dyn FnMut(&[u8]) -> usize + 'a>);

fn splicer<'a>(drawings: Vec<&'a Drawing>) -> impl FnMut(&[u8]) -> usize + 'a {
    let mut splicer = Splicer::new();
    let mut out = Vec::new();
    move |jpeg| {
        splicer
            .splice(jpeg, &drawings, &mut out)
            .expect("a baseline JPEG");
        out.len()
    }
}

/// A mask over a tenth of the picture, in its middle.
fn middle(frames: &Frames, cover: Cover) -> Mask {
    let (width, height) = (f64::from(frames.width), f64::from(frames.height));
    let (across, down) = (width * 0.1f64.sqrt() / 2.0, height * 0.1f64.sqrt() / 2.0);
    let corner = |x: f64, y: f64| [width / 2.0 + x * across, height / 2.0 + y * down];
    let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    Mask {
        outline: Polygon::new(corners.map(|(x, y)| corner(x, y)).to_vec()),
        cover,
    }
}

/// Masks a picture, and then draws on it, as a stream does.
fn masker<'a>(drawing: &'a Drawing, mask: Mask) -> impl FnMut(&[u8]) -> usize + 'a {
    let (mut first, mut second) = (Splicer::new(), Splicer::new());
    move |jpeg| {
        let whole = Jpeg::new(Bytes::copy_from_slice(jpeg)).expect("a JPEG");
        let masked = first.mask(&whole, std::slice::from_ref(&mask));
        let masked = masked.expect("a baseline JPEG");
        let drawn = masked.splice(&mut second, &[drawing]);
        drawn.expect("a baseline JPEG").len()
    }
}

/// The picture that motion is looked for in.
fn eighth() -> impl FnMut(&[u8]) -> usize {
    let (mut splicer, mut luma) = (Splicer::new(), Vec::new());
    move |jpeg| {
        let whole = Jpeg::new(Bytes::copy_from_slice(jpeg)).expect("a JPEG");
        let size = splicer.eighth_luma(&whole, &mut luma);
        size.expect("a baseline JPEG");
        luma.len()
    }
}

/// Draws these in turn, so that a splicer keeps none.
fn preparing(drawings: &[Drawing; 2]) -> impl FnMut(&[u8]) -> usize {
    let (mut splicer, mut out) = (Splicer::new(), Vec::new());
    let mut turns = drawings.iter().cycle();
    move |jpeg| {
        let drawing = turns.next().expect("it has two");
        splicer
            .splice(jpeg, &[drawing], &mut out)
            .expect("a baseline JPEG");
        out.len()
    }
}

fn recode(jpeg: &[u8], frames: &Frames, drawings: &[&Drawing]) -> usize {
    let (mut rgb, (width, height)) = decode(jpeg);
    for layer in drawings.iter().flat_map(|drawing| drawing.layers()) {
        for (row, pixels) in layer
            .rgba
            .chunks_exact(layer.width as usize * 4)
            .enumerate()
        {
            let at = ((layer.y as usize + row) * width as usize + layer.x as usize) * 3;
            for (under, over) in rgb[at..].chunks_exact_mut(3).zip(pixels.chunks_exact(4)) {
                for (under, &color) in under.iter_mut().zip(over) {
                    let sum = u32::from(color) * u32::from(over[3])
                        + u32::from(*under) * u32::from(255 - over[3]);
                    *under = ((sum + 127) / 255) as u8;
                }
            }
        }
    }
    encode(&rgb, width, height, frames.sampling).len()
}

#[cfg(feature = "turbojpeg")]
fn turbojpeg(frames: &Frames) -> impl FnMut(&[u8]) -> usize {
    let sampling = match frames.sampling {
        Subsampling::S420 => turbojpeg::Subsamp::Sub2x2,
        Subsampling::S422 => turbojpeg::Subsamp::Sub2x1,
        _ => turbojpeg::Subsamp::None,
    };
    let mut decompressor = turbojpeg::Decompressor::new().expect("libjpeg-turbo");
    let mut compressor = turbojpeg::Compressor::new().expect("libjpeg-turbo");
    compressor
        .set_quality(i32::from(QUALITY))
        .expect("a quality");
    compressor.set_subsamp(sampling).expect("a sampling");
    let (width, height) = (frames.width as usize, frames.height as usize);
    let mut image = turbojpeg::Image {
        pixels: vec![0; width * height * 3],
        width,
        pitch: width * 3,
        height,
        format: turbojpeg::PixelFormat::RGB,
    };
    move |jpeg| {
        decompressor
            .decompress(jpeg, image.as_deref_mut())
            .expect("a JPEG");
        compressor
            .compress_to_vec(image.as_deref())
            .expect("pixels")
            .len()
    }
}

/// Prints the factors of `jpeg_splice::cost` as they are here, beside those that it reckons with.
fn print_factors(frames: &Frames, nanoseconds: &HashMap<&str, f64>) {
    let bytes = frames.jpegs.iter().map(Vec::len).sum::<usize>() / frames.jpegs.len();
    let pixels = f64::from(frames.width) * f64::from(frames.height);
    let blocks_a_pixel = match frames.sampling {
        Subsampling::S420 => 1.5 / 64.0,
        Subsampling::S422 => 2.0 / 64.0,
        _ => 3.0 / 64.0,
    };
    let a_block =
        |name: &str, walk: f64| (nanoseconds[name] - walk) / (pixels * blocks_a_pixel / 2.0);
    let walk = nanoseconds[WALK];
    print!("  factors in ns, and those reckoned with:");
    for (name, measured, reckoned) in [
        ("walk", walk / bytes as f64, cost::WALK),
        ("fill", a_block(FILL, walk / 2.0), cost::FILL),
        ("draw", a_block(DRAW, walk / 2.0), cost::DRAW),
        (
            "prepare",
            a_block(PREPARE, nanoseconds[DRAW]),
            cost::PREPARE,
        ),
        ("recode", nanoseconds[RECODE] / pixels, cost::RECODE),
    ] {
        print!(" {name} {measured:.1} ({reckoned});");
    }
    println!();
}

/// Prints what each takes. Gives the medians in nanoseconds.
fn report<'a>(frames: &Frames, mut candidates: Vec<Candidate<'a>>) -> HashMap<&'a str, f64> {
    let mut times = vec![Vec::new(); candidates.len()];
    let mut sizes = vec![0; candidates.len()];
    for round in 0..ROUNDS {
        for ((_, run), (times, size)) in candidates.iter_mut().zip(times.iter_mut().zip(&mut sizes))
        {
            let jpeg = &frames.jpegs[round % frames.jpegs.len()];
            let start = cpu_time();
            *size = black_box(run(jpeg));
            times.push(cpu_time() - start);
        }
    }
    let medians: Vec<_> = times.iter_mut().map(|times| median(times)).collect();
    let last = medians[medians.len() - 1];
    for (((name, _), median), size) in candidates.iter().zip(&medians).zip(sizes) {
        println!(
            "  {name:28} {:9.3} ms   1/{:<5.1} {size} bytes",
            median.as_secs_f64() * 1e3,
            last.as_secs_f64() / median.as_secs_f64()
        );
    }
    let names = candidates.iter().map(|(name, _)| *name);
    names
        .zip(medians.iter().map(|median| median.as_secs_f64() * 1e9))
        .collect()
}
