//! Prints what moves in eighth-size grey pictures, as JSON lines.
//!
//! `regions WIDTH HEIGHT RATE [CONFIG]` reads pictures of the full size WIDTH × HEIGHT, shrunken to
//! an eighth (rounded up), one byte a pixel, one after the other from standard input: RATE a
//! second. CONFIG is the filter's settings in JSON. The last line has the microseconds a look took.

use std::error::Error;
use std::io::{BufWriter, ErrorKind, Read, Write, stdin, stdout};
use std::time::{Duration, Instant};

use motion::{Detector, Luma, SHRINK};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [width, height, rate, config @ ..] = arguments.as_slice() else {
        return Err("usage: regions WIDTH HEIGHT RATE [CONFIG]".into());
    };
    let full: (u32, u32) = (width.parse()?, height.parse()?);
    let rate: f64 = rate.parse()?;
    let config = config.first().map_or("{}", String::as_str);
    let mut detector = Detector::new(serde_json::from_str(config)?)?;
    let (width, height) = (
        full.0.div_ceil(SHRINK) as usize,
        full.1.div_ceil(SHRINK) as usize,
    );
    let mut pixels = vec![0; width * height];
    let mut out = BufWriter::new(stdout().lock());
    let mut times: Vec<Duration> = Vec::new();
    while read_picture(&mut pixels)? {
        let at_ms = (times.len() as f64 * 1000.0 / rate) as u64;
        let luma = Luma::new(width, height, &pixels)?;
        let start = Instant::now();
        let findings = detector.look(luma, at_ms, full);
        times.push(start.elapsed());
        let region = |it: &motion::Region| {
            json!({
                "area": it.area, "score": it.score, "track": it.track, "label": it.label(),
            })
        };
        let line = json!({
            "at_ms": at_ms,
            "regions": findings.regions.iter().map(region).collect::<Vec<_>>(),
            "event": format!("{:?}", findings.event),
            "look": format!("{:?}", findings.look),
            "changed": findings.changed,
        });
        writeln!(out, "{line}")?;
    }
    times.sort_unstable();
    let part = |of: usize| times.get(times.len() * of / 100).map(Duration::as_micros);
    writeln!(
        out,
        "{}",
        json!({"median_us": part(50), "p99_us": part(99)})
    )?;
    Ok(())
}

/// Whether there was one more.
fn read_picture(pixels: &mut [u8]) -> Result<bool, std::io::Error> {
    match stdin().lock().read_exact(pixels) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        done => done.map(|()| true),
    }
}
