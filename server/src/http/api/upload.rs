//! Uploads of filters: written to the disk as they come, one at a time, into a folder that may have
//! so many bytes.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::super::App;
use super::super::body::{BODY_TIME, Incoming};
use super::super::problem::ProblemDetails;
use super::blocking;
use crate::config::Config;
use crate::control::EditError;
use crate::filter::limits::MODULE_BYTES;

/// Pieces that wait for the disk.
const WAITING: usize = 4;
/// The start of the name of an upload that is not whole.
const PREFIX: &str = ".upload-";
/// An upload that has not changed for so long was left behind by a server that did not end well.
const ABANDONED: Duration = BODY_TIME.saturating_mul(20);

/// The right to upload, which one has at a time. Clones share it.
#[derive(Clone)]
pub struct Uploads(Arc<Semaphore>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Uploads {
    fn reserve(&self) -> Result<OwnedSemaphorePermit, ProblemDetails> {
        let why = "another filter is being uploaded; try again when it is kept";
        let place = self.0.clone().try_acquire_owned();
        place.map_err(|_| ProblemDetails::busy(why))
    }
}

/// Keeps the module in `body` as the file `name` of the folder for uploads. Gives the path by which
/// a step can `use` it, and whether it is new.
///
/// # Errors
/// There is no folder or no room, the body does not come whole, or it is no filter.
pub async fn keep(app: &App, name: String, body: Body) -> Result<(String, bool), ProblemDetails> {
    let folder = Folder::of(&app.controller.current().config)?;
    let reserve = app.uploads.reserve()?;
    let app = app.clone();
    // A task of its own, so that it lasts as long as the work does, also when the client has gone.
    let kept = tokio::spawn(async move {
        let (path, is_new) = (folder.path.clone(), !folder.path.exists());
        let kept = async {
            let file = receive(&app, folder, name.clone(), body).await?;
            Ok(app.controller.keep_filter(name, file).await?)
        };
        let kept = kept.await;
        if is_new
            && kept.is_err()
            && let Err(error) = std::fs::remove_dir(&path)
        {
            tracing::debug!(path = %path.display(), %error, "an upload's remains can't be removed");
        }
        drop(reserve);
        kept
    });
    kept.await.unwrap_or_else(|error| {
        let why = format!("the upload broke down: {error}");
        Err(ProblemDetails::internal(why))
    })
}

/// The folder for uploads.
struct Folder {
    path: PathBuf,
    /// As the pipeline file has it.
    name: String,
    limit: u64,
}

impl Folder {
    fn of(config: &Config) -> Result<Self, EditError> {
        let Some(name) = &config.filter_folder else {
            return Err(EditError::UploadsOff);
        };
        Ok(Self {
            path: config.folder.join(name),
            name: name.clone(),
            limit: config.filter_folder_limit,
        })
    }

    /// Makes the folder if there is none, and an empty file in it; and tells how many bytes there
    /// is room for if `replaced` goes.
    fn make_room(&self, replaced: &str, now: SystemTime) -> io::Result<(NamedTempFile, u64)> {
        std::fs::create_dir_all(&self.path)?;
        let mut used = 0;
        for entry in self.path.read_dir()? {
            let entry = entry?;
            let name = entry.file_name();
            if is_abandoned(&entry, now) {
                std::fs::remove_file(entry.path())?;
            } else if name != replaced {
                used += entry.metadata().map_or(0, |file| file.len());
            }
        }
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempfile_in(&self.path)?;
        Ok((file, self.limit.saturating_sub(used)))
    }

    fn full(&self) -> ProblemDetails {
        let (name, limit) = (&self.name, self.limit >> 20);
        let why = format!(
            "the folder `{name}` may have {limit} MiB and has no room for this filter: remove \
             files that no step uses, or raise `filter-folder-limit`"
        );
        ProblemDetails::new(StatusCode::INSUFFICIENT_STORAGE, why).closing()
    }

    fn unwritable(&self, app: &App, error: &io::Error) -> ProblemDetails {
        app.controller.unwritable(&self.path, error).into()
    }
}

fn is_abandoned(entry: &std::fs::DirEntry, now: SystemTime) -> bool {
    let is_upload = entry.file_name().to_string_lossy().starts_with(PREFIX);
    let modified = || entry.metadata().ok()?.modified().ok();
    let age = || now.duration_since(modified()?).ok();
    is_upload && age().is_some_and(|age| age > ABANDONED)
}

async fn receive(
    app: &App,
    folder: Folder,
    name: String,
    body: Body,
) -> Result<NamedTempFile, ProblemDetails> {
    let mut incoming = Incoming::new(body, MODULE_BYTES, app.clock.clone())?;
    let now = app.clock.unix();
    let (folder, made) = blocking(move || {
        let made = folder.make_room(&name, now);
        (folder, made)
    })
    .await?;
    let (file, mut room) = made.map_err(|error| folder.unwritable(app, &error))?;
    if incoming.least() > room {
        return Err(folder.full());
    }
    let (pieces, waiting) = mpsc::channel(WAITING);
    let written = blocking(move || write(file, waiting));
    let sent = async {
        while let Some(piece) = incoming.next().await? {
            room = room
                .checked_sub(piece.len() as u64)
                .ok_or_else(|| folder.full())?;
            // The disk is full; the writer tells.
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
        drop(pieces);
        Ok::<_, ProblemDetails>(())
    };
    let (sent, written) = tokio::join!(sent, written);
    sent?;
    written?.map_err(|error| folder.unwritable(app, &error))
}

fn write(mut file: NamedTempFile, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<NamedTempFile> {
    while let Some(piece) = pieces.blocking_recv() {
        file.write_all(&piece)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn folder(path: &Path, limit: u64) -> Folder {
        Folder {
            path: path.join("filters"),
            name: "filters".to_owned(),
            limit,
        }
    }

    #[test]
    fn the_room_is_what_other_files_leave() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(parent.path(), 100);
        let (upload, room) = folder.make_room("a.wasm", SystemClock.unix()).unwrap();
        assert_eq!(room, 100);
        drop(upload);
        std::fs::write(folder.path.join("a.wasm"), [0; 30]).unwrap();
        std::fs::write(folder.path.join("b.txt"), [0; 20]).unwrap();
        assert_eq!(
            folder.make_room("a.wasm", SystemClock.unix()).unwrap().1,
            80
        );
        assert_eq!(
            folder.make_room("c.wasm", SystemClock.unix()).unwrap().1,
            50
        );
        std::fs::write(folder.path.join("b.txt"), [0; 200]).unwrap();
        assert_eq!(folder.make_room("a.wasm", SystemClock.unix()).unwrap().1, 0);
    }

    #[test]
    fn what_was_left_behind_goes_and_what_is_under_way_stays() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(parent.path(), 100);
        let (under_way, _) = folder.make_room("a.wasm", SystemClock.unix()).unwrap();
        let left = folder.path.join(".upload-x");
        let old = std::fs::File::create(&left).unwrap();
        let long_ago = SystemClock.unix() - ABANDONED - Duration::from_secs(60);
        old.set_modified(long_ago).unwrap();
        drop(folder.make_room("a.wasm", SystemClock.unix()).unwrap());
        assert!(!left.exists());
        assert!(under_way.path().exists());
    }
}
