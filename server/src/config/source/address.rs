//! Addresses of cameras, and the user and password that may stand in them.

use url::Url;

use super::super::suggest::quote;
use super::{Login, Secret};
use crate::secret::{SecretText, note_addresses};

/// An address of HTTP.
pub fn check_http_url(text: &str) -> Result<Url, String> {
    check_url(text, &["http", "https"])
}

/// An address of RTSP.
pub fn check_rtsp_url(text: &str) -> Result<Url, String> {
    check_url(text, &["rtsp", "rtsps"])
}

fn check_url(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let [scheme, _] = schemes else { unreachable!() };
    let expected = || {
        let found = quote(text);
        format!("expected an address such as `{scheme}://camera/video`, found {found}")
    };
    let url = Url::parse(text).map_err(|_| expected())?;
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    (schemes.contains(&url.scheme()) && has_host)
        .then_some(url)
        .ok_or_else(expected)
}

/// The address without user and password, and these.
pub fn with_login(mut url: Url) -> (SecretText, Option<Login>) {
    note_addresses(url.as_str());
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let user = decode(url.username());
    let password = decode(url.password().unwrap_or_default());
    // Both fail only where there is no host, which has been checked.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    debug_assert!(cleared.is_ok());
    let login = (!user.is_empty()).then_some(Login {
        user,
        password: Secret::Text(SecretText::noted(password)),
    });
    (SecretText::new(String::from(url)), login)
}
