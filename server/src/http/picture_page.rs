//! `/NAME`: a page with nothing but a stream's pictures, for frames in other pages and for screens.

use axum::extract::Request;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

use super::auth::host_names;
use super::problem::escape;
use super::{App, NO_CACHE};
use crate::config::{ClientRules, Embedding};
use crate::stream::Stream;

/// Tells this run of the server from others, so that the page knows when its pictures' connection
/// is gone.
const X_MATTEBOX_RUN: HeaderName = HeaderName::from_static("x-mattebox-run");

/// The page of `stream`, asked for by `request`.
pub fn answer(app: &App, stream: &Stream, request: &Request) -> Response {
    let snapshot = app.controller.current();
    let ancestors = frame_ancestors(&snapshot.config.clients, &host_names(&snapshot, request));
    let policy = format!(
        "default-src 'self'; frame-ancestors {ancestors}; base-uri 'none'; form-action 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, NO_CACHE),
        (header::CONTENT_SECURITY_POLICY, &policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (X_MATTEBOX_RUN, &*app.run),
    ];
    (headers, page(stream.name(), &escape(&stream.title()))).into_response()
}

fn page(name: &str, title: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="icon" href="static/favicon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="static/picture.css">
  <script type="module" src="static/picture.js"></script>
</head>
<body>
  <img src="{name}.mjpeg" alt="The live picture of {title}">
  <p id="notice" role="status"></p>
</body>
</html>
"#
    )
}

/// The pages that may have this one in a frame (Content Security Policy Level 3, 6.4.2): those that
/// may show pictures, and those that may read them.
fn frame_ancestors(rules: &ClientRules, hosts: &[&str]) -> String {
    if rules.embedding == Embedding::Any || rules.cors.any {
        return "*".to_owned();
    }
    let mut ancestors = vec!["'self'".to_owned()];
    if rules.embedding == Embedding::SameSite {
        let hosts = hosts.iter().filter(|host| is_in_csp(host));
        let origins = |host| ["http", "https"].map(|scheme| format!("{scheme}://{host}:*"));
        ancestors.extend(hosts.flat_map(origins));
    }
    ancestors.extend(rules.cors.origins.iter().cloned());
    ancestors.join(" ")
}

/// Whether CSP has such hosts, as it has no addresses of IPv6. A proxy may pass on what somebody
/// has made up.
fn is_in_csp(host: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty() && host.chars().all(is_fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Cors;

    #[test]
    fn frames_are_for_those_who_may_show_or_read_pictures() {
        let ancestors = |embedding, any, host: &str| {
            let cors = Cors {
                any,
                origins: vec!["https://ha.example.org".to_owned()],
            };
            let rules = ClientRules {
                embedding,
                cors,
                ..ClientRules::default()
            };
            frame_ancestors(&rules, &[host])
        };
        assert_eq!(ancestors(Embedding::Any, false, "nas.lan"), "*");
        assert_eq!(ancestors(Embedding::None, true, "nas.lan"), "*");
        assert_eq!(
            ancestors(Embedding::SameSite, false, "nas.lan"),
            "'self' http://nas.lan:* https://nas.lan:* https://ha.example.org"
        );
        for host in ["[::1]", "a;script-src", ""] {
            assert_eq!(
                ancestors(Embedding::SameSite, false, host),
                "'self' https://ha.example.org"
            );
        }
        assert_eq!(
            ancestors(Embedding::None, false, "nas.lan"),
            "'self' https://ha.example.org"
        );
    }
}
