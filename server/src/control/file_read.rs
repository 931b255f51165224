//! One reading of the pipeline's files, and whether what was read is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::open_writes::OpenWrites;
use crate::files::{FileState, state};

/// The stamps of files: what tells that one has changed.
pub type FileStamps = BTreeMap<PathBuf, FileState>;

/// One reading of the pipeline's files: by a reload, and by the renewals that come with it. Shared
/// by them; whoever watches the files is told how it goes.
pub struct FileRead(Option<Watched>);

struct Watched {
    number: u64,
    /// The files as they were before.
    seen: FileStamps,
    open_writes: OpenWrites,
    /// Files that change again and again, or stay empty, are taken as they are in the end.
    is_last_try: bool,
    progress: UnboundedSender<Progress>,
    is_torn: AtomicBool,
}

/// The progress of the reading of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The pipeline file has been read and is in force, or refused: it is known which files it
    /// names.
    Read(u64),
    /// A file was being written; all of them are to be read again.
    Torn(u64),
    /// All files have been read, and were whole.
    Whole(u64),
}

impl FileRead {
    /// A reading of files that are taken as they are.
    pub fn unwatched() -> Arc<Self> {
        Arc::new(Self(None))
    }

    /// The reading `number` of files that were `seen` in these states and that `open_writes` may be
    /// writing to. Reports to `told`.
    pub fn watched(
        number: u64,
        (seen, open_writes): (FileStamps, OpenWrites),
        is_last_try: bool,
        progress: UnboundedSender<Progress>,
    ) -> Arc<Self> {
        Arc::new(Self(Some(Watched {
            number,
            seen,
            open_writes,
            is_last_try,
            progress,
            is_torn: AtomicBool::new(false),
        })))
    }

    /// Whether somebody watches the files and has them read again if they are not whole.
    pub fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Whether what was read until now is whole. If not, it must not be used, and the files will be
    /// read again.
    pub fn is_whole(&self) -> bool {
        self.is_whole_if(|_| true)
    }

    /// The same of `files` alone.
    pub fn is_whole_of(&self, files: &BTreeSet<PathBuf>) -> bool {
        self.is_whole_if(|file| files.contains(file))
    }

    fn is_whole_if(&self, is_meant: impl Fn(&PathBuf) -> bool) -> bool {
        let Some(watched) = &self.0 else {
            return true;
        };
        let is_whole = watched.is_last_try || watched.is_whole(is_meant);
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
    fn is_whole(&self, is_meant: impl Fn(&PathBuf) -> bool) -> bool {
        let meant = || self.seen.iter().filter(|(file, _)| is_meant(file));
        let is_quiet = |(file, seen): (&PathBuf, &FileState)| state(file) == *seen;
        let is_whole = meant().all(is_quiet) && !meant().any(|(_, seen)| seen.is_empty());
        is_whole && !self.open_writes.have_any(meant().map(|(file, _)| file))
    }

    fn tell(&self, progress: Progress) {
        // Fails if nobody watches any more, at the end of the server.
        if self.progress.send(progress).is_err() {
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

/// The stamps of `files` now.
pub fn file_stamps<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> FileStamps {
    let files = files.into_iter();
    files.map(|path| (path.clone(), state(path))).collect()
}
