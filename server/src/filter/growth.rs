//! The watch over an instance's memory: whether it fills up call by call, so that another one
//! should take its place before that ends it.

/// The calls in which a filter may take what it keeps.
const FIRST_CALLS: u32 = 8;

/// The growth of an instance's memory.
#[derive(Debug, Default)]
pub struct Growth {
    calls: u32,
    bytes: u64,
    has_grown: bool,
}

impl Growth {
    /// Takes note of the `bytes` that the instance has after a call.
    pub fn note(&mut self, bytes: u64) {
        self.has_grown = bytes > self.bytes;
        self.bytes = self.bytes.max(bytes);
        self.calls = self.calls.saturating_add(1);
    }

    /// Whether the memory has grown in the latest call, though it was not one of the first, to more
    /// than three quarters of `limit` bytes.
    pub fn fills_up(&self, limit: u64) -> bool {
        self.calls > FIRST_CALLS && self.has_grown && self.bytes > limit / 4 * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fills_up(calls: impl IntoIterator<Item = u64>) -> bool {
        let mut growth = Growth::default();
        calls.into_iter().any(|bytes| {
            growth.note(bytes);
            growth.fills_up(100)
        })
    }

    #[test]
    fn only_what_goes_on_growing_fills_up() {
        assert!(fills_up((0..100).map(|call| call * 3)));
        // Much from the first call on, or little.
        assert!(!fills_up([90; 100]));
        assert!(!fills_up((0..100).map(|call| call.min(70))));
        assert!(!fills_up((0..8).map(|call| call * 14)));
    }
}
