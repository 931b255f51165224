//! The command itself. The end-to-end tests, a package of their own (`tests`), run the same one:
//! cargo builds it since this test is in the command's package.

use std::process::Command;

#[test]
fn the_command_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_mattebox"))
        .arg("--version")
        .output()
        .expect("the command");
    let expected = concat!("mattebox ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
