//! The files by which sessions and links outlast the server: in the state folder, for its user
//! alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::NamedTempFile;
use tokio::runtime::Handle;

use crate::files;
use crate::private_folder::{self, FolderChoice};
use crate::sync::IgnorePoison;

/// The most bytes of a file that is read: of the most sessions, and some.
const MOST_BYTES: u64 = 4 << 20;
const KEY: &str = "access-key";

/// The folder of these files, or none. Clones are of the same.
#[derive(Clone)]
pub struct StateFiles(Option<Arc<Folder>>);

struct Folder {
    path: PathBuf,
    /// What is to be written of sessions, which is written by one thread at a time.
    pending: Mutex<Option<Vec<u8>>>,
    writing: Mutex<()>,
}

impl StateFiles {
    /// None: all ends with the process.
    pub fn none() -> Self {
        Self(None)
    }

    /// Those of the server with the pipeline file `file`, in the folder that `choice` says. Where
    /// there can be none, that is told.
    pub fn open(choice: &FolderChoice, file: &Path) -> Self {
        let folder = private_folder::of_state(choice, "access", file);
        let folder = folder.unwrap_or_else(|error| {
            tracing::warn!(%error, "sessions and links will end with the server");
            None
        });
        let folder = folder.map(|path| Folder {
            path,
            pending: Mutex::default(),
            writing: Mutex::default(),
        });
        Self(folder.map(Arc::new))
    }

    /// What the file `name` holds, if it is there.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.0.as_ref()?.path.join(name);
        match files::read(&path, MOST_BYTES) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                if path.exists() {
                    tracing::warn!(path = %path.display(), %error, "a file of access is not read");
                }
                None
            }
        }
    }

    /// Puts `bytes` into the file `name`, as a whole. A failure is told: what was to be kept then
    /// ends with the server.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        if let Some(folder) = &self.0 {
            folder.write(name, bytes);
        }
    }

    /// Does so later, on a thread that may wait for a disk; of several the last counts.
    pub fn write_later(&self, name: &'static str, bytes: Vec<u8>) {
        let Some(folder) = self.0.clone() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return folder.write(name, &bytes);
        };
        *folder.pending.lock().ignore_poison() = Some(bytes);
        runtime.spawn_blocking(move || {
            let _writing = folder.writing.lock().ignore_poison();
            let pending = folder.pending.lock().ignore_poison().take();
            if let Some(bytes) = pending {
                folder.write(name, &bytes);
            }
        });
    }

    /// The key that links are signed with: the one that is kept, or a new one.
    pub fn key(&self) -> [u8; 32] {
        let kept = self.read(KEY);
        match kept.and_then(|bytes| bytes.try_into().ok()) {
            Some(key) => key,
            None => self.new_key(),
        }
    }

    /// A new key in the place of the old one.
    pub fn new_key(&self) -> [u8; 32] {
        let key = random_key();
        self.write(KEY, &key);
        key
    }

    /// What tells this server from others of its machine: its folder, or a random number.
    pub fn id(&self) -> Vec<u8> {
        match &self.0 {
            Some(folder) => folder.path.as_os_str().as_encoded_bytes().to_vec(),
            None => random_key().to_vec(),
        }
    }
}

/// A key that nobody can guess.
pub fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    // Without random numbers nobody could be let in safely.
    getrandom::fill(&mut key).expect("the system gives random numbers");
    key
}

impl Folder {
    fn write(&self, name: &str, bytes: &[u8]) {
        if let Err(error) = self.replace(name, bytes) {
            let folder = self.path.display();
            tracing::warn!(%folder, name, %error, "a file of access can't be written");
        }
    }

    /// The file is readable by this user only, as temporary files are.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.path.join(name))?;
        Ok(())
    }
}
