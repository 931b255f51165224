//! `mattebox new`: a folder with a filter to start from. Everything comes out of this program, so
//! no network is needed.

mod templates;

use std::fs;
use std::path::Path;

use super::output::outln;
use super::{Failure, NewArgs};
use crate::filter::embed::CONTRACT;
pub use templates::{Kind, Language};
use templates::{files, readme};

/// The name that the templates have for the filter.
const EXAMPLE: &str = "example-filter";
/// The most characters of a name.
const NAME_CHARS: usize = 64;

/// Names that a crate can't have: Rust's keywords, crates of its own, and what the template depends
/// on.
const NO_CRATES: &str = "\
    abstract alloc as async await become box break const continue core crate do dyn else enum \
    extern false final fn for gen if impl in let loop macro match mattebox-filter mod move mut \
    override priv proc-macro pub ref return schemars self serde static std struct super test \
    trait true try type typeof unsafe unsized use virtual where while yield";

pub fn run(args: &NewArgs) -> Result<(), Failure> {
    check_name(&args.name, args.language)?;
    let folder = Path::new(&args.name);
    // A link to nowhere counts, too.
    if folder.symlink_metadata().is_ok() {
        let text = format!("{} is there already; choose another name", folder.display());
        return Err(Failure::Usage(text));
    }
    let sdk = sdk(args)?;
    let replace = |text: &str| {
        let text = text.replace(EXAMPLE, &args.name);
        let text = text.replace(&EXAMPLE.replace('-', "_"), &args.name.replace('-', "_"));
        let text = text.replace("WORLD_C", &args.kind.world().replace('-', "_"));
        let text = text.replace("WORLD", args.kind.world());
        let text = text.replace("LANGUAGE", args.language.title());
        text.replace("mattebox-filter = \"0.1\"", &sdk)
    };
    for (name, bytes) in files(args.language, args.kind) {
        // Pictures and objects are no texts.
        let bytes = match std::str::from_utf8(bytes) {
            Ok(text) => replace(text).into_bytes(),
            Err(_) => bytes.to_vec(),
        };
        write(&folder.join(name), &bytes)?;
    }
    write(
        &folder.join("README.md"),
        replace(&readme(args.language)).as_bytes(),
    )?;
    write(&folder.join("filter.wit"), CONTRACT.as_bytes())?;
    make_executable(&folder.join("build.sh"))?;
    tell(args);
    Ok(())
}

fn tell(args: &NewArgs) {
    let name = &args.name;
    outln!("{name}: {} in {}", args.kind.title(), args.language.title());
    outln!("  cd {name}");
    let test = format!("mattebox test {name}.wasm --golden golden");
    let width = test.len();
    for (command, what) in [
        ("./build.sh", format!("makes {name}.wasm")),
        (&test, "tests it".to_owned()),
        ("mattebox", "shows it, at http://127.0.0.1:8080".to_owned()),
    ] {
        outln!("  {command:width$}  # {what}");
    }
}

fn check_name(name: &str, language: Language) -> Result<(), Failure> {
    let is_inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let begins = name.starts_with(|it: char| it.is_ascii_lowercase());
    let is_name = begins && name.chars().all(is_inner) && !name.ends_with('-');
    if !is_name || name.len() > NAME_CHARS || name.contains("--") {
        return Err(Failure::Usage(format!(
            "`{name}` is no name for a filter: expected 1 to {NAME_CHARS} of `a-z 0-9 -`, a letter \
             first, such as `night-label`"
        )));
    }
    if language == Language::Rust && NO_CRATES.split(' ').any(|it| it == name) {
        let text = format!("`{name}` is no name for a crate: Rust has it for something else");
        return Err(Failure::Usage(text));
    }
    Ok(())
}

/// The line of `Cargo.toml` for the crate `mattebox-filter`.
fn sdk(args: &NewArgs) -> Result<String, Failure> {
    let Some(path) = &args.sdk else {
        return Ok("mattebox-filter = \"0.1\"".to_owned());
    };
    let path = std::path::absolute(path).map_err(Failure::run)?;
    if !path.join("Cargo.toml").is_file() {
        let text = format!("{} is no folder of a crate", path.display());
        return Err(Failure::Usage(text));
    }
    let path = toml_text(&path);
    Ok(format!("mattebox-filter = {{ path = {path} }}"))
}

/// A path as TOML's basic text, whose escapes JSON's are, too.
fn toml_text(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(path, bytes));
    written.map_err(|error| Failure::Run(format!("{}: {error}", path.display())))
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;

    let set = fs::set_permissions(path, fs::Permissions::from_mode(0o755));
    set.map_err(|error| Failure::Run(format!("{}: {error}", path.display())))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<(), Failure> {
    Ok(())
}
