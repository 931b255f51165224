//! Pins that are files, to try a pipeline file without a Raspberry Pi, and for the tests.
//!
//! Each pin is a file named after it, such as `gpio17`, with `1` in it while the pin is high and
//! `0` while it is low. The server writes those of outputs and reads those of inputs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Board, Changed, GpioError, OutputPin, PinFault};
use crate::clock::Clock;
use crate::config::Pull;
use crate::files::{self, AtPath, FileError};
use crate::supervise::keep_running;

/// The interval at which inputs are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The most bytes of a pin's file.
const PIN_BYTES: u64 = 1024;

/// A folder of pins.
pub struct Simulated {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Simulated {
    /// The pins in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// It can't be made.
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, GpioError> {
        fs::create_dir_all(&folder).map_err(|error| AtPath::new(&folder, error))?;
        Ok(Self { folder, clock })
    }

    fn path(&self, number: u8) -> PathBuf {
        self.folder.join(format!("gpio{number}"))
    }
}

impl Board for Simulated {
    fn output(&mut self, number: u8, is_high: bool) -> Result<Box<dyn OutputPin>, PinFault> {
        let mut pin = Output {
            path: self.path(number),
        };
        pin.set(is_high)?;
        Ok(Box::new(pin))
    }

    fn input(
        &mut self,
        number: u8,
        pull: Pull,
        mut changed: Changed,
    ) -> Result<Box<dyn Send>, PinFault> {
        let path = self.path(number);
        let level = read(&path, pull)?;
        changed(level);
        let clock = self.clock.clone();
        let callback = Mutex::new((level, changed));
        let task = tokio::spawn(async move {
            let name = format!("pin {number}");
            let poll = || poll(&path, pull, &*clock, &callback);
            // Dropped with the pin.
            keep_running(&name, &*clock, &CancellationToken::new(), poll).await;
        });
        Ok(Box::new(AbortOnDropHandle::new(task)))
    }
}

/// Looks at the file of a pin again and again; `callback` is the level that was told last, and
/// who is told of another.
async fn poll(path: &Path, pull: Pull, clock: &dyn Clock, callback: &Mutex<(bool, Changed)>) {
    let (level, changed) = &mut *callback.lock().await;
    loop {
        clock.sleep_until(clock.now() + LOOK).await;
        // A file that is being written has no level for a moment.
        if let Ok(new) = read(path, pull)
            && new != *level
        {
            *level = new;
            changed(new);
        }
    }
}

/// A pin that nobody drives is where it is pulled to.
fn read(path: &Path, pull: Pull) -> Result<bool, PinFault> {
    match files::read(path, PIN_BYTES) {
        Ok(text) => match text.trim_ascii() {
            b"1" => Ok(true),
            b"0" => Ok(false),
            _ => Err(PinFault::NoLevel(path.to_owned())),
        },
        Err(FileError::NotFound) => Ok(pull == Pull::Up),
        Err(error) => Err(AtPath::new(path, error).into()),
    }
}

struct Output {
    path: PathBuf,
}

impl OutputPin for Output {
    fn set(&mut self, is_high: bool) -> Result<(), PinFault> {
        let level = if is_high { "1\n" } else { "0\n" };
        tracing::debug!(path = %self.path.display(), level = level.trim(), "pin changed");
        let written = files::write(&self.path, level.as_bytes());
        Ok(written.map_err(|error| AtPath::new(&self.path, error))?)
    }
}
