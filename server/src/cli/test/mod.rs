//! `mattebox test`: whether a filter keeps the contract, how fast it is, and what its memory does.

mod checks;
mod golden;
mod memory;
mod report;
mod scene;
mod subject;
mod variants;

use std::path::Path;

use serde_json::{Map, Value};

use super::output::outln;
use super::{Failure, TestArgs, start_loader, start_runtime};
use crate::chain::{self, Check, FilterCache};
use crate::config::{Config, FilterRef};
use crate::filter::{FilterKind, Wanted};
use crate::variables::{Snapshot, check_name};
use report::Report;
use scene::Scene;
use subject::Subject;

/// The sizes of made pictures: usual ones, odd ones, and as small and as narrow as there are.
const SIZES: [(u32, u32); 11] = [
    (1, 1),
    (2, 3),
    (8, 8),
    (17, 33),
    (160, 120),
    (321, 241),
    (640, 480),
    (90, 1200),
    (1280, 720),
    (1920, 1080),
    (4000, 12),
];
/// Those of them that golden pictures are made of.
const GOLDEN: [(u32, u32); 2] = [(321, 241), (640, 480)];
/// The size of the frames that are measured.
const MEASURED: (u32, u32) = (1920, 1080);
/// Other small ones, among which it changes.
const CHANGED: [(u32, u32); 2] = [(321, 241), (160, 120)];

pub fn run(args: &TestArgs) -> Result<(), Failure> {
    let settings = settings(args)?;
    let given = variables(args)?;
    let runtime = start_runtime()?;
    let cache = start_loader(&runtime, &args.common)?;
    let config = config(&cache, args, &settings)?;
    let trial = chain::trial(&cache, &config).map_err(|wrong| config.error(wrong))?;
    let mut report = Report::new(&trial.filter);
    let mut subject = Subject::new(trial);
    let mut scenes = Vec::new();
    for size in SIZES {
        scenes.push(Scene::made(size).map_err(Failure::run)?);
    }
    let made = scenes.len();
    for path in &args.pictures {
        scenes.push(Scene::read(path).map_err(Failure::run)?);
    }
    let of = |size: (u32, u32)| scenes.iter().find(|it| it.size == size).ok_or_else(unmade);
    checks::settings(&mut subject, of((640, 480))?, &settings, &mut report);
    checks::frames(&mut subject, of(MEASURED)?, args.frames, &mut report);
    checks::sizes(&mut subject, &scenes, &given, &mut report);
    let [one, other] = CHANGED;
    checks::changes(&mut subject, [of(one)?, of(other)?], &given, &mut report);
    if let Some(path) = &args.golden {
        let folder = golden::Folder {
            path,
            update: args.update,
        };
        let mut chosen = vec![of(GOLDEN[0])?, of(GOLDEN[1])?];
        chosen.extend(&scenes[made..]);
        golden::compare(&mut subject, &folder, &chosen, &given, &mut report)
            .map_err(Failure::run)?;
    }
    tell(&report, args.json)
}

fn unmade() -> Failure {
    Failure::run("a picture of this size was not made")
}

fn tell(report: &Report, is_json: bool) -> Result<(), Failure> {
    match is_json {
        true => {
            let json = serde_json::to_string_pretty(report).map_err(Failure::run)?;
            outln!("{json}");
        }
        false => report.print(),
    }
    match report.problems.len() {
        0 => Ok(()),
        1 => Err(Failure::run("1 problem")),
        count => Err(Failure::Run(format!("{count} problems"))),
    }
}

fn settings(args: &TestArgs) -> Result<Map<String, Value>, Failure> {
    let Some(text) = &args.with else {
        return Ok(Map::new());
    };
    let wrong = |error| Failure::Usage(format!("--with: this is no JSON object: {error}"));
    serde_json::from_str(text).map_err(wrong)
}

fn variables(args: &TestArgs) -> Result<Snapshot, Failure> {
    let variable = |text: &String| {
        let (name, text) = text
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("--variable {text}: expected NAME=TEXT")))?;
        // Those that the server measures itself are variables here, too.
        let is_measured = name.starts_with("gpio.") || name.starts_with("time.");
        if !is_measured {
            check_name(name).map_err(Failure::usage)?;
        }
        Ok((name.to_owned(), text.to_owned()))
    };
    args.variables.iter().map(variable).collect()
}

/// A pipeline with the filter as its only step, which gets the rights that it needs.
fn config(
    cache: &FilterCache,
    args: &TestArgs,
    settings: &Map<String, Value>,
) -> Result<Config, Failure> {
    let filter = FilterRef::from(args.file.clone());
    let clock = cache.engine().clock().clone();
    let check = Check::new(&*clock, Wanted::ByChange);
    let loaded = cache.load(("test", &filter), Path::new("."), &check);
    let loaded = loaded.map_err(Failure::run)?;
    let manifest = loaded.manifest();
    let mut rights = String::new();
    if manifest.wants_view() && manifest.kind == FilterKind::Overlay {
        rights += "\n        sees: all";
    }
    if manifest.wants_publish() && manifest.kind != FilterKind::Inspect {
        rights += "\n        publish: true";
    }
    let name = Value::from(args.file.clone());
    let with = Value::Object(settings.clone());
    // A text in JSON is one in YAML, too.
    let text = format!(
        "streams:\n  test:\n    filters:\n      - use: {name}{rights}\n        with: {with}\n"
    );
    Ok(Config::parse(&text, "the test", Path::new("."))?)
}
