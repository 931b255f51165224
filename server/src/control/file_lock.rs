//! Only one server at a time changes a pipeline file: what another writes meanwhile would be lost.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::edit::EditError;
use crate::clock::Clock;
use crate::files;

/// Much longer than writing a file takes, and not so long that other changes are held up.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// The right to change the pipeline files of a folder, until it is dropped. The folder is what is
/// locked: the file itself is another one after each change.
pub type FileLock = Option<File>;

/// Locks the folder of `file`, which is a path without links. Blocks while another server has it.
/// Keeps nobody out where folders can't be locked (Windows, some network file systems).
///
/// # Errors
/// Another has had it for too long.
pub fn lock(file: &Path, clock: &dyn Clock) -> Result<FileLock, EditError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let lock = match files::open_folder(folder) {
        Ok(lock) => lock,
        Err(error) => return Ok(not_locked(folder, &error)),
    };
    let give_up = clock.now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::Error(error)) => return Ok(not_locked(folder, &error)),
            Err(TryLockError::WouldBlock) if clock.now() < give_up => clock.block(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(EditError::Locked(folder.to_owned())),
        }
    }
}

fn not_locked(folder: &Path, error: &std::io::Error) -> FileLock {
    tracing::debug!("{} can't be locked: {error}", folder.display());
    None
}
