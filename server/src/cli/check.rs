//! `mattebox check`: everything that can be known about a pipeline file without a camera.

use std::path::Path;

use super::output::outln;
use super::{Common, Failure, start_loader, start_runtime};
use crate::chain::{Check, FilterCache};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError, Diagnostic};
use crate::control::{
    Plans, check_parts, check_passwords, check_recordings, check_start, check_tls,
};
use crate::filter::Wanted;
use crate::http::Listener;
use crate::local_time::warn_of_unknown_zone;

pub fn run(file: &Path, common: &Common) -> Result<(), Failure> {
    warn_of_unknown_zone();
    let config = Config::load(file)?;
    let runtime = start_runtime()?;
    let cache = start_loader(&runtime, common)?;
    check_all(&cache, &config)?;
    outln!("{} is fine:", file.display());
    for stream in &config.streams {
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
fn check_all(cache: &FilterCache, config: &Config) -> Result<(), ConfigError> {
    let mut wrong = check_listen(config);
    wrong.extend(check_start(config).err().unwrap_or_default());
    wrong.extend(check_tls(config, SystemClock.unix()).err());
    wrong.extend(check_recordings(config, None));
    wrong.extend(check_passwords(config));
    wrong.extend(check_filters(cache, config));
    config.verdict(wrong)
}

/// Checks that the addresses could be listened on. They may be in use: by the server that runs with
/// this file.
fn check_listen(config: &Config) -> Vec<Diagnostic> {
    let addresses = config.listen.iter().enumerate();
    let wrong = addresses.filter_map(|(at, address)| {
        let address = address.below(&config.folder);
        let error = Listener::check(&address).err()?;
        let message = format!("`listen`: can't listen on {address}: {error}");
        Some(config.error_at("/listen", &[&at.to_string()], message))
    });
    wrong.collect()
}

/// The same but for the admin token, which maybe only the server's own environment has.
pub fn check_but_for_token(cache: &FilterCache, config: &Config) -> Result<(), ConfigError> {
    let mut wrong = check_parts(config, None);
    wrong.extend(check_filters(cache, config));
    config.verdict(wrong)
}

fn check_filters(cache: &FilterCache, config: &Config) -> Vec<Diagnostic> {
    cache.engine().budget().set_limit(config.filters_memory);
    let check = Check::new(&SystemClock, Wanted::ByChange);
    Plans::default().ready_filters(cache, config, None, &check)
}
