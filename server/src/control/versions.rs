//! Versions of the pipeline file: the texts that were in force or were written over, so that a
//! change can be undone.
//!
//! They hold what the file holds, passwords too. So they are kept in a folder that is the user's
//! alone, and not beside the file, where a repository or a filter's assets could take them in.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::report::revision;
use crate::clock::Clock;
use crate::files;
use crate::log::recurring::Recurring;
use crate::private_folder::{self, FolderChoice};
use crate::secret::SecretText;
use crate::sync::IgnorePoison;

/// The most versions that are kept of a file.
pub const MOST: usize = 20;
/// The most bytes of all versions of a file; the newest two are kept however large they are.
const BYTES: usize = 8 << 20;
/// The most bytes of a kept version: the largest pipeline file with each character escaped, and
/// some.
const FILE_BYTES: u64 = 7 << 20;
/// RFC 3339, UTC, with milliseconds.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// The author of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Author {
    /// A request to the API.
    Api {
        /// The request's method, such as `PATCH`.
        method: String,
        /// The address of what was changed, such as `/api/v1/streams/front/steps/1`.
        path: String,
        /// The client's address.
        #[schema(value_type = String)]
        peer: IpAddr,
        /// The user or the program; none of a change from before there were any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
    /// The command `mattebox restore`.
    Command,
    /// Somebody who wrote to the file.
    File,
}

impl Display for Author {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api {
                method, path, peer, ..
            } => write!(f, "{method} {path} from {peer}"),
            Self::Command => f.write_str("`mattebox restore`"),
            Self::File => f.write_str("the file was written"),
        }
    }
}

/// A version of the pipeline file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The text's revision, by which it is named.
    pub id: String,
    /// The time at which it became what the file says.
    pub at: Timestamp,
    /// Its author.
    pub by: Author,
    /// All of the file.
    pub text: SecretText,
}

impl Version {
    fn new(at: Timestamp, by: Author, text: &str) -> Self {
        Self {
            id: revision(text),
            at,
            by,
            text: SecretText::new(text),
        }
    }

    /// The time at which it became what the file says, RFC 3339, UTC.
    pub fn time(&self) -> String {
        self.at.strftime(TIME).to_string()
    }

    fn file_name(&self) -> String {
        let at = self.at.strftime("%Y%m%dT%H%M%S%.3fZ");
        format!("{at}-{}.json", self.id)
    }
}

/// A version as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept<'v> {
    at: Cow<'v, str>,
    by: Cow<'v, Author>,
    text: Cow<'v, str>,
}

/// The versions of one pipeline file. Each text is there once.
pub struct Versions {
    /// None where they are kept in memory alone.
    folder: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    /// Oldest first.
    known: Mutex<Vec<Version>>,
    reading: Mutex<Recurring>,
    writing: Mutex<Recurring>,
}

impl Versions {
    /// The versions of the pipeline file `file`. Where they can't be kept in a folder the log says
    /// so, and they are kept in memory.
    pub fn open(place: &FolderChoice, file: &Path, clock: Arc<dyn Clock>) -> Self {
        let folder = private_folder::of_state(place, "versions", file);
        let folder = folder.inspect_err(|error| {
            tracing::warn!(
                %error,
                "earlier versions of the pipeline file are kept until the server ends only; name \
                 another folder with --state"
            );
        });
        let folder = folder.unwrap_or_default();
        Self {
            folder,
            clock,
            known: Mutex::default(),
            reading: Mutex::default(),
            writing: Mutex::default(),
        }
    }

    /// This moment, in milliseconds as it is written.
    fn now(&self) -> Timestamp {
        let now = Timestamp::try_from(self.clock.unix()).unwrap_or_default();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or_default()
    }

    /// The folder that they are kept in.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// All of them, newest first.
    pub fn list(&self) -> Vec<Version> {
        let known = self.refreshed();
        known.iter().rev().cloned().collect()
    }

    /// The version of this id.
    pub fn find(&self, id: &str) -> Option<Version> {
        let known = self.refreshed();
        known.iter().find(|version| version.id == id).cloned()
    }

    /// Those that are newer than the version of this id, oldest first; all of them if there is
    /// none.
    pub fn since(&self, id: &str) -> Vec<Version> {
        let known = self.refreshed();
        let newer = known.iter().position(|version| version.id == id);
        known[newer.map_or(0, |at| at + 1)..].to_vec()
    }

    /// Keeps `text`, which the file says from now on since `by` made it so, unless that is known.
    /// Who is known to have written it counts more than that somebody did: a server may see what a
    /// command has written before that tells.
    pub fn note(&self, text: &str, by: &Author) {
        let mut known = self.refreshed();
        let newest = known.last();
        let is_news = |newest: &Version| {
            let names_somebody = newest.by == Author::File && *by != Author::File;
            newest.text.expose() != text || names_somebody
        };
        if !newest.is_none_or(is_news) {
            return;
        }
        // A clock that was put back must not change their order.
        let after = newest.map(|newest| newest.at + Duration::from_millis(1));
        let version = Version::new(self.now().max(after.unwrap_or_default()), by.clone(), text);
        if let Some(folder) = &self.folder {
            let what = "this version of the pipeline file is kept until the server ends only";
            self.tell(&self.writing, what, keep(folder, &version).err());
        }
        known.push(version);
        self.tidy(&mut known);
    }

    /// The known ones, with those that another server or command has kept meanwhile.
    fn refreshed(&self) -> MutexGuard<'_, Vec<Version>> {
        let mut known = self.known.lock().ignore_poison();
        if let Some(folder) = &self.folder {
            let kept = read_unknown(folder, &known);
            let what = "earlier versions of the pipeline file can't be read";
            self.tell(&self.reading, what, kept.as_ref().err());
            known.extend(kept.unwrap_or_default());
            self.tidy(&mut known);
        }
        known
    }

    /// Leaves each text once, and no more than may be kept.
    fn tidy(&self, known: &mut Vec<Version>) {
        let mut newest = BTreeMap::new();
        known.sort_by_key(|version| version.at);
        for version in known.drain(..) {
            if let Some(older) = newest.insert(version.id.clone(), version.clone())
                && older.at != version.at
            {
                self.remove(&older);
            }
        }
        known.extend(newest.into_values());
        known.sort_by_key(|version| version.at);
        let spare = known.len() - fitting(known);
        for version in known.drain(..spare) {
            self.remove(&version);
        }
    }

    /// Tells in the log that work in the folder fails with `error`, which is `what`, or that it
    /// works again, but not for each change.
    fn tell(&self, failures: &Mutex<Recurring>, what: &'static str, error: Option<impl Display>) {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.display()) else {
            return;
        };
        let (mut failures, now) = (failures.lock().ignore_poison(), self.clock.now());
        if let Some(error) = error {
            if let Some(notice) = failures.failed(now) {
                tracing::warn!(
                    failures = notice.failures(),
                    seconds = notice.seconds(),
                    path = %folder,
                    %error,
                    "{what}"
                );
            }
        } else if let Some(recovery) = failures.worked(now) {
            let failures = recovery.failures;
            tracing::info!(
                failures,
                path = %folder,
                "keeping versions of the pipeline file works again"
            );
        }
    }

    fn remove(&self, version: &Version) {
        let Some(folder) = &self.folder else {
            return;
        };
        match std::fs::remove_file(folder.join(version.file_name())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let what = "an old version of the pipeline file can't be removed";
                self.tell(&self.writing, what, Some(error));
            }
            _ => {}
        }
    }
}

/// The number of the newest of `known` that may be kept.
fn fitting(known: &[Version]) -> usize {
    let mut bytes = 0;
    let fits = |(at, version): &(usize, &Version)| {
        bytes += version.text.expose().len();
        *at < 2 || bytes <= BYTES
    };
    let newest = known.iter().rev().take(MOST).enumerate();
    newest.take_while(fits).count()
}

fn keep(folder: &Path, version: &Version) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    let kept = Kept {
        at: version.time().into(),
        by: Cow::Borrowed(&version.by),
        text: version.text.expose().into(),
    };
    serde_json::to_writer(&mut file, &kept)?;
    file.flush()?;
    // Not waited for until it is on the disk: changes are held up meanwhile, and the pipeline file
    // itself is.
    file.persist(folder.join(version.file_name()))?;
    Ok(())
}

/// The versions in `folder` that are not `known` yet.
fn read_unknown(folder: &Path, known: &[Version]) -> io::Result<Vec<Version>> {
    let known: BTreeSet<_> = known.iter().map(Version::file_name).collect();
    let mut versions = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.ends_with(".json")) else {
            continue;
        };
        if known.contains(name) {
            continue;
        }
        match read_one(&entry.path()) {
            Ok(version) => versions.push(version),
            Err(why) => {
                tracing::debug!(%name, error = %why, "a file is no version of a pipeline file")
            }
        }
    }
    Ok(versions)
}

/// The version kept in the file at `path`.
///
/// # Errors
/// The file is another user's, can't be read, or holds no version.
fn read_one(path: &Path) -> Result<Version, Box<dyn Error>> {
    private_folder::check_owner(path)?;
    let bytes = files::read(path, FILE_BYTES)?;
    let kept: Kept<'_> = serde_json::from_slice(&bytes)?;
    let at = kept.at.parse()?;
    Ok(Version::new(at, kept.by.into_owned(), &kept.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Versions {
        let place = FolderChoice::Folder(folder.join("state"));
        Versions::open(
            &place,
            &folder.join("pipeline.yaml"),
            Arc::new(crate::clock::SystemClock),
        )
    }

    fn texts(versions: &Versions) -> Vec<String> {
        let all = versions.list().into_iter();
        all.map(|version| version.text.expose().to_owned())
            .collect()
    }

    #[test]
    fn the_newest_twenty_are_kept_and_each_text_once_also_by_the_next_server() {
        let folder = tempfile::tempdir().unwrap();
        let versions = open(folder.path());
        for number in 0..25 {
            versions.note(&format!("{number}"), &Author::Command);
            versions.note(&format!("{number}"), &Author::File);
        }
        versions.note("20", &Author::File);
        versions.note("20", &Author::Command);
        let again = open(folder.path());
        let all = texts(&again);
        assert_eq!((all.len(), &*all[0], &*all[1]), (MOST, "20", "24"));
        assert_eq!(all, texts(&versions));
        assert_eq!(again.list()[0].by, Author::Command);
        assert_eq!(again.list()[1].by, Author::Command);
        let files = again.folder().unwrap().read_dir().unwrap().count();
        assert_eq!(files, MOST);
        assert!(again.find(&revision("0")).is_none());
        let since = again.since(&revision("24"));
        assert_eq!(since.len(), 1);
    }

    #[test]
    fn large_ones_are_fewer() {
        let folder = tempfile::tempdir().unwrap();
        let versions = open(folder.path());
        for number in 0..4 {
            versions.note(
                &format!("{number}{}", "x".repeat(BYTES / 2 - 1)),
                &Author::File,
            );
        }
        assert_eq!(versions.list().len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_them_and_a_folder_of_others_is_done_without() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let versions = open(folder.path());
        versions.note("password: hunter2", &Author::File);
        let kept = versions.folder().unwrap();
        assert_eq!(mode(kept), 0o700);
        for file in kept.read_dir().unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0o600);
        }
        let state = folder.path().join("state");
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
        let versions = open(folder.path());
        assert_eq!(versions.folder(), None);
        versions.note("text", &Author::File);
        assert_eq!(texts(&versions), ["text"]);
    }
}
