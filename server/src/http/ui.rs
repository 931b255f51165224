//! The page and its files, embedded in the binary.

use std::sync::LazyLock;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};

use super::auth::Identity;
use super::{App, not_found};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/static");

const INDEX: &str = "index.html";
const LOGO: &str = "logo.png";

/// The page loads nothing from elsewhere, and nobody may put it in a frame. The one script that
/// stands in it is known by its hash (Content Security Policy Level 3, 8.3).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let page = FILES.get_file(INDEX).and_then(File::contents_utf8);
    let page = page.unwrap_or_default();
    let script = page.split_once("<script>").map_or("", |(_, rest)| rest);
    let script = script
        .split_once("</script>")
        .map_or("", |(script, _)| script);
    let hash = BASE64_STANDARD.encode(Sha256::digest(script));
    format!(
        "default-src 'self'; script-src 'self' 'sha256-{hash}'; frame-ancestors 'none'; base-uri \
         'none'; form-action 'none'"
    )
});

/// `GET /`.
pub async fn index(app: State<App>, who: Extension<Identity>, uri: Uri) -> Response {
    answer(INDEX, app, who, uri).await
}

/// `GET /favicon.ico`.
pub async fn favicon(app: State<App>, who: Extension<Identity>, uri: Uri) -> Response {
    answer(LOGO, app, who, uri).await
}

/// `GET /static/NAME`.
pub async fn file(
    app: State<App>,
    who: Extension<Identity>,
    Path(name): Path<String>,
    uri: Uri,
) -> Response {
    answer(&name, app, who, uri).await
}

async fn answer(name: &str, app: State<App>, who: Extension<Identity>, uri: Uri) -> Response {
    let Some(file) = FILES.get_file(name) else {
        return not_found(app, who, uri).await;
    };
    let headers = [
        (header::CONTENT_TYPE, content_type(file)),
        // Asked for again at each visit, so that a new server shows its own page.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, &POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, file.contents()).into_response()
}

fn content_type(file: &File<'_>) -> &'static str {
    let extension = file.path().extension();
    match extension.and_then(|extension| extension.to_str()) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
