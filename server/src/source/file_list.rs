//! The files of a recording in natural order: of one file, a folder, a glob, or a numbered pattern
//! such as `img%04d.jpg`.
//!
//! They are looked for again while they are played, so that files that come and go are seen.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jpeg_splice::InvalidJpeg;

use crate::clock::Clock;
use crate::files::{AtPath, FileError};

/// The interval at which it is looked again, unless looking takes long.
const AGAIN: Duration = Duration::from_secs(1);
/// The least part of the time that is not spent on looking.
const SHARE: u32 = 20;
/// The most digits of a number in a file's name, as `%04d` has four.
const DIGITS: usize = 18;

/// The reason why a recording, or a picture of it, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The path leads to a file that is not there.
    #[error("{path} is a link to {target}, which is not there")]
    DanglingLink {
        /// The path.
        path: PathBuf,
        /// The path that it leads to.
        target: PathBuf,
    },
    /// A fault of a file, a folder or a pattern.
    #[error(transparent)]
    At(#[from] AtPath<PathFault>),
}

/// The fault of what lies at a path.
#[derive(Debug, thiserror::Error)]
pub enum PathFault {
    /// The folder has no pictures.
    #[error("the folder has no JPEG files (`.jpg` or `.jpeg`)")]
    EmptyFolder,
    /// No file has a number where the pattern has one.
    #[error("no such file: none is called like `{0}`")]
    NoNumbered(String),
    /// No file matches the glob.
    #[error("no such file: none matches this pattern")]
    NoMatch,
    /// There is no file.
    #[error("no such file")]
    NotFound,
    /// There is no folder that it could lie in.
    #[error("no such file: there is no folder `{0}`")]
    NoFolder(PathBuf),
    /// A glob has to be UTF-8.
    #[error("the pattern is not UTF-8")]
    NotUtf8,
    /// A glob that is none.
    #[error("this is not a pattern: {0}")]
    Pattern(#[from] glob::PatternError),
    /// The folder can't be read.
    #[error("the folder can't be read: {0}")]
    Folder(std::io::Error),
    /// The file can't be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file can't be read on.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file is no whole JPEG.
    #[error(transparent)]
    Invalid(#[from] InvalidJpeg),
    /// The picture of this number, counted from 1, is no whole JPEG.
    #[error("picture {0}: {1}")]
    Picture(u64, InvalidJpeg),
    /// The recording has no whole picture.
    #[error("there is no JPEG in it")]
    NoPicture,
}

impl PathFault {
    /// This fault, of `path`.
    pub fn at(self, path: &Path) -> RecordingError {
        AtPath::new(path, self).into()
    }
}

/// Files, and which of them is next.
pub struct FileList {
    pattern: PathBuf,
    paths: Vec<PathBuf>,
    /// The last one that was played since the start.
    last: Option<PathBuf>,
    rescan_at: Option<Instant>,
}

impl FileList {
    /// The files that `pattern` names.
    ///
    /// # Errors
    /// There are none.
    pub fn find(pattern: &Path) -> Result<Self, RecordingError> {
        Ok(Self {
            pattern: pattern.to_owned(),
            paths: find(pattern)?,
            last: None,
            rescan_at: None,
        })
    }

    /// The files as they were found last.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The next file; none at the end. Those that came or went by `now` are seen.
    pub fn next(&mut self, clock: &dyn Clock) -> Option<PathBuf> {
        let now = clock.now();
        match self.rescan_at {
            Some(at) if now >= at => self.rescan(clock),
            Some(_) => {}
            None => self.rescan_at = Some(now + AGAIN),
        }
        let next = self.last.as_ref().map_or(0, |last| {
            let is_played = |path: &PathBuf| order(path, last) != Ordering::Greater;
            self.paths.partition_point(is_played)
        });
        let path = self.paths.get(next)?.clone();
        self.last = Some(path.clone());
        Some(path)
    }

    /// Starts again with the files that are there now.
    ///
    /// # Errors
    /// Those of [`Self::find`].
    pub fn rewind(&mut self) -> Result<(), RecordingError> {
        *self = Self::find(&self.pattern)?;
        Ok(())
    }

    fn rescan(&mut self, clock: &dyn Clock) {
        let start = clock.now();
        // A moment without files is no end; if they stay away, the next start tells.
        if let Ok(paths) = find(&self.pattern) {
            self.paths = paths;
        }
        let took = clock.now() - start;
        self.rescan_at = Some(start + AGAIN.max(took * SHARE));
    }
}

/// Whether the file's name in `pattern` has a place for a number.
pub fn is_numbered(pattern: &Path) -> bool {
    Numbered::of(pattern).is_some()
}

/// The order in which people count: `2.jpg` before `10.jpg`.
fn order(a: &Path, b: &Path) -> Ordering {
    alphanumeric_sort::compare_path(a, b).then_with(|| a.cmp(b))
}

/// # Errors
/// There are none.
fn find(pattern: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let mut paths = list(pattern).map_err(|fault| fault.at(pattern))?;
    if paths.is_empty() {
        return Err(missing(pattern));
    }
    paths.sort_by(|a, b| order(a, b));
    Ok(paths)
}

fn list(pattern: &Path) -> Result<Vec<PathBuf>, PathFault> {
    if pattern.is_file() {
        return Ok(vec![pattern.to_owned()]);
    }
    if pattern.is_dir() {
        return in_folder(pattern, is_jpeg_name);
    }
    let Some(numbered) = Numbered::of(pattern) else {
        return matching(pattern);
    };
    let folder = pattern.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    in_folder(folder, |name| numbered.matches(name))
}

/// The files right in `folder` whose names are `wanted`.
fn in_folder(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, PathFault> {
    let entries = std::fs::read_dir(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => PathFault::NoFolder(folder.to_owned()),
        _ => PathFault::Folder(error),
    })?;
    let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
    let named = entries.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(&wanted) && !path.is_dir()
    });
    Ok(named.collect())
}

fn is_jpeg_name(name: &str) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    let known = ["jpg", "jpeg", "jpe", "jfif"];
    known
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
        && !name.starts_with('.')
}

/// The files that match a glob.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, PathFault> {
    let found = glob::glob(pattern.to_str().ok_or(PathFault::NotUtf8)?)?;
    let mut paths = Vec::new();
    for path in found {
        match path {
            // Pipes and devices stay: reading them tells what they are.
            Ok(path) if path.is_dir() => {}
            Ok(path) => paths.push(path),
            Err(unreadable) => {
                tracing::warn!(error = %unreadable, "a path that can't be read is left out")
            }
        }
    }
    Ok(paths)
}

/// The reason why `pattern` names no file.
fn missing(pattern: &Path) -> RecordingError {
    let is_wild = |path: &Path| path.to_string_lossy().contains(['*', '?', '[']);
    let mut folders = pattern.ancestors().skip(1).filter(|path| !is_wild(path));
    let folder = folders.next().filter(|path| !path.as_os_str().is_empty());
    let fault = if pattern.is_dir() {
        PathFault::EmptyFolder
    } else if let Some(numbered) = Numbered::of(pattern) {
        PathFault::NoNumbered(numbered.example())
    } else if let Ok(target) = std::fs::read_link(pattern) {
        let path = pattern.to_owned();
        return RecordingError::DanglingLink { path, target };
    } else if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        PathFault::NoFolder(folder.to_owned())
    } else if is_wild(pattern) {
        PathFault::NoMatch
    } else {
        PathFault::NotFound
    };
    fault.at(pattern)
}

/// A file name with a number in it, as ffmpeg writes it: `img%04d.jpg`, `%d.jpg`, with `%%` for
/// `%`.
struct Numbered {
    before: String,
    /// The least count of digits; more only for numbers that need them.
    width: usize,
    after: String,
}

impl Numbered {
    fn of(pattern: &Path) -> Option<Self> {
        Self::parse(pattern.file_name()?.to_str()?)
    }

    fn parse(name: &str) -> Option<Self> {
        let mut rest = name;
        let mut before = String::new();
        loop {
            let (text, behind) = rest.split_once('%')?;
            before += text;
            if let Some(behind) = behind.strip_prefix('%') {
                before.push('%');
                rest = behind;
                continue;
            }
            let (digits, after) = behind.split_once('d')?;
            let is_width = digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            return is_width.then(|| Self {
                before,
                width: digits.parse().unwrap_or(1).clamp(1, DIGITS),
                after: after.replace("%%", "%"),
            });
        }
    }

    fn matches(&self, name: &str) -> bool {
        let number = name.strip_prefix(self.before.as_str());
        let number = number.and_then(|rest| rest.strip_suffix(self.after.as_str()));
        number.is_some_and(|digits| {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let is_long_for_a_reason = digits.len() == self.width || !digits.starts_with('0');
            is_number && (self.width..=DIGITS).contains(&digits.len()) && is_long_for_a_reason
        })
    }

    fn example(&self) -> String {
        let (before, width, after) = (&self.before, self.width, &self.after);
        format!("{before}{:0width$}{after}", 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        folder
    }

    fn names(list: &mut FileList, clock: &FakeClock) -> Vec<String> {
        let paths = std::iter::from_fn(|| list.next(clock));
        let names = paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        names.collect()
    }

    fn found(folder: &tempfile::TempDir, pattern: &str) -> Vec<String> {
        let mut list = FileList::find(&folder.path().join(pattern)).unwrap();
        names(&mut list, &FakeClock::new())
    }

    #[test]
    fn folders_globs_and_numbers_are_in_natural_order() {
        let folder = folder(&["10.jpg", "9.JPG", "a.jpeg", "b.txt", ".c.jpg", "img1.jpg"]);
        std::fs::create_dir(folder.path().join("x.jpg")).unwrap();
        assert_eq!(
            found(&folder, ""),
            ["9.JPG", "10.jpg", "a.jpeg", "img1.jpg"]
        );
        assert_eq!(found(&folder, "?0.jpg"), ["10.jpg"]);
        assert_eq!(found(&folder, "b.txt"), ["b.txt"]);
        assert_eq!(found(&folder, "%d.jpg"), ["10.jpg"]);
        assert_eq!(found(&folder, "img%d.jpg"), ["img1.jpg"]);
    }

    #[test]
    fn numbers_are_as_ffmpeg_writes_them() {
        let matches = |pattern: &str, name: &str| Numbered::parse(pattern).unwrap().matches(name);
        for (pattern, name) in [
            ("img%04d.jpg", "img0001.jpg"),
            ("img%04d.jpg", "img12345.jpg"),
            ("img%d.jpg", "img0.jpg"),
            ("img%d.jpg", "img120.jpg"),
            ("%%%3d%%.jpg", "%123%.jpg"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("img%04d.jpg", "img1.jpg"),
            ("img%04d.jpg", "img00001.jpg"),
            ("img%d.jpg", "img.jpg"),
            ("img%d.jpg", "img01.jpg"),
            ("img%d.jpg", "img1.jpg.bak"),
            ("img%d.jpg", "imgä.jpg"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        for pattern in ["img.jpg", "%x.jpg", "%", "%%", "%-1d", "%1000000d"] {
            assert!(Numbered::parse(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn what_comes_and_goes_is_seen() {
        let folder = folder(&["1.jpg", "2.jpg", "4.jpg"]);
        let at = |name: &str| folder.path().join(name);
        let mut list = FileList::find(folder.path()).unwrap();
        let clock = FakeClock::new();
        assert_eq!(list.next(&*clock), Some(at("1.jpg")));
        std::fs::remove_file(at("2.jpg")).unwrap();
        std::fs::write(at("3.jpg"), "").unwrap();
        std::fs::write(at("0.jpg"), "").unwrap();
        clock.advance(2 * AGAIN);
        assert_eq!(names(&mut list, &clock), ["3.jpg", "4.jpg"]);
        list.rewind().unwrap();
        assert_eq!(
            names(&mut list, &clock),
            ["0.jpg", "1.jpg", "3.jpg", "4.jpg"]
        );
    }

    #[test]
    fn a_wrong_path_says_why() {
        let folder = folder(&["a.png"]);
        for (pattern, words) in [
            ("", "the folder has no JPEG files"),
            ("*.jpg", "none matches this pattern"),
            ("img%03d.jpg", "none is called like `img001.jpg`"),
            ("gone/*.jpg", "there is no folder `"),
            ("gone/%d.jpg", "there is no folder `"),
            ("gone/a.jpg", "there is no folder `"),
            ("a.jpg", "no such file"),
            ("[", "is not a pattern"),
        ] {
            let error = FileList::find(&folder.path().join(pattern)).err().unwrap();
            assert!(error.to_string().contains(words), "{pattern}: {error}");
        }
    }
}
