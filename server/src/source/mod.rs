//! Sources of frames: the trait that camera drivers share, and one file per driver.

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
use jpeg_splice::Jpeg;

pub use rate_limit::RateLimit;

use crate::clock::StopToken;
use crate::config::{DriverConfig, Size, SourceConfig};

/// The source that pipeline.yaml in `folder` describes; none if it is another stream.
pub fn from_config(config: &SourceConfig, folder: &Path) -> Option<Box<dyn Source>> {
    let fps = config.fps;
    Some(match &config.driver {
        DriverConfig::Demo => Box::new(demo::Demo),
        DriverConfig::Files(files) => Box::new(files::Files::new(folder, files)),
        DriverConfig::Camera(camera) => Box::new(camera::CameraSource::new(camera, fps)),
        DriverConfig::Http(http) => Box::new(http::Http::new(http, fps, folder)),
        DriverConfig::Exec(exec) => Box::new(exec::ExecSource::new(exec.command.clone(), folder)),
        DriverConfig::Rtsp(rtsp) => Box::new(rtsp::Rtsp::new(rtsp, fps, folder)),
        DriverConfig::PiCamera(pi) => Box::new(pi_camera::PiCamera::new(pi, fps, folder)),
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

    /// Whether it may stop giving frames without an error, which is then noticed by the time that
    /// passes.
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
    /// The picture.
    pub picture: FrameData<'a>,
    /// The time at which it was taken.
    pub captured_at: SystemTime,
    /// A moment that it was surely taken after; none if that is not known.
    pub since: Option<Instant>,
}

/// A picture as the camera gave it.
pub enum FrameData<'a> {
    /// The bytes of a JPEG, or how it is broken.
    Coded(Result<Bytes, String>),
    /// A JPEG that is known to be whole.
    Whole(Jpeg),
    /// One that is still to be coded, which only those are that are wanted.
    Raw {
        /// Its size.
        size: Size,
        /// Codes it.
        code: Box<dyn FnOnce() -> Result<Jpeg, String> + 'a>,
    },
    /// None: the camera sends frames, but those that come are not decoded.
    Skipped,
}

impl FrameData<'_> {
    /// The whole JPEG, of at most `most_pixels`. Nothing is coded that is larger.
    ///
    /// # Errors
    /// The reason why it is broken, to stand behind a noun.
    pub fn into_jpeg(self, most_pixels: u64) -> Result<Jpeg, String> {
        let jpeg = match self {
            Self::Coded(jpeg) => whole(jpeg?)?,
            Self::Whole(jpeg) => jpeg,
            Self::Raw { size, code } => {
                check_size((size.width, size.height), most_pixels)?;
                code()?
            }
            Self::Skipped => return Err(SKIPPED.to_owned()),
        };
        check_size(jpeg.size(), most_pixels)?;
        Ok(jpeg)
    }
}

/// The JPEG of these bytes.
///
/// # Errors
/// The reason why it is broken, to stand behind a noun.
pub fn whole(bytes: Bytes) -> Result<Jpeg, String> {
    Jpeg::new(bytes).map_err(|invalid| invalid.to_string())
}

/// Checks a picture's size before any work is done on it: it may have `most` pixels.
///
/// # Errors
/// A text that says how large it is, to stand behind a noun.
pub fn check_size((width, height): (u32, u32), most: u64) -> Result<(), String> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels <= most {
        return Ok(());
    }
    // Rounded so that neither looks like the other.
    let megapixels = (pixels as f64 / 1e4).ceil() / 1e2;
    let most = most as f64 / 1e6;
    Err(format!(
        "is too large: {width}×{height} are {megapixels} megapixels, and `max-megapixels` of the source is {most}"
    ))
}

impl From<Result<Bytes, String>> for FrameData<'_> {
    fn from(jpeg: Result<Bytes, String>) -> Self {
        Self::Coded(jpeg)
    }
}

/// The reason why a camera gives no frames, in a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pictures_size_is_checked() {
        assert_eq!(check_size((8000, 5000), 40_000_000), Ok(()));
        for (size, words) in [
            ((8000, 5001), "is too large: 8000×5001 are 40.01 megapixels"),
            ((65_535, 65_535), "65535×65535 are 4294.84 megapixels"),
        ] {
            let error = check_size(size, 40_000_000).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(
                error.ends_with("`max-megapixels` of the source is 40"),
                "{error}"
            );
        }
    }
}
