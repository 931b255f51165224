//! `mattebox check`: everything that can be known about a pipeline file without a camera.

use std::path::Path;

use super::{Common, Failure, start_engine};
use crate::chain::Loader;
use crate::clock::SystemClock;
use crate::config::Pipeline;
use crate::events::Events;
use crate::live::{plan_all, warn_of_short_token};
use crate::variables::Variables;

pub fn run(file: &Path, common: &Common) -> Result<(), Failure> {
    let pipeline = Pipeline::load(file)?;
    let (_runtime, engine) = start_engine(common)?;
    let mut loader = Loader::new(engine, Variables::default(), Events::default());
    plan_all(&mut loader, &pipeline, &SystemClock, |_| Vec::new())?;
    let token = pipeline.admin_token.as_ref();
    // One that only the server's own environment has can't be looked at here.
    if let Some(Ok(token)) = token.map(|token| token.secret.reveal(&pipeline.folder)) {
        warn_of_short_token(token.trim());
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
