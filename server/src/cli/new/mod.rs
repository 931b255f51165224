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

pub fn run(args: &NewArgs) -> Result<(), Failure> {
    check_name(&args.name)?;
    let folder = Path::new(&args.name);
    if folder.exists() {
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
    let name = &args.name;
    outln!("{name}: {} in {}", args.kind.title(), args.language.title());
    outln!("  cd {name}");
    outln!("  ./build.sh                                       # makes {name}.wasm");
    outln!("  mattebox test {name}.wasm --golden golden        # tests it");
    outln!(
        "  mattebox                                         # shows it, at http://127.0.0.1:8080"
    );
    Ok(())
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let begins = name.starts_with(|it: char| it.is_ascii_lowercase());
    let is_name = begins && name.chars().all(is_inner) && !name.ends_with('-');
    match is_name && name.len() <= NAME_CHARS && !name.contains("--") {
        true => Ok(()),
        false => Err(Failure::Usage(format!(
            "`{name}` is no name for a filter: expected 1 to {NAME_CHARS} of `a-z 0-9 -`, a letter \
             first, such as `night-label`"
        ))),
    }
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
