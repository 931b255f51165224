//! Lamps: what they show, and who lights them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::OutputPin;
use crate::clock::{Clock, Stop};
use crate::config::{Lamp, OutputConfig};
use crate::live::Running;
use crate::source::{Camera, Capture, Source, SourceError};
use crate::stream::State;
use crate::supervise::keep_running;
use crate::sync::IgnorePoison;

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

/// The lamps that show which cameras are open, by their streams' names.
#[derive(Default)]
pub struct PrivacyLamps(HashMap<String, SharedLights>);

/// The lamps of one stream, whose source may be replaced by another.
type SharedLights = Arc<Mutex<Vec<Light>>>;

impl PrivacyLamps {
    /// Those of `lights` that show whether a camera is open.
    pub fn new(lights: impl Iterator<Item = (Lamp, Light)>) -> Self {
        let mut lamps = HashMap::<String, SharedLights>::new();
        for (lamp, light) in lights {
            if let Lamp::Captures(stream) = lamp {
                let lights = lamps.entry(stream).or_default();
                lights.lock().ignore_poison().push(light);
            }
        }
        Self(lamps)
    }

    /// `source`, with the lamps that show whether the camera of `stream` is open.
    pub fn on(&self, stream: &str, source: Box<dyn Source>) -> Box<dyn Source> {
        match self.0.get(stream) {
            None => source,
            Some(lights) => Box::new(PrivacyLamp {
                source,
                lights: lights.clone(),
            }),
        }
    }
}

/// A source whose lamps are lit exactly while its camera is open: from before it is opened until it is closed.
struct PrivacyLamp {
    source: Box<dyn Source>,
    lights: SharedLights,
}

impl Source for PrivacyLamp {
    fn driver(&self) -> &'static str {
        self.source.driver()
    }

    /// A camera whose lamp can't be lit stays closed.
    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Camera + '_>, SourceError> {
        let mut lit = Lit(self.lights.lock().ignore_poison());
        for light in lit.0.iter_mut() {
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
struct Lit<'a>(MutexGuard<'a, Vec<Light>>);

impl Drop for Lit<'_> {
    fn drop(&mut self) {
        for light in self.0.iter_mut() {
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

    /// Shows what the streams in `running` do until `end`; then all go out.
    pub async fn run(
        self,
        running: watch::Receiver<Arc<Running>>,
        clock: Arc<dyn Clock>,
        end: CancellationToken,
    ) {
        let shown = self.0.into_iter().map(|(lamp, light)| {
            let name = format!("lamp on pin {}", light.number);
            let light = tokio::sync::Mutex::new(light);
            let (running, clock, end) = (running.clone(), clock.clone(), end.clone());
            async move {
                let show = || show(&light, &lamp, running.clone());
                let shown = keep_running(&name, &*clock, &end, show);
                end.run_until_cancelled(shown).await;
                light.into_inner().show(false);
            }
        });
        futures_util::future::join_all(shown).await;
    }
}

/// What `lamp` is told by; nothing while its stream is not there.
fn reading(lamp: &Lamp, running: &Running) -> Reading {
    match lamp {
        Lamp::Running => Reading::Always,
        Lamp::Captures(_) => Reading::Never,
        Lamp::Viewers(name) => running
            .find(name)
            .map_or(Reading::Never, |it| Reading::Viewers(it.watchers())),
        Lamp::Failing(name) => running
            .find(name)
            .map_or(Reading::Never, |it| Reading::Failing(it.conditions())),
    }
}

/// What a lamp is told by.
enum Reading {
    Always,
    Never,
    Viewers(watch::Receiver<crate::stream::Watchers>),
    Failing(watch::Receiver<crate::stream::Condition>),
}

impl Reading {
    fn is_lit(&mut self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Viewers(watchers) => watchers.borrow_and_update().viewers > 0,
            Self::Failing(condition) => condition.borrow_and_update().state == State::Failing,
        }
    }

    /// Resolves once it may say something else; never if its stream has gone.
    async fn changed(&mut self) {
        let changed = match self {
            Self::Always | Self::Never => return std::future::pending().await,
            Self::Viewers(watchers) => watchers.changed().await,
            Self::Failing(condition) => condition.changed().await,
        };
        if changed.is_err() {
            std::future::pending().await
        }
    }
}

async fn show(
    light: &tokio::sync::Mutex<Light>,
    lamp: &Lamp,
    mut running: watch::Receiver<Arc<Running>>,
) {
    let mut light = light.lock().await;
    let mut was_lit = None;
    let mut told_by = reading(lamp, &running.borrow_and_update());
    loop {
        let is_lit = told_by.is_lit();
        if was_lit != Some(is_lit) {
            light.show(is_lit);
            was_lit = Some(is_lit);
        }
        tokio::select! {
            () = told_by.changed() => {}
            Ok(()) = running.changed() => told_by = reading(lamp, &running.borrow_and_update()),
        }
    }
}
