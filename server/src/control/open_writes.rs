//! Files that somebody is writing to: half a pipeline may be a right one, and must not be taken for
//! the whole.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind};

use crate::sync::IgnorePoison;

/// Files that were written to and not closed since, where the system tells of closing (Linux).
/// Clones share it.
#[derive(Clone, Default)]
pub struct OpenWrites(Arc<Mutex<BTreeSet<PathBuf>>>);

impl OpenWrites {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.0.lock().ignore_poison()
    }

    /// Takes in what has happened to files.
    pub fn note(&self, event: &Event) {
        if !cfg!(target_os = "linux") {
            return;
        }
        if event.need_rescan() {
            // Events were lost; closing may have been among them.
            self.forget();
            return;
        }
        let mut open = self.lock();
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => open.extend(event.paths.iter().cloned()),
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Remove(_) => event.paths.iter().for_each(|path| {
                open.remove(path);
            }),
            _ => {}
        }
    }

    /// Whether one of `files` is being written to.
    pub fn have_any(&self, files: impl IntoIterator<Item = impl AsRef<Path>>) -> bool {
        let open = self.lock().clone();
        let open: BTreeSet<_> = open
            .iter()
            .filter_map(|it| it.canonicalize().ok())
            .collect();
        let mut files = files
            .into_iter()
            .filter_map(|it| it.as_ref().canonicalize().ok());
        !open.is_empty() && files.any(|file| open.contains(&file))
    }

    /// Forgets who writes: they were waited for long enough.
    pub fn forget(&self) {
        self.lock().clear();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_to_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "half").unwrap();
        let happens = |kind| Event::new(kind).add_path(file.clone());
        let data = notify::event::DataChange::Any;
        let written = happens(EventKind::Modify(ModifyKind::Data(data)));
        let closed = happens(EventKind::Access(AccessKind::Close(AccessMode::Write)));
        let opened = happens(EventKind::Access(AccessKind::Open(AccessMode::Any)));
        let lost = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);

        let open_writes = OpenWrites::default();
        // Known by another name that leads there.
        let known = [folder.path().join("./file"), folder.path().join("gone")];
        for (event, is_written_to) in [
            (&opened, false),
            (&written, true),
            (&written, true),
            (&closed, false),
            (&written, true),
            (&lost, false),
        ] {
            open_writes.note(event);
            assert_eq!(open_writes.have_any(&known), is_written_to, "{event:?}");
        }
    }
}
