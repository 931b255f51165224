//! A running server.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::{Mjpeg, Response, get, send};
use super::{Folder, mattebox};

/// The admin token of servers whose pipeline file has `admin-token: { env: TEST_TOKEN }`.
pub const TOKEN: &str = "correct horse battery staple";

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    log: Option<JoinHandle<String>>,
    /// Kept for as long as it is served.
    folder: Folder,
}

impl Server {
    /// Serves `pipeline.yaml` of `folder` on a free port.
    pub fn start(folder: Folder) -> Self {
        Self::start_with(folder, |_| {})
    }

    /// The same, with what `prepare` adds to the command, which may be another address.
    pub fn start_with(folder: Folder, prepare: impl FnOnce(&mut Command)) -> Self {
        Self::start_unprepared(folder, prepare).prepared()
    }

    /// The same, without waiting for the filters.
    pub fn start_unprepared(folder: Folder, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = mattebox();
        command.current_dir(folder.path()).arg("serve");
        command.env("TEST_TOKEN", TOKEN);
        prepare(&mut command);
        let file = std::fs::read_to_string(folder.path().join("pipeline.yaml"));
        // A folder may have none yet.
        let is_in_file = file.is_ok_and(|text| text.starts_with("listen:"));
        if !is_in_file && !command.get_args().any(|argument| argument == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            errors.read_to_string(&mut log).unwrap();
            log
        });
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Mattebox listens on ");
        let address = address.and_then(|it| {
            let tls = it.strip_prefix("https://");
            tls.or_else(|| it.strip_prefix("http://"))
        });
        let Some(address) = address else {
            panic!("no address in {line:?}; the log: {}", log.join().unwrap());
        };
        // Of one that listens on all addresses, the first that is told.
        let address = address.split(['/', ',']).next().unwrap().parse().unwrap();
        Self {
            child,
            address,
            log: Some(log),
            folder,
        }
    }

    /// The same, once its filters are compiled and started.
    fn prepared(self) -> Self {
        let streams = || {
            let all = self.get("/api/streams");
            // Not to everybody where the file says who may watch.
            match all.status {
                401 => self.change("GET", "/api/streams", &Value::Null).json(),
                _ => all.json(),
            }
        };
        until(streams, |all| {
            // None where so few connections are allowed that this one is refused.
            let streams = all["streams"].as_array();
            let is_ready = |stream: &Value| stream["state"] != "preparing";
            streams.is_some_and(|streams| streams.iter().all(is_ready))
        });
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn get(&self, target: &str) -> Response {
        get(self.address, target)
    }

    /// Asks for a change, as the admin of [`TOKEN`].
    pub fn change(&self, method: &str, target: &str, body: &Value) -> Response {
        self.change_by(method, target, body.to_string().as_bytes())
    }

    /// The same with these bytes.
    pub fn change_by(&self, method: &str, target: &str, body: &[u8]) -> Response {
        let host = self.address.to_string();
        let token = format!("Bearer {TOKEN}");
        let headers = [("Host", host.as_str()), ("Authorization", &token)];
        send(self.address, method, target, &headers, body)
    }

    pub fn watch(&self, name: &str) -> Mjpeg {
        Mjpeg::open(self.address, &format!("/{name}.mjpeg"))
    }

    /// What the API says of the stream `name`.
    pub fn report(&self, name: &str) -> Value {
        let all = self.get("/api/streams").json();
        let streams = all["streams"].as_array().unwrap();
        let stream = streams.iter().find(|stream| stream["name"] == name);
        stream.unwrap().clone()
    }

    /// Asks the API until `condition` holds of the stream `name`, and gives what it said then.
    pub fn until(&self, name: &str, condition: impl Fn(&Value) -> bool) -> Value {
        until(|| self.report(name), condition)
    }

    /// The same of what stands at `target`.
    pub fn until_get(&self, target: &str, condition: impl Fn(&Value) -> bool) -> Value {
        until(|| self.get(target).json(), condition)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its child processes.
    #[cfg(target_os = "linux")]
    pub fn children(&self) -> Vec<u32> {
        let tasks = format!("/proc/{}/task", self.pid());
        let tasks = std::fs::read_dir(tasks).unwrap().flatten();
        let of_task = |task: std::fs::DirEntry| {
            // A thread may have ended meanwhile.
            let ids = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let ids = ids.split_whitespace();
            ids.map(|id| id.parse().unwrap()).collect::<Vec<_>>()
        };
        tasks.flat_map(of_task).collect()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        assert!(self.ask_to_end().unwrap().success());
    }

    fn ask_to_end(&self) -> std::io::Result<ExitStatus> {
        let pid = self.pid().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()
    }

    /// Waits for the end: how it ended, and the log.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        (status, log)
    }

    /// Ends it and gives its log.
    pub fn log(self) -> String {
        self.terminate();
        self.wait().1
    }
}

impl Drop for Server {
    /// Asks it to end, so that it ends the commands that are its cameras; one that does not is
    /// killed.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Where this fails, it is killed below.
            self.ask_to_end().ok();
        }
        let give_up = Instant::now() + Duration::from_secs(5);
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() >= give_up {
                // It may have ended just now.
                self.child.kill().ok();
            }
            std::thread::yield_now();
        }
    }
}

/// Looks until `condition` holds, and gives what is seen then.
pub fn until(look: impl Fn() -> Value, condition: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = look();
        if condition(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "it never happened: {seen:#}");
        std::thread::yield_now();
    }
}
