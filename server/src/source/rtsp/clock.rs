//! The time at which a frame was taken, by the camera's own clock.
//!
//! A frame's RTP timestamp counts from nowhere; the sender reports of RTCP (RFC 3550, 6.4.1) say
//! which time of the calendar it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use retina::Timestamp;
use retina::rtcp::ReceivedCompoundPacket;

/// The most that a camera's clock may differ from ours: one that differs more was never set.
const SANE: Duration = Duration::from_secs(5 * 60);
/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX: u32 = 2_208_988_800;

/// A camera's clock.
#[derive(Debug, Default)]
pub struct CameraClock {
    /// The newest report: a time of the calendar, and the RTP timestamp of that moment.
    report: Option<(SystemTime, i64)>,
}

impl CameraClock {
    /// Notes what a report says, if it is a sender's.
    pub fn note(&mut self, packet: &ReceivedCompoundPacket) {
        let Some(timestamp) = packet.rtp_timestamp() else {
            return;
        };
        let first = packet.pkts().next();
        let sent = first.and_then(|first| {
            let report = first.as_sender_report().ok()??;
            Some(unix(report.ntp_timestamp().0))
        });
        self.report = sent.map(|sent| (sent, timestamp.timestamp()));
    }

    /// The time at which the frame with `timestamp` that arrived at `arrival` was taken: as the
    /// camera says where its clock is within five minutes of ours, else when it arrived.
    pub fn captured_at(&self, timestamp: Timestamp, arrival: SystemTime) -> SystemTime {
        let said = self
            .report
            .and_then(|(sent, at)| after(sent, timestamp.timestamp().checked_sub(at)?, timestamp));
        said.filter(|said| difference(*said, arrival) <= SANE)
            .unwrap_or(arrival)
    }
}

/// The time so many ticks of the timestamp's clock after `sent`.
fn after(sent: SystemTime, ticks: i64, timestamp: Timestamp) -> Option<SystemTime> {
    let seconds = ticks.unsigned_abs() as f64 / f64::from(timestamp.clock_rate().get());
    let seconds = Duration::try_from_secs_f64(seconds).ok()?;
    if ticks < 0 {
        sent.checked_sub(seconds)
    } else {
        sent.checked_add(seconds)
    }
}

fn difference(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|error| error.duration())
}

/// The time of an NTP timestamp (RFC 5905, 6), of which 1970 to 2106 can be told apart.
fn unix(ntp: u64) -> SystemTime {
    let seconds = ((ntp >> 32) as u32).wrapping_sub(NTP_TO_UNIX);
    let nanos = ((ntp & 0xffff_ffff) * 1_000_000_000) >> 32;
    UNIX_EPOCH + Duration::new(seconds.into(), nanos as u32)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn timestamp(ticks: i64) -> Timestamp {
        Timestamp::new(ticks, NonZeroU32::new(90_000).unwrap(), 0).unwrap()
    }

    /// A sender report (RFC 3550, 6.4.1) of `time` at `ticks`.
    fn report(time: SystemTime, ticks: u32) -> ReceivedCompoundPacket {
        let since = time.duration_since(UNIX_EPOCH).unwrap();
        let seconds = (since.as_secs() as u32).wrapping_add(NTP_TO_UNIX);
        let fraction = ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000) as u32;
        let words = [0x80c8_0006, 1, seconds, fraction, ticks, 0, 0];
        let raw: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        ReceivedCompoundPacket::dummy(Some(timestamp(ticks.into())), &raw)
    }

    #[test]
    fn frames_before_and_after_a_report_have_the_cameras_time() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mut clock = CameraClock::default();
        assert_eq!(clock.captured_at(timestamp(90_000), now), now);
        let camera = now - Duration::from_secs(7);
        clock.note(&report(camera, 90_000));
        let close = |at: SystemTime, expected: SystemTime| {
            assert!(
                difference(at, expected) < Duration::from_micros(10),
                "{at:?}"
            );
        };
        let second = Duration::from_secs(1);
        close(clock.captured_at(timestamp(180_000), now), camera + second);
        close(clock.captured_at(timestamp(0), now), camera - second);
    }

    #[test]
    fn a_clock_that_was_never_set_is_not_believed() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let far = Duration::from_secs(301);
        for time in [UNIX_EPOCH, now - far, now + far] {
            let mut clock = CameraClock::default();
            clock.note(&report(time, 90_000));
            assert_eq!(clock.captured_at(timestamp(90_000), now), now, "{time:?}");
        }
        // Beyond what can be told, without a panic.
        let mut clock = CameraClock::default();
        clock.note(&report(now, 0));
        assert_eq!(clock.captured_at(timestamp(i64::MAX / 2), now), now);
    }
}
