//! A stream's runner against a camera and a clock that the tests move by hand.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use jpeg_splice::InvalidJpeg;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::chain::{Chain, Path};
use crate::clock::StopToken;
use crate::clock::fake::FakeClock;
use crate::config::{SharedFrames, Size, WarmUp};
use crate::mask::{MaskSet, MaskStamp};
use crate::source::{Camera, CapturedFrame, FrameData, Source, SourceError};
use crate::variables::Variables;

const IDLE: Duration = Duration::from_secs(10);
const RULES: Rules = Rules {
    idle_timeout: IDLE,
    capture: CaptureRules {
        fps: None,
        most_fps: f64::INFINITY,
        stall_timeout: Duration::from_secs(3600),
        max_pixels: 320 * 240,
        warm_up: WarmUp::Frames(0),
        quality: 85,
    },
};
/// A JPEG around what the tests tell frames apart by.
const HEAD: &[u8] =
    b"\xff\xd8\xff\xc2\0\x0b\x08\0\xf0\x01\x40\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0";
const END: &[u8] = b"\xff\xd9";
/// Only for tests that fail.
const PATIENCE: Duration = Duration::from_secs(20);

/// An order of a test to its camera.
enum Order {
    Frame(&'static [u8]),
    Broken(InvalidJpeg),
    Fail(&'static str),
    Panic(&'static str),
    /// A raw picture of this width, whose coding panics.
    Raw(u32),
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

    fn open(&mut self, _: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        self.work.lock().unwrap().opened += 1;
        Ok(Box::new(TestCamera(self)))
    }
}

impl Camera for TestCamera<'_> {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        match stop.wait_for(self.0.orders.recv()).flatten() {
            Some(Order::Frame(bytes)) => Ok(Some(CapturedFrame {
                picture: FrameData::Coded(Ok([HEAD, bytes, END].concat().into())),
                captured_at: SystemTime::UNIX_EPOCH,
                since: None,
                masks: MaskStamp::default(),
            })),
            Some(Order::Broken(why)) => Ok(Some(CapturedFrame {
                picture: Err(why).into(),
                captured_at: SystemTime::UNIX_EPOCH,
                since: None,
                masks: MaskStamp::default(),
            })),
            Some(Order::Fail(why)) => Err(SourceError::Test(why)),
            Some(Order::Panic(why)) => panic!("{why}"),
            Some(Order::Raw(width)) => Ok(Some(CapturedFrame {
                picture: FrameData::Raw {
                    size: Size { width, height: 1 },
                    code: Box::new(|| panic!("no such format")),
                },
                captured_at: SystemTime::UNIX_EPOCH,
                since: None,
                masks: MaskStamp::default(),
            })),
            Some(Order::End) | None => Ok(None),
        }
    }
}

impl Drop for TestCamera<'_> {
    fn drop(&mut self) {
        self.0.work.lock().unwrap().closed += 1;
    }
}

/// The fate of a thread that is to be started.
enum Start {
    Refused,
    EndsAtOnce,
    Works,
}

/// A system whose next threads start like this; those after them work.
#[derive(Default)]
struct TestThreads(Mutex<VecDeque<Start>>);

impl TestThreads {
    fn plan(&self, starts: impl IntoIterator<Item = Start>) {
        self.0.lock().unwrap().extend(starts);
    }
}

impl Threads for TestThreads {
    fn start(&self, name: String, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        match self.0.lock().unwrap().pop_front() {
            Some(Start::Refused) => Err(io::ErrorKind::WouldBlock.into()),
            Some(Start::EndsAtOnce) => Ok(()),
            Some(Start::Works) | None => SystemThreads.start(name, work),
        }
    }
}

/// A chain's clock, which panics when it is told to.
struct TestClock {
    clock: Arc<FakeClock>,
    panics: AtomicBool,
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        assert!(!self.panics.load(Ordering::SeqCst), "what time is it?");
        self.clock.now()
    }

    fn unix(&self) -> SystemTime {
        self.clock.unix()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        self.clock.sleep_until(deadline)
    }

    fn block(&self, pause: Duration) {
        self.clock.block(pause);
    }

    fn park(&self, deadline: Option<Instant>) {
        self.clock.park(deadline);
    }
}

struct Stage {
    stream: Arc<Stream>,
    clock: Arc<FakeClock>,
    chain_clock: Arc<TestClock>,
    threads: Arc<TestThreads>,
    changes: mpsc::UnboundedSender<Order>,
    work: Arc<Mutex<Camerawork>>,
    shutdown: CancellationToken,
    runner: tokio::task::JoinHandle<()>,
}

fn masks(clock: &Arc<FakeClock>) -> MaskSet {
    MaskSet::new(clock.clone(), TimeZone::UTC, Variables::default())
}

impl Stage {
    fn new() -> Self {
        Self::with(RULES)
    }

    fn with(rules: Rules) -> Self {
        let clock = FakeClock::new();
        let chain_clock = Arc::new(TestClock {
            clock: clock.clone(),
            panics: AtomicBool::new(false),
        });
        let threads = Arc::new(TestThreads::default());
        let chain = Chain::new(85, chain_clock.clone(), TimeZone::UTC, Variables::default());
        let (changes, received) = mpsc::unbounded_channel();
        let work = Arc::new(Mutex::new(Camerawork::default()));
        let source = Box::new(TestSource {
            orders: received,
            work: work.clone(),
        });
        let shutdown = CancellationToken::new();
        let parts = StreamParts {
            source,
            masks: masks(&clock),
            chain,
            steps: Vec::new(),
        };
        let (stream, runner) = Stream::with_threads(
            "test".to_owned(),
            parts,
            rules,
            clock.clone(),
            shutdown.clone(),
            threads.clone(),
        );
        Self {
            stream,
            clock,
            chain_clock,
            threads,
            changes,
            work,
            shutdown,
            runner: tokio::spawn(runner),
        }
    }

    fn order(&self, order: Order) {
        self.changes.send(order).unwrap();
    }

    fn cameras(&self) -> (usize, usize) {
        let work = self.work.lock().unwrap();
        (work.opened, work.closed)
    }

    async fn until(&self, condition: impl Fn(&StreamReport) -> bool) {
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
    let frame = any(viewer).await;
    assert!(frame.is_picture, "no signal");
    let start = frame.jpeg.strip_prefix(HEAD).expect("another JPEG");
    let text = start.strip_suffix(END).expect("a whole JPEG");
    Bytes::copy_from_slice(text)
}

/// A frame that may say that there is no signal.
async fn any(viewer: &mut Viewer) -> Arc<Frame> {
    let frame = timeout(PATIENCE, viewer.next()).await.expect("no frame");
    frame.expect("the stream is over")
}

#[tokio::test]
async fn the_camera_runs_from_the_first_viewer_until_the_time_out() {
    let stage = Stage::new();
    assert_eq!(stage.stream.state(), StreamState::Resting);
    for round in 1..=2 {
        let mut viewer = stage.stream.watch();
        stage.order(Order::Frame(b"a"));
        assert_eq!(next(&mut viewer).await, "a");
        assert_eq!(stage.cameras(), (round, round - 1));
        drop(viewer);
        stage.pass(IDLE).await;
        stage
            .until(|report| report.state == StreamState::Resting)
            .await;
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
    stage
        .until(|report| report.state == StreamState::Resting)
        .await;
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
        let failing = |report: &StreamReport| report.error.as_deref() == Some("unplugged");
        stage.until(failing).await;
        assert_eq!(stage.stream.state(), StreamState::Failing);
        stage.pass(pause).await;
        stage
            .until(|_| stage.cameras() == (failure + 1, failure))
            .await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
    // The viewer has stayed, and once a frame came, the next pause is short again.
    stage.order(Order::Frame(b"a"));
    stage
        .until(|report| report.state == StreamState::Running)
        .await;
    assert_eq!(next(&mut viewer).await, "a");
    let report = stage.stream.report();
    assert_eq!(report.error, None);
    assert_eq!(report.last_error.as_deref(), Some("unplugged"));
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
    stage
        .until(|report| report.state == StreamState::Ended)
        .await;
    assert_eq!(next(&mut stage.stream.watch()).await, "last");
}

#[tokio::test]
async fn shutting_down_closes_the_camera() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"a"));
    next(&mut viewer).await;
    stage.shutdown.cancel();
    timeout(PATIENCE, stage.runner).await.unwrap().unwrap();
    let work = stage.work.lock().unwrap();
    assert_eq!((work.opened, work.closed), (1, 1));
}

#[tokio::test]
async fn without_a_picture_viewers_see_that_there_is_no_signal() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"a"));
    next(&mut viewer).await;
    stage.order(Order::Fail("unplugged"));
    stage
        .until(|report| report.state == StreamState::Failing)
        .await;
    // Within two seconds, and then with the time moving on.
    stage.pass(Duration::from_millis(1600)).await;
    let first = any(&mut viewer).await;
    assert!(!first.is_picture);
    stage.pass(Duration::from_secs(1)).await;
    let second = any(&mut viewer).await;
    assert!(!second.is_picture);
    assert_ne!(first.jpeg, second.jpeg);
    // It is no picture of the camera's: nothing counts it, and the camera's next one takes its
    // place.
    assert_eq!(stage.stream.report().paths[&Path::Passthrough], 1);
    stage.order(Order::Frame(b"b"));
    assert_eq!(next(&mut viewer).await, "b");
    assert_eq!(stage.stream.state(), StreamState::Running);
}

#[tokio::test]
async fn a_camera_that_takes_long_to_start_shows_no_signal_meanwhile() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.pass(Duration::from_millis(1600)).await;
    assert!(!any(&mut viewer).await.is_picture);
    assert_eq!(stage.stream.state(), StreamState::Starting);
    stage.order(Order::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
}

#[tokio::test]
async fn a_camera_that_freezes_is_opened_again() {
    let mut rules = RULES;
    rules.capture.stall_timeout = Duration::from_secs(5);
    let stage = Stage::with(rules);
    let mut viewer = stage.stream.watch();
    // So long a first frame may take.
    let first = Duration::from_secs(10);
    timeout(PATIENCE, stage.clock.sleeper(first)).await.unwrap();
    stage.order(Order::Frame(b"a"));
    next(&mut viewer).await;
    stage.clock.advance(first);
    stage
        .until(|report| report.state == StreamState::Failing)
        .await;
    let error = stage.stream.error().unwrap();
    assert_eq!(error, "the camera gave no picture for 5 s");
    stage.pass(Duration::from_millis(500)).await;
    stage.until(|_| stage.cameras() == (2, 1)).await;
    stage.order(Order::Frame(b"b"));
    stage
        .until(|report| report.state == StreamState::Running)
        .await;
    assert_eq!(next(&mut viewer).await, "b");
}

#[tokio::test]
async fn broken_pictures_are_left_out() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
    stage.order(Order::Broken(InvalidJpeg::NoEnd));
    stage.order(Order::Frame(b"b"));
    assert_eq!(next(&mut viewer).await, "b");
    assert_eq!(stage.stream.report().frames_dropped, 1);
    assert_eq!(stage.stream.state(), StreamState::Running);
}

#[tokio::test]
async fn frames_above_the_ceiling_are_dropped_before_any_work() {
    let mut rules = RULES;
    rules.capture.most_fps = 10.0;
    let stage = Stage::with(rules);
    let mut viewer = stage.stream.watch();
    for frame in [b"a", b"b", b"c"] {
        stage.order(Order::Frame(frame));
    }
    stage.order(Order::Fail("next"));
    stage
        .until(|report| report.state == StreamState::Failing)
        .await;
    assert_eq!(stage.stream.report().frames_in, 1);
    assert_eq!(next(&mut viewer).await, "a");
}

#[tokio::test]
async fn the_camera_counts_as_open_exactly_while_it_is() {
    let stage = Stage::new();
    let mut health = stage.stream.health_changes();
    assert!(!health.borrow().captures);
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"a"));
    next(&mut viewer).await;
    assert!(health.borrow_and_update().captures);
    stage.order(Order::Fail("unplugged"));
    let wait = health.wait_for(|health| !health.captures);
    timeout(PATIENCE, wait).await.unwrap().unwrap();
    assert_eq!(stage.cameras(), (1, 1));
    stage.pass(Duration::from_millis(500)).await;
    stage.until(|_| stage.cameras() == (2, 1)).await;
    assert!(stage.stream.health_changes().borrow().captures);
}

/// A stream that shares the camera of another.
struct Sharing {
    stage: Stage,
    stream: Arc<Stream>,
}

impl Sharing {
    fn new(frames: SharedFrames) -> Self {
        let stage = Stage::new();
        let clock = stage.clock.clone();
        let chain = Chain::new(85, clock.clone(), TimeZone::UTC, Variables::default());
        let source = Box::new(Shared::new(stage.stream.clone(), frames, None));
        let (stream, runner) = Stream::new(
            "second".to_owned(),
            StreamParts {
                source,
                masks: masks(&clock),
                chain,
                steps: Vec::new(),
            },
            RULES,
            clock,
            stage.shutdown.clone(),
        );
        tokio::spawn(runner);
        Self { stage, stream }
    }
}

#[tokio::test]
async fn streams_share_a_camera_which_runs_while_any_is_watched() {
    for frames in [SharedFrames::Unfiltered, SharedFrames::Filtered] {
        let Sharing { stage, stream } = Sharing::new(frames);
        let mut viewer = stream.watch();
        stage.order(Order::Frame(b"a"));
        assert_eq!(next(&mut viewer).await, "a");
        let report = stage.stream.report();
        assert_eq!((report.viewers, report.sharers), (0, 1));
        // Nobody sees what comes out of the first stream's chain, so nothing goes in.
        let filtered = report.paths[&Path::Passthrough];
        assert_eq!(filtered, u64::from(frames == SharedFrames::Filtered));
        let mut first = stage.stream.watch();
        stage.order(Order::Frame(b"b"));
        assert_eq!(next(&mut viewer).await, "b");
        while next(&mut first).await != "b" {}
        assert_eq!(stage.cameras(), (1, 0));
        drop(viewer);
        drop(first);
        stage.pass(IDLE).await;
        stage.pass(IDLE).await;
        stage
            .until(|report| report.state == StreamState::Resting)
            .await;
        assert_eq!(stage.cameras(), (1, 1));
    }
}

#[tokio::test]
async fn a_shared_cameras_failure_is_told_by_both() {
    for frames in [SharedFrames::Unfiltered, SharedFrames::Filtered] {
        let Sharing { stage, stream } = Sharing::new(frames);
        let mut viewer = stream.watch();
        stage.order(Order::Frame(b"a"));
        assert_eq!(next(&mut viewer).await, "a");
        stage.order(Order::Fail("unplugged"));
        let told = async {
            while stream.error().as_deref() != Some("the stream `test` fails: unplugged") {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, told).await.unwrap();
        stage.order(Order::Frame(b"b"));
        // Both pause before they try again.
        let pause = Duration::from_millis(500);
        timeout(PATIENCE, stage.clock.sleepers(pause, 2))
            .await
            .unwrap();
        stage.clock.advance(pause);
        stage
            .until(|report| report.state == StreamState::Running)
            .await;
        while any(&mut viewer).await.jpeg[..] != [HEAD, b"b", END].concat() {}
    }
}

#[tokio::test]
async fn a_driver_that_panics_is_closed_and_opened_again() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    let mut pause = Duration::from_millis(500);
    for panic in 1..=3 {
        stage.order(Order::Panic("no such register"));
        stage
            .until(|report| report.state == StreamState::Failing)
            .await;
        let error = stage.stream.error().unwrap();
        assert!(
            error.contains("`test` panicked: no such register"),
            "{error}"
        );
        stage.pass(pause).await;
        stage.until(|_| stage.cameras() == (panic + 1, panic)).await;
        pause *= 2;
    }
    // Meanwhile the viewer was told that there is no signal.
    stage.order(Order::Frame(b"a"));
    while any(&mut viewer).await.jpeg[..] != [HEAD, b"a", END].concat() {}
    assert!(stage.stream.is_alive());
}

#[tokio::test]
async fn a_panic_in_the_chain_costs_one_frame() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
    stage.chain_clock.panics.store(true, Ordering::SeqCst);
    stage.order(Order::Frame(b"b"));
    stage.until(|report| report.frames_dropped == 1).await;
    stage
        .until(|report| report.state == StreamState::Failing)
        .await;
    let error = stage.stream.error().unwrap();
    assert!(
        error.contains("the chain panicked: what time is it?"),
        "{error}"
    );
    stage.chain_clock.panics.store(false, Ordering::SeqCst);
    stage.order(Order::Frame(b"c"));
    assert_eq!(next(&mut viewer).await, "c");
    assert_eq!(stage.stream.state(), StreamState::Running);
    assert_eq!(stage.cameras(), (1, 0));
}

#[tokio::test]
async fn a_panic_while_a_picture_is_coded_costs_that_picture() {
    let stage = Stage::new();
    let mut viewer = stage.stream.watch();
    stage.order(Order::Raw(320));
    stage.order(Order::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
    assert_eq!(stage.stream.report().frames_broken, 1);
    assert_eq!(stage.cameras(), (1, 0));
}

#[tokio::test]
async fn threads_that_cant_be_started_are_tried_again_with_growing_pauses() {
    let stage = Stage::new();
    // First the one for the camera, then the one for the chain.
    let starts = [Start::Refused, Start::Works, Start::Refused, Start::Refused];
    stage.threads.plan(starts);
    let mut viewer = stage.stream.watch();
    for milliseconds in [500, 1000, 2000] {
        stage
            .until(|report| report.state == StreamState::Failing)
            .await;
        let error = stage.stream.error().unwrap();
        assert!(error.contains("no thread can be started"), "{error}");
        assert!(!stage.stream.is_alive());
        assert!(!any(&mut viewer).await.is_picture);
        stage.pass(Duration::from_millis(milliseconds)).await;
    }
    stage.order(Order::Frame(b"a"));
    while any(&mut viewer).await.jpeg[..] != [HEAD, b"a", END].concat() {}
    assert!(stage.stream.is_alive());
    assert_eq!(stage.stream.state(), StreamState::Running);
}

#[tokio::test]
async fn a_thread_that_ends_is_started_again_with_the_camera_that_it_had() {
    let stage = Stage::new();
    let starts = [
        Start::EndsAtOnce,
        Start::Works,
        Start::Works,
        Start::EndsAtOnce,
    ];
    stage.threads.plan(starts);
    let mut viewer = stage.stream.watch();
    for milliseconds in [500, 1000] {
        stage
            .until(|report| report.state == StreamState::Failing)
            .await;
        let error = stage.stream.error().unwrap();
        assert!(error.contains("thread ended by itself"), "{error}");
        assert!(!stage.stream.is_alive());
        stage.pass(Duration::from_millis(milliseconds)).await;
    }
    stage.order(Order::Frame(b"a"));
    while any(&mut viewer).await.jpeg[..] != [HEAD, b"a", END].concat() {}
    assert!(stage.stream.is_alive());
}

#[tokio::test]
async fn a_stream_that_can_start_no_thread_rests_when_nobody_watches() {
    let stage = Stage::new();
    stage.threads.plan([Start::Refused]);
    let viewer = stage.stream.watch();
    stage
        .until(|report| report.state == StreamState::Failing)
        .await;
    drop(viewer);
    stage.pass(Duration::from_millis(500)).await;
    stage
        .until(|report| report.state == StreamState::Resting)
        .await;
    assert!(stage.stream.is_alive());
    let mut viewer = stage.stream.watch();
    stage
        .until(|report| report.state == StreamState::Starting)
        .await;
    stage.order(Order::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
}

#[tokio::test]
async fn too_large_pictures_are_left_out_before_any_work() {
    let mut rules = RULES;
    rules.capture.max_pixels = 320 * 240 - 1;
    rules.capture.stall_timeout = Duration::from_secs(5);
    let stage = Stage::with(rules);
    let _viewer = stage.stream.watch();
    let first = Duration::from_secs(10);
    timeout(PATIENCE, stage.clock.sleeper(first)).await.unwrap();
    // Coding the second would panic.
    stage.order(Order::Frame(b"a"));
    stage.order(Order::Raw(320 * 240));
    stage.until(|report| report.frames_broken == 2).await;
    assert_eq!(stage.stream.report().frames_in, 0);
    stage.clock.advance(first);
    stage
        .until(|report| report.state == StreamState::Failing)
        .await;
    let error = stage.stream.error().unwrap();
    assert!(
        error.contains("s: the picture is too large: 76800×1 are 0.08 megapixels"),
        "{error}"
    );
}
