//! A proxy as nginx is with nothing but `proxy_pass`: another name of the server in `Host`, no `Upgrade`, a connection for each request.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// The longest head of a request.
const HEAD_BYTES: usize = 64 << 10;

/// Passes requests on to `server`, and gives its own address. It ends with the test.
pub fn start(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that goes is how it ends.
            thread::spawn(move || pass(client, server).ok());
        }
    });
    address
}

fn pass(mut client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let head = read_head(&mut client)?;
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
