//! Errors of cameras that speak HTTP.

use std::error::Error;
use std::io;

use reqwest::StatusCode;

use super::challenge::ChallengeError;
use super::client::CONNECTING;
use crate::secret::mask_foreign;
use crate::source::{AtAddress, SourceErrorKind};

/// The advice for cameras whose TLS is older than what is spoken here: TLS 1.2 with forward secrecy
/// and authenticated ciphers, or 1.3.
const OLD_TLS: &str = "the camera only speaks old TLS, with which a password would not be safe \
    (here it is TLS 1.2 with ECDHE and AES-GCM or ChaCha20, or TLS 1.3): update the camera, use \
    its `http:` address, put a proxy such as stunnel or nginx between, or read it with the driver \
    `exec` and `curl` or `ffmpeg`";

/// The reason why the camera at an address gives no pictures.
pub type HttpError = AtAddress<HttpFault>;

/// The fault of a camera, or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum HttpFault {
    /// This machine can't speak HTTP.
    #[error("HTTP can't be used here: {0}")]
    Client(String),
    /// No connection in time.
    #[error("there is no answer within {} s", CONNECTING.as_secs())]
    Silent,
    /// A connection that can't be made, or broke.
    #[error("{0}")]
    Connection(String),
    /// TLS that is not spoken here any more.
    #[error("{OLD_TLS}")]
    OldTls,
    /// No TLS at all.
    #[error("the camera does not answer by TLS: is this a port for `http:` instead of `https:`?")]
    NoTls,
    /// A certificate that nobody vouches for.
    #[error("{0}; `verify-tls: false` takes any certificate")]
    Certificate(String),
    /// An answer that is no HTTP.
    #[error(
        "the camera's answer is no HTTP that can be read here ({0}); read it with the driver \
         `exec` and `curl`"
    )]
    NoHttp(String),
    /// Redirects without end.
    #[error("too many redirects")]
    Redirects,
    /// A redirect to another protocol.
    #[error("the camera sends us on to no address of HTTP")]
    ForeignRedirect,
    /// A redirect to another host that wants a login.
    #[error("the camera sends us on to {0}, which wants a password; name that address instead")]
    LoginElsewhere(String),
    /// A login is missing.
    #[error("the camera wants a `user` and a `password`")]
    LoginWanted,
    /// The login is wrong.
    #[error("the camera does not accept this user and password")]
    LoginRefused,
    /// A login that is not known here.
    #[error("the camera wants a login of an unknown kind: {0}")]
    UnknownLogin(ChallengeError),
    /// A login that can't be computed.
    #[error("the camera's login can't be answered: {0}")]
    Unanswerable(String),
    /// An error of the camera's.
    #[error("the camera answers {0}")]
    Status(StatusCode),
    /// An answer without a body.
    #[error("the camera's answer ({0}) is empty")]
    Empty(StatusCode),
    /// An answer without a picture, of this `Content-Type`.
    #[error("the camera answered without a picture{}", called(.0))]
    NoPicture(String),
    /// A text.
    #[error(
        "the camera's address answers `{0}` and no pictures: is it the stream's own address, or \
         that of a page around it?"
    )]
    Text(String),
    /// Another format.
    #[error(
        "the camera's address answers {0}, and only JPEG can be taken: choose JPEG (or Motion \
         JPEG) in the camera's settings or by another address, or read it with the driver `exec` \
         and ffmpeg"
    )]
    OtherFormat(&'static str),
    /// The end of the stream.
    #[error("the camera ended its stream")]
    Ended,
    /// An answer that can't be read on.
    #[error(transparent)]
    BrokenOff(#[from] io::Error),
}

fn called(content_type: &str) -> String {
    match content_type {
        "" => String::new(),
        kind => format!(", which it calls `{kind}`"),
    }
}

impl HttpFault {
    /// Its kind.
    pub fn kind(&self) -> SourceErrorKind {
        match self {
            Self::Client(_) => SourceErrorKind::Internal,
            Self::Silent
            | Self::Connection(_)
            | Self::OldTls
            | Self::NoTls
            | Self::Certificate(_)
            | Self::BrokenOff(_) => SourceErrorKind::Connection,
            Self::LoginElsewhere(_)
            | Self::LoginWanted
            | Self::LoginRefused
            | Self::UnknownLogin(_)
            | Self::Unanswerable(_) => SourceErrorKind::Login,
            Self::NoHttp(_)
            | Self::Redirects
            | Self::ForeignRedirect
            | Self::Status(_)
            | Self::Empty(_) => SourceErrorKind::Answer,
            Self::NoPicture(_) | Self::Text(_) | Self::OtherFormat(_) => SourceErrorKind::Format,
            Self::Ended => SourceErrorKind::Ended,
        }
    }

    /// Whether the next request may well be answered.
    pub fn is_passing(&self) -> bool {
        let is_login = self.kind() == SourceErrorKind::Login;
        !is_login
            && !matches!(
                self,
                Self::Client(_) | Self::Redirects | Self::ForeignRedirect
            )
    }
}

/// A request that was not answered.
impl From<reqwest::Error> for HttpFault {
    fn from(error: reqwest::Error) -> Self {
        if error.is_connect() && error.is_timeout() {
            return Self::Silent;
        }
        if let Some(error) = find(&error) {
            return tls_fault(error);
        }
        let is_parse = |error: &hyper::Error| error.is_parse() && !error.is_parse_too_large();
        match find(&error).is_some_and(is_parse) {
            true => Self::NoHttp(cause(&error)),
            false => Self::Connection(cause(&error)),
        }
    }
}

fn tls_fault(error: &rustls::Error) -> HttpFault {
    use rustls::AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};
    use rustls::Error::{
        AlertReceived, InvalidCertificate, InvalidMessage, NoCertificatesPresented,
        PeerIncompatible,
    };
    match error {
        AlertReceived(HandshakeFailure | ProtocolVersion | InsufficientSecurity)
        | PeerIncompatible(_) => HttpFault::OldTls,
        InvalidMessage(_) => HttpFault::NoTls,
        InvalidCertificate(_) | NoCertificatesPresented => HttpFault::Certificate(cause(error)),
        _ => HttpFault::Connection(cause(error)),
    }
}

/// The error of reading an answer whose connection broke.
pub fn broken_off(error: &reqwest::Error) -> io::Error {
    let mut io_errors = causes(error).filter_map(|error| error.downcast_ref::<io::Error>());
    let is_end = io_errors.any(|error| error.kind() == io::ErrorKind::UnexpectedEof);
    io::Error::other(match is_end {
        true => "the camera closed the connection before its answer was whole".to_owned(),
        false => cause(error),
    })
}

/// The innermost reason, which is the one that says something.
pub fn cause(error: &(dyn Error + 'static)) -> String {
    let last = causes(error).last();
    mask_foreign(&last.map_or_else(String::new, ToString::to_string))
}

/// The error of the type `E` among the causes of `error`.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// `error`, and the causes of each, from the outermost.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // It hands on its inner error's causes, and not that error itself.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_within_others() {
        let inner = rustls::Error::AlertReceived(rustls::AlertDescription::ProtocolVersion);
        let outer = io::Error::other(io::Error::other(inner));
        let fault = tls_fault(find(&outer).unwrap());
        assert!(fault.to_string().contains("old TLS"));
        assert!(find::<rustls::Error>(&io::Error::other("else")).is_none());
    }
}
