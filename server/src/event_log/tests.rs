use std::path::Path;

use super::*;
use crate::clock::fake::FakeClock;
use crate::frame::Frame;
use crate::region::Area;

const SECOND: Duration = Duration::from_secs(1);

fn new(clock: &FakeClock, stream: &str) -> NewEvent {
    NewEvent {
        kind: EventKind::MOTION,
        stream: stream.to_owned(),
        filter: None,
        start: clock.unix(),
        regions: Vec::new(),
        text: None,
        picture: Picture::of(&Frame::fake(1)),
    }
}

fn region(score: f32) -> Region {
    Region {
        area: Area {
            x: 0,
            y: 0,
            width: 1,
            height: 1,
        },
        label: "person".to_owned(),
        score,
        track: Some(1),
    }
}

fn all() -> Filter {
    Filter {
        stream: None,
        kind: None,
        since: None,
        until: None,
        before: None,
        limit: 10_000,
    }
}

fn streams(log: &EventLog, filter: &Filter) -> Vec<String> {
    let events = log.page(filter, &|_| true).events.into_iter();
    events.map(|it| it.event.stream.clone()).collect()
}

fn open(folder: &Path, clock: &Arc<FakeClock>) -> EventLog {
    let place = FolderChoice::Folder(folder.join("state"));
    EventLog::open(&place, &folder.join("pipeline.yaml"), clock.clone())
}

#[test]
fn an_event_lasts_until_it_is_ended_or_dropped() {
    let clock = FakeClock::new();
    let log = EventLog::in_memory(clock.clone());
    let mut changes = log.changes();
    let (one, other) = (log.begin(new(&clock, "a")), log.begin(new(&clock, "b")));
    log.point(new(&clock, "c"));
    let count = log.counts()[&EventKind::MOTION];
    assert_eq!(count, Count { begun: 3, open: 2 });
    clock.advance(SECOND);
    one.end(clock.unix());
    drop(other);
    assert_eq!(log.counts()[&EventKind::MOTION].open, 0);
    let mut seen = Vec::new();
    while let Ok(change) = changes.try_recv() {
        let lasted = change
            .event
            .end
            .map(|end| end.duration_since(change.event.start));
        let lasted = lasted.map(|it| it.as_secs());
        seen.push((change.event.stream.clone(), change.phase, lasted));
    }
    let expected = [
        ("a", Phase::Start, None),
        ("b", Phase::Start, None),
        ("c", Phase::Point, Some(0)),
        ("a", Phase::End, Some(1)),
        ("b", Phase::End, Some(1)),
    ];
    assert_eq!(
        seen,
        expected.map(|(name, phase, it)| (name.to_owned(), phase, it))
    );
}

#[test]
fn the_picture_of_what_is_surest_is_kept() {
    let clock = FakeClock::new();
    let log = EventLog::in_memory(clock.clone());
    let mut first = new(&clock, "a");
    first.picture = None;
    let mut event = log.begin(first);
    let id = event.id().clone();
    let picture = || {
        let kept = log.find(&id).unwrap();
        kept.picture.in_memory().map(|it| it.bytes().clone())
    };
    assert_eq!(picture(), None);
    let frame = Frame::fake(1);
    event.update(vec![region(0.5)], Picture::of(&frame));
    assert_eq!(picture(), Some(frame.jpeg.bytes().clone()));
    let mut notice = Frame::fake(2);
    notice.is_picture = false;
    assert!(Picture::of(&notice).is_none());
    event.update(vec![region(0.4)], Picture::of(&Frame::fake(3)));
    assert_eq!(log.find(&id).unwrap().event.regions, [region(0.5)]);
}

#[test]
fn the_newest_thousand_are_kept_and_found_page_by_page() {
    let clock = FakeClock::new();
    let log = EventLog::in_memory(clock.clone());
    let open = log.begin(new(&clock, "open"));
    for _ in 0..1_010 {
        log.point(new(&clock, "a"));
    }
    log.point(new(&clock, "b"));
    let found = streams(&log, &all());
    assert_eq!(
        (found.len(), &*found[0], &*found[999]),
        (1_000, "b", "open")
    );
    let mut filter = Filter {
        limit: 600,
        ..all()
    };
    let page = log.page(&filter, &|_| true);
    filter.before.clone_from(&page.next);
    let rest = log.page(&filter, &|_| true);
    assert_eq!(
        (page.events.len(), rest.events.len(), rest.next),
        (600, 400, None)
    );
    let ids = page
        .events
        .iter()
        .chain(&rest.events)
        .map(|it| &it.event.id);
    assert!(ids.is_sorted_by(|a, b| a > b));
    filter = Filter {
        stream: Some("b".to_owned()),
        ..all()
    };
    assert_eq!(streams(&log, &filter), ["b"]);
    filter = Filter {
        kind: Some(EventKind::CAMERA_FAILED),
        ..all()
    };
    assert!(streams(&log, &filter).is_empty());
    clock.advance(SECOND);
    log.point(new(&clock, "later"));
    let now = Some(millis(clock.unix()));
    assert_eq!(
        streams(
            &log,
            &Filter {
                since: now,
                ..all()
            }
        ),
        ["later", "open"]
    );
    assert_eq!(
        streams(
            &log,
            &Filter {
                until: now,
                limit: 1,
                ..all()
            }
        ),
        ["b"]
    );
    drop(open);
}

#[test]
fn who_tells_of_much_pushes_out_nobody_elses() {
    let clock = FakeClock::new();
    let log = EventLog::in_memory(clock.clone());
    let mut large = Frame::fake(1);
    let comment = [&[0xff, 0xfe, 0xff, 0xff][..], &[b'x'; 65_533]].concat();
    let (start, rest) = large.jpeg.split_at(2);
    let bytes = [start, &comment.repeat(40), rest].concat();
    large.jpeg = Jpeg::new(bytes.into()).unwrap();
    let quiet: Vec<_> = (0..3).map(|_| log.point(new(&clock, "quiet"))).collect();
    for _ in 0..1_500 {
        log.point(NewEvent {
            picture: Picture::of(&large),
            ..new(&clock, "loud")
        });
    }
    let found = streams(&log, &all());
    assert_eq!(found.len(), 1_000);
    assert_eq!(found.iter().filter(|it| *it == "quiet").count(), 3);
    assert!(quiet.iter().all(|id| log.has_picture(id)));
    // 32 MiB in memory, of 2.5 MiB each.
    let loud = log.page(&all(), &|_| true).events.into_iter();
    let pictures = loud.take_while(|it| it.picture.is_there()).count();
    assert!((11..=13).contains(&pictures), "{pictures}");
}

#[test]
fn a_picture_goes_when_a_mask_comes_that_it_was_taken_without() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), FakeClock::new());
    let masks = |names: &[&str]| -> BTreeSet<MaskId> {
        let ids = serde_json::to_string(names).unwrap();
        serde_json::from_str(&ids).unwrap()
    };
    let log = open(folder.path(), &clock);
    let before = log.point(new(&clock, "a"));
    let others = log.point(new(&clock, "b"));
    log.require_masks("a", masks(&[]));
    assert!(log.has_picture(&before) && log.write());
    log.require_masks("a", masks(&["street"]));
    assert!(!log.has_picture(&before) && log.has_picture(&others));
    assert!(log.write() && log.picture(&before).unwrap().is_none());
    // One that comes too late, of a frame from before.
    let late = log.point(new(&clock, "a"));
    assert!(!log.has_picture(&late) && log.find(&late).is_some());
}

#[test]
fn what_was_written_is_there_again_and_what_was_removed_is_not() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), FakeClock::new());
    let log = open(folder.path(), &clock);
    let ids = [log.point(new(&clock, "a")), log.point(new(&clock, "b"))];
    let lasting = log.begin(new(&clock, "c"));
    assert!(log.write() && log.remove(&ids[0]) && log.write());
    let picture = log.picture(&ids[1]).unwrap().unwrap();
    assert!(log.find(&ids[1]).unwrap().picture.in_memory().is_none());
    assert!(
        log.find(lasting.id())
            .unwrap()
            .picture
            .in_memory()
            .is_some()
    );

    // Another server can't have the folder meanwhile, and goes on without.
    assert!(!open(folder.path(), &clock).store_report().exists);
    // As if it was killed: nothing is written any more.
    std::mem::forget(lasting);
    let kept = log.page(&all(), &|_| true).events;
    drop(log);
    let state = folder.path().join("state").read_dir().unwrap().next();
    let state = state.unwrap().unwrap().path();
    for (name, text) in [
        ("half.json", "{\"id\":"),
        (".new-x", ""),
        ("20270115T080000123Z-00000007.jpg", "x"),
    ] {
        std::fs::write(state.join(name), text).unwrap();
    }
    // The lock is the forgotten event's.
    let again = EventLog::new(clock.clone(), Some(Store::unlocked(&state)));
    assert_eq!(streams(&again, &all()), ["c", "b"]);
    assert_eq!(
        again.picture(&ids[1]).unwrap().unwrap().bytes(),
        picture.bytes()
    );
    assert!(again.page(&all(), &|_| true).events[0].event.end.is_some());
    assert_eq!(again.page(&all(), &|_| true).events[1].event, kept[1].event);
    assert!(again.point(new(&clock, "d")) > kept[0].event.id);
    assert!(!state.join(".new-x").exists());
}

#[test]
fn a_folder_that_cant_be_written_to_is_told_of_and_tried_again() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), FakeClock::new());
    let state = folder.path().join("events");
    let log = EventLog::new(clock.clone(), Some(Store::unlocked(&state)));
    log.point(new(&clock, "a"));
    assert!(!log.write() && !log.write());
    let report = log.store_report();
    assert!(report.failures == 2 && report.error.is_some());
    std::fs::create_dir(&state).unwrap();
    assert!(log.write());
    assert_eq!(log.store_report().error, None);
    assert_eq!(state.read_dir().unwrap().count(), 2);
}
