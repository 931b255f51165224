//! The folder that keeps compiled code and manifests between runs.
//!
//! Code from here runs in the server without another check, so that the folder must be nobody
//! else's.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::{NamedTempFile, TempDir, TempPath};

use super::Manifest;
use crate::files;
use crate::filter::Digest;
use crate::private_folder::{self, FolderChoice, check_all_above, check_owner};

/// The form of what is kept; another one is not read.
const FORM: u32 = 4;
/// The extension of the code of a component.
const CODE: &str = "cwasm";
/// The extension of the code of a core module in it.
const PART: &str = "part";
/// Once the folder holds more bytes than this, what was used longest ago is removed.
const FOLDER_BYTES: u64 = 512 << 20;
/// The most bytes of a manifest's file: the largest schema with its escapes, and some.
const MANIFEST_BYTES: u64 = 4 << 20;
/// New files that are older were left behind by a process that was killed.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// The folder in use.
pub struct Cache {
    folder: PathBuf,
    /// Tells code for this build of the runtime and this machine from other code.
    compatibility: u64,
    /// Removes the folder in the end, where it is not to be kept.
    _temporary: Option<TempDir>,
}

/// Compiled code in the cache, with its manifest.
#[derive(Clone)]
pub struct Entry {
    /// The code's file.
    pub code: PathBuf,
    /// The files of the code of its parts, which several entries may have in common.
    pub parts: Vec<PathBuf>,
    /// The module's description.
    pub manifest: Manifest,
}

impl Cache {
    /// Opens the folder that `cache` names. One that somebody else may write to is told of in the
    /// log and done without.
    ///
    /// # Errors
    /// The system has no place for temporary files.
    pub fn open(cache: &FolderChoice, compatibility: u64) -> io::Result<Self> {
        if let Some(folder) = cache.folder(dirs::cache_dir) {
            match prepare(&folder) {
                Ok(folder) => {
                    return Ok(Self {
                        folder,
                        compatibility,
                        _temporary: None,
                    });
                }
                Err(error) => tracing::warn!(
                    path = %folder.display(),
                    %error,
                    "no compile cache: filters are compiled at each start"
                ),
            }
        }
        let temporary = temporary()?;
        Ok(Self {
            folder: temporary.path().to_owned(),
            compatibility,
            _temporary: Some(temporary),
        })
    }

    /// The cache in this `folder`, which another process has opened for the same build.
    pub fn opened(folder: PathBuf, compatibility: u64) -> Self {
        Self {
            folder,
            compatibility,
            _temporary: None,
        }
    }

    /// The number of the build whose code it has: the runtime's version and settings.
    pub fn compatibility(&self) -> u64 {
        self.compatibility
    }

    /// Its path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entry of the module with this hash, used at the time `now`.
    pub fn find(&self, digest: &Digest, now: SystemTime) -> Option<Entry> {
        let path = self.path(digest, "json");
        check_owner(&path).ok()?;
        let manifest = files::read(&path, MANIFEST_BYTES).ok()?;
        let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
        let parts = self.parts(&manifest.parts, now).ok()?;
        let code = found(self.path(digest, CODE), now)?;
        Some(Entry {
            code,
            parts,
            manifest,
        })
    }

    /// The code of the part with this hash, used at the time `now`.
    pub fn part(&self, digest: &Digest, now: SystemTime) -> Option<PathBuf> {
        found(self.path(digest, PART), now)
    }

    /// The code of the parts with these hashes, used at the time `now`.
    ///
    /// # Errors
    /// One is missing.
    pub fn parts(&self, digests: &[Digest], now: SystemTime) -> io::Result<Vec<PathBuf>> {
        let found = digests.iter().map(|it| self.part(it, now));
        let found: Option<_> = found.collect();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Keeps the code of the part with this hash.
    ///
    /// # Errors
    /// The system's error.
    pub fn store_part(&self, digest: &Digest, code: &[u8]) -> io::Result<()> {
        let new = self.new_code()?;
        fs::write(new.path(), code)?;
        // At once, so that nobody finds half of it.
        new.0.persist(self.path(digest, PART))?;
        Ok(())
    }

    /// A file for new code, which is removed unless it is kept.
    ///
    /// # Errors
    /// The system's error.
    pub fn new_code(&self) -> io::Result<NewCode> {
        let file = tempfile::Builder::new()
            .prefix("new-")
            .tempfile_in(&self.folder)?;
        Ok(NewCode(file.into_temp_path()))
    }

    /// Keeps `code` and `manifest` for the module with this hash from `now` on.
    ///
    /// # Errors
    /// The system's error.
    pub fn store(
        &self,
        digest: &Digest,
        (code, manifest): (NewCode, Manifest),
        now: SystemTime,
    ) -> io::Result<Entry> {
        let path = self.path(digest, CODE);
        let parts = self.parts(&manifest.parts, now)?;
        code.0.persist(&path)?;
        let mut file = NamedTempFile::new_in(&self.folder)?;
        serde_json::to_writer(&mut file, &manifest)?;
        file.flush()?;
        // Last, since an entry without a manifest counts as none.
        file.persist(self.path(digest, "json"))?;
        if let Err(error) = self.remove_oldest(&path, now) {
            tracing::debug!(
                path = %self.folder.display(),
                %error,
                "the compile cache can't be tidied up"
            );
        }
        Ok(Entry {
            code: path,
            parts,
            manifest,
        })
    }

    /// Removes an entry, with its parts, any of which may be what is wrong with it.
    pub fn remove(&self, entry: &Entry) {
        let manifest = entry.code.with_extension("json");
        for path in [&manifest, &entry.code].into_iter().chain(&entry.parts) {
            if let Err(error) = fs::remove_file(path) {
                tracing::debug!(path = %path.display(), %error, "compiled code can't be removed");
            }
        }
    }

    fn path(&self, digest: &Digest, extension: &str) -> PathBuf {
        let mut name = format!("{:016x}-", self.compatibility);
        name.extend(digest.iter().map(|byte| format!("{byte:02x}")));
        self.folder.join(name).with_extension(extension)
    }

    /// Removes what was used longest ago while the folder holds too much, but not `newest`.
    fn remove_oldest(&self, newest: &Path, now: SystemTime) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            let metadata = file.metadata()?;
            let age = now.duration_since(metadata.modified()?);
            let is_abandoned = age.is_ok_and(|age| age > ABANDONED);
            if file.path().extension().is_none() && is_abandoned {
                fs::remove_file(file.path())?;
                continue;
            }
            files.push((metadata.modified()?, metadata.len(), file.path()));
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if total <= FOLDER_BYTES {
                break;
            }
            let is_code = path.extension().is_some_and(|it| it == CODE || it == PART);
            let is_old = is_code && path != newest;
            if is_old {
                // The manifest may be gone already.
                fs::remove_file(&path)?;
                fs::remove_file(path.with_extension("json")).or_else(ignore_missing)?;
                total -= length;
            }
        }
        Ok(())
    }
}

/// The code in this file, if it is there; used at the time `now`.
fn found(code: PathBuf, now: SystemTime) -> Option<PathBuf> {
    check_owner(&code).ok()?;
    let file = files::open(&code).ok()?;
    if let Err(error) = file.set_modified(now) {
        tracing::debug!(
            path = %code.display(),
            %error,
            "the use of compiled code can't be noted"
        );
    }
    Some(code)
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

/// A file for compiled code that is not in the cache yet.
pub struct NewCode(TempPath);

impl NewCode {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// A folder that is removed in the end, below that for temporary files.
fn temporary() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("mattebox-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let temporary = builder.tempdir()?;
    let folder = temporary.path().canonicalize()?;
    check_all_above(&folder).map_err(|error| {
        let folder = folder.display();
        let why = format!(
            "{folder} can't keep compiled filters: {error}; name a folder with --cache, or another \
             for temporary files with TMPDIR"
        );
        io::Error::new(error.kind(), why)
    })?;
    Ok(temporary)
}

/// The folder for this form below `folder`, made where it is missing.
fn prepare(folder: &Path) -> io::Result<PathBuf> {
    let below = private_folder::make_below(folder, &format!("filters-{FORM}"))?;
    // Read-only folders are found out now.
    NamedTempFile::new_in(&below)?;
    Ok(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::filter::FilterKind;
    use crate::filter::footprint::Footprint;

    fn manifest() -> Manifest {
        Manifest {
            kind: FilterKind::Overlay,
            name: "n".to_owned(),
            version: "1".to_owned(),
            summary: String::new(),
            schema: "{}".to_owned(),
            imports: Vec::new(),
            exports: Vec::new(),
            footprint: Footprint {
                instances: 1,
                bytes: 0,
            },
            parts: Vec::new(),
            loaded: 0,
        }
    }

    #[test]
    fn what_is_kept_is_found_until_it_is_removed_and_only_by_the_same_build() {
        let folder = tempfile::tempdir().unwrap();
        let place = FolderChoice::Folder(folder.path().join("new"));
        let cache = Cache::open(&place, 7).unwrap();
        let digest = [1; 32];
        assert!(
            cache
                .find(&digest, crate::clock::SystemClock.unix())
                .is_none()
        );
        let code = cache.new_code().unwrap();
        fs::write(code.path(), "code").unwrap();
        let kept = cache.store(
            &digest,
            (code, manifest()),
            crate::clock::SystemClock.unix(),
        );
        assert_eq!(fs::read(kept.unwrap().code).unwrap(), b"code");
        let again = Cache::open(&place, 7).unwrap();
        let found = again
            .find(&digest, crate::clock::SystemClock.unix())
            .unwrap();
        assert_eq!(found.manifest.name, "n");
        assert!(
            Cache::open(&place, 8)
                .unwrap()
                .find(&digest, crate::clock::SystemClock.unix())
                .is_none()
        );
        again.remove(&found);
        assert!(
            cache
                .find(&digest, crate::clock::SystemClock.unix())
                .is_none()
        );
        assert!(!found.code.exists());
    }

    #[test]
    fn entries_are_found_with_all_their_parts_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = FolderChoice::Folder(folder.path().to_owned());
        let cache = Cache::open(&place, 7).unwrap();
        let now = crate::clock::SystemClock.unix();
        let manifest = Manifest {
            parts: vec![[2; 32], [3; 32]],
            ..manifest()
        };
        let store = |digest| {
            let code = cache.new_code().unwrap();
            cache.store(&[digest; 32], (code, manifest.clone()), now)
        };
        cache.store_part(&[2; 32], b"two").unwrap();
        assert!(store(1).is_err());
        cache.store_part(&[3; 32], b"three").unwrap();
        store(1).unwrap();
        let parts = store(4).unwrap().parts;
        let texts = parts.iter().map(|part| fs::read(part).unwrap());
        assert_eq!(texts.collect::<Vec<_>>(), [&b"two"[..], b"three"]);
        let found = Cache::opened(cache.folder().to_owned(), 7).find(&[1; 32], now);
        assert_eq!(found.unwrap().parts, parts);
        assert!(
            Cache::open(&place, 8)
                .unwrap()
                .part(&[2; 32], now)
                .is_none()
        );
        fs::remove_file(&parts[1]).unwrap();
        assert!(cache.find(&[1; 32], now).is_none());
        assert!(cache.find(&[4; 32], now).is_none());
    }

    #[test]
    fn what_was_used_longest_ago_is_removed_once_the_folder_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let place = FolderChoice::Folder(folder.path().to_owned());
        let cache = Cache::open(&place, 7).unwrap();
        let start = crate::clock::SystemClock.unix();
        let at = |seconds| start + Duration::from_secs(seconds);
        // Files with nothing in them take no space.
        let enlarge = |path: &Path, fifths| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_len(fifths * FOLDER_BYTES / 5).unwrap();
        };
        let store = |digest, parts: &[Digest], fifths, seconds| {
            let manifest = Manifest {
                parts: parts.to_vec(),
                ..manifest()
            };
            let code = cache.new_code().unwrap();
            enlarge(code.path(), fifths);
            cache
                .store(&[digest; 32], (code, manifest), at(seconds))
                .unwrap();
        };
        for part in [[1; 32], [2; 32]] {
            cache.store_part(&part, b"").unwrap();
            enlarge(&cache.part(&part, at(0)).unwrap(), 1);
        }
        store(3, &[[1; 32]], 1, 1);
        store(4, &[[2; 32]], 1, 1);
        assert!(cache.find(&[4; 32], at(2)).is_some());
        assert!(cache.find(&[3; 32], at(3)).is_some());
        store(5, &[[1; 32]], 2, 4);
        // One filter is gone, with the part that no other one has.
        assert!(cache.find(&[4; 32], at(5)).is_none());
        assert!(cache.part(&[2; 32], at(5)).is_none());
        assert!(cache.find(&[3; 32], at(5)).is_some());
        assert!(cache.find(&[5; 32], at(5)).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_write_to_is_done_without() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let place = FolderChoice::Folder(folder.path().to_owned());
        for (mode, is_used) in [(0o777, false), (0o775, false), (0o755, true)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let cache = Cache::open(&place, 7).unwrap();
            assert_eq!(cache.folder.starts_with(folder.path()), is_used, "{mode:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_put_another_in_the_place_of_is_done_without() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let above = folder.path().join("above");
        fs::create_dir(&above).unwrap();
        let place = FolderChoice::Folder(above.join("cache"));
        for (mode, is_used) in [
            (0o777, false),
            (0o775, false),
            (0o1777, true),
            (0o755, true),
        ] {
            fs::set_permissions(&above, fs::Permissions::from_mode(mode)).unwrap();
            let cache = Cache::open(&place, 7).unwrap();
            assert_eq!(cache.folder.starts_with(folder.path()), is_used, "{mode:o}");
        }
        // A link of today's leads there for good.
        let link = folder.path().join("link");
        symlink(above.join("cache"), &link).unwrap();
        let cache = Cache::open(&FolderChoice::Folder(link), 7).unwrap();
        let real = above.canonicalize().unwrap();
        assert!(cache.folder.starts_with(real));
        // A link in the place of the folder within is not followed.
        let within = format!("filters-{FORM}");
        fs::remove_dir_all(above.join("cache").join(&within)).unwrap();
        symlink(folder.path(), above.join("cache").join(&within)).unwrap();
        let cache = Cache::open(&place, 7).unwrap();
        assert!(!cache.folder.starts_with(folder.path()));
    }
}
