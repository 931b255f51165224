//! Debian's reverse proxies, run with the blocks of docs/guide/reverse-proxy.md.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Folder, repository, stderr};

/// The name in the guide's blocks.
pub const NAME: &str = "cam.example.org";
/// The login of the blocks that want one.
pub const LOGIN: (&str, &str) = ("viewer", "secret");
/// No proxy runs for longer than this, in seconds, whatever becomes of the test.
const LONGEST: &str = "300";
const SOON: Duration = Duration::from_secs(20);

const NGINX: &str = "daemon off; master_process off; pid FOLDER/pid; error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path \
    FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
";
const APACHE: &str = "ServerName localhost
PidFile FOLDER/pid
DefaultRuntimeDir FOLDER
ErrorLog /dev/stderr
Listen PORT
";
const MODULES: [(&str, &str); 13] = [
    ("mpm_event", "mpm_event"),
    ("authn_core", "authn_core"),
    ("authn_file", "authn_file"),
    ("authz_core", "authz_core"),
    ("authz_user", "authz_user"),
    ("auth_basic", "auth_basic"),
    ("alias", "alias"),
    ("headers", "headers"),
    ("proxy", "proxy"),
    ("proxy_http", "proxy_http"),
    ("socache_shmcb", "socache_shmcb"),
    ("ssl", "ssl"),
    ("reqtimeout", "reqtimeout"),
];
const CADDY: &str = "{
    admin off
    auto_https disable_redirects
}
";

/// A proxy that runs until it is dropped.
pub struct Proxy {
    child: Child,
    pub address: SocketAddr,
    /// What it reads and writes lies there.
    folder: Folder,
}

/// The guide's block for `proxy` of this `kind`.
pub fn documented(proxy: &str, kind: &str) -> String {
    let guide = std::fs::read_to_string(repository("docs/guide/reverse-proxy.md")).unwrap();
    let mark = format!("<!-- block: {proxy} {kind} -->\n```{proxy}\n");
    let (_, block) = guide.split_once(&mark).unwrap();
    block.split_once("\n```").unwrap().0.to_owned() + "\n"
}

impl Proxy {
    /// Runs `proxy` with `block` before the server at `upstream`.
    pub fn start(proxy: &str, block: &str, upstream: SocketAddr) -> Self {
        let folder = Folder::new();
        let port = free_port();
        let path = folder.path();
        let block = fit(block, path, port, upstream);
        let (config, mut command) = match proxy {
            "nginx" => (
                format!("{NGINX}{block}}}\n"),
                command("nginx", &["-e", "stderr", "-c"]),
            ),
            "apache" => (apache(&block), command("apache2", &["-X", "-f"])),
            "haproxy" => (block, command("haproxy", &["-db", "-f"])),
            "caddy" => {
                let arguments = ["run", "--adapter", "caddyfile", "--config"];
                (format!("{CADDY}{block}"), command("caddy", &arguments))
            }
            other => panic!("{other}"),
        };
        let config = config.replace("FOLDER", &path.to_string_lossy());
        let file = folder.write("proxy.conf", config.replace("PORT", &port.to_string()));
        write_logins(&folder);
        let child = command
            .arg(file)
            .env("HOME", path)
            .env("XDG_DATA_HOME", path)
            .env("XDG_CONFIG_HOME", path)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(path.join("log")).unwrap())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut proxy = Self {
            child,
            address,
            folder,
        };
        proxy.wait_until_it_listens();
        proxy
    }

    fn wait_until_it_listens(&mut self) {
        let give_up = Instant::now() + SOON;
        while TcpStream::connect(self.address).is_err() {
            let is_well = self.child.try_wait().unwrap().is_none() && Instant::now() < give_up;
            let log = || String::from_utf8(self.folder.read("log")).unwrap();
            assert!(is_well, "the proxy does not listen: {}", log());
            std::thread::yield_now();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // `timeout` passes it on, and kills what doesn't end by it.
        Command::new("kill").args(["-TERM", &pid]).status().ok();
        self.child.wait().ok();
    }
}

/// `program`, ended after [`LONGEST`].
fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=2", LONGEST, program]);
    command.args(arguments);
    command
}

/// The block with this test's addresses and files.
fn fit(block: &str, folder: &Path, port: u16, upstream: SocketAddr) -> String {
    let files = folder.to_string_lossy();
    let own = format!("127.0.0.1:{port}");
    let is_caddy = block.contains("reverse_proxy");
    let block = block
        .replace("127.0.0.1:8080", &upstream.to_string())
        .replace("/etc/ssl", &files)
        .replace("/etc/nginx", &files)
        .replace("/etc/apache2", &files)
        .replace("listen 80", &format!("listen {own}"))
        .replace("listen 443", &format!("listen {own}"))
        .replace("<VirtualHost *:80>", &format!("<VirtualHost *:{port}>"))
        .replace("<VirtualHost *:443>", &format!("<VirtualHost *:{port}>"))
        .replace("bind :80", &format!("bind {own}"))
        .replace("bind :443", &format!("bind {own}"));
    match is_caddy {
        true => block
            .replace(&format!("{NAME} {{"), &format!("{NAME}:{port} {{"))
            .replace("HASH", &hash()),
        false => block,
    }
}

fn apache(block: &str) -> String {
    let load = |(name, file): &(&str, &str)| {
        let path = format!("/usr/lib/apache2/modules/mod_{file}.so");
        // Some are built in.
        match Path::new(&path).exists() {
            true => format!("LoadModule {name}_module {path}\n"),
            false => String::new(),
        }
    };
    let modules: String = MODULES.iter().map(load).collect();
    format!("{modules}{APACHE}{block}")
}

/// What `caddy hash-password` makes of the password.
fn hash() -> String {
    let arguments = ["hash-password", "--plaintext", LOGIN.1];
    let output = Command::new("caddy").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The files that the blocks name: passwords, a certificate, its key.
fn write_logins(folder: &Folder) {
    let output = Command::new("openssl")
        .args(["passwd", "-apr1", LOGIN.1])
        .output()
        .unwrap();
    let line = format!("{}:{}", LOGIN.0, String::from_utf8(output.stdout).unwrap());
    folder.write("cameras.htpasswd", line);
    let made = Command::new("openssl")
        .current_dir(folder.path())
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30".split(' '),
        )
        .args([
            "-subj",
            &format!("/CN={NAME}"),
            "-keyout",
            "cam.key",
            "-out",
            "cam.pem",
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    // HAProxy takes both from one file.
    let both = [folder.read("cam.pem"), folder.read("cam.key")].concat();
    folder.write("cam.pem", both);
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
