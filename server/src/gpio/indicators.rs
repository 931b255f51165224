//! Indicators: LEDs that show what the server does, and privacy LEDs, which are lit while a camera is open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::OutputPin;
use crate::clock::{Clock, StopToken};
use crate::config::{Indicator, OutputConfig};
use crate::live::Running;
use crate::source::{Camera, CapturedFrame, Source, SourceError};
use crate::stream::StreamState;
use crate::supervise::keep_running;
use crate::sync::IgnorePoison;

/// A pin that drives an LED.
pub struct LedPin {
    pin: Box<dyn OutputPin>,
    number: u8,
    active_low: bool,
}

impl LedPin {
    /// `pin`, as `output` names it; it is off.
    pub fn new(pin: Box<dyn OutputPin>, output: &OutputConfig) -> Self {
        Self {
            pin,
            number: output.pin,
            active_low: output.active_low,
        }
    }

    fn set(&mut self, is_lit: bool) -> Result<(), String> {
        self.pin
            .set(is_lit != self.active_low)
            .map_err(|why| format!("the LED on pin {}: {why}", self.number))
    }

    /// Lights an LED that only informs, or puts it out: what goes wrong is logged, and all goes on.
    fn show(&mut self, is_lit: bool) {
        if let Err(why) = self.set(is_lit) {
            tracing::warn!("{why}");
        }
    }
}

/// The LEDs that show which cameras are open, by their streams' names.
#[derive(Default)]
pub struct PrivacyLeds(HashMap<String, SharedPins>);

/// The LEDs of one stream, whose source may be replaced by another.
type SharedPins = Arc<Mutex<Vec<LedPin>>>;

impl PrivacyLeds {
    /// Those of `pins` that show whether a camera is open.
    pub fn new(pins: impl Iterator<Item = (Indicator, LedPin)>) -> Self {
        let mut indicators = HashMap::<String, SharedPins>::new();
        for (indicator, led) in pins {
            if let Indicator::Captures(stream) = indicator {
                let pins = indicators.entry(stream).or_default();
                pins.lock().ignore_poison().push(led);
            }
        }
        Self(indicators)
    }

    /// `source`, with the LEDs that show whether the camera of `stream` is open.
    pub fn on(&self, stream: &str, source: Box<dyn Source>) -> Box<dyn Source> {
        match self.0.get(stream) {
            None => source,
            Some(pins) => Box::new(PrivacyLed {
                source,
                pins: pins.clone(),
            }),
        }
    }
}

/// A source whose LEDs are lit exactly while its camera is open: from before it is opened until it is closed.
struct PrivacyLed {
    source: Box<dyn Source>,
    pins: SharedPins,
}

impl Source for PrivacyLed {
    fn driver(&self) -> &'static str {
        self.source.driver()
    }

    /// A camera whose LED can't be lit stays closed.
    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        let mut lit = LitGuard(self.pins.lock().ignore_poison());
        for led in lit.0.iter_mut() {
            led.set(true).map_err(SourceError)?;
        }
        Ok(Box::new(LedCamera {
            camera: self.source.open(stop)?,
            _lit: lit,
        }))
    }

    fn can_stall(&self) -> bool {
        self.source.can_stall()
    }
}

/// Lights that go out in the end.
struct LitGuard<'a>(MutexGuard<'a, Vec<LedPin>>);

impl Drop for LitGuard<'_> {
    fn drop(&mut self) {
        for led in self.0.iter_mut() {
            led.show(false);
        }
    }
}

struct LedCamera<'a> {
    // Closed first.
    camera: Box<dyn Camera + 'a>,
    _lit: LitGuard<'a>,
}

impl Camera for LedCamera<'_> {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        self.camera.next_frame(stop)
    }
}

/// Indicators of the server's and the streams' states.
pub struct Indicators(Vec<(Indicator, LedPin)>);

impl Indicators {
    /// `indicators`, each with its LED.
    pub fn new(indicators: Vec<(Indicator, LedPin)>) -> Self {
        Self(indicators)
    }

    /// Shows what the streams in `running` do until `end`; then all go out.
    pub async fn run(
        self,
        running: watch::Receiver<Arc<Running>>,
        clock: Arc<dyn Clock>,
        end: CancellationToken,
    ) {
        let shown = self.0.into_iter().map(|(indicator, led)| {
            let name = format!("LED on pin {}", led.number);
            let led = tokio::sync::Mutex::new(led);
            let (running, clock, end) = (running.clone(), clock.clone(), end.clone());
            async move {
                let show = || show(&led, &indicator, running.clone());
                let shown = keep_running(&name, &*clock, &end, show);
                end.run_until_cancelled(shown).await;
                led.into_inner().show(false);
            }
        });
        futures_util::future::join_all(shown).await;
    }
}

/// The state that `indicator` shows; none while its stream is not there.
fn shown_state(indicator: &Indicator, running: &Running) -> Shown {
    match indicator {
        Indicator::Running => Shown::Always,
        Indicator::Captures(_) => Shown::Never,
        Indicator::Viewers(name) => running
            .find(name)
            .map_or(Shown::Never, |it| Shown::Viewers(it.viewers())),
        Indicator::Failing(name) => running
            .find(name)
            .map_or(Shown::Never, |it| Shown::Failing(it.health_changes())),
    }
}

/// The state that an indicator shows.
enum Shown {
    Always,
    Never,
    Viewers(watch::Receiver<crate::stream::Viewers>),
    Failing(watch::Receiver<crate::stream::StreamHealth>),
}

impl Shown {
    fn is_lit(&mut self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Viewers(viewers) => viewers.borrow_and_update().viewers > 0,
            Self::Failing(health) => health.borrow_and_update().state == StreamState::Failing,
        }
    }

    /// Resolves once it may say something else; never if its stream has gone.
    async fn changed(&mut self) {
        let changed = match self {
            Self::Always | Self::Never => return std::future::pending().await,
            Self::Viewers(viewers) => viewers.changed().await,
            Self::Failing(health) => health.changed().await,
        };
        if changed.is_err() {
            std::future::pending().await
        }
    }
}

async fn show(
    led: &tokio::sync::Mutex<LedPin>,
    indicator: &Indicator,
    mut running: watch::Receiver<Arc<Running>>,
) {
    let mut led = led.lock().await;
    let mut was_lit = None;
    let mut shown = shown_state(indicator, &running.borrow_and_update());
    loop {
        let is_lit = shown.is_lit();
        if was_lit != Some(is_lit) {
            led.show(is_lit);
            was_lit = Some(is_lit);
        }
        tokio::select! {
            () = shown.changed() => {}
            Ok(()) = running.changed() => shown = shown_state(indicator, &running.borrow_and_update()),
        }
    }
}
