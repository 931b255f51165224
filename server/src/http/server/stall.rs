//! The end of a connection whose client takes nothing.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;

use super::STALL_TIME;
use crate::clock::Clock;

/// Watches how long a connection waits for its client to take something. The kernel does so only
/// for TCP, and on Linux.
pub struct Stall {
    clock: Arc<dyn Clock>,
    end: Option<BoxFuture<'static, ()>>,
}

impl Stall {
    /// Nothing waits yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, end: None }
    }

    /// The result of a write to the connection; an error if none has come to anything for
    /// [`STALL_TIME`].
    pub fn limit<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.end = None;
            return written;
        }
        let end = self.clock.now() + STALL_TIME;
        let end = self.end.get_or_insert_with(|| self.clock.sleep_until(end));
        ready!(end.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::task::noop_waker_ref;

    use super::*;
    use crate::clock::fake::FakeClock;

    #[test]
    fn a_client_that_takes_nothing_is_cut_and_a_slow_one_is_not() {
        let clock = FakeClock::new();
        let mut stall = Stall::new(clock.clone());
        let context = &mut Context::from_waker(noop_waker_ref());
        for _ in 0..3 {
            assert!(stall.limit::<()>(context, Poll::Pending).is_pending());
            clock.advance(STALL_TIME - Duration::from_secs(1));
            assert!(stall.limit::<()>(context, Poll::Pending).is_pending());
            assert!(stall.limit(context, Poll::Ready(Ok(()))).is_ready());
        }
        assert!(stall.limit::<()>(context, Poll::Pending).is_pending());
        clock.advance(STALL_TIME);
        let Poll::Ready(Err(error)) = stall.limit::<()>(context, Poll::Pending) else {
            panic!("it waits on");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
