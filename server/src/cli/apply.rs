//! `mattebox apply`: a chain over files, for trying it out and for measuring it.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cpu_time::ProcessTime;
use jpeg_splice::{InvalidJpeg, Jpeg};

use super::output::outln;
use super::{ApplyArgs, Failure, start_loader, start_runtime};
use crate::chain::{self, Chain, FilterCache};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, StreamConfig, hint};
use crate::files::{self, FileError};
use crate::frame::{Frame, PartHead};
use crate::local_time::{self, warn_of_unknown_zone};
use crate::mask::{MaskSet, Masker};
use crate::secret::mask;
use crate::source::{FRAME_BYTES, check_size};

pub fn run(args: &ApplyArgs) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    warn_of_unknown_zone();
    let stream = pick(&config, args.stream.as_deref())?;
    let outputs = outputs(&args.inputs, args.output.as_deref())?;
    let runtime = start_runtime()?;
    let cache = start_loader(&runtime, &args.common)?;
    cache.engine().budget().set_limit(config.filters_memory);
    let mut chain = chain::build(&cache, &config, stream, Arc::new(SystemClock))
        .map_err(|wrong| config.error(wrong))?;
    let inputs = read_all(&args.inputs)?;
    let mut totals = Totals::default();
    let mut way = Way {
        most_pixels: stream.source.max_pixels(),
        masker: Masker::new(masks(&cache, &config, stream), stream.quality),
        chain: &mut chain,
    };
    for _ in 0..args.repeat {
        for (input, output) in inputs.iter().zip(&outputs) {
            one(&mut way, (input, output.as_deref()), &mut totals)?;
        }
    }
    totals.print(args.json);
    for failure in &totals.failures {
        eprintln!("{}", mask(failure));
    }
    totals.verdict(args.allow_failures)
}

fn pick<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a StreamConfig, Failure> {
    let Some(name) = name else {
        return Ok(&config.streams[0]);
    };
    config.stream(name).ok_or_else(|| {
        let names = config.streams.iter().map(|stream| stream.name.as_str());
        Failure::Usage(format!("no stream is called `{name}`{}", hint(name, names)))
    })
}

/// The path of each input's result; none without a folder.
fn outputs(inputs: &[PathBuf], folder: Option<&Path>) -> Result<Vec<Option<PathBuf>>, Failure> {
    let Some(folder) = folder else {
        return Ok(vec![None; inputs.len()]);
    };
    fs::create_dir_all(folder)
        .map_err(|error| Failure::Run(format!("{}: {error}", folder.display())))?;
    let mut taken: HashMap<OsString, &Path> = HashMap::new();
    let mut outputs = Vec::new();
    for input in inputs {
        let name = input
            .file_name()
            .ok_or_else(|| Failure::Usage(format!("{} is not a file", input.display())))?;
        if let Some(other) = taken.insert(name.to_owned(), input) {
            return Err(Failure::Usage(format!(
                "{} and {} would both be written to {}",
                other.display(),
                input.display(),
                folder.join(name).display()
            )));
        }
        let output = folder.join(name);
        if fs::canonicalize(input).ok() == fs::canonicalize(&output).ok() && output.exists() {
            return Err(Failure::Usage(format!(
                "{} would be overwritten by its own result",
                input.display()
            )));
        }
        outputs.push(Some(output));
    }
    Ok(outputs)
}

struct Input {
    path: PathBuf,
    /// The picture, or the reason why it is broken.
    jpeg: Result<Jpeg, InvalidJpeg>,
    modified: SystemTime,
}

/// All at once, so that reading takes no part in the measured time.
fn read_all(paths: &[PathBuf]) -> Result<Vec<Input>, Failure> {
    let read = |path: &PathBuf| {
        let jpeg = files::read(path, FRAME_BYTES as u64)?;
        // A file's time is the best guess at when its picture was taken.
        let modified = fs::metadata(path).and_then(|meta| meta.modified());
        Ok::<_, FileError>(Input {
            path: path.clone(),
            jpeg: Jpeg::new(jpeg.into()),
            modified: modified?,
        })
    };
    paths
        .iter()
        .map(|path| read(path).map_err(|why| Failure::Run(format!("{}: {why}", path.display()))))
        .collect()
}

/// A picture's way through a stream.
struct Way<'a> {
    /// The most pixels of a picture.
    most_pixels: u64,
    masker: Masker,
    chain: &'a mut Chain,
}

/// The masks of `stream`, and of those that it has its frames from.
fn masks(cache: &FilterCache, config: &Config, stream: &StreamConfig) -> MaskSet {
    let set = MaskSet::new(
        cache.engine().clock().clone(),
        local_time::zone(),
        cache.variables().clone(),
    );
    let shared = |stream: &&StreamConfig| config.stream(stream.source.shared()?);
    let streams = std::iter::successors(Some(stream), shared);
    let masks: Vec<_> = streams.flat_map(|it| it.source.masks.clone()).collect();
    set.set(&masks);
    set
}

fn one(
    way: &mut Way<'_>,
    (input, output): (&Input, Option<&Path>),
    totals: &mut Totals,
) -> Result<(), Failure> {
    let mut process = || -> Result<_, Box<dyn Error>> {
        let jpeg = input.jpeg.clone()?;
        check_size(jpeg.size(), way.most_pixels)?;
        let masked = way.masker.mask(jpeg)?;
        let frame = Frame {
            jpeg: masked.jpeg,
            sequence: totals.frames,
            captured_at: input.modified,
            received_at: SystemClock.now(),
            taken_after: None,
            is_picture: true,
            masks: masked.stamp,
            part_head: PartHead::default(),
        };
        let inspectors = way.chain.inspectors().iter();
        let blind = inspectors.filter(|it| !it.look_if_due(&frame)).count();
        let mut filtered = way.chain.process(&frame)?;
        filtered.missed += blind;
        Ok((masked.path.0.max(filtered.path), filtered))
    };
    let start = ProcessTime::try_now().map_err(Failure::run)?;
    let result = process();
    let spent = start.try_elapsed().map_err(Failure::run)?;
    match result {
        Ok((path, filtered)) => {
            totals.cpu += spent;
            totals.frames += 1;
            totals.undone += u64::from(filtered.missed > 0);
            *totals.paths.entry(path).or_default() += 1;
            if let Some(output) = output {
                fs::write(output, &*filtered.frame.jpeg)
                    .map_err(|error| Failure::Run(format!("{}: {error}", output.display())))?;
            }
        }
        Err(why) => totals
            .failures
            .push(format!("{}: {why}", input.path.display())),
    }
    Ok(())
}

#[derive(Default)]
struct Totals {
    /// Pictures with a result.
    frames: u64,
    /// Those of them that a filter failed on.
    undone: u64,
    paths: BTreeMap<chain::Path, u64>,
    cpu: Duration,
    /// The errors of pictures without a result.
    failures: Vec<String>,
}

impl Totals {
    /// Whether all is well, where a filter's failures are allowed or not.
    fn verdict(&self, allow_failures: bool) -> Result<(), Failure> {
        let lost = self.failures.len() as u64;
        let all = self.frames + lost;
        if lost > 0 {
            return Err(Failure::Run(format!(
                "{lost} of {all} pictures gave no result"
            )));
        }
        match self.undone {
            0 => Ok(()),
            _ if allow_failures => Ok(()),
            undone => Err(Failure::Run(format!(
                "a filter failed on {undone} of {all} pictures, which went on without it"
            ))),
        }
    }

    fn print(&self, json: bool) {
        let per_frame = self.cpu.as_secs_f64() * 1000.0 / self.frames.max(1) as f64;
        let paths: BTreeMap<_, _> = chain::Path::ALL
            .iter()
            .map(|path| (*path, self.paths.get(path).copied().unwrap_or(0)))
            .collect();
        if json {
            let numbers = serde_json::json!({
                "frames": self.frames,
                "failed": self.undone + self.failures.len() as u64,
                "paths": paths,
                "cpu_ms_per_frame": (per_frame * 1000.0).round() / 1000.0,
            });
            outln!("{numbers}");
            return;
        }
        let paths: Vec<_> = paths
            .iter()
            .map(|(path, count)| format!("{count} {}", path.name()))
            .collect();
        outln!(
            "frames: {} ({}); CPU time per frame: {per_frame:.3} ms",
            self.frames,
            paths.join(", ")
        );
    }
}
