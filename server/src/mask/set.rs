//! The masks of a source, which may change while it runs, and the frames that hold no longer when
//! they do.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::MaskId;
use crate::clock::Clock;
use crate::config::MaskConfig;
use crate::sync::IgnorePoison;
use crate::variables::{Snapshot, Variables};

/// The masks of one source. Clones share them.
#[derive(Clone)]
pub struct MaskSet(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    time_zone: TimeZone,
    variables: Variables,
    state: Mutex<State>,
    /// Counts changes of what is covered.
    generation: AtomicU64,
    /// Whether one has a condition.
    has_conditions: AtomicBool,
}

#[derive(Default)]
struct State {
    current: Vec<MaskConfig>,
    /// Those of changes that are under way, by numbers.
    expected: Vec<(u64, Vec<MaskConfig>)>,
    next: u64,
    /// Those that cover now.
    active: Arc<[MaskConfig]>,
}

/// The masks that cover at a moment.
#[derive(Clone, Debug)]
pub struct ActiveMasks {
    /// In the order in which they are written.
    pub masks: Arc<[MaskConfig]>,
    /// The stamp of frames that they cover.
    pub stamp: MaskStamp,
}

/// A mask's state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct MaskReport {
    /// Its name.
    pub name: String,
    /// Whether it covers now.
    pub is_on: bool,
}

/// Tells whether the masks that a frame was covered with are still the right ones. A frame without
/// one, such as a notice, needs none.
#[derive(Clone, Default)]
pub struct MaskStamp(Option<Arc<Stamp>>);

struct Stamp {
    set: MaskSet,
    /// The set's generation then.
    generation: u64,
    /// The one that the frame came with from another stream.
    source: MaskStamp,
}

impl MaskStamp {
    /// Whether a frame with this stamp may still be shown.
    pub fn is_current(&self) -> bool {
        self.0.as_deref().is_none_or(|stamp| {
            stamp.set.generation() == stamp.generation && stamp.source.is_current()
        })
    }

    /// All masks of the sources that the frame came through, those that are off included.
    pub fn configured(&self) -> BTreeSet<MaskId> {
        let Some(stamp) = &self.0 else {
            return BTreeSet::new();
        };
        let mut masks = stamp.source.configured();
        masks.extend(stamp.set.lock().current.iter().map(MaskId::of));
        masks
    }

    /// This stamp on a frame that came with the stamp `source`.
    pub fn on(&self, source: MaskStamp) -> Self {
        match (&self.0, &source.0) {
            (Some(stamp), Some(_)) => Self(Some(Arc::new(Stamp {
                set: stamp.set.clone(),
                generation: stamp.generation,
                source,
            }))),
            (None, _) => source,
            (_, None) => self.clone(),
        }
    }
}

impl fmt::Debug for MaskStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskStamp(is_current: {})", self.is_current())
    }
}

/// Masks of a change that is under way, which cover beside those that are in force until this is
/// dropped.
pub struct ExpectedMasks {
    set: MaskSet,
    number: u64,
}

impl MaskSet {
    /// No masks yet. Their times are told by `clock` in `time_zone`, and by `variables`.
    pub fn new(clock: Arc<dyn Clock>, time_zone: TimeZone, variables: Variables) -> Self {
        Self(Arc::new(Inner {
            clock,
            time_zone,
            variables,
            state: Mutex::default(),
            generation: AtomicU64::new(0),
            has_conditions: AtomicBool::new(false),
        }))
    }

    /// Puts `masks` in force.
    pub fn set(&self, masks: &[MaskConfig]) {
        let mut state = self.lock();
        state.current = masks.to_vec();
        self.renew(&mut state);
    }

    /// Lets `masks` cover, too, while the change to them is under way.
    #[must_use]
    pub fn expect(&self, masks: &[MaskConfig]) -> ExpectedMasks {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.expected.push((number, masks.to_vec()));
        self.renew(&mut state);
        ExpectedMasks {
            set: self.clone(),
            number,
        }
    }

    /// Those that cover now.
    pub fn active(&self) -> ActiveMasks {
        let mut state = self.lock();
        self.renew_by_conditions(&mut state);
        let stamp = Stamp {
            set: self.clone(),
            generation: self.0.generation.load(Ordering::Acquire),
            source: MaskStamp::default(),
        };
        ActiveMasks {
            masks: state.active.clone(),
            stamp: MaskStamp(Some(Arc::new(stamp))),
        }
    }

    /// The state of each mask that is in force.
    pub fn report(&self) -> Vec<MaskReport> {
        let mut state = self.lock();
        self.renew_by_conditions(&mut state);
        let report = |mask: &MaskConfig| MaskReport {
            name: mask.name.clone(),
            is_on: state.active.contains(mask),
        };
        state.current.iter().map(report).collect()
    }

    fn generation(&self) -> u64 {
        if self.0.has_conditions.load(Ordering::Acquire) {
            self.renew(&mut self.lock());
        }
        self.0.generation.load(Ordering::Acquire)
    }

    /// Without conditions, only a change of the masks changes what is covered.
    fn renew_by_conditions(&self, state: &mut State) {
        if self.0.has_conditions.load(Ordering::Acquire) {
            self.renew(state);
        }
    }

    /// Looks which masks cover now: frames that were covered with others are not current any more.
    fn renew(&self, state: &mut State) {
        let variables = self.0.variables.snapshot();
        let now = Timestamp::try_from(self.0.clock.unix()).unwrap_or_default();
        let now = self.0.time_zone.to_datetime(now).time();
        let all = || {
            let expected = state.expected.iter().map(|(_, masks)| masks);
            [&state.current].into_iter().chain(expected).flatten()
        };
        let has_conditions = all().any(|mask| mask.when.is_some());
        self.0
            .has_conditions
            .store(has_conditions, Ordering::Release);
        let is_on = |mask: &&MaskConfig| mask.is_on(|name| find(&variables, name), now);
        if !all().filter(is_on).eq(state.active.iter()) {
            state.active = all().filter(is_on).cloned().collect();
            self.0.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().ignore_poison()
    }
}

impl ExpectedMasks {
    /// Puts them in force.
    pub fn enforce(self) {
        let mut state = self.set.lock();
        if let Some(at) = state.expected.iter().position(|it| it.0 == self.number) {
            state.current = state.expected[at].1.clone();
        }
        self.set.renew(&mut state);
    }
}

impl Drop for ExpectedMasks {
    fn drop(&mut self) {
        let mut state = self.set.lock();
        state.expected.retain(|(number, _)| *number != self.number);
        self.set.renew(&mut state);
    }
}

fn find<'v>(variables: &'v Snapshot, name: &str) -> Option<&'v str> {
    let at = variables.binary_search_by(|(known, _)| known.as_str().cmp(name));
    Some(variables[at.ok()?].1.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;

    fn masks(text: &str) -> Vec<MaskConfig> {
        serde_json::from_str(text).unwrap()
    }

    fn set(variables: &Variables) -> MaskSet {
        MaskSet::new(FakeClock::new(), TimeZone::UTC, variables.clone())
    }

    fn names(set: &MaskSet) -> Vec<String> {
        let active = set.active().masks;
        active.iter().map(|mask| mask.name.clone()).collect()
    }

    const LEFT: &str = r#"[{"name": "left", "area": "0,0,0.5,0,0.5,1"}]"#;
    const RIGHT: &str = r#"[{"name": "right", "area": "1,0,0.5,0,0.5,1"}]"#;

    #[test]
    fn both_cover_while_one_takes_the_others_place() {
        let set = set(&Variables::default());
        set.set(&masks(LEFT));
        let expected = set.expect(&masks(RIGHT));
        assert_eq!(names(&set), ["left", "right"]);
        set.set(&masks(RIGHT));
        drop(expected);
        assert_eq!(names(&set), ["right"]);
        drop(set.expect(&[]));
        assert_eq!(names(&set), ["right"]);
        set.expect(&masks(LEFT)).enforce();
        assert_eq!(names(&set), ["left"]);
    }

    #[test]
    fn frames_from_before_a_change_are_not_current() {
        let set = set(&Variables::default());
        let before = set.active().stamp;
        assert!(before.is_current());
        set.set(&masks(LEFT));
        assert!(!before.is_current());
        let after = set.active().stamp;
        set.set(&masks(LEFT));
        assert!(after.is_current());
        let shared = set_of_another_stream(&after);
        assert!(shared.is_current());
        set.set(&[]);
        assert!(!shared.is_current());
        assert!(MaskStamp::default().is_current());
    }

    fn set_of_another_stream(source: &MaskStamp) -> MaskStamp {
        set(&Variables::default()).active().stamp.on(source.clone())
    }

    #[test]
    fn a_variable_switches_one_off_and_on() {
        let variables = Variables::default();
        let set = set(&variables);
        let text = LEFT.replace("}]", r#", "when": "owner = away"}]"#);
        set.set(&masks(&text));
        assert_eq!(names(&set), ["left"]);
        variables.set("owner", "home", None).unwrap();
        let open = set.active();
        assert!(open.masks.is_empty());
        assert!(!set.report()[0].is_on);
        variables.set("owner", "away", None).unwrap();
        assert_eq!(names(&set), ["left"]);
        assert!(!open.stamp.is_current());
        assert!(set.report()[0].is_on);
    }
}
