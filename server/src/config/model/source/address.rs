//! Addresses of cameras, and the user and password that may stand in them.

use url::Url;

use super::super::super::value_error::ValueError;
use super::{Login, Secret};
use crate::secret::{SecretText, note_addresses};

/// An address of HTTP.
///
/// # Errors
/// It is something else.
pub fn check_http_url(text: &str) -> Result<Url, ValueError> {
    check_url(text, &["http", "https"], "http://camera/video")
}

/// An address of RTSP.
///
/// # Errors
/// It is something else.
pub fn check_rtsp_url(text: &str) -> Result<Url, ValueError> {
    check_url(text, &["rtsp", "rtsps"], "rtsp://camera/video")
}

/// An address that events are posted to.
///
/// # Errors
/// It is something else.
pub fn check_webhook_url(text: &str) -> Result<Url, ValueError> {
    check_url(text, &["http", "https"], "https://example.org/hook")
}

/// An address of one of these `schemes`, such as `example`.
///
/// # Errors
/// It is something else.
pub fn check_url(text: &str, schemes: &[&str], example: &str) -> Result<Url, ValueError> {
    if has_odd_login(text) {
        return Err(ODD_LOGIN.into());
    }
    let url = Url::parse(text).ok().filter(|url| {
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        schemes.contains(&url.scheme()) && has_host
    });
    url.ok_or_else(|| {
        let expected = format!("an address such as `{example}`");
        ValueError::unexpected(expected, text)
    })
}

const ODD_LOGIN: &str = "a user or password with `#`, `/` or `?` in it can't be read here; write \
    `%23`, `%2F` or `%3F` in its place, or give both as `user` and `password`";

/// Whether `text` looks like an address with a login in which `/`, `?` or `#` end what should go on
/// up to an `@` (RFC 3986, 3.2).
fn has_odd_login(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("//") else {
        return false;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let Some((before, host)) = behind.rsplit_once('@') else {
        return false;
    };
    if authority.contains('@') {
        // The login has ended before.
        return false;
    }
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !authority.ends_with(']') => (name, port),
        _ => (authority, "0"),
    };
    let is_address = |text: &str| {
        let end = text.find(['/', '?', '#', ':']).unwrap_or(text.len());
        text[..end].parse::<std::net::Ipv4Addr>().is_ok() || text.starts_with('[')
    };
    port.parse::<u16>().is_err()
        || before.contains('#')
        || (behind.starts_with('?') && !before.contains('='))
        || (is_address(host) && !is_address(name) && !name.contains('.'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_that_an_address_cant_hold_are_told_of() {
        for login in [
            "me:p#ss",
            "me:p/ss",
            "me:p?ss",
            "me:#ss",
            "me:/ss",
            "me:?ss",
            "me:12#3",
            "me:12/3",
            "me:12?3",
            "me#x:12",
            "me/x:12",
            "me:p#s@s",
            "me:99999/",
        ] {
            for host in ["192.168.1.5", "192.168.1.5:554", "[::1]"] {
                let text = format!("rtsp://{login}@{host}/video?x=1");
                assert_eq!(check_rtsp_url(&text), Err(ODD_LOGIN.into()), "{text}");
            }
        }
        for login in ["me:p#ss", "me:p/ss", "me:p?ss", "me:12#3"] {
            let text = format!("http://{login}@cam.example/video");
            assert_eq!(check_http_url(&text), Err(ODD_LOGIN.into()), "{text}");
        }
    }

    #[test]
    fn an_at_sign_elsewhere_is_none() {
        for text in [
            "http://cam/img@2x.jpg",
            "http://cam:8080/img@2x.jpg",
            "http://192.168.1.5/user=a@10.0.0.1",
            "http://cam.example/x?mail=a@b.example",
            "http://me:p@cam/a@b",
            "http://me:p@ss@cam/a@b",
            "http://me:p%23ss@cam/",
            "http://[::1]:80/a@b",
            "http://[::1]/a@b",
        ] {
            assert!(check_http_url(text).is_ok(), "{text}");
        }
        let (url, login) = with_login(check_http_url("http://me:p@ss@cam/").unwrap());
        assert_eq!(url.expose(), "http://cam/");
        let password = Secret::Text(SecretText::new("p@ss"));
        assert_eq!(login.unwrap().password, password);
    }
}
