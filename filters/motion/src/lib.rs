//! The built-in filter `motion`: what moves, on the eighth-size picture.
//!
//! Each pixel is compared with its running average, in the words of Frigate and Motion. Time is
//! counted in seconds, not in frames, so that it finds the same at one look a second as at thirty.

mod areas;
mod background;
mod compensation;
mod config;
mod contrast;
mod detector;
mod event;
mod filter;
mod luma;
mod polygon;
mod shape;
mod track;

pub use config::Config;
pub use detector::{Detector, Findings, Look, Region};
pub use event::Event;
pub use filter::Motion;
pub use luma::{Luma, SHRINK};
pub use polygon::Polygon;

mattebox_filter::export_inspect!(Motion);

#[cfg(test)]
mod tests;
