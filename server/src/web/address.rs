//! Addresses as clients write them: those of mjpg-streamer, and with slashes too many.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use url::form_urlencoded;

/// What pictures an address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// One after the other.
    Stream,
    /// One.
    Snapshot,
}

/// What `action` in the query of `/` asks for, as of mjpg-streamer.
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

    /// `stream` or `snapshot`, perhaps with `_` and the number of a camera. What clients put behind it against caches
    /// (`stream?1700000000`) counts for nothing.
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

/// `uri` with one slash where it has several, as of clients and proxies that join addresses (`//front.jpg`). None if it has
/// none too many.
pub fn without_double_slashes(uri: &Uri) -> Option<Uri> {
    if !uri.path().contains("//") {
        return None;
    }
    let mut path = uri.path().to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    if let Some(query) = uri.query() {
        path = format!("{path}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
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
    fn slashes_too_many() {
        for (uri, expected) in [
            ("/front.jpg", None),
            ("//front.jpg?a=//b", Some("/front.jpg?a=//b")),
            ("//api///streams", Some("/api/streams")),
            ("//", Some("/")),
            ("//?action=stream", Some("/?action=stream")),
            (
                "http://cam.lan//front.jpg",
                Some("http://cam.lan/front.jpg"),
            ),
        ] {
            let found = without_double_slashes(&uri.parse().unwrap());
            let found = found.map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{uri}");
        }
    }
}
