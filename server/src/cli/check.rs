//! `mattebox check`: everything that can be known about a pipeline file without a camera.

use std::path::Path;

use super::{Common, Failure, start_loader, start_runtime};
use crate::chain::Check;
use crate::clock::SystemClock;
use crate::config::{Pipeline, Secret};
use crate::filter::Wanted;
use crate::live::{Plans, read_token, warn_of_short_token};

pub fn run(file: &Path, common: &Common) -> Result<(), Failure> {
    let pipeline = Pipeline::load(file)?;
    let runtime = start_runtime()?;
    let loader = start_loader(&runtime, common)?;
    loader.engine().budget().set_limit(pipeline.filters_memory);
    let check = Check::new(&SystemClock, Wanted::ByChange);
    Plans::default().ready(&loader, &pipeline, None, &check)?;
    let token = pipeline.admin_token.as_ref();
    // One that only the server's own environment has can't be looked at here.
    let is_elsewhere = |name: &String| std::env::var_os(name).is_none();
    if !token.is_some_and(|token| matches!(&token.secret, Secret::Env(name) if is_elsewhere(name)))
        && let Some(token) = read_token(&pipeline)?
    {
        warn_of_short_token(token.expose());
    }
    println!("{} is fine:", file.display());
    for stream in &pipeline.streams {
        let filters: Vec<_> = stream.filters.iter().map(|s| s.filter.as_str()).collect();
        let chain = match filters.as_slice() {
            [] => "no filters".to_owned(),
            filters => filters.join(" → "),
        };
        println!("  {}: {chain}", stream.name);
    }
    Ok(())
}
