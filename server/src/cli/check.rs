//! `mattebox check`: everything that can be known about a pipeline file without a camera.

use std::path::Path;

use super::output::outln;
use super::{Common, Failure, start_loader, start_runtime};
use crate::chain::{Check, FilterCache};
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, Diagnostic};
use crate::control::{Plans, check_parts, check_passwords, check_recordings, check_start};
use crate::filter::Wanted;
use crate::http::Listener;
use crate::local_time::warn_of_unknown_zone;

pub fn run(file: &Path, common: &Common) -> Result<(), Failure> {
    warn_of_unknown_zone();
    let pipeline = Config::load(file)?;
    let runtime = start_runtime()?;
    let cache = start_loader(&runtime, common)?;
    check_all(&cache, &pipeline)?;
    outln!("{} is fine:", file.display());
    for stream in &pipeline.streams {
        let filters: Vec<_> = stream.filters.iter().map(|s| s.filter.as_str()).collect();
        let chain = match filters.as_slice() {
            [] => "no filters".to_owned(),
            filters => filters.join(" → "),
        };
        outln!("  {}: {chain}", stream.name);
    }
    Ok(())
}

/// Checks all that keeps a server from starting, and the filters, recordings and passwords, without
/// which it would start.
fn check_all(cache: &FilterCache, pipeline: &Config) -> Result<(), ConfigError> {
    let start = check_start(pipeline).map(drop);
    let start = both(pipeline, check_listen(pipeline), start);
    let mut files = check_recordings(pipeline, None);
    files.extend(check_passwords(pipeline));
    let parts = both(pipeline, start, found(pipeline, files));
    both(pipeline, parts, check_filters(cache, pipeline))
}

/// Checks that the addresses could be listened on. They may be in use: by the server that runs with
/// this file.
fn check_listen(pipeline: &Config) -> Result<(), ConfigError> {
    let wrong = pipeline
        .listen
        .iter()
        .enumerate()
        .filter_map(|(at, address)| {
            let address = address.below(&pipeline.folder);
            let error = Listener::check(&address).err()?;
            let message = format!("`listen`: can't listen on {address}: {error}");
            Some(pipeline.error_at("/listen", &[&at.to_string()], message))
        });
    found(pipeline, wrong.collect())
}

/// The same but for the admin token, which maybe only the server's own environment has.
pub fn check_but_for_token(cache: &FilterCache, pipeline: &Config) -> Result<(), ConfigError> {
    let parts = found(pipeline, check_parts(pipeline, None));
    both(pipeline, parts, check_filters(cache, pipeline))
}

fn found(pipeline: &Config, wrong: Vec<Diagnostic>) -> Result<(), ConfigError> {
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(pipeline.error(wrong)),
    }
}

fn check_filters(cache: &FilterCache, pipeline: &Config) -> Result<(), ConfigError> {
    cache.engine().budget().set_limit(pipeline.filters_memory);
    let check = Check::new(&SystemClock, Wanted::ByChange);
    Plans::default().ready_filters(cache, pipeline, &check)
}

/// All that is wrong by either.
fn both(
    pipeline: &Config,
    one: Result<(), ConfigError>,
    other: Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let (Err(one), Err(other)) = (&one, &other) else {
        return one.and(other);
    };
    let wrong = [one.diagnostics(), other.diagnostics()].concat();
    Err(pipeline.error(wrong))
}
