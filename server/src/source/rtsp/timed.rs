//! Pictures with their times: from the camera's clock into ffmpeg, and out of it again.

use std::collections::BTreeMap;
use std::io;
use std::time::SystemTime;

use bytes::{Buf, Bytes, BytesMut};
use retina::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::source::FRAME_BYTES;

/// The first frame's time: those that are shown before it, though sent after it, have times, too.
const START: i64 = 10_000;
/// The most that frames are apart; a camera that jumps further has set its clock.
const JUMP: u64 = 5_000;
/// The distance of a frame behind a jump from the one before it.
const STEP: i64 = 40;
/// The most frames whose times are kept for what ffmpeg gives.
const FRAMES: usize = 512;
/// The most bytes of a line.
const LINE: usize = 4 << 10;

/// The times of frames in milliseconds, from RTP timestamps.
#[derive(Debug, Default)]
pub struct Timeline {
    offset: Option<i64>,
    last: i64,
}

impl Timeline {
    /// The time of the frame with `timestamp`; no frame has the same as the one before.
    pub fn place(&mut self, timestamp: Timestamp) -> u64 {
        let ticks = i128::from(timestamp.timestamp()) * 1000;
        let ticks = ticks / i128::from(timestamp.clock_rate().get());
        let milliseconds = i64::try_from(ticks).unwrap_or(i64::MAX);
        let offset = *self.offset.get_or_insert_with(|| {
            self.last = START - STEP;
            START.saturating_sub(milliseconds)
        });
        let mut at = milliseconds.saturating_add(offset);
        if at.abs_diff(self.last) > JUMP {
            at = self.last + STEP;
            self.offset = Some(at.saturating_sub(milliseconds));
        }
        if at == self.last {
            at += 1;
        }
        self.last = at.max(0);
        self.last.unsigned_abs()
    }
}

/// The time at which the frames were taken that ffmpeg is given, by their times.
#[derive(Debug, Default)]
pub struct Taken(BTreeMap<u64, SystemTime>);

impl Taken {
    /// Notes a frame.
    pub fn note(&mut self, time: u64, captured_at: SystemTime) {
        if self.0.len() >= FRAMES {
            self.0.pop_first();
        }
        self.0.insert(time, captured_at);
    }

    /// The time at which the frame of `time` was taken, if that is known. Those before it are
    /// forgotten: they won't come any more.
    pub fn take(&mut self, time: u64) -> Option<SystemTime> {
        let later = self.0.split_off(&time.saturating_add(1));
        let mut until = std::mem::replace(&mut self.0, later);
        until.remove(&time)
    }

    /// Whether no frame is waited for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads what ffmpeg writes: before each picture a line of its time and its number of bytes.
pub struct Pictures<R> {
    input: R,
    buffer: BytesMut,
    /// The time and the number of bytes of the picture that is coming.
    coming: Option<(u64, usize)>,
}

impl<R: AsyncRead + Unpin> Pictures<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: BytesMut::new(),
            coming: None,
        }
    }

    /// The next picture and its time; none at the end. Nothing is lost when this is dropped before
    /// it is ready.
    ///
    /// # Errors
    /// Those of reading; or there is something else than pictures.
    pub async fn next(&mut self) -> io::Result<Option<(u64, Bytes)>> {
        loop {
            if let Some(picture) = self.take()? {
                return Ok(Some(picture));
            }
            let missing = self.coming.map_or(0, |(_, length)| length);
            self.buffer.reserve(missing.max(LINE));
            if self.input.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<(u64, Bytes)>> {
        loop {
            if let Some((time, length)) = self.coming {
                if self.buffer.len() < length {
                    return Ok(None);
                }
                self.coming = None;
                return Ok(Some((time, self.buffer.split_to(length).freeze())));
            }
            let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') else {
                let is_line = self.buffer.len() <= LINE;
                return is_line.then_some(None).ok_or_else(unexpected);
            };
            let line = self.buffer.split_to(end);
            self.buffer.advance(1);
            if !line.starts_with(b"#") {
                self.coming = Some(parse(&line).ok_or_else(unexpected)?);
            }
        }
    }
}

/// The time and the number of bytes in a line of ffmpeg's format `framecrc`: stream, decoding time,
/// time, duration, bytes, sum.
fn parse(line: &[u8]) -> Option<(u64, usize)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split(',').map(str::trim);
    let time: i64 = fields.nth(2)?.parse().ok()?;
    let length = fields.nth(1)?.parse().ok()?;
    (length <= FRAME_BYTES).then_some((time.max(0).unsigned_abs(), length))
}

fn unexpected() -> io::Error {
    io::Error::other("ffmpeg's output is not understood")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    fn place(timeline: &mut Timeline, ticks: i64) -> u64 {
        let rate = NonZeroU32::new(90_000).unwrap();
        timeline.place(Timestamp::new(ticks, rate, 0).unwrap())
    }

    #[test]
    fn times_follow_the_camera_until_it_jumps() {
        let mut timeline = Timeline::default();
        let far = 1 << 40;
        // The second is shown before the first.
        let ticks = [far, far - 3600, far + 3600, far + 3600];
        let times = ticks.map(|ticks| place(&mut timeline, ticks));
        assert_eq!(times, [10_000, 9_960, 10_040, 10_041]);
        assert_eq!(place(&mut timeline, 0), 10_081);
        assert_eq!(place(&mut timeline, 3600), 10_121);
        assert_eq!(place(&mut timeline, i64::MAX / 2), 10_161);
    }

    #[test]
    fn frames_keep_when_they_were_taken() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut taken = Taken::default();
        for time in 1..=3 {
            taken.note(time, at(time));
        }
        assert_eq!(taken.take(2), Some(at(2)));
        assert_eq!(taken.take(1), None);
        assert_eq!(taken.take(3), Some(at(3)));
        assert!(taken.is_empty());
        (0..10_000).for_each(|time| taken.note(time, at(time)));
        assert_eq!(taken.0.len(), FRAMES);
    }

    #[tokio::test]
    async fn pictures_are_told_apart_by_their_lengths() {
        let output = b"#tb 0: 1/1000\n0, 5, 7, 1, 4, 0x1, S=1, 8\n\n0,\n0, 9, 9, 1, 2, 0x1\nab";
        let mut pictures = Pictures::new(&output[..]);
        let next = pictures.next().await.unwrap();
        assert_eq!(next, Some((7, Bytes::from_static(b"\n0,\n"))));
        let next = pictures.next().await.unwrap();
        assert_eq!(next, Some((9, Bytes::from_static(b"ab"))));
        assert_eq!(pictures.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn anything_else_is_an_error() {
        let long = vec![b'x'; 2 * LINE];
        let large = b"0, 1, 1, 1, 99999999999, 0x1\n".to_vec();
        for output in [long, large, b"a picture\n".to_vec()] {
            let mut pictures = Pictures::new(&output[..]);
            let error = pictures.next().await.unwrap_err();
            assert_eq!(error.to_string(), "ffmpeg's output is not understood");
        }
    }
}
