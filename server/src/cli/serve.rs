//! `mattebox serve`: the server.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{DEFAULT_FILE, Failure, ServeArgs, memory, start_loader_with, start_runtime};
use crate::actions::Actions;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ListenAddress, TlsConfig, find_clash};
use crate::control::{self, Controller, Indicators, PipelineFile, TopologyDeps, Versions};
use crate::event_log::EventLog;
use crate::gpio::{Gpio, PrivacyLeds};
use crate::http::{self, App, Certificates, Listener, Protocol, StateFiles, local_host};
use crate::local_time;
use crate::mqtt::Mqtt;
use crate::supervise::keep_running;
use crate::variables::Variables;

/// The time for which cameras have to close once everybody has been told to stop.
const CLOSING: Duration = Duration::from_millis(1500);

pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    memory::limit();
    local_time::warn_of_unknown_zone();
    let (config, file) = load(args)?;
    let runtime = start_runtime()?;
    let addresses = addresses(args, &config);
    let events = EventLog::open(&args.state.folder(), file.path(), Arc::new(SystemClock));
    let deps = TopologyDeps {
        cache: start_loader_with(&runtime, &args.common, events.clone())?,
        listens_elsewhere: !args.listen.is_empty(),
        indicators: PrivacyLeds::default(),
        shutdown: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let versions = Versions::open(&args.state.folder(), file.path(), Arc::new(SystemClock));
    let files = StateFiles::open(&args.state.folder(), file.path());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let certificates = Certificates::open(&args.state.folder(), file.path(), clock);
    let kept = (file, versions, files, certificates);
    let result = runtime.block_on(serve(&config, deps, kept, &addresses));
    // Those that lasted have ended with their streams.
    events.write();
    // A driver that hangs in its device must not keep the process.
    runtime.shutdown_background();
    result
}

/// The addresses to serve on: those of the command line, else those of the file, where paths start
/// at its folder.
fn addresses(args: &ServeArgs, config: &Config) -> Vec<ListenAddress> {
    if !args.listen.is_empty() {
        return args.listen.clone();
    }
    let addresses = config.listen.iter();
    addresses.map(|it| it.below(&config.folder)).collect()
}

/// The pipeline, and the file that it was read from, or will be once it is there.
fn load(args: &ServeArgs) -> Result<(Config, PipelineFile), Failure> {
    let path = args.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let file = PipelineFile::new(path.to_owned(), args.source.clone());
    if args.config.is_none() && !path.exists() {
        tracing::info!(
            path = DEFAULT_FILE,
            "no pipeline file: serving the demo camera until there is one"
        );
        let config = Config::built_in(Path::new("."))?;
        return Ok((file.with_overrides(config), file));
    }
    Ok((file.load()?, file))
}

async fn serve(
    config: &Config,
    mut deps: TopologyDeps,
    (file, versions, files, certificates): (PipelineFile, Versions, StateFiles, Certificates),
    addresses: &[ListenAddress],
) -> Result<(), Failure> {
    // Asked for before anybody can know the address, so that no early signal kills the process.
    let mut signals = Signals::new().map_err(|error| Failure::Run(format!("signals: {error}")))?;
    let listeners = listen(addresses, config.tls.as_ref()).await?;
    let mut gpio = open_gpio(config, deps.cache.variables())?;
    if let Some(gpio) = &mut gpio {
        deps.indicators = gpio.privacy_leds();
    }
    let (shutdown, tasks) = (deps.shutdown.clone(), deps.tasks.clone());
    let controller = Controller::start(deps, config.clone(), (file, versions))?;
    let indicators = gpio.map(|gpio| start_indicators(gpio, &controller));
    let prepared = certificates.prepare(config);
    prepared.map_err(|error| Failure::Run(format!("`tls`: {error}")))?;
    announce(&listeners, config)?;
    warn_of_openness(&listeners, config);

    let background = start_background(&controller, &tasks, &shutdown);
    tasks.spawn(renew(
        certificates.clone(),
        controller.clone(),
        shutdown.clone(),
    ));
    let kept = (&files, certificates);
    let app = App::new(controller.clone(), background, kept, shutdown.clone());
    let mut server = tokio::spawn(http::serve(listeners, app, shutdown.clone()));
    let ended = until_stopped(&mut server, &mut signals, &controller).await;
    tracing::info!("stopping");
    shutdown.cancel();
    tasks.close();
    let serving = match ended {
        Some(Ok(())) => Err(Failure::Run("the server ended by itself".to_owned())),
        Some(Err(error)) => Err(error.into()),
        None => server.await.map_err(Into::into),
    };
    if tokio::time::timeout(CLOSING, tasks.wait()).await.is_err() {
        tracing::warn!("a camera did not close in time");
    }
    if let Some(indicators) = indicators {
        indicators.go_out().await;
    }
    serving
}

/// Starts what goes on beside the streams, until `shutdown`.
fn start_background(
    controller: &Controller,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> (Actions, Mqtt) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let end = || (clock.clone(), shutdown.clone());
    // Whoever watches the files reads them first, which readies the filters.
    let watching = control::watch(controller.clone(), clock.clone(), shutdown.clone());
    // Files on a network may take their time.
    tasks.spawn_blocking(move || Handle::current().block_on(watching));
    tasks.spawn(forget(controller.variables().clone(), end()));
    tasks.spawn(write(controller.events().clone(), shutdown.clone()));
    let mqtt = Mqtt::default();
    let actions = (clock.clone(), controller.events().clone(), mqtt.clone());
    let actions = Actions::new(actions, tasks.clone(), shutdown.clone());
    tasks.spawn(connect(mqtt.clone(), controller.clone(), end()));
    tasks.spawn(act(actions.clone(), controller.clone(), end()));
    (actions, mqtt)
}

/// Waits for the signal to stop, or for the `server`'s own end, which is no good sign.
async fn until_stopped(
    server: &mut JoinHandle<()>,
    signals: &mut Signals,
    controller: &Controller,
) -> Option<Result<(), JoinError>> {
    loop {
        tokio::select! {
            end = &mut *server => return Some(end),
            signal = signals.next() => match signal {
                Signal::Reload => {
                    tracing::info!("reloading the pipeline, as it was told to");
                    // Not waited for: whoever tells the server to stop next must be heard at once.
                    let controller = controller.clone();
                    tokio::spawn(async move { controller.reload().await });
                }
                Signal::Stop => return None,
            },
        }
    }
}

/// Listens on `addresses`, and on those that redirect to them, as `tls` says.
async fn listen(
    addresses: &[ListenAddress],
    tls: Option<&TlsConfig>,
) -> Result<Vec<Listener>, Failure> {
    let redirects = tls.map_or(&[][..], |tls| &tls.redirect_from);
    if let Some((_, why)) = find_clash(&[addresses, redirects].concat()) {
        return Err(Failure::Run(format!("can't listen: {why}")));
    }
    let protocol = tls.map_or(Protocol::Http, |_| Protocol::Https);
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(bind(address, protocol, "--listen").await?);
    }
    let bound = listeners.iter().find_map(Listener::bound);
    for address in redirects {
        let Some(to) = bound else {
            let why = "`redirect-from`: `listen` has no address with TLS to redirect to";
            return Err(Failure::Run(why.to_owned()));
        };
        let protocol = Protocol::Redirect(to.port());
        listeners.push(bind(address, protocol, "`redirect-from`").await?);
    }
    Ok(listeners)
}

async fn bind(
    address: &ListenAddress,
    protocol: Protocol,
    setting: &str,
) -> Result<Listener, Failure> {
    Listener::bind(address, protocol).await.map_err(|error| {
        Failure::Run(format!(
            "can't listen on {address}: {error}; choose another address with {setting}"
        ))
    })
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        Self::Run(format!("the server broke down: {error}"))
    }
}

/// The clock, and the end of the server.
type End = (Arc<dyn Clock>, CancellationToken);

/// Ends variables whose time has come, until `end`.
async fn forget(variables: Variables, (clock, end): End) {
    let forget = || variables.run(&*clock);
    let forgetting = keep_running("expiry of variables", &*clock, &end, forget);
    end.run_until_cancelled(forgetting).await;
}

/// Renews the certificates that the server makes, until `end`.
async fn renew(certificates: Certificates, controller: Controller, end: CancellationToken) {
    let renew = || certificates.run(&controller);
    let renewing = keep_running("renewal of certificates", &SystemClock, &end, renew);
    end.run_until_cancelled(renewing).await;
}

/// Does what the pipeline wants for events, until `end`.
async fn act(actions: Actions, controller: Controller, (clock, end): End) {
    let act = || actions.run(controller.changes());
    keep_running("actions", &*clock, &end, act).await;
}

/// Keeps the connection to the MQTT broker, until `end`.
async fn connect(mqtt: Mqtt, controller: Controller, (clock, end): End) {
    let connect = || mqtt.run(&controller, &end);
    keep_running("MQTT", &*clock, &end, connect).await;
}

/// Writes events to the log's folder, until `end`.
async fn write(events: EventLog, end: CancellationToken) {
    let writing = keep_running("writing of events", &SystemClock, &end, || events.run());
    end.run_until_cancelled(writing).await;
}

fn open_gpio(config: &Config, variables: &Variables) -> Result<Option<Gpio>, Failure> {
    let Some(pins) = &config.gpio else {
        return Ok(None);
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let gpio = Gpio::open(pins, &config.folder, variables, &clock).map_err(|why| {
        config.error(vec![config.error_at(
            "/gpio",
            &["backend"],
            why.to_string(),
        )])
    })?;
    Ok(Some(gpio))
}

/// Indicators that run, and inputs that are watched.
struct GpioTask<I> {
    indicators: JoinHandle<()>,
    end: CancellationToken,
    _inputs: I,
}

fn start_indicators(gpio: Gpio, controller: &Controller) -> GpioTask<impl Send + use<>> {
    let (indicators, inputs) = gpio.into_indicators();
    let end = CancellationToken::new();
    GpioTask {
        indicators: tokio::spawn(Indicators::new(indicators).run(
            (controller.changes(), controller.events().clone()),
            Arc::new(SystemClock),
            end.clone(),
        )),
        end,
        _inputs: inputs,
    }
}

impl<I> GpioTask<I> {
    /// Called when the cameras are closed, so that the indicators have shown it all.
    async fn go_out(self) {
        self.end.cancel();
        if let Err(error) = self.indicators.await {
            tracing::error!(%error, "the indicators broke down");
        }
    }
}

/// A line on standard output for each address: scripts read it from there.
fn announce(listeners: &[Listener], config: &Config) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let mut lines = listeners.iter();
    let result = lines.try_for_each(|it| writeln!(out, "Mattebox listens on {it}"));
    let result = result.and_then(|()| out.flush());
    if let Some(Listener::Tcp(_, bound, protocol)) = listeners.first() {
        let scheme = protocol.scheme();
        for stream in &config.streams {
            let host = local_host(*bound).unwrap_or_else(|| bound.to_string());
            let url = format!("{scheme}://{host}/{}.mjpeg", stream.name);
            tracing::info!(stream = stream.name, %url, "serving");
        }
    }
    // Nobody reading it is no reason not to serve.
    result.or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Failure::Run(format!("standard output: {error}"))),
    })
}

/// Tells that everybody who reaches the server may watch, if nobody has said so.
fn warn_of_openness(listeners: &[Listener], config: &Config) {
    let is_reached = listeners.iter().any(Listener::is_reached_from_elsewhere);
    if is_reached && config.access.is_open() {
        tracing::warn!(
            "everybody who reaches this server sees its streams and settings; say who may in the \
             pipeline file: `users:`, or `anonymous: viewer` if it is meant so \
             (docs/guide/security.md)"
        );
    }
}

/// A signal of the system.
enum Signal {
    Stop,
    Reload,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

#[cfg(not(unix))]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Signal {
        self.0.recv().await;
        Signal::Stop
    }
}
