//! Addresses as clients write them: those of mjpg-streamer, and with slashes too many.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use url::form_urlencoded;

/// The pictures that an address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// One after the other.
    Stream,
    /// One.
    Snapshot,
}

/// The value of `action` in the query of `/`, as of mjpg-streamer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pictures of the stream at this place in the file, from 0.
    Pictures(Pictures, usize),
    /// Something that there isn't.
    Unknown(String),
}

impl Action {
    /// The action in `query`, if there is one.
    pub fn of(query: &str) -> Option<Self> {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let (_, action) = pairs.find(|(key, _)| key == "action")?;
        Some(Self::read(&action).unwrap_or_else(|| Self::Unknown(action.into_owned())))
    }

    /// `stream` or `snapshot`, perhaps with `_` and the number of a camera. What clients put behind
    /// it against caches (`stream?1700000000`) counts for nothing.
    fn read(action: &str) -> Option<Self> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = action.find(|c| !is_word(c)).unwrap_or(action.len());
        let word = &action[..end];
        let (kind, number) = word.split_once('_').unwrap_or((word, "0"));
        let pictures = match kind {
            "stream" => Pictures::Stream,
            "snapshot" => Pictures::Snapshot,
            _ => return None,
        };
        Some(Self::Pictures(pictures, number.parse().ok()?))
    }
}

/// The pictures that a file's name asks for, and the name of the stream.
pub fn pictures_of_file(file: &str) -> Option<(&str, Pictures)> {
    let (name, extension) = file.rsplit_once('.')?;
    let pictures = match extension {
        "mjpeg" | "mjpg" => Pictures::Stream,
        "jpg" | "jpeg" => Pictures::Snapshot,
        _ => return None,
    };
    Some((name, pictures))
}

/// `uri` as it was meant. Clients and proxies that join addresses make several slashes of one
/// (`//front.jpg`), end a file's name with one (`/front.jpg/`), and add to a query where there is
/// none (`/front.jpg&t=1`). None if nothing is wrong with it.
pub fn tidied(uri: &Uri) -> Option<Uri> {
    let mut path = uri.path().to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    let query = uri.query().map(str::to_owned);
    let (mut path, query) = match path.split_once('&') {
        Some((name, more)) if is_top(name) => {
            let query = [Some(more.to_owned()), query].into_iter().flatten();
            (name.to_owned(), Some(query.collect::<Vec<_>>().join("&")))
        }
        _ => (path, query),
    };
    if let Some(name) = path.strip_suffix('/').filter(|it| is_file(it)) {
        path.truncate(name.len());
    }
    if path == uri.path() {
        return None;
    }
    if let Some(query) = query {
        path = format!("{path}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

/// Whether `path` is directly below the root.
fn is_top(path: &str) -> bool {
    path.len() > 1 && path.rfind('/') == Some(0)
}

/// Whether `path` is of one of the files there, and not of a stream's page, from which other
/// addresses start.
fn is_file(path: &str) -> bool {
    const OTHERS: [&str; 6] = [
        "/stream",
        "/video_feed",
        "/snapshot",
        "/metrics",
        "/healthz",
        "/readyz",
    ];
    is_top(path) && (pictures_of_file(path).is_some() || OTHERS.contains(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_of_mjpg_streamer() {
        use Pictures::{Snapshot, Stream};
        for (query, expected) in [
            ("action=stream", Some((Stream, 0))),
            ("action=snapshot", Some((Snapshot, 0))),
            ("action=stream?", Some((Stream, 0))),
            ("action=stream?1700000000", Some((Stream, 0))),
            ("action=snapshot/&x=1", Some((Snapshot, 0))),
            ("dummy=1&action=stream%20", Some((Stream, 0))),
            ("action=stream_0", Some((Stream, 0))),
            ("action=snapshot_1?n=5", Some((Snapshot, 1))),
            ("action=stream1", None),
            ("action=stream_", None),
            ("action=stream_x", None),
            ("action=dance", None),
            ("action", None),
        ] {
            let action = Action::of(query).unwrap();
            let expected = expected.map(|(kind, number)| Action::Pictures(kind, number));
            match expected {
                Some(expected) => assert_eq!(action, expected, "{query}"),
                None => assert!(matches!(action, Action::Unknown(_)), "{query}"),
            }
        }
        assert_eq!(Action::of("fresh"), None);
    }

    #[test]
    fn addresses_as_they_were_meant() {
        for (uri, expected) in [
            ("/", None),
            ("/front.jpg", None),
            ("/front.jpg?a&b", None),
            ("/front/", None),
            ("/api/streams/", None),
            ("/api/a&b", None),
            ("/front.jpg/", Some("/front.jpg")),
            ("/front.mjpeg//?x", Some("/front.mjpeg?x")),
            ("/stream/", Some("/stream")),
            ("/front.jpg&t=1", Some("/front.jpg?t=1")),
            ("/video_feed&t=1?fresh", Some("/video_feed?t=1&fresh")),
            ("//front/&t=1", Some("/front/&t=1")),
            ("//front.jpg?a=//b", Some("/front.jpg?a=//b")),
            ("//api///streams", Some("/api/streams")),
            ("//", Some("/")),
            ("//?action=stream", Some("/?action=stream")),
            (
                "http://cam.lan//front.jpg",
                Some("http://cam.lan/front.jpg"),
            ),
        ] {
            let found = tidied(&uri.parse().unwrap());
            let found = found.map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{uri}");
        }
    }
}
