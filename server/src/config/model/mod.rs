//! The keys of a pipeline file: each is stated here once, with its type, default, range and
//! meaning.
//!
//! serde reads them, and schemars makes the JSON Schema of them that a file is checked against
//! before (`config/check.rs`), that editors and the API's description have, and of which the
//! reference is made. What the keywords of JSON Schema can't say stands in keywords of our own,
//! which are not published:
//!
//! - `x-check`: what else a text must be, by a name of `config/texts.rs`, with `x-range` for
//!   durations and sizes;
//! - `x-expected`: what is expected, in words;
//! - `x-missing`, `x-too-many`: the sentence about a key that is not there, and about an item that
//!   is one too many;
//! - `x-or`: what there is beside the alternatives that have a name.

mod access;
mod action;
mod clients;
mod gpio;
mod listen;
mod mqtt;
mod run;
mod schemas;
mod source;
mod stream;
mod tls;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::{ConfigError, Diagnostic, SourceFile};
use super::hidden::cut_by_comments;
use super::units;
use super::value_error::ValueError;

pub use access::{AccessRules, AnonymousRole, AuthHeaders, Role, TokenConfig, UserConfig};
pub use action::{ActionConfig, When};
pub use clients::{ClientRules, Cors, Embedding, read_network, read_origin};
pub use gpio::{GpioBackend, GpioConfig, InputConfig, Level, OutputConfig, Pull, Shows};
pub use listen::{ListenAddress, find_clash, parse_listen};
pub use mqtt::{MqttConfig, check_broker_url, check_topic};
pub use run::{RunMode, parse_run};
pub use source::{
    CameraConfig, CameraDevice, CameraFormat, DriverConfig, ExecConfig, FilesConfig, Hardware,
    HttpConfig, Login, MaskArea, MaskColor, MaskConfig, PiCameraConfig, RtspConfig, Secret,
    SecretError, SharedConfig, SharedFrames, Size, SourceConfig, Transport, Via, WarmUp,
    check_http_url, check_rtsp_url, check_url, check_webhook_url, parse_mask_area,
    parse_mask_color, parse_mask_condition, parse_size, parse_spec, parse_warm_up,
};
pub use stream::{FilterRef, OnError, Sees, StepConfig, StreamConfig};
pub use tls::{AcmeConfig, CertificateSource, ClientCertificates, TlsConfig, parse_days};

/// The shortest pipeline, for messages.
pub const LEAST: &str = "`streams:` and, indented below it, a name such as `demo:`";

/// The memory that all filters together may have unless the file says otherwise, in bytes.
pub const FILTERS_MEMORY: u64 = 2 << 30;

/// A whole pipeline file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "a pipeline file")]
pub struct Config {
    /// The addresses to serve on, one or a list of them: an IP address (or `localhost`) and a port,
    /// of which 0 is a free one; `:8080`, a port of all addresses; or `unix:/run/mattebox.sock`, a
    /// Unix domain socket.
    #[serde(
        default = "listen::default_listen",
        deserialize_with = "listen::read_listen"
    )]
    #[schemars(
        schema_with = "schemas::listen",
        extend("default" = ListenAddress::DEFAULT.to_string())
    )]
    pub listen: Vec<ListenAddress>,
    /// TLS on every IP address of `listen`: a certificate and its key, or `self-signed`. Without
    /// it, they speak plain HTTP.
    #[serde(default, deserialize_with = "tls::read_tls")]
    #[schemars(schema_with = "schemas::tls")]
    pub tls: Option<TlsConfig>,
    /// The token that allows changes of the pipeline over the network, by the environment variable,
    /// the file or the credential that it stands in. Without it, and without users who are admins,
    /// nobody may change anything.
    pub admin_token: Option<Secret>,
    /// Who may do what.
    #[serde(flatten)]
    pub access: AccessRules,
    /// Names under which the server is reached, beside addresses and names of the local network.
    #[serde(default, deserialize_with = "hosts")]
    #[schemars(schema_with = "schemas::hosts")]
    pub allowed_hosts: Vec<String>,
    /// The folder of uploaded filters, relative to this file. Without it uploads are refused.
    #[schemars(length(min = 1), extend("x-check" = "path-below"))]
    pub filter_folder: Option<String>,
    /// The most memory that all filters together may have.
    #[serde(default = "filters_memory", with = "units::bytes_text")]
    #[schemars(schema_with = "schemas::bytes", extend("x-range" = ["64MiB", "1TiB"]))]
    pub filters_memory: u64,
    /// The most that the files of uploaded filters may have together.
    #[serde(default = "filter_folder_limit", with = "units::bytes_text")]
    #[schemars(schema_with = "schemas::bytes", extend("x-range" = ["1MiB", "1TiB"]))]
    pub filter_folder_limit: u64,
    /// Clients: how many, through which proxies, from which pages.
    #[serde(flatten)]
    pub clients: ClientRules,
    /// The streams by their names: `front` is served at `/front.mjpeg`, one picture of it at
    /// `/front.jpg`.
    #[serde(deserialize_with = "named")]
    #[schemars(schema_with = "schemas::streams")]
    pub streams: Vec<StreamConfig>,
    /// What is done when events happen.
    #[serde(default)]
    #[schemars(length(max = 64), extend(
        "x-expected" = "a list of actions such as `- { event: motion, post: \"https://…\" }`",
        "x-too-many" = "a file may have 64 actions; this is one more",
    ))]
    pub on: Vec<ActionConfig>,
    /// The MQTT broker that events and states are published to.
    pub mqtt: Option<MqttConfig>,
    /// The pins that are used of a Raspberry Pi.
    pub gpio: Option<GpioConfig>,
    /// The file's folder: relative paths start here, and assets lie below it.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The file itself, for showing errors in it.
    #[serde(skip)]
    pub file: SourceFile,
}

fn filters_memory() -> u64 {
    FILTERS_MEMORY
}

fn filter_folder_limit() -> u64 {
    256 << 20
}

fn hosts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    read_each(from, |name| Ok(name.to_ascii_lowercase()))
}

/// Reads a list of texts.
fn read_each<'de, T, D: Deserializer<'de>>(
    from: D,
    read: fn(&str) -> Result<T, ValueError>,
) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read = texts.iter().map(|text| read(text).map_err(Error::custom));
    read.collect()
}

/// Reads a mapping from names, which become the field `name`.
fn named<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let read = |(name, mut value): (String, Value)| {
        value["name"] = name.into();
        serde_json::from_value(value).map_err(Error::custom)
    };
    let entries = Map::<String, Value>::deserialize(from)?;
    entries.into_iter().map(read).collect()
}

/// The built-in pipeline, for a server without a pipeline file.
const BUILT_IN: &str = "streams:\n  demo:\n    filters:\n      - use: timestamp\n";
/// The built-in pipeline's name in errors.
const BUILT_IN_NAME: &str = "(built-in)";

impl Config {
    /// The demo camera, for as long as there is no pipeline file in `folder`.
    ///
    /// # Errors
    /// None that is known of: it is right.
    pub fn built_in(folder: &Path) -> Result<Self, ConfigError> {
        Self::parse(BUILT_IN, BUILT_IN_NAME, folder)
    }

    /// Makes what several keys say together. Secrets are masked from now on.
    pub(super) fn settle(&mut self) {
        if let Some(token) = &self.admin_token {
            token.note();
        }
        self.access.secrets().for_each(|(_, secret)| secret.note());
        for stream in &mut self.streams {
            stream.source.settle();
        }
        self.on.iter_mut().for_each(ActionConfig::settle);
        self.mqtt.iter_mut().for_each(MqttConfig::settle);
        if let Some(gpio) = &mut self.gpio {
            gpio.name_streams(&self.streams);
        }
    }

    /// Whether it stands for a file that is not there.
    pub fn is_built_in(&self) -> bool {
        &*self.file.name == BUILT_IN_NAME
    }

    /// The stream whose source the command line sets.
    pub fn overridden(&self) -> Option<&StreamConfig> {
        self.streams.iter().find(|it| it.file_source.is_some())
    }

    /// The result of checks by others, which have found this `wrong` with the file.
    ///
    /// # Errors
    /// Something is wrong.
    pub fn verdict(&self, wrong: Vec<Diagnostic>) -> Result<(), ConfigError> {
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(self.error(wrong)),
        }
    }

    /// Errors that others found, shown as this file's.
    pub fn error(&self, diagnostics: Vec<Diagnostic>) -> ConfigError {
        ConfigError::new(self.file.clone(), diagnostics)
    }

    /// Secrets in the file that a comment may have cut off, each with its place.
    pub fn warnings(&self) -> Vec<String> {
        let warnings = cut_by_comments(&self.file.text).into_iter();
        let told = warnings.map(|Diagnostic { span, message, .. }| {
            format!(
                "{}:{}:{}: {message}",
                self.file.name, span.line, span.column
            )
        });
        told.collect()
    }

    /// The stream called `name`.
    pub fn stream(&self, name: &str) -> Option<&StreamConfig> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// All masks of the stream called `name`, with those of the streams whose frames it takes.
    pub fn masks_of(&self, name: &str) -> impl Iterator<Item = &MaskConfig> {
        // A circle of streams is refused; as many steps as there are streams are enough.
        let shared = |it: &&StreamConfig| self.stream(it.source.shared()?);
        let sources = std::iter::successors(self.stream(name), shared);
        sources
            .take(self.streams.len())
            .flat_map(|it| &it.source.masks)
    }
}
