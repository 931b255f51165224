//! Privacy masks again, with all that is made of pictures and kept: nothing of what they cover is
//! in any of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use crate::events::list;
use crate::masks::coded;
use crate::support::broker::Broker;
use crate::support::camera::{HttpCamera, plain};
use crate::support::http::get;
use crate::support::picture::{djpeg, mean};
use crate::support::server::{Server, until};
use crate::support::{Folder, repository};

/// The masked area: the right of the middle, with a margin round what is secret.
const AREA: &str = "0.55,0.3,0.95,0.3,0.95,0.8,0.55,0.8";

/// A dark grey picture with a lighter square that walks, and in the masked area a bright pink one
/// that walks too.
fn scene(at: u32) -> RgbImage {
    RgbImage::from_fn(320, 240, |x, y| {
        let is_in =
            |left: u32, top: u32| (left..left + 40).contains(&x) && (top..top + 40).contains(&y);
        Rgb(if is_in(200 + 4 * at, 100) {
            [255, 150, 255]
        } else if is_in(10 + 8 * at, 180) {
            [105, 105, 105]
        } else {
            [(30 + x / 16) as u8; 3]
        })
    })
}

/// Whether anything of the secret is in the picture: it is brighter than all else, and the only
/// thing with a colour.
fn shows_secret(image: &RgbImage) -> bool {
    image.pixels().any(|Rgb([red, green, blue])| {
        let colour = (i32::from(*red) - i32::from(*green)).abs();
        colour.max((i32::from(*blue) - i32::from(*green)).abs()) > 20 || *green > 140
    })
}

/// The scene in all codings, one after the other, so that each shows it at several places.
fn recording() -> Folder {
    let folder = Folder::new();
    for at in 0..8 {
        for (way, (_, jpeg)) in coded(&scene(at)).into_iter().enumerate() {
            assert!(shows_secret(&decode(&jpeg)), "{way}");
            folder.write(&format!("frames/{at}-{way}.jpg"), jpeg);
        }
    }
    for name in ["inspect", "overlay"] {
        let module = repository(&format!("tests/modules/contract-0.2.0-{name}.wasm"));
        folder.write(&format!("{name}.wasm"), std::fs::read(module).unwrap());
    }
    folder
}

/// The picture; of those with arithmetic coding libjpeg-turbo's.
fn decode(jpeg: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg)
        .map_or_else(|_| djpeg(jpeg), image::DynamicImage::into_rgb8)
}

/// The JPEGs in `bytes`, whatever is between them.
fn jpegs(bytes: &[u8]) -> Vec<RgbImage> {
    let starts = bytes
        .windows(3)
        .enumerate()
        .filter(|(_, it)| *it == [0xff, 0xd8, 0xff]);
    starts.map(|(at, _)| decode(&bytes[at..])).collect()
}

/// The pictures that were looked at, and those that showed what they should not, by places.
#[derive(Default)]
struct Search {
    seen: BTreeMap<String, usize>,
    leaks: Vec<String>,
}

impl Search {
    fn look(&mut self, place: &str, bytes: &[u8]) {
        for image in jpegs(bytes) {
            self.note(place, &image);
        }
    }

    fn note(&mut self, place: &str, image: &RgbImage) {
        *self.seen.entry(place.to_owned()).or_default() += 1;
        if shows_secret(image) {
            self.leaks.push(place.to_owned());
        }
    }

    /// The addresses that can be asked for.
    fn ask(&mut self, server: &Server) {
        for name in ["s", "raw", "small"] {
            self.look("snapshot", &server.get(&format!("/{name}.jpg")).bytes());
        }
        for step in server.report("s")["filters"].as_array().unwrap() {
            let picture = format!("/api/v1/streams/s/steps/{}/picture", step["id"]);
            let picture = server.get(&picture);
            if picture.status == 200 {
                // The right half is what it takes for motion, in white.
                let mut shown = decode(&picture.bytes());
                let half = shown.width() / 2;
                let seen = image::imageops::crop(&mut shown, 0, 0, half, 30).to_image();
                self.note("step", &seen);
            }
        }
        for event in list(server, "?limit=20")["events"].as_array().unwrap() {
            let id = event["id"].as_str().unwrap();
            let picture = get(server.address, &format!("/api/v1/events/{id}/picture"));
            if picture.status == 200 {
                self.look("event", &picture.bytes());
            }
        }
    }

    /// The contents of files.
    fn look_in(&mut self, place: &str, folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => self.look_in(place, &path),
                // It may have gone meanwhile.
                false => self.look(place, &std::fs::read(&path).unwrap_or_default()),
            }
        }
    }
}

/// Filters that see everything, and show it where they can.
const FILTERS: &str = "
      - { use: motion, every: 30ms, with: { event-gap: 1s } }
      - { use: ./inspect.wasm, every: 20ms, with: {} }
      - { use: ./overlay.wasm, sees: all, publish: true }
      - { use: boxes, with: { color: '#505050', text: '' } }
";

fn pipeline(receiver: &HttpCamera, broker: &Broker, masks: &str) -> String {
    let (receiver, broker) = (receiver.address, broker.address);
    format!(
        "admin-token: {{ env: TEST_TOKEN }}
mqtt: {{ broker: \"mqtt://{broker}\" }}
on:
  - {{ event: seen, when: both, post: \"http://{receiver}/\", picture: true }}
  - {{ event: seen, mqtt: seen, picture: true }}
  - {{ event: seen, run: [./take.sh], picture: true }}
streams:
  s:
    source: {{ driver: files, path: 'frames/*.jpg', fps: 30, loop: true, masks: [{masks}] }}
    run: always
    filters:{FILTERS}
  raw: {{ source: {{ stream: s }} }}
  small: {{ source: {{ stream: s, frames: filtered }}, filters: [{{ use: resize, \
         with: {{ width: 160 }} }}] }}
"
    )
}

fn mask(rest: &str) -> String {
    format!("{{ name: m, area: \"{AREA}\"{rest} }}")
}

fn set(server: &Server, name: &str, text: Option<&str>) {
    let target = format!("/api/v1/variables/{name}");
    let answer = match text {
        Some(text) => server.change("PUT", &target, &json!({ "text": text })),
        None => server.change("DELETE", &target, &json!({})),
    };
    assert!(answer.status < 300, "{name}: {}", answer.status);
}

/// Takes a picture from the standard places of an action: `$MATTEBOX_EVENT_PICTURE`.
const TAKE: &str = "#!/bin/sh\n\
    cp \"$MATTEBOX_EVENT_PICTURE\" \"taken/$MATTEBOX_EVENT_ID-$MATTEBOX_EVENT_PHASE.jpg\"\n";

fn serve(folder: Folder) -> Server {
    folder.write("taken/.keep", "");
    let take = folder.write("take.sh", TAKE);
    let mut permissions = std::fs::metadata(&take).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&take, permissions).unwrap();
    let state = folder.path().join("state");
    Server::start_with(folder, |command| {
        command.env("MATTEBOX_STATE", state);
    })
}

fn broker_pictures(search: &mut Search, broker: &Broker) {
    for topic in ["mattebox/s/picture", "seen/picture"] {
        for message in broker.messages(topic) {
            search.look(topic, &message);
        }
    }
}

/// A receiver of what is posted.
fn receiver() -> HttpCamera {
    HttpCamera::new(|_, socket| plain(socket, "200 OK", "", b""))
}

/// Changes of the chain, of the masks beside the one, and of what makes a filter break, one after
/// the other.
fn disturb(server: &Server, turn: u32) {
    let change = |method, target: &str, body: Value| {
        let answer = server.change(method, target, &body);
        assert!(answer.status < 300, "{target}: {}", answer.text());
    };
    let step = |at: usize| server.report("s")["filters"][at]["id"].clone();
    let masks = |all: &Value| json!({ "source": { "masks": all } });
    let (one, other) = (
        json!({ "name": "m", "area": AREA }),
        json!({ "name": "left", "area": "0,0,0.1,0,0.1,0.2,0,0.2", "mosaic": 32 }),
    );
    match turn % 8 {
        0 => set(server, "panic", Some("now")),
        1 => change("PATCH", "/api/v1/streams/s", masks(&json!([one, other]))),
        2 => set(server, "panic", None),
        3 => change(
            "PATCH",
            &format!("/api/v1/streams/s/steps/{}", step(3)),
            json!({ "with": { "color": format!("#{:06x}", 0x40_4040 + 0x01_0101 * (turn % 16)) } }),
        ),
        4 => set(server, "event", Some("now")),
        5 => change("PATCH", "/api/v1/streams/s", masks(&json!([other, one]))),
        6 => set(server, "event", None),
        _ => change("PATCH", "/api/v1/streams/s", masks(&json!([one]))),
    }
}

#[test]
fn nothing_that_is_served_or_kept_shows_what_is_masked_while_chains_change_and_filters_break() {
    let (receiver, broker) = (receiver(), Broker::new());
    let folder = recording();
    folder.write("pipeline.yaml", pipeline(&receiver, &broker, &mask("")));
    let server = serve(folder);
    let mut search = Search::default();
    let mut viewers = ["s", "raw", "small"].map(|name| (name, server.watch(name)));
    let end = Instant::now() + Duration::from_secs(100);
    let mut turn = 0;
    while !is_enough(&search) {
        assert!(
            Instant::now() < end,
            "too little was seen: {:?}",
            search.seen
        );
        for (name, viewer) in &mut viewers {
            for _ in 0..6 {
                search.look(name, &viewer.next().unwrap().jpeg);
            }
        }
        disturb(&server, turn);
        search.ask(&server);
        turn += 1;
    }
    let report = server.report("s");
    assert!(
        report["filters"][1]["restarts"].as_u64() > Some(0),
        "{report:#}"
    );
    // It learns anew whenever other masks cover.
    until(
        || list(&server, "?kind=motion"),
        |it| it["events"][0].is_object(),
    );
    set_off(&server);
    let posted = || json!(receiver.requests().len());
    until(posted, |it| it.as_u64() > Some(1));
    for request in receiver.requests() {
        search.look("post", &request.body);
    }
    broker_pictures(&mut search, &broker);
    let folder = server.folder().to_owned();
    until(|| json!(taken(&folder)), |it| it.as_u64() > Some(1));
    search.look_in("taken", &folder.join("taken"));
    until(
        || json!(jpgs(&folder.join("state"))),
        |it| it.as_u64() > Some(1),
    );
    search.look_in("state", &folder.join("state"));
    for place in [
        "post",
        "mattebox/s/picture",
        "seen/picture",
        "taken",
        "state",
    ] {
        assert!(
            search.seen.contains_key(place),
            "{place}: {:?}",
            search.seen
        );
    }
    assert_eq!(search.leaks, [""; 0], "of {:?}", search.seen);
}

/// Whether enough pictures were looked at in each place.
fn is_enough(search: &Search) -> bool {
    let least = |place: &str, count: usize| search.seen.get(place).is_some_and(|it| *it >= count);
    let places = ["s", "raw", "small", "snapshot"];
    places.iter().all(|it| least(it, 250)) && least("step", 40) && least("event", 40)
}

/// No more filters break.
fn set_off(server: &Server) {
    server.change("DELETE", "/api/v1/variables/panic", &json!({}));
    set(server, "event", Some("now"));
}

fn taken(folder: &Path) -> usize {
    jpgs(&folder.join("taken"))
}

/// The number of JPEGs in a folder and those in it.
fn jpgs(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let count = |path: std::path::PathBuf| match path.is_dir() {
        true => jpgs(&path),
        false => usize::from(path.extension().is_some_and(|it| it == "jpg")),
    };
    entries.map(|entry| count(entry.path())).sum()
}

#[test]
fn pictures_of_events_go_when_a_mask_is_added_that_they_were_taken_without() {
    let (receiver, broker) = (receiver(), Broker::new());
    let folder = recording();
    folder.write("pipeline.yaml", pipeline(&receiver, &broker, ""));
    let server = serve(folder);
    let state = server.folder().join("state");
    set(&server, "event", Some("now"));
    let pictures = |server: &Server| {
        let all = list(server, "?kind=seen");
        let with = |it: &&Value| !it["picture_url"].is_null();
        json!(
            all["events"]
                .as_array()
                .unwrap()
                .iter()
                .filter(with)
                .count()
        )
    };
    until(|| pictures(&server), |it| it.as_u64() == Some(1));
    set(&server, "event", None);
    until(|| json!(jpgs(&state)), |it| it.as_u64() > Some(0));
    until(
        || json!(broker.messages("mattebox/s/picture").len()),
        |it| it.as_u64() > Some(0),
    );
    assert!(
        jpegs(&broker.messages("mattebox/s/picture")[0])
            .iter()
            .all(shows_secret)
    );
    let id = list(&server, "?kind=seen")["events"][0]["id"].clone();
    let picture = format!("/api/v1/events/{}/picture", id.as_str().unwrap());
    assert!(
        server
            .get(&picture)
            .header("cache-control")
            .unwrap()
            .contains("no-cache")
    );
    // The name and the colour of a mask are nothing that a picture could lack.
    let patch = |masks: Value| {
        let body = json!({ "source": { "masks": masks } });
        assert_eq!(
            server.change("PATCH", "/api/v1/streams/s", &body).status,
            200
        );
    };
    patch(json!([{ "name": "m", "area": AREA }]));
    assert_eq!(server.get(&picture).status, 404);
    let shown = server.report("s")["filters"][0]["id"].clone();
    let shown = server.get(&format!("/api/v1/streams/s/steps/{shown}/picture"));
    assert!(shown.status == 404 || !jpegs(&shown.bytes()).iter().any(shows_secret));
    until(|| json!(jpgs(&state)), |it| *it == json!(0));
    let retained = || json!(broker.retained("mattebox/s/picture"));
    until(retained, |it| it.as_str().is_none_or(str::is_empty));

    set(&server, "event", Some("now"));
    until(|| pictures(&server), |it| it.as_u64() == Some(1));
    set(&server, "event", None);
    patch(json!([{ "name": "renamed", "area": AREA, "fill": "green" }]));
    assert_eq!(pictures(&server), json!(1));
}

#[test]
fn pictures_go_too_that_were_kept_before_a_mask_was_written_into_the_file_of_a_server_that_rests() {
    let (receiver, broker) = (receiver(), Broker::new());
    let folder = recording();
    folder.write("pipeline.yaml", pipeline(&receiver, &broker, ""));
    let home = folder.path().to_owned();
    let start = || {
        Server::start_with(Folder::new(), |command| {
            command
                .current_dir(&home)
                .env("MATTEBOX_STATE", home.join("state"));
        })
    };
    folder.write("take.sh", TAKE);
    let server = start();
    set(&server, "event", Some("now"));
    until(
        || json!(jpgs(&home.join("state"))),
        |it| it.as_u64() > Some(0),
    );
    until(
        || json!(broker.messages("mattebox/s/picture").len()),
        |it| it.as_u64() > Some(0),
    );
    server.log();
    folder.write(
        "pipeline.yaml",
        pipeline(&receiver, &broker, &mask(", when: 'away = yes'")),
    );
    let server = start();
    let of_before = list(&server, "?kind=seen");
    let of_before = of_before["events"].as_array().unwrap();
    assert!(
        of_before
            .iter()
            .any(|it| it["end"].is_string() && it["picture_url"].is_null())
    );
    let leaks = || {
        let mut search = Search::default();
        search.look_in("state", &home.join("state"));
        json!(search.leaks)
    };
    until(leaks, |it| *it == json!([]));
    let retained = || json!(broker.retained("mattebox/s/picture"));
    until(retained, |it| it.as_str().is_none_or(str::is_empty));
}

#[test]
fn a_filter_that_sees_pictures_remembers_nothing_once_other_masks_cover() {
    let folder = recording();
    folder.write(
        "pipeline.yaml",
        "admin-token: { env: TEST_TOKEN }
streams:
  s:
    source: { driver: files, path: 'frames/*.jpg', fps: 30, loop: true }
    filters: [{ use: ./overlay.wasm, sees: all, publish: true, with: { mode: until } }]
",
    );
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    // It draws a square as bright as it has been called often, once a second.
    let mut until_calls = |is_it: fn(f64) -> bool| {
        let mut frames = (0..600).map(|_| decode(&viewer.next().unwrap().jpeg));
        assert!(frames.any(|frame| is_it(mean(&frame, 4, 4, 24, 24)[1])));
    };
    until_calls(|calls| (5.5..12.0).contains(&calls));
    let masks = json!({ "source": { "masks": [{ "name": "m", "area": AREA }] } });
    assert_eq!(
        server.change("PATCH", "/api/v1/streams/s", &masks).status,
        200
    );
    until_calls(|calls| (0.0..3.0).contains(&calls));
    assert_eq!(server.report("s")["filters"][0]["errors"], 0);
}
