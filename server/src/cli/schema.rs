//! `mattebox schema`: what a pipeline file may say, for editors and for people.

use std::io::Write;

use super::Failure;
use crate::config::{pipeline_schema, reference};

pub fn run(as_markdown: bool) -> Result<(), Failure> {
    let text = match as_markdown {
        true => reference(),
        false => format!("{:#}\n", pipeline_schema()),
    };
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::Run(format!("can't write: {error}")))
}
