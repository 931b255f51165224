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
    let mut wrong = check_listen(pipeline);
    wrong.extend(check_start(pipeline).err().unwrap_or_default());
    wrong.extend(check_recordings(pipeline, None));
    wrong.extend(check_passwords(pipeline));
    wrong.extend(check_filters(cache, pipeline));
    pipeline.verdict(wrong)
}

/// Checks that the addresses could be listened on. They may be in use: by the server that runs with
/// this file.
fn check_listen(pipeline: &Config) -> Vec<Diagnostic> {
    let addresses = pipeline.listen.iter().enumerate();
    let wrong = addresses.filter_map(|(at, address)| {
        let address = address.below(&pipeline.folder);
        let error = Listener::check(&address).err()?;
        let message = format!("`listen`: can't listen on {address}: {error}");
        Some(pipeline.error_at("/listen", &[&at.to_string()], message))
    });
    wrong.collect()
}

/// The same but for the admin token, which maybe only the server's own environment has.
pub fn check_but_for_token(cache: &FilterCache, pipeline: &Config) -> Result<(), ConfigError> {
    let mut wrong = check_parts(pipeline, None);
    wrong.extend(check_filters(cache, pipeline));
    pipeline.verdict(wrong)
}

fn check_filters(cache: &FilterCache, pipeline: &Config) -> Vec<Diagnostic> {
    cache.engine().budget().set_limit(pipeline.filters_memory);
    let check = Check::new(&SystemClock, Wanted::ByChange);
    Plans::default().ready_filters(cache, pipeline, None, &check)
}
