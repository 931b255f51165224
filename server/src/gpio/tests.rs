//! Pins by files, and time by hand.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::clock::StopToken;
use crate::clock::fake::FakeClock;
use crate::config::{InputConfig, Level, Shows};
use crate::source::{Camera, Source, SourceError};

/// Only for tests that fail.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Levels(Mutex<Vec<(u8, bool)>>);

/// A board that notes what becomes of its outputs, and whose inputs are in the test's hands.
struct TestBoard {
    levels: Arc<Levels>,
    told: Arc<Mutex<Vec<Changed>>>,
}

struct TestPin(u8, Arc<Levels>);

impl Board for TestBoard {
    fn output(&mut self, number: u8, is_high: bool) -> Result<Box<dyn OutputPin>, PinFault> {
        let mut pin = TestPin(number, self.levels.clone());
        pin.set(is_high)?;
        Ok(Box::new(pin))
    }

    fn input(
        &mut self,
        _: u8,
        pull: Pull,
        mut changed: Changed,
    ) -> Result<Box<dyn Send>, PinFault> {
        changed(pull == Pull::Up);
        self.told.lock().unwrap().push(changed);
        Ok(Box::new(()))
    }
}

impl OutputPin for TestPin {
    fn set(&mut self, is_high: bool) -> Result<(), PinFault> {
        if self.0 == 13 {
            return Err(PinFault::Test("it is broken"));
        }
        self.1.0.lock().unwrap().push((self.0, is_high));
        Ok(())
    }
}

fn door() -> InputConfig {
    InputConfig {
        name: "door".to_owned(),
        pin: 5,
        pull: Pull::Up,
        debounce: Duration::from_millis(30),
        high: "open".to_owned(),
        low: "closed".to_owned(),
    }
}

async fn until(variables: &Variables, value: &str) {
    let wanted = ("gpio.door".to_owned(), value.to_owned());
    let reached = timeout(PATIENCE, async {
        while !variables.snapshot().contains(&wanted) {
            tokio::task::yield_now().await;
        }
    });
    assert!(
        reached.await.is_ok(),
        "never {value}: {:?}",
        variables.snapshot()
    );
}

#[tokio::test]
async fn a_level_counts_once_it_lasts() {
    let (clock, variables) = (FakeClock::new(), Variables::default());
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut board = TestBoard {
        levels: Arc::default(),
        told: told.clone(),
    };
    let shared: Arc<dyn Clock> = clock.clone();
    let _inputs = Inputs::open(&mut board, &[door()], &variables, &shared).unwrap();
    // The first level is known at once.
    until(&variables, "open").await;
    let tell = |is_high| told.lock().unwrap()[0](is_high);
    let debounce = door().debounce;
    // It bounces: low, and high again before its time was up.
    tell(false);
    timeout(PATIENCE, clock.sleeper(debounce)).await.unwrap();
    clock.advance(debounce / 2);
    tell(true);
    tokio::task::yield_now().await;
    clock.advance(debounce * 2);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    until(&variables, "open").await;
    // It is closed.
    tell(false);
    timeout(PATIENCE, clock.sleeper(debounce)).await.unwrap();
    clock.advance(debounce);
    until(&variables, "closed").await;
}

/// A camera that notes when it is open.
struct TestSource(Arc<Levels>);
struct TestCamera(Arc<Levels>);

/// The number that stands for the camera among the pins' numbers.
const CAMERA: u8 = 99;

impl Source for TestSource {
    fn driver(&self) -> &'static str {
        "test"
    }

    fn open(&mut self, _: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        self.0.0.lock().unwrap().push((CAMERA, true));
        Ok(Box::new(TestCamera(self.0.clone())))
    }
}

impl Camera for TestCamera {
    fn next_frame(
        &mut self,
        _: &StopToken,
    ) -> Result<Option<crate::source::CapturedFrame<'_>>, SourceError> {
        Ok(None)
    }
}

impl Drop for TestCamera {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().push((CAMERA, false));
    }
}

fn indicator(pin: u8, active_low: bool) -> OutputConfig {
    OutputConfig {
        pin,
        shows: Shows::Captures,
        stream: Some("front".to_owned()),
        active: match active_low {
            true => Level::Low,
            false => Level::High,
        },
    }
}

fn stop() -> StopToken {
    let runtime = tokio::runtime::Handle::current();
    StopToken::new(
        FakeClock::new(),
        runtime,
        tokio_util::sync::CancellationToken::new(),
    )
}

fn source_with(outputs: &[OutputConfig]) -> (Box<dyn Source>, Arc<Levels>) {
    let levels = Arc::new(Levels::default());
    let mut board = TestBoard {
        levels: levels.clone(),
        told: Arc::default(),
    };
    let pins = outputs.iter().map(|output| {
        let number = output.pin;
        let pin = board.output(number, output.active_low());
        let pin = pin.unwrap_or_else(|_| Box::new(TestPin(number, levels.clone())));
        (output.clone(), LedPin::new(pin, output))
    });
    let indicators = PrivacyLeds::new(pins);
    let source = indicators.on("front", Box::new(TestSource(levels.clone())));
    (source, levels)
}

#[tokio::test]
async fn the_privacy_lamp_is_lit_before_the_camera_opens_and_until_it_is_closed() {
    let (mut source, levels) = source_with(&[indicator(17, false), indicator(4, true)]);
    let camera = source.open(&stop()).unwrap();
    drop(camera);
    let seen = levels.0.lock().unwrap().clone();
    let expected = [
        // Off to begin with; the second is lit by a low level.
        (17, false),
        (4, true),
        (17, true),
        (4, false),
        (CAMERA, true),
        (CAMERA, false),
        (17, false),
        (4, true),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn without_its_lamp_the_camera_stays_closed() {
    let (mut source, levels) = source_with(&[indicator(13, false)]);
    let error = source.open(&stop()).err().unwrap();
    assert_eq!(error.to_string(), "the LED on pin 13: it is broken");
    assert_eq!(*levels.0.lock().unwrap(), []);
}

#[tokio::test]
async fn simulated_pins_are_files() {
    let folder = tempfile::tempdir().unwrap();
    let clock = FakeClock::new();
    let mut board = simulated::Simulated::new(folder.path().join("pins"), clock.clone()).unwrap();
    let mut pin = board.output(17, false).unwrap();
    let file = |number: u8| folder.path().join(format!("pins/gpio{number}"));
    assert_eq!(fs::read_to_string(file(17)).unwrap(), "0\n");
    pin.set(true).unwrap();
    assert_eq!(fs::read_to_string(file(17)).unwrap(), "1\n");

    let (level, mut levels) = tokio::sync::watch::channel(None);
    let changed = Box::new(move |is_high| {
        level.send_replace(Some(is_high));
    });
    let _input = board.input(5, Pull::Up, changed).unwrap();
    assert_eq!(*levels.borrow_and_update(), Some(true));
    for (text, expected) in [("0\n", false), ("1", true)] {
        fs::write(file(5), text).unwrap();
        let look = Duration::from_millis(50);
        timeout(PATIENCE, clock.sleeper(look)).await.unwrap();
        clock.advance(look);
        timeout(PATIENCE, levels.changed()).await.unwrap().unwrap();
        assert_eq!(*levels.borrow_and_update(), Some(expected));
    }
    fs::write(file(6), "maybe").unwrap();
    let error = board.input(6, Pull::Off, Box::new(|_| ())).err().unwrap();
    let error = error.to_string();
    assert!(error.contains("there must be `0` or `1`"), "{error}");
}

#[test]
fn a_machine_without_pins_says_so() {
    let error = match check(&GpioConfig {
        backend: GpioBackend::RaspberryPi,
        ..GpioConfig::default()
    }) {
        Err(error) => error.to_string(),
        // This is a Raspberry Pi.
        Ok(()) => return,
    };
    assert!(error.contains("`backend: simulated`"), "{error}");
}
