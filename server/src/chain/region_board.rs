//! The regions of a stream: what its inspecting filters found when they looked last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::region::FoundRegion;
use crate::sync::IgnorePoison;

/// The regions that were found, by the ids of the steps. Clones share it.
#[derive(Clone, Default)]
pub struct RegionBoard(Arc<Mutex<Board>>);

#[derive(Default)]
struct Board {
    found: BTreeMap<u64, Vec<FoundRegion>>,
    /// All of them. It is the same until something changes.
    all: Arc<[FoundRegion]>,
}

impl RegionBoard {
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().ignore_poison()
    }

    /// Puts what the step found in the place of what it found before.
    pub fn put(&self, step: u64, regions: Vec<FoundRegion>) {
        let mut board = self.lock();
        let before = board.found.insert(step, regions);
        let is_empty = board.found[&step].is_empty();
        if !is_empty || before.is_some_and(|before| !before.is_empty()) {
            board.collect();
        }
    }

    /// Forgets what the step found.
    pub fn forget(&self, step: u64) {
        let mut board = self.lock();
        if board.found.remove(&step).is_some_and(|it| !it.is_empty()) {
            board.collect();
        }
    }

    /// All regions, those of each step together.
    pub fn all(&self) -> Arc<[FoundRegion]> {
        self.lock().all.clone()
    }
}

impl Board {
    fn collect(&mut self) {
        self.all = self.found.values().flatten().cloned().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::{Area, Region};

    fn found(label: &str) -> FoundRegion {
        let area = Area {
            x: 0,
            y: 0,
            width: 1,
            height: 1,
        };
        FoundRegion {
            region: Region {
                area,
                label: label.to_owned(),
                score: 1.0,
                track: None,
            },
            found_by: "test".into(),
            captured_at_ms: 0,
            size: (1, 1),
        }
    }

    #[test]
    fn each_step_has_its_latest_regions() {
        let board = RegionBoard::default();
        let labels = || {
            let all = board.all();
            let labels: Vec<_> = all.iter().map(|it| it.region.label.clone()).collect();
            labels.join(" ")
        };
        board.put(2, vec![found("cat")]);
        board.put(1, vec![found("dog"), found("bird")]);
        assert_eq!(labels(), "dog bird cat");
        board.put(1, Vec::new());
        assert_eq!(labels(), "cat");
        board.forget(2);
        assert_eq!(labels(), "");
    }

    #[test]
    fn nothing_found_again_is_no_change() {
        let board = RegionBoard::default();
        board.put(1, Vec::new());
        let before = board.all();
        board.put(1, Vec::new());
        board.forget(2);
        assert!(Arc::ptr_eq(&before, &board.all()));
    }
}
