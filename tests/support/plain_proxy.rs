//! A proxy as nginx is with nothing but `proxy_pass`: another name of the server in `Host`, no
//! `Upgrade`, a connection for each request.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// The longest head of a request.
const HEAD_BYTES: usize = 64 << 10;

/// Passes requests on to `server`, and gives its own address. It ends with the test.
pub fn start(server: SocketAddr) -> SocketAddr {
    start_with(server, |_| None)
}

/// The same, but for requests for which `answer` gives another answer, by their heads. It may take
/// its time.
pub fn start_with(
    server: SocketAddr,
    answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> SocketAddr {
    let answer = Arc::new(answer);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answer = answer.clone();
            // A client that goes is how it ends.
            thread::spawn(move || pass(client, server, &*answer).ok());
        }
    });
    address
}

fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    answer: &dyn Fn(&str) -> Option<String>,
) -> io::Result<()> {
    let head = read_head(&mut client)?;
    if let Some(answer) = answer(&head) {
        return client.write_all(answer.as_bytes());
    }
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(plain(&head, server).as_bytes())?;
    let (mut from_client, mut to_upstream) = (client.try_clone()?, upstream.try_clone()?);
    let upwards = thread::spawn(move || {
        io::copy(&mut from_client, &mut to_upstream).ok();
        // The client has gone; so does the connection behind.
        to_upstream.shutdown(Shutdown::Both).ok();
    });
    let passed = io::copy(&mut upstream, &mut client);
    client.shutdown(Shutdown::Both).ok();
    upwards.join().ok();
    passed.map(drop)
}

fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn plain(head: &str, server: SocketAddr) -> String {
    let is_passed = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().to_lowercase();
        !matches!(&*name, "host" | "connection" | "upgrade" | "")
    };
    let lines: Vec<_> = head.split("\r\n").filter(is_passed).collect();
    format!(
        "{}\r\nHost: {server}\r\nConnection: close\r\n\r\n",
        lines.join("\r\n")
    )
}
