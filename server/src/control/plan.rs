//! Checks a pipeline and readies its chains, without holding up anything that runs.

use std::collections::HashMap;

use super::Snapshot;
use crate::chain::{Check, FilterCache, Planned, StepStatus, Unchanged, plan_chain};
use crate::config::{Config, ConfigError, Diagnostic, SourceConfig, StreamConfig};
use crate::mask::ExpectedMasks;
use crate::{gpio, mqtt, source};

/// Chains that are ready, by their streams' names. One that stands on what has changed meanwhile is
/// planned anew.
#[derive(Default)]
pub struct Plans {
    chains: HashMap<String, Plan>,
    /// The masks of streams that run, which cover already while all else is being readied.
    masks: Vec<ExpectedMasks>,
}

struct Plan {
    /// The stream that it was planned for.
    config: StreamConfig,
    /// The steps that the stream had then.
    old: Vec<u64>,
    planned: Planned,
}

impl Plans {
    /// Readies the chains of those streams of `config` that are others than in `snapshot`,
    /// and checks the sources' files and the pins. The files of a stream that stays as it is are
    /// none of this change's business. Blocks while filters are compiled and started; must not be
    /// called from async code.
    ///
    /// # Errors
    /// All that is wrong with the pipeline. What runs doesn't notice.
    pub fn ready(
        &mut self,
        cache: &FilterCache,
        config: &Config,
        snapshot: &Snapshot,
        check: &Check<'_>,
    ) -> Result<(), ConfigError> {
        self.masks = expect_masks(config, snapshot);
        let mut wrong = check_parts(config, Some(&snapshot.config));
        wrong.append(&mut self.ready_filters(cache, config, Some(snapshot), check));
        let ready = config.verdict(wrong);
        ready.inspect_err(|_| self.masks.clear())
    }

    /// Readies the chains of those streams, or of all, and checks nothing else. Blocks like
    /// [`Plans::ready`]. Gives all that is wrong with the filters.
    pub fn ready_filters(
        &mut self,
        cache: &FilterCache,
        config: &Config,
        snapshot: Option<&Snapshot>,
        check: &Check<'_>,
    ) -> Vec<Diagnostic> {
        let before = snapshot.map(|snapshot| &*snapshot.config);
        let mut wrong = Vec::new();
        for stream in &config.streams {
            if is_unchanged(stream, before) {
                self.chains.remove(&stream.name);
                continue;
            }
            let old = steps(snapshot, &stream.name);
            if self.has(stream, &old) {
                continue;
            }
            match plan_chain(cache, config, stream, check, (&old, Unchanged::GoOn)) {
                Ok(planned) => self.insert(stream, &old, planned),
                Err(mut errors) => wrong.append(&mut errors),
            }
        }
        wrong
    }

    /// Readies the chain of `stream` alone, whose steps are `old`. Blocks like [`Plans::ready`].
    ///
    /// # Errors
    /// All that is wrong with its filters.
    pub fn ready_one(
        &mut self,
        cache: &FilterCache,
        (config, stream): (&Config, &StreamConfig),
        (old, unchanged): (&[StepStatus], Unchanged),
        check: &Check<'_>,
    ) -> Result<(), ConfigError> {
        let planned = plan_chain(cache, config, stream, check, (old, unchanged));
        let planned = planned.map_err(|wrong| config.error(wrong))?;
        self.insert(stream, old, planned);
        Ok(())
    }

    /// Whether the chains of all streams of `config` that are others than in `snapshot`
    /// are here: [`Plans::ready`] starts no filters then.
    pub fn are_ready(&self, config: &Config, snapshot: &Snapshot) -> bool {
        let before = Some(&*snapshot.config);
        let mut changed = config.streams.iter().filter(|it| !is_unchanged(it, before));
        changed.all(|stream| self.has(stream, &steps(Some(snapshot), &stream.name)))
    }

    /// The masks of the change don't cover any more; those in force do.
    pub fn drop_masks(&mut self) {
        self.masks.clear();
    }

    /// Takes the chain that was planned for `stream`, whose steps are `old`, if one was.
    pub fn take(&mut self, stream: &StreamConfig, old: &[StepStatus]) -> Option<Planned> {
        let is_fresh = self.has(stream, old);
        let plan = self.chains.remove(&stream.name);
        plan.filter(|_| is_fresh).map(|plan| plan.planned)
    }

    fn has(&self, stream: &StreamConfig, old: &[StepStatus]) -> bool {
        let plan = self.chains.get(&stream.name);
        plan.is_some_and(|plan| plan.config == *stream && plan.old == ids(old))
    }

    fn insert(&mut self, stream: &StreamConfig, old: &[StepStatus], planned: Planned) {
        let plan = Plan {
            config: stream.clone(),
            old: ids(old),
            planned,
        };
        self.chains.insert(stream.name.clone(), plan);
    }
}

/// Lets the masks of `config` cover beside those of `snapshot`.
fn expect_masks(config: &Config, snapshot: &Snapshot) -> Vec<ExpectedMasks> {
    let changed = config.streams.iter().filter_map(|new| {
        let old = snapshot.config.stream(&new.name)?;
        let is_changed = old.source.masks != new.source.masks;
        let stream = snapshot.find(&new.name).filter(|_| is_changed)?;
        Some(stream.expect_masks(&new.source.masks))
    });
    changed.collect()
}

/// Whether `stream` stays as it was `before`.
fn is_unchanged(stream: &StreamConfig, before: Option<&Config>) -> bool {
    before.and_then(|before| before.stream(&stream.name)) == Some(stream)
}

/// Checks the pins, whether this build can read the sources and, of those streams that are others
/// than `before`, the recordings.
pub fn check_parts(config: &Config, before: Option<&Config>) -> Vec<Diagnostic> {
    let mut wrong = check_abilities(config);
    wrong.extend(check_recordings(config, before));
    wrong
}

/// Checks the recordings of those streams that are others than `before`.
pub fn check_recordings(config: &Config, before: Option<&Config>) -> Vec<Diagnostic> {
    let streams = config.streams.iter();
    let changed = streams.filter(|stream| !is_unchanged(stream, before));
    each(config, changed, |source| {
        source::check_recording(source, &config.folder)
    })
}

/// Checks the files that the passwords of sources and actions stand in.
pub fn check_passwords(config: &Config) -> Vec<Diagnostic> {
    let mut wrong = each(config, config.streams.iter(), |source| {
        source::check_password(source, &config.folder)
    });
    let mqtt = config.mqtt.as_ref();
    if let Some(Err(why)) = mqtt.map(|it| mqtt::check(it, &config.folder)) {
        let message = format!("`mqtt`: {why}");
        wrong.push(config.error_at("/mqtt", &["ca", "password", "broker"], message));
    }
    for (at, action) in config.on.iter().enumerate() {
        let checks = action.secrets().map(|it| it.check(&config.folder));
        let errors = checks.filter_map(Result::err);
        let place = format!("/on/{at}");
        wrong.extend(errors.map(|why| {
            let message = format!("`on`: {why}");
            config.error_at(&place, &["password", "headers", "post"], message)
        }));
    }
    wrong
}

/// The mistakes that `check` finds in the source of each stream.
fn each<'a, E: ToString>(
    config: &Config,
    streams: impl Iterator<Item = &'a StreamConfig>,
    check: impl Fn(&SourceConfig) -> Result<(), E>,
) -> Vec<Diagnostic> {
    let wrong = streams.filter_map(|stream| {
        let why = check(&stream.source).err()?;
        Some(SourceConfig::error_in(
            config,
            &stream.name,
            why.to_string(),
        ))
    });
    wrong.collect()
}

/// Checks the pins, and whether this build can read the sources.
pub fn check_abilities(config: &Config) -> Vec<Diagnostic> {
    let mut wrong = each(config, config.streams.iter(), source::check);
    if let Some(gpio) = &config.gpio
        && let Err(why) = gpio::check(gpio)
    {
        wrong.push(config.error_at("/gpio", &["backend"], why.to_string()));
    }
    wrong
}

fn steps(snapshot: Option<&Snapshot>, stream: &str) -> Vec<StepStatus> {
    let stream = snapshot.and_then(|snapshot| snapshot.find(stream));
    stream.map_or_else(Vec::new, |stream| stream.steps())
}

fn ids(steps: &[StepStatus]) -> Vec<u64> {
    steps.iter().map(|step| step.id).collect()
}
