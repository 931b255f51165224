//! Lamps: what they show, and who lights them.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::OutputPin;
use crate::clock::Stop;
use crate::config::{Lamp, OutputConfig};
use crate::source::{Camera, Capture, Source, SourceError};
use crate::stream::{State, Stream};

/// A pin that lights a lamp.
pub struct Light {
    pin: Box<dyn OutputPin>,
    number: u8,
    active_low: bool,
}

impl Light {
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
            .map_err(|why| format!("the lamp on pin {}: {why}", self.number))
    }

    /// For lamps that only inform: what went wrong is told, and all goes on.
    fn show(&mut self, is_lit: bool) {
        if let Err(why) = self.set(is_lit) {
            tracing::warn!("{why}");
        }
    }
}

/// A source whose lamps are lit exactly while its camera is open: from before it is opened until it is closed.
pub struct PrivacyLamp {
    source: Box<dyn Source>,
    lights: Vec<Light>,
}

impl PrivacyLamp {
    /// `lights` show whether `source` is open.
    pub fn new(source: Box<dyn Source>, lights: Vec<Light>) -> Self {
        Self { source, lights }
    }
}

impl Source for PrivacyLamp {
    fn driver(&self) -> &'static str {
        self.source.driver()
    }

    /// A camera whose lamp can't be lit stays closed.
    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Camera + '_>, SourceError> {
        let lit = Lit(&mut self.lights);
        for light in &mut *lit.0 {
            light.set(true).map_err(SourceError)?;
        }
        Ok(Box::new(LitCamera {
            camera: self.source.open(stop)?,
            _lit: lit,
        }))
    }

    fn can_stall(&self) -> bool {
        self.source.can_stall()
    }
}

/// Lights that go out in the end.
struct Lit<'a>(&'a mut Vec<Light>);

impl Drop for Lit<'_> {
    fn drop(&mut self) {
        for light in &mut *self.0 {
            light.show(false);
        }
    }
}

struct LitCamera<'a> {
    // Closed first.
    camera: Box<dyn Camera + 'a>,
    _lit: Lit<'a>,
}

impl Camera for LitCamera<'_> {
    fn next_frame(&mut self, stop: &Stop) -> Result<Option<Capture<'_>>, SourceError> {
        self.camera.next_frame(stop)
    }
}

/// The lamps that inform.
pub struct Lamps(Vec<(Lamp, Light)>);

impl Lamps {
    /// `lamps` and what lights them.
    pub fn new(lamps: Vec<(Lamp, Light)>) -> Self {
        Self(lamps)
    }

    /// Shows what `streams` do until `end`; then all go out.
    pub async fn run(self, streams: Vec<Arc<Stream>>, end: CancellationToken) {
        let shown = self.0.into_iter().map(|(lamp, light)| {
            let stream = |name: &str| streams.iter().find(|it| it.name() == name).cloned();
            let (streams, end) = (&stream, end.clone());
            let reading = match &lamp {
                Lamp::Running => Some(Reading::Always),
                Lamp::Captures(_) => None,
                Lamp::Viewers(name) => streams(name).map(|it| Reading::Viewers(it.watchers())),
                Lamp::Failing(name) => streams(name).map(|it| Reading::Failing(it.conditions())),
            };
            show(light, reading, end)
        });
        futures_util::future::join_all(shown).await;
    }
}

/// What a lamp is told by.
enum Reading {
    Always,
    Viewers(watch::Receiver<crate::stream::Watchers>),
    Failing(watch::Receiver<crate::stream::Condition>),
}

impl Reading {
    fn is_lit(&mut self) -> bool {
        match self {
            Self::Always => true,
            Self::Viewers(watchers) => watchers.borrow_and_update().viewers > 0,
            Self::Failing(condition) => condition.borrow_and_update().state == State::Failing,
        }
    }

    /// Resolves once it may say something else; never if its stream has gone.
    async fn changed(&mut self) {
        let changed = match self {
            Self::Always => return std::future::pending().await,
            Self::Viewers(watchers) => watchers.changed().await,
            Self::Failing(condition) => condition.changed().await,
        };
        if changed.is_err() {
            std::future::pending().await
        }
    }
}

async fn show(mut light: Light, reading: Option<Reading>, end: CancellationToken) {
    let Some(mut reading) = reading else {
        return;
    };
    let mut was_lit = false;
    while !end.is_cancelled() {
        let is_lit = reading.is_lit();
        if is_lit != was_lit {
            light.show(is_lit);
            was_lit = is_lit;
        }
        end.run_until_cancelled(reading.changed()).await;
    }
    light.show(false);
}
