//! Where changes of the pipeline are made: what is needed to build streams, and those that run.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Running;
use super::plan::Plans;
use crate::chain::{Chain, FilterCache, Planned};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError, Diagnostic, DriverConfig, SourceConfig, StreamConfig};
use crate::events::{Event, Events};
use crate::gpio::PrivacyLeds;
use crate::secret::SecretText;
use crate::source::{self, Source};
use crate::stream::{CaptureRules, Rules, Shared, Stream, StreamParts};
use crate::supervise::keep_running;
use crate::variables::Variables;

/// What streams are built with.
pub struct Equip {
    /// Loads their filters.
    pub cache: FilterCache,
    /// What the first stream takes instead of the file's source.
    pub source: Option<SourceConfig>,
    /// Whether the command line names other addresses than the file.
    pub listens_elsewhere: bool,
    /// Indicators that show which cameras are open.
    pub indicators: PrivacyLeds,
    /// Ends all streams.
    pub shutdown: CancellationToken,
    /// Where they run.
    pub tasks: TaskTracker,
}

/// Where changes of the pipeline are made.
pub struct Workshop {
    equip: Equip,
    clock: Arc<dyn Clock>,
    stations: HashMap<String, Station>,
    pipeline: Option<Arc<Config>>,
    /// As it was at the start.
    started: Option<Arc<Config>>,
}

/// A stream that runs, and what it runs by.
struct Station {
    config: StreamConfig,
    stream: Arc<Stream>,
}

/// A pipeline that was found to be right, with its chains ready.
pub struct Checked {
    /// The file's contents.
    pub pipeline: Config,
    /// The chains. A stream without one keeps its own, or has none yet if it is new.
    pub plans: Plans,
    /// The admin token.
    pub admin_token: Option<SecretText>,
}

/// What has changed.
#[derive(Default)]
pub struct Changes {
    /// In words, for the log.
    pub words: Vec<String>,
    /// Keys whose change takes a restart.
    pub needs_restart: Vec<&'static str>,
    /// Streams that are to end once nobody can find them any more.
    pub ended: Vec<Arc<Stream>>,
}

/// What became of a stream's chain that was readied again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// The stream is another by now; the chain is of no use.
    Stale,
    /// It has the same steps as before, which go on.
    Kept,
    /// It took the old one's place.
    Replaced,
    /// It is the first that the stream has.
    Prepared,
}

impl Workshop {
    /// A workshop without streams.
    pub fn new(equip: Equip) -> Self {
        Self {
            equip,
            clock: Arc::new(SystemClock),
            stations: HashMap::new(),
            pipeline: None,
            started: None,
        }
    }

    /// The cache of the filters.
    pub fn cache(&self) -> &FilterCache {
        &self.equip.cache
    }

    /// The source that the first stream takes instead of the file's.
    pub fn first_source(&self) -> Option<&SourceConfig> {
        self.equip.source.as_ref()
    }

    /// Where is told what happens.
    pub fn events(&self) -> &Events {
        self.equip.cache.events()
    }

    /// What filters see beside the frames.
    pub fn variables(&self) -> &Variables {
        self.equip.cache.variables()
    }

    /// What ends all streams, and where they end.
    pub fn ends(&self) -> (CancellationToken, TaskTracker) {
        (self.equip.shutdown.clone(), self.equip.tasks.clone())
    }

    /// Takes the indicators that show which cameras are open, before the first stream is built.
    pub fn set_privacy_leds(&mut self, indicators: PrivacyLeds) {
        self.equip.indicators = indicators;
    }

    /// Opens the camera of the stream `name` anew, with the filters in `plans`. Must be called on a runtime.
    pub fn restart(&self, name: &str, plans: &mut Plans) {
        let (Some(pipeline), Some(station)) = (&self.pipeline, self.stations.get(name)) else {
            return;
        };
        if self.complete(name, plans) == Completed::Stale {
            tracing::debug!(stream = name, "another change has given it its chain");
        }
        if let Some(source) = self.source(&station.config, pipeline) {
            station.stream.replace_source(source);
        }
    }

    /// Gives the stream `name` the chain in `plans`, unless another change has given it one meanwhile.
    pub fn complete(&self, name: &str, plans: &mut Plans) -> Completed {
        let Some(Station { config, stream }) = self.stations.get(name) else {
            return Completed::Stale;
        };
        let (old, is_prepared) = (stream.steps(), stream.is_prepared());
        let Some(planned) = plans.take(config, &old) else {
            return Completed::Stale;
        };
        if is_prepared && planned.keeps(&old) {
            return Completed::Kept;
        }
        stream.update_chain(planned.update, planned.steps);
        match is_prepared {
            true => Completed::Replaced,
            false => Completed::Prepared,
        }
    }

    /// Makes the changes. Must be called on a runtime.
    pub fn apply(&mut self, checked: Checked) -> (Running, Changes) {
        let Checked {
            pipeline,
            mut plans,
            admin_token,
        } = checked;
        let budget = self.equip.cache.engine().budget();
        budget.set_limit(pipeline.filters_memory);
        let mut changes = Changes::default();
        self.forget_others(&pipeline, &mut changes);
        let new = self.add_new(&pipeline, &mut plans, &mut changes);
        for config in &pipeline.streams {
            if !new.contains(&config.name) {
                self.change(config, &pipeline, &mut plans, &mut changes);
            }
        }
        self.compare_rest(&pipeline, &mut changes);
        let streams = names(&pipeline).filter_map(|name| self.stations.get(name));
        let streams = streams.map(|station| station.stream.clone()).collect();
        let pipeline = Arc::new(pipeline);
        self.pipeline = Some(pipeline.clone());
        self.started.get_or_insert_with(|| pipeline.clone());
        let running = Running {
            pipeline,
            streams,
            admin_token,
        };
        (running, changes)
    }

    fn forget_others(&mut self, pipeline: &Config, changes: &mut Changes) {
        self.stations.retain(|name, station| {
            let stays = pipeline.stream(name).is_some();
            if !stays {
                changes.ended.push(station.stream.clone());
                changes.words.push(format!("`{name}` is removed"));
            }
            stays
        });
    }

    /// Gives the new streams' names. A stream that shares another's camera comes after that one; the file's checks leave no
    /// circles.
    fn add_new(
        &mut self,
        pipeline: &Config,
        plans: &mut Plans,
        changes: &mut Changes,
    ) -> BTreeSet<String> {
        let mut new = BTreeSet::new();
        while self.stations.len() < pipeline.streams.len() {
            for config in &pipeline.streams {
                if self.stations.contains_key(&config.name) {
                    continue;
                }
                if let Some(source) = self.source(config, pipeline) {
                    let station = self.start(config, source, plans.take(config, &[]));
                    self.stations.insert(config.name.clone(), station);
                    changes.words.push(format!("`{}` is added", config.name));
                    new.insert(config.name.clone());
                }
            }
        }
        new
    }

    fn change(
        &mut self,
        config: &StreamConfig,
        pipeline: &Config,
        plans: &mut Plans,
        changes: &mut Changes,
    ) {
        let source = self.source(config, pipeline);
        let Some(station) = self.stations.get_mut(&config.name) else {
            return;
        };
        let mut words = Vec::new();
        let old = station.stream.steps();
        if let Some(planned) = plans.take(config, &old)
            && (!planned.keeps(&old)
                || station.config.quality != config.quality
                || !station.stream.is_prepared())
        {
            station.stream.update_chain(planned.update, planned.steps);
            words.push("chain");
        }
        if station.config.idle_timeout != config.idle_timeout {
            words.push("idle-timeout");
        }
        if station.config.title != config.title {
            words.push("title");
        }
        if station.config.max_viewers != config.max_viewers {
            words.push("max-viewers");
        }
        station.stream.set_title(config.title.clone());
        station.stream.set_rules(rules(config));
        if station.config.source != config.source
            && let Some(source) = source
        {
            station.stream.replace_source(source);
            words.push("source");
        }
        station.config = config.clone();
        if !words.is_empty() {
            let words = words.join(" and ");
            changes
                .words
                .push(format!("`{}` has another {words}", config.name));
        }
    }

    fn compare_rest(&self, pipeline: &Config, changes: &mut Changes) {
        let Some(old) = &self.pipeline else {
            return;
        };
        let started = self.started.as_ref().unwrap_or(old);
        for (key, is_same, is_in_force) in [
            (
                "listen",
                old.listen == pipeline.listen,
                self.equip.listens_elsewhere || started.listen == pipeline.listen,
            ),
            (
                "gpio",
                old.gpio == pipeline.gpio,
                started.gpio == pipeline.gpio,
            ),
        ] {
            if !is_same {
                changes.words.push(format!("`{key}` is another"));
            }
            if !is_in_force {
                changes.needs_restart.push(key);
            }
        }
        if old.filters_memory != pipeline.filters_memory {
            changes.words.push("`filters-memory` is another".to_owned());
        }
        let is_same = old.admin_token == pipeline.admin_token
            && old.allowed_hosts == pipeline.allowed_hosts
            && old.filter_folder == pipeline.filter_folder
            && old.filter_folder_limit == pipeline.filter_folder_limit
            && old.web == pipeline.web;
        if !is_same {
            changes.words.push("who may do what is another".to_owned());
        }
    }

    /// The source that `config` names; none if it is a stream that is not there yet.
    fn source(&self, config: &StreamConfig, pipeline: &Config) -> Option<Box<dyn Source>> {
        let source = match &config.source.driver {
            DriverConfig::Stream(shared) => {
                let station = self.stations.get(&shared.name)?;
                Box::new(Shared::new(station.stream.clone(), shared.frames))
            }
            _ => source::from_config(&config.source, &pipeline.folder, &config.name)?,
        };
        Some(self.equip.indicators.on(&config.name, source))
    }

    fn start(
        &self,
        config: &StreamConfig,
        source: Box<dyn Source>,
        planned: Option<Planned>,
    ) -> Station {
        let is_prepared = planned.is_some();
        let mut chain = Chain::new(
            self.equip.cache.engine(),
            Vec::new(),
            config.quality,
            self.clock.clone(),
            crate::local_time::zone(),
            self.variables().clone(),
        );
        if let Some(planned) = planned {
            chain.apply(planned.update);
        }
        let (stream, life) = Stream::new(
            config.name.clone(),
            StreamParts { source, chain },
            rules(config),
            self.clock.clone(),
            self.equip.shutdown.child_token(),
        );
        stream.set_title(config.title.clone());
        if !is_prepared {
            stream.prepare();
        }
        self.equip.tasks.spawn(life);
        let (told, events, clock) = (stream.clone(), self.events().clone(), self.clock.clone());
        let end = self.equip.shutdown.clone();
        self.equip.tasks.spawn(async move {
            let name = format!("events of {}", told.name());
            let tell = || tell(&told, &events);
            let telling = keep_running(&name, &*clock, &end, tell);
            tokio::select! {
                () = telling => {}
                () = told.ended() => {}
            }
        });
        Station {
            config: config.clone(),
            stream,
        }
    }
}

/// Tells what `stream` does.
async fn tell(stream: &Stream, events: &Events) {
    let (mut health_changes, mut demand) = (stream.health_changes(), stream.viewers());
    let (mut state, mut viewers) = (stream.state(), 0);
    loop {
        tokio::select! {
            _ = health_changes.changed() => {
                health_changes.mark_unchanged();
                let health = stream.health();
                if health.state != state || health.error.is_some() {
                    state = health.state;
                    events.tell(Event::State {
                        stream: stream.name().to_owned(),
                        state: state.name(),
                        error: health.error,
                    });
                }
            }
            _ = demand.changed() => {
                let now = demand.borrow_and_update().viewers;
                if now != viewers {
                    viewers = now;
                    let stream = stream.name().to_owned();
                    events.tell(Event::Viewers { stream, viewers });
                }
            }
        }
    }
}

fn names(pipeline: &Config) -> impl Iterator<Item = &str> {
    pipeline.streams.iter().map(|stream| stream.name.as_str())
}

fn rules(config: &StreamConfig) -> Rules {
    Rules {
        idle_timeout: config.idle_timeout,
        capture: CaptureRules {
            fps: config.source.fps,
            most_fps: config.source.most_fps(),
            stall_timeout: config.source.stall_timeout,
            max_pixels: config.source.max_pixels(),
            warm_up: config.source.warm_up,
        },
    }
}

/// The token that `admin-token` names.
///
/// # Errors
/// It can't be read, or is empty.
pub fn read_token(pipeline: &Config) -> Result<Option<SecretText>, ConfigError> {
    let Some(token) = &pipeline.admin_token else {
        return Ok(None);
    };
    let revealed = token.secret.reveal(&pipeline.folder);
    let revealed = revealed.and_then(|text| match text.expose().trim() {
        "" => Err("it is empty".to_owned()),
        text => Ok(SecretText::new(text)),
    });
    let wrong = |why| Diagnostic::new(token.span, format!("`admin-token`: {why}"));
    revealed
        .map(Some)
        .map_err(|why| pipeline.error(vec![wrong(why)]))
}
