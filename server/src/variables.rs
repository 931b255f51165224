//! Texts that the server was given and that filters may show: a sensor's reading, the state of a
//! door.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::sync::IgnorePoison;

/// The most variables.
const MOST: usize = 1_000;
/// The longest name, in characters.
const NAME_CHARS: usize = 64;
/// The longest text, in characters.
const TEXT_CHARS: usize = 500;

/// Values that the server measures itself. Each kind has names of its own, which nobody else can
/// set or remove: a filter that shows the state of a door must not show what somebody sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// The inputs below `gpio:`.
    Gpio,
    /// The local time.
    Time,
}

impl Measured {
    const ALL: [Self; 2] = [Self::Gpio, Self::Time];

    /// The start of the names.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Gpio => "gpio.",
            Self::Time => "time.",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| name.starts_with(it.prefix()))
    }
}

/// The reason why a variable can't be set or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no name that a variable may have.
    #[error("a variable's name has 1 to {NAME_CHARS} letters, digits, `_`, `-` and `.`")]
    Name,
    /// Its text is too long.
    #[error("a variable's text may have {TEXT_CHARS} characters")]
    Text,
    /// The server sets it itself.
    #[error(
        "`{name}` can't be set or removed: the server itself measures what starts with `{}`; use \
         another name", .by.prefix()
    )]
    Measured {
        /// Its name.
        name: String,
        /// The kind that it would belong to.
        by: Measured,
    },
    /// There are so many already.
    #[error("there are {MOST} variables, and no room for more; remove some first")]
    TooMany,
}

/// All variables. Clones share them.
#[derive(Clone, Debug)]
pub struct Variables(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    snapshot: watch::Sender<Snapshot>,
    /// The ends of those that are set for a time.
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
        self.0.ends.lock().ignore_poison()
    }

    /// Gives the variable `name` of what is `measured` a value, or another one.
    pub fn measure(&self, measured: Measured, name: &str, value: &str) {
        self.put(&format!("{}{name}", measured.prefix()), value);
    }

    /// Gives the variable `name` a value, or another one; until `end`, if [`Variables::run`] runs,
    /// or for good.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn set(&self, name: &str, value: &str, end: Option<Instant>) -> Result<(), Refusal> {
        check_form(name, value)?;
        check_owner(name)?;
        let mut ends = self.ends();
        let variables = self.snapshot();
        if variables.len() >= MOST && !variables.iter().any(|(known, _)| known == name) {
            return Err(Refusal::TooMany);
        }
        match end {
            Some(end) => ends.insert(name.to_owned(), end),
            None => ends.remove(name),
        };
        self.put(name, value);
        drop(ends);
        self.0.ends_changed.notify_one();
        Ok(())
    }

    fn put(&self, name: &str, value: &str) {
        self.0.snapshot.send_if_modified(|variables| {
            let place = variables.binary_search_by(|(known, _)| known.as_str().cmp(name));
            if place.is_ok_and(|at| variables[at].1 == value) {
                return false;
            }
            let mut changed = variables.to_vec();
            match place {
                Ok(at) => value.clone_into(&mut changed[at].1),
                Err(at) => changed.insert(at, (name.to_owned(), value.to_owned())),
            }
            *variables = changed.into();
            true
        });
    }

    /// Forgets the variable `name`; `false` if there was none.
    ///
    /// # Errors
    /// The server itself sets it.
    pub fn remove(&self, name: &str) -> Result<bool, Refusal> {
        check_owner(name)?;
        Ok(self.forget(name))
    }

    fn forget(&self, name: &str) -> bool {
        self.ends().remove(name);
        self.0.snapshot.send_if_modified(|variables| {
            let known = variables.len();
            let kept = variables.iter().filter(|(other, _)| other != name);
            *variables = kept.cloned().collect();
            variables.len() < known
        })
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<Snapshot> {
        self.0.snapshot.subscribe()
    }

    /// The variables now.
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
                self.forget(&name);
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

/// Checks that somebody may set a variable called `name`.
///
/// # Errors
/// It is no name, or the server itself measures what is called so.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    check_form(name, "")?;
    check_owner(name)
}

/// Checks that a variable may be called `name` and have this text, whoever sets it.
///
/// # Errors
/// It is no name, or the text is too long.
pub fn check_form(name: &str, text: &str) -> Result<(), Refusal> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(is_fine) {
        return Err(Refusal::Name);
    }
    match text.chars().count() > TEXT_CHARS {
        true => Err(Refusal::Text),
        false => Ok(()),
    }
}

fn check_owner(name: &str) -> Result<(), Refusal> {
    match Measured::of(name) {
        Some(by) => Err(Refusal::Measured {
            name: name.to_owned(),
            by,
        }),
        None => Ok(()),
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
        for (name, value, end) in [("a", "1", end), ("b", "2", None), ("c", "3", end)] {
            assert_eq!(variables.set(name, value, end), Ok(()));
        }
        assert_eq!(variables.set("c", "4", None), Ok(()));
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
        assert_eq!(variables.remove("b"), Ok(true));
        assert_eq!(variables.remove("b"), Ok(false));
    }

    #[test]
    fn the_last_value_counts() {
        let variables = Variables::default();
        for (name, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
            variables.set(name, value, None).unwrap();
        }
        let expected = [("a", "2"), ("b", "3")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(&*variables.snapshot(), &expected);
    }

    #[test]
    fn what_the_server_measures_is_nobody_elses() {
        let variables = Variables::default();
        variables.measure(Measured::Gpio, "door", "open");
        let refusal = variables.set("gpio.door", "closed", None).unwrap_err();
        assert!(refusal.to_string().contains("starts with `gpio.`"));
        assert_eq!(variables.remove("gpio.door"), Err(refusal));
        // Nor can a name be taken before it is measured.
        assert!(variables.set("gpio.window", "closed", None).is_err());
        let expected = [("gpio.door".to_owned(), "open".to_owned())];
        assert_eq!(&*variables.snapshot(), &expected);
        assert!(variables.set("gpio", "x", None).is_ok());
    }

    #[test]
    fn there_is_room_for_what_is_measured() {
        let variables = Variables::default();
        for number in 0..MOST {
            variables.set(&number.to_string(), "", None).unwrap();
        }
        assert_eq!(variables.set("more", "", None), Err(Refusal::TooMany));
        assert_eq!(variables.set("0", "again", None), Ok(()));
        variables.measure(Measured::Gpio, "door", "open");
        assert_eq!(variables.snapshot().len(), MOST + 1);
    }
}
