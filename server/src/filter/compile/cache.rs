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
const FORM: u32 = 3;
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

    /// Its path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entry of the module with this hash, used at the time `now`.
    pub fn find(&self, digest: &Digest, now: SystemTime) -> Option<Entry> {
        let path = self.path(digest, "json");
        check_owner(&path).ok()?;
        let manifest = files::read(&path, MANIFEST_BYTES).ok()?;
        let manifest = serde_json::from_slice(&manifest).ok()?;
        let code = self.path(digest, "cwasm");
        check_owner(&code).ok()?;
        let file = files::open(&code).ok()?;
        if let Err(error) = file.set_modified(now) {
            tracing::debug!(
                path = %code.display(),
                %error,
                "the use of compiled code can't be noted"
            );
        }
        Some(Entry { code, manifest })
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
        let path = self.path(digest, "cwasm");
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
            manifest,
        })
    }

    /// Removes an entry.
    pub fn remove(&self, entry: &Entry) {
        for path in [&entry.code.with_extension("json"), &entry.code] {
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
            let is_old = path.extension().is_some_and(|it| it == "cwasm") && path != newest;
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
