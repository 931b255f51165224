//! Many viewers, and slow ones.

use std::thread;

use crate::support::http::Mjpeg;
use crate::support::picture::{number, numbered};
use crate::support::server::Server;
use crate::support::{Folder, load};

/// 300 different frames of about 250 KB.
fn server() -> Server {
    server_of(240_000)
}

/// The same with so much `padding` in each frame.
fn server_of(padding: usize) -> Server {
    let folder = Folder::with(
        "streams:
  s:
    source: { driver: files, path: 'f*.jpg', fps: 10 }
    idle-timeout: 100ms
",
    );
    for index in 0..300 {
        folder.write(&format!("f{index}.jpg"), numbered(index, padding));
    }
    Server::start(folder)
}

#[test]
fn forty_five_viewers_get_every_frame_while_five_crawl() {
    let _busy = load::busy();
    let server = server();
    let crawling: Vec<_> = (0..5).map(|_| server.watch("s")).collect();
    let viewers: Vec<_> = (0..45)
        .map(|_| {
            let mut viewer = server.watch("s");
            thread::spawn(move || -> Vec<u32> {
                (0..75)
                    .map(|_| number(&viewer.next().unwrap().jpeg))
                    .collect()
            })
        })
        .collect();
    for viewer in viewers {
        let numbers = viewer.join().unwrap();
        for pair in numbers.windows(2) {
            assert_eq!(pair[1], (pair[0] + 1) % 300, "{numbers:?}");
        }
    }
    let report = server.until("s", |report| report["viewers"] == 5);
    assert_eq!(report["frames_skipped"], 0);
    // They were at it all the time, and are still served.
    for mut viewer in crawling {
        viewer.next().unwrap();
    }
}

#[test]
fn a_slow_viewer_skips_to_the_newest_frame() {
    let server = server();
    let mut slow = server.watch("s");
    let first = number(&slow.next().unwrap().jpeg);
    // Another viewer tells how far the stream has come, without a sleep.
    let mut fast = server.watch("s");
    let mut newest = first;
    while newest < first + 60 {
        newest = number(&fast.next().unwrap().jpeg);
    }
    // What lay in the sockets is old; behind it there is nothing but the newest.
    let mut numbers = vec![first];
    while *numbers.last().unwrap() < newest {
        numbers.push(number(&slow.next().unwrap().jpeg));
    }
    let jumps: Vec<_> = numbers
        .windows(2)
        .filter(|pair| pair[1] > pair[0] + 1)
        .collect();
    assert_eq!(jumps.len(), 1, "{numbers:?}");
    let is_sorted = numbers.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(is_sorted, "one came twice: {numbers:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn who_stops_and_goes_on_gets_one_old_frame_and_then_the_newest() {
    // Of the small ones, one more may lie at its end of the connection.
    for (padding, most) in [(0, 2), (240_000, 1)] {
        let server = server_of(padding);
        let mut slow = Mjpeg::open_keeping(4096, server.address, "/s.mjpeg");
        let first = number(&slow.next().unwrap().jpeg);
        let mut fast = server.watch("s");
        let mut newest = first;
        while newest < first + 30 {
            newest = number(&fast.next().unwrap().jpeg);
        }
        let mut old = 0;
        while number(&slow.next().unwrap().jpeg) < newest {
            old += 1;
        }
        assert!(old <= most, "{padding}: {old}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn stalled_viewers_hold_no_memory() {
    let _busy = load::busy();
    let server = server();
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let mut fast = server.watch("s");
    for _ in 0..10 {
        fast.next().unwrap();
    }
    let before = resident();
    let _stalled: Vec<_> = (0..40).map(|_| server.watch("s")).collect();
    for _ in 0..60 {
        fast.next().unwrap();
    }
    // 60 frames for 40 viewers would be 600 MB.
    let grown = resident() - before;
    assert!(grown < 40_000, "{grown} KB");
}
