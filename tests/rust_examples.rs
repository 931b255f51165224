//! The sources in Rust that `mattebox new` gives, compiled as they are, with their own unit tests.

#![allow(
    dead_code,
    reason = "what WebAssembly exports is called by nobody here"
)]

#[path = "../filters/examples/rust/inspect/lib.rs"]
mod inspect;
#[path = "../filters/examples/rust/overlay/lib.rs"]
mod overlay;
#[path = "../filters/examples/rust/transform/lib.rs"]
mod transform;
