//! A camera's errors in a sentence for people, as the driver `http` tells them.

use reqwest::StatusCode;
use retina::Error;

use crate::log::sanitize;
use crate::secret::mask_foreign;

/// The error, without the connection's particulars.
pub fn explain(error: &Error, has_login: bool) -> String {
    let said = error.to_string();
    match error.status_code() {
        Some(status) => answered(status, &said, has_login),
        None => reason(&said),
    }
}

/// The words of somebody else as they may be shown.
pub fn foreign(said: &str) -> String {
    sanitize(&mask_foreign(said))
}

/// A status that is an error, or an answer that can't be read.
fn answered(status: u16, said: &str, has_login: bool) -> String {
    // "401 response to DESCRIBE CSeq=2: …"
    let description = said.split_once(": ").map_or("", |(_, text)| text);
    let named = named(status);
    match status {
        401 if !has_login => "the camera wants a `user` and a `password`".to_owned(),
        401 if description.starts_with("Unauthorized without") => {
            "the camera wants a login and doesn't say of what kind, so that none can be sent, by \
             ffmpeg neither: choose Basic or Digest in the camera's settings"
                .to_owned()
        }
        401 if !description.starts_with("Received Unauthorized") => {
            "the camera asks for the login in a way that is not understood here: try \
             `via: ffmpeg`, or choose Digest with MD5, or Basic, in the camera's settings"
                .to_owned()
        }
        // They may be right: the crate http-auth answers a Digest that allows `auth-int` by it,
        // with a wrong hash of the body.
        401 => "the camera does not accept this user and password; if they are right, try \
            `via: ffmpeg`"
            .to_owned(),
        461 => format!("the camera answers {named}: try the other `transport`"),
        200..=299 => format!("the camera's answer can't be used: {}", first(description)),
        _ => format!("the camera answers {named}"),
    }
}

/// A status with its name: RTSP's (RFC 2326, 7.1.1), or the one that it shares with HTTP.
fn named(status: u16) -> String {
    let name = match status {
        451 => Some("Parameter Not Understood"),
        453 => Some("Not Enough Bandwidth"),
        454 => Some("Session Not Found"),
        455 => Some("Method Not Valid in This State"),
        457 => Some("Invalid Range"),
        459 => Some("Aggregate Operation Not Allowed"),
        461 => Some("Unsupported Transport"),
        other => StatusCode::from_u16(other)
            .ok()
            .and_then(|status| status.canonical_reason()),
    };
    name.map_or_else(|| status.to_string(), |name| format!("{status} {name}"))
}

fn reason(said: &str) -> String {
    let prefixes = [
        "Unable to connect to RTSP server: ",
        "Error reading from RTSP peer: ",
        "Error writing to RTSP peer: ",
        "Error receiving UDP packet: ",
    ];
    let known = prefixes.iter().find_map(|prefix| said.strip_prefix(prefix));
    if let Some(framing) = said.strip_prefix("RTSP framing error: ") {
        return format!("what answers there is no RTSP: {}", first(framing));
    }
    first(known.unwrap_or(said))
}

/// The first line: where in which connection stands in the others.
fn first(said: &str) -> String {
    foreign(said.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_as_for_http() {
        let said = "401 response to DESCRIBE CSeq=2: Received Unauthorized\n\nconn: 1";
        assert_eq!(
            answered(401, said, true),
            "the camera does not accept this user and password; if they are right, try \
             `via: ffmpeg`"
        );
        assert_eq!(
            answered(401, said, false),
            "the camera wants a `user` and a `password`"
        );
        let said = "404 response to DESCRIBE CSeq=1: Unexpected RTSP response status\n";
        assert_eq!(
            answered(404, said, true),
            "the camera answers 404 Not Found"
        );
        let said = "200 response to SETUP CSeq=3: Missing Transport header\n\nconn: 1";
        let told = "the camera's answer can't be used: Missing Transport header";
        assert_eq!(answered(200, said, true), told);
    }

    #[test]
    fn reasons_come_without_particulars() {
        let said = "Unable to connect to RTSP server: Connection refused (os error 111)";
        assert_eq!(reason(said), "Connection refused (os error 111)");
        let said = "Error reading from RTSP peer: reset\n\nconn: 127.0.0.1:1(me)";
        assert_eq!(reason(said), "reset");
    }
}
