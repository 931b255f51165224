//! Any text as a pipeline file, an address to listen on, and a camera on the command line: it is
//! right, or something is told of it.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mattebox_fuzz::config::{Config, parse_listen, parse_spec};

fuzz_target!(|text: &str| {
    match Config::parse(text, "pipeline.yaml", Path::new(".")) {
        Ok(pipeline) => assert!(!pipeline.streams.is_empty()),
        Err(error) => assert!(error.to_string().starts_with("pipeline.yaml")),
    }
    if let Err(why) = parse_listen(text) {
        assert!(!why.to_string().is_empty());
    }
    if let Err(why) = parse_spec(text) {
        assert!(!why.to_string().is_empty());
    }
});
