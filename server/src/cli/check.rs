//! `mattebox check`: everything that can be known about a pipeline file without a camera.

use std::path::Path;

use super::{Common, Failure, build_all, start_engine};
use crate::config::Pipeline;
use crate::variables::Variables;

pub fn run(file: &Path, common: &Common) -> Result<(), Failure> {
    let pipeline = Pipeline::load(file)?;
    let (_runtime, engine) = start_engine(common)?;
    build_all(&pipeline, engine, &Variables::default())?;
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
