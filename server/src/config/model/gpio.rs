//! `gpio:`: LEDs, contacts and sensors on a Raspberry Pi's pins.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::units;
use super::{StreamConfig, named, schemas};

/// All pins that are used.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "`gpio`")]
pub struct GpioConfig {
    /// The board that the pins are on.
    pub backend: GpioBackend,
    /// The folder of the simulated pins, relative to the pipeline file's.
    #[schemars(length(min = 1))]
    pub folder: String,
    /// Indicators: LEDs or lamps.
    #[schemars(extend("x-expected" = "a list such as `- { pin: 17, shows: running }`"))]
    pub outputs: Vec<OutputConfig>,
    /// Contacts and sensors, by their names: filters see the state of one as the variable
    /// `gpio.NAME`.
    #[serde(deserialize_with = "named")]
    #[schemars(schema_with = "schemas::inputs")]
    pub inputs: Vec<InputConfig>,
}

impl Default for GpioConfig {
    fn default() -> Self {
        Self {
            backend: GpioBackend::RaspberryPi,
            folder: "gpio".to_owned(),
            outputs: Vec::new(),
            inputs: Vec::new(),
        }
    }
}

impl GpioConfig {
    /// Fills in the stream of each indicator that names none where only one can be meant.
    pub fn name_streams(&mut self, streams: &[StreamConfig]) {
        let [only] = streams else { return };
        for output in &mut self.outputs {
            output.stream.get_or_insert_with(|| only.name.clone());
        }
    }
}

/// The board that the pins are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GpioBackend {
    /// Those of the Raspberry Pi that this runs on.
    RaspberryPi,
    /// Files in a folder.
    Simulated,
}

/// An indicator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "an output")]
pub struct OutputConfig {
    /// Its pin, by the processor's numbering (BCM).
    #[schemars(range(max = 27), extend("x-missing" = NO_PIN))]
    pub pin: u8,
    /// The state that it shows.
    #[schemars(extend(
        "x-missing" = "an output needs `shows`: `running`, `captures`, `viewers`, `streams`, \
            `analysis`, `failing` or `motion`"
    ))]
    pub shows: Shows,
    /// The stream that it is of; with a single stream that one.
    #[schemars(length(min = 1))]
    pub stream: Option<String>,
    /// The level at which it is lit.
    #[serde(default)]
    pub active: Level,
}

const NO_PIN: &str = "a `pin` is needed: its BCM number, 0 to 27";

/// The state that an indicator shows, as the file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// The server runs.
    Running,
    /// The stream's camera is open.
    Captures,
    /// The stream has viewers.
    Viewers,
    /// Other streams take the stream's frames.
    Streams,
    /// The stream's filters that inspect keep its camera on, by `run`.
    Analysis,
    /// The stream fails.
    Failing,
    /// Something moves before the stream's camera.
    Motion,
}

/// A pin's level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// High.
    #[default]
    High,
    /// Low.
    Low,
}

impl OutputConfig {
    /// Whether it is lit when the pin is low.
    pub fn active_low(&self) -> bool {
        self.active == Level::Low
    }
}

/// A contact or a sensor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "an input")]
pub struct InputConfig {
    /// Filters see its state as the variable `gpio.NAME`.
    #[schemars(skip)]
    pub name: String,
    /// Its pin, by the processor's numbering (BCM).
    #[schemars(range(max = 27), extend("x-missing" = NO_PIN))]
    pub pin: u8,
    /// The level that the pin is pulled to.
    #[serde(default)]
    pub pull: Pull,
    /// The time for which a level must last to count.
    #[serde(default = "debounce", with = "units::duration_text")]
    #[schemars(schema_with = "schemas::duration", extend("x-range" = ["0s", "10s"]))]
    pub debounce: Duration,
    /// The name of a high level.
    #[serde(default = "high")]
    #[schemars(length(min = 1, max = 64))]
    pub high: String,
    /// The name of a low level.
    #[serde(default = "low")]
    #[schemars(length(min = 1, max = 64))]
    pub low: String,
}

fn debounce() -> Duration {
    Duration::from_millis(20)
}

fn high() -> String {
    "high".to_owned()
}

fn low() -> String {
    "low".to_owned()
}

/// The level that an input is pulled to while nothing drives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pull {
    /// Nothing.
    #[default]
    Off,
    /// High.
    Up,
    /// Low.
    Down,
}
