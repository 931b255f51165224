//! What a pipeline file says, checked and with its defaults filled in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::error::{ConfigError, Diagnostic, SourceFile, Span};
use super::gpio::GpioConfig;
use super::hidden::cut_by_comments;
use super::listen::ListenConfig;
use super::settings::{Settings, shown};
use super::source::{Secret, SourceConfig};
use super::web::WebConfig;

/// The memory that all filters together may have unless the file says otherwise, in bytes.
pub const FILTERS_MEMORY: u64 = 2 << 30;

/// A whole pipeline file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The addresses to serve on, at least one. Default 127.0.0.1:8080.
    pub listen: Vec<ListenConfig>,
    /// At least one, in the file's order.
    pub streams: Vec<StreamConfig>,
    /// Who may change the pipeline over the network. Default: nobody.
    pub admin_token: Option<AdminToken>,
    /// Names under which the server is reached, beside addresses and names of the local network.
    pub allowed_hosts: Vec<String>,
    /// Where uploaded filters are kept, relative to the folder. Default: uploads are refused.
    pub filter_folder: Option<String>,
    /// The most memory that all filters together may have, in bytes: 64 MiB to 1 TiB. Default 2 GiB.
    pub filters_memory: u64,
    /// The most bytes that its files may have together, 1 MiB to 1 TiB. Default 256 MiB.
    pub filter_folder_limit: u64,
    /// Clients: how many, through which proxies, from which pages.
    pub web: WebConfig,
    /// The pins that it uses. Default: none.
    pub gpio: Option<GpioConfig>,
    /// The file's folder: relative paths start here, and assets lie below it.
    pub folder: PathBuf,
    /// The file itself, for showing errors in it.
    pub file: SourceFile,
}

/// What proves that somebody may change the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminToken {
    /// Where it stands: in the environment, or in a file.
    pub secret: Secret,
    /// Where that is written.
    pub span: Span,
}

/// One stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfig {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`, a letter or digit first.
    pub name: String,
    /// The title that people see: 1 to 100 characters. Default: its name.
    pub title: Option<String>,
    /// Where its frames come from. Default: the demo camera.
    pub source: SourceConfig,
    /// How long the camera stays on after the last viewer: 0 to 24 h. Default 10 s.
    pub idle_timeout: Duration,
    /// The most that watch at once, 1 to 10,000. Default: as many as there are connections.
    pub max_viewers: Option<usize>,
    /// JPEG quality of recoded frames, 1 to 100. Default 85.
    pub quality: u8,
    /// Its chain, in order. Default: none.
    pub filters: Vec<StepConfig>,
}

/// One step of a chain.
#[derive(Clone, PartialEq)]
pub struct StepConfig {
    /// The filter.
    pub filter: FilterRef,
    /// Whether frames go through it. Default: they do.
    pub enabled: bool,
    /// Files below the folder that the filter may read, beside those that `with` names.
    pub assets: Vec<String>,
    /// What becomes of a frame when the filter fails. Default: bypass.
    pub on_error: OnError,
    /// The most that one call may take: 10 ms to 60 s. Default 1 s.
    pub time_limit: Duration,
    /// The most memory that the filter may have, tables and what the server keeps of its answers included, in bytes:
    /// 1 MiB to 4 GiB. Default 256 MiB.
    pub memory_limit: u64,
    pub(super) use_span: Span,
    pub(super) written: Value,
    pub(super) with: Settings,
}

/// A filter, as `use` names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FilterRef {
    /// One that the server brings.
    BuiltIn(String),
    /// A `.wasm` file, as written: relative to the pipeline file's folder.
    Path(String),
}

/// What becomes of a frame when a step fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// It goes on without that step.
    #[default]
    Bypass,
    /// It is not served.
    Drop,
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

    /// Whether it stands for a file that is not there.
    pub fn is_built_in(&self) -> bool {
        &*self.file.name == BUILT_IN_NAME
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

impl fmt::Debug for StepConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown(&self.written))
    }
}

impl StepConfig {
    /// All that the file says of the step, a JSON object.
    pub fn written(&self) -> &Value {
        &self.written
    }

    /// The filter's settings, a JSON object.
    pub fn settings(&self) -> &Value {
        self.with.json()
    }

    /// The same with its secrets masked, for whoever reads it.
    pub fn shown_settings(&self) -> Value {
        shown(self.settings())
    }

    /// The files that the filter may read: every text in its settings is taken as a grant, and `assets`.
    pub fn granted_assets(&self) -> Vec<String> {
        let mut names = self.assets.clone();
        names.extend(self.with.texts().map(|(text, _)| text.to_owned()));
        names
    }

    /// An error at the filter's name.
    pub fn error_at_use(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.use_span, message)
    }

    /// An error at the text `text` in the settings, or about them as a whole if it isn't there.
    pub fn error_at_text(&self, text: &str, message: impl Into<String>) -> Diagnostic {
        match self.with.texts().find(|(found, _)| *found == text) {
            Some((_, span)) => Diagnostic::new(span, message),
            None => self.error_at_settings(message),
        }
    }

    /// An error about the settings as a whole: at `with`, or at the filter's name if there are none.
    pub fn error_at_settings(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.with.key_span().unwrap_or(self.use_span), message)
    }

    /// An error that the filter worded itself: at the setting that `words` name in backticks, if any.
    pub fn error_from_filter(&self, words: &str, message: impl Into<String>) -> Diagnostic {
        let mut entries = self.with.entries().iter();
        let named = entries.find(|(key, _)| {
            let key = key.text().unwrap_or_default();
            words.contains(&format!("`{key}`"))
        });
        match named {
            Some((_, value)) => Diagnostic::new(value.span, message),
            None => self.error_at_settings(message),
        }
    }
}
