//! Errors of local cameras.

#[cfg(target_os = "linux")]
use std::io::{self, ErrorKind};

use super::Control;
use crate::config::{CameraFormat, Size};

/// The reason why a local camera can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is none at this path.
    #[cfg(target_os = "linux")]
    #[error("{0}: there is no such camera; `mattebox cameras` lists those that are there")]
    NotFound(String),
    /// The camera at this path is somebody else's.
    #[cfg(target_os = "linux")]
    #[error(
        "{0}: the camera may not be opened; on most systems the user has to be in the group `video`"
    )]
    Denied(String),
    /// The camera at this path is in use.
    #[cfg(target_os = "linux")]
    #[error("{0}: the camera is in use by another program")]
    Busy(String),
    /// An error of the system's, with the camera at this path.
    #[cfg(target_os = "linux")]
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// The driver sets another size than was chosen.
    #[cfg(target_os = "linux")]
    #[error("{path}: the camera gives {got} instead of {size}")]
    OtherSize {
        /// The camera's path.
        path: String,
        /// The size that it gives.
        got: Size,
        /// The size that was chosen.
        size: Size,
    },
    /// A control refuses a value.
    #[cfg(target_os = "linux")]
    #[error("{path}: the control `{name}` can't be set to {value}: {error}")]
    ControlRefused {
        /// The camera's path.
        path: String,
        /// The control's name.
        name: String,
        /// The value.
        value: i64,
        /// The system's error.
        error: io::Error,
    },
    /// An error of the system's.
    #[cfg(not(target_os = "linux"))]
    #[error("the camera: {0}")]
    System(#[from] nokhwa::NokhwaError),
    /// There is no control of this name; a hint at the one that may be meant.
    #[error("the camera has no control `{0}`{1}")]
    NoControl(String, String),
    /// The control can't have this value.
    #[error(
        "the camera's control `{}` goes from {} to {}, not to {}",
        .0.name,
        .0.minimum,
        .0.maximum,
        .1
    )]
    ControlRange(Control, i64),
    /// The camera has only formats that can't be read.
    #[error("the camera offers no format that is known here")]
    NoFormat,
    /// The camera lacks what is wanted.
    #[error("the camera does not offer {}; it offers {offered}", wanted(*.size, *.format))]
    NotOffered {
        /// The wanted size, if there is one.
        size: Option<Size>,
        /// The wanted format.
        format: CameraFormat,
        /// Its formats and sizes.
        offered: String,
    },
}

fn wanted(size: Option<Size>, format: CameraFormat) -> String {
    match (size, format) {
        (Some(size), CameraFormat::Auto) => size.to_string(),
        (Some(size), format) => format!("{size} as {format}"),
        (None, format) => format.to_string(),
    }
}

#[cfg(target_os = "linux")]
impl DeviceError {
    /// The system's `error` with the camera at `path`.
    pub fn new(path: &str, error: io::Error) -> Self {
        const EBUSY: i32 = 16;
        let path = path.to_owned();
        match (error.kind(), error.raw_os_error()) {
            (ErrorKind::NotFound, _) => Self::NotFound(path),
            (ErrorKind::PermissionDenied, _) => Self::Denied(path),
            (_, Some(EBUSY)) => Self::Busy(path),
            _ => Self::Io(path, error),
        }
    }
}
