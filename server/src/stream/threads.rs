//! The starting of threads, behind a trait, so that a system which has none left can be tested.

use std::io;
use std::thread;

/// Starts threads.
pub trait Threads: Send + Sync {
    /// Runs `work` on a new thread called `name`.
    ///
    /// # Errors
    /// The system has no more threads to give; `work` is dropped.
    fn start(&self, name: String, work: Box<dyn FnOnce() + Send>) -> io::Result<()>;
}

/// The system's own.
pub struct SystemThreads;

impl Threads for SystemThreads {
    fn start(&self, name: String, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        thread::Builder::new().name(name).spawn(work).map(drop)
    }
}
