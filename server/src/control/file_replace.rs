//! Replaces a file's text, so that nobody ever sees half of it, and nothing is lost that somebody
//! else has just written to it.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::edit::EditError;
use super::file_lock::lock;
use super::file_writes::FileWrites;
use super::versions::{Author, Versions};
use crate::clock::Clock;
use crate::files::{self, FileState};

/// Longer than the steps in which a file system's clock goes on.
const PAST: Duration = Duration::from_millis(100);

/// The outcome of putting a text in the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It did. The state that the file has for as long as nobody writes into it; none where that
    /// can't be told.
    Replaced(Option<FileState>),
    /// Not replaced: somebody else has saved the file meanwhile.
    SavedMeanwhile,
}

/// Writes the text `new` to the file at `path` in the place of `old`, for a command beside a
/// server, and keeps both as versions.
///
/// # Errors
/// It can't be written, or somebody else has written to it meanwhile.
pub fn replace_file(
    path: &Path,
    (old, new): (&str, &str),
    versions: &Versions,
    clock: &dyn Clock,
) -> Result<(), EditError> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let _lock = lock(&real, clock)?;
    let mut writes = FileWrites::of(&real, clock.now());
    versions.note(old, &Author::File);
    let written = write(&real, (old, new), &mut writes, clock);
    match written.map_err(|error| unwritable(path, &error))? {
        Written::Replaced(_) => {
            versions.note(new, &Author::Command);
            Ok(())
        }
        Written::SavedMeanwhile => Err(EditError::BeingWritten),
    }
}

/// The error of writing to the file or folder at `path`.
pub fn unwritable(path: &Path, error: &io::Error) -> EditError {
    // Without what stands around the system's error: the name of a temporary file tells nobody
    // anything.
    let why = match error.raw_os_error() {
        Some(_) => error.to_string(),
        None => error.kind().to_string(),
    };
    let path = path.to_owned();
    match files::is_passing(error) || error.kind() == io::ErrorKind::FileTooLarge {
        true => EditError::NoSpace { path, why },
        false => EditError::Unwritable { path, why },
    }
}

/// Puts a new file in the place of the one that has the text `old`, so that nobody ever sees half
/// of it; where that can't be done (a file mounted by itself, for instance), writes into the old
/// one.
///
/// # Errors
/// Those of the file system.
pub fn write(
    path: &Path,
    (old, new): (&str, &str),
    writes: &mut FileWrites,
    clock: &dyn Clock,
) -> io::Result<Written> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    match replace(path, (old, new), writes, clock.unix()) {
        // A full disk is none of these: writing into the old file would empty it.
        Err(error)
            if matches!(
                error.kind(),
                PermissionDenied | ReadOnlyFilesystem | ResourceBusy
            ) =>
        {
            files::write(path, new.as_bytes()).map(|()| Written::Replaced(None))
        }
        result => result,
    }
}

fn replace(
    path: &Path,
    (old, new): (&str, &str),
    writes: &mut FileWrites,
    now: SystemTime,
) -> io::Result<Written> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(new.as_bytes())?;
    let state = mark(&file, now)?;
    prepare_for(&file, path)?;
    match exchange(&file, path, old.as_bytes(), writes)? {
        Some(false) => return Ok(Written::SavedMeanwhile),
        Some(true) => {}
        None => drop(file.persist(path)?),
    }
    Ok(Written::Replaced(state))
}

/// Gives a new file a time that no writing into it can give it any more, since it is over: its
/// state tells what was written into it from all that is, however soon after and of whatever
/// length. None where the file system keeps times less exactly.
fn mark(file: &NamedTempFile, now: SystemTime) -> io::Result<Option<FileState>> {
    let at = now - PAST;
    file.as_file().set_modified(at)?;
    let state = FileState::of(&file.as_file().metadata()?)?;
    Ok(Some(state).filter(|state| state.modified() == Some(at)))
}

/// Exchanges `new` and the file at `path` in one step, and looks at what was there: if somebody has
/// saved the file since `old` was read, or is writing to it, theirs goes back into its place, and
/// it is `false`. `None` where the file system can't do that (renameat2(2)).
#[cfg(target_os = "linux")]
fn exchange(
    new: &NamedTempFile,
    path: &Path,
    old: &[u8],
    writes: &mut FileWrites,
) -> io::Result<Option<bool>> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    let exchange = || renameat_with(CWD, new.path(), CWD, path, RenameFlags::EXCHANGE);
    if writes.have_come() {
        return Ok(Some(false));
    }
    match exchange() {
        Ok(()) => {}
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let was_there = files::read(new.path(), old.len() as u64 + BOM.len() as u64 + 1);
    let is_old = |text: &Vec<u8>| text.strip_prefix(BOM).unwrap_or(text) == old;
    if was_there.is_ok_and(|text| is_old(&text)) && !writes.have_come() {
        return Ok(Some(true));
    }
    exchange()?;
    Ok(Some(false))
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &NamedTempFile, _: &Path, _: &[u8], _: &mut FileWrites) -> io::Result<Option<bool>> {
    Ok(None)
}

/// The byte order mark, which takes no part in the text (config/load.rs).
#[cfg(target_os = "linux")]
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Puts a new file in the place of the one at `path`.
///
/// # Errors
/// Those of the file system.
pub fn put_in_place(new: NamedTempFile, path: &Path) -> io::Result<()> {
    prepare_for(&new, path)?;
    new.persist(path)?;
    Ok(())
}

/// Gives a new file the mode of the one at `path`, and sees to it that it is on the disk.
fn prepare_for(new: &NamedTempFile, path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path
            .metadata()
            .map_or(0o644, |old| old.permissions().mode());
        new.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    // Without this, a power cut can leave an empty file in the old one's place.
    new.as_file().sync_all()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn put(path: &Path, old: &str, new: &str) -> Written {
        let mut writes = FileWrites::of(path, SystemClock.now());
        write(path, (old, new), &mut writes, &SystemClock).unwrap()
    }

    #[test]
    fn what_somebody_has_saved_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipeline.yaml");
        std::fs::write(&path, "\u{feff}old").unwrap();
        assert!(matches!(put(&path, "old", "new"), Written::Replaced(_)));
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        std::fs::write(&path, "of somebody else").unwrap();
        assert_eq!(put(&path, "new", "newer"), Written::SavedMeanwhile);
        assert_eq!(std::fs::read(&path).unwrap(), b"of somebody else");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(put(&path, "new", "newer"), Written::Replaced(_)));
        let left: Vec<_> = folder.path().read_dir().unwrap().collect();
        assert_eq!(
            (left.len(), std::fs::read(&path).unwrap()),
            (1, b"newer".to_vec())
        );
    }

    #[test]
    fn what_is_written_into_a_new_file_at_once_gives_it_another_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipeline.yaml");
        for round in 0..200 {
            std::fs::write(&path, "old").unwrap();
            let Written::Replaced(Some(state)) = put(&path, "old", "new") else {
                panic!("round {round}: the file system keeps no exact times");
            };
            assert_eq!(files::state(&path), state);
            // As long as the other, and within the same step of the clock.
            files::write(&path, b"web").unwrap();
            assert_ne!(files::state(&path), state, "round {round}");
        }
    }
}
