//! From a stream's part of pipeline.yaml to its chain: filters loaded, settings checked, steps
//! started.

use std::sync::Arc;

use super::check::Check;
use super::filter_cache::FilterCache;
use super::step::StepParts;
use super::{Chain, ChainUpdate, Step, StepSlot, StepStatus, Trial};
use crate::clock::Clock;
use crate::config::{self, Config, Diagnostic, PlacedStep, Sees, StreamConfig};
use crate::filter::context::{Grants, Publisher};
use crate::filter::{
    AssetsRead, Filter, FilterKind, SharedFilter, StartError, StepSettings, Wanted,
};
use crate::local_time;
use crate::secret::mask_foreign;

/// A chain that is ready to become another, or a new one.
pub struct Planned {
    /// The steps, the new ones started.
    pub update: ChainUpdate,
    /// Their statuses.
    pub steps: Vec<StepStatus>,
}

impl Planned {
    /// Whether all steps are those of `old`, in that order.
    pub fn keeps(&self, old: &[StepStatus]) -> bool {
        let steps = &self.update.steps;
        let is_kept = |(placed, old): (&StepSlot, &StepStatus)| {
            matches!(
                placed,
                StepSlot::Kept(id) if *id == old.id
            )
        };
        steps.len() == old.len() && steps.iter().zip(old).all(is_kept)
    }
}

/// The fate of steps that a change doesn't touch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unchanged {
    /// They go on with their instances.
    GoOn,
    /// They are started again, under their old ids.
    StartAgain,
}

/// Builds the chain of `stream`. Blocks while filters are compiled and started; must not be called
/// from async code.
///
/// # Errors
/// The faults of its filters, as places in the pipeline file.
pub fn build(
    cache: &FilterCache,
    config: &Config,
    stream: &StreamConfig,
    clock: Arc<dyn Clock>,
) -> Result<Chain, Vec<Diagnostic>> {
    let check = Check::new(&*clock, Wanted::ByChange);
    let planned = plan_chain(cache, config, stream, &check, (&[], Unchanged::GoOn))?;
    drop(check);
    let mut chain = Chain::new(
        stream.quality,
        clock,
        local_time::zone(),
        cache.variables().clone(),
    );
    chain.apply(planned.update);
    Ok(chain)
}

/// Plans the chain of `stream`, whose steps were `old`. Blocks like [`build`].
///
/// # Errors
/// Those of [`build`]. The old steps don't notice.
pub fn plan_chain(
    cache: &FilterCache,
    config: &Config,
    stream: &StreamConfig,
    check: &Check<'_>,
    (old, unchanged): (&[StepStatus], Unchanged),
) -> Result<Planned, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let configs = config.steps(stream);
    let filters = configs.iter().map(|step| {
        let checked = check.run(*step, || {
            check_step((cache, check), (config, &stream.name), *step)
        });
        checked.map_err(|mut wrong| errors.append(&mut wrong))
    });
    let filters: Vec<_> = filters.collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let filters: Vec<_> = filters.into_iter().flatten().collect();
    let mut free: Vec<&StepStatus> = old.iter().collect();
    let mut take = |is_it: &dyn Fn(&StepStatus) -> bool| {
        let found = free.iter().position(|step| is_it(step));
        found.map(|at| free.remove(at))
    };
    // Steps that are the same come first, so that none of them is taken for one that has changed.
    let kept = configs.iter().zip(&filters);
    let kept = kept.map(|(step, filter)| {
        let goes_on = |old: &StepStatus| unchanged == Unchanged::GoOn && old.is_still(step, filter);
        take(&goes_on)
    });
    let kept: Vec<_> = kept.collect();
    let mut planned = Planned {
        update: ChainUpdate {
            steps: Vec::new(),
            quality: stream.quality,
        },
        steps: Vec::new(),
    };
    for ((step, filter), kept) in configs.into_iter().zip(filters).zip(kept) {
        if let Some(kept) = kept {
            let id = kept.id;
            planned.update.steps.push(StepSlot::Kept(id));
            planned.steps.push(kept.clone());
            continue;
        }
        let replaced = take(&|old| old.config.filter == step.filter);
        let start = || start_step(cache, config, stream, step, filter, (replaced, check));
        match check.run(step, start) {
            Ok(step) => {
                planned.steps.push(step.status());
                let step = StepSlot::New(Box::new(step));
                planned.update.steps.push(step);
            }
            Err(mut wrong) => errors.append(&mut wrong),
        }
    }
    if errors.is_empty() {
        Ok(planned)
    } else {
        Err(errors)
    }
}

fn check_step(
    (cache, check): (&FilterCache, &Check<'_>),
    (config, stream): (&Config, &str),
    step: PlacedStep<'_>,
) -> Result<SharedFilter, Vec<Diagnostic>> {
    let name = step.filter.as_str();
    let filter = cache
        .load((stream, &step.filter), &config.folder, check)
        .map_err(|error| vec![step.error_at_use(error.to_string()).due_to(error.cause())])?;
    let mut wrong = config::check_settings(step, name, filter.schema())
        .map_err(|why| vec![step.error_at_use(format!("`{name}`: {why}"))])?;
    wrong.extend(check_rights(step, &filter));
    if wrong.is_empty() {
        Ok(filter)
    } else {
        Err(wrong)
    }
}

/// The faults of what the step grants its filter: rights that it needs and hasn't, and keys that
/// mean nothing to a filter of its kind.
fn check_rights(step: PlacedStep<'_>, filter: &Filter) -> Vec<Diagnostic> {
    let (name, kind) = (step.filter.as_str(), filter.kind());
    let mut wrong = Vec::new();
    if kind == FilterKind::Overlay && filter.manifest().wants_view() && step.sees.is_none() {
        let message = format!(
            "`{name}` wants to see the picture; allow it with `sees: eighth` (at an eighth of its \
             size) or `sees: all`"
        );
        wrong.push(step.error_at_use(message));
    }
    if kind != FilterKind::Inspect && filter.manifest().wants_publish() && !step.publish {
        let message = format!(
            "`{name}` wants to set variables or to tell of events; allow it with `publish: true`"
        );
        wrong.push(step.error_at_use(message));
    }
    let meaningless = [
        (
            kind != FilterKind::Inspect,
            "every",
            "only for filters that inspect",
        ),
        (
            kind != FilterKind::Overlay,
            "sees",
            "only for overlays: this filter gets the picture anyhow",
        ),
        (
            kind == FilterKind::Inspect,
            "on-error",
            "only for filters on the frames' way: no frame waits for this one",
        ),
    ];
    let meaningless = meaningless.into_iter().filter(|(is_so, ..)| *is_so);
    wrong.extend(
        meaningless.filter_map(|(_, key, why)| step.error_at_key(key, format!("`{key}`: {why}"))),
    );
    wrong
}

fn grants(cache: &FilterCache, step: PlacedStep<'_>, filter: &Filter) -> Grants {
    let is_inspect = filter.kind() == FilterKind::Inspect;
    Grants {
        sees: match filter.kind() {
            FilterKind::Overlay => step.sees,
            FilterKind::Transform | FilterKind::Inspect => Some(Sees::All),
        },
        publisher: (is_inspect || step.publish).then(|| Publisher {
            variables: cache.variables().clone(),
            clock: cache.engine().clock().clone(),
        }),
    }
}

fn start_step(
    cache: &FilterCache,
    config: &Config,
    stream: &StreamConfig,
    step: PlacedStep<'_>,
    filter: SharedFilter,
    (replaced, check): (Option<&StepStatus>, &Check<'_>),
) -> Result<Step, Vec<Diagnostic>> {
    let name = step.filter.as_str();
    let id = replaced.map_or_else(|| cache.next_id(), |step| step.id);
    let settings = step_settings((cache, check), (config, stream), step, (id, &filter))?;
    let parts = StepParts {
        id,
        stream: stream.name.clone(),
        config: step.config().clone(),
        filter,
        settings,
        stats: replaced.map_or_else(Default::default, |step| step.stats.renewed()),
        notifications: cache.notifications().clone(),
        events: cache.events().clone(),
    };
    Step::start(cache.engine(), parts, check.now())
        .map_err(|error| start_errors(step, name, &error))
}

fn step_settings(
    (cache, check): (&FilterCache, &Check<'_>),
    (config, stream): (&Config, &StreamConfig),
    step: PlacedStep<'_>,
    (id, filter): (u64, &Filter),
) -> Result<StepSettings, Vec<Diagnostic>> {
    let name = step.filter.as_str();
    let completed = filter.schema().complete(step.settings());
    let completed = completed.map_err(|why| vec![step.error_at_use(format!("`{name}`: {why}"))])?;
    Ok(StepSettings {
        stream: stream.name.as_str().into(),
        grants: grants(cache, step, filter),
        // At the highest level, so that lines of every level name their step.
        span: tracing::error_span!(
            parent: None,
            "step",
            stream = %stream.name,
            step = id,
            filter = %name
        ),
        config_json: completed.to_string(),
        folder: config.folder.clone(),
        assets: step.granted_assets(),
        assets_read: AssetsRead::default(),
        time_limit: step.time_limit,
        memory_limit: step.memory_limit,
        abandoned: check.abandoned().clone(),
    })
}

/// The only filter of `config`, checked like a chain's and started once, to be tested. Blocks
/// like [`build`].
///
/// # Errors
/// Those of [`build`].
pub fn trial(cache: &FilterCache, config: &Config) -> Result<Trial, Vec<Diagnostic>> {
    let clock = cache.engine().clock().clone();
    let check = Check::new(&*clock, Wanted::ByChange);
    let stream = &config.streams[0];
    let step = config.steps(stream)[0];
    let filter = check_step((cache, &check), (config, &stream.name), step)?;
    let id = cache.next_id();
    let settings = step_settings((cache, &check), (config, stream), step, (id, &filter))?;
    let trial = Trial {
        engine: cache.engine().clone(),
        filter,
        settings,
    };
    let started = trial.start();
    started.map_err(|error| start_errors(step, step.filter.as_str(), &error))?;
    Ok(trial)
}

/// An asset that could not be read is shown where it is named; all else where the filter's words
/// point.
fn start_errors(step: PlacedStep<'_>, name: &str, error: &StartError) -> Vec<Diagnostic> {
    if error.assets.is_empty() {
        let message = mask_foreign(&format!("{error}"));
        let wrong = step.error_from_filter(&error.to_string(), format!("`{name}`: {message}"));
        return vec![wrong.due_to(error.cause)];
    }
    let at = |failure: &crate::filter::AssetFailure| {
        let message = format!(
            "`{name}` can't read its file: {}",
            mask_foreign(&failure.error.to_string())
        );
        step.error_at_text(&failure.name, message)
            .due_to(error.cause)
    };
    error.assets.iter().map(at).collect()
}
