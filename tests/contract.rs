//! Filters that were built for other versions of the contract than today's: old ones run, later
//! ones are told what to do.

use serde_json::json;

use crate::support::hostile::built_for;
use crate::support::picture::{decode, is_near, jpeg, mean};
use crate::support::server::Server;
use crate::support::{Folder, repository, stderr};

/// Versions that the server doesn't know, and what is to be done about a filter that was built for
/// one.
const UNKNOWN: [(&str, &str); 5] = [
    ("0.3.0", "update the server"),
    ("0.1.1", "build the filter anew for 0.2.0"),
    ("1.0.0", "update the server"),
    ("0.0.9", "build the filter anew for 0.2.0"),
    ("0.1.0-rc.1", "build the filter anew for 0.2.0"),
];

fn refusal((version, advice): (&str, &str)) -> String {
    format!("is built for contract {version}; this server knows 0.2.0 and 0.1.0: {advice}")
}

/// The component that the server makes of a core module.
fn component(module: &[u8]) -> Vec<u8> {
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder.module(module).unwrap().encode().unwrap()
}

#[test]
fn check_tells_what_a_filter_of_an_unknown_contract_is_built_for() {
    let folder = Folder::with("streams:\n  s:\n    filters:\n      - use: ./other.wasm\n");
    for unknown in UNKNOWN {
        let module = built_for(unknown.0);
        for bytes in [component(&module), module] {
            folder.write("other.wasm", bytes);
            let output = folder.run(&["check"]);
            assert_eq!(output.status.code(), Some(2));
            let error = stderr(&output);
            assert!(error.contains("pipeline.yaml:4:14"), "{error}");
            assert!(error.contains(&refusal(unknown)), "{error}");
        }
    }
    folder.write("other.wasm", built_for("0.1.0"));
    assert_eq!(folder.run(&["check"]).status.code(), Some(0));
}

#[test]
fn the_api_tells_what_a_filter_of_an_unknown_contract_is_built_for() {
    let server = Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }\nfilter-folder: uploaded\nstreams: { s: }\n",
    ));
    let (unknown, module) = (UNKNOWN[0], built_for(UNKNOWN[0].0));
    let says_why = |text: &str| assert!(text.contains(&refusal(unknown)), "{text}");
    // An upload is not kept.
    let upload = server.change_by("PUT", "/api/v1/filters/later.wasm", &module);
    assert_eq!(upload.status, 422);
    says_why(&upload.text());
    let later = server.folder().join("uploaded/later.wasm");
    assert!(!later.exists());
    // One that was put there by hand is in the list that the page shows, and makes no step.
    std::fs::create_dir_all(later.parent().unwrap()).unwrap();
    std::fs::write(&later, &module).unwrap();
    let catalog = server.get("/api/v1/filters").json();
    says_why(catalog["unusable"][0]["error"].as_str().unwrap());
    let step = json!({"use": "./uploaded/later.wasm"});
    let added = server.change("POST", "/api/v1/streams/s/steps", &step);
    assert_eq!(added.status, 422);
    says_why(&added.text());
}

/// A folder with a module that was built for 0.1.0 when that was the newest, and `filters` that use
/// it.
fn with_old_module(name: &str, filters: &str) -> Folder {
    let folder = Folder::with(&format!(
        "admin-token: {{ env: TEST_TOKEN }}
streams:
  s:
    source: {{ driver: files, path: f.jpg, fps: 50 }}
    filters: [{filters}]
"
    ));
    let module = std::fs::read(repository("tests/modules").join(name)).unwrap();
    folder.write(name, module);
    folder.write("f.jpg", jpeg("420.jpg"));
    folder.write("side.txt", "32");
    folder
}

#[test]
fn an_overlay_that_was_built_for_the_first_contract_draws() {
    let server = Server::start(with_old_module(
        "contract-0.1.0-overlay.wasm",
        "{ use: ./contract-0.1.0-overlay.wasm, with: { color: '#ff0000', side: side.txt } }",
    ));
    let picture = decode(&server.get("/s.jpg").bytes());
    assert!(is_near(mean(&picture, 4, 4, 24, 24), [254.0, 0.0, 0.0]));
    let report = server.report("s");
    assert_eq!(report["filters"][0]["state"], "running", "{report:#}");
    assert_eq!(report["path"], "splice", "{report:#}");
    let log = server.log();
    assert!(log.contains("draws a square of 32"), "{log}");
}

#[test]
fn a_transform_that_was_built_for_the_first_contract_gives_its_picture() {
    let server = Server::start(with_old_module(
        "contract-0.1.0-transform.wasm",
        "{ use: ./contract-0.1.0-transform.wasm, with: { rows: 32 } }",
    ));
    let (width, _) = decode(&jpeg("420.jpg")).dimensions();
    let mut viewer = server.watch("s");
    let picture = decode(&viewer.next().unwrap().jpeg);
    assert_eq!(picture.dimensions(), (width, 32));
    // It sees the variables, and may refuse a frame.
    let set = server.change("PUT", "/api/v1/variables/refuse", &json!({"text": "yes"}));
    assert_eq!(set.status, 204);
    server.until("s", |report| {
        report["filters"][0]["last_error"] == "the variable `refuse` is set"
    });
}

#[test]
fn settings_of_a_module_for_the_first_contract_are_checked() {
    let folder = with_old_module(
        "contract-0.1.0-overlay.wasm",
        "{ use: ./contract-0.1.0-overlay.wasm, with: { colour: '#ff0000', side: side.txt } }",
    );
    let error = stderr(&folder.run(&["check"]));
    assert!(error.contains("did you mean `color`?"), "{error}");
}
