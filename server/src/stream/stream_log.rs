//! The log of a stream's failures: when they start, summed up once a minute, and when they end.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use super::status::Failure;
use crate::chain::ChainError;
use crate::log::recurring::Recurring;
use crate::source::PictureFault;
use crate::sync::IgnorePoison;

/// The log of one stream, whose lines are written in the stream's span. Kept over its camera's
/// openings and its threads, so that what flaps is told of as one.
#[derive(Default)]
pub struct StreamLog {
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    camera: Recurring,
    pictures: Recurring,
    chain: Recurring,
    threads: Recurring,
}

impl StreamLog {
    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().ignore_poison()
    }

    /// The camera failed.
    pub fn camera_failed(&self, now: Instant, failure: &Failure) {
        let notice = self.lock().camera.failed(now);
        if let Some(notice) = notice {
            let reason = failure.kind.name();
            tracing::warn!(
                reason,
                failures = notice.failures(),
                seconds = notice.seconds(),
                error = %failure,
                "the camera fails"
            );
        }
    }

    /// The camera gave a whole picture.
    pub fn picture_came(&self, now: Instant) {
        let mut failures = self.lock();
        let (camera, pictures) = (failures.camera.worked(now), failures.pictures.worked(now));
        drop(failures);
        if let Some(recovery) = camera {
            let failures = recovery.failures;
            tracing::info!(failures, "the camera gives pictures again");
        }
        if let Some(recovery) = pictures {
            let left_out = recovery.failures;
            tracing::info!(left_out, "the camera's pictures are whole again");
        }
    }

    /// A picture of the camera was left out for its `fault`.
    pub fn picture_left_out(&self, now: Instant, fault: &PictureFault) {
        let notice = self.lock().pictures.failed(now);
        if let Some(notice) = notice {
            let (left_out, seconds) = (notice.failures(), notice.seconds());
            tracing::warn!(
                left_out,
                seconds,
                error = %fault,
                "pictures of the camera are left out"
            );
        }
    }

    /// A frame was lost in the chain.
    pub fn frame_dropped(&self, now: Instant, why: &ChainError) {
        let notice = self.lock().chain.failed(now);
        if let Some(notice) = notice {
            let (dropped, seconds) = (notice.failures(), notice.seconds());
            tracing::warn!(dropped, seconds, error = %why, "frames are dropped");
        }
    }

    /// A frame came out of the chain.
    pub fn frame_came_out(&self, now: Instant) {
        let mut failures = self.lock();
        let (chain, threads) = (failures.chain.worked(now), failures.threads.worked(now));
        drop(failures);
        if let Some(recovery) = chain {
            let dropped = recovery.failures;
            tracing::info!(dropped, "frames come through again");
        }
        if let Some(recovery) = threads {
            let failures = recovery.failures;
            tracing::info!(failures, "the stream works again");
        }
    }

    /// A thread broke down or could not be started.
    pub fn broke_down(&self, now: Instant, why: &str) {
        let notice = self.lock().threads.failed(now);
        if let Some(notice) = notice {
            tracing::error!(
                failures = notice.failures(),
                seconds = notice.seconds(),
                error = %why,
                "the stream's threads fail"
            );
        }
    }
}
