//! Keeps a camera on though nobody watches, where the pipeline file says so.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::demand::{Demand, DemandGuard, ViewerKind};
use crate::clock::Clock;
use crate::config::RunMode;

/// The interval at which hours of the day are looked at.
const MINUTE: Duration = Duration::from_secs(60);

/// A stream's mode, which may change while it runs.
#[derive(Clone, Debug, Default)]
pub struct RunModeSetting(watch::Sender<RunMode>);

impl RunModeSetting {
    /// Sets another one.
    pub fn set(&self, mode: RunMode) {
        self.0
            .send_if_modified(|known| std::mem::replace(known, mode) != mode);
    }

    /// Wants the camera by `demand` whenever the mode says so, until it is dropped.
    pub async fn run(&self, demand: &Demand, clock: &dyn Clock, time_zone: &TimeZone) {
        let mut changes = self.0.subscribe();
        let mut guard: Option<DemandGuard> = None;
        loop {
            let mode = *changes.borrow_and_update();
            let now = Timestamp::try_from(clock.unix()).unwrap_or_default();
            let is_wanted = mode.holds(time_zone.to_datetime(now).time());
            match is_wanted {
                true if guard.is_none() => guard = Some(demand.watch(ViewerKind::Analysis)),
                true => {}
                false => guard = None,
            }
            let next = clock.sleep_until(clock.now() + MINUTE);
            tokio::select! {
                // `self` keeps the sender alive.
                _ = changes.changed() => {}
                () = next, if matches!(mode, RunMode::Hours(_)) => {}
            }
        }
    }
}
