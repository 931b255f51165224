//! Uploads of filters: one at a time, into a folder that may have so many bytes.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use crate::support::http::read_response;
use crate::support::server::{Server, TOKEN};
use crate::support::{Folder, repository};

fn server() -> Server {
    Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }\nfilter-folder: uploaded\nfilter-folder-limit: 1MiB\n\
         streams: { s: }\n",
    ))
}

/// The head of an upload, whose body is `length` says, or comes in chunks.
fn begin(server: &Server, length: Option<u64>) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).unwrap();
    let length = match length {
        Some(length) => format!("Content-Length: {length}"),
        None => "Transfer-Encoding: chunked".to_owned(),
    };
    let head = format!(
        "PUT /api/filters/own.wasm HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket
}

fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join("uploaded"))
        .into_iter()
        .flatten();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn one_filter_is_uploaded_at_a_time() {
    let server = server();
    let module = std::fs::read(repository("filters/prebuilt/resize.wasm")).unwrap();
    let mut first = begin(&server, Some(module.len() as u64));
    first.write_all(&module[..1000]).unwrap();
    // It lies on the disk as far as it has come.
    let is_under_way =
        || matches!(files(server.folder()).as_slice(), [name] if name.starts_with(".upload-"));
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !is_under_way() {
        assert!(std::time::Instant::now() < give_up);
        std::thread::yield_now();
    }
    let second = server.change_by("PUT", "/api/filters/other.wasm", &module);
    assert_eq!(second.status, 503);
    assert_eq!(second.header("retry-after"), Some("5"));
    first.write_all(&module[1000..]).unwrap();
    let kept = read_response(first);
    assert_eq!(kept.status, 201);
    assert_eq!(files(server.folder()), ["own.wasm"]);
    let third = server.change_by("PUT", "/api/filters/own.wasm", &module);
    assert_eq!(third.status, 200);
    assert_eq!(files(server.folder()), ["own.wasm"]);
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing_and_blocks_nobody() {
    let server = server();
    let mut first = begin(&server, Some(1000));
    first.write_all(b"half").unwrap();
    drop(first);
    let module = std::fs::read(repository("filters/prebuilt/resize.wasm")).unwrap();
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let status = server
            .change_by("PUT", "/api/filters/own.wasm", &module)
            .status;
        if status == 201 {
            break;
        }
        assert_eq!(status, 503);
        assert!(std::time::Instant::now() < give_up);
    }
    assert_eq!(files(server.folder()), ["own.wasm"]);
}

#[test]
fn the_folder_has_a_limit() {
    let server = server();
    // Refused by the length alone, at once.
    for (length, status) in [(70 << 20, 413), (2 << 20, 507)] {
        let refused = read_response(begin(&server, Some(length)));
        assert_eq!(refused.status, status);
    }
    // Refused as soon as it has come to be too much.
    let mut chunked = begin(&server, None);
    let chunk = [b"10000\r\n".as_slice(), &[0; 65536], b"\r\n"].concat();
    let sent = (0..17).try_for_each(|_| chunked.write_all(&chunk));
    assert!(sent.is_ok(), "{sent:?}");
    let refused = read_response(chunked);
    assert_eq!(refused.status, 507);
    // What is no filter leaves nothing; what lies there counts, except for the file that is
    // replaced.
    assert_eq!(
        server
            .change_by("PUT", "/api/filters/own.wasm", b"no filter")
            .status,
        422
    );
    assert_eq!(files(server.folder()), Vec::<String>::new());
    let module = std::fs::read(repository("filters/prebuilt/resize.wasm")).unwrap();
    std::fs::create_dir_all(server.folder().join("uploaded")).unwrap();
    let padding = vec![0; (1 << 20) - module.len()];
    std::fs::write(server.folder().join("uploaded/big.bin"), &padding).unwrap();
    for status in [201, 200] {
        let kept = server.change_by("PUT", "/api/filters/own.wasm", &module);
        assert_eq!(kept.status, status);
    }
    let refused = server.change_by("PUT", "/api/filters/other.wasm", &module);
    assert_eq!(refused.status, 507);
    let why = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(why.contains("filter-folder-limit"), "{why}");
}
