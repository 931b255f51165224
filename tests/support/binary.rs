//! The server's binary. Cargo builds it for the tests of `server`, and not for these: if it is
//! missing or older than its source, as when these were asked for alone, it is built here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::SystemTime;

static BINARY: LazyLock<Result<PathBuf, String>> = LazyLock::new(current);

/// Where it lies.
pub fn path() -> &'static Path {
    match &*BINARY {
        Ok(path) => path,
        Err(why) => panic!("{why}"),
    }
}

/// Beside the folder of this test, which is `target/PROFILE/deps`.
fn current() -> Result<PathBuf, String> {
    let test = env::current_exe().map_err(|error| format!("this test can't be found: {error}"))?;
    let folder = test.parent().and_then(Path::parent);
    let folder = folder.ok_or("this test is not in a folder of cargo's")?;
    let binary = folder
        .join("mattebox")
        .with_extension(env::consts::EXE_EXTENSION);
    if is_current(&binary) {
        return Ok(binary);
    }
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    build(profile)?;
    match binary.is_file() {
        true => Ok(binary),
        false => Err(format!("`cargo build` did not write {}", binary.display())),
    }
}

/// Whether it is younger than all that cargo built it from, which stands in a file beside it as a
/// rule of a makefile.
fn is_current(binary: &Path) -> bool {
    let Ok(rule) = fs::read_to_string(binary.with_extension("d")) else {
        return false;
    };
    let Some(built) = modified(binary) else {
        return false;
    };
    let rule = rule.replace("\\ ", "\0");
    let sources = rule.split_whitespace().skip(1);
    sources
        .map(|source| PathBuf::from(source.replace('\0', " ")))
        .chain([super::repository("Cargo.lock")])
        .all(|source| modified(&source).is_some_and(|changed| changed <= built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

fn build(profile: &str) -> Result<(), String> {
    let command = format!("cargo build --profile {profile} --bin mattebox");
    let cargo = env::var_os("CARGO")
        .ok_or_else(|| format!("the server's binary is missing or old: `{command}` builds it"))?;
    eprintln!("the server's binary is missing or old: `{command}`");
    let built = Command::new(cargo)
        .current_dir(super::repository(""))
        .args(command.split(' ').skip(1))
        .status();
    match built {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{command}` failed ({status})")),
        Err(error) => Err(format!("`{command}` can't be run: {error}")),
    }
}
