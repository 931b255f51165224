//! `mattebox versions` and `mattebox restore`: earlier versions of a pipeline file, with or without
//! a server.

use std::path::Path;

use super::check::check_but_for_token;
use super::output::{out, outln};
use super::{Common, Failure, VersionsArgs, start_loader, start_runtime};
use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::{Config, masked};
use crate::control::{Version, Versions, replace_file, revision};

/// Lists the versions, newest first, or shows the one of this `id`.
pub fn show(id: Option<&str>, args: &VersionsArgs) -> Result<(), Failure> {
    let versions = open(args)?;
    match id {
        Some(id) => outln!("{}", masked(find(&versions, id)?.text.expose()).trim_end()),
        None => out!("{}", table(&versions, &args.config)),
    }
    Ok(())
}

/// Writes the version of this `id` into the file. A running server takes it up.
pub fn restore(id: &str, args: &VersionsArgs, common: &Common) -> Result<(), Failure> {
    let versions = open(args)?;
    let version = find(&versions, id)?;
    let text = version.text.expose();
    let file = &args.config;
    let old = Config::read_text(file)?;
    let folder = Config::folder_of(file);
    let config = Config::parse(text, &file.display().to_string(), folder)?;
    let runtime = start_runtime()?;
    check_but_for_token(&start_loader(&runtime, common)?, &config)?;
    let replaced = replace_file(file, (&old, text), &versions, &SystemClock);
    replaced.map_err(|error| Failure::Run(error.to_string()))?;
    outln!("{} is what it was at {}", file.display(), version.time());
    Ok(())
}

fn open(args: &VersionsArgs) -> Result<Versions, Failure> {
    let versions = Versions::open(&args.state.folder(), &args.config, Arc::new(SystemClock));
    match versions.folder() {
        Some(_) => Ok(versions),
        None => Err(Failure::Run(
            "there is no folder with earlier versions; name it with --state, as for the server"
                .to_owned(),
        )),
    }
}

/// The version of this id, or of this beginning of one.
fn find(versions: &Versions, id: &str) -> Result<Version, Failure> {
    let all = versions.list().into_iter();
    let mut found: Vec<_> = all.filter(|it| it.id.starts_with(id)).collect();
    let count = found.len();
    match found.pop() {
        Some(version) if count == 1 => Ok(version),
        Some(_) => Err(Failure::Usage(format!(
            "{count} versions' ids start with `{id}`; `mattebox versions` lists them"
        ))),
        None => Err(Failure::Usage(format!(
            "no version is called `{id}`; `mattebox versions` lists them"
        ))),
    }
}

/// The revision of `file` as it is now; empty where it can't be read.
fn current(file: &Path) -> String {
    let text = Config::read_text(file);
    text.map(|text| revision(&text)).unwrap_or_default()
}

fn table(versions: &Versions, file: &Path) -> String {
    let (versions, current) = (versions.list(), current(file));
    if versions.is_empty() {
        eprintln!(
            "there are no versions yet: the server keeps the first when it starts with {}",
            file.display()
        );
    }
    let line = |version: &Version| {
        let (id, time, by) = (&version.id, version.time(), &version.by);
        let mark = if *id == current { "  (current)" } else { "" };
        format!("{id}  {time}  {by}{mark}\n")
    };
    versions.iter().map(line).collect()
}
