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

/// The next output of a test's camera.
enum Output {
    Frame(&'static [u8]),
    Broken(InvalidJpeg),
    Fail(&'static str),
    Panic(&'static str),
    /// A raw picture of this width, whose coding panics.
    Raw(u32),
    End,
}

#[derive(Default)]
struct CameraLog {
    opened: usize,
    closed: usize,
}

struct TestSource {
    outputs: mpsc::UnboundedReceiver<Output>,
    log: Arc<Mutex<CameraLog>>,
}

struct TestCamera<'a>(&'a mut TestSource);

impl Source for TestSource {
    fn driver(&self) -> &'static str {
        "test"
    }

    fn open(&mut self, _: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        self.log.lock().unwrap().opened += 1;
        Ok(Box::new(TestCamera(self)))
    }
}

impl Camera for TestCamera<'_> {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        match stop.wait_for(self.0.outputs.recv()).flatten() {
            Some(Output::Frame(bytes)) => Ok(Some(CapturedFrame {
                picture: FrameData::Coded(Ok([HEAD, bytes, END].concat().into())),
                captured_at: SystemTime::UNIX_EPOCH,
                since: None,
                masks: MaskStamp::default(),
            })),
            Some(Output::Broken(why)) => Ok(Some(CapturedFrame {
                picture: Err(why).into(),
                captured_at: SystemTime::UNIX_EPOCH,
                since: None,
                masks: MaskStamp::default(),
            })),
            Some(Output::Fail(why)) => Err(SourceError::Test(why)),
            Some(Output::Panic(why)) => panic!("{why}"),
            Some(Output::Raw(width)) => Ok(Some(CapturedFrame {
                picture: FrameData::Raw {
                    size: Size { width, height: 1 },
                    code: Box::new(|| panic!("no such format")),
                },
                captured_at: SystemTime::UNIX_EPOCH,
                since: None,
                masks: MaskStamp::default(),
            })),
            Some(Output::End) | None => Ok(None),
        }
    }
}

impl Drop for TestCamera<'_> {
    fn drop(&mut self) {
        self.0.log.lock().unwrap().closed += 1;
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

struct Fixture {
    stream: Arc<Stream>,
    clock: Arc<FakeClock>,
    chain_clock: Arc<TestClock>,
    threads: Arc<TestThreads>,
    camera: mpsc::UnboundedSender<Output>,
    log: Arc<Mutex<CameraLog>>,
    shutdown: CancellationToken,
    runner: tokio::task::JoinHandle<()>,
}

fn masks(clock: &Arc<FakeClock>) -> MaskSet {
    MaskSet::new(clock.clone(), TimeZone::UTC, Variables::default())
}

impl Fixture {
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
        let (camera, received) = mpsc::unbounded_channel();
        let log = Arc::new(Mutex::new(CameraLog::default()));
        let source = Box::new(TestSource {
            outputs: received,
            log: log.clone(),
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
            camera,
            log,
            shutdown,
            runner: tokio::spawn(runner),
        }
    }

    fn emit(&self, output: Output) {
        self.camera.send(output).unwrap();
    }

    fn cameras(&self) -> (usize, usize) {
        let log = self.log.lock().unwrap();
        (log.opened, log.closed)
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
    let fixture = Fixture::new();
    assert_eq!(fixture.stream.state(), StreamState::Resting);
    for round in 1..=2 {
        let mut viewer = fixture.stream.watch();
        fixture.emit(Output::Frame(b"a"));
        assert_eq!(next(&mut viewer).await, "a");
        assert_eq!(fixture.cameras(), (round, round - 1));
        drop(viewer);
        fixture.pass(IDLE).await;
        fixture
            .until(|report| report.state == StreamState::Resting)
            .await;
        assert_eq!(fixture.cameras(), (round, round));
    }
    let report = fixture.stream.report();
    assert_eq!((report.frames_in, report.paths[&Path::Passthrough]), (2, 2));
}

#[tokio::test]
async fn who_comes_back_in_time_finds_it_running() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"a"));
    next(&mut viewer).await;
    drop(viewer);
    let almost = IDLE - Duration::from_millis(1);
    timeout(PATIENCE, fixture.clock.sleeper(IDLE))
        .await
        .unwrap();
    fixture.clock.advance(almost);
    // The newest picture is there at once, before the camera gives another.
    let mut viewer = fixture.stream.watch();
    assert_eq!(next(&mut viewer).await, "a");
    fixture.clock.advance(IDLE * 3);
    fixture.emit(Output::Frame(b"b"));
    assert_eq!(next(&mut viewer).await, "b");
    assert_eq!(fixture.cameras(), (1, 0));
}

#[tokio::test]
async fn a_rested_stream_shows_no_old_picture() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"old"));
    next(&mut viewer).await;
    drop(viewer);
    fixture.pass(IDLE).await;
    fixture
        .until(|report| report.state == StreamState::Resting)
        .await;
    assert_eq!(fixture.stream.report().width, None);
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"new"));
    assert_eq!(next(&mut viewer).await, "new");
}

#[tokio::test]
async fn a_slow_viewer_gets_the_newest_and_nobody_gets_one_twice() {
    let fixture = Fixture::new();
    let (mut quick, mut slow) = (fixture.stream.watch(), fixture.stream.watch());
    for frame in [b"a", b"b", b"c"] {
        fixture.emit(Output::Frame(frame));
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
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    let mut pause = Duration::from_millis(500);
    for failure in 1..=8 {
        fixture.emit(Output::Fail("unplugged"));
        let failing = |report: &StreamReport| report.error.as_deref() == Some("unplugged");
        fixture.until(failing).await;
        assert_eq!(fixture.stream.state(), StreamState::Failing);
        fixture.pass(pause).await;
        fixture
            .until(|_| fixture.cameras() == (failure + 1, failure))
            .await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
    // The viewer has stayed, and once a frame came, the next pause is short again.
    fixture.emit(Output::Frame(b"a"));
    fixture
        .until(|report| report.state == StreamState::Running)
        .await;
    assert_eq!(next(&mut viewer).await, "a");
    let report = fixture.stream.report();
    assert_eq!(report.error, None);
    assert_eq!(report.last_error.as_deref(), Some("unplugged"));
    fixture.emit(Output::Fail("unplugged again"));
    fixture.pass(Duration::from_millis(500)).await;
    fixture.emit(Output::Frame(b"b"));
    assert_eq!(next(&mut viewer).await, "b");
}

#[tokio::test]
async fn a_camera_without_more_frames_leaves_its_last() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"last"));
    next(&mut viewer).await;
    fixture.emit(Output::End);
    fixture
        .until(|report| report.state == StreamState::Ended)
        .await;
    assert_eq!(next(&mut fixture.stream.watch()).await, "last");
}

#[tokio::test]
async fn shutting_down_closes_the_camera() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"a"));
    next(&mut viewer).await;
    fixture.shutdown.cancel();
    timeout(PATIENCE, fixture.runner).await.unwrap().unwrap();
    let log = fixture.log.lock().unwrap();
    assert_eq!((log.opened, log.closed), (1, 1));
}

#[tokio::test]
async fn without_a_picture_viewers_see_that_there_is_no_signal() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"a"));
    next(&mut viewer).await;
    fixture.emit(Output::Fail("unplugged"));
    fixture
        .until(|report| report.state == StreamState::Failing)
        .await;
    // Within two seconds, and then with the time moving on.
    fixture.pass(Duration::from_millis(1600)).await;
    let first = any(&mut viewer).await;
    assert!(!first.is_picture);
    fixture.pass(Duration::from_secs(1)).await;
    let second = any(&mut viewer).await;
    assert!(!second.is_picture);
    assert_ne!(first.jpeg, second.jpeg);
    // It is no picture of the camera's: nothing counts it, and the camera's next one takes its
    // place.
    assert_eq!(fixture.stream.report().paths[&Path::Passthrough], 1);
    fixture.emit(Output::Frame(b"b"));
    assert_eq!(next(&mut viewer).await, "b");
    assert_eq!(fixture.stream.state(), StreamState::Running);
}

#[tokio::test]
async fn a_camera_that_takes_long_to_start_shows_no_signal_meanwhile() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.pass(Duration::from_millis(1600)).await;
    assert!(!any(&mut viewer).await.is_picture);
    assert_eq!(fixture.stream.state(), StreamState::Starting);
    fixture.emit(Output::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
}

#[tokio::test]
async fn a_camera_that_freezes_is_opened_again() {
    let mut rules = RULES;
    rules.capture.stall_timeout = Duration::from_secs(5);
    let fixture = Fixture::with(rules);
    let mut viewer = fixture.stream.watch();
    // So long a first frame may take.
    let first = Duration::from_secs(10);
    timeout(PATIENCE, fixture.clock.sleeper(first))
        .await
        .unwrap();
    fixture.emit(Output::Frame(b"a"));
    next(&mut viewer).await;
    fixture.clock.advance(first);
    fixture
        .until(|report| report.state == StreamState::Failing)
        .await;
    let error = fixture.stream.error().unwrap();
    assert_eq!(error, "the camera gave no picture for 5 s");
    fixture.pass(Duration::from_millis(500)).await;
    fixture.until(|_| fixture.cameras() == (2, 1)).await;
    fixture.emit(Output::Frame(b"b"));
    fixture
        .until(|report| report.state == StreamState::Running)
        .await;
    assert_eq!(next(&mut viewer).await, "b");
}

#[tokio::test]
async fn broken_pictures_are_left_out() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
    fixture.emit(Output::Broken(InvalidJpeg::NoEnd));
    fixture.emit(Output::Frame(b"b"));
    assert_eq!(next(&mut viewer).await, "b");
    assert_eq!(fixture.stream.report().frames_dropped, 1);
    assert_eq!(fixture.stream.state(), StreamState::Running);
}

#[tokio::test]
async fn frames_above_the_ceiling_are_dropped_before_any_work() {
    let mut rules = RULES;
    rules.capture.most_fps = 10.0;
    let fixture = Fixture::with(rules);
    let mut viewer = fixture.stream.watch();
    for frame in [b"a", b"b", b"c"] {
        fixture.emit(Output::Frame(frame));
    }
    fixture.emit(Output::Fail("next"));
    fixture
        .until(|report| report.state == StreamState::Failing)
        .await;
    assert_eq!(fixture.stream.report().frames_in, 1);
    assert_eq!(next(&mut viewer).await, "a");
}

#[tokio::test]
async fn the_camera_counts_as_open_exactly_while_it_is() {
    let fixture = Fixture::new();
    let mut health = fixture.stream.health_changes();
    assert!(!health.borrow().captures);
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"a"));
    next(&mut viewer).await;
    assert!(health.borrow_and_update().captures);
    fixture.emit(Output::Fail("unplugged"));
    let wait = health.wait_for(|health| !health.captures);
    timeout(PATIENCE, wait).await.unwrap().unwrap();
    assert_eq!(fixture.cameras(), (1, 1));
    fixture.pass(Duration::from_millis(500)).await;
    fixture.until(|_| fixture.cameras() == (2, 1)).await;
    assert!(fixture.stream.health_changes().borrow().captures);
}

/// A stream that shares the camera of another.
struct Sharing {
    fixture: Fixture,
    stream: Arc<Stream>,
}

impl Sharing {
    fn new(frames: SharedFrames) -> Self {
        let fixture = Fixture::new();
        let clock = fixture.clock.clone();
        let chain = Chain::new(85, clock.clone(), TimeZone::UTC, Variables::default());
        let source = Box::new(Shared::new(fixture.stream.clone(), frames, None));
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
            fixture.shutdown.clone(),
        );
        tokio::spawn(runner);
        Self { fixture, stream }
    }
}

#[tokio::test]
async fn streams_share_a_camera_which_runs_while_any_is_watched() {
    for frames in [SharedFrames::Unfiltered, SharedFrames::Filtered] {
        let Sharing { fixture, stream } = Sharing::new(frames);
        let mut viewer = stream.watch();
        fixture.emit(Output::Frame(b"a"));
        assert_eq!(next(&mut viewer).await, "a");
        let report = fixture.stream.report();
        assert_eq!((report.viewers, report.sharers), (0, 1));
        // Nobody sees what comes out of the first stream's chain, so nothing goes in.
        let filtered = report.paths[&Path::Passthrough];
        assert_eq!(filtered, u64::from(frames == SharedFrames::Filtered));
        let mut first = fixture.stream.watch();
        fixture.emit(Output::Frame(b"b"));
        assert_eq!(next(&mut viewer).await, "b");
        while next(&mut first).await != "b" {}
        assert_eq!(fixture.cameras(), (1, 0));
        drop(viewer);
        drop(first);
        fixture.pass(IDLE).await;
        fixture.pass(IDLE).await;
        fixture
            .until(|report| report.state == StreamState::Resting)
            .await;
        assert_eq!(fixture.cameras(), (1, 1));
    }
}

#[tokio::test]
async fn a_shared_cameras_failure_is_told_by_both() {
    for frames in [SharedFrames::Unfiltered, SharedFrames::Filtered] {
        let Sharing { fixture, stream } = Sharing::new(frames);
        let mut viewer = stream.watch();
        fixture.emit(Output::Frame(b"a"));
        assert_eq!(next(&mut viewer).await, "a");
        fixture.emit(Output::Fail("unplugged"));
        let told = async {
            while stream.error().as_deref() != Some("the stream `test` fails: unplugged") {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, told).await.unwrap();
        fixture.emit(Output::Frame(b"b"));
        // Both pause before they try again.
        let pause = Duration::from_millis(500);
        timeout(PATIENCE, fixture.clock.sleepers(pause, 2))
            .await
            .unwrap();
        fixture.clock.advance(pause);
        fixture
            .until(|report| report.state == StreamState::Running)
            .await;
        while any(&mut viewer).await.jpeg[..] != [HEAD, b"b", END].concat() {}
    }
}

#[tokio::test]
async fn a_driver_that_panics_is_closed_and_opened_again() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    let mut pause = Duration::from_millis(500);
    for panic in 1..=3 {
        fixture.emit(Output::Panic("no such register"));
        fixture
            .until(|report| report.state == StreamState::Failing)
            .await;
        let error = fixture.stream.error().unwrap();
        assert!(
            error.contains("`test` panicked: no such register"),
            "{error}"
        );
        fixture.pass(pause).await;
        fixture
            .until(|_| fixture.cameras() == (panic + 1, panic))
            .await;
        pause *= 2;
    }
    // Meanwhile the viewer was told that there is no signal.
    fixture.emit(Output::Frame(b"a"));
    while any(&mut viewer).await.jpeg[..] != [HEAD, b"a", END].concat() {}
    assert!(fixture.stream.is_alive());
}

#[tokio::test]
async fn a_panic_in_the_chain_costs_one_frame() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
    fixture.chain_clock.panics.store(true, Ordering::SeqCst);
    fixture.emit(Output::Frame(b"b"));
    fixture.until(|report| report.frames_dropped == 1).await;
    fixture
        .until(|report| report.state == StreamState::Failing)
        .await;
    let error = fixture.stream.error().unwrap();
    assert!(
        error.contains("the chain panicked: what time is it?"),
        "{error}"
    );
    fixture.chain_clock.panics.store(false, Ordering::SeqCst);
    fixture.emit(Output::Frame(b"c"));
    assert_eq!(next(&mut viewer).await, "c");
    assert_eq!(fixture.stream.state(), StreamState::Running);
    assert_eq!(fixture.cameras(), (1, 0));
}

#[tokio::test]
async fn a_panic_while_a_picture_is_coded_costs_that_picture() {
    let fixture = Fixture::new();
    let mut viewer = fixture.stream.watch();
    fixture.emit(Output::Raw(320));
    fixture.emit(Output::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
    assert_eq!(fixture.stream.report().frames_broken, 1);
    assert_eq!(fixture.cameras(), (1, 0));
}

#[tokio::test]
async fn threads_that_cant_be_started_are_tried_again_with_growing_pauses() {
    let fixture = Fixture::new();
    // First the one for the camera, then the one for the chain.
    let starts = [Start::Refused, Start::Works, Start::Refused, Start::Refused];
    fixture.threads.plan(starts);
    let mut viewer = fixture.stream.watch();
    for milliseconds in [500, 1000, 2000] {
        fixture
            .until(|report| report.state == StreamState::Failing)
            .await;
        let error = fixture.stream.error().unwrap();
        assert!(error.contains("no thread can be started"), "{error}");
        assert!(!fixture.stream.is_alive());
        assert!(!any(&mut viewer).await.is_picture);
        fixture.pass(Duration::from_millis(milliseconds)).await;
    }
    fixture.emit(Output::Frame(b"a"));
    while any(&mut viewer).await.jpeg[..] != [HEAD, b"a", END].concat() {}
    assert!(fixture.stream.is_alive());
    assert_eq!(fixture.stream.state(), StreamState::Running);
}

#[tokio::test]
async fn a_thread_that_ends_is_started_again_with_the_camera_that_it_had() {
    let fixture = Fixture::new();
    let starts = [
        Start::EndsAtOnce,
        Start::Works,
        Start::Works,
        Start::EndsAtOnce,
    ];
    fixture.threads.plan(starts);
    let mut viewer = fixture.stream.watch();
    for milliseconds in [500, 1000] {
        fixture
            .until(|report| report.state == StreamState::Failing)
            .await;
        let error = fixture.stream.error().unwrap();
        assert!(error.contains("thread ended by itself"), "{error}");
        assert!(!fixture.stream.is_alive());
        fixture.pass(Duration::from_millis(milliseconds)).await;
    }
    fixture.emit(Output::Frame(b"a"));
    while any(&mut viewer).await.jpeg[..] != [HEAD, b"a", END].concat() {}
    assert!(fixture.stream.is_alive());
}

#[tokio::test]
async fn a_stream_that_can_start_no_thread_rests_when_nobody_watches() {
    let fixture = Fixture::new();
    fixture.threads.plan([Start::Refused]);
    let viewer = fixture.stream.watch();
    fixture
        .until(|report| report.state == StreamState::Failing)
        .await;
    drop(viewer);
    fixture.pass(Duration::from_millis(500)).await;
    fixture
        .until(|report| report.state == StreamState::Resting)
        .await;
    assert!(fixture.stream.is_alive());
    let mut viewer = fixture.stream.watch();
    fixture
        .until(|report| report.state == StreamState::Starting)
        .await;
    fixture.emit(Output::Frame(b"a"));
    assert_eq!(next(&mut viewer).await, "a");
}

#[tokio::test]
async fn too_large_pictures_are_left_out_before_any_work() {
    let mut rules = RULES;
    rules.capture.max_pixels = 320 * 240 - 1;
    rules.capture.stall_timeout = Duration::from_secs(5);
    let fixture = Fixture::with(rules);
    let _viewer = fixture.stream.watch();
    let first = Duration::from_secs(10);
    timeout(PATIENCE, fixture.clock.sleeper(first))
        .await
        .unwrap();
    // Coding the second would panic.
    fixture.emit(Output::Frame(b"a"));
    fixture.emit(Output::Raw(320 * 240));
    fixture.until(|report| report.frames_broken == 2).await;
    assert_eq!(fixture.stream.report().frames_in, 0);
    fixture.clock.advance(first);
    fixture
        .until(|report| report.state == StreamState::Failing)
        .await;
    let error = fixture.stream.error().unwrap();
    assert!(
        error.contains("s: the picture is too large: 76800×1 are 0.08 megapixels"),
        "{error}"
    );
}
