//! An action at work: its queue, its tries, and what became of them.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jpeg_splice::Jpeg;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};
use url::Url;
use utoipa::ToSchema;

use super::command::Program;
use super::message::message;
use super::webhook::Webhook;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::{ActionConfig, When};
use crate::event_log::{Change, EventLog, Phase};
use crate::log::recurring::Recurring;
use crate::log::sanitize;
use crate::mqtt::{Mqtt, NotConnected};
use crate::secret::{mask_foreign, mask_written};
use crate::sync::IgnorePoison;

/// The most events that wait for an action.
const WAITING: usize = 100;
/// The tries of one event, with pauses that grow from a second to a minute between them: two
/// minutes, in which most servers are up again.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The reason why an action was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another try may go well.
    Passing(String),
    /// No other try would.
    Lasting(String),
}

/// The dependencies of actions.
#[derive(Clone)]
pub struct ActionDeps {
    /// The clock that they wait by.
    pub clock: Arc<dyn Clock>,
    /// The log that events' pictures are in.
    pub events: EventLog,
    /// The broker.
    pub mqtt: Mqtt,
    /// Places for programs that run.
    pub programs: Arc<Semaphore>,
}

/// An action and the events that wait for it.
pub struct Worker {
    config: ActionConfig,
    /// The pipeline file's folder.
    folder: PathBuf,
    deps: ActionDeps,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Change>,
    /// Nothing more comes: it ends with the last that waits.
    is_retired: bool,
    done: u64,
    failed: u64,
    dropped: u64,
    error: Option<String>,
    failures: Recurring,
}

/// An action, as the pipeline file says it, and what became of it since it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActionReport {
    /// The kind of the events.
    pub event: String,
    /// The streams whose events are meant; none are all.
    pub streams: Vec<String>,
    /// The moment at which it is done.
    pub when: When,
    /// What it does: `post`, `mqtt` or `run`.
    pub does: &'static str,
    /// The server that it is posted to, the topic, or the program.
    pub target: String,
    /// The number of events that wait for it.
    pub waiting: usize,
    /// The number of times that it was done.
    pub done: u64,
    /// The number of events for which it failed, all tries included.
    pub failed: u64,
    /// The number of events that were left out since too many waited.
    pub dropped: u64,
    /// The reason why the last try failed, if it did.
    pub error: Option<String>,
}

impl Worker {
    /// A worker for the action `config` of the pipeline file in `folder`.
    pub fn new(config: ActionConfig, folder: PathBuf, deps: ActionDeps) -> Self {
        Self {
            config,
            folder,
            deps,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().ignore_poison()
    }

    /// Whether it is that of `config`, in the pipeline file in `folder`.
    pub fn is_of(&self, config: &ActionConfig, folder: &Path) -> bool {
        self.config == *config && self.folder == folder
    }

    /// Takes `change`, if it is meant. Of too many that wait, the oldest are dropped.
    pub fn take(&self, change: &Change) {
        if !self.wants(change) {
            return;
        }
        let mut state = self.state();
        state.waiting.push_back(change.clone());
        if state.waiting.len() > WAITING {
            state.waiting.pop_front();
            state.dropped += 1;
            let why = "too many events wait: the oldest are left out";
            self.tell(&mut state, Some(why));
        }
        drop(state);
        self.changed.notify_one();
    }

    fn wants(&self, change: &Change) -> bool {
        let (config, event) = (&self.config, &change.event);
        let is_time = match (config.when, change.phase) {
            (When::Both, _) | (_, Phase::Point) => true,
            (When::Start, phase) => phase == Phase::Start,
            (When::End, phase) => phase == Phase::End,
        };
        is_time
            && config.event == event.kind.as_str()
            && (config.streams.is_empty() || config.streams.contains(&event.stream))
    }

    /// Ends it, once it has done what waits.
    pub fn retire(&self) {
        self.state().is_retired = true;
        self.changed.notify_one();
    }

    /// Does what comes, one after the other, until it is retired.
    pub async fn run(&self) {
        let mut tools = Tools::default();
        while let Some(change) = self.next().await {
            let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
            for tries in 1..=TRIES {
                let tried = self.try_once(&change, &mut tools).await;
                if self.note(tried, tries == TRIES) {
                    break;
                }
                let pause = self.deps.clock.now() + backoff.pause();
                self.deps.clock.sleep_until(pause).await;
            }
        }
    }

    async fn next(&self) -> Option<Change> {
        loop {
            {
                let mut state = self.state();
                if let Some(change) = state.waiting.pop_front() {
                    return Some(change);
                }
                if state.is_retired {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    async fn try_once(&self, change: &Change, tools: &mut Tools) -> Result<(), Failure> {
        // Waiting for the others is no fault of its own.
        let _place = match self.config.run {
            Some(_) => self.deps.programs.acquire().await.ok(),
            None => None,
        };
        let limit = self.deps.clock.now() + self.config.time_limit;
        tokio::select! {
            done = self.act(change, tools) => done,
            () = self.deps.clock.sleep_until(limit) => {
                let limit = self.config.time_limit;
                let why = format!("the action took longer than {limit:?} (`time-limit`)");
                Err(match self.config.run {
                    Some(_) => Failure::Lasting(why),
                    None => Failure::Passing(why),
                })
            }
        }
    }

    async fn act(&self, change: &Change, tools: &mut Tools) -> Result<(), Failure> {
        let of = (&self.config, self.folder.as_path());
        let message = message(&self.config, change);
        let picture = self.picture(change).await?;
        let picture = picture.as_ref();
        if self.config.run.is_some() {
            let clock = self.deps.clock.clone();
            let program = &tools.program;
            return program.run(of, &message, (change, picture), clock).await;
        }
        if let Some(topic) = &self.config.mqtt {
            return self.publish(topic, &message, picture).await;
        }
        let webhook = match &mut tools.webhook {
            Some(webhook) => webhook,
            none => none.insert(Webhook::new(&self.config)?),
        };
        webhook
            .post(of, &message, (&change.event.id, picture))
            .await
    }

    /// The event's picture, if it has one and that is wanted.
    async fn picture(&self, change: &Change) -> Result<Option<Jpeg>, Failure> {
        if !self.config.picture || !change.has_picture {
            return Ok(None);
        }
        let read = self.deps.events.read_picture(&change.event.id).await;
        read.map_err(|why| Failure::Passing(format!("the event's picture can't be read: {why}")))
    }

    async fn publish(
        &self,
        topic: &str,
        message: &Value,
        picture: Option<&Jpeg>,
    ) -> Result<(), Failure> {
        let mqtt = &self.deps.mqtt;
        let failure = |why: NotConnected| Failure::Passing(why.to_string());
        let sent = mqtt.publish(topic, message.to_string().into()).await;
        sent.map_err(failure)?;
        if let Some(picture) = picture {
            let topic = format!("{topic}/picture");
            let sent = mqtt.publish(&topic, picture.to_vec()).await;
            sent.map_err(failure)?;
        }
        Ok(())
    }

    /// Takes note of a try, which may be the `last` one. Gives whether no other is to follow.
    fn note(&self, tried: Result<(), Failure>, last: bool) -> bool {
        let mut state = self.state();
        let (why, is_over) = match tried {
            Ok(()) => {
                state.done += 1;
                state.error = None;
                self.tell(&mut state, None);
                return true;
            }
            Err(Failure::Passing(why)) => (why, last),
            Err(Failure::Lasting(why)) => (why, true),
        };
        // It may quote what others say.
        let why = sanitize(&mask_foreign(&why));
        state.failed += u64::from(is_over);
        let fate = if is_over { "given up" } else { "tried again" };
        self.tell(&mut state, Some(&format!("{why}; {fate}")));
        state.error = Some(why);
        is_over
    }

    /// Tells in the log that it fails, for this reason, or that it works, but not each time.
    fn tell(&self, state: &mut State, why: Option<&str>) {
        let now = self.deps.clock.now();
        let action = self.to_string();
        if let Some(why) = why {
            if let Some(notice) = state.failures.failed(now) {
                tracing::warn!(
                    event = self.config.event,
                    action,
                    failures = notice.failures(),
                    seconds = notice.seconds(),
                    error = %why,
                    "an action fails"
                );
            }
        } else if let Some(recovery) = state.failures.worked(now) {
            let failures = recovery.failures;
            tracing::info!(
                event = self.config.event,
                action,
                failures,
                "the action works again"
            );
        }
    }

    fn does(&self) -> &'static str {
        match (&self.config.run, &self.config.mqtt) {
            (Some(_), _) => "run",
            (_, Some(_)) => "mqtt",
            _ => "post",
        }
    }

    /// The server of the address, whose path may be a secret; the topic, or the program.
    fn target(&self) -> String {
        if let Some(command) = &self.config.run {
            let program = command.first();
            return program.map_or_else(String::new, |it| mask_written(it.expose()));
        }
        if let Some(topic) = &self.config.mqtt {
            return topic.clone();
        }
        let url = self.config.post.as_ref();
        let url = url.and_then(|url| Url::parse(url.expose()).ok());
        url.map_or_else(String::new, |url| url.origin().ascii_serialization())
    }

    /// The report.
    pub fn report(&self) -> ActionReport {
        let state = self.state();
        ActionReport {
            event: self.config.event.clone(),
            streams: self.config.streams.clone(),
            when: self.config.when,
            does: self.does(),
            target: self.target(),
            waiting: state.waiting.len(),
            done: state.done,
            failed: state.failed,
            dropped: state.dropped,
            error: state.error.clone(),
        }
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.does(), self.target())
    }
}

/// The tools that tries are made with, kept from one to the next.
#[derive(Default)]
struct Tools {
    webhook: Option<Webhook>,
    program: Program,
}
