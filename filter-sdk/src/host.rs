//! The services of the server: its log, and the assets that the pipeline file grants.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::mattebox::filter::host;

/// The level of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something does not work.
    Error,
}

/// Writes a line to the server's log, under the name of the stream and the filter; natively, to
/// standard error.
pub fn log(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    host::log(
        match level {
            Level::Debug => host::Level::Debug,
            Level::Info => host::Level::Info,
            Level::Warn => host::Level::Warn,
            Level::Error => host::Level::Error,
        },
        message,
    );
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?}: {message}");
}

/// Reads a file below the pipeline file's folder. Only files that the step names are granted: in
/// its `with` settings or its `assets` list. Beside them there are the fonts of the server's
/// system: `system-fonts/5927,95e8` is the one that has most of these characters (hexadecimal code
/// points, 64 at most; `system-fonts/emoji:1f3a5` prefers one in colours), as an OpenType file.
/// Natively, see [`testing::add_asset`](crate::testing::add_asset).
///
/// # Errors
/// A text that names the file and says why it can't be read.
pub fn read_asset(name: &str) -> Result<Vec<u8>, String> {
    #[cfg(target_family = "wasm")]
    return host::read_asset(name);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::asset(name)
}
