//! Write a filter for Mattebox in Rust: one trait, one macro, one WebAssembly module.
//!
//! An [`Overlay`] draws over the picture and never sees it, unless it is allowed to; a
//! [`Transform`] gets the picture and gives another; an [`Inspect`] looks at pictures beside the
//! frames' way and tells what it found. Overlays are the cheap ones: the server need not decode a
//! frame for them.
//!
//! # From nothing to running
//!
//! `Cargo.toml`:
//! ```toml
//! [package]
//! name = "frame-border"
//! version = "0.1.0"
//! edition = "2024"
//! description = "Draws a border around the picture"
//!
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! mattebox-filter = "0.1"
//! schemars = "1"
//! serde = { version = "1", features = ["derive"] }
//! ```
//! `src/lib.rs`:
//! ```
//! use mattebox_filter::image::RgbaImage;
//! use mattebox_filter::{Color, Drawing, FrameInfo, Layer, Overlay};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// The border's colour.
//!     color: Color,
//! }
//!
//! struct Border {
//!     config: Config,
//!     drawn_for: Option<(u32, u32)>,
//! }
//!
//! impl Overlay for Border {
//!     type Config = Config;
//!
//!     fn new(config: Config) -> Result<Self, String> {
//!         Ok(Self { config, drawn_for: None })
//!     }
//!
//!     fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
//!         let size = (frame.width, frame.height);
//!         if self.drawn_for.replace(size) == Some(size) {
//!             return Ok(Drawing::Unchanged);
//!         }
//!         let line = RgbaImage::from_pixel(frame.width, 8, self.config.color.pixel());
//!         Ok(Drawing::Layers(vec![
//!             Layer::new(0, 0, line.clone()),
//!             Layer::new(0, frame.height as i32 - 8, line),
//!         ]))
//!     }
//! }
//!
//! mattebox_filter::export_overlay!(Border);
//!
//! // Unit tests run natively:
//! let mut border = Border::new(Config { color: Color::new([255, 0, 0, 255]) })?;
//! let frame = FrameInfo { width: 640, height: 480, ..FrameInfo::default() };
//! assert!(matches!(border.draw(&frame)?, Drawing::Layers(layers) if layers.len() == 2));
//! assert_eq!(border.draw(&frame)?, Drawing::Unchanged);
//! # Ok::<(), String>(())
//! ```
//! Build it with `cargo build --release --target wasm32-unknown-unknown`, and name it in
//! `pipeline.yaml`:
//! ```yaml
//! filters:
//!   - use: ./target/wasm32-unknown-unknown/release/frame_border.wasm
//!     with: { color: "#ff8800" }
//! ```
//!
//! # What a filter may do
//!
//! It may compute, [`log`] (also by [`println!`]) and [`read_asset`], which has the system's fonts,
//! too; it may ask for the stream's name, for [`variable`]s and for the [`regions`] that inspecting
//! filters found. Those, and others where the pipeline file says so, may see the picture by
//! [`view`] and tell others by [`publish`]. It has no files, no network and no environment. Each
//! call has a time limit and the whole instance a memory limit, both set in the pipeline file; a
//! filter that oversteps is stopped, and started again with growing pauses.

#![warn(missing_docs)]

// The export macros name the crate from outside, and it uses them itself.
extern crate self as mattebox_filter;

#[doc(hidden)]
pub mod bindings;
mod color;
mod frame;
#[doc(hidden)]
pub mod glue;
mod host;
mod inspect;
mod layer;
mod overlay;
mod position;
mod print;
pub mod publish;
mod region;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod transform;
pub mod view;

pub use color::Color;
pub use frame::{FrameInfo, regions, stream_name, variable};
pub use host::{Level, log, read_asset};
pub use inspect::Inspect;
pub use layer::{Anchor, BoxLayer, FillLayer, Layer, MaskLayer, RgbaLayer, TextLayer};
pub use overlay::{Drawing, Overlay};
pub use position::Position;
pub use region::{Area, FoundRegion, Region};
pub use transform::Transform;
// The crates whose types are in the traits, of the versions that fit.
#[doc(hidden)]
pub use wit_bindgen;
pub use {image, schemars, serde, serde_json};
