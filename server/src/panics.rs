//! Panics, kept to what they belong to: a frame, a call, a task.
//!
//! A panic is a bug, ours or a library's, and is told like any other failure. [`catch`] turns one
//! into an error with its message and place. What nobody catches here is caught by the runtime or
//! ends a thread; [`log_uncaught`] makes the log tell of it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook};
use std::pin::pin;
use std::task::Poll;

use crate::log::sanitize;

thread_local! {
    /// The number of [`catch`] that this thread is in.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
    /// The place in the source of the panic that is about to be caught.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught: its message, and the place in the source if that is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", in_brackets(.place.as_deref()))]
pub struct Panicked {
    message: String,
    place: Option<String>,
}

fn in_brackets(place: Option<&str>) -> String {
    place.map_or_else(String::new, |place| format!(" ({place})"))
}

/// Runs `work`. The caller must not use afterwards what `work` may have left half changed.
///
/// # Errors
/// It panicked.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    let depth = CATCHING.get();
    if depth == 0 {
        PLACE.take();
    }
    CATCHING.set(depth + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(depth);
    result.map_err(|payload| Panicked {
        message: sanitize(message(&*payload)),
        place: PLACE.take(),
    })
}

/// The same for a future, which ends with its first panic.
///
/// # Errors
/// It panicked.
pub async fn catch_async<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch(|| future.as_mut().poll(context)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

/// From now on, panics that are not caught here are lines of the log, and those that are leave no
/// other trace than the error that they become.
pub fn log_uncaught() {
    set_hook(Box::new(|info| {
        let place = info.location().map(place);
        // A second panic while the first is unwinding ends the process; it must not do so without a
        // word.
        let is_first = |it: &RefCell<Option<String>>| it.borrow().is_none();
        if CATCHING.get() > 0 && PLACE.with(is_first) {
            PLACE.set(place);
            return;
        }
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        let place = place.unwrap_or_default();
        let error = message(info.payload());
        tracing::error!(thread, place, %error, "panicked");
    }));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked without a message")
}

/// File, line and column. Of a library's file, the part that is the same on all machines.
fn place(location: &Location<'_>) -> String {
    let file = location.file().replace('\\', "/");
    let from_registry = file.split_once("/registry/src/");
    let in_library = from_registry.and_then(|(_, path)| path.split_once('/'));
    let file = in_library.map_or(file.as_str(), |(_, path)| path);
    format!("{file}:{}:{}", location.line(), location.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        assert_eq!(catch(|| 1), Ok(1));
        let number = 3;
        for panicked in [
            catch(|| panic!("at {number}")).unwrap_err(),
            catch(|| std::panic::panic_any("at 3".to_owned())).unwrap_err(),
        ] {
            assert!(panicked.to_string().starts_with("at 3"), "{panicked}");
        }
        let strange = catch(|| std::panic::panic_any(3)).unwrap_err();
        assert!(strange.to_string().contains("without a message"));
        assert_eq!(CATCHING.get(), 0);
    }

    #[test]
    fn a_catch_within_a_catch() {
        let outer = catch(|| {
            let inner = catch(|| panic!("inner"));
            assert!(inner.is_err());
            panic!("outer")
        });
        let outer: Result<(), _> = outer;
        assert!(outer.unwrap_err().to_string().starts_with("outer"));
    }

    #[tokio::test]
    async fn a_future_that_panics_ends() {
        let fine = catch_async(async {
            tokio::task::yield_now().await;
            1
        });
        assert_eq!(fine.await, Ok(1));
        let wrong = catch_async(async {
            tokio::task::yield_now().await;
            panic!("late");
        });
        assert!(wrong.await.unwrap_err().to_string().starts_with("late"));
    }
}
