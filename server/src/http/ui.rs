//! The page and its files, embedded in the binary.

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::{App, not_found};

/// The page loads nothing from elsewhere, and nobody may put it in a frame. The one script that stands in it is known by its hash
/// (Content Security Policy Level 3, 8.3).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let page = std::str::from_utf8(INDEX.bytes).unwrap_or_default();
    let script = page.split_once("<script>").map_or("", |(_, rest)| rest);
    let script = script
        .split_once("</script>")
        .map_or("", |(script, _)| script);
    let hash = BASE64_STANDARD.encode(Sha256::digest(script));
    format!(
        "default-src 'self'; script-src 'self' 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
});

struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal, $content_type:literal) => {
        File {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../../static/", $name)),
        }
    };
}

const INDEX: File = file!("index.html", "text/html; charset=utf-8");
const LOGO: File = file!("logo.png", "image/png");
const FILES: &[File] = &[
    file!("style.css", "text/css; charset=utf-8"),
    file!("api.js", "text/javascript; charset=utf-8"),
    file!("app.js", "text/javascript; charset=utf-8"),
    file!("card.js", "text/javascript; charset=utf-8"),
    file!("catalog.js", "text/javascript; charset=utf-8"),
    file!("chain.js", "text/javascript; charset=utf-8"),
    file!("dom.js", "text/javascript; charset=utf-8"),
    file!("form.js", "text/javascript; charset=utf-8"),
    file!("fullscreen.js", "text/javascript; charset=utf-8"),
    file!("graph.js", "text/javascript; charset=utf-8"),
    file!("new_stream.js", "text/javascript; charset=utf-8"),
    file!("step.js", "text/javascript; charset=utf-8"),
    file!("undo.js", "text/javascript; charset=utf-8"),
    file!("validity.js", "text/javascript; charset=utf-8"),
    file!("wall.js", "text/javascript; charset=utf-8"),
    file!("picture.css", "text/css; charset=utf-8"),
    file!("picture.js", "text/javascript; charset=utf-8"),
    file!("favicon.svg", "image/svg+xml"),
];

/// `GET /`.
pub fn index() -> Response {
    answer(&INDEX)
}

/// `GET /favicon.ico`.
pub async fn favicon() -> Response {
    answer(&LOGO)
}

/// `GET /static/NAME`.
pub async fn file(State(app): State<App>, Path(name): Path<String>, uri: Uri) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => answer(file),
        None => not_found(State(app), uri).await,
    }
}

fn answer(file: &'static File) -> Response {
    let headers = [
        (header::CONTENT_TYPE, file.content_type),
        // Asked for again at each visit, so that a new server shows its own page.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, &POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, file.bytes).into_response()
}
