//! A topology and a controller for tests, with a clock that they move.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Controller, PipelineFile, TopologyDeps, Versions};
use crate::chain::FilterCache;
use crate::clock::fake::FakeClock;
use crate::config::Config;
use crate::event_log::EventLog;
use crate::filter::{Compiler, Engine};
use crate::gpio::PrivacyLeds;
use crate::notifications::Notifications;
use crate::private_folder::FolderChoice;
use crate::variables::Variables;

pub fn config(text: &str) -> Config {
    Config::parse(text, "pipeline.yaml", Path::new(".")).unwrap()
}

pub fn deps(clock: &Arc<FakeClock>, listens_elsewhere: bool) -> TopologyDeps {
    let engine = Engine::new(Handle::current(), clock.clone()).unwrap();
    // No test here compiles anything.
    let compiler = Compiler::new(&engine, PathBuf::new(), &FolderChoice::Off).unwrap();
    TopologyDeps {
        cache: FilterCache::new(
            (engine, compiler),
            Variables::default(),
            Notifications::default(),
            EventLog::in_memory(clock.clone()),
        ),
        listens_elsewhere,
        indicators: PrivacyLeds::default(),
        shutdown: CancellationToken::new(),
        tasks: TaskTracker::new(),
    }
}

/// Runs the pipeline `text`, written to `pipeline.yaml` of `folder`.
pub fn controller(clock: &Arc<FakeClock>, folder: &Path, text: &str) -> Controller {
    let path = folder.join("pipeline.yaml");
    std::fs::write(&path, text).unwrap();
    let versions = Versions::open(&FolderChoice::Off, &path, clock.clone());
    let file = PipelineFile::new(path, None);
    let config = file.load().unwrap();
    Controller::start(deps(clock, false), config, (file, versions)).unwrap()
}
