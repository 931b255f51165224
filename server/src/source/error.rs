//! Errors of sources. Each says what is wrong in a sentence for people, and of which kind it is.

use std::time::Duration;

use bytes::Bytes;
use jpeg_splice::codec::EncodeError;
use jpeg_splice::{InvalidJpeg, Jpeg};

#[cfg(feature = "camera")]
use super::camera::DeviceError;
use super::file_list::RecordingError;
use super::http::HttpError;
use super::process::{CommandError, behind_colon};
use super::rtsp::{BrokenRtp, RtspError};
use crate::config::SecretError;
use crate::mask::MaskError;
use crate::panics::Panicked;

/// The reason why a camera gives no frames.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// This build lacks the driver.
    #[error(transparent)]
    NotBuilt(#[from] NotBuilt),
    /// The password that the pipeline file names can't be had.
    #[error(transparent)]
    Password(#[from] SecretError),
    /// The address is none.
    #[error(transparent)]
    Url(#[from] url::ParseError),
    /// A recording can't be played.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A command can't be run, or has ended.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A camera that speaks HTTP gives no pictures.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A camera that speaks RTSP gives no pictures.
    #[error(transparent)]
    Rtsp(#[from] RtspError),
    /// A local camera can't be used.
    #[cfg(feature = "camera")]
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A picture of the demo scene can't be had.
    #[error("the demo scene could not be drawn")]
    DemoScene,
    /// A picture of the demo scene can't be encoded.
    #[error("the demo scene could not be encoded: {0}")]
    DemoPicture(#[from] EncodeError),
    /// The stream of this name, whose frames are shared, fails.
    #[error("the stream `{name}` fails{}", behind_colon(.why.as_deref().unwrap_or_default()))]
    Stream {
        /// Its name.
        name: String,
        /// The reason, if it is known.
        why: Option<String>,
    },
    /// The light that shows that the camera is open can't be lit.
    #[error(transparent)]
    PrivacyLed(Box<dyn std::error::Error + Send + Sync>),
    /// The camera gave no whole picture for so long.
    #[error("the camera gave no {} for {} s{}",
        if broken.is_some() { "whole picture" } else { "picture" }, .patience.as_secs_f64(),
        broken.as_ref().map_or_else(String::new, |fault| format!(": {fault}")))]
    Stalled {
        /// The fault of the last picture, if it was broken.
        broken: Option<PictureFault>,
        /// The time that was waited for one.
        patience: Duration,
    },
    /// A stop was requested first.
    #[error("the source was stopped")]
    Stopped,
    /// The driver of this name has a fault.
    #[error("the driver `{0}` panicked: {1}")]
    Panicked(&'static str, Panicked),
    /// The error of a test's camera.
    #[cfg(test)]
    #[error("{0}")]
    Test(&'static str),
}

/// The kinds of errors of sources: what a person has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// No way to the camera: its address, the network, TLS.
    Connection,
    /// The camera's login.
    Login,
    /// An answer that is an error.
    Answer,
    /// Pictures or video that can't be read here.
    Format,
    /// The end of what the camera sends.
    Ended,
    /// No picture for too long.
    Stalled,
    /// A program that is run.
    Command,
    /// A local camera.
    Device,
    /// A recording, or a password's file.
    File,
    /// Another stream.
    Stream,
    /// The privacy LED.
    PrivacyLed,
    /// A driver that this build lacks.
    NotBuilt,
    /// The server itself.
    Internal,
}

impl SourceErrorKind {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Login => "login",
            Self::Answer => "answer",
            Self::Format => "format",
            Self::Ended => "ended",
            Self::Stalled => "stalled",
            Self::Command => "command",
            Self::Device => "device",
            Self::File => "file",
            Self::Stream => "stream",
            Self::PrivacyLed => "privacy-led",
            Self::NotBuilt => "not-built",
            Self::Internal => "internal",
        }
    }
}

impl SourceError {
    /// Its kind.
    pub fn kind(&self) -> SourceErrorKind {
        match self {
            Self::NotBuilt(_) => SourceErrorKind::NotBuilt,
            Self::Password(_) => SourceErrorKind::Login,
            Self::Url(_) => SourceErrorKind::Connection,
            Self::Recording(_) => SourceErrorKind::File,
            Self::Command(_) => SourceErrorKind::Command,
            Self::Http(error) => error.fault.kind(),
            Self::Rtsp(error) => error.fault.kind(),
            #[cfg(feature = "camera")]
            Self::Device(_) => SourceErrorKind::Device,
            Self::Stream { .. } => SourceErrorKind::Stream,
            Self::PrivacyLed(_) => SourceErrorKind::PrivacyLed,
            Self::Stalled { .. } => SourceErrorKind::Stalled,
            Self::DemoScene | Self::DemoPicture(_) | Self::Stopped | Self::Panicked(..) => {
                SourceErrorKind::Internal
            }
            #[cfg(test)]
            Self::Test(_) => SourceErrorKind::Internal,
        }
    }
}

/// The error of the key `password`.
#[derive(Debug, thiserror::Error)]
#[error("`password`: {0}")]
pub struct PasswordKeyError(#[from] SecretError);

/// A driver that this build lacks, and how to build with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBuilt {
    /// Local cameras.
    #[error(
        "this build of mattebox has no driver `camera`: build it with \
         `cargo build --release --features camera` (on Debian, after `apt install libclang-dev`)"
    )]
    Camera,
    /// The demo camera.
    #[error(
        "this build of mattebox has no driver `demo`: build it with \
         `cargo build --release --features demo`"
    )]
    Demo,
}

/// The fault of a picture, for which it is left out.
#[derive(Debug, thiserror::Error)]
pub enum PictureFault {
    /// It is no whole JPEG.
    #[error(transparent)]
    Invalid(#[from] InvalidJpeg),
    /// It has more pixels than it may have.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The packets that it came in don't make a picture.
    #[error(transparent)]
    Rtp(#[from] BrokenRtp),
    /// The camera calls it damaged.
    #[cfg(feature = "camera")]
    #[error("the camera calls the picture damaged")]
    Damaged,
    /// Its raw bytes are too few.
    #[cfg(feature = "camera")]
    #[error("the raw picture is cut off")]
    CutOff,
    /// Its raw bytes can't be coded.
    #[cfg(feature = "camera")]
    #[error("the picture can't be coded: {0}")]
    Uncoded(#[from] EncodeError),
    /// It was passed over.
    #[error("the picture was not decoded")]
    Skipped,
    /// The file that it lies in can't be used.
    #[error(transparent)]
    File(#[from] RecordingError),
    /// The camera did not answer with one.
    #[error("the picture can't be had: {0}")]
    Missing(#[from] HttpError),
    /// What must not be seen of it can't be covered.
    #[error("the picture can't be masked, and is not shown: {0}")]
    Unmasked(#[from] MaskError),
    /// Reading it panicked.
    #[error("the picture can't be read: {0}")]
    Panicked(#[from] Panicked),
}

/// The size of a picture that has more pixels than it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the picture is too large: {width}×{height} are {} megapixels, and `max-megapixels` of the \
     source is {}",
    self.megapixels(), *.most as f64 / 1e6
)]
pub struct TooLarge {
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
    /// The most pixels.
    most: u64,
}

impl TooLarge {
    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Rounded so that it does not look like the limit.
    fn megapixels(self) -> f64 {
        (self.pixels() as f64 / 1e4).ceil() / 1e2
    }
}

/// Checks a picture's size before any work is done on it: it may have `most` pixels.
///
/// # Errors
/// It has more.
pub fn check_size((width, height): (u32, u32), most: u64) -> Result<(), TooLarge> {
    let size = TooLarge {
        width,
        height,
        most,
    };
    match size.pixels() <= most {
        true => Ok(()),
        false => Err(size),
    }
}

/// The bytes of a JPEG, or the reason why they are none.
pub type Coded = Result<Bytes, PictureFault>;
/// A whole JPEG, or the reason why it is none.
pub type Whole = Result<Jpeg, PictureFault>;

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
            let error = check_size(size, 40_000_000).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(
                error.ends_with("`max-megapixels` of the source is 40"),
                "{error}"
            );
        }
    }
}
