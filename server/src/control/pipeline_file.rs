//! The pipeline file: where it is, and what the command line sets instead of it.

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError, SourceConfig};

/// The file that the pipeline is read from. It may not be there yet if the server started without
/// one.
pub struct PipelineFile {
    path: PathBuf,
    /// The first stream's source by `--source`.
    source: Option<SourceConfig>,
}

impl PipelineFile {
    /// The file at `path`, of which the first stream takes `source` if there is one.
    pub fn new(path: PathBuf, source: Option<SourceConfig>) -> Self {
        Self { path, source }
    }

    /// Its path, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its path without links.
    pub fn real_path(&self) -> PathBuf {
        let real = self.path.canonicalize();
        real.unwrap_or_else(|_| self.path.clone())
    }

    /// The text on the disk.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read_text(&self) -> Result<String, ConfigError> {
        Config::read_text(&self.path)
    }

    /// The configuration on the disk.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(&self) -> Result<Config, ConfigError> {
        self.parse(&self.read_text()?)
    }

    /// The configuration that `text` makes in this file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(&self, text: &str) -> Result<Config, ConfigError> {
        let name = self.path.display().to_string();
        let config = Config::parse(text, &name, Config::folder_of(&self.path))?;
        Ok(self.with_overrides(config))
    }

    /// `config` with what the command line sets instead.
    pub fn with_overrides(&self, mut config: Config) -> Config {
        if let (Some(source), Some(first)) = (&self.source, config.streams.first_mut()) {
            first.override_source(source);
        }
        config
    }
}
