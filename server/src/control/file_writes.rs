//! Writing to one file, told while it is being replaced: the watching of its folder tells later,
//! and by names that change then.

use std::path::Path;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;

/// One who keeps a file open that he has written to is waited for this long.
pub const LONGEST_WRITE: Duration = Duration::from_secs(10);

/// Writes of others to a file, whatever it is called by then. None where the system doesn't tell of
/// them (inotify(7)).
pub struct FileWrites {
    #[cfg(target_os = "linux")]
    events: Option<OwnedFd>,
    since: Instant,
    have_come: bool,
    is_open: bool,
}

impl FileWrites {
    /// Those to the file at `path`, from `now` on.
    pub fn of(path: &Path, now: Instant) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            events: watch(path)
                .inspect_err(|error| {
                    let path = path.display();
                    tracing::debug!(%path, %error, "the file can't be watched");
                })
                .ok(),
            since: now,
            have_come: false,
            is_open: false,
        }
    }

    /// Whether there were any.
    pub fn have_come(&mut self) -> bool {
        self.read();
        self.have_come
    }

    /// Whether somebody who has written to it has not closed it since.
    pub fn are_under_way(&mut self, now: Instant) -> bool {
        self.read();
        self.is_open && now.saturating_duration_since(self.since) < LONGEST_WRITE
    }

    #[cfg(target_os = "linux")]
    fn read(&mut self) {
        use rustix::fs::inotify::{ReadFlags, Reader};
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let Some(events) = &self.events else {
            return;
        };
        let mut events = Reader::new(events, &mut buffer);
        // Ends when there are no more.
        while let Ok(event) = events.next() {
            let is_write = event.events().contains(ReadFlags::MODIFY);
            self.have_come |= is_write;
            self.is_open =
                is_write || self.is_open && !event.events().contains(ReadFlags::CLOSE_WRITE);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn read(&mut self) {}
}

#[cfg(target_os = "linux")]
fn watch(path: &Path) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    add_watch(&events, path, WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE)?;
    Ok(events)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use std::io::Write;

    #[test]
    fn they_are_under_way_until_the_file_is_closed_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "old").unwrap();
        let now = crate::clock::SystemClock.now();
        let mut writes = FileWrites::of(&path, now);
        std::fs::read(&path).unwrap();
        assert!(!writes.have_come());
        let mut file = std::fs::File::create(&path).unwrap();
        assert!(writes.have_come() && writes.are_under_way(now));
        std::fs::rename(&path, &other).unwrap();
        file.write_all(b"new").unwrap();
        assert!(writes.are_under_way(now));
        drop(file);
        assert!(writes.have_come() && !writes.are_under_way(now));
        assert!(!FileWrites::of(&folder.path().join("gone"), now).have_come());
    }
}
