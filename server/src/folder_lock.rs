//! Locks on folders, which keep other servers out.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Clock;
use crate::files;

/// Much longer than writing a file takes, or than a server takes to end that was killed, and not so
/// long that anything else is held up.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// A lock, until it is dropped; none where folders can't be locked (Windows, some network file
/// systems), which keeps nobody out.
pub type FolderLock = Option<File>;

/// Another server has had the lock for too long.
#[derive(Debug, thiserror::Error)]
#[error("another server has locked {}", .0.display())]
pub struct Locked(pub PathBuf);

/// Locks `folder`, which is a path without links. Blocks for a second at most, while another server
/// has it.
///
/// # Errors
/// Another keeps it.
pub fn lock(folder: &Path, clock: &dyn Clock) -> Result<FolderLock, Locked> {
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
            Err(TryLockError::WouldBlock) => return Err(Locked(folder.to_owned())),
        }
    }
}

fn not_locked(folder: &Path, error: &std::io::Error) -> FolderLock {
    tracing::debug!(path = %folder.display(), %error, "a folder can't be locked");
    None
}
