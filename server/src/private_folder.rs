//! Folders that nobody else may write to or put another in the place of: what lies in them is
//! trusted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::hash::hash;

/// A choice of the place for what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FolderChoice {
    /// `mattebox` below the user's own folder for such things.
    #[default]
    User,
    /// This folder.
    Folder(PathBuf),
    /// None: it is kept until the process ends.
    Off,
}

impl FolderChoice {
    /// The choice in an argument: `off`, a folder, or the user's if it is empty.
    ///
    /// # Errors
    /// The current folder, which a relative path starts at, is not there.
    pub fn parse(text: &str) -> io::Result<Self> {
        Ok(match text {
            "" => Self::User,
            "off" => Self::Off,
            folder => Self::Folder(std::path::absolute(folder)?),
        })
    }

    /// The folder, where `users` is that of the user.
    pub fn folder(&self, users: impl FnOnce() -> Option<PathBuf>) -> Option<PathBuf> {
        match self {
            Self::User => users().map(|folder| folder.join("mattebox")),
            Self::Folder(folder) => Some(folder.clone()),
            Self::Off => None,
        }
    }
}

/// The folder `name` below `folder`, both made for this user alone where they are missing.
///
/// # Errors
/// They can't be made, or somebody else could change what is in them.
pub fn make_below(folder: &Path, name: &str) -> io::Result<PathBuf> {
    make(folder)?;
    // A link that somebody changes later leads nowhere else then.
    let folder = folder.canonicalize()?;
    check_owner(&folder)?;
    check_all_above(&folder)?;
    let below = folder.join(name);
    make(&below)?;
    if !below.symlink_metadata()?.is_dir() {
        return Err(denied(format!("{} is no folder", below.display())));
    }
    check_owner(&below)?;
    Ok(below)
}

/// The folder for the state called `what` of the server with the pipeline file `file`; none if
/// there is to be none. It lies in the user's folder for state (XDG Base Directory Specification:
/// `$XDG_STATE_HOME`) unless `place` says another.
///
/// # Errors
/// The user has no such folder, or see [`make_below`].
pub fn of_state(place: &FolderChoice, what: &str, file: &Path) -> io::Result<Option<PathBuf>> {
    let users = || dirs::state_dir().or_else(dirs::data_local_dir);
    match place.folder(users) {
        Some(folder) => make_below(&folder, &named_after(what, file)).map(Some),
        None if *place == FolderChoice::Off => Ok(None),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "this user has no folder for state",
        )),
    }
}

/// `what`, and the hash of where `file` is.
fn named_after(what: &str, file: &Path) -> String {
    let real = file.canonicalize().or_else(|_| std::path::absolute(file));
    let real = real.unwrap_or_else(|_| file.to_owned());
    format!("{what}-{}", hash::<16>(real.as_os_str().as_encoded_bytes()))
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Checks that a file or folder is this user's, and nobody else can write to it.
///
/// # Errors
/// It isn't, or can't be looked at.
#[cfg(unix)]
pub fn check_owner(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = path.symlink_metadata()?;
    let path = path.display();
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(denied(format!(
            "{path} belongs to another user, who could change what is in it"
        )));
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(denied(format!(
            "others may write to {path} and could change what is in it (`chmod go-w` ends that; \
             then remove what is in it)"
        )));
    }
    Ok(())
}

/// Checks that nobody else can put another folder in the place of `folder`, by any of those that it
/// lies in.
///
/// # Errors
/// Somebody else can, or they can't be looked at.
pub fn check_all_above(folder: &Path) -> io::Result<()> {
    folder.ancestors().skip(1).try_for_each(check_above)
}

/// Whether nobody else can put another folder in the place of one in `folder`: it is this user's or
/// root's, and others may not write to it, or may not rename what is not theirs.
#[cfg(unix)]
fn check_above(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = folder.metadata()?;
    let above = folder.display();
    if ![0, rustix::process::geteuid().as_raw()].contains(&metadata.uid()) {
        return Err(denied(format!(
            "{above}, which it lies in, belongs to another user, who could put another in its place"
        )));
    }
    if metadata.mode() & OTHERS_WRITE != 0 && metadata.mode() & STICKY == 0 {
        return Err(denied(format!(
            "others may write to {above}, which it lies in, and could put another in its place \
             (`chmod go-w` ends that)"
        )));
    }
    Ok(())
}

/// Writable by the group or by everybody (POSIX file modes).
#[cfg(unix)]
const OTHERS_WRITE: u32 = 0o022;
/// Files in the folder can be renamed by their owners only.
#[cfg(unix)]
const STICKY: u32 = 0o1000;

/// Checks nothing here.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn check_owner(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn check_above(_: &Path) -> io::Result<()> {
    Ok(())
}

fn denied(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}
