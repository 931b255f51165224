//! Limits on the memory that the system's allocator keeps after it was freed.
//!
//! glibc's gives threads arenas of their own, up to eight for each processor, and each arena stays
//! as large as it once was. The threads of streams come and go, so that each arena has its turn to
//! be large: 32 MB were in use when 133 MB were kept, and those still grew (docs/soak.md). Two
//! arenas suffice for a server with two worker threads. A picture so large that its memory is a
//! mapping of its own goes back to the system at once; as the allocator learns sizes by default, it
//! would not.

/// The settings, read by glibc when a process starts (mallopt(3)); sizes in bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, &str); 4] = [
    (MARK, "1"),
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "16777216"),
    ("MALLOC_TRIM_THRESHOLD_", "16777216"),
];

/// Tells this program's own settings from those of whoever started it: they are not for the
/// commands that it runs.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MARK: &str = "MATTEBOX_ALLOCATOR";

/// Starts this program anew in the same process, with the limits in its environment. Does nothing
/// if that holds settings of the allocator already, or another allocator; and where the allocator
/// is not glibc's. Must be called before anything is opened or started.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn limit() {
    use std::os::unix::process::CommandExt;

    if std::env::var_os(MARK).is_some() {
        for (name, _) in SETTINGS {
            crate::secret::note_environment(name);
        }
        return;
    }
    let is_set = |(name, _): (std::ffi::OsString, _)| {
        let name = name.to_string_lossy();
        name.starts_with("MALLOC_") || name == "GLIBC_TUNABLES" || name == "LD_PRELOAD"
    };
    if std::env::vars_os().any(is_set) {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).envs(SETTINGS).exec();
    // As good as before, but for the memory.
    tracing::debug!(%error, "memory limits of the allocator not set");
}

/// Does nothing here.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn limit() {}
