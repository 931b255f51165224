//! The CPU time that serving one stream to many viewers costs the server, beside a loop that does
//! nothing but write the same parts to as many sockets (`writev`, RFC 2046 parts of one buffer).
//! Viewers read and discard, in a process of their own. Linux only, since CPU time comes from
//! `/proc`. Run with `cargo bench -p mattebox-benches --bench fan_out`;
//! `VIEWERS=100,1000 FPS=30 SECONDS=5 TURNS=3` are the numbers of viewers, the frames a second,
//! what is measured at a time, and how often. `OVER=tls` and `OVER=h2` compare with a loop that
//! writes by rustls, with HTTP/1.1 and with a connection by HTTP/2 for each viewer. Each viewer
//! takes two file descriptors, one here and one in the server (`ulimit -n`).

#![allow(
    clippy::disallowed_methods,
    reason = "what is measured or waited for here is real"
)]

mod over;
mod server;

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;

use server::{SERVE, Server};

/// The argument by which this program only writes.
const WRITE: &str = "write";

/// The size of the frame, roughly.
const FRAME_BYTES: usize = 65_000;
/// The time that everybody has to connect and see pictures.
const WARM_UP: Duration = Duration::from_secs(2);
/// The same for each viewer beyond the first thousand.
const WARM_UP_PER_VIEWER: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    match server::role().as_deref() {
        // The server, and what it is compared with, are this program once more.
        Some(WRITE) => {
            let outcome = write_to_all();
            panic!("the loop ended: {outcome:?}");
        }
        Some(_) => mattebox::cli::run(),
        None => {
            compare();
            ExitCode::SUCCESS
        }
    }
}

fn compare() {
    let folder = tempfile::tempdir().expect("a folder");
    let (jpeg, fps) = (frame(), fps());
    std::fs::write(folder.path().join("frame.jpg"), &jpeg).expect("a file");
    let (over, tls) = (over::chosen(), over::prepare(folder.path()));
    let pipeline = format!(
        "{tls}limits: {{ connections-per-address: 10000 }}\n\
         streams: {{ s: {{ source: {{ driver: files, path: frame.jpg, fps: {fps} }} }} }}\n"
    );
    std::fs::write(folder.path().join("pipeline.yaml"), pipeline).expect("a file");
    println!("over {over}");
    println!(
        "frames of {} KB at {fps}/s, CPU seconds a GB, and frames that a viewer got a second",
        jpeg.len() / 1000
    );
    for viewers in numbers("VIEWERS", &[60, 300]) {
        let turns = numbers("TURNS", &[3])[0];
        let [mut bare, mut ours, mut ratios, mut rates] = [const { Vec::new() }; 4];
        for _ in 0..turns {
            let writing = measure(folder.path(), WRITE, viewers);
            let serving = measure(folder.path(), SERVE, viewers);
            bare.push(writing.cpu_seconds_a_gb);
            ours.push(serving.cpu_seconds_a_gb);
            ratios.push(serving.cpu_seconds_a_gb / writing.cpu_seconds_a_gb);
            rates.push(serving.bytes_a_second / jpeg.len() as f64 / viewers as f64);
        }
        println!(
            "{viewers} viewers: bare writev {:.3}, server {:.3}, ratio {:.2}; {:.2} frames a \
             second",
            median(bare),
            median(ours),
            median(ratios),
            median(rates)
        );
    }
}

fn fps() -> u64 {
    numbers("FPS", &[30])[0]
}

/// The cost of bringing the stream to viewers.
struct Cost {
    cpu_seconds_a_gb: f64,
    /// All viewers together.
    bytes_a_second: f64,
}

fn numbers(variable: &str, default: &[u64]) -> Vec<u64> {
    let Ok(text) = std::env::var(variable) else {
        return default.to_vec();
    };
    let numbers = text.split(',').map(|number| number.trim().parse::<u64>());
    numbers
        .collect::<Result<Vec<u64>, _>>()
        .expect("whole numbers")
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// A JPEG of noise that has about [`FRAME_BYTES`].
fn frame() -> Vec<u8> {
    let (width, height) = (640, 360);
    let mut state = 1_u32;
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let encode = |quality| {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, quality)
            .encode(&pixels, width, height, image::ExtendedColorType::Rgb8)
            .expect("a JPEG");
        jpeg
    };
    (1..100)
        .map(encode)
        .find(|jpeg| jpeg.len() >= FRAME_BYTES)
        .expect("a quality")
}

/// The cost of this program in the role `role`, which brings the stream to `viewers`.
fn measure(folder: &Path, role: &str, viewers: u64) -> Cost {
    let server = Server::start(folder, role).expect("a server");
    cost(&server, viewers).expect("viewers that stay connected")
}

fn cost(server: &Server, viewers: u64) -> io::Result<Cost> {
    let received = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    for _ in 0..viewers {
        runtime.spawn(over::view(server.address, received.clone()));
    }
    let beyond = u32::try_from(viewers.saturating_sub(1000)).unwrap_or(u32::MAX);
    std::thread::sleep(WARM_UP + WARM_UP_PER_VIEWER * beyond);
    let since = Instant::now();
    let (start, before) = (
        cpu_time(server.process.id())?,
        received.load(Ordering::Relaxed),
    );
    std::thread::sleep(Duration::from_secs(numbers("SECONDS", &[5])[0]));
    let (end, after) = (
        cpu_time(server.process.id())?,
        received.load(Ordering::Relaxed),
    );
    let (bytes, seconds) = (after - before, since.elapsed().as_secs_f64());
    if bytes == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Cost {
        cpu_seconds_a_gb: (end - start).as_secs_f64() / (bytes as f64 / 1e9),
        bytes_a_second: bytes as f64 / seconds,
    })
}

/// The time that all threads of a process have run.
fn cpu_time(process: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let ran = times.split_whitespace().next();
        nanoseconds += ran.and_then(|ran| ran.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Serves the frame to whoever connects, with the least that this takes.
fn write_to_all() -> io::Result<()> {
    let jpeg = std::fs::read("frame.jpg")?;
    let head = format!(
        "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: 1764000000.000000\r\n\r\n",
        jpeg.len()
    );
    let part = [head.as_bytes(), &jpeg, b"\r\n--mattebox-frame\r\n"];
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}/", listener.local_addr()?);
    listener.set_nonblocking(true)?;
    let mut viewers = Vec::new();
    let (mut due, fps) = (Instant::now(), fps());
    loop {
        while let Ok((socket, _)) = listener.accept() {
            viewers.push(over::Writer::accept(socket)?);
        }
        for viewer in &mut viewers {
            viewer.write(part)?;
        }
        due += Duration::from_secs(1) / fps as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
