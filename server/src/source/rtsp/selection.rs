//! The frames of a camera that are decoded, and those of them that are coded as pictures.

use std::time::{Duration, Instant};

use crate::source::RateLimit;

/// The fate of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is not decoded.
    Skip,
    /// It is decoded, since others need it, and nothing else.
    Decode,
    /// It becomes a picture.
    Code,
}

/// Chooses frames by the rate at which they are wanted.
pub struct Selection {
    /// Whether each frame can be decoded alone.
    stand_alone: bool,
    /// Whether key frames are enough at any rate.
    only_keys: bool,
    limit: RateLimit,
    /// The time of the last key frame.
    last_key: Option<Instant>,
    /// The time between the last two.
    key_interval: Option<Duration>,
    /// Whether a key frame came and no frame was skipped since.
    can_decode: bool,
}

impl Selection {
    /// `stand_alone` says whether each frame can be decoded alone, `only_keys` that key frames are
    /// enough at any rate.
    pub fn new(stand_alone: bool, only_keys: bool) -> Self {
        Self {
            stand_alone,
            only_keys,
            limit: RateLimit::new(f64::INFINITY),
            last_key: None,
            key_interval: None,
            can_decode: false,
        }
    }

    /// The fate of the frame that was taken `at` a time, where frames that are `interval` apart are
    /// enough.
    pub fn choose(&mut self, at: Instant, is_key: bool, interval: Duration) -> Choice {
        self.limit.set_interval(interval);
        if self.stand_alone {
            return match self.limit.admits(at) {
                true => Choice::Code,
                false => Choice::Skip,
            };
        }
        if is_key {
            let last = self.last_key.replace(at);
            let since = last.map(|last| at.saturating_duration_since(last));
            self.key_interval = since.or(self.key_interval);
            self.can_decode = true;
        }
        let keys_suffice = self.key_interval.is_some_and(|it| it <= interval);
        let only_keys = self.only_keys || keys_suffice;
        if !self.can_decode || only_keys && !is_key {
            self.can_decode = false;
            return Choice::Skip;
        }
        match (self.limit.admits(at), only_keys) {
            (true, _) => Choice::Code,
            (false, false) => Choice::Decode,
            (false, true) => {
                self.can_decode = false;
                Choice::Skip
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    /// The choices for frames that are 40 ms apart, with a key frame each second, in words: `c`,
    /// `d` and `-` for what is coded, decoded and skipped.
    fn choices(selection: &mut Selection, frames: std::ops::Range<u32>, interval: u64) -> String {
        // Moments can't be made, only counted from one.
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        let start = *START.get_or_init(|| SystemClock.now());
        let choose = |frame: u32| {
            let at = start + Duration::from_millis(40) * frame;
            let interval = Duration::from_millis(interval);
            match selection.choose(at, frame.is_multiple_of(25), interval) {
                Choice::Skip => '-',
                Choice::Decode => 'd',
                Choice::Code => 'c',
            }
        };
        frames.map(choose).collect()
    }

    #[test]
    fn frames_are_decoded_for_others_and_coded_where_they_are_wanted() {
        let mut video = Selection::new(false, false);
        // Nothing before the first key frame.
        assert_eq!(choices(&mut video, 22..28, 0), "---ccc");
        assert_eq!(choices(&mut video, 28..39, 200), "ddddcddddcd");
        assert_eq!(choices(&mut video, 39..44, 0), "ccccc");
    }

    #[test]
    fn key_frames_alone_are_decoded_where_they_come_often_enough() {
        let mut video = Selection::new(false, false);
        assert_eq!(choices(&mut video, 0..51, 0), "c".repeat(51));
        let few = choices(&mut video, 51..126, 2000);
        let at = |frame: usize| few.as_bytes()[frame - 51];
        assert_eq!((at(75), at(100), at(125)), (b'-', b'c', b'-'));
        assert_eq!(few.matches('-').count(), few.len() - 1, "{few}");
        // The next that can be decoded is a key frame.
        let all = choices(&mut video, 126..160, 0);
        assert_eq!(all, format!("{}{}", "-".repeat(24), "c".repeat(10)));
        let mut keys = Selection::new(false, true);
        assert_eq!(
            choices(&mut keys, 0..27, 500),
            format!("c{}c-", "-".repeat(24))
        );
    }

    #[test]
    fn frames_that_stand_alone_are_skipped() {
        let mut jpegs = Selection::new(true, false);
        assert_eq!(choices(&mut jpegs, 1..12, 200), "c----c----c");
    }
}
