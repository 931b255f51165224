//! The rights that each address takes: all of them, in one table.

use axum::extract::MatchedPath;
use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::super::address::{Action, Pictures, pictures_of_file};
use super::super::api::below_prefix;
use super::identity::{Identity, Right};
use super::{Head, is_reading};
use crate::control::{Credentials, Snapshot};

/// An address of the API, a method, and the right that it takes. An address with `{stream}` takes
/// it on that stream; what a right on all of an answer's streams would be, the answer leaves out.
type Row = (&'static str, &'static str, Right);

/// The API. What stands in no row takes an admin.
const API: &[Row] = &[
    ("GET", "/access", Right::Nothing),
    ("POST", "/session", Right::Nothing),
    ("DELETE", "/session", Right::Nothing),
    ("PUT", "/session/password", Right::Nothing),
    ("GET", "/openapi.json", Right::Watch),
    ("GET", "/pipeline/schema", Right::Watch),
    ("GET", "/pipeline", Right::Read),
    // Of all streams: see `OF_ALL`.
    ("GET", "/pipeline/versions", Right::Read),
    ("GET", "/pipeline/versions/{version}", Right::Administer),
    (
        "POST",
        "/pipeline/versions/{version}/restore",
        Right::Administer,
    ),
    ("GET", "/streams", Right::Watch),
    ("GET", "/streams/{stream}", Right::Watch),
    ("PUT", "/streams/{stream}", Right::Administer),
    // Of which an operator may change little: see `EditRights`.
    ("PATCH", "/streams/{stream}", Right::Operate),
    ("DELETE", "/streams/{stream}", Right::Administer),
    ("GET", "/streams/{stream}/config", Right::Administer),
    ("POST", "/streams/{stream}/restart", Right::Operate),
    ("POST", "/streams/{stream}/links", Right::Operate),
    ("GET", "/streams/{stream}/regions", Right::Watch),
    ("GET", "/streams/{stream}/steps", Right::Read),
    ("POST", "/streams/{stream}/steps", Right::Administer),
    ("GET", "/streams/{stream}/steps/{step}", Right::Read),
    ("PATCH", "/streams/{stream}/steps/{step}", Right::Operate),
    (
        "DELETE",
        "/streams/{stream}/steps/{step}",
        Right::Administer,
    ),
    // Later filters may have hidden what is seen there.
    ("GET", "/streams/{stream}/steps/{step}/picture", Right::Read),
    ("DELETE", "/links", Right::Administer),
    ("GET", "/events", Right::Watch),
    ("GET", "/events/{event}", Right::Watch),
    ("DELETE", "/events/{event}", Right::Administer),
    ("GET", "/events/{event}/picture", Right::Watch),
    ("GET", "/actions", Right::Read),
    ("GET", "/variables", Right::Read),
    ("GET", "/variables/{variable}", Right::Read),
    ("PUT", "/variables/{variable}", Right::Operate),
    ("DELETE", "/variables/{variable}", Right::Operate),
    ("GET", "/filters", Right::Read),
    ("PUT", "/filters/{file}", Right::Administer),
    ("GET", "/wall", Right::Watch),
    ("GET", "/wall/stream", Right::Watch),
    ("GET", "/wall/stream/{session}", Right::Watch),
    ("GET", "/viewers", Right::Administer),
    ("DELETE", "/viewers/{viewer}", Right::Administer),
    ("GET", "/users", Right::Administer),
    ("PUT", "/users/{user}", Right::Administer),
    ("DELETE", "/users/{user}", Right::Administer),
    ("GET", "/audit", Right::Administer),
];

/// Addresses that tell of all streams, and take the right on all of them.
const OF_ALL: [&str; 2] = ["/metrics", "/pipeline/versions"];

/// What a request takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The right.
    pub right: Right,
    /// The stream on which it takes it.
    pub stream: Option<String>,
    /// The pictures that are asked for, for links.
    pub pictures: Option<Pictures>,
    /// Whether it takes the right on all streams.
    pub is_of_all: bool,
    /// Whether it is what programs watch over the server by, which the file may open to addresses.
    pub is_monitoring: bool,
    /// Whether what is shown as a proof has to be right, though none is needed.
    pub checks_proof: bool,
}

impl Need {
    fn right(right: Right) -> Self {
        Self {
            right,
            stream: None,
            pictures: None,
            is_of_all: false,
            is_monitoring: false,
            checks_proof: false,
        }
    }

    fn pictures(stream: Option<String>, pictures: Pictures) -> Self {
        Self {
            stream,
            pictures: Some(pictures),
            ..Self::right(Right::Watch)
        }
    }

    /// What `request` takes, by the address that the router found for it.
    pub fn of(request: &Head, snapshot: &Snapshot, is_seen: &dyn Fn(&str) -> bool) -> Self {
        let path = request.extensions().get::<MatchedPath>();
        let Some(path) = path.map(MatchedPath::as_str) else {
            // What is not there; the answer lists the streams that one may see.
            return Self::right(match is_reading(request.method()) {
                true => Right::Watch,
                false => Right::Administer,
            });
        };
        let method = match request.method() {
            &Method::HEAD => &Method::GET,
            method => method,
        };
        if let Some(path) = below_prefix(path) {
            return Self::of_api(method, path, request.uri().path());
        }
        if !is_reading(request.method()) {
            return Self::right(Right::Administer);
        }
        let first = || {
            let mut names = snapshot.streams.iter().map(|stream| stream.name());
            names.find(|name| is_seen(name)).map(str::to_owned)
        };
        match path {
            "/healthz" | "/favicon.ico" | "/static/{file}" => Self::right(Right::Nothing),
            "/metrics" | "/readyz" => Self {
                is_of_all: OF_ALL.contains(&path),
                is_monitoring: true,
                ..Self::right(Right::Read)
            },
            "/stream" | "/video_feed" => Self::pictures(first(), Pictures::Stream),
            "/snapshot" => Self::pictures(first(), Pictures::Snapshot),
            "/" => match Action::of(request.uri().query().unwrap_or_default()) {
                // The page logs in.
                None => Self::right(Right::Nothing),
                Some(Action::Pictures(pictures, number)) => {
                    let stream = snapshot.streams.get(number);
                    Self::pictures(stream.map(|it| it.name().to_owned()), pictures)
                }
                Some(Action::Unknown(_)) => Self::right(Right::Watch),
            },
            "/{file}" | "/{file}/" => Self::of_file(request.uri().path()),
            _ => Self::right(Right::Administer),
        }
    }

    fn of_file(path: &str) -> Self {
        let file = percent_decode_str(path.trim_matches('/')).decode_utf8_lossy();
        match pictures_of_file(&file) {
            Some((name, pictures)) => Self::pictures(Some(name.to_owned()), pictures),
            None => Self {
                stream: Some(file.into_owned()),
                ..Self::right(Right::Watch)
            },
        }
    }

    /// What `method` takes at `path` of the API, as which the router knows the address `asked`.
    fn of_api(method: &Method, path: &str, asked: &str) -> Self {
        let right = right_at(method.as_str(), path);
        Self {
            stream: stream_of(asked),
            is_of_all: OF_ALL.contains(&path),
            checks_proof: path == "/access",
            ..Self::right(right)
        }
    }

    /// Whether `identity` has what it takes.
    pub fn is_met_by(&self, identity: &Identity) -> bool {
        if let super::Proof::Link { pictures, .. } = &identity.proof {
            let is_named = self.stream.as_deref().is_some_and(|it| identity.sees(it));
            return is_named && self.pictures.as_ref() == Some(pictures);
        }
        let is_program = matches!(identity.proof, super::Proof::Token { .. });
        let monitors = self.is_monitoring && is_program && identity.streams.is_all();
        let has_right = identity.may(self.right) || monitors;
        self.right == Right::Nothing || self.is_seen_by(identity) && has_right
    }

    /// Whether `identity` sees the streams that it is of.
    pub fn is_seen_by(&self, identity: &Identity) -> bool {
        match &self.stream {
            Some(stream) => identity.sees(stream),
            None => !self.is_of_all || identity.streams.is_all(),
        }
    }

    /// Whether somebody could have it who shows nothing yet.
    pub fn is_had_by_somebody(&self, credentials: &Credentials) -> bool {
        self.right < Right::Operate || credentials.has_admin()
    }
}

/// The right that `method` takes at `path` of the API.
pub fn right_at(method: &str, path: &str) -> Right {
    let is_it = |(known, at, _): &&Row| *known == method && *at == path;
    match API.iter().find(is_it) {
        Some((_, _, right)) => *right,
        None if matches!(method, "OPTIONS" | "GET") => Right::Watch,
        None => Right::Administer,
    }
}

/// The stream that an address of the API is of, if it is of one.
pub fn stream_of(address: &str) -> Option<String> {
    let below = below_prefix(address)?.strip_prefix("/streams/")?;
    let name = below.split(['/', '?']).next()?;
    let name = percent_decode_str(name).decode_utf8_lossy();
    Some(name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_api_has_a_row_and_every_row_an_address() {
        let mut described = Vec::new();
        for (path, method) in super::super::super::api::addresses() {
            described.push((method, path));
        }
        for (method, path, _) in API {
            let is_it = |it: &(String, String)| it.0 == *method && it.1 == *path;
            assert!(described.iter().any(is_it), "{method} {path} is no address");
        }
        for (method, path) in described {
            let is_it = |row: &&Row| row.0 == method && row.1 == path;
            assert!(
                API.iter().any(|row| is_it(&row)),
                "{method} {path} has no row"
            );
        }
    }

    #[test]
    fn the_stream_is_the_one_in_the_address() {
        let of = |address| stream_of(address);
        assert_eq!(
            of("/api/v1/streams/front/steps/1").as_deref(),
            Some("front")
        );
        assert_eq!(of("/api/streams/fr%6fnt?x").as_deref(), Some("front"));
        assert_eq!(of("/api/streams"), None);
        assert_eq!(
            Need::of_file("/fr%6fnt.jpg").stream.as_deref(),
            Some("front")
        );
        assert_eq!(Need::of_file("/front/").stream.as_deref(), Some("front"));
    }
}
