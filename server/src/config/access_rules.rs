//! Rules of the keys that say who may do what, which no single key says.

use std::collections::HashSet;

use super::error::Errors;
use super::rules::{find, names};
use super::suggest::{hint, quote};
use super::yaml::Node;

/// The name that the one of `admin-token` has in the log.
pub const ADMIN_TOKEN: &str = "admin-token";

/// Tells of everything in the pipeline file `root` that its keys about access don't allow together.
pub fn check(root: &Node, errors: &mut Errors) {
    let streams = root.get("streams").map_or(&[][..], Node::entries);
    if let Some(token) = root.get(ADMIN_TOKEN) {
        check_place(ADMIN_TOKEN, token, errors);
    }
    for (list, what) in [("users", "user"), ("tokens", "token")] {
        let items = root.get(list).map_or(&[][..], Node::items);
        check_names(items, what, errors);
        for item in items {
            check_streams(item, streams, errors);
        }
    }
    for token in root.get("tokens").map_or(&[][..], Node::items) {
        if let Some(text) = token.get("token") {
            check_place("token", text, errors);
        }
    }
    check_headers(root, errors);
}

/// A token stands elsewhere.
fn check_place(key: &str, token: &Node, errors: &mut Errors) {
    if token.text().is_some() {
        let message = format!(
            "`{key}`: expected `{{env: NAME}}`, `{{file: PATH}}` or `{{credential: NAME}}`: here, \
             everybody who may read this file could read it"
        );
        errors.add(token.span, message);
    }
}

/// Users, and tokens, are told apart by their names.
fn check_names(items: &[Node], what: &str, errors: &mut Errors) {
    let mut used = HashSet::new();
    for name in items.iter().filter_map(|item| item.get("name")) {
        let text = name.text().unwrap_or_default();
        if !used.insert(text) {
            let name_is = format!("another {what} is called {}, too", quote(text));
            errors.add(name.span, name_is);
        } else if what == "token" && text == ADMIN_TOKEN {
            let message = format!("`{ADMIN_TOKEN}` is the name of the token of that key");
            errors.add(name.span, message);
        }
    }
}

/// A stream that is named without a pattern must be there.
fn check_streams(item: &Node, streams: &[(Node, Node)], errors: &mut Errors) {
    for stream in item.get("streams").map_or(&[][..], Node::items) {
        let name = stream.text().unwrap_or_default();
        let is_pattern = name.contains(['*', '?']);
        if !is_pattern && !name.is_empty() && find(streams, name).is_none() {
            let hint = hint(name, names(streams));
            let message = format!("no stream is called {}{hint}", quote(name));
            errors.add(stream.span, message);
        }
    }
}

/// Headers are believed of trusted proxies only. Only by them, or by certificates, is a user
/// without a password known.
fn check_headers(root: &Node, errors: &mut Errors) {
    let headers = root.entry("auth-headers");
    let proxies = root.get("trusted-proxies").map_or(&[][..], Node::items);
    if let (Some((key, _)), true) = (headers, proxies.is_empty()) {
        let listens_on_socket = root.get("listen").is_some_and(|listen| {
            let mut addresses = listen.items().iter().chain([listen]);
            addresses.any(|it| it.text().is_some_and(|text| text.starts_with("unix:")))
        });
        if !listens_on_socket {
            let message = "`auth-headers` are believed of `trusted-proxies` only; name the proxy \
                there, such as `trusted-proxies: [127.0.0.1]`";
            errors.add(key.span, message);
        }
    }
    let tls = root.get("tls");
    if headers.is_some() || tls.is_some_and(|tls| tls.get("client-ca").is_some()) {
        return;
    }
    for user in root.get("users").map_or(&[][..], Node::items) {
        if let (Some(name), None) = (user.get("name"), user.get("password")) {
            let quoted = quote(name.text().unwrap_or_default());
            let message = format!(
                "the user {quoted} needs a `password`, which `mattebox passwd` makes, since there \
                 are no `auth-headers` and no certificates of clients (`client-ca`)"
            );
            errors.add(name.span, message);
        }
    }
}
