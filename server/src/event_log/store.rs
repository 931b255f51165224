//! The log's folder: a JSON file for each event, and one with its picture beside it.
//!
//! Each file is written beside its place and then put there, so that a server that is killed leaves
//! whole ones.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jpeg_splice::Jpeg;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{Event, EventId, millis};
use super::kept::{EventList, Kept, KeptPicture};
use crate::clock::Clock;
use crate::files;
use crate::folder_lock::{self, FolderLock};
use crate::log::recurring::Recurring;
use crate::mask::MaskId;
use crate::private_folder::{self, FolderChoice};
use crate::sync::IgnorePoison;

/// The most bytes of an event's file: 100 regions and the longest text, each character escaped, and
/// some.
const EVENT_BYTES: u64 = 256 << 10;
/// The most bytes of a picture.
const PICTURE_BYTES: u64 = 256 << 20;
/// The start of the names of files that are being written.
const UNFINISHED: &str = ".new-";

/// A folder with events.
pub struct Store {
    folder: PathBuf,
    /// Keeps other servers out, where folders can be locked.
    _lock: FolderLock,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    count: u64,
    error: Option<String>,
    log: Recurring,
}

/// An event as it is written.
#[derive(Serialize, Deserialize)]
struct Written<E> {
    #[serde(flatten)]
    event: E,
    /// See [`Kept::masks`].
    #[serde(default)]
    masks: BTreeSet<MaskId>,
}

/// The state of the log's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoreReport {
    /// Whether there is one. Else events are kept until the server ends.
    pub exists: bool,
    /// The reason why events can't be written to it at the moment.
    pub error: Option<String>,
    /// The number of times that writing failed since the server started.
    pub failures: u64,
}

impl Store {
    /// The folder for the events of the server with the pipeline file `file`. Where there can't be
    /// one, or another server has it, the log says so.
    pub fn open(place: &FolderChoice, file: &Path, clock: &dyn Clock) -> Option<Self> {
        let folder = private_folder::of_state(place, "events", file);
        let opened = folder.and_then(|folder| folder.map(|it| Self::lock(it, clock)).transpose());
        let opened = opened.inspect_err(|error| {
            tracing::warn!(
                %error,
                "events are kept until the server ends only; name another folder with --state"
            );
        });
        opened.unwrap_or_default()
    }

    fn lock(folder: PathBuf, clock: &dyn Clock) -> io::Result<Self> {
        Ok(Self {
            _lock: folder_lock::lock(&folder, clock).map_err(io::Error::other)?,
            folder,
            failures: Mutex::default(),
        })
    }

    /// The folder, for tests.
    #[cfg(test)]
    pub fn unlocked(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            _lock: None,
            failures: Mutex::default(),
        }
    }

    /// The events in it. What is none is left out, and the log says so.
    pub fn load(&self) -> EventList {
        let names = self.names().unwrap_or_else(|why| {
            let path = self.folder.display();
            tracing::warn!(%path, error = %why, "events of before can't be read");
            Vec::new()
        });
        let is_event = |path: &&PathBuf| path.extension() == Some(OsStr::new("json"));
        let (mut events, mut wrong) = (Vec::new(), Vec::new());
        for path in names.iter().filter(is_event) {
            match self.read(path) {
                Ok(kept) => events.push(kept),
                Err(why) => wrong.push(format!("{}: {why}", path.display())),
            }
        }
        if let Some(first) = wrong.first() {
            let count = wrong.len();
            tracing::warn!(
                count,
                error = %first,
                "events of before that can't be read are left out"
            );
        }
        self.remove_remains(&names);
        EventList::read(events)
    }

    fn names(&self) -> io::Result<Vec<PathBuf>> {
        let entries = self.folder.read_dir()?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }

    /// The event at `path`. One that had not ended when the server was killed ends with what was
    /// written of it last.
    fn read(&self, path: &Path) -> Result<Kept, Box<dyn Error>> {
        private_folder::check_owner(path)?;
        let bytes = files::read(path, EVENT_BYTES)?;
        let written: Written<Event> = serde_json::from_slice(&bytes)?;
        let Written { mut event, masks } = written;
        if path != self.path(&event.id, "json") {
            return Err("it has another event's name".into());
        }
        if event.end.is_none() {
            let written = millis(path.metadata()?.modified()?);
            event.end = Some(written.max(event.start));
        }
        let picture = self.path(&event.id, "jpg").symlink_metadata();
        let bytes = picture.ok().and_then(|it| usize::try_from(it.len()).ok());
        Ok(Kept {
            event: Arc::new(event),
            picture: bytes.map_or(KeptPicture::None, KeptPicture::File),
            masks,
        })
    }

    /// Removes what a server that was killed has left half done.
    fn remove_remains(&self, names: &[PathBuf]) {
        let is_remains = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_lonely = || {
                let id = name
                    .strip_suffix(".jpg")
                    .and_then(|id| id.parse::<EventId>().ok());
                id.is_some_and(|id| !self.path(&id, "json").exists())
            };
            name.starts_with(UNFINISHED) || is_lonely()
        };
        for path in names.iter().filter(is_remains) {
            if let Err(why) = std::fs::remove_file(path) {
                tracing::debug!(path = %path.display(), error = %why, "a file can't be removed");
            }
        }
    }

    fn path(&self, id: &EventId, kind: &str) -> PathBuf {
        self.folder.join(format!("{id}.{kind}"))
    }

    /// The picture of the event `id`.
    ///
    /// # Errors
    /// It can't be read, somebody else could have put it there, or it is none.
    pub fn read_picture(&self, id: &EventId) -> Result<Jpeg, Box<dyn Error>> {
        let path = self.path(id, "jpg");
        private_folder::check_owner(&path)?;
        let bytes = files::read(&path, PICTURE_BYTES)?;
        Ok(Jpeg::new(bytes.into())?)
    }

    /// Writes `kept`, the event `id`, or removes it if that is none. Blocks.
    ///
    /// # Errors
    /// It can't be done.
    pub fn write(&self, id: &EventId, kept: Option<&Kept>) -> io::Result<()> {
        match kept.map(|kept| &kept.picture) {
            Some(KeptPicture::Memory(jpeg)) => self.put(id, "jpg", jpeg)?,
            Some(KeptPicture::File(_)) => {}
            Some(KeptPicture::None) | None => self.remove(id, "jpg")?,
        }
        match kept {
            Some(Kept { event, masks, .. }) => {
                let (event, masks) = (&**event, masks.clone());
                self.put(id, "json", &serde_json::to_vec(&Written { event, masks })?)
            }
            None => self.remove(id, "json"),
        }
    }

    fn put(&self, id: &EventId, kind: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        // A power cut must not leave an empty file under the event's name.
        file.as_file().sync_data()?;
        file.persist(self.path(id, kind))?;
        Ok(())
    }

    fn remove(&self, id: &EventId, kind: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path(id, kind)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes note that writing failed with `error`, or worked, and tells in the log, but not each
    /// time.
    pub fn note(&self, error: Option<&io::Error>, now: Instant) {
        let mut failures = self.failures.lock().ignore_poison();
        failures.error = error.map(ToString::to_string);
        let folder = self.folder.display();
        if let Some(error) = error {
            failures.count += 1;
            if let Some(notice) = failures.log.failed(now) {
                tracing::warn!(
                    failures = notice.failures(),
                    seconds = notice.seconds(),
                    path = %folder,
                    %error,
                    "events can't be written"
                );
            }
        } else if let Some(recovery) = failures.log.worked(now) {
            let failures = recovery.failures;
            tracing::info!(failures, path = %folder, "writing events works again");
        }
    }

    /// The folder's state.
    pub fn report(&self) -> StoreReport {
        let failures = self.failures.lock().ignore_poison();
        StoreReport {
            exists: true,
            error: failures.error.clone(),
            failures: failures.count,
        }
    }
}
