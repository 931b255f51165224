//! The filter contract `mattebox:filter@0.1.0` as Rust types (see `filter-sdk/wit/filter.wit`).
//!
//! The derives check these shapes against a filter's own when a function is looked up, so a filter that
//! was built for something else is refused, not misread. Pictures go in by reference: lowering copies
//! them straight into the filter's memory.

// The derives implement `unsafe` traits of wasmtime; nothing here is unsafe by hand.
#![allow(unsafe_code)]

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Lower};

/// The interface that every filter exports.
pub const LIFECYCLE: &str = "mattebox:filter/lifecycle@0.1.0";
/// The interface of filters that draw.
pub const OVERLAY: &str = "mattebox:filter/overlay@0.1.0";
/// The interface of filters that work on pixels.
pub const TRANSFORM: &str = "mattebox:filter/transform@0.1.0";
/// The interface that the server offers.
pub const HOST: &str = "mattebox:filter/host@0.1.0";

/// What a filter is told about a frame; the WIT file tells what each field means.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub struct FrameInfo {
    pub sequence: u64,
    #[component(name = "captured-at-ms")]
    pub captured_at_ms: u64,
    #[component(name = "utc-offset-minutes")]
    pub utc_offset_minutes: i32,
    pub width: u32,
    pub height: u32,
    pub variables: Arc<[(String, String)]>,
}

/// A rectangle of colour: `width` × `height` × 4 bytes, straight alpha, rows from top to bottom.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct Layer {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

/// What an overlay answers.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(variant)]
pub enum Drawing {
    #[component(name = "unchanged")]
    Unchanged,
    #[component(name = "layers")]
    Layers(Vec<Layer>),
}

/// A picture on its way into a filter: `width` × `height` × 3 bytes, rows from top to bottom.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct ImageRef<'a> {
    pub width: u32,
    pub height: u32,
    pub rgb: &'a [u8],
}

/// A picture that came out of a filter, not checked yet.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub rgb: Vec<u8>,
}

/// How a filter introduces itself.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
    #[component(name = "config-schema")]
    pub config_schema: String,
}

/// How much a filter's log line matters.
#[derive(Clone, Copy, Debug, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}
