//! The files that a filter may read: those its step names, below the pipeline file's folder.
//!
//! `cap-std` opens every path relative to a handle of the folder and refuses to leave it, also by way of
//! symbolic links, so that a check and the opening can't be raced against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use sha2::{Digest as _, Sha256};

use super::Digest;
use super::limits::ASSET_BYTES;
use crate::files::{self, FileError};

/// The assets of one step.
#[derive(Debug)]
pub struct Assets {
    folder: PathBuf,
    granted: BTreeSet<String>,
    read: AssetsRead,
    failures: Mutex<Vec<AssetFailure>>,
}

/// What a filter has read so far: each asset's contents, by their hash; none where it could not be read. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct AssetsRead(Arc<Mutex<BTreeMap<String, Option<Digest>>>>);

impl AssetsRead {
    fn note(&self, name: &str, bytes: Option<&[u8]>) {
        let mut read = self.0.lock().expect("no panic while it is held");
        // As with the failures.
        if read.len() < 1024 {
            read.insert(
                name.to_owned(),
                bytes.map(|bytes| Sha256::digest(bytes).into()),
            );
        }
    }

    /// Whether reading all of them again would give the same.
    pub fn are_unchanged(&self, folder: &Path, granted: &[String]) -> bool {
        let assets = Assets::new(folder, granted.iter().cloned());
        let read = self.0.lock().expect("no panic while it is held").clone();
        read.iter().all(|(name, digest)| {
            let now = assets.try_read(name).ok();
            now.map(|bytes| Sha256::digest(bytes).into()) == *digest
        })
    }
}

/// An asset that a filter asked for and did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetFailure {
    /// The name that the filter used.
    pub name: String,
    /// Why, for people.
    pub reason: String,
}

impl Assets {
    /// Grants the files called `granted`, relative to `folder`.
    pub fn new(folder: &Path, granted: impl IntoIterator<Item = String>) -> Self {
        Self {
            folder: folder.to_owned(),
            granted: granted.into_iter().collect(),
            read: AssetsRead::default(),
            failures: Mutex::default(),
        }
    }

    /// The same, noting in `read` what is read.
    pub fn noting(self, read: AssetsRead) -> Self {
        Self { read, ..self }
    }

    /// The whole file `name`.
    ///
    /// # Errors
    /// A text for the filter, and for whoever reads the log: the name isn't granted or leaves the folder,
    /// or the file is missing, not a plain file, or larger than [`ASSET_BYTES`].
    pub fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let bytes = self.try_read(name);
        self.read.note(name, bytes.as_deref().ok());
        bytes.inspect_err(|reason| {
            let mut failures = self.failures.lock().expect("no panic while it is held");
            // A filter that asks in a loop must not fill the server's memory.
            if failures.len() < 16 {
                failures.push(AssetFailure {
                    name: name.chars().take(256).collect(),
                    reason: reason.clone(),
                });
            }
        })
    }

    /// What could not be read so far; forgets it.
    pub fn take_failures(&self) -> Vec<AssetFailure> {
        std::mem::take(&mut self.failures.lock().expect("no panic while it is held"))
    }

    fn try_read(&self, name: &str) -> Result<Vec<u8>, String> {
        confined(name)?;
        if !self.granted.contains(name) {
            return Err(format!(
                "`{name}` is not granted to this step: name it in the step's `with` or list it in its `assets`"
            ));
        }
        let folder = Dir::open_ambient_dir(&self.folder, ambient_authority())
            .map_err(|error| format!("{}: {error}", self.folder.display()))?;
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::custom_flags(&mut options, files::flags());
        let file = folder
            .open_with(name, &options)
            .map_err(|e| self.why(name, &e))?
            .into_std();
        let read = files::check(&file).and_then(|_| files::read_all(file, ASSET_BYTES));
        read.map_err(|error| match error {
            FileError::Io(error) => self.why(name, &error),
            FileError::TooLarge(_) => {
                format!("`{name}` {error}, the most that an asset may have")
            }
            error => format!("`{name}` {error}"),
        })
    }

    fn why(&self, name: &str, error: &std::io::Error) -> String {
        use std::io::ErrorKind::{NotFound, PermissionDenied};
        let folder = self.folder.display();
        match error.kind() {
            NotFound => format!("`{name}`: no such file in the pipeline file's folder ({folder})"),
            // What cap-std says when a symbolic link points outside, and the system for a locked file.
            PermissionDenied => {
                format!(
                    "`{name}` can't be read, or leads out of the pipeline file's folder ({folder})"
                )
            }
            _ if files::is_none_that_opens(error) => {
                format!("`{name}` is a socket or a device, not a plain file")
            }
            _ => format!("`{name}`: {error}"),
        }
    }
}

/// Refuses what could only mean a file outside, with a plainer message than the file system's.
fn confined(name: &str) -> Result<(), String> {
    let stays = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !stays {
        return Err(format!(
            "`{name}` is not a path below the pipeline file's folder (relative, without `..`)"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(folder: &Path, names: &[&str]) -> Assets {
        Assets::new(folder, names.iter().map(ToString::to_string))
    }

    #[test]
    fn only_granted_files_below_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("pipeline");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(root.path().join("secret"), "s").unwrap();
        std::fs::write(folder.join("sub/logo.png"), "logo").unwrap();
        std::fs::write(folder.join("other"), "o").unwrap();
        let absolute = root.path().join("secret").display().to_string();
        let names = [
            "sub/logo.png",
            "../secret",
            &absolute,
            "sub",
            "gone",
            "sub/../../secret",
        ];
        let assets = assets(&folder, &names);

        assert_eq!(assets.read("sub/logo.png").unwrap(), b"logo");
        for (name, why) in [
            ("../secret", "without `..`"),
            ("sub/../../secret", "without `..`"),
            (absolute.as_str(), "relative"),
            ("other", "not granted"),
            ("sub", "not a plain file"),
            ("gone", "no such file"),
        ] {
            let error = assets.read(name).unwrap_err();
            assert!(error.contains(why), "{name}: {error}");
        }
        assert_eq!(assets.take_failures().len(), 6);
        assert!(assets.take_failures().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_may_stay_inside_but_not_lead_out() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("pipeline");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(root.path().join("secret"), "s").unwrap();
        std::fs::write(folder.join("real"), "r").unwrap();
        std::os::unix::fs::symlink("real", folder.join("inside")).unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("outside")).unwrap();
        std::os::unix::fs::symlink(root.path(), folder.join("up")).unwrap();
        let assets = assets(&folder, &["inside", "outside", "up/secret"]);

        assert_eq!(assets.read("inside").unwrap(), b"r");
        for name in ["outside", "up/secret"] {
            let error = assets.read(name).unwrap_err();
            assert!(error.contains("leads out"), "{error}");
        }
    }
}
