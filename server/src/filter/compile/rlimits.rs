//! Limits that a child process sets on itself before it reads anything.

use std::time::Duration;

/// The most that a child process may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of data: heap and writable mappings.
    pub data: u64,
    /// Bytes of address space.
    pub address_space: u64,
    /// Processor time of all its threads, rounded up to seconds.
    pub cpu: Duration,
}

/// Open files: three streams, the result, and what a runtime takes.
#[cfg(unix)]
const FILES: u64 = 64;
/// Steps down from the usual priority: frames come first.
#[cfg(unix)]
const NICE: i32 = 10;

impl Limits {
    /// Sets them on this process, with a low priority. It ends with its parent.
    ///
    /// # Errors
    /// The system refuses a limit.
    #[cfg(unix)]
    pub fn set(self) -> std::io::Result<()> {
        use rustix::process::{Resource, nice};
        let seconds = self.cpu.as_secs() + u64::from(self.cpu.subsec_nanos() > 0);
        // The signal of the first limit tells why the process ended; the second one comes if that
        // is caught.
        lower(Resource::Cpu, seconds, seconds + 1)?;
        for (resource, most) in [
            (Resource::As, self.address_space),
            (Resource::Data, self.data),
            (Resource::Nofile, FILES),
            (Resource::Core, 0),
        ] {
            lower(resource, most, most)?;
        }
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        nice(NICE)?;
        Ok(())
    }

    /// Systems without these limits have the time limit of the parent alone.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn set(self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sets the soft and the hard limit, but none above what the process was given.
#[cfg(unix)]
fn lower(resource: rustix::process::Resource, soft: u64, hard: u64) -> std::io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};
    let given = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limits = Rlimit {
        current: Some(soft.min(given)),
        maximum: Some(hard.min(given)),
    };
    Ok(setrlimit(resource, limits)?)
}
