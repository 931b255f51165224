//! Where frames come from: the trait that camera drivers share, and one file per driver.

pub mod demo;
pub mod files;
mod pace;

use std::time::SystemTime;

use bytes::Bytes;

use crate::clock::Stop;

use std::path::Path;

use crate::config::SourceConfig;

/// The source that pipeline.yaml in `folder` names.
pub fn from_config(config: &SourceConfig, folder: &Path) -> Box<dyn Source> {
    match config {
        SourceConfig::Demo => Box::new(demo::Demo),
        SourceConfig::Files {
            path, fps, repeat, ..
        } => Box::new(files::Files::new(folder, path, *fps, *repeat)),
    }
}

/// The largest JPEG that a driver hands on, in bytes.
pub const FRAME_BYTES: usize = 64 << 20;

/// A camera that can be opened. It stays closed while nobody watches.
pub trait Source: Send {
    /// The driver's name in pipeline.yaml.
    fn driver(&self) -> &'static str;

    /// Opens the camera. May block for as long as the device takes; gives up soon after `stop`.
    ///
    /// # Errors
    /// A text for people: what is wrong with which device or file.
    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Camera + '_>, SourceError>;
}

/// An open camera. Dropping it closes the device.
pub trait Camera {
    /// Blocks until the next frame; `None` when there will be no more, or soon after `stop`.
    ///
    /// # Errors
    /// The camera can't go on; it is to be closed and opened again.
    fn next_frame(&mut self, stop: &Stop) -> Result<Option<Capture>, SourceError>;
}

/// A frame as the camera gave it.
#[derive(Clone, Debug)]
pub struct Capture {
    /// A whole JPEG.
    pub jpeg: Bytes,
    /// When it was taken.
    pub captured_at: SystemTime,
}

/// Why a camera gives no frames, in a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);
