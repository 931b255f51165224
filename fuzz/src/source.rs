//! The parts of `source` that `source/mjpeg_reader.rs` uses.

#[path = "../../server/src/source/mjpeg_reader.rs"]
pub mod mjpeg_reader;

/// The largest JPEG, in bytes: less than in the server, so that a fuzzer reaches it.
pub const FRAME_BYTES: usize = 64 << 10;

/// Why a camera gives nothing.
#[derive(Debug)]
pub struct SourceError(pub String);
