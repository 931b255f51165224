//! A stream's life against a camera and a clock that the tests move by hand.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::chain::{Chain, Path};
use crate::clock::Stop;
use crate::clock::fake::FakeClock;
use crate::filter::{CompileCache, Engine};
use crate::source::{Camera, Capture, Source, SourceError};

const IDLE: Duration = Duration::from_secs(10);
/// Only for tests that fail.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a test makes the camera do next.
enum Order {
    Frame(&'static [u8]),
    Fail(&'static str),
    End,
}

#[derive(Default)]
struct Camerawork {
    opened: usize,
    closed: usize,
}

struct TestSource {
    orders: mpsc::UnboundedReceiver<Order>,
    work: Arc<Mutex<Camerawork>>,
}

struct TestCamera<'a>(&'a mut TestSource);

impl Source for TestSource {
    fn driver(&self) -> &'static str {
        "test"
    }

    fn open(&mut self, _: &Stop) -> Result<Box<dyn Camera + '_>, SourceError> {
        self.work.lock().unwrap().opened += 1;
        Ok(Box::new(TestCamera(self)))
    }
}

impl Camera for TestCamera<'_> {
    fn next_frame(&mut self, stop: &Stop) -> Result<Option<Capture>, SourceError> {
        match stop.wait_for(self.0.orders.recv()).flatten() {
            Some(Order::Frame(bytes)) => Ok(Some(Capture {
                jpeg: Bytes::from_static(bytes),
                captured_at: SystemTime::UNIX_EPOCH,
            })),
            Some(Order::Fail(why)) => Err(SourceError(why.to_owned())),
            Some(Order::End) | None => Ok(None),
        }
    }
}

impl Drop for TestCamera<'_> {
    fn drop(&mut self) {
        self.0.work.lock().unwrap().closed += 1;
    }
}

struct Stage {
    stream: Arc<Stream>,
    clock: Arc<FakeClock>,
    orders: mpsc::UnboundedSender<Order>,
    work: Arc<Mutex<Camerawork>>,
    shutdown: CancellationToken,
    life: tokio::task::JoinHandle<()>,
}

impl Stage {
    fn new() -> Self {
        let clock = FakeClock::new();
        let engine = Engine::new(Handle::current(), &CompileCache::Off).unwrap();
        let chain = Chain::new(&engine, Vec::new(), 85, clock.clone(), TimeZone::UTC);
        let (orders, received) = mpsc::unbounded_channel();
        let work = Arc::new(Mutex::new(Camerawork::default()));
        let source = Box::new(TestSource {
            orders: received,
            work: work.clone(),
        });
        let shutdown = CancellationToken::new();
        let equipment = Equipment { source, chain };
        let (stream, life) = Stream::new(
            "test".to_owned(),
            equipment,
            IDLE,
            clock.clone(),
            shutdown.clone(),
        );
        Self {
            stream,
            clock,
            orders,
            work,
            shutdown,
            life: tokio::spawn(life),
        }
    }

    fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    fn cameras(&self) -> (usize, usize) {
        let work = self.work.lock().unwrap();
        (work.opened, work.closed)
    }

    async fn until(&self, condition: impl Fn(&Report) -> bool) {
        let wait = async {
            while !condition(&self.stream.report()) {
                tokio::task::yield_now().await;
            }
        };
        let reached = timeout(PATIENCE, wait).await;
        assert!(reached.is_ok(), "never: {:?}", self.stream.report());
    }

    /// Waits until somebody sleeps for `pause`, then lets that time pass.
    async fn pass(&self, pause: Duration) {
        let sleeper = timeout(PATIENCE, self.clock.sleeper(pause)).await;
        assert!(sleeper.is_ok(), "nobody sleeps for {pause:?}");
        self.clock.advance(pause);
    }
}

async fn next(viewer: &mut Viewer) -> Bytes {
    let frame = timeout(PATIENCE, viewer.next()).await.expect("no frame");
    frame.expect("the stream is over").jpeg.clone()
}

#[tokio::test]
async fn the_camera_runs_from_the_first_viewer_until_the_time_out() {
    let stage = Stage::new();
    assert_eq!(stage.stream.state(), State::Resting);
    for round in 1..=2 {
        let mut viewer = stage.stream.watch();
        stage.order(Order::Frame(b"a"));
        assert_eq!(next(&mut viewer).await, "a");
        assert_eq!(stage.cameras(), (round, round - 1));
        drop(viewer);
        stage.pass(IDLE).await;
        stage.until(|report| report.state == State::Resting).await;
        assert_eq!(stage.cameras(), (round, round));
    }
    let report = stage.stream.report();
    assert_eq!((report.frames_in, report.paths[&Path::Passthrough]), (2, 2));
}

#[tokio::test]
async fn who_comes_back_in_time_finds_it_running() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"a"));
    next(&mut viewer).await;
    drop(viewer);
    let almost = IDLE - Duration::from_millis(1);
    timeout(PATIENCE, stage.clock.sleeper(IDLE)).await.unwrap();
    stage.clock.advance(almost);
    // The newest picture is there at once, before the camera gives another.
    let mut viewer = stage.stream.watch();
    assert_eq!(next(&mut viewer).await, "a");
    stage.clock.advance(IDLE * 3);
    stage.order(Order::Frame(b"b"));
    assert_eq!(next(&mut viewer).await, "b");
    assert_eq!(stage.cameras(), (1, 0));
}

#[tokio::test]
async fn a_rested_stream_shows_no_old_picture() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"old"));
    next(&mut viewer).await;
    drop(viewer);
    stage.pass(IDLE).await;
    stage.until(|report| report.state == State::Resting).await;
    assert_eq!(stage.stream.report().width, None);
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"new"));
    assert_eq!(next(&mut viewer).await, "new");
}

#[tokio::test]
async fn a_slow_viewer_gets_the_newest_and_nobody_gets_one_twice() {
    let stage = Stage::new();
    let (mut quick, mut slow) = (stage.stream.watch(), stage.stream.watch());
    for frame in [b"a", b"b", b"c"] {
        stage.order(Order::Frame(frame));
        assert_eq!(next(&mut quick).await, &frame[..]);
    }
    assert_eq!(next(&mut slow).await, "c");
    for viewer in [&mut quick, &mut slow] {
        let again = std::pin::pin!(viewer.next());
        assert!(futures_util::poll!(again).is_pending());
    }
}

#[tokio::test]
async fn a_failing_camera_is_opened_again_with_growing_pauses() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    let mut pause = Duration::from_millis(500);
    for failure in 1..=8 {
        stage.order(Order::Fail("unplugged"));
        let failing = |report: &Report| report.error.as_deref() == Some("unplugged");
        stage.until(failing).await;
        assert_eq!(stage.stream.state(), State::Failing);
        stage.pass(pause).await;
        stage
            .until(|_| stage.cameras() == (failure + 1, failure))
            .await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
    // The viewer has stayed, and once a frame came, the next pause is short again.
    stage.order(Order::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
    assert_eq!(stage.stream.report().error, None);
    stage.order(Order::Fail("unplugged again"));
    stage.pass(Duration::from_millis(500)).await;
    stage.order(Order::Frame(b"b"));
    assert_eq!(next(&mut viewer).await, "b");
}

#[tokio::test]
async fn a_camera_without_more_frames_leaves_its_last() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"last"));
    next(&mut viewer).await;
    stage.order(Order::End);
    stage.until(|report| report.state == State::Ended).await;
    assert_eq!(next(&mut stage.stream.watch()).await, "last");
}

#[tokio::test]
async fn shutting_down_closes_the_camera() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"a"));
    next(&mut viewer).await;
    stage.shutdown.cancel();
    timeout(PATIENCE, stage.life).await.unwrap().unwrap();
    let work = stage.work.lock().unwrap();
    assert_eq!((work.opened, work.closed), (1, 1));
}
