//! The parts of the server that read what strangers send, for the fuzz targets beside this.
//!
//! They are included as files, at the same paths as in the crate `mattebox`: that crate brings a
//! WebAssembly compiler along, whose building with a fuzzer's instrumentation takes longer than the
//! fuzzing.

#![allow(dead_code, unused_imports, reason = "the targets use some of it")]

#[path = "../../server/src/clock.rs"]
pub mod clock;
#[path = "../../server/src/config/mod.rs"]
pub mod config;
#[path = "../../server/src/files.rs"]
pub mod files;
#[path = "../../server/src/log/mod.rs"]
pub mod log;
#[path = "../../server/src/panics.rs"]
pub mod panics;
#[path = "../../server/src/secret/mod.rs"]
pub mod secret;
#[path = "../../server/src/sync.rs"]
pub mod sync;
#[path = "../../server/src/variables.rs"]
pub mod variables;

pub mod source;
