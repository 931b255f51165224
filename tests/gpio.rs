//! LEDs and contacts, by simulated pins.

use std::path::PathBuf;

use crate::support::picture::{decode, jpeg};
use crate::support::server::Server;
use crate::support::{Folder, stderr};

const PIPELINE: &str = "streams:
  front:
    source: { driver: files, path: '*.jpg', fps: 50 }
    idle-timeout: 50ms
    filters:
      - use: text
        with: { format: '{gpio.door}', size: 60, position: top-left, margin: 0, background: black }
gpio:
  backend: simulated
  folder: pins
  outputs:
    - { pin: 17, shows: running }
    - { pin: 27, shows: captures, stream: front, active: low }
    - { pin: 22, shows: viewers }
    - { pin: 23, shows: failing }
  inputs:
    door: { pin: 5, pull: up, debounce: 10ms, high: WWWW, low: ' ' }
";

struct Pins(PathBuf);

impl Pins {
    fn level(&self, number: u8) -> String {
        let text = std::fs::read_to_string(self.0.join(format!("gpio{number}")));
        text.unwrap_or_default().trim().to_owned()
    }

    /// Waits until these pins are at these levels.
    fn until(&self, levels: &[(u8, &str)]) {
        let are_there = || levels.iter().all(|(pin, level)| self.level(*pin) == *level);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !are_there() {
            let found = levels.iter().map(|(pin, _)| (pin, self.level(*pin)));
            assert!(
                std::time::Instant::now() < deadline,
                "{:?} instead of {levels:?}",
                Vec::from_iter(found)
            );
            std::thread::yield_now();
        }
    }
}

#[test]
fn lamps_show_what_goes_on_and_a_filter_shows_the_door() {
    let folder = Folder::with(PIPELINE);
    folder.write("a.jpg", jpeg("420.jpg"));
    let server = Server::start(folder);
    let pins = Pins(server.folder().join("pins"));
    pins.until(&[(17, "1"), (27, "1"), (22, "0"), (23, "0")]);
    let mut viewer = server.watch("front");
    pins.until(&[(27, "0"), (22, "1")]);

    // The door is open, and then it is not.
    let mut is_open = || {
        let picture = decode(&viewer.next().unwrap().jpeg);
        picture.get_pixel(1, 1).0.iter().all(|value| *value < 30)
    };
    while !is_open() {}
    std::fs::write(pins.0.join("gpio5"), "0").unwrap();
    while is_open() {}
    std::fs::write(pins.0.join("gpio5"), "1").unwrap();
    while !is_open() {}

    // The camera fails and comes back.
    let picture = server.folder().join("a.jpg");
    std::fs::write(&picture, "gone").unwrap();
    pins.until(&[(23, "1"), (27, "1"), (22, "1")]);
    std::fs::write(&picture, jpeg("420.jpg")).unwrap();
    pins.until(&[(23, "0"), (27, "0")]);

    drop(viewer);
    pins.until(&[(22, "0"), (27, "1"), (17, "1")]);
    server.terminate();
    pins.until(&[(17, "0"), (27, "1"), (22, "0"), (23, "0")]);
    let (_, log) = server.wait();
    assert!(
        log.contains(r#"input changed input="door" value="WWWW""#),
        "{log}"
    );
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let folder = Folder::with(
        "streams: { front: {}, back: {} }
gpio:
  backend: simulated
  outputs:
    - { pin: 28, shows: running }
    - { pin: 4, shows: capture, stream: front }
    - { pin: 5, shows: viewers }
    - { pin: 6, shows: failing, stream: frnt }
    - { pin: 7, shows: running, stream: front }
    - { shows: running }
  inputs:
    door: { pin: 5 }
    'the bell': { pin: 9, pull: left }
",
    );
    let output = folder.run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = stderr(&output);
    for words in [
        "5:14: `pin`: expected a whole number from 0 to 27",
        "6:24: `shows`: expected `running`, `captures`, `viewers`, `streams`, `analysis`, \
         `failing` or `motion`, found the text `capture`; did you mean `captures`?",
        "7:7: this output needs a `stream`: whose?",
        "8:41: no stream is called `frnt`; did you mean `front`?",
        "9:41: `running` is of the whole server and takes no `stream`",
        "10:7: a `pin` is needed",
        "12:18: the pin 5 is used twice",
        "13:5: `the bell` can't be an input's name",
        "13:33: `pull`: expected `off`, `up` or `down`",
    ] {
        assert!(
            errors.contains(&format!("pipeline.yaml:{words}")),
            "{words} in {errors}"
        );
    }
}
