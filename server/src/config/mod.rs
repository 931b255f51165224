//! pipeline.yaml: its model, its checks, and its error messages.
//!
//! Read by all other parts; knows none of them. What only others know (which filters there are,
//! what their settings may be) they check with what this module offers: places in the file, and the
//! way to show an error there.

mod access_rules;
mod any_of;
mod check;
mod complete;
mod describe;
mod edit;
mod error;
mod formats;
mod help;
mod hidden;
mod limits;
mod load;
mod model;
mod move_lines;
mod parse;
mod parse_error;
mod place;
mod placed_step;
mod reference;
mod rules;
mod schema;
mod settings_schema;
mod shown;
mod snippet;
mod subschemas;
mod suggest;
mod texts;
mod units;
mod value_error;
mod written;
mod yaml;

#[cfg(test)]
mod tests;

pub use check::check_settings;
pub use edit::{TextError, edit};
pub use error::{Cause, ConfigError, Diagnostic, SourceFile, Span};
pub use help::{SettingHelp, settings_help};
pub use hidden::masked;
pub use model::{
    AccessRules, AcmeConfig, ActionConfig, AnonymousRole, AuthHeaders, CameraConfig, CameraDevice,
    CameraFormat, CertificateSource, ClientCertificates, ClientRules, Config, Cors, DriverConfig,
    Embedding, ExecConfig, FILTERS_MEMORY, FilesConfig, FilterRef, GpioBackend, GpioConfig,
    Hardware, HttpConfig, InputConfig, Level, ListenAddress, Login, MaskArea, MaskColor,
    MaskConfig, MqttConfig, OnError, OutputConfig, PiCameraConfig, Pull, Role, RtspConfig, RunMode,
    Secret, SecretError, Sees, SharedConfig, SharedFrames, Shows, Size, SourceConfig, StepConfig,
    StreamConfig, TlsConfig, TokenConfig, Transport, UserConfig, Via, WarmUp, When, find_clash,
    parse_listen, parse_spec,
};
pub use placed_step::PlacedStep;
pub use reference::reference;
pub use schema::pipeline_schema;
pub use settings_schema::{SchemaError, SettingsSchema};
pub use shown::{find_mask, shown, unmask};
pub use suggest::{hint, list, suggest};
pub use texts::check_user_name;
