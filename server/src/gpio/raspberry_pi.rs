//! The pins of a Raspberry Pi.

use std::sync::{Arc, Mutex};

use rppal::gpio::{Gpio, InputPin, Level, Trigger};

use super::{Board, Changed, GpioError, OutputPin, PinFault};
use crate::config::Pull;
use crate::panics::catch;
use crate::sync::IgnorePoison;

/// A Raspberry Pi.
pub struct RaspberryPi(Gpio);

impl RaspberryPi {
    /// The machine that this runs on.
    ///
    /// # Errors
    /// It is no Raspberry Pi, or its pins may not be used.
    pub fn new() -> Result<Self, GpioError> {
        Gpio::new().map(Self).map_err(GpioError::RaspberryPi)
    }
}

impl Board for RaspberryPi {
    fn output(&mut self, number: u8, is_high: bool) -> Result<Box<dyn OutputPin>, PinFault> {
        let pin = self.0.get(number)?;
        let pin = if is_high {
            pin.into_output_high()
        } else {
            pin.into_output_low()
        };
        Ok(Box::new(Output(pin)))
    }

    fn input(
        &mut self,
        number: u8,
        pull: Pull,
        changed: Changed,
    ) -> Result<Box<dyn Send>, PinFault> {
        let pin = self.0.get(number)?;
        let mut pin = match pull {
            Pull::Off => pin.into_input(),
            Pull::Up => pin.into_input_pullup(),
            Pull::Down => pin.into_input_pulldown(),
        };
        let changed = Arc::new(Mutex::new(changed));
        let callback = changed.clone();
        let tell = move |event: rppal::gpio::Event| {
            let is_high = event.trigger == Trigger::RisingEdge;
            // The library's thread would end with a panic, and see no other edge.
            if let Err(panicked) = catch(|| callback.lock().ignore_poison()(is_high)) {
                tracing::error!(pin = number, error = %panicked, "watching a pin panicked");
            }
        };
        // Debouncing is done for all boards in one place.
        pin.set_async_interrupt(Trigger::Both, None, tell)?;
        // An edge that comes meanwhile waits, and so is told last.
        let mut changed = changed.lock().ignore_poison();
        changed(pin.read() == Level::High);
        drop(changed);
        Ok(Box::new(Input(pin)))
    }
}

/// Watched for as long as it lives.
struct Input(#[expect(dead_code, reason = "dropping it ends the watching")] InputPin);

struct Output(rppal::gpio::OutputPin);

impl OutputPin for Output {
    fn set(&mut self, is_high: bool) -> Result<(), PinFault> {
        self.0.write(if is_high { Level::High } else { Level::Low });
        Ok(())
    }
}
