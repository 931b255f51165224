//! Only one server at a time changes a pipeline file: what another writes meanwhile would be lost.

use std::path::Path;

use super::edit::EditError;
use crate::clock::Clock;
use crate::folder_lock::{self, FolderLock};

/// Locks the folder of `file`, which is a path without links: the file itself is another one after
/// each change.
///
/// # Errors
/// Another server has had it for too long.
pub fn lock(file: &Path, clock: &dyn Clock) -> Result<FolderLock, EditError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    folder_lock::lock(folder, clock).map_err(|locked| EditError::Locked(locked.0))
}
