//! `mattebox serve`: the server.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{BUILT_IN_FILE, DEFAULT_FILE, Failure, ServeArgs, build_all, start_engine};
use crate::chain::Chain;
use crate::clock::{Clock, SystemClock};
use crate::config::{Diagnostic, DriverConfig, Pipeline, StreamConfig};
use crate::gpio::Gpio;
use crate::source::{self, Source};
use crate::stream::{CaptureRules, Equipment, Rules, Shared, Stream};
use crate::variables::Variables;
use crate::web::{self, App};

/// How long cameras have to close once everybody has been told to stop.
const CLOSING: Duration = Duration::from_millis(1500);

pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let mut pipeline = load(args.config.as_deref())?;
    if let (Some(source), Some(first)) = (&args.source, pipeline.streams.first_mut()) {
        tracing::info!(stream = first.name, "takes the source of the command line");
        first.source = source.clone();
    }
    let (runtime, engine) = start_engine(&args.common)?;
    let variables = Variables::default();
    let chains = build_all(&pipeline, engine, &variables)?;
    let address = args.listen.unwrap_or(pipeline.listen);
    let result = runtime.block_on(serve(pipeline, chains, address, &variables));
    // A driver that hangs in its device must not keep the process.
    runtime.shutdown_background();
    result
}

fn load(config: Option<&Path>) -> Result<Pipeline, Failure> {
    let default = Path::new(DEFAULT_FILE);
    if config.is_none() && !default.exists() {
        tracing::info!("there is no {DEFAULT_FILE} here: serving the demo camera");
        return Ok(Pipeline::parse(BUILT_IN_FILE, "built-in", Path::new("."))?);
    }
    Ok(Pipeline::load(config.unwrap_or(default))?)
}

async fn serve(
    pipeline: Pipeline,
    chains: Vec<Chain>,
    address: SocketAddr,
    variables: &Variables,
) -> Result<(), Failure> {
    // Asked for before anybody can know the address, so that no early signal kills the process.
    let signal = stop_signal().map_err(|error| Failure::Run(format!("signals: {error}")))?;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::Run(format!(
            "can't listen on {address}: {error}; choose another address with --listen"
        ))
    })?;
    let bound = listener
        .local_addr()
        .map_err(|error| Failure::Run(error.to_string()))?;
    let shutdown = CancellationToken::new();
    let tasks = TaskTracker::new();
    let mut gpio = open_gpio(&pipeline, variables)?;
    let streams = start_streams(&pipeline, chains, &mut gpio, &shutdown, &tasks);
    let lamps = gpio.map(|gpio| light_lamps(gpio, &streams));
    announce(bound, &pipeline)?;

    let router = web::router(App::new(streams, shutdown.clone()));
    let server = tokio::spawn(web::serve(listener, router, shutdown.clone()));
    signal.await;
    tracing::info!("stopping");
    shutdown.cancel();
    tasks.close();
    server
        .await
        .map_err(|error| Failure::Run(format!("the server broke down: {error}")))?;
    if tokio::time::timeout(CLOSING, tasks.wait()).await.is_err() {
        tracing::warn!("a camera did not close in time");
    }
    if let Some(lamps) = lamps {
        lamps.go_out().await;
    }
    Ok(())
}

fn open_gpio(pipeline: &Pipeline, variables: &Variables) -> Result<Option<Gpio>, Failure> {
    let Some(config) = &pipeline.gpio else {
        return Ok(None);
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let gpio = Gpio::open(config, &pipeline.folder, variables, &clock)
        .map_err(|why| pipeline.error(vec![Diagnostic::new(config.span, why)]))?;
    Ok(Some(gpio))
}

/// Lamps that show what goes on, and inputs that are watched.
struct Lit<I> {
    lamps: JoinHandle<()>,
    end: CancellationToken,
    _inputs: I,
}

fn light_lamps(gpio: Gpio, streams: &[Arc<Stream>]) -> Lit<impl Send + use<>> {
    let (lamps, inputs) = gpio.into_lamps();
    let end = CancellationToken::new();
    Lit {
        lamps: tokio::spawn(lamps.run(streams.to_vec(), end.clone())),
        end,
        _inputs: inputs,
    }
}

impl<I> Lit<I> {
    /// Called when the cameras are closed, so that the lamps have shown it all.
    async fn go_out(self) {
        self.end.cancel();
        if let Err(error) = self.lamps.await {
            tracing::error!("the lamps broke down: {error}");
        }
    }
}

fn start_streams(
    pipeline: &Pipeline,
    chains: Vec<Chain>,
    gpio: &mut Option<Gpio>,
    shutdown: &CancellationToken,
    tasks: &TaskTracker,
) -> Vec<Arc<Stream>> {
    let mut chains: HashMap<_, _> = names(pipeline).zip(chains).collect();
    let mut started: HashMap<&str, Arc<Stream>> = HashMap::new();
    // A stream that shares another's camera starts behind that one; the file's checks leave no circles.
    while started.len() < pipeline.streams.len() {
        for config in &pipeline.streams {
            let shared = config.source.shared().map(|name| started.get(name));
            let source = match (&config.source.driver, shared) {
                (_, Some(None)) => continue,
                (DriverConfig::Stream(shared), Some(Some(stream))) => {
                    Some(Box::new(Shared::new((*stream).clone(), shared.frames)) as Box<dyn Source>)
                }
                _ => source::from_config(&config.source, &pipeline.folder, &config.name),
            };
            if let (Some(source), Some(chain)) = (source, chains.remove(config.name.as_str())) {
                let source = match gpio {
                    Some(gpio) => gpio.with_privacy_lamps(&config.name, source),
                    None => source,
                };
                let equipment = Equipment { source, chain };
                let stream = start_stream(config, equipment, shutdown, tasks);
                started.insert(&config.name, stream);
            }
        }
    }
    names(pipeline)
        .filter_map(|name| started.remove(name))
        .collect()
}

fn names(pipeline: &Pipeline) -> impl Iterator<Item = &str> {
    pipeline.streams.iter().map(|stream| stream.name.as_str())
}

fn start_stream(
    config: &StreamConfig,
    equipment: Equipment,
    shutdown: &CancellationToken,
    tasks: &TaskTracker,
) -> Arc<Stream> {
    let rules = Rules {
        idle_timeout: config.idle_timeout,
        capture: CaptureRules {
            fps: config.source.fps,
            stall_timeout: config.source.stall_timeout,
        },
    };
    let (stream, life) = Stream::new(
        config.name.clone(),
        equipment,
        rules,
        Arc::new(SystemClock),
        shutdown.clone(),
    );
    tasks.spawn(life);
    stream
}

/// The one line on standard output: scripts read the address from it.
fn announce(bound: SocketAddr, pipeline: &Pipeline) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let result = writeln!(out, "Mattebox listens on http://{bound}/").and_then(|()| out.flush());
    for stream in &pipeline.streams {
        tracing::info!("serving http://{bound}/{}.mjpeg", stream.name);
    }
    // Nobody reading it is no reason not to serve.
    result.or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Failure::Run(format!("standard output: {error}"))),
    })
}

#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
