//! One step of a chain: a running filter, and what becomes of a frame when it fails.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::At;
use super::drawing::Drawing;
use super::error::{ChainError, RecodeError, StepError};
use super::layers;
use super::shown::Shown;
use super::stats::{StepReport, StepStats};
use super::step_events::{Admissions, MOST_OPEN, StepEvents};
use crate::config::{FilterRef, OnError, StepConfig};
use crate::event_log::{EventBudget, EventLog};
use crate::filter::context::{FrameContext, Published};
use crate::filter::contract::{Image, ImageRef};
use crate::filter::{
    CallError, Engine, FilterKind, RunningFilter, SharedFilter, StartError, StepSettings,
};
use crate::mask::MaskStamp;
use crate::notifications::{Notification, Notifications};
use crate::panics::{Panicked, catch};
use crate::region::Region;
use crate::secret::mask_foreign;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The warning about the first instance that was replaced.
const REPLACED: &str = "the filter's memory grows with each call (`mattebox test` measures it) and \
    was nearly used up: a new instance has taken its place, which has none of what the old one \
    remembered; this goes on without being told again";

/// A filter at its place in a chain.
pub struct Step {
    id: u64,
    stream: String,
    config: StepConfig,
    filter: SharedFilter,
    settings: StepSettings,
    engine: Engine,
    notifications: Notifications,
    events: StepEvents,
    shown: Shown,
    state: State,
    pause: Duration,
    drawing: Arc<Drawing>,
    /// The facts that the drawing was made for, if it needs no call before its time.
    lasting: Option<Lasting>,
    /// The masks of the frame that the filter saw last.
    seen: MaskStamp,
    /// The last picture could not be decoded for it, whatever the filter itself did.
    is_undone: bool,
    stats: StepStats,
}

/// The parts of a step.
pub struct StepParts {
    /// Its id while the server runs.
    pub id: u64,
    /// Its stream's name.
    pub stream: String,
    /// Its part of pipeline.yaml.
    pub config: StepConfig,
    /// The filter that the file names.
    pub filter: SharedFilter,
    /// The settings that the filter is run with.
    pub settings: StepSettings,
    /// The counters of the step that it replaces, if it does.
    pub stats: StepStats,
    /// The event bus for its errors.
    pub notifications: Notifications,
    /// The log of the events that its filter tells of.
    pub events: EventLog,
}

/// The facts that a drawing was made for which stays for a while.
struct Lasting {
    until_ms: u64,
    context: FrameContext,
}

impl Lasting {
    /// Whether a frame with these facts needs no other drawing.
    fn holds(&self, at: At<'_>) -> bool {
        let (then, now) = (&self.context, at.context);
        at.info.captured_at_ms < self.until_ms
            && then.size == now.size
            && Arc::ptr_eq(&then.variables, &now.variables)
            && Arc::ptr_eq(&then.regions, &now.regions)
    }
}

enum State {
    /// Switched off: frames pass it by.
    Off,
    Running {
        filter: RunningFilter,
        since: Instant,
        /// The instance that is to take its place before its memory is used up.
        successor: Option<Start>,
    },
    /// Broken; to be started again then.
    Resting { until: Instant },
    /// Being started on another thread, so that the frames need not wait for it.
    Starting(Start),
}

/// An instance that is being started.
type Start = JoinHandle<Result<RunningFilter, StartError>>;

/// The outcome of a step for a frame.
pub enum Outcome<T> {
    /// Its work.
    Done(T),
    /// Nothing; the frame goes on without it.
    Bypassed,
    /// The frame must not be served.
    Dropped,
}

/// The status of a step, which can be read while the chain runs.
#[derive(Clone)]
pub struct StepStatus {
    /// Its id while the server runs.
    pub id: u64,
    /// Its part of pipeline.yaml.
    pub config: StepConfig,
    /// Its filter.
    pub filter: SharedFilter,
    /// Its counters.
    pub stats: StepStats,
    /// The picture that its filter shows to whoever tunes it.
    pub shown: Shown,
    settings: StepSettings,
}

impl StepStatus {
    /// The report of the step.
    pub fn report(&self) -> StepReport {
        self.stats.report(self.id, &self.config, &self.filter)
    }

    /// Whether a step with this `config` and `filter` would be the same: the files that it read
    /// still are what they were.
    pub fn is_still(&self, config: &StepConfig, filter: &SharedFilter) -> bool {
        self.config == *config
            && Arc::ptr_eq(&self.filter, filter)
            && self.settings.assets_are_unchanged()
    }
}

impl Step {
    /// Starts the filter, unless the step is switched off. Blocks; must not be called from async
    /// code.
    ///
    /// # Errors
    /// The filter can't be started with its settings.
    pub fn start(engine: &Engine, parts: StepParts, now: Instant) -> Result<Self, StartError> {
        let state = if parts.config.enabled {
            State::Running {
                filter: RunningFilter::start(&parts.filter, &parts.settings)?,
                since: now,
                successor: None,
            }
        } else {
            State::Off
        };
        Ok(Self {
            id: parts.id,
            stream: parts.stream,
            config: parts.config,
            filter: parts.filter,
            settings: parts.settings,
            engine: engine.clone(),
            notifications: parts.notifications,
            events: StepEvents::new(parts.events),
            shown: Shown::default(),
            state,
            pause: FIRST_PAUSE,
            drawing: Arc::default(),
            lasting: None,
            seen: MaskStamp::default(),
            is_undone: false,
            stats: parts.stats,
        })
    }

    /// Its id while the server runs.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether frames go through it.
    pub fn is_on(&self) -> bool {
        self.config.enabled
    }

    /// The kind of its filter.
    pub fn kind(&self) -> FilterKind {
        self.filter.kind()
    }

    /// The shortest time between two looks of one that inspects.
    pub fn every(&self) -> Duration {
        self.config.every
    }

    /// The name of its filter in pipeline.yaml.
    pub fn name(&self) -> &str {
        self.config.filter.as_str()
    }

    /// For whoever reports on it.
    pub fn status(&self) -> StepStatus {
        StepStatus {
            id: self.id,
            config: self.config.clone(),
            filter: self.filter.clone(),
            stats: self.stats.clone(),
            shown: self.shown.clone(),
            settings: self.settings.clone(),
        }
    }

    /// Whether the filter can be called now; starts it again when it is time to.
    pub fn is_ready(&mut self, now: Instant) -> bool {
        if let State::Resting { until } = self.state
            && until <= now
        {
            match self.spawn_start() {
                Ok(task) => self.state = State::Starting(task),
                Err(panicked) => self.broke(&panicked.into(), now),
            }
        }
        if let State::Starting(task) = &mut self.state
            && task.is_finished()
        {
            match self.engine.runtime().block_on(task) {
                Ok(Ok(filter)) => {
                    self.stats.restarted();
                    self.run(filter, now);
                }
                Ok(Err(error)) => self.broke(&error.into(), now),
                Err(error) => self.broke(&error.into(), now),
            }
        }
        self.replace_full();
        matches!(self.state, State::Running { .. })
    }

    fn run(&mut self, filter: RunningFilter, since: Instant) {
        self.state = State::Running {
            filter,
            since,
            successor: None,
        };
    }

    /// Starts an instance on another thread, so that the frames need not wait for it. Fails where
    /// the system has no thread to give.
    fn spawn_start(&self) -> Result<Start, Panicked> {
        let (filter, settings) = (self.filter.clone(), self.settings.clone());
        let start = move || RunningFilter::start(&filter, &settings);
        catch(|| self.engine.runtime().spawn_blocking(start))
    }

    /// Has another instance take the place of one whose memory is nearly used up, once it is ready:
    /// no frame goes without the step meanwhile.
    fn replace_full(&mut self) {
        let State::Running {
            filter,
            since,
            successor,
        } = &mut self.state
        else {
            return;
        };
        let since = *since;
        let Some(task) = successor else {
            if filter.fills_up()
                && let Ok(start) = self.spawn_start()
                && let State::Running { successor, .. } = &mut self.state
            {
                *successor = Some(start);
            }
            return;
        };
        if !task.is_finished() {
            return;
        }
        match self.engine.runtime().block_on(task) {
            Ok(Ok(new)) => {
                if self.stats.replaced() {
                    let span = &self.settings.span;
                    span.in_scope(|| tracing::warn!("{REPLACED}"));
                }
                // Short pauses go by how long the filter has worked, in whatever instance.
                self.run(new, since);
                self.lasting = None;
            }
            // The old one goes on to its end, which is told.
            Ok(Err(_)) | Err(_) => *successor = None,
        }
    }

    /// The fate of a frame that the step can't do.
    pub fn failure<T>(&self) -> Outcome<T> {
        match self.config.on_error {
            OnError::Bypass => Outcome::Bypassed,
            OnError::Drop => Outcome::Dropped,
        }
    }

    /// Takes note that the picture can't be recoded for it, which is a failure of the step like
    /// others. Gives the error back if the frame may pass.
    ///
    /// # Errors
    /// The frame is to be dropped.
    pub fn picture_failed(
        &mut self,
        error: RecodeError,
        now: Instant,
    ) -> Result<RecodeError, ChainError> {
        self.is_undone = true;
        self.tell(&error, now);
        match self.config.on_error {
            OnError::Bypass => Ok(error),
            OnError::Drop => Err(ChainError::Undrawn(self.name().to_owned(), error)),
        }
    }

    /// Takes note that a picture was no obstacle.
    pub fn picture_worked(&mut self) {
        self.is_undone = false;
    }

    /// Asks an overlay what to draw, unless it has said so for this time. The step must be ready.
    pub fn draw(&mut self, at: At<'_>) -> Outcome<Arc<Drawing>> {
        self.forget_uncovered(at);
        if self.lasting.as_ref().is_some_and(|it| it.holds(at)) {
            return Outcome::Done(self.drawing.clone());
        }
        let size = (at.info.width, at.info.height);
        let texts = self.engine.clone();
        let draw = |filter: &mut RunningFilter| {
            let Some(drawing) = filter.draw(at.info, at.context)? else {
                return Ok(None);
            };
            let layers = drawing.layers.into_iter();
            let layers = layers.flat_map(|layer| layers::pixels(layer, size, texts.texts()));
            let layers = Arc::new(Drawing::new(layers.collect()));
            Ok(Some((layers, drawing.until_ms)))
        };
        match self.call(at, draw) {
            Some(new) => {
                if let Some((drawing, until_ms)) = new {
                    self.drawing = drawing;
                    self.lasting = until_ms.map(|until_ms| Lasting {
                        until_ms,
                        context: at.context.clone(),
                    });
                }
                Outcome::Done(self.drawing.clone())
            }
            None => self.failure(),
        }
    }

    /// Hands a picture to a transform. The step must be ready.
    pub fn apply(&mut self, at: At<'_>, image: ImageRef<'_>) -> Outcome<Image> {
        self.forget_uncovered(at);
        match self.call(at, |filter| filter.apply((at.info, image), at.context)) {
            Some(image) => Outcome::Done(image),
            None => self.failure(),
        }
    }

    /// Has an inspecting filter look at a picture. The step must be ready.
    pub fn look(&mut self, at: At<'_>) -> Outcome<Vec<Region>> {
        self.forget_uncovered(at);
        let look = |filter: &mut RunningFilter| filter.look(at.info, at.context);
        match self.call_that_finds(at, look, Vec::as_slice) {
            Some(regions) => {
                self.events.found(&regions, &at.context.frame);
                Outcome::Done(regions)
            }
            None => Outcome::Bypassed,
        }
    }

    /// Ends the events that last, since no more frames come.
    pub fn end_events(&mut self) {
        self.events.end_all();
    }

    /// Starts a filter that sees pictures anew when other masks cover than before: it may remember,
    /// and show, what they cover now; and if it inspects, it would take a mask that comes or goes
    /// for something that happened. Transforms and overlays that are built in remember nothing.
    fn forget_uncovered(&mut self, at: At<'_>) {
        let kind = self.kind();
        let sees = kind != FilterKind::Overlay || self.config.sees.is_some();
        let is_built_in = matches!(self.config.filter, FilterRef::BuiltIn(_));
        if !sees || is_built_in && kind != FilterKind::Inspect {
            return;
        }
        let masks = at.context.frame.masks.clone();
        let seen = std::mem::replace(&mut self.seen, masks);
        if seen.is_current() || !matches!(self.state, State::Running { .. }) {
            return;
        }
        self.drawing = Arc::default();
        self.lasting = None;
        self.events.end_all();
        // What it holds is free before the new one takes as much.
        self.state = State::Resting { until: at.now };
        match catch(|| RunningFilter::start(&self.filter, &self.settings)) {
            Ok(Ok(filter)) => self.run(filter, at.now),
            Ok(Err(error)) => self.broke(&error.into(), at.now),
            Err(panicked) => self.broke(&panicked.into(), at.now),
        }
    }

    fn call<T>(
        &mut self,
        at: At<'_>,
        call: impl FnOnce(&mut RunningFilter) -> Result<T, CallError>,
    ) -> Option<T> {
        self.call_that_finds(at, call, |_| &[])
    }

    /// A call whose result has the regions that the events it tells of begin with.
    fn call_that_finds<T>(
        &mut self,
        at: At<'_>,
        call: impl FnOnce(&mut RunningFilter) -> Result<T, CallError>,
        regions: impl FnOnce(&T) -> &[Region],
    ) -> Option<T> {
        let State::Running { filter, since, .. } = &mut self.state else {
            return None;
        };
        let (since, now) = (*since, at.now);
        let start = self.engine.clock().now();
        let result = catch(|| call(filter));
        // Whatever the panic left of the instance is not used again.
        let result = result.unwrap_or_else(|panicked| Err(panicked.into()));
        self.stats.called(self.engine.clock().now() - start);
        match result {
            Ok(result) => {
                let Published { events, picture } = filter.take_published();
                if let Some(picture) = picture {
                    let masks = at.context.frame.masks.clone();
                    self.shown.set(picture, masks);
                }
                let source = (self.stream.as_str(), self.config.filter.as_str());
                let found = (&at.context.frame, regions(&result));
                let admissions = self.events.tell(events, source, found, now);
                self.note_admissions(&admissions, now);
                // An overlay's drawing may come to nothing yet, as the last did.
                if !self.is_undone {
                    self.went_well(since, now);
                }
                Some(result)
            }
            Err(error @ CallError::Refused(_)) => {
                self.tell(&error, now);
                None
            }
            Err(error) => {
                self.broke(&error.into(), now);
                None
            }
        }
    }

    /// Tells when the filter begins to tell of too many events, and when that is over.
    fn note_admissions(&self, admissions: &Admissions, now: Instant) {
        let log = |line: &dyn Fn()| self.settings.span.in_scope(line);
        if admissions.is_rested
            && let Some(recovery) = self.stats.events_rested(now)
        {
            let dropped = recovery.failures;
            log(&|| tracing::info!(dropped, "the filter tells of fewer events again"));
        }
        if let Some(notice) = self.stats.events_dropped(admissions.refused, now) {
            let (dropped, seconds) = (notice.failures(), notice.seconds());
            log(&|| {
                tracing::warn!(
                    dropped,
                    seconds,
                    at_once = EventBudget::AT_ONCE,
                    every = ?EventBudget::EVERY,
                    lasting = MOST_OPEN,
                    "the filter tells of too many events: those above the limits are left out"
                );
            });
        }
    }

    fn went_well(&mut self, since: Instant, now: Instant) {
        if let Some(recovery) = self.stats.worked(now) {
            let failures = recovery.failures;
            let span = &self.settings.span;
            span.in_scope(|| tracing::info!(failures, "the filter works again"));
            self.notifications.publish(Notification::FilterRecovered {
                stream: self.stream.clone(),
                step: self.id,
                filter: self.name().to_owned(),
                failures: recovery.failures,
            });
        }
        // Short pauses again only after it has worked for as long as the longest one.
        if self.pause > FIRST_PAUSE && now.duration_since(since) >= LONGEST_PAUSE {
            self.pause = FIRST_PAUSE;
        }
    }

    fn tell(&self, error: &dyn Error, now: Instant) {
        // The filter's own words may quote its settings.
        let why = &*mask_foreign(&error.to_string());
        let Some(notice) = self.stats.failed(why, now) else {
            return;
        };
        let fate = match self.config.on_error {
            _ if self.kind() == FilterKind::Inspect => "frames don't wait for it",
            OnError::Bypass => "frames go on without it",
            OnError::Drop => "frames are dropped",
        };
        let (failures, seconds) = (notice.failures(), notice.seconds());
        self.settings.span.in_scope(|| {
            tracing::warn!(failures, seconds, error = %why, "the filter fails: {fate}");
        });
        self.notifications.publish(Notification::FilterError {
            stream: self.stream.clone(),
            step: self.id,
            filter: self.name().to_owned(),
            error: notice.word(why),
        });
    }

    fn broke(&mut self, error: &StepError, now: Instant) {
        self.tell(error, now);
        // A new instance has drawn nothing yet.
        self.drawing = Arc::default();
        self.lasting = None;
        self.events.end_all();
        self.state = State::Resting {
            until: now + self.pause,
        };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}
