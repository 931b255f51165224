//! The purpose of a request, which decides which pages may make it.

use axum::extract::Request;
use percent_encoding::percent_decode_str;

use super::super::address::{Action, pictures_of_file};

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Pictures of a stream, one or many.
    Pictures,
    /// The page itself.
    Page,
    /// A page with nothing but a stream's pictures.
    PicturePage,
    /// The API.
    Api,
    /// The page's files, metrics, and what is not there.
    Rest,
}

impl Content {
    /// The purpose of `request`, by its address as the router reads it.
    pub fn of(request: &Request) -> Self {
        let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
        let query = request.uri().query().unwrap_or_default();
        let name = path.strip_prefix('/').unwrap_or(&path);
        // The page of a stream, on the way to its address.
        let page = name.strip_suffix('/').filter(|it| !it.contains('/'));
        let name = page.unwrap_or(name);
        match name {
            "" => Self::of_root(query),
            "stream" | "video_feed" | "snapshot" => Self::Pictures,
            "metrics" | "healthz" | "readyz" | "api" | "static" => Self::Rest,
            _ if name.starts_with("api/") => Self::Api,
            _ if name.contains('/') => Self::Rest,
            _ if pictures_of_file(name).is_some() => Self::Pictures,
            _ if name.contains('.') => Self::Rest,
            _ => Self::PicturePage,
        }
    }

    fn of_root(query: &str) -> Self {
        match Action::of(query) {
            Some(Action::Pictures(..)) => Self::Pictures,
            Some(Action::Unknown(_)) => Self::Rest,
            None => Self::Page,
        }
    }
}
