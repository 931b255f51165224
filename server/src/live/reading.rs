//! One reading of the pipeline's files, and whether what was read is whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tokio::sync::mpsc::UnboundedSender;

use super::writers::Writers;

/// Modification time, length and inode of a file, which tell whether it has changed; nothing where there is none.
pub type FileState = Option<(SystemTime, u64, u64)>;

/// The states of files.
pub type FileStates = BTreeMap<PathBuf, FileState>;

/// One reading of the pipeline's files: by a reload, and by the renewals that come with it. Shared by them; whoever watches the
/// files is told how it goes.
pub struct Reading(Option<Watched>);

struct Watched {
    number: u64,
    /// The files as they were before.
    seen: FileStates,
    writers: Writers,
    /// Files that change again and again, or stay empty, are taken as they are in the end.
    is_last_try: bool,
    told: UnboundedSender<Progress>,
    is_torn: AtomicBool,
}

/// The progress of the reading of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The pipeline file has been read and is in force, or refused: it is known which files it names.
    Read(u64),
    /// A file was being written; all of them are to be read again.
    Torn(u64),
    /// All files have been read, and were whole.
    Whole(u64),
}

impl Reading {
    /// A reading of files that are taken as they are.
    pub fn unwatched() -> Arc<Self> {
        Arc::new(Self(None))
    }

    /// The reading `number` of files that were `seen` in these states and that `writers` may be writing to. Tells `told`.
    pub fn watched(
        number: u64,
        (seen, writers): (FileStates, Writers),
        is_last_try: bool,
        told: UnboundedSender<Progress>,
    ) -> Arc<Self> {
        Arc::new(Self(Some(Watched {
            number,
            seen,
            writers,
            is_last_try,
            told,
            is_torn: AtomicBool::new(false),
        })))
    }

    /// Whether somebody watches the files and has them read again if they are not whole.
    pub fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Whether what was read until now is whole. If not, it must not be used, and the files will be read again.
    pub fn is_whole(&self) -> bool {
        let Some(watched) = &self.0 else {
            return true;
        };
        let is_whole = watched.is_last_try || watched.is_whole();
        if !is_whole {
            self.mark_torn();
        }
        is_whole
    }

    /// The files are to be read again.
    pub fn mark_torn(&self) {
        if let Some(watched) = &self.0
            && !watched.is_torn.swap(true, Ordering::Relaxed)
        {
            watched.tell(Progress::Torn(watched.number));
        }
    }

    /// The pipeline file is in force, or refused.
    pub fn mark_read(&self) {
        if let Some(watched) = &self.0 {
            watched.tell(Progress::Read(watched.number));
        }
    }
}

impl Watched {
    fn is_whole(&self) -> bool {
        let files = self.seen.keys();
        let is_quiet = look(files.clone()) == self.seen && !self.writers.have_any(files);
        is_quiet && !self.seen.values().any(is_empty)
    }

    fn tell(&self, progress: Progress) {
        // Fails if nobody watches any more, at the end of the server.
        if self.told.send(progress).is_err() {
            tracing::debug!("the files are not watched any more");
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !*self.is_torn.get_mut() {
            self.tell(Progress::Whole(self.number));
        }
    }
}

/// The states of `files` now.
pub fn look<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> FileStates {
    let files = files.into_iter();
    files.map(|path| (path.clone(), file_state(path))).collect()
}

/// The state of the file at `path`.
pub fn file_state(path: &Path) -> FileState {
    let meta = path.metadata().ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&meta);
    #[cfg(not(unix))]
    let inode = 0;
    Some((meta.modified().ok()?, meta.len(), inode))
}

/// Whether the file is there and has nothing in it.
pub fn is_empty(state: &FileState) -> bool {
    matches!(state, Some((_, 0, _)))
}
