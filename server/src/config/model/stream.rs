//! `streams`: each with its source and its chain.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::shown::shown;
use super::super::units;
use super::run::RunMode;
use super::schemas;
use super::source::{DriverConfig, SourceConfig, yes};

/// One stream.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "a stream")]
pub struct StreamConfig {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`, a letter or digit first.
    #[schemars(skip)]
    pub name: String,
    /// The name that people see.
    #[schemars(
        length(min = 1, max = 100),
        extend("x-check" = "title", "examples" = ["Einfahrt Süd"])
    )]
    pub title: Option<String>,
    /// The source of its frames: a camera, or another stream. Without it, the demo camera.
    pub source: SourceConfig,
    /// The source that the file names, where the command line sets another in its place.
    #[serde(skip)]
    pub file_source: Option<SourceConfig>,
    /// The time for which the camera stays on after the last viewer.
    #[serde(with = "units::duration_text")]
    #[schemars(schema_with = "schemas::duration", extend("x-range" = ["0s", "24h"]))]
    pub idle_timeout: Duration,
    /// When the camera is on though nobody watches, so that filters that inspect go on: `on-demand`
    /// for never, `always`, or hours of the day such as `20:00-06:30`.
    #[schemars(extend("default" = "on-demand"))]
    pub run: RunMode,
    /// The most that watch at once; more get 503. Without it, as many as there are connections.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_viewers: Option<usize>,
    /// JPEG quality of frames that must be coded again.
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
    /// Its chain, in order.
    #[schemars(length(max = 64), extend(
        "x-expected" = "a list of `- use: …`",
        "x-too-many" = "a chain may have 64 filters; this is one more",
    ))]
    pub filters: Vec<StepConfig>,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            title: None,
            source: SourceConfig::new(DriverConfig::Demo),
            file_source: None,
            idle_timeout: Duration::from_secs(10),
            run: RunMode::OnDemand,
            max_viewers: None,
            quality: 85,
            filters: Vec::new(),
        }
    }
}

impl StreamConfig {
    /// Takes `source` instead of the one that the file names. The file's masks stay: nobody has
    /// taken them off.
    pub fn override_source(&mut self, source: &SourceConfig) {
        let of_file = std::mem::replace(&mut self.source, source.clone());
        self.source.masks.clone_from(&of_file.masks);
        self.file_source.get_or_insert(of_file);
    }
}

/// One step of a chain.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "a filter")]
pub struct StepConfig {
    /// A built-in filter's name, or the path of a `.wasm` file.
    #[serde(rename = "use")]
    #[schemars(with = "String", length(min = 1), extend(
        "x-missing" = "a filter needs `use`: the name of a built-in filter, or the path of a \
            `.wasm` file",
        "examples" = ["timestamp", "./label.wasm"],
    ))]
    pub filter: FilterRef,
    /// Whether frames go through it.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The filter's settings: `mattebox filters` lists those of the built-in filters.
    #[serde(default)]
    #[schemars(
        with = "Map<String, Value>",
        extend("x-expected" = "the filter's settings as `name: value`")
    )]
    with: Settings,
    /// Files below this one's folder that the filter may read, beside those that `with` names.
    #[serde(default)]
    #[schemars(schema_with = "schemas::assets")]
    pub assets: Vec<String>,
    /// The fate of a frame when the filter fails.
    #[serde(default)]
    pub on_error: OnError,
    /// The interval at which an inspecting filter looks at the newest frame. Other filters have
    /// none.
    #[serde(default = "every", with = "units::duration_text")]
    #[schemars(schema_with = "schemas::duration", extend("x-range" = ["10ms", "1h"]))]
    pub every: Duration,
    /// The pictures that an overlay may see, if it may. Inspecting filters and transforms see all.
    #[serde(default)]
    pub sees: Option<Sees>,
    /// Whether the filter may set variables and tell of events. Inspecting filters always may.
    #[serde(default)]
    pub publish: bool,
    /// The most that one call may take.
    #[serde(default = "time_limit", with = "units::duration_text")]
    #[schemars(schema_with = "schemas::duration", extend("x-range" = ["10ms", "60s"]))]
    pub time_limit: Duration,
    /// The most memory that the filter may have, tables and what the server keeps of its answers
    /// included.
    #[serde(default = "memory_limit", with = "units::bytes_text")]
    #[schemars(schema_with = "schemas::bytes", extend("x-range" = ["1MiB", "4GiB"]))]
    pub memory_limit: u64,
}

fn every() -> Duration {
    Duration::from_millis(200)
}

fn time_limit() -> Duration {
    Duration::from_secs(1)
}

fn memory_limit() -> u64 {
    256 << 20
}

/// A filter, as `use` names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub enum FilterRef {
    /// One that the server brings.
    BuiltIn(String),
    /// A `.wasm` file, as written: relative to the pipeline file's folder.
    Path(String),
}

/// The fate of a frame when a step fails.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// It goes on without that step.
    #[default]
    Bypass,
    /// It is not served.
    Drop,
}

/// The pictures that an overlay may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sees {
    /// Pictures at an eighth of their size.
    Eighth,
    /// Pictures as they are.
    All,
}

impl From<String> for FilterRef {
    fn from(name: String) -> Self {
        let is_path = name.contains(['/', '\\']) || name.ends_with(".wasm");
        match is_path {
            true => Self::Path(name),
            false => Self::BuiltIn(name),
        }
    }
}

impl FilterRef {
    /// As written in the file.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BuiltIn(name) => name,
            Self::Path(path) => path,
        }
    }
}

impl StepConfig {
    /// The filter's settings, a JSON object.
    pub fn settings(&self) -> &Value {
        &self.with.0
    }

    /// The same with its secrets masked, for whoever reads it.
    pub fn shown_settings(&self) -> Value {
        shown(self.settings())
    }

    /// The files that the filter may read: every text and number in its settings is taken as a
    /// grant, and `assets`.
    pub fn granted_assets(&self) -> Vec<String> {
        let mut names = self.assets.clone();
        collect_texts(self.settings(), &mut names);
        names
    }
}

fn collect_texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Number(number) => into.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, into)),
        Value::Object(entries) => entries.values().for_each(|it| collect_texts(it, into)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// A filter's settings, a JSON object.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(from = "Map<String, Value>")]
struct Settings(Value);

impl From<Map<String, Value>> for Settings {
    fn from(settings: Map<String, Value>) -> Self {
        Self(settings.into())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Map::new().into()
    }
}

impl fmt::Debug for Settings {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown(&self.0))
    }
}
