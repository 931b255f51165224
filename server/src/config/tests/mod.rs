//! What somebody sees who has written a pipeline file, right or wrong.

mod edit;
mod fine;
mod limits;
mod mistakes;
mod settings;
mod sources;

use std::path::Path;

use super::{Config, ConfigError, Diagnostic};

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, "pipeline.yaml", Path::new("folder"))
}

/// The step of a file with one stream of one filter.
fn step(text: &str) -> (Config, super::StepConfig) {
    let pipeline = parse(text).unwrap_or_else(|error| panic!("{error}"));
    let step = pipeline.streams[0].filters[0].clone();
    (pipeline, step)
}

/// `line:column+length message`. Spans can't be compared themselves: they are equal by design.
fn told(diagnostics: &[Diagnostic]) -> Vec<String> {
    let tell = |diagnostic: &Diagnostic| {
        let span = diagnostic.span;
        let (line, column, length) = (span.line, span.column, span.length);
        format!("{line}:{column}+{length} {}", diagnostic.message)
    };
    diagnostics.iter().map(tell).collect()
}

fn mistakes(text: &str) -> Vec<String> {
    told(parse(text).expect_err(text).diagnostics())
}
