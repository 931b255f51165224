//! The report of a test.

use std::fmt::Display;

use serde::Serialize;

use crate::cli::output::outln;
use crate::filter::{Filter, FilterKind};
use crate::log::sanitize;

/// The most problems of one check that are told.
const MOST: usize = 5;

/// The report of a test. Times are in milliseconds, memory is in bytes.
#[derive(Serialize)]
pub struct Report {
    pub name: String,
    pub version: String,
    pub kind: FilterKind,
    pub contract: String,
    /// Whether there are no problems.
    pub passed: bool,
    /// Faults to be mended.
    pub problems: Vec<Finding>,
    /// Things that may be as they should.
    pub notes: Vec<Finding>,
    /// The frames of the longest part of the test.
    pub frames: u64,
    pub load_ms: f64,
    pub start_ms: f64,
    pub first_call_ms: Option<f64>,
    pub median_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub memory_bytes: u64,
    /// The bytes that a call leaves behind, where memory grows without end.
    pub leak_bytes_per_call: Option<f64>,
    /// Starts after the filter broke down.
    pub restarts: u64,
    /// The sizes of the pictures.
    pub sizes: Vec<String>,
    /// Settings that it was started with.
    pub settings: u64,
    pub golden: Golden,
}

/// The golden pictures.
#[derive(Default, Serialize)]
pub struct Golden {
    pub compared: u64,
    pub written: u64,
}

/// A finding of a test.
#[derive(Serialize)]
pub struct Finding {
    /// The check that found it.
    pub check: &'static str,
    pub text: String,
    /// The number of other places where the same check found the same.
    pub more: u64,
    #[serde(skip)]
    cause: String,
}

impl Report {
    pub fn new(filter: &Filter) -> Self {
        let manifest = filter.manifest();
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            kind: filter.kind(),
            contract: filter.contract_version().to_string(),
            passed: true,
            problems: Vec::new(),
            notes: Vec::new(),
            frames: 0,
            load_ms: ms(filter.load_time()),
            start_ms: 0.0,
            first_call_ms: None,
            median_ms: None,
            p99_ms: None,
            memory_bytes: 0,
            leak_bytes_per_call: None,
            restarts: 0,
            sizes: Vec::new(),
            settings: 0,
            golden: Golden::default(),
        }
    }

    /// Takes note of something that must be mended.
    pub fn problem(&mut self, check: &'static str, text: impl Display) {
        self.problem_at(check, "", text);
    }

    /// Takes note of something that must be mended, and of the place where it was found: once,
    /// however many there are.
    pub fn problem_at(&mut self, check: &'static str, place: &str, cause: impl Display) {
        self.passed = false;
        add(&mut self.problems, check, place, cause);
    }

    /// Takes note of something that may be as it should.
    pub fn note(&mut self, check: &'static str, text: impl Display) {
        self.note_at(check, "", text);
    }

    /// The same with the place where it was found: once, however many there are.
    pub fn note_at(&mut self, check: &'static str, place: &str, cause: impl Display) {
        add(&mut self.notes, check, place, cause);
    }

    /// Prints it for people.
    pub fn print(&self) {
        let kind = match self.kind {
            FilterKind::Overlay => "overlay",
            FilterKind::Transform => "transform",
            FilterKind::Inspect => "inspect",
        };
        outln!(
            "{} {} ({kind}, contract {})",
            self.name,
            self.version,
            self.contract
        );
        outln!(
            "  loaded in {:.0} ms, started in {:.1} ms",
            self.load_ms,
            self.start_ms
        );
        let time = |time: Option<f64>| match time {
            Some(time) if time < 0.001 => "less than 0.001 ms".to_owned(),
            Some(time) => format!("{time:.3} ms"),
            None => "–".to_owned(),
        };
        outln!(
            "  {} frames: {} a call, 99 of 100 within {}, the first {}",
            self.frames,
            time(self.median_ms),
            time(self.p99_ms),
            time(self.first_call_ms)
        );
        let memory = self.memory_bytes as f64 / f64::from(1 << 20);
        let trend = match self.leak_bytes_per_call {
            Some(leak) => format!("growing by {} a call", bytes(leak)),
            None => "not growing".to_owned(),
        };
        outln!(
            "  memory: {memory:.1} MiB, {trend}; restarts: {}",
            self.restarts
        );
        outln!(
            "  pictures: {}; settings: {}",
            self.sizes.join(", "),
            self.settings
        );
        match (self.golden.compared, self.golden.written) {
            (0, 0) => {}
            (compared, 0) => outln!("  golden pictures: {compared} compared"),
            (_, written) => outln!("  golden pictures: {written} written"),
        }
        for (what, findings) in [("note", &self.notes), ("problem", &self.problems)] {
            for Finding {
                check, text, more, ..
            } in findings
            {
                let more = match more {
                    0 => String::new(),
                    1 => " (and once more)".to_owned(),
                    more => format!(" (and {more} times more)"),
                };
                outln!("{what} ({check}): {text}{more}");
            }
        }
        if self.passed {
            outln!("passed");
        }
    }
}

/// Adds a finding, of which each check has a few. One that is there already is counted.
fn add(findings: &mut Vec<Finding>, check: &'static str, place: &str, cause: impl Display) {
    let cause = sanitize(&cause.to_string());
    let mut same = findings.iter_mut().filter(|it| it.check == check);
    if let Some(known) = same.find(|it| it.cause == cause) {
        known.more += 1;
        return;
    }
    let text = match place {
        "" => cause.clone(),
        place => format!("{}: {cause}", sanitize(place)),
    };
    if findings.iter().filter(|it| it.check == check).count() < MOST {
        findings.push(Finding {
            check,
            text,
            more: 0,
            cause,
        });
    }
}

/// Milliseconds, to the nanosecond.
pub fn ms(time: std::time::Duration) -> f64 {
    time.as_nanos() as f64 / 1e6
}

/// Bytes in the unit that fits.
pub fn bytes(bytes: f64) -> String {
    const KIB: f64 = 1024.0;
    const MIB: f64 = KIB * KIB;
    match bytes {
        ..KIB => format!("{bytes:.0} bytes"),
        ..MIB => format!("{:.1} KiB", bytes / KIB),
        _ => format!("{:.1} MiB", bytes / MIB),
    }
}
