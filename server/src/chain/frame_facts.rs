//! The facts of a frame that filters are told or may ask for.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::filter::context::FrameContext;
use crate::filter::contract::FrameInfo;
use crate::frame::Frame;
use crate::region::FoundRegion;
use crate::variables::{Measured, Snapshot, Variables};

/// Gives frames' facts, and keeps what is the same for the next.
pub struct FrameFacts {
    time_zone: TimeZone,
    variables: Variables,
    /// Those of the last frame, and the same with the time zone.
    known: (Snapshot, Snapshot),
}

impl FrameFacts {
    /// `time_zone` is what filters are told as the local time, `variables` what they are told
    /// besides.
    pub fn new(time_zone: TimeZone, variables: Variables) -> Self {
        Self {
            time_zone,
            variables,
            known: Default::default(),
        }
    }

    /// The facts of `frame`, at its own size.
    pub fn of(&mut self, frame: &Frame, regions: Arc<[FoundRegion]>) -> (FrameInfo, FrameContext) {
        let (width, height) = frame.jpeg.size();
        let at = Timestamp::try_from(frame.captured_at).unwrap_or_default();
        let info = FrameInfo {
            sequence: frame.sequence,
            captured_at_ms: unix_ms(frame.captured_at),
            utc_offset_minutes: self.time_zone.to_offset(at).seconds() / 60,
            width,
            height,
        };
        let context = FrameContext {
            variables: self.variables_at(at),
            regions,
            frame: frame.clone(),
            size: (width, height),
        };
        (info, context)
    }

    /// The variables, and the abbreviation of the time zone at that moment.
    fn variables_at(&mut self, at: Timestamp) -> Snapshot {
        let info = self.time_zone.to_offset_info(at);
        let given = self.variables.snapshot();
        let is_known = Arc::ptr_eq(&given, &self.known.0);
        let zone = self.known.1.last().map(|(_, zone)| zone.as_str());
        if !is_known || zone != Some(info.abbreviation()) {
            let name = format!("{}zone", Measured::Time.prefix());
            let zone = (name, info.abbreviation().to_owned());
            let all = given.iter().cloned().chain([zone]).collect();
            self.known = (given, all);
        }
        self.known.1.clone()
    }
}

/// Milliseconds since 1970 UTC. A clock set before shows 1970.
pub fn unix_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
