//! The parts of a test, each of which adds to the report.

use std::time::Duration;

use serde_json::{Map, Value};

use super::memory::{leak, suspicion};
use super::report::{Report, bytes, ms};
use super::scene::{Moment, Scene};
use super::subject::{Call, Subject};
use super::variants::variants;
use crate::chain::Answer;
use crate::filter::{CallError, FilterKind};
use crate::variables::Snapshot;

/// The time between two frames of a usual camera, in milliseconds.
const FRAME_MS: u64 = 33;
/// Starts with the same settings.
const STARTS: u64 = 10;
/// The most that the starts with the same settings take, and those with others.
const STARTS_TIME: Duration = Duration::from_secs(10);
/// The most calls of the search for leaks, and the most time that it takes.
const LEAK_CALLS: u64 = 20_000;
const LEAK_TIME: Duration = Duration::from_secs(3);
/// The most time to see whether memory that grows is collected late.
const COLLECT_TIME: Duration = Duration::from_secs(60);

/// Pictures of many sizes, each with and without variables and regions.
pub fn sizes(subject: &mut Subject, scenes: &[Scene], given: &Snapshot, report: &mut Report) {
    for scene in scenes {
        report.sizes.push(scene.name.clone());
        let with = Moment {
            variables: given.clone(),
            has_regions: true,
            ..Moment::default()
        };
        for moment in [Moment::default(), with] {
            let Some(call) = subject.call(scene, &moment, report) else {
                return;
            };
            check(subject, (scene, &moment), &call, report);
        }
    }
}

/// Checks the answer of a call for a picture of any size.
fn check(subject: &Subject, (scene, moment): (&Scene, &Moment), call: &Call, report: &mut Report) {
    match &call.answer {
        Err(CallError::Refused(why)) => {
            report.note_at("sizes", &format!("the filter refuses {}", scene.name), why);
        }
        Err(error) => report.problem_at("sizes", &format!("on {}", scene.name), error),
        Ok(Answer::Unchanged) if !call.is_first => {
            if let Some(Answer::Drawing(new)) = subject.fresh(scene, moment)
                && scene.painted(&new) != subject.painted(scene)
            {
                let with = match moment.has_regions {
                    true => "with other variables and regions",
                    false => "with another size",
                };
                let text = format!(
                    "it answers `unchanged` for {} {with}, but a new instance draws something else",
                    scene.name
                );
                report.problem("unchanged", text);
            }
        }
        Ok(_) => {}
    }
}

/// Starts with the same settings, again and again: as often as a change of the settings would, in
/// the same process. Then with others that the schema allows.
pub fn settings(
    subject: &mut Subject,
    scene: &Scene,
    base: &Map<String, Value>,
    report: &mut Report,
) {
    let end = subject.now() + STARTS_TIME;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        match subject.start() {
            Ok(took) => times.push(took),
            Err(error) => return report.problem("start", error),
        }
        if subject.now() > end {
            break;
        }
    }
    times.sort_unstable();
    report.start_ms = times.get(times.len() / 2).map_or(0.0, |time| ms(*time));
    report.settings += 1;
    let end = subject.now() + STARTS_TIME;
    let usual = subject.trial.settings.config_json.clone();
    let filter = subject.trial.filter.clone();
    for settings in variants(filter.schema(), base) {
        if subject.now() > end {
            break;
        }
        let changed = changed(base, &settings);
        let Ok(completed) = filter.schema().complete(&Value::Object(settings)) else {
            continue;
        };
        subject.trial.settings.config_json = completed.to_string();
        report.settings += 1;
        variant(subject, scene, &changed, report);
    }
    subject.trial.settings.config_json = usual;
    if let Err(error) = subject.start() {
        report.problem("start", error);
    }
}

/// The setting that is another one, in words.
fn changed(base: &Map<String, Value>, settings: &Map<String, Value>) -> String {
    let mut settings = settings.iter();
    let changed = settings.find(|(key, value)| base.get(*key) != Some(value));
    changed.map_or_else(String::new, |(key, value)| format!("`{key}: {value}`"))
}

fn variant(subject: &mut Subject, scene: &Scene, changed: &str, report: &mut Report) {
    if let Err(start) = subject.start() {
        let place = format!("{changed} is allowed by the schema; the filter");
        return match is_choice(&start.error) {
            true => report.note_at("settings", &place, start),
            false => report.problem_at("settings", &place, start),
        };
    }
    let restarts = report.restarts;
    let Some(call) = subject.call(scene, &Moment::default(), report) else {
        return;
    };
    // These are not the settings that count.
    report.restarts = restarts;
    if let Err(error) = call.answer {
        let place = format!("with {changed}");
        match is_choice(&error) {
            true => report.note_at("settings", &place, error),
            false => report.problem_at("settings", &place, error),
        }
    }
}

/// Whether the filter may fail so with settings that its schema allows, and be right.
fn is_choice(error: &CallError) -> bool {
    matches!(error, CallError::Refused(_)) || error.is_limit()
}

/// Frames as from a camera: the time of a call, and how memory grows.
pub fn frames(subject: &mut Subject, scene: &Scene, frames: u64, report: &mut Report) {
    let mut times = Vec::new();
    let mut memory = Samples::default();
    let mut sight = Sight::default();
    for sequence in 0..frames {
        let Some(call) = subject.call(scene, &camera(sequence), report) else {
            break;
        };
        if call.is_first && report.first_call_ms.is_none() {
            report.first_call_ms = Some(ms(call.took));
        } else {
            times.push(call.took);
        }
        report.frames += 1;
        memory.add(&call);
        sight.add(&call, scene);
        if let Err(error) = call.answer {
            report.problem_at("frames", &format!("on frame {sequence}"), error);
        }
    }
    sight.judge(report);
    times.sort_unstable();
    let rank = |percent: usize| times.get((times.len() * percent).div_ceil(100).max(1) - 1);
    report.median_ms = rank(50).map(|time| ms(*time));
    report.p99_ms = rank(99).map(|time| ms(*time));
    let moments = (frames..).map(camera);
    collect(subject, scene, moments, (&mut memory, report));
    judge(subject, &memory, (scene, "each frame"), report);
}

/// The moment of a camera's frame of this number.
fn camera(sequence: u64) -> Moment {
    Moment {
        sequence,
        ms: sequence * FRAME_MS,
        ..Moment::default()
    }
}

/// Goes on while memory seems to grow without end, with twice as many calls each time: a garbage
/// collector may let a lot come together before it begins. It ends when that is seen, or when the
/// memory is nearly used up, or after some time.
fn collect(
    subject: &mut Subject,
    scene: &Scene,
    mut moments: impl Iterator<Item = Moment>,
    (memory, report): (&mut Samples, &mut Report),
) {
    let end = subject.now() + COLLECT_TIME;
    let most = subject.trial.settings.memory_limit / 4 * 3;
    while leak(&memory.longest).is_some() {
        let calls = memory.present.len() * 2;
        while memory.present.len() < calls {
            let is_over = subject.now() > end || memory.present.last() > Some(&most);
            let Some(moment) = moments.next().filter(|_| !is_over) else {
                return;
            };
            match subject.call(scene, &moment, report) {
                Some(call) if call.answer.is_ok() => memory.add(&call),
                _ => return,
            }
        }
        if leak(&memory.longest).is_none() {
            let most = memory.present.last().map_or(0.0, |it| *it as f64);
            let text = format!(
                "memory grows to {} before it is collected; `memory-limit` should be above that",
                bytes(most)
            );
            report.note("memory", text);
        }
    }
}

/// As many calls as a few seconds have room for, in which all that may change does: what little
/// each leaves behind is then seen, too.
pub fn changes(subject: &mut Subject, scenes: [&Scene; 2], given: &Snapshot, report: &mut Report) {
    if report.leak_bytes_per_call.is_some() {
        return;
    }
    let mut memory = Samples::default();
    let end = subject.now() + LEAK_TIME;
    for sequence in 0..LEAK_CALLS {
        let is_odd = sequence % 2 == 1;
        let moment = Moment {
            sequence,
            ms: sequence * 1000,
            variables: if is_odd {
                given.clone()
            } else {
                Snapshot::default()
            },
            has_regions: is_odd,
        };
        let scene = scenes[(sequence / 2 % 2) as usize];
        let Some(call) = subject.call(scene, &moment, report) else {
            break;
        };
        memory.add(&call);
        if let Err(error) = call.answer {
            report.problem_at("changes", &format!("on {}", scene.name), error);
        }
        if subject.now() > end {
            break;
        }
    }
    judge(subject, &memory, (scenes[0], "each call of a row"), report);
}

/// The memory after each call, of the instance that made the most.
#[derive(Default)]
struct Samples {
    longest: Vec<u64>,
    present: Vec<u64>,
}

impl Samples {
    fn add(&mut self, call: &Call) {
        if call.is_first {
            self.present.clear();
        }
        self.present.push(call.memory);
        if self.present.len() > self.longest.len() {
            self.longest.clone_from(&self.present);
        }
    }
}

/// Whether anything that an overlay draws lies on the picture.
#[derive(Default)]
struct Sight {
    is_seen: bool,
    outside: Option<String>,
}

impl Sight {
    fn add(&mut self, call: &Call, scene: &Scene) {
        let Ok(Answer::Drawing(drawing)) = &call.answer else {
            return;
        };
        let (width, height) = scene.size;
        self.is_seen |= !drawing.is_empty_on(width, height);
        if let (None, Some(layer)) = (&self.outside, drawing.outside(width, height)) {
            self.outside = Some(format!(
                "all that it draws lies outside of the picture of {width}×{height}: its first \
                 layer has {}×{} pixels at x {}, y {}",
                layer.width, layer.height, layer.x, layer.y
            ));
        }
    }

    fn judge(self, report: &mut Report) {
        if let Some(text) = self.outside.filter(|_| !self.is_seen) {
            report.note("frames", text);
        }
    }
}

/// Adds a leak to the report, with when it ends the filter.
fn judge(subject: &Subject, memory: &Samples, (scene, when): (&Scene, &str), report: &mut Report) {
    let Some(leak) = leak(&memory.longest) else {
        return;
    };
    report.leak_bytes_per_call = Some(leak.round());
    let (width, height) = scene.size;
    let picture = f64::from(width) * f64::from(height) * 3.0;
    let limit = subject.trial.settings.memory_limit;
    let first = memory.longest.first().copied().unwrap_or(0);
    let calls = (limit.saturating_sub(first) as f64 / leak).ceil();
    let what = match subject.trial.filter.kind() {
        FilterKind::Transform => suspicion(leak, picture),
        FilterKind::Overlay | FilterKind::Inspect => suspicion(leak, f64::INFINITY),
    };
    let text = format!(
        "{when} leaves {} behind: {what}. The `memory-limit` of {} is reached after {calls} calls",
        bytes(leak),
        bytes(limit as f64)
    );
    report.problem("memory", text);
}
