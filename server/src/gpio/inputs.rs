//! Contacts and sensors: their levels, once they last, as variables.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Board, GpioError};
use crate::clock::Clock;
use crate::config::InputConfig;
use crate::supervise::keep_running;
use crate::variables::{Measured, Variables};

/// Inputs in use.
pub struct Inputs {
    _pins: Vec<Box<dyn Send>>,
    _tasks: JoinSet<()>,
}

impl Inputs {
    /// Takes the pins that `inputs` name and keeps `variables` at their state.
    ///
    /// # Errors
    /// A pin can't be had.
    pub fn open(
        board: &mut dyn Board,
        inputs: &[InputConfig],
        variables: &Variables,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, GpioError> {
        let mut pins = Vec::new();
        let mut tasks = JoinSet::new();
        for input in inputs {
            let (level, levels) = watch::channel(None);
            let changed = Box::new(move |is_high| {
                level.send_replace(Some(is_high));
            });
            let number = input.pin;
            let pin = board.input(number, input.pull, changed);
            pins.push(pin.map_err(|fault| GpioError::Pin(number, fault))?);
            tasks.spawn(watch_input(
                input.clone(),
                levels,
                variables.clone(),
                clock.clone(),
            ));
        }
        Ok(Self {
            _pins: pins,
            _tasks: tasks,
        })
    }
}

/// Keeps one of `variables` at the state of `input`, whose level is told by `levels`.
async fn watch_input(
    input: InputConfig,
    levels: watch::Receiver<Option<bool>>,
    variables: Variables,
    clock: Arc<dyn Clock>,
) {
    let publish = |is_high| {
        let value = if is_high { &input.high } else { &input.low };
        variables.measure(Measured::Gpio, &input.name, value);
        tracing::info!(input = input.name, value, "input changed");
    };
    let name = format!("input {}", input.name);
    let follow = || follow(levels.clone(), input.debounce, &*clock, publish);
    // Dropped with the inputs.
    keep_running(&name, &*clock, &CancellationToken::new(), follow).await;
}

/// Publishes the first level at once, and then each that has lasted for `debounce`.
async fn follow(
    mut levels: watch::Receiver<Option<bool>>,
    debounce: Duration,
    clock: &dyn Clock,
    publish: impl Fn(bool),
) {
    let mut published = None;
    loop {
        let level = *levels.borrow_and_update();
        if let Some(level) = level
            && published != Some(level)
        {
            let lasts = async {
                if published.is_some() {
                    clock.sleep_until(clock.now() + debounce).await;
                }
            };
            tokio::select! {
                biased;
                changed = levels.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                () = lasts => {
                    publish(level);
                    published = Some(level);
                }
            }
        }
        if levels.changed().await.is_err() {
            return;
        }
    }
}
