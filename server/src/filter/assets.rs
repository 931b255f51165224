//! The files that a filter may read: those its step names, below the pipeline file's folder.
//!
//! `cap-std` opens every path relative to a handle of the folder and refuses to leave it, also by
//! way of symbolic links, so that a check and the opening can't be raced against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use sha2::{Digest as _, Sha256};

use super::Digest;
use super::limits::ASSET_BYTES;
use super::system_fonts::{self, NoFont, SystemFonts};
use crate::files::{self, AtPath, FileError};
use crate::log::sanitize_to;
use crate::sync::IgnorePoison;

/// The most failures that are kept for one start of a filter.
const FAILURES: usize = 16;
/// The most characters of a name that are kept or shown.
const NAME_CHARS: usize = 256;
/// The most questions for a font of the system that one start of a filter may ask: each may read a
/// large file.
const FONT_QUESTIONS: usize = 256;

/// The assets of one step.
#[derive(Debug)]
pub struct Assets {
    folder: PathBuf,
    granted: BTreeSet<String>,
    read: AssetsRead,
    failures: Mutex<Vec<AssetFailure>>,
    /// The system's fonts, and the questions for them so far.
    fonts: Option<(Arc<SystemFonts>, AtomicUsize)>,
}

/// The granted assets that a filter has read so far: each one's contents, by their hash; none where
/// it could not be read. Names that are not granted are not kept: a filter can make up any number
/// of them. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct AssetsRead(Arc<Mutex<BTreeMap<String, Option<Digest>>>>);

impl AssetsRead {
    fn note(&self, name: &str, bytes: Option<&[u8]>) {
        let digest = bytes.map(|bytes| Sha256::digest(bytes).into());
        let mut read = self.0.lock().ignore_poison();
        read.insert(name.to_owned(), digest);
    }

    /// Whether reading all of them again would give the same.
    pub fn are_unchanged(&self, folder: &Path, granted: &[String]) -> bool {
        let assets = Assets::new(folder, granted.iter().cloned());
        let read = self.0.lock().ignore_poison().clone();
        read.iter().all(|(name, digest)| {
            let now = assets.try_read(name).ok();
            now.map(|bytes| Sha256::digest(bytes).into()) == *digest
        })
    }
}

/// An asset that a filter asked for and did not get.
#[derive(Clone, Debug)]
pub struct AssetFailure {
    /// The name that the filter used.
    pub name: String,
    /// The reason.
    pub error: Arc<AssetError>,
}

/// The reason why a filter does not get an asset.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// The name could only mean a file outside.
    #[error("`{0}` is not a path below the pipeline file's folder (relative, without `..`)")]
    Outside(String),
    /// The step does not name it.
    #[error(
        "`{0}` is not granted to this step: name it in the step's `with` or list it in its `assets`"
    )]
    NotGranted(String),
    /// The pipeline file's folder can't be opened.
    #[error(transparent)]
    Folder(#[from] AtPath<io::Error>),
    /// There is no such file in this folder.
    #[error("`{0}`: no such file in the pipeline file's folder ({1})")]
    NotFound(String, PathBuf),
    /// The file is locked, or a link leads out of this folder.
    #[error("`{0}` can't be read, or leads out of the pipeline file's folder ({1})")]
    Denied(String, PathBuf),
    /// It is a socket or a device.
    #[error("`{0}` is a socket or a device, not a plain file")]
    Special(String),
    /// It is larger than an asset may be.
    #[error("`{0}`: {1}, the most that an asset may have")]
    TooLarge(String, FileError),
    /// It is no plain file.
    #[error("`{0}`: {1}")]
    File(String, FileError),
    /// It can't be read.
    #[error("`{0}`: {1}")]
    Io(String, io::Error),
    /// There is no such font of the system.
    #[error(transparent)]
    Font(#[from] NoFont),
}

impl AssetError {
    /// Whether another try may succeed though nobody does anything to the file.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Folder(at) => files::is_passing(at.error()),
            Self::Io(_, error) => files::is_passing(error),
            _ => false,
        }
    }
}

impl Assets {
    /// Grants the files called `granted`, relative to `folder`.
    pub fn new(folder: &Path, granted: impl IntoIterator<Item = String>) -> Self {
        Self {
            folder: folder.to_owned(),
            granted: granted.into_iter().collect(),
            read: AssetsRead::default(),
            failures: Mutex::default(),
            fonts: None,
        }
    }

    /// The same, with the system's fonts below [`system_fonts::PREFIX`], whether the step names
    /// them or not.
    pub fn with_fonts(self, fonts: Arc<SystemFonts>) -> Self {
        let fonts = Some((fonts, AtomicUsize::new(0)));
        Self { fonts, ..self }
    }

    /// Whether `name` asks for a font of the system, and not for a file that the step names.
    pub fn is_font(&self, name: &str) -> bool {
        self.fonts.is_some()
            && name.starts_with(system_fonts::PREFIX)
            && !self.granted.contains(name)
    }

    /// The same, noting in `read` what is read.
    pub fn noting(self, read: AssetsRead) -> Self {
        Self { read, ..self }
    }

    /// The whole file `name`.
    ///
    /// # Errors
    /// The name isn't granted or leaves the folder, or the file is missing, not a plain file, or
    /// larger than [`ASSET_BYTES`].
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Arc<AssetError>> {
        if self.is_font(name) {
            return self.font(name).map_err(|error| Arc::new(error.into()));
        }
        let bytes = self.try_read(name);
        if self.granted.contains(name) {
            self.read.note(name, bytes.as_deref().ok());
        }
        bytes.map_err(|error| {
            let error = Arc::new(error);
            let mut failures = self.failures.lock().ignore_poison();
            // A filter that asks in a loop must not fill the server's memory.
            if failures.len() < FAILURES {
                failures.push(AssetFailure {
                    name: shown(name),
                    error: error.clone(),
                });
            }
            error
        })
    }

    fn font(&self, name: &str) -> Result<Vec<u8>, NoFont> {
        let question = name.strip_prefix(system_fonts::PREFIX);
        let (Some(question), Some((fonts, asked))) = (question, &self.fonts) else {
            return Err(NoFont::Question);
        };
        if asked.fetch_add(1, Ordering::Relaxed) >= FONT_QUESTIONS {
            return Err(NoFont::Enough);
        }
        fonts.answer(question)
    }

    /// The assets that could not be read so far; forgets them.
    pub fn take_failures(&self) -> Vec<AssetFailure> {
        std::mem::take(&mut self.failures.lock().ignore_poison())
    }

    fn try_read(&self, name: &str) -> Result<Vec<u8>, AssetError> {
        let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || !Path::new(name).components().all(is_inside) {
            return Err(AssetError::Outside(shown(name)));
        }
        if !self.granted.contains(name) {
            return Err(AssetError::NotGranted(shown(name)));
        }
        let folder = Dir::open_ambient_dir(&self.folder, ambient_authority());
        let folder = folder.map_err(|error| AtPath::new(&self.folder, error))?;
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::custom_flags(&mut options, files::flags());
        let file = folder
            .open_with(name, &options)
            .map_err(|error| self.error(name, error))?
            .into_std();
        let read = files::check(&file).and_then(|_| files::read_all(file, ASSET_BYTES));
        read.map_err(|error| match error {
            FileError::Io(error) => self.error(name, error),
            error @ FileError::TooLarge(_) => AssetError::TooLarge(name.to_owned(), error),
            error => AssetError::File(name.to_owned(), error),
        })
    }

    fn error(&self, name: &str, error: io::Error) -> AssetError {
        let (name, folder) = (name.to_owned(), self.folder.clone());
        match error.kind() {
            io::ErrorKind::NotFound => AssetError::NotFound(name, folder),
            // What cap-std says when a symbolic link points outside, and the system for a locked
            // file.
            io::ErrorKind::PermissionDenied => AssetError::Denied(name, folder),
            _ if files::is_none_that_opens(&error) => AssetError::Special(name),
            _ => AssetError::Io(name, error),
        }
    }
}

/// As much of a name, which may be any text, as is shown.
fn shown(name: &str) -> String {
    sanitize_to(name, NAME_CHARS)
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
            let error = assets.read(name).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
        assert_eq!(assets.take_failures().len(), 6);
        assert!(assets.take_failures().is_empty());
    }

    #[test]
    fn names_that_a_filter_makes_up_are_not_kept() {
        let read = AssetsRead::default();
        let assets = assets(Path::new("."), &["gone"]).noting(read.clone());
        for number in 0..1000 {
            let name = format!("\x1b{number}{}", "x".repeat(10_000));
            let error = assets.read(&name).unwrap_err().to_string();
            assert!(error.len() < 1000 && !error.contains('\x1b'), "{error}");
        }
        assert!(assets.read("gone").is_err());
        assert_eq!(read.0.lock().unwrap().len(), 1);
        let failures = assets.take_failures();
        assert_eq!(failures.len(), FAILURES);
        assert!(failures.iter().all(|failure| failure.name.len() < 1000));
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
            let error = assets.read(name).unwrap_err().to_string();
            assert!(error.contains("leads out"), "{error}");
        }
    }
}
