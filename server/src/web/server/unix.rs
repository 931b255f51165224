//! A Unix domain socket to listen on.
//!
//! It is made under another name and moved to its place, so that it never is there with other permissions than it is to have,
//! and so that a stale one is replaced without a moment in between.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as Connection;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// The server's user and its group may connect.
const MODE: u32 = 0o660;

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
        check_place(path)?;
        let folder = path.parent().filter(|it| *it != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let made = tempfile::Builder::new().make_in(folder, |path| UnixListener::bind(path))?;
        fs::set_permissions(made.path(), Permissions::from_mode(MODE))?;
        let identity = identity(made.path())?;
        let listener = made.persist(path).map_err(|error| error.error)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            identity,
        })
    }

    /// Where it is.
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
            tracing::warn!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// Checks that nothing is at `path` but a socket that nobody listens on.
fn check_place(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(there) => there.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        let why = "something else than a socket is there already";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    match Connection::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another server listens there",
        )),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
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
        assert!(Connection::connect(&path).is_ok());
        // Nobody else's is removed.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        drop(second);
        assert_eq!(refused(), "something else than a socket is there already");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
    }
}
