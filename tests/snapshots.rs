//! One picture: when it was taken, and which of a camera's first ones are left out.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::support::Folder;
use crate::support::camera::{HttpCamera, part, plain, stream_head, tick};
use crate::support::http::get;
use crate::support::picture::{jpeg, number, numbered};
use crate::support::server::Server;

/// A camera that counts its pictures in all, and the number of the last one.
fn stream() -> (HttpCamera, Arc<AtomicU32>) {
    let last = Arc::new(AtomicU32::new(0));
    let counter = last.clone();
    let camera = HttpCamera::new(move |_, socket| {
        stream_head(socket)?;
        loop {
            let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
            part(socket, &numbered(number, 0))?;
            tick();
        }
    });
    (camera, last)
}

fn server(camera: &HttpCamera, settings: &str) -> Server {
    let address = camera.address;
    Server::start(Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: http, url: 'http://{address}/'{settings} }}, \
         idle-timeout: 50ms }} }}"
    )))
}

#[test]
fn what_a_camera_gives_first_is_left_out() {
    for warm_up in ["10", "200ms"] {
        let (camera, _) = stream();
        let server = server(&camera, &format!(", warm-up: {warm_up}"));
        let picture = server.get("/s.jpg").bytes();
        // At 20 ms each, and the machine may be slow.
        let first = number(&picture);
        assert!(first > if warm_up == "10" { 10 } else { 1 }, "{first}");
        // And again when it has rested.
        server.until("s", |report| report["state"] == "resting");
        let mut viewer = server.watch("s");
        assert!(number(&viewer.next().unwrap().jpeg) > first + 2);
    }
}

#[test]
fn a_fresh_picture_is_taken_after_the_request() {
    let (camera, last) = stream();
    let watched = server(&camera, "");
    let mut viewer = watched.watch("s");
    for _ in 0..5 {
        viewer.next().unwrap();
        let before = last.load(Ordering::SeqCst);
        let answer = watched.get("/s.jpg?fresh");
        assert_eq!(answer.status, 200);
        assert!(number(&answer.bytes()) > before);
    }
    drop(viewer);
    watched.until("s", |report| report["state"] == "resting");
    let before = last.load(Ordering::SeqCst);
    assert!(number(&watched.get("/s.jpg?fresh=1").bytes()) > before);
}

#[test]
fn a_fresh_picture_of_a_snapshot_camera_is_asked_for_after_the_request() {
    let last = Arc::new(AtomicU32::new(0));
    let counter = last.clone();
    let camera = HttpCamera::new(move |_, socket| {
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        let head = "Content-Type: image/jpeg\r\n";
        plain(socket, "200 OK", head, &numbered(number, 0))
    });
    let server = server(&camera, ", fps: 4");
    let mut viewer = server.watch("s");
    for path in ["/s.jpg?fresh", "/snapshot?fresh", "/?action=snapshot&fresh"] {
        viewer.next().unwrap();
        let before = last.load(Ordering::SeqCst);
        assert!(number(&server.get(path).bytes()) > before, "{path}");
    }
    // The plain one is the newest that is there.
    let before = last.load(Ordering::SeqCst);
    assert!(number(&server.get("/s.jpg?fresh=0").bytes()) <= before + 1);
}

#[test]
fn a_picture_tells_its_age() {
    let camera = HttpCamera::new(|_, socket| {
        stream_head(socket)?;
        // Then nothing more.
        part(socket, &jpeg("420.jpg"))?;
        part(socket, &jpeg("420.jpg"))?;
        loop {
            socket.flush()?;
            tick();
        }
    });
    let server = server(&camera, ", stall-timeout: 1h");
    let _viewer = server.watch("s");
    let answer = server.get("/s.jpg");
    let stamp: f64 = answer.header("x-timestamp").unwrap().parse().unwrap();
    let age: f64 = answer.header("age").unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let since = now.unwrap().as_secs_f64() - stamp;
    assert!(
        (0.0..60.0).contains(&since) && age <= since,
        "{since} {age}"
    );
    let modified = answer.header("last-modified").unwrap();
    assert!(
        modified.ends_with(" GMT") && modified.len() == 29,
        "{modified}"
    );
    assert!(stamp.fract() != 0.0);
}

#[test]
fn a_fresh_picture_is_the_first_that_began_after_the_request() {
    let (order, orders) = mpsc::channel::<u32>();
    let orders = Mutex::new(orders);
    let camera = HttpCamera::new(move |_, socket| {
        stream_head(socket)?;
        // A test that fails ends nevertheless.
        let orders = orders.lock().unwrap();
        while let Ok(number) = orders.recv_timeout(Duration::from_secs(20)) {
            // Not so soon that it is one too many.
            tick();
            part(socket, &numbered(number, 0))?;
        }
        Ok(())
    });
    let server = server(&camera, ", stall-timeout: 1h");
    let mut viewer = server.watch("s");
    order.send(1).unwrap();
    while number(&viewer.next().unwrap().jpeg) != 1 {}
    let address = server.address;
    for next in 2..6 {
        let asked = std::thread::spawn(move || get(address, "/s.jpg?fresh").bytes());
        server.until("s", |report| report["viewers"] == 2);
        order.send(next).unwrap();
        assert_eq!(number(&asked.join().unwrap()), next);
        server.until("s", |report| report["viewers"] == 1);
    }
    drop(order);
}
