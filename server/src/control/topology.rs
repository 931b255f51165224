//! The topology: the streams that run, built from the configuration and changed with it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::diff::{Diff, needs_restart};
use super::plan::Plans;
use super::stream_watch::watch_stream;
use super::{Credentials, Snapshot};
use crate::chain::{Chain, FilterCache, Planned};
use crate::clock::Clock;
use crate::config::{Config, DriverConfig, StreamConfig};
use crate::gpio::PrivacyLeds;
use crate::mask::{MaskId, MaskSet};
use crate::source::{self, Source};
use crate::stream::{CaptureRules, Rules, Shared, SourceOrigin, Stream, StreamParts};
use crate::tls::TlsFiles;

/// The dependencies that streams are built with.
pub struct TopologyDeps {
    /// The cache of their filters.
    pub cache: FilterCache,
    /// Whether the command line names other addresses than the file.
    pub listens_elsewhere: bool,
    /// The LEDs that show which cameras are open.
    pub indicators: PrivacyLeds,
    /// Ends all streams.
    pub shutdown: CancellationToken,
    /// The tracker of their tasks.
    pub tasks: TaskTracker,
}

/// The streams that run. Changes of the pipeline are made here.
pub struct Topology {
    deps: TopologyDeps,
    clock: Arc<dyn Clock>,
    streams: HashMap<String, RunningStream>,
    config: Option<Arc<Config>>,
    /// As it was at the start.
    started: Option<Arc<Config>>,
}

/// A stream that runs, and its configuration.
struct RunningStream {
    config: StreamConfig,
    stream: Arc<Stream>,
}

/// A configuration that was checked, with its chains ready.
pub struct ValidatedConfig {
    /// The configuration.
    pub config: Config,
    /// The chains. A stream without one keeps its own, or has none yet if it is new.
    pub plans: Plans,
    /// Who may do what.
    pub credentials: Arc<Credentials>,
    /// What `tls` says, with its files read.
    pub tls: Option<Arc<TlsFiles>>,
}

/// The result of a change of the topology.
pub struct Applied {
    /// The pipeline that is in force now.
    pub snapshot: Snapshot,
    /// The difference that it made.
    pub diff: Diff,
    /// Keys whose change takes a restart.
    pub needs_restart: Vec<&'static str>,
    /// Streams that are to end once nobody can find them any more.
    pub ended: Vec<Arc<Stream>>,
}

/// The result of readying a stream's chain again.
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

impl Topology {
    /// A topology without streams.
    pub fn new(deps: TopologyDeps) -> Self {
        Self {
            clock: deps.cache.engine().clock().clone(),
            streams: HashMap::new(),
            config: None,
            started: None,
            deps,
        }
    }

    /// Opens the camera of the stream `name` anew, with the filters in `plans`. Must be called on a
    /// runtime.
    pub fn restart(&self, name: &str, plans: &mut Plans) {
        let (Some(config), Some(running)) = (&self.config, self.streams.get(name)) else {
            return;
        };
        if self.complete(name, plans) == Completed::Stale {
            tracing::debug!(
                stream = name,
                "another change has given the stream its chain"
            );
        }
        if let Some(source) = self.source(&running.config, config) {
            let masks = &running.config.source.masks;
            running.stream.replace_source(source, masks);
        }
    }

    /// Gives the stream `name` the chain in `plans`, unless another change has given it one
    /// meanwhile.
    pub fn complete(&self, name: &str, plans: &mut Plans) -> Completed {
        let Some(RunningStream { config, stream }) = self.streams.get(name) else {
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
    pub fn apply(&mut self, validated: ValidatedConfig) -> Applied {
        let ValidatedConfig {
            config,
            mut plans,
            credentials,
            tls,
        } = validated;
        let budget = self.deps.cache.engine().budget();
        budget.set_limit(config.filters_memory);
        let mut diff = match &self.config {
            Some(old) => Diff::between(old, &config),
            None => Diff::default(),
        };
        let ended = self.remove_others(&config);
        let new = self.add_new(&config, &mut plans);
        for stream in &config.streams {
            if !new.contains(&stream.name) && self.change(stream, &config, &mut plans) {
                diff.note_chain(&stream.name);
            }
        }
        let streams = config.streams.iter();
        let streams = streams.filter_map(|stream| self.streams.get(&stream.name));
        let streams = streams.map(|running| running.stream.clone()).collect();
        self.withdraw_pictures(&config);
        let config = Arc::new(config);
        self.config = Some(config.clone());
        let started = self.started.get_or_insert_with(|| config.clone());
        let is_pending = |key: &&str| *key != "listen" || !self.deps.listens_elsewhere;
        Applied {
            diff,
            needs_restart: needs_restart(started, &config).filter(is_pending).collect(),
            ended,
            snapshot: Snapshot {
                config,
                streams,
                credentials,
                tls,
            },
        }
    }

    /// Removes pictures of events that show what is masked now.
    fn withdraw_pictures(&self, config: &Config) {
        let events = self.deps.cache.events();
        for stream in &config.streams {
            let masks = config.masks_of(&stream.name).map(MaskId::of);
            events.require_masks(&stream.name, masks.collect());
        }
    }

    fn remove_others(&mut self, config: &Config) -> Vec<Arc<Stream>> {
        let removed = self
            .streams
            .extract_if(|name, _| config.stream(name).is_none());
        removed.map(|(_, running)| running.stream).collect()
    }

    /// Gives the new streams' names. A stream that shares another's camera comes after that one;
    /// the file's checks leave no circles.
    fn add_new(&mut self, config: &Config, plans: &mut Plans) -> BTreeSet<String> {
        let mut new = BTreeSet::new();
        while self.streams.len() < config.streams.len() {
            for stream in &config.streams {
                if self.streams.contains_key(&stream.name) {
                    continue;
                }
                if let Some(source) = self.source(stream, config) {
                    let running = self.start(stream, source, plans.take(stream, &[]));
                    self.streams.insert(stream.name.clone(), running);
                    new.insert(stream.name.clone());
                }
            }
        }
        new
    }

    /// Changes a stream that stays. Gives whether its chain was replaced.
    fn change(&mut self, stream: &StreamConfig, config: &Config, plans: &mut Plans) -> bool {
        let source = self.source(stream, config);
        let Some(running) = self.streams.get_mut(&stream.name) else {
            return false;
        };
        let old = running.stream.steps();
        let planned = plans.take(stream, &old).filter(|planned| {
            !planned.keeps(&old)
                || running.config.quality != stream.quality
                || !running.stream.is_prepared()
        });
        let is_replaced = planned.is_some();
        if let Some(planned) = planned {
            running.stream.update_chain(planned.update, planned.steps);
        }
        set_facts(&running.stream, stream);
        running.stream.set_rules(rules(stream));
        let (old, new) = (&running.config.source, &stream.source);
        if old.is_same_camera(new) {
            running.stream.set_masks(&new.masks);
        } else if let Some(source) = source {
            running.stream.replace_source(source, &new.masks);
        }
        running.config = stream.clone();
        is_replaced
    }

    /// The source that `config` names; none if it is a stream that is not there yet.
    fn source(&self, stream: &StreamConfig, config: &Config) -> Option<Box<dyn Source>> {
        let source = match &stream.source.driver {
            DriverConfig::Stream(shared) => {
                let running = self.streams.get(&shared.name)?;
                let fps = stream.source.fps;
                Box::new(Shared::new(running.stream.clone(), shared.frames, fps))
            }
            _ => source::from_config(&stream.source, &config.folder)?,
        };
        Some(self.deps.indicators.on(&stream.name, source))
    }

    fn start(
        &self,
        config: &StreamConfig,
        source: Box<dyn Source>,
        planned: Option<Planned>,
    ) -> RunningStream {
        let is_prepared = planned.is_some();
        let mut steps = Vec::new();
        let mut chain = Chain::new(
            config.quality,
            self.clock.clone(),
            crate::local_time::zone(),
            self.deps.cache.variables().clone(),
        );
        if let Some(planned) = planned {
            chain.apply(planned.update);
            steps = planned.steps;
        }
        let masks = MaskSet::new(
            self.clock.clone(),
            crate::local_time::zone(),
            self.deps.cache.variables().clone(),
        );
        masks.set(&config.source.masks);
        let (stream, runner) = Stream::new(
            config.name.clone(),
            StreamParts {
                source,
                masks,
                chain,
                steps,
            },
            rules(config),
            self.clock.clone(),
            self.deps.shutdown.child_token(),
        );
        set_facts(&stream, config);
        if !is_prepared {
            stream.prepare();
        }
        self.deps.tasks.spawn(runner);
        self.deps.tasks.spawn(watch_stream(
            stream.clone(),
            self.deps.cache.clone(),
            self.deps.shutdown.clone(),
        ));
        RunningStream {
            config: config.clone(),
            stream,
        }
    }
}

/// Sets what needs no other source or chain.
fn set_facts(stream: &Stream, config: &StreamConfig) {
    stream.set_title(config.title.clone());
    stream.set_run_mode(config.run);
    stream.set_source_origin(match config.file_source {
        Some(_) => SourceOrigin::CommandLine,
        None => SourceOrigin::PipelineFile,
    });
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
            quality: config.quality,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, deps};
    use super::*;
    use crate::clock::fake::FakeClock;

    fn apply(topology: &mut Topology, text: &str) -> Applied {
        topology.apply(ValidatedConfig {
            config: config(text),
            plans: Plans::default(),
            credentials: Arc::new(Credentials::none()),
            tls: None,
        })
    }

    fn names(streams: &[Arc<Stream>]) -> Vec<&str> {
        streams.iter().map(|stream| stream.name()).collect()
    }

    #[tokio::test]
    async fn streams_that_stay_are_the_same_and_the_others_come_and_go() {
        let mut topology = Topology::new(deps(&FakeClock::new(), false));
        let text = "streams: { small: { source: { stream: door } }, door: {}, back: {} }";
        let before = apply(&mut topology, text);
        assert_eq!(names(&before.snapshot.streams), ["small", "door", "back"]);
        assert!(before.diff.is_empty() && before.ended.is_empty());

        let after = apply(
            &mut topology,
            "streams: { back: { title: Back }, small: { source: { stream: door } }, door: {}, \
             new: {} }",
        );
        let streams = &after.snapshot.streams;
        assert_eq!(names(streams), ["back", "small", "door", "new"]);
        for (now, then) in [(0, 2), (1, 0), (2, 1)] {
            assert!(Arc::ptr_eq(&streams[now], &before.snapshot.streams[then]));
        }
        assert_eq!(streams[0].title(), "Back");
        assert_eq!(
            after.diff.to_string(),
            "stream back changed: title; stream new added"
        );

        let last = apply(&mut topology, "streams: { door: {} }");
        assert_eq!(names(&last.snapshot.streams), ["door"]);
        let mut ended = names(&last.ended);
        ended.sort_unstable();
        assert_eq!(ended, ["back", "new", "small"]);
    }

    #[tokio::test]
    async fn keys_that_take_a_restart_are_told_until_they_are_what_they_were() {
        let clock = FakeClock::new();
        let text = |listen: &str| format!("listen: 127.0.0.1:{listen}\nstreams: {{ a: {{}} }}");
        for (listens_elsewhere, told) in [(false, &["listen"][..]), (true, &[])] {
            let mut topology = Topology::new(deps(&clock, listens_elsewhere));
            assert!(apply(&mut topology, &text("1")).needs_restart.is_empty());
            assert_eq!(apply(&mut topology, &text("2")).needs_restart, told);
            assert_eq!(apply(&mut topology, &text("2")).needs_restart, told);
            assert!(apply(&mut topology, &text("1")).needs_restart.is_empty());
        }
    }

    #[tokio::test]
    async fn a_chain_is_given_to_the_stream_that_it_was_planned_for_only() {
        let mut topology = Topology::new(deps(&FakeClock::new(), false));
        apply(&mut topology, "streams: { a: {} }");
        for name in ["a", "unknown"] {
            let completed = topology.complete(name, &mut Plans::default());
            assert_eq!(completed, Completed::Stale, "{name}");
        }
    }

    #[tokio::test]
    async fn a_stream_says_what_names_its_source() {
        let mut topology = Topology::new(deps(&FakeClock::new(), false));
        let mut config = config("streams: { a: {}, b: {} }");
        let source = config.streams[1].source.clone();
        config.streams[0].override_source(&source);
        let applied = topology.apply(ValidatedConfig {
            config,
            plans: Plans::default(),
            credentials: Arc::new(Credentials::none()),
            tls: None,
        });
        let origins = applied.snapshot.streams.iter();
        let origins: Vec<_> = origins.map(|it| it.report().source_set_by).collect();
        assert_eq!(
            origins,
            [SourceOrigin::CommandLine, SourceOrigin::PipelineFile]
        );
    }
}
