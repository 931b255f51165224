//! Watches the files that make up the pipeline, and reloads it when one of them has changed.
//!
//! Their folders are what is watched: editors put a new file in the old one's place. Whether a file
//! has really changed is told by its metadata, so that it doesn't matter what else lies in those
//! folders, or how a change came about (symbolic links). The metadata is looked at now and then
//! without being told, too: changes made by another machine, or through another mount, are not told
//! of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::Controller;
use super::file_read::{FileRead, FileStamps, Progress, file_stamps};
use super::file_writes::LONGEST_WRITE;
use super::open_writes::OpenWrites;
use super::plan::check_parts;
use crate::clock::Clock;
use crate::config::{Config, FilterRef, StreamConfig};
use crate::supervise::keep_running;

/// The time for which the files must have been left alone: writing one takes more than one event.
const QUIET: Duration = Duration::from_millis(40);
/// A folder in which something goes on all the time is looked at this often.
const LONGEST_WAIT: Duration = Duration::from_millis(400);
/// The interval at which the files are looked at while nothing is told of them.
const RESCAN_INTERVAL: Duration = Duration::from_secs(2);
/// The interval at which a file is read anew that was empty, or being written meanwhile.
const TRIES: usize = 5;

/// Watches until `end`.
pub async fn watch(controller: Controller, clock: Arc<dyn Clock>, end: CancellationToken) {
    let watch = || Watch::new(controller.clone(), clock.clone()).run();
    let watching = keep_running("watching of files", &*clock, &end, watch);
    end.run_until_cancelled(watching).await;
}

struct Watch {
    controller: Controller,
    clock: Arc<dyn Clock>,
    /// Notified whenever something happens in one of the folders.
    changed: Arc<Notify>,
    folders: Folders,
    /// The files as they were before they were read last.
    known: FileStamps,
    /// The number of the last reading, and how many came before it since all files were whole.
    reading: u64,
    tries: usize,
    parts_were_wrong: bool,
    progress: (UnboundedSender<Progress>, UnboundedReceiver<Progress>),
}

impl Watch {
    fn new(controller: Controller, clock: Arc<dyn Clock>) -> Self {
        let changed = Arc::new(Notify::new());
        let folders = Folders::new(changed.clone(), controller.0.open_writes.clone());
        Self {
            controller,
            clock,
            changed,
            folders,
            known: FileStamps::new(),
            reading: 0,
            tries: 0,
            parts_were_wrong: false,
            progress: unbounded_channel(),
        }
    }

    async fn run(mut self) {
        // What was changed since the start, before anybody watched.
        self.reload();
        loop {
            let now_and_then = self.clock.sleep_until(self.clock.now() + RESCAN_INTERVAL);
            tokio::select! {
                () = self.changed.notified() => self.reload_if_changed().await,
                () = self.controller.0.retries.file_is_due() => {
                    self.reload_if_changed_or_new().await;
                }
                () = now_and_then => {
                    self.controller.renew_if_more_memory();
                    let parts = self.parts_are_wrong();
                    let are_mended = std::mem::replace(&mut self.parts_were_wrong, parts) && !parts;
                    if self.have_changed() {
                        self.reload_if_changed().await;
                    } else if are_mended {
                        self.reload();
                    }
                }
                progress = self.progress.1.recv() => if let Some(progress) = progress {
                    self.go_on(progress).await;
                }
            }
        }
    }

    /// Whether the file was refused, and what it names beside filters (recordings, pins) is wrong:
    /// those files are not watched.
    fn parts_are_wrong(&self) -> bool {
        let reloads = self.controller.0.reloads.borrow();
        let attempted = reloads
            .attempted
            .as_ref()
            .filter(|_| reloads.error.is_some());
        let snapshot = self.controller.current();
        attempted.is_some_and(|it| !check_parts(it, Some(&snapshot.config)).is_empty())
    }

    fn have_changed(&self) -> bool {
        file_stamps(self.known.keys()) != self.known
    }

    async fn reload_if_changed(&mut self) {
        self.settle(&self.known).await;
        let now = file_stamps(self.known.keys());
        if now != self.known && !self.is_in_force(&now) {
            self.reload();
        }
    }

    /// Whether the pipeline file alone is another than `known`, and is in force already, since a
    /// change by the API has written or taken it up: its streams need not look at their filters
    /// then. They are `known` in this state from now on.
    fn is_in_force(&mut self, now: &FileStamps) -> bool {
        let file = self.controller.0.file.path();
        let are_known = now.iter().all(|(path, state)| match path == file {
            true => self.controller.is_in_force(state),
            false => self.known.get(path) == Some(state),
        });
        let is_in_force = are_known && !self.names_others();
        if is_in_force {
            self.known = now.clone();
        }
        is_in_force
    }

    /// Goes on as the reading that was begun last tells; older ones are of no interest.
    async fn go_on(&mut self, progress: Progress) {
        match progress {
            Progress::Torn(number) if number == self.reading => {
                self.tries += 1;
                self.settle(&self.known).await;
                self.reload();
            }
            // Files that nobody watched until now are read once more.
            Progress::Read(number) if number == self.reading && self.names_others() => {
                self.reload_if_changed_or_new().await;
            }
            Progress::Whole(number) if number == self.reading => self.tries = 0,
            _ => {}
        }
    }

    /// Whether the pipeline names files that were not looked at.
    fn names_others(&self) -> bool {
        let named = files(&self.controller);
        !named.iter().all(|file| self.known.contains_key(file))
    }

    async fn reload_if_changed_or_new(&mut self) {
        if self.have_changed() {
            self.settle(&self.known).await;
        }
        self.reload();
    }

    /// Waits until the `known` files are left alone.
    async fn settle(&self, known: &FileStamps) {
        let open_writes = &self.controller.0.open_writes;
        let start = self.clock.now();
        loop {
            let quiet = self.clock.sleep_until(self.clock.now() + QUIET);
            let is_quiet = tokio::select! {
                biased;
                () = self.changed.notified() => false,
                () = quiet => true,
            };
            let waited = self.clock.now() - start;
            if waited >= LONGEST_WRITE {
                open_writes.forget();
                return;
            }
            let is_time = is_quiet || waited >= LONGEST_WAIT;
            if !is_time || open_writes.have_any(known.keys()) {
                continue;
            }
            if waited >= LONGEST_WAIT || !is_about_to_be_written(&file_stamps(known.keys()), known)
            {
                return;
            }
        }
    }

    /// Begins to reload the pipeline, and remembers its files as they were before they were read:
    /// what has changed since is found by the next look.
    fn reload(&mut self) {
        let files = files(&self.controller);
        self.folders.watch(&files);
        self.known = file_stamps(&files);
        self.reading += 1;
        let reading = FileRead::watched(
            self.reading,
            (self.known.clone(), self.controller.0.open_writes.clone()),
            self.tries + 1 >= TRIES,
            self.progress.0.clone(),
        );
        let controller = self.controller.clone();
        tokio::spawn(async move { controller.reload_as(reading).await });
    }
}

/// Whether a file has just become empty.
fn is_about_to_be_written(now: &FileStamps, known: &FileStamps) -> bool {
    let mut states = now.iter();
    states.any(|(path, state)| state.is_empty() && known.get(path) != Some(state))
}

/// The pipeline file and all that it names, as it is in force and as it was read last.
fn files(controller: &Controller) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::from([controller.0.file.path().to_owned()]);
    named(&controller.current().config, &mut files);
    if let Some(attempted) = &controller.0.reloads.borrow().attempted {
        named(attempted, &mut files);
    }
    files
}

fn named(config: &Config, files: &mut BTreeSet<PathBuf>) {
    for stream in &config.streams {
        files_of(stream, &config.folder, files);
    }
    files.extend(super::files_of_tls(config));
    let access = config.access.secrets().map(|(_, secret)| secret);
    for secret in config.admin_token.iter().chain(access) {
        files.extend(secret.path(&config.folder));
    }
}

/// The files that the filters of `stream` are and read.
pub(super) fn files_of(stream: &StreamConfig, folder: &Path, files: &mut BTreeSet<PathBuf>) {
    for step in &stream.filters {
        if let FilterRef::Path(path) = &step.filter {
            files.insert(folder.join(path));
        }
        // Not all of these texts are files' names; those that are none never change.
        files.extend(step.granted_assets().iter().map(|name| folder.join(name)));
    }
}

/// The folders that are watched.
struct Folders {
    /// None where the system has none to give.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    /// None yet; what happens in them is told to `changed` and `open_writes`.
    fn new(changed: Arc<Notify>, open_writes: OpenWrites) -> Self {
        let tell = move |event: notify::Result<notify::Event>| match event {
            Ok(event) => {
                open_writes.note(&event);
                if !matches!(event.kind, EventKind::Access(_)) {
                    changed.notify_one();
                }
            }
            // Events may have been lost.
            Err(_) => changed.notify_one(),
        };
        let watcher = notify::recommended_watcher(tell).inspect_err(|error| {
            let every = RESCAN_INTERVAL;
            tracing::warn!(
                ?every,
                %error,
                "folders can't be watched here: files are looked at instead"
            );
        });
        Self {
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
        }
    }

    /// Watches the folders of `files`, where they are and where symbolic links lead.
    fn watch<'a>(&mut self, files: impl IntoIterator<Item = &'a PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let mut wanted = BTreeSet::new();
        for file in files {
            let real = file.canonicalize().ok();
            for path in [Some(file), real.as_ref()].into_iter().flatten() {
                let folder = Config::folder_of(path);
                wanted.extend(folder.is_dir().then(|| folder.to_owned()));
            }
        }
        for gone in self.watched.difference(&wanted) {
            // It may not exist any more.
            watcher.unwatch(gone).ok();
        }
        for new in wanted.difference(&self.watched) {
            if let Err(error) = watcher.watch(new, RecursiveMode::NonRecursive) {
                let (path, every) = (new.display(), RESCAN_INTERVAL);
                tracing::warn!(
                    %path,
                    ?every,
                    %error,
                    "a folder can't be watched: its files are looked at instead"
                );
            }
        }
        self.watched = wanted;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::super::tests::controller;
    use super::super::{Author, Edit, EditRights};
    use super::*;
    use crate::clock::fake::FakeClock;

    const TEXT: &str = "streams:\n  a:\n    title: One\n";

    struct Watched {
        folder: tempfile::TempDir,
        clock: Arc<FakeClock>,
        watch: Watch,
    }

    impl Watched {
        /// A pipeline that has been read once.
        async fn new() -> Self {
            let (folder, clock) = (tempfile::tempdir().unwrap(), FakeClock::new());
            let controller = controller(&clock, folder.path(), TEXT);
            let watch = Watch::new(controller, clock.clone());
            let mut watched = Self {
                folder,
                clock,
                watch,
            };
            watched.watch.reload();
            watched.read_is_over().await;
            watched
        }

        fn write(&self, text: &str) {
            let path = self.folder.path().join("pipeline.yaml");
            crate::files::write(&path, text.as_bytes()).unwrap();
        }

        /// Waits until the last reading is over.
        async fn read_is_over(&mut self) {
            loop {
                let progress = self.watch.progress.1.recv().await.unwrap();
                if progress == Progress::Whole(self.watch.reading) {
                    return;
                }
                if progress == Progress::Torn(self.watch.reading) {
                    self.watch.reload();
                }
            }
        }

        /// Looks at the files, with time going on for as long as they are to be left alone; gives
        /// whether they are read then.
        async fn look(&mut self) -> bool {
            let before = self.watch.reading;
            {
                let looking = self.watch.reload_if_changed();
                tokio::pin!(looking);
                loop {
                    tokio::select! {
                        () = &mut looking => break,
                        () = self.clock.sleeper(QUIET) => self.clock.advance(QUIET),
                    }
                }
            }
            let reads = self.watch.reading > before;
            if reads {
                self.read_is_over().await;
            }
            reads
        }

        fn title(&self) -> Option<String> {
            let snapshot = self.watch.controller.current();
            snapshot.config.streams[0].title.clone()
        }

        async fn edit(&self, title: &str) {
            let config = serde_json::json!({ "title": title });
            let edit = Edit::PutStream {
                stream: "a".to_owned(),
                config: config.as_object().unwrap().clone(),
            };
            let author = Author::Api {
                method: "PUT".to_owned(),
                path: "/api/v1/streams/a".to_owned(),
                peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
                user: None,
            };
            let controller = &self.watch.controller;
            while controller.is_written_to() {
                tokio::task::yield_now().await;
            }
            controller
                .edit(edit, author, EditRights::All)
                .await
                .unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_written_is_read_and_what_is_as_it_was_is_not() {
        let mut watched = Watched::new().await;
        assert!(!watched.look().await);
        watched.write(&TEXT.replace("One", "Another"));
        assert!(watched.look().await);
        assert_eq!(watched.title().as_deref(), Some("Another"));
        assert!(!watched.look().await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_servers_own_write_is_not_read_again_but_what_is_written_into_it_is() {
        let mut watched = Watched::new().await;
        for round in 0..20 {
            watched.edit("One").await;
            assert!(!watched.look().await, "round {round}");
            watched.edit("Two").await;
            let text = watched.watch.controller.current().config.file.text.clone();
            // As long, and within the same step of the file system's clock.
            watched.write(&text.replace("Two", "Six"));
            assert!(watched.look().await, "round {round}");
            assert_eq!(watched.title().as_deref(), Some("Six"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_wrong_file_is_told_of_until_it_is_right_again() {
        let mut watched = Watched::new().await;
        watched.write("streams: { a: { titel: One } }");
        assert!(watched.look().await);
        let error = |watched: &Watched| watched.watch.controller.report().error;
        assert!(error(&watched).unwrap().message.contains("titel"));
        watched.write(TEXT);
        assert!(watched.look().await);
        assert_eq!(error(&watched), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_that_the_pipeline_comes_to_name_are_watched() {
        let mut watched = Watched::new().await;
        let token = watched.folder.path().join("token");
        std::fs::write(&token, "a long enough token").unwrap();
        watched.write(&format!("admin-token: {{ file: token }}\n{TEXT}"));
        assert!(watched.look().await && watched.watch.names_others());
        watched.watch.reload();
        watched.read_is_over().await;
        assert!(!watched.look().await);
        std::fs::write(&token, "another token of such a length").unwrap();
        assert!(watched.look().await);
        let snapshot = watched.watch.controller.current();
        let token = &snapshot.credentials.tokens[0];
        assert_eq!(token.text.expose(), "another token of such a length");
    }
}
