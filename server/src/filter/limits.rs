//! What a filter may use: memory, tables, and the size of what it hands over.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The largest `.wasm` file that is read, in bytes.
pub const MODULE_BYTES: u64 = 64 << 20;
/// The largest asset that is read, in bytes.
pub const ASSET_BYTES: u64 = 32 << 20;
/// The longest side of a picture or a layer, in pixels.
pub const SIDE: u32 = 16_384;
/// The largest picture that a filter may return, in pixels.
pub const PICTURE_PIXELS: u64 = 64 << 20;
/// The most layers that one drawing may have.
pub const LAYERS: usize = 256;
/// The bytes that may pass from a filter to the server in one call: the largest picture, and some.
pub const TRANSFER_BYTES: usize = 3 * PICTURE_PIXELS as usize + (1 << 20);
/// The longest settings schema, in bytes.
pub const SCHEMA_BYTES: usize = 256 << 10;
/// How long a filter may take to introduce itself and to take its settings. A runtime such as Python's
/// starts up in this time, so it is longer than a frame's limit.
pub const START_TIME: Duration = Duration::from_secs(10);
/// The memory that a filter gets to introduce itself in, in bytes.
pub const DESCRIBE_MEMORY: u64 = 256 << 20;

const TABLE_ELEMENTS: usize = 1 << 20;

/// Counts the memory of one filter, over all the memories of all its modules.
#[derive(Debug)]
pub struct MemoryLimit {
    limit: usize,
    used: usize,
    refused: bool,
}

impl MemoryLimit {
    /// At most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            used: 0,
            refused: false,
        }
    }

    /// Whether the filter asked for more than it may have. It may live on without it, but when it fails
    /// next, that is most likely why.
    pub fn was_hit(&self) -> bool {
        self.refused
    }

    /// The limit in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut limit = MemoryLimit::new(100);
        assert!(limit.memory_growing(0, 60, None).unwrap());
        assert!(!limit.memory_growing(0, 60, None).unwrap());
        assert!(limit.was_hit());
        assert!(limit.memory_growing(60, 100, None).unwrap());
    }
}
