//! Sources of frames: the trait that camera drivers share, and one file per driver.

pub mod camera;
pub mod demo;
mod error;
mod exec;
mod file_list;
pub mod files;
pub(crate) mod http;
mod mjpeg_reader;
mod pacer;
mod pi_camera;
pub(crate) mod process;
mod rate_limit;
mod rtsp;
pub(crate) mod stderr_log;
mod wanted_rate;

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use jpeg_splice::Jpeg;
use url::Url;

pub use error::{
    Coded, NotBuilt, PasswordKeyError, PictureFault, SourceError, SourceErrorKind, Whole,
    check_size,
};
pub use file_list::RecordingError;
pub use rate_limit::RateLimit;
pub use wanted_rate::WantedRate;

use crate::clock::StopToken;
use crate::config::{DriverConfig, Login, SecretError, Size, SourceConfig};
use crate::mask::MaskStamp;
use crate::secret::SecretText;
use process::Invocation;
use stderr_log::SeenLines;

/// The source that pipeline.yaml in `folder` describes; none if it is another stream.
pub fn from_config(config: &SourceConfig, folder: &Path) -> Option<Box<dyn Source>> {
    let fps = config.fps;
    Some(match &config.driver {
        DriverConfig::Demo => Box::new(demo::Demo),
        DriverConfig::Files(files) => Box::new(Configured::new(files, fps, folder)),
        DriverConfig::Camera(camera) => Box::new(Configured::new(camera, fps, folder)),
        DriverConfig::Http(http) => Box::new(Configured::new(http, fps, folder)),
        DriverConfig::Exec(exec) => Box::new(Configured::new(exec, fps, folder)),
        DriverConfig::Rtsp(rtsp) => Box::new(rtsp::Rtsp::new(rtsp, fps, folder)),
        DriverConfig::PiCamera(pi) => Box::new(Configured::new(pi, fps, folder)),
        DriverConfig::Stream(_) => return None,
    })
}

/// A source that is what its configuration says, and nothing else until it is opened.
struct Configured<C> {
    config: C,
    /// The most frames per second.
    fps: Option<f64>,
    /// The pipeline file's folder.
    folder: PathBuf,
    /// The lines that its command has written, if it runs one.
    seen: SeenLines,
}

impl<C: Clone> Configured<C> {
    fn new(config: &C, fps: Option<f64>, folder: &Path) -> Self {
        Self {
            config: config.clone(),
            fps,
            folder: folder.to_owned(),
            seen: SeenLines::default(),
        }
    }

    /// The way to run `command`.
    fn invocation<'a>(&'a self, command: &'a [SecretText]) -> Invocation<'a> {
        Invocation {
            command,
            folder: &self.folder,
            seen: &self.seen,
        }
    }
}

/// Checks that this build can read the source.
///
/// # Errors
/// It lacks the driver.
pub fn check(config: &SourceConfig) -> Result<(), NotBuilt> {
    match &config.driver {
        DriverConfig::Camera(_) => camera::check(),
        _ => Ok(()),
    }
}

/// Checks the recording that a source plays, if it does, without opening it.
///
/// # Errors
/// There is none, or it can't be read.
pub fn check_recording(config: &SourceConfig, folder: &Path) -> Result<(), RecordingError> {
    match &config.driver {
        DriverConfig::Files(files) => files::check(folder, &files.path),
        _ => Ok(()),
    }
}

/// Checks the file that a source's password stands in, if it does.
///
/// # Errors
/// It can't be read.
pub fn check_password(config: &SourceConfig, folder: &Path) -> Result<(), PasswordKeyError> {
    let login = match &config.driver {
        DriverConfig::Http(http) => &http.login,
        DriverConfig::Rtsp(rtsp) => &rtsp.login,
        _ => &None,
    };
    match login {
        Some(login) => Ok(login.password.check(folder)?),
        None => Ok(()),
    }
}

/// The user and the password that `login` names, with files in `folder`.
fn reveal(
    login: Option<&Login>,
    folder: &Path,
) -> Result<Option<(String, SecretText)>, SecretError> {
    let reveal = |login: &Login| Ok((login.user.clone(), login.password.reveal(folder)?));
    login.map(reveal).transpose()
}

/// The address without its query, which may hold a password; for messages.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}

/// The reason why the camera at an address gives no pictures.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {fault}")]
pub struct AtAddress<F> {
    /// The camera's address, without its query.
    address: String,
    /// The fault.
    fault: F,
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
    /// The device, the file or the camera in the network can't be used.
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

    /// Asks the camera for frames no faster than `rate` from now on, if it can be asked. One that
    /// can't goes on as it does, and what is too much of it is left out.
    fn follow(&mut self, _rate: WantedRate) {}
}

/// A frame as the camera gave it.
pub struct CapturedFrame<'a> {
    /// The picture.
    pub picture: FrameData<'a>,
    /// The time at which it was taken.
    pub captured_at: SystemTime,
    /// A moment that it was surely taken after; none if that is not known.
    pub since: Option<Instant>,
    /// The masks that it was covered with before, if it comes from another stream.
    pub masks: MaskStamp,
}

impl<'a> CapturedFrame<'a> {
    /// `picture`, which has come just now.
    fn now(picture: impl Into<FrameData<'a>>, stop: &StopToken) -> Self {
        Self::at(picture, stop.clock().unix())
    }

    /// `picture`, which was taken at a time of the camera's.
    fn at(picture: impl Into<FrameData<'a>>, captured_at: SystemTime) -> Self {
        Self {
            picture: picture.into(),
            captured_at,
            since: None,
            masks: MaskStamp::default(),
        }
    }
}

/// A picture as the camera gave it.
pub enum FrameData<'a> {
    /// The bytes of a JPEG, or the reason why it is broken.
    Coded(Coded),
    /// A JPEG that is known to be whole.
    Whole(Jpeg),
    /// One that is still to be coded, which only those are that are wanted.
    Raw {
        /// Its size.
        size: Size,
        /// Codes it.
        code: Box<dyn FnOnce() -> Whole + 'a>,
    },
    /// None: the camera sends frames, but those that come are not decoded.
    Skipped,
}

impl FrameData<'_> {
    /// The whole JPEG, of at most `most_pixels`. Nothing is coded that is larger.
    ///
    /// # Errors
    /// The picture is broken or too large.
    pub fn into_jpeg(self, most_pixels: u64) -> Whole {
        let jpeg = match self {
            Self::Coded(jpeg) => Jpeg::new(jpeg?)?,
            Self::Whole(jpeg) => jpeg,
            Self::Raw { size, code } => {
                check_size((size.width, size.height), most_pixels)?;
                code()?
            }
            Self::Skipped => return Err(PictureFault::Skipped),
        };
        check_size(jpeg.size(), most_pixels)?;
        Ok(jpeg)
    }
}

impl<E: Into<PictureFault>> From<Result<Bytes, E>> for FrameData<'_> {
    fn from(jpeg: Result<Bytes, E>) -> Self {
        Self::Coded(jpeg.map_err(Into::into))
    }
}
