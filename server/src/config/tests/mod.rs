//! Pipeline files, right and wrong, as those see them who wrote them.

mod edit;
mod fine;
mod limits;
mod mistakes;
mod settings;
mod sources;

use std::path::Path;

use super::{Config, ConfigError, Diagnostic, PlacedStep};

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, "pipeline.yaml", Path::new("folder"))
}

fn fine(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The first step of the first stream.
fn step(config: &Config) -> PlacedStep<'_> {
    config.steps(&config.streams[0])[0]
}

/// `line:column+length message`.
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
