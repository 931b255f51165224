//! The commands and their options, as `--help` tells them.

use crate::support::{mattebox, stderr, stdout};

const HEAD: &str = "# Commands

What `mattebox help` and `mattebox help COMMAND` print. This file is made by `tests/reference.rs`.

A command ends with 0, with 1 when the run failed, and with 2 for wrong usage or a wrong pipeline
file. [Install](../guide/install.md#commands) shows them in use.
";

/// The Markdown for all commands that `--help` lists.
pub fn reference() -> String {
    let all = help(&[]);
    let mut text = format!("{HEAD}\n## mattebox\n\n```text\n{all}```\n");
    for command in commands(&all) {
        let its = help(&[command]);
        text += &format!("\n## mattebox {command}\n\n```text\n{its}```\n");
    }
    text
}

/// The names below `Commands:`, but for `help`.
fn commands(help: &str) -> Vec<&str> {
    let (_, list) = help.split_once("\nCommands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.map(|line| line.split_whitespace().next().unwrap());
    names.filter(|name| *name != "help").collect()
}

/// What `--help` prints after `command`, without spaces at the ends of lines.
fn help(command: &[&str]) -> String {
    let mut mattebox = mattebox();
    for variable in ["MATTEBOX_CACHE", "MATTEBOX_STATE"] {
        mattebox.env_remove(variable);
    }
    let output = mattebox.args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let help = stdout(&output);
    let lines = help.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}
