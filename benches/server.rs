//! The server as a process of its own, which is the benchmark's program once more.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The argument by which the program is the server.
pub const SERVE: &str = "serve";

/// The argument by which this program was started as another process; none if it is to measure. The
/// server starts it for its own workers, too.
pub fn role() -> Option<String> {
    std::env::args().nth(1).filter(|it| it != "--bench")
}

/// A process that listens, until it is dropped.
pub struct Server {
    pub process: Child,
    /// The address that it listens on.
    pub address: SocketAddr,
}

impl Server {
    /// Starts this program with the argument `role`, by which it serves what `folder` has.
    ///
    /// # Errors
    /// It doesn't tell its address.
    pub fn start(folder: &Path, role: &str) -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .current_dir(folder)
            .args([role, "--listen", "127.0.0.1:0"])
            .env("MATTEBOX_STATE", folder.join("state"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = process.stdout.take();
        let mut server = Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut line = String::new();
        BufReader::new(out.ok_or(ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        let address = line.trim().trim_end_matches('/').rsplit('/').next();
        let address = address.and_then(|address| address.parse().ok());
        server.address = address.ok_or(ErrorKind::InvalidData)?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
