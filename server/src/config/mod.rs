//! pipeline.yaml: its model, its checks, and its error messages.
//!
//! Read by all other parts; knows none of them. What only others know (which filters there are, what
//! their settings may be) they check with what this module offers: places in the file, and the way to
//! show an error there.

mod error;
mod fields;
mod model;
mod read;
mod settings;
mod suggest;
mod units;
mod yaml;

#[cfg(test)]
mod tests;

pub use error::{ConfigError, Diagnostic, SourceFile, Span};
pub use model::{FilterRef, OnError, Pipeline, SourceConfig, StepConfig, StreamConfig};
pub use read::parse_listen;
pub use settings::{SettingHelp, check_settings, settings_help};
pub use suggest::{hint, list, suggest};
