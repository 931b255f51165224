//! A Unix domain socket to listen on.
//!
//! It is made under another name and moved to its place, so that it never is there with other
//! permissions than it is to have, and so that a stale one is replaced without a moment in between.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use tokio::net::{UnixListener, UnixStream};

/// The server's user and its group may connect.
const MODE: u32 = 0o660;
/// The most bytes of a path: `sun_path` of Linux without the zero at its end, which other systems
/// have shorter.
const PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A listening socket in the file system, which is removed when it is dropped.
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode, by which it is known.
    identity: (u64, u64),
}

impl UnixSocket {
    /// Listens at `path`. A socket there that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// Another server listens there, something else is there, or this user may not make it.
    pub fn bind(path: &Path) -> io::Result<Self> {
        check_path(path)?;
        check_free(path)?;
        // Short: the path while it is made must not be too long where the other isn't.
        let mut name = tempfile::Builder::new();
        let name = name.prefix(".").rand_bytes(5);
        let made = name.make_in(folder(path), |path| UnixListener::bind(path))?;
        fs::set_permissions(made.path(), Permissions::from_mode(MODE))?;
        let identity = identity(made.path())?;
        let listener = made.persist(path).map_err(|error| error.error)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            identity,
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection.
    ///
    /// # Errors
    /// There are no file descriptors left, or the client has gone already.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

impl Drop for UnixSocket {
    /// Removes it, unless another server has put its own there.
    fn drop(&mut self) {
        let is_own = identity(&self.path).is_ok_and(|there| there == self.identity);
        if is_own && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a socket can't be removed");
        }
    }
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|it| *it != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

/// Checks that a socket can be at `path`, where one may be already.
///
/// # Errors
/// The path is too long, its folder is none or not this user's to write in, or something else is
/// there.
pub fn check_path(path: &Path) -> io::Result<()> {
    let bytes = path.as_os_str().len();
    if bytes > PATH_BYTES {
        return Err(io::Error::other(format!(
            "the path has {bytes} bytes, and a socket's may have {PATH_BYTES}"
        )));
    }
    let folder = folder(path);
    if !folder.is_dir() {
        let why = format!("there is no folder {}", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            let why = "something else than a socket is there already";
            Err(io::Error::new(io::ErrorKind::AlreadyExists, why))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Checks that nobody listens at `path`.
fn check_free(path: &Path) -> io::Result<()> {
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another server listens there",
        )),
        Err(error) if is_free(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_free(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), ConnectionRefused | NotFound)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let there = fs::symlink_metadata(path)?;
    Ok((there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_stale_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.sock");
        let refused = || UnixSocket::bind(&path).err().unwrap().to_string();
        let first = UnixSocket::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert_eq!(refused(), "another server listens there");
        drop(first);
        assert!(!path.exists());
        // As a server leaves it that was killed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let second = UnixSocket::bind(&path).unwrap();
        assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
        // Nobody else's is removed.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        drop(second);
        assert_eq!(refused(), "something else than a socket is there already");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
    }
}
