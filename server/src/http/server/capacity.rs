//! File descriptors: each connection takes one; cameras and files need some too.

/// The connections that there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionCapacity {
    /// The most at once, beside the reserve.
    pub connections: usize,
    /// The reserve.
    pub reserve: usize,
}

impl ConnectionCapacity {
    const WANTED: Self = Self {
        connections: 10_000,
        reserve: 768,
    };
    /// Descriptors for cameras, files and all else.
    const OTHERS: usize = 1024;

    /// Raises the limit of open files (`RLIMIT_NOFILE`) to what is needed, as far as the system
    /// allows it. It is raised no further, since commands that are cameras inherit it, and some
    /// take long with a high one.
    pub fn raise() -> Self {
        let wanted = Self::WANTED;
        let capacity = Self::within(raise(wanted.connections + wanted.reserve + Self::OTHERS));
        if capacity != wanted {
            let (connections, wanted) = (capacity.connections, wanted.connections);
            tracing::warn!(
                connections,
                wanted,
                "the limit of open files is low and makes for fewer connections; raise it (`ulimit \
                 -Hn`, `LimitNOFILE`)"
            );
        }
        capacity
    }

    /// The connections for which so many descriptors are enough.
    fn within(descriptors: usize) -> Self {
        let others = Self::OTHERS.min(descriptors / 2);
        let reserve = Self::WANTED.reserve.min(descriptors / 4);
        let connections = Self::WANTED.connections.min(descriptors - others - reserve);
        Self {
            connections: connections.max(1),
            reserve,
        }
    }
}

#[cfg(unix)]
fn raise(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = wanted as u64;
    let possible = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= possible {
        return usize::try_from(current).unwrap_or(usize::MAX);
    }
    let raised = Rlimit {
        current: Some(possible),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => possible as usize,
        Err(error) => {
            tracing::warn!(
                limit = current,
                %error,
            "the limit of open files can't be raised"
            );
            current as usize
        }
    }
}

#[cfg(not(unix))]
fn raise(wanted: usize) -> usize {
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_keep_their_descriptors() {
        let within = |descriptors| {
            let capacity = ConnectionCapacity::within(descriptors);
            (capacity.connections, capacity.reserve)
        };
        assert_eq!(within(usize::MAX), (10_000, 768));
        assert_eq!(within(11_792), (10_000, 768));
        assert_eq!(within(11_791), (9_999, 768));
        assert_eq!(within(4096), (2304, 768));
        assert_eq!(within(1024), (256, 256));
        assert_eq!(within(0), (1, 0));
    }
}
