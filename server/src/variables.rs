//! Texts that the server was given and that filters may show: a sensor's reading, the state of a door.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use crate::clock::Clock;

/// The most variables.
const MOST: usize = 1_000;

/// All variables. Clones share them.
#[derive(Clone, Debug)]
pub struct Variables(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    snapshot: watch::Sender<Snapshot>,
    /// When those end that don't stay.
    ends: Mutex<BTreeMap<String, Instant>>,
    ends_changed: Notify,
}

/// Names and values at one moment, by name.
pub type Snapshot = Arc<[(String, String)]>;

impl Default for Variables {
    fn default() -> Self {
        Self(Arc::new(Inner {
            snapshot: watch::Sender::new([].into()),
            ends: Mutex::default(),
            ends_changed: Notify::new(),
        }))
    }
}

impl Variables {
    fn ends(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.ends.lock().expect("no panic while it is held")
    }

    /// Gives the variable `name` a value, or another one, which stays.
    pub fn set(&self, name: &str, value: &str) {
        self.ends().remove(name);
        self.put(name, value);
    }

    /// The same for a value that ends at `end`, if [`Variables::run`] runs. `false` if there are too many variables.
    pub fn try_set(&self, name: &str, value: &str, end: Option<Instant>) -> bool {
        let mut ends = self.ends();
        let variables = self.snapshot();
        if variables.len() >= MOST && !variables.iter().any(|(known, _)| known == name) {
            return false;
        }
        match end {
            Some(end) => ends.insert(name.to_owned(), end),
            None => ends.remove(name),
        };
        self.put(name, value);
        drop(ends);
        self.0.ends_changed.notify_one();
        true
    }

    fn put(&self, name: &str, value: &str) {
        self.0.snapshot.send_modify(|variables| {
            let mut changed = variables.to_vec();
            match changed.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
                Ok(at) => value.clone_into(&mut changed[at].1),
                Err(at) => changed.insert(at, (name.to_owned(), value.to_owned())),
            }
            *variables = changed.into();
        });
    }

    /// Forgets the variable `name`; `false` if there was none.
    pub fn remove(&self, name: &str) -> bool {
        self.ends().remove(name);
        self.0.snapshot.send_if_modified(|variables| {
            let known = variables.len();
            let kept = variables.iter().filter(|(other, _)| other != name);
            *variables = kept.cloned().collect();
            variables.len() < known
        })
    }

    /// What they are now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot.borrow().clone()
    }

    /// Forgets each variable when its time has come.
    pub async fn run(&self, clock: &dyn Clock) {
        loop {
            let now = clock.now();
            let over: Vec<String> = {
                let ends = self.ends();
                let over = ends.iter().filter(|(_, end)| **end <= now);
                over.map(|(name, _)| name.clone()).collect()
            };
            for name in over {
                self.remove(&name);
            }
            let next = self.ends().values().min().copied();
            let changed = self.0.ends_changed.notified();
            match next {
                None => changed.await,
                Some(next) => tokio::select! {
                    () = changed => {}
                    () = clock.sleep_until(next) => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn some_end() {
        let (clock, variables) = (crate::clock::fake::FakeClock::new(), Variables::default());
        let second = std::time::Duration::from_secs(1);
        let end = Some(clock.now() + second);
        assert!(variables.try_set("a", "1", end) && variables.try_set("b", "2", None));
        assert!(variables.try_set("c", "3", end) && variables.try_set("c", "4", None));
        let names = |variables: &Variables| -> Vec<String> {
            variables
                .snapshot()
                .iter()
                .map(|(name, _)| name.clone())
                .collect()
        };
        let running = tokio::spawn({
            let (clock, variables) = (clock.clone(), variables.clone());
            async move { variables.run(&*clock).await }
        });
        clock.sleeper(second).await;
        assert_eq!(names(&variables), ["a", "b", "c"]);
        clock.advance(second);
        while names(&variables) != ["b", "c"] {
            tokio::task::yield_now().await;
        }
        running.abort();
        assert!(variables.remove("b") && !variables.remove("b"));
    }

    #[test]
    fn the_last_value_counts() {
        let variables = Variables::default();
        for (name, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
            variables.set(name, value);
        }
        let expected = [("a", "2"), ("b", "3")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(&*variables.snapshot(), &expected);
    }
}
