//! One running filter: its memory, its calls, and what happens when it oversteps.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use wasmtime::Store;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Func, Instance, InstancePre, Lift, Lower, TypedFunc,
};

use super::answer::Answer;
use super::assets::{AssetFailure, Assets, AssetsRead};
use super::context::{CallState, FrameContext, Grants, Published};
use super::contract::{Drawing, FrameInfo, Image, ImageRef};
use super::failure::{CallError, CallLimits, FailureCause, FilterFault};
use super::growth::Growth;
use super::kinds::{Function, inspect, overlay, transform};
use super::limits::{self, ReachedLimit};
use super::log::StepLog;
use super::wasi::HostState;
use super::{Engine, Filter};
use crate::config::Cause;
use crate::log::sanitize;
use crate::region::Region;

/// The time that a call which computes has to end once it is told that its own is over. One that
/// takes longer waits for something.
const GRACE: Duration = Duration::from_millis(30);

/// The settings that a step's filter is run with.
#[derive(Clone)]
pub struct StepSettings {
    /// The stream's name.
    pub stream: Arc<str>,
    /// The filter's rights.
    pub grants: Grants,
    /// The span of its log lines, which names stream, step and filter.
    pub span: tracing::Span,
    /// The settings, a JSON object that fits the filter's schema.
    pub config_json: String,
    /// The pipeline file's folder, and the files below it that the filter may read.
    pub folder: std::path::PathBuf,
    pub assets: Vec<String>,
    /// Those of them that it has read.
    pub assets_read: AssetsRead,
    /// The most that one call may take.
    pub time_limit: Duration,
    /// The most memory that the filter may have, what the server keeps of its answers included, in
    /// bytes.
    pub memory_limit: u64,
    /// Cancelled when nobody waits for it to be started any more.
    pub abandoned: CancellationToken,
}

impl StepSettings {
    /// Whether the files that the filter read are what they were then.
    pub fn assets_are_unchanged(&self) -> bool {
        self.assets_read.are_unchanged(&self.folder, &self.assets)
    }
}

/// The reason why a filter could not be started with its settings.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct StartError {
    /// The error of the call that failed.
    pub error: CallError,
    /// The assets that it asked for and did not get.
    pub assets: Vec<AssetFailure>,
    /// The cause: what must change before another try can succeed.
    pub cause: Cause,
}

impl StartError {
    /// The error, and the limit that the filter ran into, if any.
    pub fn new(error: impl Into<CallError>, reached_limit: Option<ReachedLimit>) -> Self {
        let cause = match reached_limit {
            Some(ReachedLimit::All(_)) => Cause::FiltersMemory,
            Some(ReachedLimit::Own(_)) | None => Cause::Files,
        };
        Self {
            error: error.into(),
            assets: Vec::new(),
            cause,
        }
    }

    fn with_assets(mut self, assets: Vec<AssetFailure>) -> Self {
        if assets.iter().any(|failure| failure.error.is_passing()) {
            self.cause = Cause::Machine;
        }
        self.assets = assets;
        self
    }
}

/// A filter with memory of its own, configured and ready for frames.
pub struct RunningFilter {
    guest: Guest,
    function: Function,
    time_limit: Duration,
    memory_limit: u64,
    growth: Growth,
}

impl RunningFilter {
    /// Instantiates `filter` and hands it its settings. Blocks for up to twice
    /// [`limits::START_TIME`]; must not be called from async code.
    ///
    /// # Errors
    /// The filter refuses the settings, fails, or takes too long.
    pub fn start(filter: &Filter, settings: &StepSettings) -> Result<Self, StartError> {
        let assets = Assets::new(&settings.folder, settings.assets.iter().cloned())
            .noting(settings.assets_read.clone())
            .with_fonts(filter.engine().fonts());
        let log = StepLog::new(settings.span.clone(), filter.engine().clock().clone());
        let time = filter.engine().call_time();
        let guest = filter
            .memory_limit(settings.memory_limit)
            .and_then(|memory| {
                let call = CallState::new(settings.stream.clone(), settings.grants.clone());
                let state = HostState::new(memory, assets, log, call, time);
                Guest::instantiate(filter.engine(), filter.pre(), state, &settings.abandoned)
            });
        let mut guest = guest?;
        let contract = filter.contract();
        let started = contract
            .configure(&mut guest, &settings.config_json)
            .and_then(|()| Ok(contract.function(&mut guest, filter.kind())?));
        match started {
            Ok(function) => Ok(Self {
                guest,
                function,
                time_limit: settings.time_limit,
                memory_limit: settings.memory_limit,
                growth: Growth::default(),
            }),
            Err(error) => {
                let state = guest.store.data();
                let error = StartError::new(error, state.memory.reached_limit());
                Err(error.with_assets(state.assets.take_failures()))
            }
        }
    }

    /// Asks an overlay for its drawing; `None` when it is the same as before.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn draw(
        &mut self,
        frame: &FrameInfo,
        context: &FrameContext,
    ) -> Result<Option<Drawing>, CallError> {
        let Function::Overlay(function) = &self.function else {
            return Err(FilterFault::NoOverlay.into());
        };
        self.guest.begin(context);
        let drawing = function.call(&mut self.guest, frame, self.time_limit)?;
        if let Some(drawing) = &drawing {
            let bytes = overlay::check(&drawing.layers, frame.width, frame.height)?;
            self.guest.retain(bytes)?;
        }
        Ok(drawing)
    }

    /// Hands a picture to a transform and takes the new one.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn apply(
        &mut self,
        (frame, image): (&FrameInfo, ImageRef<'_>),
        context: &FrameContext,
    ) -> Result<Image, CallError> {
        let Function::Transform(function) = &self.function else {
            return Err(FilterFault::NoTransform.into());
        };
        self.guest.begin(context);
        let image = function.call(&mut self.guest, frame, image, self.time_limit)?;
        transform::check(&image)?;
        self.guest.retain(image.rgb.len() as u64)?;
        Ok(image)
    }

    /// Has an inspecting filter look at the picture of `context`. Gives the regions that it found,
    /// within the picture.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn look(
        &mut self,
        frame: &FrameInfo,
        context: &FrameContext,
    ) -> Result<Vec<Region>, CallError> {
        let Function::Inspect(function) = &self.function else {
            return Err(FilterFault::NoInspect.into());
        };
        self.guest.begin(context);
        let regions = function.call(&mut self.guest, frame, self.time_limit)?;
        Ok(inspect::checked(regions, (frame.width, frame.height))?)
    }

    /// The bytes of memory that it has itself, without what the server keeps of its answers.
    pub fn memory(&self) -> u64 {
        self.guest.store.data().memory.own()
    }

    /// Ends the latest call, which went well. Gives what it told others.
    pub fn take_published(&mut self) -> Published {
        let state = self.guest.store.data_mut();
        self.growth.note(state.memory.used());
        state.call.end()
    }

    /// Whether its memory grows call by call and is nearly used up.
    pub fn fills_up(&self) -> bool {
        self.growth.fills_up(self.memory_limit)
    }
}

/// An instance and its store, before it is known what it is used for.
pub struct Guest {
    engine: Engine,
    store: Store<HostState>,
    instance: Instance,
    abandoned: CancellationToken,
}

impl Guest {
    /// Begins a call for a frame.
    fn begin(&mut self, context: &FrameContext) {
        self.store.data_mut().call.begin(context);
    }

    /// The frame at hand, if there is one.
    pub fn frame(&self) -> Option<&FrameContext> {
        self.store.data().call.frame()
    }

    pub(super) fn instantiate(
        engine: &Engine,
        pre: &InstancePre<HostState>,
        state: HostState,
        abandoned: &CancellationToken,
    ) -> Result<Self, StartError> {
        let mut store = Store::new(engine.raw(), state);
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(|store| Ok(store.data().time.update()));
        let allowed = allow(&mut store, Answer::Configured, limits::START_TIME);
        let instantiate = pre.instantiate_async(&mut store);
        let waiting = (engine.runtime(), abandoned);
        let ended = run(waiting, limits::START_TIME, instantiate);
        store.data_mut().time.end();
        let instance = allowed.result(ended, store.data_mut());
        let reached_limit = store.data().memory.reached_limit();
        Ok(Self {
            engine: engine.clone(),
            instance: instance.map_err(|fault| StartError::new(fault, reached_limit))?,
            store,
            abandoned: abandoned.clone(),
        })
    }

    /// The function `name` of `interface`.
    ///
    /// # Errors
    /// It exports none.
    pub fn function(&mut self, interface: &str, name: &str) -> Result<Func, FilterFault> {
        let store = &mut self.store;
        let find = |store: &mut Store<_>, parent: Option<&ComponentExportIndex>, name: &str| {
            self.instance.get_export_index(store, parent, name)
        };
        find(store, None, interface)
            .and_then(|interface| find(store, Some(&interface), name))
            .and_then(|index| self.instance.get_func(store, index))
            .ok_or_else(|| FilterFault::NoExport(interface.to_owned(), name.to_owned()))
    }

    /// `function`, checked to take `P` and give `R`.
    ///
    /// # Errors
    /// It takes or gives something else.
    pub fn typed<P, R>(&self, function: Func) -> Result<TypedFunc<P, R>, FilterFault>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let typed = function.typed(&self.store);
        typed.map_err(|error| FilterFault::Type(format!("{error:#}")))
    }

    /// Calls `function` for an answer that is `Ok`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn ask<P, T>(
        &mut self,
        function: &TypedFunc<P, (Result<T, String>,)>,
        params: P,
        answer: Answer,
        limit: Duration,
    ) -> Result<T, CallError>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        T: Lift + Send + Sync + 'static,
    {
        let (result,) = self.call(function, params, answer, limit)?;
        result.map_err(|message| CallError::Refused(sanitize(&message)))
    }

    /// Counts `bytes` that the server keeps of the latest answer.
    ///
    /// # Errors
    /// They are more than the filter may have.
    pub fn retain(&mut self, bytes: u64) -> Result<(), FilterFault> {
        let kept = self.store.data_mut().memory.retain(bytes);
        kept.map_err(|reached_limit| FailureCause::Kept(reached_limit).into())
    }

    /// Calls with a limit on compute time (by epochs) and on waiting inside WASI (by the clock).
    ///
    /// # Errors
    /// It fails, or runs into a limit.
    pub fn call<P, R>(
        &mut self,
        function: &TypedFunc<P, R>,
        params: P,
        answer: Answer,
        limit: Duration,
    ) -> Result<R, FilterFault>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let allowed = allow(&mut self.store, answer, limit);
        let call = function.call_async(&mut self.store, params);
        let ended = run((self.engine.runtime(), &self.abandoned), limit, call);
        self.store.data_mut().time.end();
        allowed.result(ended, self.store.data_mut())
    }
}

/// Sets what the next call may take and hand over; gives what explains its failure.
fn allow(store: &mut Store<HostState>, answer: Answer, time_limit: Duration) -> CallLimits {
    store.data().forget_words();
    let transfer = answer.most(store.data().memory.room());
    store.set_hostcall_fuel(usize::try_from(transfer).unwrap_or(usize::MAX));
    store.data_mut().time.begin(time_limit);
    CallLimits {
        answer,
        time_limit,
        transfer,
    }
}

/// `None` when `call` waits for longer than `limit`, or nobody waits for it. The epochs come first
/// when it computes.
fn run<F: Future>(
    (runtime, abandoned): (&Handle, &CancellationToken),
    limit: Duration,
    call: F,
) -> Option<F::Output> {
    let mut call = std::pin::pin!(call);
    let _context = runtime.enter();
    // Nearly no call waits for anything, and setting up the waiting costs as much as a short call.
    if let Some(result) = call.as_mut().now_or_never() {
        return Some(result);
    }
    let timed = async { tokio::time::timeout(limit + GRACE, call).await };
    runtime.block_on(abandoned.run_until_cancelled(timed))?.ok()
}

/// Shared by steps that use the same filter.
pub type SharedFilter = Arc<Filter>;
