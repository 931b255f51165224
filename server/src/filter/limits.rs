//! Limits of a filter: memory, tables, instances, and the size of what it hands over.

use std::fmt;
use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::budget::Budget;
use super::footprint::Footprint;
use super::{FilterFault, StartError};

/// The largest `.wasm` file that is read, in bytes.
pub const MODULE_BYTES: u64 = 64 << 20;
/// The largest asset that is read, in bytes.
pub const ASSET_BYTES: u64 = 32 << 20;
/// The longest side of a picture or a layer, in pixels.
pub const SIDE: u32 = 16_384;
/// The largest picture that a filter may return, in pixels.
pub const PICTURE_PIXELS: u64 = 64 << 20;
/// The most layers that one drawing may have.
pub const LAYERS: usize = 256;
/// The most regions that one look may find.
pub const REGIONS: usize = 256;
/// The longest label of a region, in characters.
pub const LABEL_CHARS: usize = 100;
/// The longest text of a layer, in characters.
pub const TEXT_CHARS: usize = 1_000;
/// The smallest and the largest height of a line of text, in pixels.
pub const TEXT_SIZES: std::ops::RangeInclusive<u32> = 6..=512;
/// The widest line of a box, in pixels.
pub const THICKNESS: u32 = 256;
/// The longest settings schema, in bytes.
pub const SCHEMA_BYTES: usize = 256 << 10;
/// The most values in a settings schema, which take hundreds of bytes each once they are read.
pub const SCHEMA_VALUES: usize = 20_000;
/// The time for which a filter may take to introduce itself and to take its settings. A runtime
/// such as Python's starts up in this time, so it is longer than a frame's limit.
pub const START_TIME: Duration = Duration::from_secs(10);
/// The memory that a filter gets to introduce itself in, in bytes.
pub const DESCRIBE_MEMORY: u64 = 256 << 20;

/// The most tables of one filter.
const TABLES: usize = 96;
/// The most memories of one filter. Each takes 4 GiB of addresses, whatever its size is.
const MEMORIES: usize = 32;
/// The bytes of a table's element: a pointer.
const ELEMENT_BYTES: u64 = size_of::<usize>() as u64;

/// Counts the memory of one filter: its instances, all their memories and tables, and what the
/// server keeps of its answers. What is counted is given back to the budget when this is dropped.
#[derive(Debug)]
pub struct MemoryLimit {
    limit: u64,
    used: u64,
    /// The part of `used` that the server keeps for the filter.
    kept: u64,
    instances: usize,
    budget: Budget,
    reached_limit: Option<ReachedLimit>,
}

/// The limit that a filter ran into, as a part of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachedLimit {
    /// Its own, in bytes.
    Own(u64),
    /// That of all filters, in bytes.
    All(u64),
}

impl fmt::Display for ReachedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(bytes) => write!(f, "its memory limit of {} MiB", mib(*bytes)),
            Self::All(bytes) => write!(
                f,
                "the budget of {} MiB for the memory of all filters \
                 (raise `filters-memory`, or run fewer or smaller ones)",
                mib(*bytes)
            ),
        }
    }
}

/// Bytes in MiB, for people.
pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

impl MemoryLimit {
    /// At most `limit` bytes, which count in `budget`, too, for instances of this `footprint`.
    ///
    /// # Errors
    /// The instances alone take more.
    pub fn new(limit: u64, footprint: Footprint, budget: &Budget) -> Result<Self, StartError> {
        let mut new = Self {
            limit,
            used: 0,
            kept: 0,
            instances: footprint.instances,
            budget: budget.clone(),
            reached_limit: None,
        };
        match new.take(footprint.bytes) {
            Ok(()) => Ok(new),
            Err(reached_limit) => {
                let fault = FilterFault::Footprint(footprint.bytes, reached_limit);
                Err(StartError::new(fault, Some(reached_limit)))
            }
        }
    }

    /// The limit that the filter asked for more than. It may live on without it, but when it fails
    /// next, that is most likely why.
    pub fn reached_limit(&self) -> Option<ReachedLimit> {
        self.reached_limit
    }

    /// The bytes that the filter has, with what the server keeps for it.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The bytes that the filter has itself.
    pub fn own(&self) -> u64 {
        self.used - self.kept
    }

    /// The bytes that it may still take.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used).min(self.budget.left())
    }

    /// The most bytes that the server may keep for it.
    pub fn room(&self) -> u64 {
        self.left().saturating_add(self.kept)
    }

    /// Counts `bytes` that the server keeps for the filter, in place of what it kept before.
    ///
    /// # Errors
    /// The limit that this goes beyond; the server must not keep it.
    pub fn retain(&mut self, bytes: u64) -> Result<(), ReachedLimit> {
        self.take(bytes.saturating_sub(self.kept))?;
        let less = self.kept.saturating_sub(bytes);
        self.used -= less;
        self.budget.give_back(less);
        self.kept = bytes;
        Ok(())
    }

    /// Takes note that the filter asked for `bytes` more than it has; gives the limit that this
    /// goes beyond, if any.
    pub fn refuse(&mut self, bytes: u64) -> Option<ReachedLimit> {
        if bytes > self.limit.saturating_sub(self.used) {
            self.reached_limit = Some(ReachedLimit::Own(self.limit));
        } else if bytes > self.budget.left() {
            self.reached_limit = Some(ReachedLimit::All(self.budget.limit()));
        }
        self.reached_limit
    }

    fn take(&mut self, bytes: u64) -> Result<(), ReachedLimit> {
        if bytes > self.limit.saturating_sub(self.used) {
            return Err(*self.reached_limit.insert(ReachedLimit::Own(self.limit)));
        }
        if !self.budget.take(bytes) {
            return Err(*self
                .reached_limit
                .insert(ReachedLimit::All(self.budget.limit())));
        }
        self.used += bytes;
        Ok(())
    }

    /// Whether something may grow from `current` to `desired` units of `unit` bytes. What fails
    /// anyhow is not counted.
    fn may_grow(&mut self, unit: u64, current: usize, desired: usize, most: Option<usize>) -> bool {
        if most.is_some_and(|most| desired > most) {
            return false;
        }
        let more = desired.saturating_sub(current) as u64;
        self.take(more.saturating_mul(unit)).is_ok()
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        self.budget.give_back(self.used);
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.may_grow(1, current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.may_grow(ELEMENT_BYTES, current, desired, maximum))
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Cause;

    fn footprint(bytes: u64) -> Footprint {
        Footprint {
            instances: 1,
            bytes,
        }
    }

    fn limited(limit: u64, budget: &Budget) -> MemoryLimit {
        MemoryLimit::new(limit, footprint(0), budget).unwrap()
    }

    #[test]
    fn instances_count_before_they_are_there() {
        let budget = Budget::new(100);
        let limit = MemoryLimit::new(90, footprint(60), &budget).unwrap();
        assert_eq!((budget.used(), limit.left()), (60, 30));
        let own = MemoryLimit::new(50, footprint(60), &budget).unwrap_err();
        assert!(own.to_string().contains("its memory limit"), "{own}");
        assert_eq!(own.cause, Cause::Files);
        let all = MemoryLimit::new(90, footprint(60), &budget).unwrap_err();
        assert!(all.to_string().contains("filters-memory"), "{all}");
        assert_eq!(all.cause, Cause::FiltersMemory);
        drop(limit);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn memories_and_tables_are_counted_together() {
        let budget = Budget::new(1000);
        let mut limit = limited(100, &budget);
        assert!(limit.memory_growing(0, 60, None).unwrap());
        assert!(!limit.memory_growing(0, 60, None).unwrap());
        assert_eq!(limit.reached_limit(), Some(ReachedLimit::Own(100)));
        assert!(limit.table_growing(1, 5, None).unwrap());
        assert!(!limit.table_growing(5, 7, None).unwrap());
        assert!(limit.memory_growing(60, 68, None).unwrap());
        assert_eq!(budget.used(), 100);
    }

    #[test]
    fn what_would_fail_anyhow_is_not_counted() {
        let budget = Budget::new(1000);
        let mut limit = limited(100, &budget);
        assert!(!limit.memory_growing(0, 60, Some(50)).unwrap());
        assert!(!limit.table_growing(0, usize::MAX, None).unwrap());
        assert_eq!((budget.used(), limit.left()), (0, 100));
    }

    #[test]
    fn all_filters_share_a_budget_and_give_back_what_they_had() {
        let budget = Budget::new(100);
        let mut one = limited(80, &budget);
        let mut other = limited(80, &budget);
        assert!(one.memory_growing(0, 70, None).unwrap());
        assert!(!other.memory_growing(0, 40, None).unwrap());
        assert_eq!(other.reached_limit(), Some(ReachedLimit::All(100)));
        drop(one);
        assert!(other.memory_growing(0, 40, None).unwrap());
        assert_eq!(budget.used(), 40);
    }

    #[test]
    fn what_the_server_keeps_takes_the_place_of_what_it_kept() {
        let budget = Budget::new(1000);
        let mut limit = limited(100, &budget);
        assert_eq!(limit.retain(60), Ok(()));
        assert_eq!(limit.retain(90), Ok(()));
        assert_eq!(limit.retain(101), Err(ReachedLimit::Own(100)));
        assert_eq!(budget.used(), 90);
        assert_eq!(limit.retain(0), Ok(()));
        assert_eq!((budget.used(), limit.left()), (0, 100));
    }
}
