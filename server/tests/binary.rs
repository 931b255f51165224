//! The command itself, and what it says of the features that it was built without. The end-to-end
//! tests, a package of their own (`tests`), run the same command: cargo builds it since this test
//! is in its package.

use std::process::{Command, Output};

fn mattebox(arguments: &[&str], pipeline: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pipeline.yaml"), pipeline).expect("a file");
    Command::new(env!("CARGO_BIN_EXE_mattebox"))
        .args(arguments)
        .current_dir(&folder)
        .env("MATTEBOX_STATE", "off")
        .output()
        .expect("the command")
}

#[test]
fn the_command_says_its_version() {
    let output = mattebox(&["--version"], "");
    let expected = concat!("mattebox ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[cfg(not(all(feature = "camera", feature = "gpio")))]
fn refuses(arguments: &[&str], pipeline: &str, why: &str) {
    let output = mattebox(arguments, pipeline);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains(why), "{errors}");
}

#[test]
#[cfg(not(feature = "camera"))]
fn a_build_without_cameras_says_how_to_build_with_them() {
    let pipeline = "streams: { s: { source: { driver: camera } } }";
    for arguments in [&["check"][..], &["cameras"], &["--source", "camera:0"]] {
        refuses(arguments, pipeline, "--features camera");
    }
}

#[test]
#[cfg(not(feature = "gpio"))]
fn a_build_without_pins_says_how_to_build_with_them() {
    let pipeline = "streams: { s: {} }\ngpio: { outputs: [{ pin: 17, shows: running }] }\n";
    refuses(&["check"], pipeline, "--features gpio");
}
