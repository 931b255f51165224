//! The server's binary. Cargo builds it for the tests of `server`, and not for these: if it is
//! missing or older than its source, as when these were asked for alone, it is built here.

use std::env;
use std::fs;
use std::io::{self, Write};
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
    let Some(why) = stale(&binary) else {
        return Ok(binary);
    };
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    build(profile, &why)?;
    match binary.is_file() {
        true => Ok(binary),
        false => Err(format!("`cargo build` did not write {}", binary.display())),
    }
}

/// Why it must be built: it is missing, or older than something that cargo built it from, which
/// stands in a file beside it as a rule of a makefile.
fn stale(binary: &Path) -> Option<String> {
    let Some(built) = modified(binary) else {
        return Some("the server's binary is missing".into());
    };
    // `cargo build` writes it, `cargo test` does not: in a fresh clone it is not there yet.
    let Ok(rule) = fs::read_to_string(binary.with_extension("d")) else {
        return Some("cargo has not told yet what the server's binary is built from".into());
    };
    let rule = rule.replace("\\ ", "\0");
    let sources = rule.split_whitespace().skip(1);
    sources
        .map(|source| PathBuf::from(source.replace('\0', " ")))
        .chain([super::repository("Cargo.lock")])
        .find(|source| modified(source).is_none_or(|changed| changed > built))
        .map(|source| format!("the server's binary is older than {}", source.display()))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

fn build(profile: &str, why: &str) -> Result<(), String> {
    let command = format!("cargo build --profile {profile} --bin mattebox");
    let cargo = env::var_os("CARGO").ok_or_else(|| format!("{why}: `{command}` builds it"))?;
    // Past what captures a test's output: it tells why nothing happens for a while.
    let _ = writeln!(io::stderr(), "{why}: `{command}`");
    let mut build = Command::new(cargo);
    build
        .current_dir(super::repository(""))
        .args(command.split(' ').skip(1));
    // What cargo tells this test of its package is not for the build: scripts that go by it, such
    // as ring's, would run anew, and then once more at the next build from a shell.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&name);
        }
    }
    match build.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{command}` failed ({status})")),
        Err(error) => Err(format!("`{command}` can't be run: {error}")),
    }
}
