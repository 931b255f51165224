//! The loop of pictures.

use std::sync::{LazyLock, Mutex};

use jpeg_splice::Jpeg;
use jpeg_splice::codec::{EncodeError, PixelFormat, Subsampling, encode};
use mattebox_demo_scene::{FPS, FRAMES, HEIGHT, Scene, WIDTH};

use crate::clock::StopToken;
use crate::source::pacer::Pacer;
use crate::source::{Camera, CapturedFrame, FrameData, SourceError};

const QUALITY: u8 = 85;

/// Shared by all streams that show the demo.
static LOOP: LazyLock<Mutex<DemoLoop>> = LazyLock::new(Mutex::default);

/// The opened demo camera.
pub struct DemoCamera {
    pacer: Pacer,
    next: u32,
}

impl Default for DemoCamera {
    fn default() -> Self {
        Self {
            pacer: Pacer::new(f64::from(FPS)),
            next: 0,
        }
    }
}

impl Camera for DemoCamera {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        let jpeg = LOOP
            .lock()
            .map_err(|_| SourceError::DemoScene)?
            .frame(self.next)?;
        self.next = (self.next + 1) % FRAMES;
        if !self.pacer.wait(stop) {
            return Ok(None);
        }
        let since = Some(stop.clock().now());
        let frame = CapturedFrame::now(FrameData::Whole(jpeg), stop);
        Ok(Some(CapturedFrame { since, ..frame }))
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
    fn frame(&mut self, index: u32) -> Result<Jpeg, EncodeError> {
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

fn coded(rgb: &[u8]) -> Result<Jpeg, EncodeError> {
    let size = (WIDTH, HEIGHT);
    encode(rgb, PixelFormat::Rgb, size, Subsampling::S422, QUALITY)
}
