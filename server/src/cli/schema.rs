//! `mattebox schema`: what a pipeline file may say, for editors and for people.

use super::output::{out, outln};
use crate::config::{pipeline_schema, reference};

pub fn run(as_markdown: bool) {
    match as_markdown {
        true => out!("{}", reference()),
        false => outln!("{:#}", pipeline_schema()),
    }
}
