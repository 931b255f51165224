//! Where changes of the pipeline are made: what is needed to build streams, and those that run.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Running, plan_all};
use crate::chain::{Chain, Loader, Planned, Unchanged, plan_chain};
use crate::clock::{Clock, SystemClock};
use crate::config::{
    ConfigError, Diagnostic, DriverConfig, FilterRef, Pipeline, SourceConfig, StreamConfig,
};
use crate::events::{Event, Events};
use crate::gpio::PrivacyLamps;
use crate::source::{self, Source};
use crate::stream::{CaptureRules, Equipment, Rules, Shared, Stream};
use crate::variables::Variables;

/// What streams are built with.
pub struct Equip {
    /// Loads their filters.
    pub loader: Loader,
    /// What the first stream takes instead of the file's source.
    pub source: Option<SourceConfig>,
    /// Lamps that show which cameras are open.
    pub lamps: PrivacyLamps,
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
    pipeline: Option<Arc<Pipeline>>,
}

/// A stream that runs, and what it runs by.
struct Station {
    config: StreamConfig,
    stream: Arc<Stream>,
}

/// A pipeline that was found to be right, with its chains ready.
pub struct Checked {
    pipeline: Pipeline,
    planned: Vec<Planned>,
    admin_token: Option<Arc<str>>,
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

impl Workshop {
    /// A workshop without streams.
    pub fn new(equip: Equip) -> Self {
        Self {
            equip,
            clock: Arc::new(SystemClock),
            stations: HashMap::new(),
            pipeline: None,
        }
    }

    /// What loads the filters.
    pub fn loader(&mut self) -> &mut Loader {
        &mut self.equip.loader
    }

    /// Where is told what happens.
    pub fn events(&self) -> &Events {
        self.equip.loader.events()
    }

    /// What filters see beside the frames.
    pub fn variables(&self) -> &Variables {
        self.equip.loader.variables()
    }

    /// What ends all streams, and where they end.
    pub fn ends(&self) -> (CancellationToken, TaskTracker) {
        (self.equip.shutdown.clone(), self.equip.tasks.clone())
    }

    /// Takes the lamps that show which cameras are open, before the first stream is built.
    pub fn set_lamps(&mut self, lamps: PrivacyLamps) {
        self.equip.lamps = lamps;
    }

    /// Checks all of `pipeline` and readies its chains. Blocks; must not be called from async code.
    ///
    /// # Errors
    /// Everything that is wrong with it. What runs doesn't notice.
    pub fn check(&mut self, mut pipeline: Pipeline) -> Result<Checked, ConfigError> {
        if let (Some(source), Some(first)) = (&self.equip.source, pipeline.streams.first_mut()) {
            first.source = source.clone();
        }
        let stations = &self.stations;
        let old = |name: &str| {
            let station = stations.get(name);
            station.map_or_else(Vec::new, |station| station.stream.steps())
        };
        self.equip.loader.look_again();
        let planned = plan_all(&mut self.equip.loader, &pipeline, &*self.clock, old)?;
        let admin_token = read_token(&pipeline)?;
        Ok(Checked {
            pipeline,
            planned,
            admin_token,
        })
    }

    /// Opens the camera of the stream `name` anew, with its filters started again. Blocks like [`Workshop::check`]; must be
    /// called on a runtime.
    ///
    /// # Errors
    /// Everything that is wrong with the stream; it goes on as it is.
    pub fn restart(&mut self, name: &str) -> Result<(), ConfigError> {
        let Some(pipeline) = self.pipeline.clone() else {
            return Ok(());
        };
        let Some(station) = self.stations.get(name) else {
            return Ok(());
        };
        let config = &station.config;
        let steps = station.stream.steps();
        let old = (steps.as_slice(), Unchanged::StartAgain);
        let planned = plan_chain(&mut self.equip.loader, &pipeline, config, &*self.clock, old)
            .map_err(|wrong| pipeline.error(wrong))?;
        station
            .stream
            .rearrange(planned.rearrangement, planned.steps);
        if let Some(source) = self.source(config, &pipeline) {
            station.stream.replace_source(source);
        }
        Ok(())
    }

    /// Makes the changes. Must be called on a runtime.
    pub fn apply(&mut self, checked: Checked) -> (Running, Changes) {
        let Checked {
            pipeline,
            planned,
            admin_token,
        } = checked;
        let mut changes = Changes::default();
        self.forget_others(&pipeline, &mut changes);
        let mut planned: HashMap<&str, Planned> = names(&pipeline).zip(planned).collect();
        self.add_new(&pipeline, &mut planned, &mut changes);
        for config in &pipeline.streams {
            if let Some(planned) = planned.remove(config.name.as_str()) {
                self.change(config, &pipeline, planned, &mut changes);
            }
        }
        self.compare_rest(&pipeline, &mut changes);
        let is_used = |filter: &FilterRef| {
            let mut steps = pipeline.streams.iter().flat_map(|stream| &stream.filters);
            steps.any(|step| step.filter == *filter)
        };
        self.equip.loader.keep(is_used);
        let streams = names(&pipeline).filter_map(|name| self.stations.get(name));
        let streams = streams.map(|station| station.stream.clone()).collect();
        let pipeline = Arc::new(pipeline);
        self.pipeline = Some(pipeline.clone());
        let running = Running {
            pipeline,
            streams,
            admin_token,
        };
        (running, changes)
    }

    fn forget_others(&mut self, pipeline: &Pipeline, changes: &mut Changes) {
        self.stations.retain(|name, station| {
            let stays = pipeline.stream(name).is_some();
            if !stays {
                changes.ended.push(station.stream.clone());
                changes.words.push(format!("`{name}` is removed"));
            }
            stays
        });
    }

    /// A stream that shares another's camera comes after that one; the file's checks leave no circles.
    fn add_new(
        &mut self,
        pipeline: &Pipeline,
        planned: &mut HashMap<&str, Planned>,
        changes: &mut Changes,
    ) {
        while self.stations.len() < pipeline.streams.len() {
            for config in &pipeline.streams {
                if self.stations.contains_key(&config.name) {
                    continue;
                }
                if let Some(source) = self.source(config, pipeline)
                    && let Some(planned) = planned.remove(config.name.as_str())
                {
                    let station = self.start(config, source, planned);
                    self.stations.insert(config.name.clone(), station);
                    changes.words.push(format!("`{}` is added", config.name));
                }
            }
        }
    }

    fn change(
        &mut self,
        config: &StreamConfig,
        pipeline: &Pipeline,
        planned: Planned,
        changes: &mut Changes,
    ) {
        let source = self.source(config, pipeline);
        let Some(station) = self.stations.get_mut(&config.name) else {
            return;
        };
        let mut words = Vec::new();
        if !planned.keeps(&station.stream.steps()) || station.config.quality != config.quality {
            station
                .stream
                .rearrange(planned.rearrangement, planned.steps);
            words.push("chain");
        }
        if station.config.idle_timeout != config.idle_timeout {
            words.push("idle-timeout");
        }
        if station.config.max_viewers != config.max_viewers {
            words.push("max-viewers");
        }
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

    fn compare_rest(&self, pipeline: &Pipeline, changes: &mut Changes) {
        let Some(old) = &self.pipeline else {
            return;
        };
        for (key, is_same) in [
            ("listen", old.listen == pipeline.listen),
            ("gpio", old.gpio == pipeline.gpio),
        ] {
            if !is_same {
                changes.words.push(format!("`{key}` is another"));
                changes.needs_restart.push(key);
            }
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
    fn source(&self, config: &StreamConfig, pipeline: &Pipeline) -> Option<Box<dyn Source>> {
        let source = match &config.source.driver {
            DriverConfig::Stream(shared) => {
                let station = self.stations.get(&shared.name)?;
                Box::new(Shared::new(station.stream.clone(), shared.frames))
            }
            _ => source::from_config(&config.source, &pipeline.folder, &config.name)?,
        };
        Some(self.equip.lamps.on(&config.name, source))
    }

    fn start(&self, config: &StreamConfig, source: Box<dyn Source>, planned: Planned) -> Station {
        let mut chain = Chain::new(
            self.equip.loader.engine(),
            Vec::new(),
            config.quality,
            self.clock.clone(),
            TimeZone::system(),
            self.variables().clone(),
        );
        chain.rearrange(planned.rearrangement);
        let (stream, life) = Stream::new(
            config.name.clone(),
            Equipment { source, chain },
            rules(config),
            self.clock.clone(),
            self.equip.shutdown.child_token(),
        );
        self.equip.tasks.spawn(life);
        self.equip
            .tasks
            .spawn(tell(stream.clone(), self.events().clone()));
        Station {
            config: config.clone(),
            stream,
        }
    }
}

/// Tells what `stream` does, until it ends.
async fn tell(stream: Arc<Stream>, events: Events) {
    let (mut conditions, mut watchers) = (stream.conditions(), stream.watchers());
    let (mut state, mut viewers) = (stream.state(), 0);
    loop {
        tokio::select! {
            () = stream.ended() => return,
            _ = conditions.changed() => {
                let condition = conditions.borrow_and_update().clone();
                if condition.state != state || condition.error.is_some() {
                    state = condition.state;
                    events.tell(Event::State {
                        stream: stream.name().to_owned(),
                        state: state.name(),
                        error: condition.error,
                    });
                }
            }
            _ = watchers.changed() => {
                let now = watchers.borrow_and_update().viewers;
                if now != viewers {
                    viewers = now;
                    let stream = stream.name().to_owned();
                    events.tell(Event::Viewers { stream, viewers });
                }
            }
        }
    }
}

fn names(pipeline: &Pipeline) -> impl Iterator<Item = &str> {
    pipeline.streams.iter().map(|stream| stream.name.as_str())
}

fn rules(config: &StreamConfig) -> Rules {
    Rules {
        idle_timeout: config.idle_timeout,
        capture: CaptureRules {
            fps: config.source.fps,
            stall_timeout: config.source.stall_timeout,
        },
    }
}

fn read_token(pipeline: &Pipeline) -> Result<Option<Arc<str>>, ConfigError> {
    let Some(token) = &pipeline.admin_token else {
        return Ok(None);
    };
    let revealed = token.secret.reveal(&pipeline.folder);
    let revealed = revealed.and_then(|text| match text.trim() {
        "" => Err("it is empty".to_owned()),
        text => Ok(Arc::from(text)),
    });
    let wrong = |why| Diagnostic::new(token.span, format!("`admin-token`: {why}"));
    revealed
        .map(Some)
        .map_err(|why| pipeline.error(vec![wrong(why)]))
}
