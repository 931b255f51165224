//! `mattebox versions` and `mattebox restore`: earlier versions of a pipeline file, with or without a server.

use super::check::check_but_for_token;
use super::{Common, Failure, VersionsArgs, start_loader, start_runtime};
use crate::config::{Pipeline, masked};
use crate::live::{Version, Versions, replace_file};

/// Lists the versions, newest first, or shows the one of this `id`.
pub fn show(id: Option<&str>, args: &VersionsArgs) -> Result<(), Failure> {
    let versions = open(args)?;
    match id {
        Some(id) => println!("{}", masked(find(&versions, id)?.text.expose()).trim_end()),
        None => print!("{}", table(&versions.list())),
    }
    Ok(())
}

/// Writes the version of this `id` into the file. A running server takes it up.
pub fn restore(id: &str, args: &VersionsArgs, common: &Common) -> Result<(), Failure> {
    let versions = open(args)?;
    let version = find(&versions, id)?;
    let text = version.text.expose();
    let file = &args.config;
    let old = Pipeline::read_text(file)?;
    let folder = Pipeline::folder_of(file);
    let pipeline = Pipeline::parse(text, &file.display().to_string(), folder)?;
    let runtime = start_runtime()?;
    check_but_for_token(&start_loader(&runtime, common)?, &pipeline)?;
    replace_file(file, (&old, text), &versions).map_err(Failure::Run)?;
    println!("{} is what it was at {}", file.display(), version.time());
    Ok(())
}

fn open(args: &VersionsArgs) -> Result<Versions, Failure> {
    let versions = Versions::open(&args.state.folder(), &args.config);
    match versions.folder() {
        Some(_) => Ok(versions),
        None => Err(Failure::Run("no folder keeps versions".to_owned())),
    }
}

fn find(versions: &Versions, id: &str) -> Result<Version, Failure> {
    let unknown = || {
        Failure::Usage(format!(
            "no version is called `{id}`; `mattebox versions` lists them"
        ))
    };
    versions.find(id).ok_or_else(unknown)
}

fn table(versions: &[Version]) -> String {
    let line = |version: &Version| {
        let (id, time, by) = (&version.id, version.time(), &version.by);
        format!("{id}  {time}  {by}\n")
    };
    versions.iter().map(line).collect()
}
