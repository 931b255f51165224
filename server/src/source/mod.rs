//! Where frames come from: the trait that camera drivers share, and one file per driver.

pub mod camera;
pub mod demo;
mod exec;
mod file_list;
pub mod files;
mod http;
mod mjpeg_reader;
mod pacer;
mod pi_camera;
mod process;
mod rate_limit;
mod rtsp;
mod stderr_log;

use std::path::Path;
use std::time::{Instant, SystemTime};

use bytes::Bytes;

pub use rate_limit::RateLimit;

use crate::clock::StopToken;
use crate::config::{DriverConfig, Size, SourceConfig};
use crate::jpeg::Header;

/// The source of the stream called `stream`, as pipeline.yaml in `folder` names it; none if it is another stream.
pub fn from_config(config: &SourceConfig, folder: &Path, stream: &str) -> Option<Box<dyn Source>> {
    let fps = config.fps;
    Some(match &config.driver {
        DriverConfig::Demo => Box::new(demo::Demo),
        DriverConfig::Files(files) => Box::new(files::Files::new(folder, files)),
        DriverConfig::Camera(camera) => Box::new(camera::CameraSource::new(camera, fps)),
        DriverConfig::Http(http) => Box::new(http::Http::new(http, fps, folder)),
        DriverConfig::Exec(exec) => {
            Box::new(exec::ExecSource::new(exec.command.clone(), folder, stream))
        }
        DriverConfig::Rtsp(rtsp) => Box::new(rtsp::Rtsp::new(rtsp, fps, folder, stream)),
        DriverConfig::PiCamera(pi) => Box::new(pi_camera::PiCamera::new(pi, fps, folder, stream)),
        DriverConfig::Stream(_) => return None,
    })
}

/// Checks that this build can read the source.
///
/// # Errors
/// A text that says how to build one that can.
pub fn check(config: &SourceConfig) -> Result<(), String> {
    match &config.driver {
        DriverConfig::Camera(_) => camera::check(),
        _ => Ok(()),
    }
}

/// Checks the recording that a source plays, if it does, without opening it.
///
/// # Errors
/// A text that says what is wrong.
pub fn check_recording(config: &SourceConfig, folder: &Path) -> Result<(), String> {
    match &config.driver {
        DriverConfig::Files(files) => files::check(folder, &files.path),
        _ => Ok(()),
    }
}

/// Checks the file that a source's password stands in, if it does.
///
/// # Errors
/// A text that says what is wrong.
pub fn check_password(config: &SourceConfig, folder: &Path) -> Result<(), String> {
    let login = match &config.driver {
        DriverConfig::Http(http) => &http.login,
        DriverConfig::Rtsp(rtsp) => &rtsp.login,
        _ => &None,
    };
    let checked = login.as_ref().map(|login| login.password.check(folder));
    checked
        .unwrap_or(Ok(()))
        .map_err(|why| format!("`password`: {why}"))
}

/// The largest JPEG that a driver hands on, in bytes.
pub const FRAME_BYTES: usize = 64 << 20;

/// How a picture is broken that was not decoded.
const SKIPPED: &str = "was not decoded";

/// A camera that can be opened. It stays closed while nobody watches.
pub trait Source: Send {
    /// The driver's name in pipeline.yaml.
    fn driver(&self) -> &'static str;

    /// Opens the camera. May block for as long as the device takes; gives up soon after `stop`.
    ///
    /// # Errors
    /// A text for people: what is wrong with which device or file.
    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError>;

    /// Whether it may stop giving frames without an error, which is then noticed by the time that passes.
    fn can_stall(&self) -> bool {
        true
    }
}

/// An open camera. Dropping it closes the device.
pub trait Camera {
    /// Blocks until the next frame; `None` when there will be no more, or soon after `stop`.
    ///
    /// # Errors
    /// The camera can't go on; it is to be closed and opened again.
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError>;
}

/// A frame as the camera gave it.
pub struct CapturedFrame<'a> {
    /// What is on it.
    pub picture: FrameData<'a>,
    /// When it was taken.
    pub captured_at: SystemTime,
    /// A moment that it was surely taken after; none if that is not known.
    pub since: Option<Instant>,
}

/// A picture as the camera gave it.
pub enum FrameData<'a> {
    /// A JPEG, or how it is broken.
    Coded(Result<Bytes, String>),
    /// One that is still to be coded, which only those are that are wanted.
    Raw {
        /// Its size.
        size: Size,
        /// Codes it.
        code: Box<dyn FnOnce() -> Result<Bytes, String> + 'a>,
    },
    /// None: the camera sends frames, but those that come are not decoded.
    Skipped,
}

impl FrameData<'_> {
    /// Its width and height in pixels.
    ///
    /// # Errors
    /// The reason why it is broken.
    pub fn size(&self) -> Result<(u32, u32), String> {
        match self {
            Self::Coded(jpeg) => {
                let header = Header::parse(jpeg.as_ref().map_err(Clone::clone)?)?;
                Ok((header.width, header.height))
            }
            Self::Raw { size, .. } => Ok((size.width, size.height)),
            Self::Skipped => Err(SKIPPED.to_owned()),
        }
    }

    /// A JPEG, or how it is broken.
    pub fn into_jpeg(self) -> Result<Bytes, String> {
        match self {
            Self::Coded(jpeg) => jpeg,
            Self::Raw { code, .. } => code(),
            Self::Skipped => Err(SKIPPED.to_owned()),
        }
    }
}

impl From<Result<Bytes, String>> for FrameData<'_> {
    fn from(jpeg: Result<Bytes, String>) -> Self {
        Self::Coded(jpeg)
    }
}

/// Why a camera gives no frames, in a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);
