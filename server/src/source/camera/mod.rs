//! The driver `camera`: a local camera, on USB or built in.
//!
//! On Linux this stands on V4L2 itself (the crate `v4l`), elsewhere on `nokhwa`, which knows
//! AVFoundation and Media Foundation. nokhwa's own V4L2 part could not do: it has no time limit on
//! a frame, so that a camera which freezes could never be closed; it refuses rates such as
//! 30000/1001 and sizes that are given as a range; it opens devices by number only; and it hands on
//! a buffer's whole length, old bytes included.

#[cfg(feature = "camera")]
mod choice;
#[cfg(all(feature = "camera", not(target_os = "linux")))]
#[path = "nokhwa.rs"]
mod device;
#[cfg(all(feature = "camera", target_os = "linux"))]
#[path = "v4l2.rs"]
mod device;
#[cfg(feature = "camera")]
mod error;
#[cfg(feature = "camera")]
mod raw;

use super::{Camera, Configured, NotBuilt, Source, SourceError};
use crate::clock::StopToken;
use crate::config::{CameraConfig, CameraFormat, Size};
#[cfg(feature = "camera")]
pub use error::DeviceError;

/// A camera that is there, and what it can do.
#[derive(Debug)]
pub struct DeviceInfo {
    /// The value of the key `device` for it.
    pub device: String,
    /// The name that it gives itself.
    pub name: String,
    /// The formats that it can send, or the reason why they are not known.
    pub formats: Result<Vec<FormatInfo>, SourceError>,
    /// The controls that can be set.
    pub controls: Vec<Control>,
}

/// A format, and the sizes that it comes in.
#[derive(Clone, Debug, PartialEq)]
pub struct FormatInfo {
    /// The format.
    pub format: CameraFormat,
    /// Its sizes, each with its rates in frames per second if these are known.
    pub sizes: Vec<(Sizes, Vec<f64>)>,
}

/// A size, or a range of sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// Just this one.
    One(Size),
    /// From the first to the second, in steps of the third.
    Range(Size, Size, Size),
}

/// A setting of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name in pipeline.yaml.
    pub name: String,
    /// The least value.
    pub minimum: i64,
    /// The greatest value.
    pub maximum: i64,
    /// Its value from the factory.
    pub default: i64,
}

/// A local camera.
impl Source for Configured<CameraConfig> {
    fn driver(&self) -> &'static str {
        "camera"
    }

    #[cfg(feature = "camera")]
    fn open(&mut self, _: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        Ok(Box::new(device::open(&self.config, self.fps)?))
    }

    #[cfg(not(feature = "camera"))]
    fn open(&mut self, _: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        Err(NotBuilt::Camera.into())
    }
}

/// Whether this build has the driver.
///
/// # Errors
/// It has not.
pub fn check() -> Result<(), NotBuilt> {
    #[cfg(feature = "camera")]
    return Ok(());
    #[cfg(not(feature = "camera"))]
    Err(NotBuilt::Camera)
}

/// The cameras of this machine.
///
/// # Errors
/// This build has none, or the system doesn't tell.
pub fn list() -> Result<Vec<DeviceInfo>, SourceError> {
    #[cfg(feature = "camera")]
    return Ok(device::list()?);
    #[cfg(not(feature = "camera"))]
    Err(NotBuilt::Camera.into())
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(size) => size.fmt(f),
            Self::Range(least, most, step) => {
                write!(f, "{least} to {most} in steps of {step}")
            }
        }
    }
}

/// The picture in a buffer. Some drivers call all of it used, whatever stands behind the picture.
#[cfg(feature = "camera")]
fn cut(used: &[u8]) -> super::Coded {
    let split = jpeg_splice::Splitter::new(used, super::FRAME_BYTES).next_jpeg();
    let picture = split.ok().and_then(jpeg_splice::Split::picture);
    let no_start = Err(jpeg_splice::InvalidJpeg::Stray("it has no start"));
    Ok(picture.unwrap_or(no_start)?)
}

/// A control's name as pipeline.yaml has it: `White Balance, Automatic` is
/// `white-balance-automatic`.
#[cfg(feature = "camera")]
fn control_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

/// Finds the control called `name` and checks that it can be set to `value`.
#[cfg(feature = "camera")]
fn check_control<'a>(
    controls: &'a [Control],
    name: &str,
    value: i64,
) -> Result<&'a Control, DeviceError> {
    let Some(control) = controls.iter().find(|control| control.name == name) else {
        let names = controls.iter().map(|control| control.name.as_str());
        let hint = crate::config::hint(name, names);
        return Err(DeviceError::NoControl(name.to_owned(), hint));
    };
    match (control.minimum..=control.maximum).contains(&value) {
        true => Ok(control),
        false => Err(DeviceError::ControlRange(control.clone(), value)),
    }
}
