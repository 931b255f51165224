//! The cost of the parts of a frame's way. `cargo bench -p mattebox-benches --bench paths` prints
//! medians over alternating rounds, so that what is compared was measured at the same time on the
//! same machine.
//!
//! `FRAMES=a.jpg,b.jpg` measures on these pictures; without it a 1920 × 1080 picture is drawn. With
//! `--features turbojpeg` libjpeg-turbo's C library is measured beside the server's own codecs.

#![allow(
    clippy::disallowed_methods,
    reason = "what is measured or waited for here is real"
)]

use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jpeg_splice::{Jpeg, Splicer};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use mattebox::clock::Clock;
use mattebox::codec;
use mattebox::filter::compile::worker;
use mattebox::filter::context::{FrameContext, Grants};
use mattebox::filter::contract::{FrameInfo, ImageRef};
use mattebox::filter::{Compiler, Engine, Filter, RunningFilter, StepSettings, Wanted, builtin};
use mattebox::frame::Frame;
use mattebox::private_folder::FolderChoice;
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 60;
const QUALITY: u8 = 85;

struct Picture {
    jpeg: Jpeg,
    rgb: Vec<u8>,
}

fn main() -> ExitCode {
    // The server's compiler is a process of its own: here this program once more.
    if std::env::args().nth(1).as_deref() == Some(worker::COMMAND) {
        return mattebox::cli::run();
    }
    let pictures = pictures();
    let first = &pictures[0];
    println!(
        "{} pictures, the first {}×{}, {} KB, sampling {:?}",
        pictures.len(),
        first.jpeg.header().width,
        first.jpeg.header().height,
        first.jpeg.len() / 1000,
        first.jpeg.header().sampling
    );
    codecs(&pictures);
    filters(first);
    ExitCode::SUCCESS
}

fn pictures() -> Vec<Picture> {
    let jpegs: Vec<Vec<u8>> = match std::env::var("FRAMES") {
        Ok(names) => names
            .split(',')
            .map(|name| std::fs::read(name).unwrap_or_else(|error| panic!("{name}: {error}")))
            .collect(),
        Err(_) => vec![drawn(1920, 1080)],
    };
    jpegs
        .into_iter()
        .map(|jpeg| {
            let jpeg = Jpeg::new(jpeg.into()).expect("a JPEG");
            let mut rgb = Vec::new();
            let mut splicer = Splicer::new();
            codec::decode(&jpeg, &mut splicer, &mut rgb).expect("a JPEG");
            Picture { jpeg, rgb }
        })
        .collect()
}

/// Smooth areas, edges and grain, about as much as a camera's picture has.
fn drawn(width: u32, height: u32) -> Vec<u8> {
    let mut noise = 1u32;
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let grain = (noise % 13) as f32;
            let wave = ((x as f32 / 60.0).sin() + (y as f32 / 45.0).cos()) * 40.0;
            let edge = if (x / 97 + y / 61) % 5 == 0 {
                50.0
            } else {
                0.0
            };
            let value = |offset: f32| (110.0 + wave + edge + grain + offset) as u8;
            rgb.extend([value(0.0), value(8.0), value(-14.0)]);
        }
    }
    Encoder::new(&rgb, width as usize, height as usize, PixelFormat::Rgb)
        .quality(QUALITY)
        .subsampling(Subsampling::S422)
        .encode()
        .expect("an encodable picture")
}

/// The medians of some works, done in stream_locks.
fn alternate(works: &mut [(&str, &mut dyn FnMut(usize))]) -> Vec<Duration> {
    let mut times = vec![Vec::new(); works.len()];
    for round in 0..ROUNDS {
        for ((_, work), times) in works.iter_mut().zip(&mut times) {
            let start = Instant::now();
            work(round);
            times.push(start.elapsed());
        }
    }
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    for ((name, _), median) in works.iter().zip(&medians) {
        println!("  {name:<48} {:>9.1} µs", median.as_secs_f64() * 1e6);
    }
    medians
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn codecs(pictures: &[Picture]) {
    println!("recode, no pixels changed:");
    let picture = |round: usize| &pictures[round % pictures.len()];
    let (mut splicer, mut rgb) = (Splicer::new(), Vec::new());
    let mut decode = |round: usize| {
        let picture = picture(round);
        codec::decode(&picture.jpeg, &mut splicer, &mut rgb).expect("a JPEG");
        black_box(&rgb);
    };
    let mut encode = |round: usize| {
        let Picture { jpeg, rgb } = picture(round);
        black_box(codec::encode(rgb, jpeg.size(), QUALITY, jpeg).expect("pixels"));
    };
    #[cfg(not(feature = "turbojpeg"))]
    alternate(&mut [("decode", &mut decode), ("encode", &mut encode)]);
    #[cfg(feature = "turbojpeg")]
    {
        let mut c_rgb = vec![0; 3 << 26];
        let mut decompressor = turbojpeg::Decompressor::new().expect("libjpeg-turbo");
        let mut c_decode = |round: usize| {
            let Picture { jpeg, .. } = picture(round);
            let header = jpeg.header();
            let (width, height) = (header.width as usize, header.height as usize);
            let image = turbojpeg::Image {
                pixels: &mut c_rgb[..width * height * 3],
                width,
                pitch: width * 3,
                height,
                format: turbojpeg::PixelFormat::RGB,
            };
            decompressor.decompress(jpeg, image).expect("a JPEG");
        };
        let mut compressor = turbojpeg::Compressor::new().expect("libjpeg-turbo");
        compressor.set_quality(QUALITY.into()).expect("a quality");
        let mut c_encode = |round: usize| {
            let Picture { jpeg, rgb } = picture(round);
            let header = jpeg.header();
            let subsampling = match header.sampling {
                (1, 1) => turbojpeg::Subsamp::None,
                (2, 1) => turbojpeg::Subsamp::Sub2x1,
                _ => turbojpeg::Subsamp::Sub2x2,
            };
            compressor.set_subsamp(subsampling).expect("a sampling");
            let (width, height) = (header.width as usize, header.height as usize);
            let image = turbojpeg::Image {
                pixels: &rgb[..],
                width,
                pitch: width * 3,
                height,
                format: turbojpeg::PixelFormat::RGB,
            };
            black_box(compressor.compress_to_vec(image).expect("pixels"));
        };
        let times = alternate(&mut [
            ("decode", &mut decode),
            ("encode", &mut encode),
            ("decode, libjpeg-turbo in C", &mut c_decode),
            ("encode, libjpeg-turbo in C", &mut c_encode),
        ]);
        let ratio = (times[0] + times[1]).as_secs_f64() / (times[2] + times[3]).as_secs_f64();
        println!("  decode + encode: {ratio:.2} × libjpeg-turbo in C");
    }
}

fn filters(picture: &Picture) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let worker = std::env::current_exe().expect("this program");
    let engine = Engine::new(
        runtime.handle().clone(),
        std::sync::Arc::new(mattebox::clock::SystemClock),
    )
    .expect("an engine");
    let compiler = Compiler::new(&engine, worker, &FolderChoice::Off).expect("a compiler");
    let engine = (&engine, &compiler);
    let (width, height) = picture.jpeg.size();
    let frame = FrameInfo {
        sequence: 0,
        captured_at_ms: 1_795_437_296_000,
        utc_offset_minutes: 60,
        width,
        height,
    };
    let context = FrameContext {
        variables: [].into(),
        regions: [].into(),
        frame: frame_of(picture.jpeg.clone()),
        size: (width, height),
    };
    println!("filters:");
    let mut timestamp = start(engine, "timestamp", "{}");
    // As large as the picture is already: the filter returns it as it came.
    let mut resize = start(engine, "resize", &format!("{{\"width\":{width}}}"));
    let mut small = start(engine, "resize", "{\"width\":640}");
    let image = ImageRef {
        width,
        height,
        rgb: &picture.rgb,
    };
    alternate(&mut [
        ("timestamp, text changed", &mut |round| {
            let frame = FrameInfo {
                captured_at_ms: frame.captured_at_ms + 1000 * round as u64,
                ..frame
            };
            black_box(timestamp.draw(&frame, &context).expect("a drawing"));
        }),
        ("picture into WebAssembly and back", &mut |_| {
            black_box(resize.apply((&frame, image), &context).expect("a picture"));
        }),
        ("resize to 640 wide, bilinear", &mut |_| {
            black_box(small.apply((&frame, image), &context).expect("a picture"));
        }),
    ]);
    timestamp.draw(&frame, &context).expect("a drawing");
    alternate(&mut [("timestamp, unchanged: 1000 calls", &mut |_| {
        for _ in 0..1000 {
            assert!(
                timestamp
                    .draw(&frame, &context)
                    .expect("a drawing")
                    .is_none()
            );
        }
    })]);
}

fn frame_of(jpeg: Jpeg) -> Frame {
    let clock = mattebox::clock::SystemClock;
    Frame {
        jpeg,
        sequence: 0,
        captured_at: clock.unix(),
        received_at: clock.now(),
        taken_after: None,
        is_picture: true,
        masks: Default::default(),
        part_head: Default::default(),
    }
}

fn start((engine, compiler): (&Engine, &Compiler), name: &str, config_json: &str) -> RunningFilter {
    let module = builtin::module(name).expect("a built-in filter");
    let filter = Filter::load(
        engine,
        (compiler, Wanted::ByChange),
        &module,
        &CancellationToken::new(),
    )
    .expect("a built-in filter");
    let settings = StepSettings {
        stream: "bench".into(),
        grants: Grants::default(),
        abandoned: CancellationToken::new(),
        span: tracing::Span::none(),
        config_json: config_json.to_owned(),
        folder: PathBuf::from("."),
        assets: Vec::new(),
        assets_read: Default::default(),
        time_limit: Duration::from_secs(1),
        memory_limit: 256 << 20,
    };
    RunningFilter::start(&filter, &settings).expect("a running filter")
}
