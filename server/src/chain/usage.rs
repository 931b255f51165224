//! Tells when memory that one large frame took is to be given back.

/// The frames after which what they needed is compared with what is held: a few seconds.
const FRAMES: u32 = 100;
/// Less than this is held without counting, in bytes.
const SMALL: u64 = 1 << 20;

/// Memory of one kind: the most that recent frames needed, and what is held from earlier ones.
#[derive(Debug, Default)]
pub struct Usage {
    held: u64,
    /// The most that a frame needed since the last comparison.
    recent: u64,
    frames: u32,
}

impl Usage {
    /// Counts a frame that needed `bytes`. Once the latest frames have needed less than half of
    /// what is held, gives what they needed; all beyond that is to be given back.
    pub fn note(&mut self, bytes: u64) -> Option<u64> {
        self.held = self.held.max(bytes);
        self.recent = self.recent.max(bytes);
        self.frames += 1;
        if self.frames < FRAMES {
            return None;
        }
        self.frames = 0;
        let recent = std::mem::take(&mut self.recent);
        (self.held > SMALL && recent < self.held / 2).then(|| {
            self.held = recent;
            recent
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_one_frame_took_is_given_back_once_others_have_needed_less() {
        let mut usage = Usage::default();
        let mut note = |bytes: u64, frames: u32| -> Vec<u64> {
            (0..frames).filter_map(|_| usage.note(bytes)).collect()
        };
        assert!(note(64 * MIB, 1).is_empty());
        // The huge frame still counts in the first round.
        assert!(note(6 * MIB, 2 * FRAMES - 2).is_empty());
        assert_eq!(note(6 * MIB, 1), [6 * MIB]);
        assert!(note(6 * MIB, 1000).is_empty());
        // Half of it is no waste.
        assert!(note(3 * MIB, 1000).is_empty());
        assert_eq!(note(0, FRAMES), [0]);
        assert!(note(0, 1000).is_empty());
    }

    #[test]
    fn little_memory_is_kept() {
        let mut usage = Usage::default();
        assert_eq!(usage.note(MIB), None);
        assert!((0..1000).all(|_| usage.note(0).is_none()));
    }
}
