//! A pin that drives an LED.

use super::{GpioError, OutputPin};
use crate::config::OutputConfig;

/// A pin that drives an LED.
pub struct LedPin {
    pin: Box<dyn OutputPin>,
    number: u8,
    active_low: bool,
}

impl LedPin {
    /// `pin`, as `output` names it; it is off.
    pub fn new(pin: Box<dyn OutputPin>, output: &OutputConfig) -> Self {
        Self {
            pin,
            number: output.pin,
            active_low: output.active_low(),
        }
    }

    /// Lights the LED, or puts it out.
    ///
    /// # Errors
    /// The board refuses it.
    pub fn set(&mut self, is_lit: bool) -> Result<(), GpioError> {
        let set = self.pin.set(is_lit != self.active_low);
        set.map_err(|fault| GpioError::Led(self.number, fault))
    }

    /// The number of its pin.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Lights an LED that only informs, or puts it out: what goes wrong is logged, and all goes on.
    pub fn show(&mut self, is_lit: bool) {
        if let Err(why) = self.set(is_lit) {
            tracing::warn!(error = %why, "an indicator fails");
        }
    }
}
