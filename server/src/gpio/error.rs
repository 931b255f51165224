//! Errors of pins.

use std::io;
use std::path::PathBuf;

use crate::files::FileError;

/// The reason why pins can't be used.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// This build knows no pins.
    #[cfg(not(all(feature = "gpio", target_os = "linux")))]
    #[error(
        "this build of mattebox has no pins: build it on a Raspberry Pi with `cargo build --release --features gpio`; `backend: simulated` works anywhere"
    )]
    NotBuilt,
    /// This is no Raspberry Pi, or its pins may not be used.
    #[cfg(all(feature = "gpio", target_os = "linux"))]
    #[error(
        "the pins of a Raspberry Pi can't be used: {0}; on another machine, try the file with `backend: simulated`"
    )]
    RaspberryPi(rppal::gpio::Error),
    /// The folder of simulated pins can't be made.
    #[error("{}: {error}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A pin can't be had.
    #[error("the pin {number}: {fault}")]
    Pin {
        /// Its number.
        number: u8,
        /// The fault.
        fault: PinFault,
    },
    /// An LED can't be set.
    #[error("the LED on pin {number}: {fault}")]
    Led {
        /// Its pin's number.
        number: u8,
        /// The fault.
        fault: PinFault,
    },
}

/// The fault of a pin.
#[derive(Debug, thiserror::Error)]
pub enum PinFault {
    /// An error of the board's.
    #[cfg(all(feature = "gpio", target_os = "linux"))]
    #[error(transparent)]
    Board(#[from] rppal::gpio::Error),
    /// The file of a simulated pin can't be read.
    #[error("{} {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error.
        error: FileError,
    },
    /// The file of a simulated pin has something else in it than a level.
    #[error("{}: there must be `0` or `1` in it", .0.display())]
    NoLevel(PathBuf),
    /// The file of a simulated pin can't be written.
    #[error("{}: {error}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// What a test's pin says.
    #[cfg(test)]
    #[error("{0}")]
    Test(&'static str),
}
