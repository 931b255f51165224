//! The filter contract `mattebox:filter@0.1.0` (see `filter-sdk/wit/0.1.0/filter.wit`). It stays as
//! it is.
//!
//! The derives check these shapes against a filter's own when a function is looked up, so a filter
//! that was built for something else is refused, not misread. Pictures go in by reference: lowering
//! copies them straight into the filter's memory.

// The derives implement `unsafe` traits of wasmtime; nothing here is unsafe by hand.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use semver::Version;
use wasmtime::component::{ComponentType, Func, Lift, Linker, Lower, TypedFunc, WasmStr};

use super::{Apply, Contract, Draw};
use crate::filter::FilterKind;
use crate::filter::answer::Answer;
use crate::filter::failure::{CallError, FilterFault};
use crate::filter::instance::Guest;
use crate::filter::limits::START_TIME;
use crate::filter::wasi::{HostState, read_asset, write_log};

const LIFECYCLE: &str = "mattebox:filter/lifecycle@0.1.0";
const OVERLAY: &str = "mattebox:filter/overlay@0.1.0";
const TRANSFORM: &str = "mattebox:filter/transform@0.1.0";
const HOST: &str = "mattebox:filter/host@0.1.0";

#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
struct FrameInfo {
    sequence: u64,
    #[component(name = "captured-at-ms")]
    captured_at_ms: u64,
    #[component(name = "utc-offset-minutes")]
    utc_offset_minutes: i32,
    width: u32,
    height: u32,
    variables: Arc<[(String, String)]>,
}

impl From<&super::FrameInfo> for FrameInfo {
    fn from(frame: &super::FrameInfo) -> Self {
        Self {
            sequence: frame.sequence,
            captured_at_ms: frame.captured_at_ms,
            utc_offset_minutes: frame.utc_offset_minutes,
            width: frame.width,
            height: frame.height,
            variables: frame.variables.clone(),
        }
    }
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
struct Layer {
    x: i32,
    y: i32,
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl From<Layer> for super::Layer {
    fn from(layer: Layer) -> Self {
        Self {
            x: layer.x,
            y: layer.y,
            width: layer.width,
            height: layer.height,
            rgba: layer.rgba,
        }
    }
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(variant)]
enum Drawing {
    #[component(name = "unchanged")]
    Unchanged,
    #[component(name = "layers")]
    Layers(Vec<Layer>),
}

#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
struct ImageRef<'a> {
    width: u32,
    height: u32,
    rgb: &'a [u8],
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
struct Image {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
struct Description {
    name: String,
    version: String,
    summary: String,
    #[component(name = "config-schema")]
    config_schema: String,
}

#[derive(Clone, Copy, Debug, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(
    dead_code,
    reason = "filters make them, and lifting does not name them"
)]
enum Level {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

impl From<Level> for super::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
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
        let mut host = linker.instance(HOST)?;
        host.func_wrap("log", |store, (level, message): (Level, WasmStr)| {
            write_log(&store, level.into(), &message)
        })?;
        host.func_wrap("read-asset", |store, (name,): (WasmStr,)| {
            Ok((read_asset(store, &name)?,))
        })
    }

    fn describe(&self, guest: &mut Guest) -> Result<super::Description, FilterFault> {
        let describe = guest.function(LIFECYCLE, "describe")?;
        let describe = guest.typed::<(), (Description,)>(describe)?;
        let (description,) = guest.call(&describe, (), Answer::Description, START_TIME)?;
        Ok(super::Description {
            name: description.name,
            version: description.version,
            summary: description.summary,
            config_schema: description.config_schema,
        })
    }

    fn configure(&self, guest: &mut Guest, json: &str) -> Result<(), CallError> {
        let configure = guest.function(LIFECYCLE, "configure")?;
        let configure = guest.typed(configure)?;
        guest.ask(&configure, (json,), Answer::Configured, START_TIME)
    }

    fn draw(&self, guest: &mut Guest) -> Result<Box<dyn Draw>, FilterFault> {
        let draw = guest.function(OVERLAY, "draw")?;
        Ok(Box::new(DrawFunction(guest.typed(draw)?)))
    }

    fn apply(&self, guest: &mut Guest) -> Result<Box<dyn Apply>, FilterFault> {
        let apply = guest.function(TRANSFORM, "apply")?;
        Ok(Box::new(ApplyFunction(apply)))
    }
}

/// Checked against the contract once: an overlay's call is so short that checking would show.
struct DrawFunction(TypedFunc<(FrameInfo,), (Result<Drawing, String>,)>);

impl Draw for DrawFunction {
    fn call(
        &self,
        guest: &mut Guest,
        frame: &super::FrameInfo,
        limit: Duration,
    ) -> Result<Option<Vec<super::Layer>>, CallError> {
        let (width, height) = (frame.width, frame.height);
        let expected = Answer::Drawing { width, height };
        Ok(
            match guest.ask(&self.0, (frame.into(),), expected, limit)? {
                Drawing::Unchanged => None,
                Drawing::Layers(layers) => Some(layers.into_iter().map(Into::into).collect()),
            },
        )
    }
}

/// Checked at each call, since a reference to a picture can't be part of a kept type.
struct ApplyFunction(Func);

impl Apply for ApplyFunction {
    fn call(
        &self,
        guest: &mut Guest,
        frame: &super::FrameInfo,
        image: super::ImageRef<'_>,
        limit: Duration,
    ) -> Result<super::Image, CallError> {
        let super::ImageRef { width, height, rgb } = image;
        let image = ImageRef { width, height, rgb };
        let apply = guest.typed(self.0)?;
        let params = (FrameInfo::from(frame), image);
        let Image { width, height, rgb } = guest.ask(&apply, params, Answer::Picture, limit)?;
        Ok(super::Image { width, height, rgb })
    }
}
