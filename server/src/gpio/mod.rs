//! Pins: indicators that show what the server does, and contacts and sensors whose state filters
//! may show.

mod error;
mod inputs;
mod led_pin;
mod privacy_led;
#[cfg(all(feature = "gpio", target_os = "linux"))]
mod raspberry_pi;
mod simulated;

use std::path::Path;
use std::sync::Arc;

pub use error::{GpioError, PinFault};
pub use led_pin::LedPin;
pub use privacy_led::PrivacyLeds;

use crate::clock::Clock;
use crate::config::{GpioBackend, GpioConfig, OutputConfig, Pull, Shows};
use crate::variables::Variables;
use inputs::Inputs;

/// Is told the level of an input: whether it is high.
pub type Changed = Box<dyn FnMut(bool) + Send>;

/// A board with pins.
pub trait Board: Send {
    /// Takes the pin `number` as an output that starts at the level `is_high`.
    ///
    /// # Errors
    /// It can't be had.
    fn output(&mut self, number: u8, is_high: bool) -> Result<Box<dyn OutputPin>, PinFault>;

    /// Takes the pin `number` as an input. `changed` is told the level at once, and then each
    /// change.
    ///
    /// # Errors
    /// It can't be had.
    fn input(
        &mut self,
        number: u8,
        pull: Pull,
        changed: Changed,
    ) -> Result<Box<dyn Send>, PinFault>;
}

/// A pin that drives something.
pub trait OutputPin: Send {
    /// Makes it high or low.
    ///
    /// # Errors
    /// The board refuses it.
    fn set(&mut self, is_high: bool) -> Result<(), PinFault>;
}

/// The pins that a pipeline file names, in use.
pub struct Gpio {
    indicators: Vec<(OutputConfig, LedPin)>,
    // What watches them ends with these.
    _inputs: Inputs,
}

impl Gpio {
    /// Takes all pins that `config` names; relative paths start at `folder`. Indicators are off at
    /// first. Must be called on a runtime.
    ///
    /// # Errors
    /// A pin can't be had.
    pub fn open(
        config: &GpioConfig,
        folder: &Path,
        variables: &Variables,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, GpioError> {
        let mut board = board(config, folder, clock)?;
        let mut indicators = Vec::new();
        for output in &config.outputs {
            indicators.push((output.clone(), led(&mut *board, output)?));
        }
        let inputs = Inputs::open(&mut *board, &config.inputs, variables, clock)?;
        Ok(Self {
            indicators,
            _inputs: inputs,
        })
    }

    /// Takes the LEDs that show which cameras are open.
    pub fn privacy_leds(&mut self) -> PrivacyLeds {
        let is_one = |(output, _): &mut (OutputConfig, _)| output.shows == Shows::Captures;
        PrivacyLeds::new(self.indicators.extract_if(.., is_one))
    }

    /// The other indicators, and what keeps the inputs watched.
    pub fn into_indicators(self) -> (Vec<(OutputConfig, LedPin)>, impl Send + use<>) {
        (self.indicators, self._inputs)
    }
}

/// Checks that `config`'s pins are there.
///
/// # Errors
/// They are not.
pub fn check(config: &GpioConfig) -> Result<(), GpioError> {
    match config.backend {
        GpioBackend::Simulated => Ok(()),
        GpioBackend::RaspberryPi => raspberry_pi().map(drop),
    }
}

fn board(
    config: &GpioConfig,
    folder: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Board>, GpioError> {
    match config.backend {
        GpioBackend::RaspberryPi => raspberry_pi(),
        GpioBackend::Simulated => {
            let folder = folder.join(&config.folder);
            let board = simulated::Simulated::new(folder, clock.clone())?;
            Ok(Box::new(board))
        }
    }
}

#[cfg(all(feature = "gpio", target_os = "linux"))]
fn raspberry_pi() -> Result<Box<dyn Board>, GpioError> {
    Ok(Box::new(raspberry_pi::RaspberryPi::new()?))
}

#[cfg(not(all(feature = "gpio", target_os = "linux")))]
fn raspberry_pi() -> Result<Box<dyn Board>, GpioError> {
    Err(GpioError::NotBuilt)
}

fn led(board: &mut dyn Board, output: &OutputConfig) -> Result<LedPin, GpioError> {
    let number = output.pin;
    let pin = board.output(number, output.active_low());
    let pin = pin.map_err(|fault| GpioError::Pin(number, fault))?;
    Ok(LedPin::new(pin, output))
}

#[cfg(test)]
mod tests;
