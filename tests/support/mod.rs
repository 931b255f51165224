//! What the tests share: folders with pipeline files, running servers, HTTP, pictures, hostile
//! filters.

mod binary;
pub mod broker;
pub mod camera;
pub mod crowd;
pub mod hostile;
pub mod http;
pub mod listener;
pub mod load;
pub mod picture;
pub mod plain_proxy;
pub mod proxy;
pub mod rtsp;
pub mod server;
pub mod sse;
pub mod tls;
pub mod wall;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The time in which a command must end, on a busy machine too.
const ENDS: Duration = Duration::from_secs(120);

/// A folder with a pipeline file and what it names.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn with(pipeline: &str) -> Self {
        let folder = Self::new();
        folder.write("pipeline.yaml", pipeline);
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    /// Runs `mattebox` here, which must end by itself.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = mattebox();
        command.current_dir(self.path()).args(arguments);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let (done, output) = mpsc::channel();
        thread::spawn(move || done.send(child.wait_with_output()));
        output
            .recv_timeout(ENDS)
            .map(Result::unwrap)
            .unwrap_or_else(|_| {
                kill_process(pid, Signal::KILL).unwrap();
                panic!("{arguments:?} does not end");
            })
    }
}

/// The binary, with a compile cache that all tests share.
pub fn mattebox() -> Command {
    let mut command = Command::new(binary::path());
    command.env(
        "MATTEBOX_CACHE",
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
    );
    command.env_remove("MATTEBOX_LOG");
    // No fonts of the system: what is drawn is the same on every machine.
    command.env("XDG_DATA_DIRS", "/nonexistent");
    command.env_remove("MATTEBOX_SOURCE");
    // Nothing is left behind in the user's folders.
    command.env("MATTEBOX_STATE", "off");
    command
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
