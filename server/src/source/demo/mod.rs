//! The driver `demo`: a drawn scene, so that everything can be seen to work without a camera.
//!
//! Each picture of the loop is drawn and encoded when it is first due, then kept: the first frame
//! is there at once, and after the first round the camera costs next to nothing.

#[cfg(feature = "demo")]
mod camera;

use super::{Camera, Source, SourceError};
use crate::clock::StopToken;

/// The demo camera: 1280 × 720, 15 frames per second.
#[derive(Debug, Default)]
pub struct Demo;

impl Source for Demo {
    fn driver(&self) -> &'static str {
        "demo"
    }

    fn can_stall(&self) -> bool {
        false
    }

    #[cfg(feature = "demo")]
    fn open(&mut self, _stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        Ok(Box::new(camera::DemoCamera::default()))
    }

    #[cfg(not(feature = "demo"))]
    fn open(&mut self, _stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        Err(super::NotBuilt::Demo.into())
    }
}
