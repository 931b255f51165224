//! The time that a saved change of pipeline.yaml takes to reach a viewer: from the save to the
//! first frame that shows it, with the compile cache warm. Run with
//! `cargo bench -p mattebox-benches --bench reload`.

#![allow(
    clippy::disallowed_methods,
    reason = "what is measured or waited for here is real"
)]

mod server;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use server::{SERVE, Server};

const SAVES: usize = 20;
/// What a change may take in the median.
const GOAL: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    if server::role().is_some() {
        return mattebox::cli::run();
    }
    let folder = tempfile::tempdir().expect("a folder");
    save(folder.path(), 640);
    let server = Server::start(folder.path(), SERVE).expect("a server");
    let times = measure(folder.path(), &server);
    let mut times = times.expect("a viewer that stays connected");
    times.sort();
    let [least, median, most] = [times[0], times[SAVES / 2], times[SAVES - 1]];
    println!(
        "from save to viewer: median {median:.0?} (goal {GOAL:?}), {least:.0?} to {most:.0?}, \
         {SAVES} saves"
    );
    ExitCode::SUCCESS
}

/// The demo camera gives 15 frames per second, so that a change waits 33 ms on average for the
/// next.
fn save(folder: &Path, width: usize) {
    let text = format!(
        "streams: {{ s: {{ filters: [{{ use: timestamp }}, {{ use: resize, \
         with: {{ width: {width} }} }}] }} }}\n"
    );
    std::fs::write(folder.join("pipeline.yaml"), text).expect("a file");
}

fn measure(folder: &Path, server: &Server) -> std::io::Result<Vec<Duration>> {
    let mut socket = TcpStream::connect(server.address)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(socket, "GET /s.mjpeg HTTP/1.0\r\n\r\n")?;
    let mut frames = BufReader::new(socket);
    let mut times = Vec::new();
    for turn in 0..SAVES {
        // Not always at the same moment between two frames.
        for _ in 0..5 {
            width(&mut frames)?;
        }
        std::thread::sleep(Duration::from_millis(7 * turn as u64 % 60));
        let wanted = 400 + 16 * turn;
        let start = Instant::now();
        save(folder, wanted);
        while width(&mut frames)? != wanted {}
        times.push(start.elapsed());
    }
    Ok(times)
}

/// The next frame's width.
fn width(frames: &mut impl BufRead) -> std::io::Result<usize> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if frames.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if length > 0 && line == "\r\n" {
            break;
        }
    }
    let mut jpeg = vec![0; length];
    frames.read_exact(&mut jpeg)?;
    let picture = image::load_from_memory_with_format(&jpeg, image::ImageFormat::Jpeg);
    picture
        .map(|picture| picture.width() as usize)
        .map_err(std::io::Error::other)
}
