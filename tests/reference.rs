//! `docs/reference`: what the server says of itself, as Markdown. The committed files are those
//! that are made here.

mod api;
mod command_line;
mod metrics;

use std::fs;

use crate::support::server::Server;
use crate::support::{Folder, mattebox, repository, stderr, stdout};

/// The environment variable with which the files are written anew.
const UPDATE: &str = "UPDATE_REFERENCE";

/// Compares `docs/reference/NAME` with `text`, or writes it if that is asked for.
fn check(name: &str, text: &str) {
    let path = repository("docs/reference").join(name);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let mut lines = committed.lines().zip(text.lines()).enumerate();
    let differs = lines.find(|(_, (old, new))| old != new);
    assert!(
        committed == text,
        "docs/reference/{name} is stale ({}); run: {UPDATE}=1 cargo test --release --test e2e -- \
         reference",
        match differs {
            Some((at, (old, new))) => format!("line {}: `{old}`, now `{new}`", at + 1),
            None => "it has another length".to_owned(),
        }
    );
}

/// `text` as a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[test]
fn the_reference_of_the_api_is_what_the_server_says() {
    let server = Server::start(Folder::with("streams: { s: }\n"));
    let document = server.get("/api/v1/openapi.json").json();
    check("api.md", &api::reference(&document));
}

#[test]
fn the_reference_of_the_command_line_is_what_help_says() {
    check("cli.md", &command_line::reference());
}

#[test]
fn the_pipeline_files_keys_and_schema_are_what_the_server_says() {
    for (arguments, name) in [
        ("schema", "pipeline.schema.json"),
        ("schema --markdown", "config.md"),
    ] {
        let output = mattebox().args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        check(name, &stdout(&output));
    }
}

#[test]
fn the_reference_of_the_metrics_is_what_the_server_says() {
    let server = Server::start(Folder::with(
        "streams: { s: { filters: [{ use: timestamp }] } }\n",
    ));
    server.watch("s").next().unwrap();
    check(
        "metrics.md",
        &metrics::reference(&server.get("/metrics").text()),
    );
}
