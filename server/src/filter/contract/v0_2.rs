//! The filter contract `mattebox:filter@0.2.0` (see `filter-sdk/wit/0.2.0/filter.wit`). It stays as
//! it is.
//!
//! What has not changed since 0.1.0 is taken from there. For the checks of these shapes, see
//! [`v0_1`](super::v0_1).

// The derives implement `unsafe` traits of wasmtime; nothing here is unsafe by hand.
#![allow(unsafe_code)]

use std::time::Duration;

use semver::Version;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    ComponentType, Func, Lift, Linker, LinkerInstance, Lower, TypedFunc, WasmStr,
};

use super::v0_1::{Image, ImageRef, RgbaLayer, link_host};
use super::{Apply, Contract, Draw, Drawing, Look};
use crate::filter::FilterKind;
use crate::filter::answer::Answer;
use crate::filter::context::{self, WishError};
use crate::filter::failure::{CallError, FilterFault};
use crate::filter::instance::Guest;
use crate::filter::kinds::Function;
use crate::filter::view::{self, Pixels, View, ViewError};
use crate::filter::wasi::HostState;
use crate::region;

const LIFECYCLE: &str = "mattebox:filter/lifecycle@0.2.0";
const OVERLAY: &str = "mattebox:filter/overlay@0.2.0";
const TRANSFORM: &str = "mattebox:filter/transform@0.2.0";
const INSPECT: &str = "mattebox:filter/inspect@0.2.0";
const HOST: &str = "mattebox:filter/host@0.2.0";
const CONTEXT: &str = "mattebox:filter/context@0.2.0";
const VIEW: &str = "mattebox:filter/view@0.2.0";
const PUBLISH: &str = "mattebox:filter/publish@0.2.0";

/// The facts of a frame that a filter is told; the WIT file tells what each field means.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub struct FrameInfo {
    pub sequence: u64,
    #[component(name = "captured-at-ms")]
    pub captured_at_ms: u64,
    #[component(name = "utc-offset-minutes")]
    pub utc_offset_minutes: i32,
    pub width: u32,
    pub height: u32,
}

/// A colour with straight alpha.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Color {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub alpha: u8,
}

/// A rectangle in pixels of the picture as it is seen.
#[derive(Clone, Copy, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Area {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// Something that was found in a picture.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Region {
    pub area: Area,
    pub label: String,
    pub score: f32,
    pub track: Option<u64>,
}

/// A colour through a stencil of `width` × `height` bytes, rows from top to bottom.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct MaskLayer {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
    pub color: Color,
    pub alpha: Vec<u8>,
}

/// A rectangle of one colour.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct FillLayer {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
    pub color: Color,
}

/// The outline of a rectangle; `thickness` is in pixels, inwards.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct BoxLayer {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
    pub thickness: u32,
    pub color: Color,
}

/// The corner of a text's box that its place tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum Anchor {
    #[component(name = "top-left")]
    TopLeft,
    #[component(name = "top-right")]
    TopRight,
    #[component(name = "bottom-left")]
    BottomLeft,
    #[component(name = "bottom-right")]
    BottomRight,
    #[component(name = "center")]
    Center,
}

/// A text that the server writes; `size` is the height of a line in pixels.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub struct TextLayer {
    pub x: i32,
    pub y: i32,
    pub anchor: Anchor,
    pub text: String,
    pub size: u32,
    pub color: Color,
    pub background: Color,
}

/// Something to be drawn over the picture.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(variant)]
pub enum Layer {
    #[component(name = "rgba")]
    Rgba(RgbaLayer),
    #[component(name = "mask")]
    Mask(MaskLayer),
    #[component(name = "fill")]
    Fill(FillLayer),
    #[component(name = "box")]
    Box(BoxLayer),
    #[component(name = "text")]
    Text(TextLayer),
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
struct TimedLayers {
    layers: Vec<Layer>,
    #[component(name = "until-ms")]
    until_ms: u64,
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(variant)]
enum DrawAnswer {
    #[component(name = "unchanged")]
    Unchanged,
    #[component(name = "layers")]
    Layers(Vec<Layer>),
    #[component(name = "layers-until")]
    LayersUntil(TimedLayers),
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
struct Findings {
    regions: Vec<Region>,
}

#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
struct FoundRegion {
    region: Region,
    #[component(name = "found-by")]
    found_by: String,
    #[component(name = "captured-at-ms")]
    captured_at_ms: u64,
}

#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
struct RgbImage {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
struct LumaImage {
    width: u32,
    height: u32,
    luma: Vec<u8>,
}

#[derive(Clone, Copy, Debug, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "wasmtime makes them of numbers")]
enum Shrink {
    #[component(name = "none")]
    None,
    #[component(name = "half")]
    Half,
    #[component(name = "quarter")]
    Quarter,
    #[component(name = "eighth")]
    Eighth,
}

#[derive(Clone, Copy, Debug, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "wasmtime makes them of numbers")]
enum Phase {
    #[component(name = "start")]
    Start,
    #[component(name = "end")]
    End,
    #[component(name = "moment")]
    Moment,
}

/// The version 0.2.0.
pub struct V0_2;

impl Contract for V0_2 {
    fn version(&self) -> Version {
        Version::new(0, 2, 0)
    }

    fn lifecycle(&self) -> &'static str {
        LIFECYCLE
    }

    fn kinds(&self) -> &'static [(FilterKind, &'static str)] {
        &[
            (FilterKind::Overlay, OVERLAY),
            (FilterKind::Transform, TRANSFORM),
            (FilterKind::Inspect, INSPECT),
        ]
    }

    fn link(&self, linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
        link_host(&mut linker.instance(HOST)?)?;
        link_context(&mut linker.instance(CONTEXT)?)?;
        link_view(&mut linker.instance(VIEW)?)?;
        link_publish(&mut linker.instance(PUBLISH)?)
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
            FilterKind::Inspect => {
                let look = guest.function(INSPECT, "look")?;
                Function::Inspect(Box::new(LookFunction(guest.typed(look)?)))
            }
        })
    }
}

type Wasm<'s> = StoreContextMut<'s, HostState>;

fn link_context(context: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    context.func_wrap("stream-name", |store: Wasm<'_>, (): ()| {
        Ok((store.data().call.stream().to_owned(),))
    })?;
    context.func_wrap("variable", |store: Wasm<'_>, (name,): (WasmStr,)| {
        let name = name.to_str(&store)?;
        let frame = store.data().call.frame();
        let variables = frame.map(|frame| frame.variables.iter());
        let found = variables.into_iter().flatten().find(|(it, _)| *it == name);
        Ok((found.map(|(_, text)| text.clone()),))
    })?;
    context.func_wrap("regions", |store: Wasm<'_>, (): ()| {
        let frame = store.data().call.frame().into_iter();
        let regions = frame.flat_map(|frame| {
            let regions = frame.regions.iter();
            regions.map(|found| found_region(found, frame.size))
        });
        Ok((regions.collect::<Vec<_>>(),))
    })
}

fn found_region(found: &region::FoundRegion, size: (u32, u32)) -> FoundRegion {
    let region::Region {
        area,
        label,
        score,
        track,
    } = &found.region;
    let area = area.scaled(found.size, size);
    FoundRegion {
        region: Region {
            area: Area {
                x: area.x,
                y: area.y,
                width: area.width,
                height: area.height,
            },
            label: label.clone(),
            score: *score,
            track: *track,
        },
        found_by: found.found_by.to_string(),
        captured_at_ms: found.captured_at_ms,
    }
}

type Asked = (Shrink, Option<Area>);

fn link_view(view: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    view.func_wrap("luma", |store: Wasm<'_>, asked: Asked| {
        let pixels = look(store, asked, View::luma);
        let image = |Pixels {
                         width,
                         height,
                         bytes,
                     }| LumaImage {
            width,
            height,
            luma: bytes,
        };
        Ok((pixels.map(image),))
    })?;
    view.func_wrap("rgb", |store: Wasm<'_>, asked: Asked| {
        let pixels = look(store, asked, View::rgb);
        let image = |Pixels {
                         width,
                         height,
                         bytes,
                     }| RgbImage {
            width,
            height,
            rgb: bytes,
        };
        Ok((pixels.map(image),))
    })
}

/// A way to look at a picture.
type LookAt = fn(
    &mut View,
    &jpeg_splice::Jpeg,
    view::Shrink,
    Option<region::Area>,
) -> Result<Pixels, ViewError>;

/// Looks at the picture. That takes the server's time, not the filter's, which may ask only so
/// often.
fn look(mut store: Wasm<'_>, (shrink, area): Asked, look_at: LookAt) -> Result<Pixels, String> {
    let shrink = view::Shrink(match shrink {
        Shrink::None => 1,
        Shrink::Half => 2,
        Shrink::Quarter => 4,
        Shrink::Eighth => 8,
    });
    let area = area.map(server_area);
    let (view, picture) = store
        .data_mut()
        .call
        .view(shrink == view::Shrink::EIGHTH)
        .map_err(|why| why.to_string())?;
    let pixels = look_at(view, picture, shrink, area).map_err(|why| why.to_string());
    store.data_mut().time.restart();
    pixels
}

fn server_area(area: Area) -> region::Area {
    region::Area {
        x: area.x,
        y: area.y,
        width: area.width,
        height: area.height,
    }
}

fn link_publish(publish: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    publish.func_wrap("show", |mut store: Wasm<'_>, (picture,): (LumaImage,)| {
        let shown = store.data_mut().call.show(Pixels {
            width: picture.width,
            height: picture.height,
            bytes: picture.luma,
        });
        Ok((in_words(shown),))
    })?;
    publish.func_wrap(
        "set-variable",
        |mut store: Wasm<'_>, (name, text, ttl): (String, String, Option<u32>)| {
            let ttl = ttl.map(|ms| Duration::from_millis(ms.into()));
            let set = store.data_mut().call.set_variable(&name, &text, ttl);
            Ok((in_words(set),))
        },
    )?;
    publish.func_wrap(
        "event",
        |mut store: Wasm<'_>, (kind, phase, text): (String, Phase, String)| {
            let phase = match phase {
                Phase::Start => context::Phase::Start,
                Phase::End => context::Phase::End,
                Phase::Moment => context::Phase::Moment,
            };
            let told = store.data_mut().call.tell(&kind, phase, text);
            Ok((in_words(told),))
        },
    )
}

fn in_words(result: Result<(), WishError>) -> Result<(), String> {
    result.map_err(|why| why.to_string())
}

/// A function that is checked against the contract once: calls are so short that checking would
/// show.
type FrameFunction<T> = TypedFunc<(FrameInfo,), (Result<T, String>,)>;

struct DrawFunction(FrameFunction<DrawAnswer>);

impl Draw for DrawFunction {
    fn call(
        &self,
        guest: &mut Guest,
        frame: &FrameInfo,
        limit: Duration,
    ) -> Result<Option<Drawing>, CallError> {
        let (width, height) = (frame.width, frame.height);
        let expected = Answer::Drawing { width, height };
        let answer = guest.ask(&self.0, (*frame,), expected, limit)?;
        let (layers, until_ms) = match answer {
            DrawAnswer::Unchanged => return Ok(None),
            DrawAnswer::Layers(layers) => (layers, None),
            DrawAnswer::LayersUntil(it) => (it.layers, Some(it.until_ms)),
        };
        Ok(Some(Drawing { layers, until_ms }))
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
        guest.ask(&apply, (*frame, image), Answer::Picture, limit)
    }
}

struct LookFunction(FrameFunction<Findings>);

impl Look for LookFunction {
    fn call(
        &self,
        guest: &mut Guest,
        frame: &FrameInfo,
        limit: Duration,
    ) -> Result<Vec<region::Region>, CallError> {
        let found = guest.ask(&self.0, (*frame,), Answer::Regions, limit)?;
        let regions = found.regions.into_iter().map(|it| region::Region {
            area: server_area(it.area),
            label: it.label,
            score: it.score,
            track: it.track,
        });
        Ok(regions.collect())
    }
}
