//! Files that are wrong, and every word that is said about them.

use super::super::Config;
use super::{mistakes, parse};

fn check(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        assert_eq!(mistakes(text), *expected, "in:\n{text}");
    }
}

#[test]
fn an_error_shows_the_place() {
    let text = "streams:\n  front:\n    qualty: 80\n    filters:\n      - use: a\n        \
        on-error: ignore\n";
    assert_eq!(
        parse(text).unwrap_err().to_string(),
        "\
pipeline.yaml:3:5: `qualty` is not a key of a stream; did you mean `quality`?
  3 |     qualty: 80
    |     ^^^^^^
pipeline.yaml:6:19: `on-error`: expected `bypass` or `drop`, found the text `ignore`
  6 |         on-error: ignore
    |                   ^^^^^^"
    );
}

#[test]
fn columns_count_characters() {
    check(&[(
        "streams: {a: {source: {path: \"äöü€\", driver: files, fps: ∞}}}",
        &["1:58+1 `fps`: expected a number from 0.01 to 240, found the text `∞`"],
    )]);
}

#[test]
fn no_yaml() {
    check(&[
        (
            "streams:\n\ta:\n",
            &["2:1+1 a tab can't stand here; YAML is indented with spaces"],
        ),
        (
            "streams:\n  a:\n    quality: 5: 6\n",
            &[
                "3:15+1 this `:` can't stand here; check the indentation, or put quotes around a \
                 text that contains `: `",
            ],
        ),
        (
            "streams:\n  a:\n     quality: 5\n    filters: []\n",
            &["4:5+1 expected `key: value` here, indented like the keys above it"],
        ),
        (
            "streams:\n  a: {quality: 5\n\n",
            &["2:17+1 expected `,` or `}` here: a `{` above is not closed"],
        ),
        (
            "streams:\n  a: [5\n",
            &["2:8+1 expected `,` or `]` here: a `[` above is not closed"],
        ),
        (
            "streams:\n  a:\n    quality: \"5\n",
            &["3:14+1 the text that starts with this quote has no closing quote"],
        ),
        (
            "streams:\n  a: \"C:\\pictures\"\n",
            &[
                "2:6+1 `\\` starts an escape in double quotes, and this is none; write `\\\\`, or \
                 use single quotes",
            ],
        ),
        (
            "streams:\n  a: *b\n",
            &[
                "2:6+1 this alias (`*name`) has no anchor (`&name`) above it; put quotes around a \
                 text that starts with `*`",
            ],
        ),
        (
            "streams: &a\n  b: *a\n",
            &["2:6+2 this alias stands inside its own anchor"],
        ),
        (
            "streams:\n  a: @b\n",
            &["2:6+1 a value can't start with this character; put quotes around it"],
        ),
        (
            "streams:\n  a:\n---\nstreams:\n",
            &["3:1+3 a second document starts here; a pipeline file has one"],
        ),
        (
            "streams:\n  a: \0\n",
            &[
                "2:6+1 the character U+0000 can't stand in a YAML file; remove it, or write \
                 `\"\\u0000\"`",
            ],
        ),
    ]);
}

#[test]
fn no_text() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = Config::load(&path).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(
        load("p.yaml", b"streams:\n  a\xe4: 5\n"),
        "p.yaml:2:4: this byte is not UTF-8 text; save the file as UTF-8\n  \
         2 |   a\u{fffd}: 5\n    |    ^"
    );
    assert_eq!(
        load("p.yaml", b"\xff\xfes\0t\0"),
        "p.yaml: the file is UTF-16 text; save it as UTF-8"
    );
    assert_eq!(
        load("p.yaml", &vec![b'#'; (1 << 20) + 1]),
        "p.yaml: the file is larger than 1 MiB, which no pipeline file is"
    );
}

#[test]
fn no_file() {
    let error = |path: &str| Config::load(path.as_ref()).unwrap_err().to_string();
    assert_eq!(
        error("nowhere/pipeline.yaml"),
        "nowhere/pipeline.yaml: no such file; name one with --config, or write it (README.md shows \
         how)"
    );
    assert_eq!(
        error("."),
        ".: this is a folder; name the pipeline file in it"
    );
}

#[test]
fn a_file_lies_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.yaml");
    std::fs::write(&path, "streams: {a: }").unwrap();
    assert_eq!(Config::load(&path).unwrap().folder, folder.path());
}

#[test]
fn empty_files() {
    let empty = "1:1+1 the file is empty; it needs at least `streams:` and, indented below it, a \
        name such as `demo:`";
    let none = "the file names no streams; it needs at least `streams:` and, indented below it, a \
        name such as `demo:`";
    check(&[
        ("", &[empty]),
        ("\u{feff}", &[empty]),
        ("# nothing\n", &[empty]),
        ("---\n", &[empty]),
        ("listen: 127.0.0.1:80\n", &[&format!("1:1+1 {none}")]),
        ("streams:\n", &[&format!("1:1+7 {none}")]),
        (
            "streams: {}\n",
            &["1:10+1 `streams`: name at least one stream, for instance `demo:`"],
        ),
    ]);
}

#[test]
fn wrong_keys() {
    check(&[
        (
            "stream:\n  a:\nstreams: {b: }\n",
            &["1:1+6 `stream` is not a key of a pipeline file; did you mean `streams`?"],
        ),
        (
            "streams: {a: {idle_timeout: 1s}}\n",
            &["1:15+12 `idle_timeout` is not a key of a stream; did you mean `idle-timeout`?"],
        ),
        (
            "streams: {a: {colour: 1}}\n",
            &[
                "1:15+6 `colour` is not a key of a stream; there is `title`, `source`, \
                 `idle-timeout`, `run`, `max-viewers`, `quality` and `filters`",
            ],
        ),
        (
            "streams: {a: {filters: [{use: x, name: clock}]}}\n",
            &[
                "1:34+4 `name` is not a key of a filter; there is `use`, `enabled`, `with`, \
                 `assets`, `on-error`, `every`, `sees`, `publish`, `time-limit` and `memory-limit`",
            ],
        ),
        (
            "streams: {a: {source: {driver: demo, path: 5}}}\n",
            &[
                "1:38+4 `path` is not a key of the driver `demo`; there is `driver`, `fps`, \
                 `stall-timeout`, `max-megapixels`, `warm-up` and `masks`",
            ],
        ),
        (
            "streams: {a: {quality: 5, quality: 6}, a: }\n",
            &[
                "1:27+7 `quality` stands here a second time",
                "1:40+1 `a` stands here a second time",
            ],
        ),
        (
            "streams: {a: &a {quality: 5}, b: {<<: *a}}\n",
            &["1:35+2 `<<` is no longer part of YAML; write the keys out here"],
        ),
        (
            "streams: {[a]: 5, : 5}\n",
            &[
                "1:11+1 a key must be a text, found a list of 1 item",
                "1:19+1 a key is missing here",
            ],
        ),
    ]);
}

#[test]
fn wrong_addresses_and_titles() {
    check(&[
        (
            "listen: 8080\nstreams: {a: }\n",
            &[
                "1:9+4 `listen`: expected an IP address and a port, such as `127.0.0.1:8080`, a \
                 port of all addresses, such as `:8080`, or `unix:/run/mattebox.sock`, found \
                 `8080`; did you mean `:8080`?",
            ],
        ),
        (
            "listen: [':80', [1], 'unix:', ':x']\nstreams: {a: }\n",
            &[
                "1:17+1 `listen`: expected a text, found a list of 1 item",
                "1:22+7 `listen`: `unix:` needs the path of a socket, such as \
                 `unix:/run/mattebox.sock`",
                "1:31+4 `listen`: expected an IP address and a port, such as `127.0.0.1:8080`, a \
                 port of all addresses, such as `:8080`, or `unix:/run/mattebox.sock`, found `:x`",
            ],
        ),
        (
            "listen: []\nstreams: {a: }\n",
            &["1:9+1 `listen`: expected 1 to 16 addresses, found an empty list"],
        ),
        (
            "cors: [ha.example.org]\nstreams: {a: }\n",
            &[
                "1:8+14 `cors`: expected a scheme, a host and perhaps a port, such as \
                 `https://ha.example.org`, or `\"*\"` for all pages, found `ha.example.org`",
            ],
        ),
        (
            "cors: ['https://ha.example.org/page']\nstreams: {a: {title: \"a\\nb\"}}\n",
            &[
                "1:8+29 `cors`: expected a scheme, a host and perhaps a port, such as \
                 `https://ha.example.org`, or `\"*\"` for all pages, found \
                 `https://ha.example.org/page`",
                "2:22+6 `title`: a title is one line of text",
            ],
        ),
        (
            "cors: ['https://*.a.org']\nlisten: [':8', '[::1]:8']\n\
             streams: {a: {title: \" \\u200b\"}, b: {title: \"a\\u2028b\"}}\n",
            &[
                "1:8+17 `cors`: `*` stands for nothing but all pages, alone: `\"*\"`; name each \
                 origin whole instead of `https://*.a.org`",
                "2:16+9 `listen`: `:8` and `[::1]:8` are of the same port; one of them will do",
                "3:22+9 `title`: a title has something to see in it; without one, people see the \
                 name",
                "3:45+10 `title`: a title is one line of text",
            ],
        ),
    ]);
}

#[test]
fn wrong_streams() {
    check(&[
        (
            "streams: [a, b]\n",
            &[
                "1:10+1 `streams`: expected a mapping with a name for each stream, found a list of \
                 2 items",
            ],
        ),
        (
            "[]",
            &[
                "1:1+1 expected a pipeline file with keys such as `listen`, `tls`, `admin-token`, \
                 `users`, `tokens`, `anonymous`, `auth-headers`, `allow-commands-by-api`, \
                 `metrics-from`, `allowed-hosts`, `filter-folder`, `filters-memory`, \
                 `filter-folder-limit`, `limits`, `trusted-proxies`, `embedding`, `cors`, \
                 `streams`, `on`, `mqtt` and `gpio`, found an empty list",
            ],
        ),
        (
            "streams: {a: demo}\n",
            &[
                "1:14+4 expected a stream with keys such as `title`, `source`, `idle-timeout`, \
                 `run`, `max-viewers`, `quality` and `filters`, found the text `demo`",
            ],
        ),
        (
            "streams: {stream: , readyz: }\n",
            &[
                "1:11+6 a stream can't be called `stream`: `/stream` is an address of the server's \
                 own",
                "1:21+6 a stream can't be called `readyz`: `/readyz` is an address of the server's \
                 own",
            ],
        ),
        (
            "streams: {front door: , _a: }\n",
            &[
                "1:11+10 `front door` can't be a stream's name, which becomes part of an address: \
                 use letters, digits, `-` and `_`, a letter or digit first",
                "1:25+2 `_a` can't be a stream's name, which becomes part of an address: use \
                 letters, digits, `-` and `_`, a letter or digit first",
            ],
        ),
        (
            &format!("streams: {{{}: }}\n", "a".repeat(65)),
            &["1:11+65 a stream's name may have 64 characters, this one has 65"],
        ),
    ]);
}

#[test]
fn wrong_numbers_and_durations() {
    check(&[
        (
            "streams:\n  a:\n    quality: high # really\n",
            &["3:14+4 `quality`: expected a whole number from 1 to 100, found the text `high`"],
        ),
        (
            "streams: {a: {quality: 0}, b: {quality: 8.5}, c: {quality: '5'}, d: {quality: [5]}}\n",
            &[
                "1:24+1 `quality`: expected a whole number from 1 to 100, found `0`",
                "1:41+3 `quality`: expected a whole number from 1 to 100, found `8.5`",
                "1:60+3 `quality`: expected a whole number from 1 to 100, found the text `5`",
                "1:79+1 `quality`: expected a whole number from 1 to 100, found a list of 1 item",
            ],
        ),
        (
            "streams: {a: {idle-timeout: 10}, b: {idle-timeout: 2 days}, c: {idle-timeout: soon}, \
             d: {idle-timeout: []}}\n",
            &[
                "1:29+2 `idle-timeout`: a duration needs a unit; write `10s` for 10 seconds",
                "1:52+6 `idle-timeout`: expected a duration such as `10s`, `200ms` or `1m 30s`, \
                 found `2 days`",
                "1:79+4 `idle-timeout`: expected a duration such as `10s`, `200ms` or `1m 30s`, \
                 found `soon`",
                "1:104+1 `idle-timeout`: expected 0s to 24h, found an empty list",
            ],
        ),
        (
            "streams: {a: {idle-timeout: 25h}}\n",
            &["1:29+3 `idle-timeout`: expected 0s to 24h, found the text `25h`"],
        ),
    ]);
}

#[test]
fn wrong_sources() {
    check(&[
        (
            "streams: {a: {source: files}}\n",
            &["1:23+5 `source`: expected a mapping such as `driver: demo`, found the text `files`"],
        ),
        (
            "streams: {a: {source: {path: x}}}\n",
            &[
                "1:23+1 `source` needs a `driver`; there is `demo`, `files`, `camera`, `http`, \
                 `exec`, `rtsp` and `pi-camera`; or `stream`, the name of another stream",
            ],
        ),
        (
            "streams: {a: {source: {driver: fiels}, quality: 0}}\n",
            &[
                "1:32+5 no driver is called `fiels`; did you mean `files`?",
                "1:49+1 `quality`: expected a whole number from 1 to 100, found `0`",
            ],
        ),
        (
            "streams: {a: {source: {driver: webcam}}}\n",
            &[
                "1:32+6 no driver is called `webcam`; there is `demo`, `files`, `camera`, `http`, \
                 `exec`, `rtsp` and `pi-camera`",
            ],
        ),
        (
            "streams: {a: {source: {driver: files}}}\n",
            &[
                "1:32+5 the driver `files` needs a `path`: JPEG files such as `frames/*.jpg`, a \
                 folder of them, or one `.mjpeg` file",
            ],
        ),
        (
            "streams: {a: {source: {driver: files, path: '', fps: 0, loop: yes}}}\n",
            &[
                "1:45+2 `path`: expected a text, found an empty text",
                "1:54+1 `fps`: expected a number from 0.01 to 240, found `0`",
                "1:63+3 `loop`: expected `true` or `false`, found the text `yes`",
            ],
        ),
    ]);
}

#[test]
fn wrong_steps() {
    check(&[
        (
            "streams: {a: {filters: timestamp}}\n",
            &["1:24+9 `filters`: expected a list of `- use: …`, found the text `timestamp`"],
        ),
        (
            "streams: {a: {filters: [timestamp]}}\n",
            &[
                "1:25+9 expected a filter with keys such as `use`, `enabled`, `with`, `assets`, \
                 `on-error`, `every`, `sees`, `publish`, `time-limit` and `memory-limit`, found \
                 the text `timestamp`",
            ],
        ),
        (
            "streams: {a: {filters: [{with: {}}, {use: }]}}\n",
            &[
                "1:25+1 a filter needs `use`: the name of a built-in filter, or the path of a \
                 `.wasm` file",
                "1:37+1 a filter needs `use`: the name of a built-in filter, or the path of a \
                 `.wasm` file",
            ],
        ),
        (
            "streams: {a: {filters: [{use: x, with: [5]}]}}\n",
            &[
                "1:40+1 `with`: expected the filter's settings as `name: value`, found a list of 1 \
                 item",
            ],
        ),
        (
            "streams: {a: {filters: [{use: x, on-error: byass}]}}\n",
            &[
                "1:44+5 `on-error`: expected `bypass` or `drop`, found the text `byass`; did you \
                 mean `bypass`?",
            ],
        ),
        (
            "streams: {a: {filters: [{use: x, time-limit: 5ms, memory-limit: 1KiB}, {use: x, \
             memory-limit: much}]}}\n",
            &[
                "1:46+3 `time-limit`: expected 10ms to 60s, found the text `5ms`",
                "1:65+4 `memory-limit`: expected 1MiB to 4GiB, found the text `1KiB`",
                "1:95+4 `memory-limit`: expected a size such as `256MiB` or `1GiB`, found `much`",
            ],
        ),
    ]);
}

#[test]
fn wrong_certificates() {
    check(&[
        (
            "tls: { cert: c.pem }\nstreams: {a: }\n",
            &["1:8+4 `cert` needs the certificate's `key`"],
        ),
        (
            "tls: { self-signed: true, hsts: 1y }\nstreams: {a: }\n",
            &["1:33+2 `hsts`: expected 1 to 730 days, such as `365d`, found `1y`"],
        ),
        (
            "tls: { cert: c, key: k, acme: { domains: [a] } }\nstreams: {a: }\n",
            &["1:25+4 a certificate has one origin: `cert`, `self-signed` or `acme`"],
        ),
        (
            "listen: :8443\ntls: { self-signed: true, redirect-from: ':8443', \
             client-certificates: optional }\nstreams: {a: }\n",
            &[
                "2:42+7 `redirect-from`: `:8443` stands twice",
                "2:51+19 `client-certificates` needs `client-ca`: who signs them?",
            ],
        ),
    ]);
}

#[test]
fn wrong_assets_and_too_many_steps() {
    check(&[
        (
            "filters-memory: 32MiB\nstreams: {a: }\n",
            &["1:17+5 `filters-memory`: expected 64MiB to 1TiB, found the text `32MiB`"],
        ),
        (
            "streams: {a: {filters: [{use: x, assets: a.ttf}]}}\n",
            &["1:42+5 `assets`: expected a list such as `[logo.png]`, found the text `a.ttf`"],
        ),
        (
            "streams: {a: {filters: [{use: x, assets: [../a, /b, {}, c/../../d]}]}}\n",
            &[
                "1:43+4 `assets`: `../a` does not lie below the pipeline file's folder: write a \
                 relative path without `..`",
                "1:49+2 `assets`: `/b` does not lie below the pipeline file's folder: write a \
                 relative path without `..`",
                "1:53+1 `assets`: expected a text, found an empty mapping",
                "1:57+9 `assets`: `c/../../d` does not lie below the pipeline file's folder: write \
                 a relative path without `..`",
            ],
        ),
        (
            &format!(
                "streams: {{a: {{filters: [{}use: x]}}}}",
                "use: x, ".repeat(64)
            ),
            &["1:537+1 a chain may have 64 filters; this is one more"],
        ),
        (
            "streams: {a: {quality: !!int 5, filters: [use: !!str 5]}}\n",
            &[
                "1:24+7 tags (`!name`) mean nothing in a pipeline file; put quotes around a text \
                 that starts with `!`",
            ],
        ),
    ]);
}
