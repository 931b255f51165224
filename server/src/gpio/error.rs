//! Errors of pins.

use std::io;
use std::path::PathBuf;

use crate::files::{AtPath, FileError};

/// The reason why pins can't be used.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// This build knows no pins.
    #[cfg(not(all(feature = "gpio", target_os = "linux")))]
    #[error(
        "this build of mattebox has no pins: build it on a Raspberry Pi with \
         `cargo build --release --features gpio`; `backend: simulated` works anywhere"
    )]
    NotBuilt,
    /// This is no Raspberry Pi, or its pins may not be used.
    #[cfg(all(feature = "gpio", target_os = "linux"))]
    #[error(
        "the pins of a Raspberry Pi can't be used: {0}; on another machine, try the file with \
         `backend: simulated`"
    )]
    RaspberryPi(rppal::gpio::Error),
    /// The folder of simulated pins can't be made.
    #[error(transparent)]
    Folder(#[from] AtPath<io::Error>),
    /// The pin of this number can't be had.
    #[error("the pin {0}: {1}")]
    Pin(u8, PinFault),
    /// The LED on the pin of this number can't be set.
    #[error("the LED on pin {0}: {1}")]
    Led(u8, PinFault),
}

/// The fault of a pin.
#[derive(Debug, thiserror::Error)]
pub enum PinFault {
    /// An error of the board's.
    #[cfg(all(feature = "gpio", target_os = "linux"))]
    #[error(transparent)]
    Board(#[from] rppal::gpio::Error),
    /// The file of a simulated pin can't be read.
    #[error(transparent)]
    Unreadable(#[from] AtPath<FileError>),
    /// The file of a simulated pin has something else in it than a level.
    #[error("{0}: there must be `0` or `1` in it")]
    NoLevel(PathBuf),
    /// The file of a simulated pin can't be written.
    #[error(transparent)]
    Unwritable(#[from] AtPath<io::Error>),
    /// The error of a test's pin.
    #[cfg(test)]
    #[error("{0}")]
    Test(&'static str),
}
