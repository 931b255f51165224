//! Privacy LEDs, which are lit while a camera is open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::LedPin;
use crate::clock::StopToken;
use crate::config::OutputConfig;
use crate::source::{Camera, CapturedFrame, Source, SourceError, WantedRate};
use crate::sync::IgnorePoison;

/// The LEDs that show which cameras are open, by their streams' names.
#[derive(Default)]
pub struct PrivacyLeds(HashMap<String, SharedPins>);

/// The LEDs of one stream, whose source may be replaced by another.
type SharedPins = Arc<Mutex<Vec<LedPin>>>;

impl PrivacyLeds {
    /// `pins`, which show whether a camera is open.
    pub fn new(pins: impl Iterator<Item = (OutputConfig, LedPin)>) -> Self {
        let mut indicators = HashMap::<String, SharedPins>::new();
        for (output, led) in pins {
            let stream = output.stream.unwrap_or_default();
            let pins = indicators.entry(stream).or_default();
            pins.lock().ignore_poison().push(led);
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

/// A source whose LEDs are lit exactly while its camera is open: from before it is opened until it
/// is closed.
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
            led.set(true)
                .map_err(|error| SourceError::PrivacyLed(error.into()))?;
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

    fn follow(&mut self, rate: WantedRate) {
        self.camera.follow(rate);
    }
}
