//! pipeline.yaml: its model, its checks, and its error messages.
//!
//! Read by all other parts; knows none of them. What only others know (which filters there are, what
//! their settings may be) they check with what this module offers: places in the file, and the way to
//! show an error there.

mod any_of;
mod check;
mod describe;
mod edit;
mod error;
mod fields;
mod gpio;
mod help;
mod hidden;
mod limits;
mod listen;
mod load;
mod model;
mod move_lines;
mod parse;
mod parse_error;
mod read;
mod settings;
mod settings_schema;
mod snippet;
mod source;
mod suggest;
mod units;
mod web;
mod yaml;

#[cfg(test)]
mod tests;

pub use check::check_settings;
pub use edit::{Change, Part, edit};
pub use error::{Cause, ConfigError, Diagnostic, SourceFile, Span};
pub use gpio::{GpioBackend, GpioConfig, Indicator, InputConfig, OutputConfig, Pull};
pub use help::{SettingHelp, settings_help};
pub use hidden::masked;
pub use listen::{ListenAddress, ListenConfig, find_clash, parse_listen};
pub use model::{AdminToken, Config, FILTERS_MEMORY, FilterRef, OnError, StepConfig, StreamConfig};
pub use read::{STEP_KEYS, STREAM_KEYS};
pub use settings::shown;
pub use settings_schema::SettingsSchema;
pub use source::{
    CameraConfig, CameraDevice, CameraFormat, DriverConfig, ExecConfig, FilesConfig, HttpConfig,
    Login, PiCameraConfig, RtspConfig, Secret, SharedConfig, SharedFrames, Size, SourceConfig,
    WarmUp, parse_spec,
};
pub use suggest::{hint, list, suggest};
pub use web::{Cors, Embedding, WebConfig};
