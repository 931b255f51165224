//! The filter contract `mattebox:filter@0.1.0` (see `filter-sdk/wit/0.1.0/filter.wit`). It stays as
//! it is.
//!
//! The derives check these shapes against a filter's own when a function is looked up, so a filter
//! that was built for something else is refused, not misread. Pictures go in by reference: lowering
//! copies them straight into the filter's memory.

// The derives implement `unsafe` traits of wasmtime; nothing here is unsafe by hand.
#![allow(unsafe_code)]

use std::time::Duration;

use semver::Version;
use wasmtime::component::{
    ComponentType, Func, Lift, Linker, LinkerInstance, Lower, TypedFunc, WasmStr,
};

use super::{Apply, Contract, Draw, Drawing, FrameInfo};
use crate::filter::FilterKind;
use crate::filter::answer::Answer;
use crate::filter::failure::{CallError, FilterFault};
use crate::filter::instance::Guest;
use crate::filter::kinds::Function;
use crate::filter::wasi::{HostState, read_asset, write_log};
use crate::variables::Snapshot;

const LIFECYCLE: &str = "mattebox:filter/lifecycle@0.1.0";
const OVERLAY: &str = "mattebox:filter/overlay@0.1.0";
const TRANSFORM: &str = "mattebox:filter/transform@0.1.0";
const HOST: &str = "mattebox:filter/host@0.1.0";

/// The facts of a frame that a filter is told; the WIT file tells what each field means.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
struct FrameInfoWithVariables {
    sequence: u64,
    #[component(name = "captured-at-ms")]
    captured_at_ms: u64,
    #[component(name = "utc-offset-minutes")]
    utc_offset_minutes: i32,
    width: u32,
    height: u32,
    variables: Snapshot,
}

impl FrameInfoWithVariables {
    fn new(frame: &FrameInfo, guest: &Guest) -> Self {
        let variables = guest.frame().map(|frame| frame.variables.clone());
        Self {
            sequence: frame.sequence,
            captured_at_ms: frame.captured_at_ms,
            utc_offset_minutes: frame.utc_offset_minutes,
            width: frame.width,
            height: frame.height,
            variables: variables.unwrap_or_default(),
        }
    }
}

/// A rectangle of colour: `width` × `height` × 4 bytes, straight alpha, rows from top to bottom.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct RgbaLayer {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(variant)]
enum DrawAnswer {
    #[component(name = "unchanged")]
    Unchanged,
    #[component(name = "layers")]
    Layers(Vec<RgbaLayer>),
}

/// A picture on its way into a filter: `width` × `height` × 3 bytes, rows from top to bottom.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct ImageRef<'a> {
    pub width: u32,
    pub height: u32,
    pub rgb: &'a [u8],
}

/// A picture that came out of a filter.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub rgb: Vec<u8>,
}

/// A filter's introduction of itself.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
    #[component(name = "config-schema")]
    pub config_schema: String,
}

/// The severity of a filter's log line.
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

/// The version 0.1.0.
pub struct V0_1;

impl Contract for V0_1 {
    fn version(&self) -> Version {
        Version::new(0, 1, 0)
    }

    fn lifecycle(&self) -> &'static str {
        LIFECYCLE
    }

    fn kinds(&self) -> &'static [(FilterKind, &'static str)] {
        &[
            (FilterKind::Overlay, OVERLAY),
            (FilterKind::Transform, TRANSFORM),
        ]
    }

    fn link(&self, linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
        link_host(&mut linker.instance(HOST)?)
    }

    fn function(&self, guest: &mut Guest, kind: FilterKind) -> Result<Function, FilterFault> {
        Ok(match kind {
            FilterKind::Overlay => {
                let draw = guest.function(OVERLAY, "draw")?;
                Function::Overlay(Box::new(DrawFunction(guest.typed(draw)?)))
            }
            FilterKind::Transform => {
                let apply = guest.function(TRANSFORM, "apply")?;
                Function::Transform(Box::new(ApplyFunction(apply)))
            }
            // No export of this version makes one.
            FilterKind::Inspect => return Err(FilterFault::NoInspect),
        })
    }
}

/// Adds what the interface `host` has in this version and later ones.
///
/// # Errors
/// It stands there already.
pub fn link_host(host: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    host.func_wrap("log", |store, (level, message): (Level, WasmStr)| {
        write_log(&store, level, &message)
    })?;
    host.func_wrap("read-asset", |store, (name,): (WasmStr,)| {
        Ok((read_asset(store, &name)?,))
    })
}

/// Checked against the contract once: an overlay's call is so short that checking would show.
struct DrawFunction(TypedFunc<(FrameInfoWithVariables,), (Result<DrawAnswer, String>,)>);

impl Draw for DrawFunction {
    fn call(
        &self,
        guest: &mut Guest,
        frame: &FrameInfo,
        limit: Duration,
    ) -> Result<Option<Drawing>, CallError> {
        let (width, height) = (frame.width, frame.height);
        let expected = Answer::Drawing { width, height };
        let frame = FrameInfoWithVariables::new(frame, guest);
        let answer = guest.ask(&self.0, (frame,), expected, limit)?;
        let DrawAnswer::Layers(layers) = answer else {
            return Ok(None);
        };
        Ok(Some(Drawing {
            layers: layers.into_iter().map(super::Layer::Rgba).collect(),
            until_ms: None,
        }))
    }
}

/// Checked at each call, since a reference to a picture can't be part of a kept type.
struct ApplyFunction(Func);

impl Apply for ApplyFunction {
    fn call(
        &self,
        guest: &mut Guest,
        frame: &FrameInfo,
        image: ImageRef<'_>,
        limit: Duration,
    ) -> Result<Image, CallError> {
        let apply = guest.typed(self.0)?;
        let frame = FrameInfoWithVariables::new(frame, guest);
        guest.ask(&apply, (frame, image), Answer::Picture, limit)
    }
}
