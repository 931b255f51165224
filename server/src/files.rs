//! Opens files that somebody else may have put there: the pipeline file, tokens, modules, assets,
//! recordings.
//!
//! In the place of each there may be a pipe, a device, a socket or a folder, and another one a
//! moment after somebody has looked. So a file is opened first, in a way that waits for nobody and
//! takes nothing over (`O_NONBLOCK`, `O_NOCTTY`), and what it is is asked of the open file.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The reason why a file can't be had.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none.
    #[error("no such file")]
    NotFound,
    /// It is something else, which is named.
    #[error("this is {0}, not a plain file")]
    NotPlain(&'static str),
    /// It has more bytes than this.
    #[error("the file is larger than {}", size(*.0))]
    TooLarge(u64),
    /// Another reason.
    #[error("the file can't be read: {0}")]
    Io(io::Error),
}

/// An error of the file or folder at a path.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}")]
pub struct AtPath<E> {
    path: PathBuf,
    error: E,
}

impl<E> AtPath<E> {
    /// The `error` of what lies at `path`.
    pub fn new(path: &Path, error: E) -> Self {
        let path = path.to_owned();
        Self { path, error }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The error alone.
    pub fn error(&self) -> &E {
        &self.error
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound,
            _ => Self::Io(error),
        }
    }
}

impl FileError {
    /// Whether another try may succeed though nobody does anything to the file.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Io(error) if is_passing(error))
    }
}

/// Whether the machine is short of something just now: space, memory, processes, descriptors; or a
/// disk failed.
pub fn is_passing(error: &io::Error) -> bool {
    use ErrorKind::{
        Interrupted, OutOfMemory, QuotaExceeded, StaleNetworkFileHandle, StorageFull, TimedOut,
        WouldBlock,
    };
    #[cfg(unix)]
    let codes = [
        rustix::io::Errno::MFILE,
        rustix::io::Errno::NFILE,
        rustix::io::Errno::IO,
    ]
    .map(|it| it.raw_os_error());
    #[cfg(not(unix))]
    let codes: [i32; 0] = [];
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
        || matches!(
            error.kind(),
            Interrupted
                | OutOfMemory
                | QuotaExceeded
                | StaleNetworkFileHandle
                | StorageFull
                | TimedOut
                | WouldBlock
        )
}

/// A size in the unit that limits are given in.
fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mib => format!("{mib} MiB"),
    }
}

/// Opens the plain file at `path` for reading. Symbolic links are followed.
///
/// # Errors
/// It is not there, not a plain file, or can't be read.
pub fn open(path: &Path) -> Result<File, FileError> {
    let opened = at_once(OpenOptions::new().read(true)).open(path);
    let file = opened.map_err(|error| what_it_is(path).unwrap_or_else(|| error.into()))?;
    check(&file)?;
    Ok(file)
}

/// Opens the folder at `path`, to lock it. Waits for nobody, whatever lies there.
///
/// # Errors
/// It is no folder, or can't be opened, which folders can't on Windows.
pub fn open_folder(path: &Path) -> io::Result<File> {
    let folder = at_once(OpenOptions::new().read(true)).open(path)?;
    match folder.metadata()?.is_dir() {
        true => Ok(folder),
        false => Err(ErrorKind::NotADirectory.into()),
    }
}

/// Reads all of the plain file at `path`, which may have `limit` bytes.
///
/// # Errors
/// It is not there, not a plain file, larger, or can't be read.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_all(open(path)?, limit)
}

/// Reads all of `file`, which may have `limit` bytes.
///
/// # Errors
/// It is larger, or can't be read.
pub fn read_all(file: File, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLarge(limit));
    }
    Ok(bytes)
}

/// Checks that an open file is a plain one.
///
/// # Errors
/// It is something else.
pub fn check(file: &File) -> Result<Metadata, FileError> {
    let metadata = file.metadata()?;
    match kind(metadata.file_type()) {
        None => Ok(metadata),
        Some(kind) => Err(FileError::NotPlain(kind)),
    }
}

/// Writes `bytes` into the plain file at `path`, in the place of what was in it; makes it where
/// there is none.
///
/// # Errors
/// It is not a plain file, or can't be written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let opened = at_once(OpenOptions::new().write(true).create(true)).open(path);
    let mut file = opened.map_err(|error| match what_it_is(path) {
        Some(other) => io::Error::other(other),
        None => error,
    })?;
    check(&file).map_err(io::Error::other)?;
    // Not by opening: what is no plain file must not be touched.
    file.set_len(0)?;
    file.write_all(bytes)
}

/// Makes opening wait for nobody.
fn at_once(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(flags());
    }
    options
}

/// `O_NONBLOCK` opens a pipe that nobody writes to, `O_NOCTTY` keeps a terminal from becoming the
/// server's. `O_CLOEXEC` is set by the standard library.
#[cfg(unix)]
pub fn flags() -> i32 {
    use rustix::fs::OFlags;
    (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32
}

/// Whether opening failed since sockets and some devices can't be opened (`ENXIO`).
pub fn is_none_that_opens(error: &io::Error) -> bool {
    #[cfg(unix)]
    let code = Some(rustix::io::Errno::NXIO.raw_os_error());
    #[cfg(not(unix))]
    let code = None;
    code.is_some() && error.raw_os_error() == code
}

/// The reason where opening failed since something else lies there: a socket, or a folder (on
/// Windows).
fn what_it_is(path: &Path) -> Option<FileError> {
    let metadata = path.metadata().ok()?;
    kind(metadata.file_type()).map(FileError::NotPlain)
}

/// A kind of file that is no plain one.
fn kind(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        return None;
    }
    if kind.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
    }
    Some("a device")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn pipe(path: &Path) {
        let made = Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    }

    #[test]
    fn only_plain_files_are_opened_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("plain"), "text").unwrap();
        std::os::unix::fs::symlink("plain", at("link")).unwrap();
        std::os::unix::fs::symlink("pipe", at("link-to-pipe")).unwrap();
        pipe(&at("pipe"));
        let _socket = UnixListener::bind(at("socket")).unwrap();

        for name in ["plain", "link"] {
            assert_eq!(read(&at(name), 4).unwrap(), b"text");
        }
        for (name, why) in [
            ("pipe", "this is a pipe, not a plain file"),
            ("link-to-pipe", "this is a pipe, not a plain file"),
            ("socket", "this is a socket, not a plain file"),
            (".", "this is a folder, not a plain file"),
            ("gone", "no such file"),
        ] {
            assert_eq!(read(&at(name), 4).unwrap_err().to_string(), why, "{name}");
        }
        let device = read(Path::new("/dev/zero"), 4).unwrap_err();
        assert_eq!(device.to_string(), "this is a device, not a plain file");
    }

    #[test]
    fn what_the_machine_is_short_of_may_pass() {
        use rustix::io::Errno;
        for (errno, is) in [
            (Errno::NOSPC, true),
            (Errno::DQUOT, true),
            (Errno::AGAIN, true),
            (Errno::NOMEM, true),
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::IO, true),
            (Errno::NOENT, false),
            (Errno::ACCESS, false),
            (Errno::ROFS, false),
        ] {
            let error = io::Error::from(errno);
            assert_eq!(is_passing(&error), is, "{error}");
            assert_eq!(FileError::from(error).is_passing(), is, "{errno:?}");
        }
    }

    #[test]
    fn large_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        std::fs::write(&path, [0; 1025]).unwrap();
        let error = read(&path, 1024).unwrap_err();
        assert_eq!(error.to_string(), "the file is larger than 1 KiB");
        assert_eq!(read(&path, 1025).unwrap().len(), 1025);
    }

    #[test]
    fn only_plain_files_are_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (path, pipe_path) = (folder.path().join("new"), folder.path().join("pipe"));
        pipe(&pipe_path);
        write(&path, b"longer").unwrap();
        write(&path, b"text").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
        let error = write(&pipe_path, b"text").unwrap_err();
        assert_eq!(error.to_string(), "this is a pipe, not a plain file");
    }

    #[test]
    fn a_file_that_becomes_a_pipe_at_any_moment_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("plain"), "text").unwrap();
        pipe(&at("pipe"));
        let (path, from) = (at("file"), [at("plain"), at("pipe")]);
        let changing = std::thread::spawn(move || {
            for round in 0..2_000 {
                let new = path.with_extension("new");
                std::fs::hard_link(&from[round % 2], &new).unwrap();
                std::fs::rename(&new, &path).unwrap();
            }
        });
        let mut seen = 0;
        while !changing.is_finished() {
            match read(&at("file"), 4) {
                Ok(text) => assert_eq!(text, b"text"),
                Err(FileError::NotFound | FileError::NotPlain("a pipe")) => seen += 1,
                Err(error) => panic!("{error}"),
            }
        }
        changing.join().unwrap();
        assert!(seen > 0);
    }
}
/// Modification time, length and inode of a file, which tell whether it has changed; nothing where
/// there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState(Option<(SystemTime, u64, u64)>);

impl FileState {
    /// The state of the file with this `metadata`.
    ///
    /// # Errors
    /// The system has no such times.
    pub fn of(metadata: &Metadata) -> io::Result<Self> {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Ok(Self(Some((metadata.modified()?, metadata.len(), inode))))
    }

    /// The time at which something was written into it last.
    pub fn modified(&self) -> Option<SystemTime> {
        self.0.map(|(modified, ..)| modified)
    }

    /// Whether the file is there.
    pub fn exists(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the file is there and has nothing in it.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Some((_, 0, _)))
    }
}

/// The state of the file at `path`, where a link leads.
pub fn state(path: &Path) -> FileState {
    let state = path
        .metadata()
        .and_then(|metadata| FileState::of(&metadata));
    state.unwrap_or(FileState(None))
}
