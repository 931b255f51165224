//! Explains why TLS with a camera failed.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

/// The advice for cameras whose TLS is older than what is spoken here: TLS 1.2 with forward secrecy
/// and authenticated ciphers, or 1.3.
const TOO_OLD: &str = "the camera only speaks old TLS, with which a password would not be safe (here it is TLS 1.2 with ECDHE and AES-GCM or ChaCha20, or TLS 1.3): update the camera, use its `http:` address, put a proxy such as stunnel or nginx between, or read it with the driver `exec` and `curl` or `ffmpeg`";

/// A sentence on `error`, if TLS is its reason and there is something to do.
pub fn explain(error: &(dyn Error + 'static)) -> Option<String> {
    match cause(error)? {
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity,
        )
        | rustls::Error::PeerIncompatible(_) => Some(TOO_OLD.to_owned()),
        rustls::Error::InvalidMessage(_) => Some(
            "the camera does not answer by TLS: is this a port for `http:` instead of `https:`?"
                .to_owned(),
        ),
        _ => None,
    }
}

/// The error of TLS among the causes of `error`.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // It hands on its inner error's causes, and not that error itself.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_within_others() {
        let inner = rustls::Error::AlertReceived(AlertDescription::ProtocolVersion);
        let outer = io::Error::other(io::Error::other(inner));
        assert!(explain(&outer).unwrap().contains("old TLS"));
        assert_eq!(explain(&io::Error::other("else")), None);
    }
}
