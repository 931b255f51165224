//! The driver `demo`: a drawn scene, so that everything can be seen to work without a camera.
//!
//! Each picture of the loop is drawn and encoded when it is first due, then kept: the first frame is
//! there at once, and after the first round the camera costs next to nothing.

mod backdrop;
mod brush;
mod scene;

use std::sync::{LazyLock, Mutex};

use jpeg_splice::Jpeg;
use jpeg_splice::codec::{PixelFormat, Subsampling, encode};

use super::pacer::Pacer;
use super::{Camera, CapturedFrame, FrameData, Source, SourceError};
use crate::clock::StopToken;
use scene::{FPS, FRAMES, HEIGHT, Scene, WIDTH};

const QUALITY: u8 = 85;

/// Shared by all streams that show the demo.
static LOOP: LazyLock<Mutex<DemoLoop>> = LazyLock::new(Mutex::default);

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

    fn open(&mut self, _stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        Ok(Box::new(DemoCamera {
            pacer: Pacer::new(f64::from(FPS)),
            next: 0,
        }))
    }
}

struct DemoCamera {
    pacer: Pacer,
    next: u32,
}

impl Camera for DemoCamera {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        let jpeg = LOOP
            .lock()
            .map_err(|_| SourceError("the demo scene could not be drawn".to_owned()))?
            .frame(self.next)?;
        self.next = (self.next + 1) % FRAMES;
        Ok(self.pacer.wait(stop).then(|| CapturedFrame {
            picture: FrameData::Whole(jpeg),
            captured_at: stop.clock().unix(),
            since: Some(stop.clock().now()),
        }))
    }
}

#[derive(Default)]
struct DemoLoop {
    /// Gone once every picture is there.
    scene: Option<Scene>,
    pictures: Vec<Jpeg>,
}

impl DemoLoop {
    /// The pictures are asked for in order, at first.
    fn frame(&mut self, index: u32) -> Result<Jpeg, SourceError> {
        while self.pictures.len() <= index as usize {
            let scene = self.scene.get_or_insert_with(Scene::new);
            let rgb = scene.frame(self.pictures.len() as u32);
            self.pictures.push(coded(&rgb)?);
            if self.pictures.len() == FRAMES as usize {
                self.scene = None;
            }
        }
        Ok(self.pictures[index as usize].clone())
    }
}

fn coded(rgb: &[u8]) -> Result<Jpeg, SourceError> {
    let size = (WIDTH, HEIGHT);
    encode(rgb, PixelFormat::Rgb, size, Subsampling::S422, QUALITY)
        .map_err(|error| SourceError(format!("the demo scene could not be encoded: {error}")))
}
