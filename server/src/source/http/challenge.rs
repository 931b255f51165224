//! Reads a camera's demand for a login (RFC 9110, 11.6.1) as leniently as cameras need it, and
//! chooses how to answer it.

use http_auth::{ChallengeRef, ParamValue, PasswordClient, PasswordClientBuilder};

/// A way to log in, as a camera offers it. Values are as they stand between quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    params: Vec<(String, String)>,
}

/// The reason why no login can be sent, in the words of the crate `http-auth`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ChallengeError(String);

/// The way to log in that `headers`, the values of `WWW-Authenticate`, offer: Digest if there is
/// one that can be answered, else Basic, also if they say nothing. Where what is offered can't be
/// read, the password is not sent as plain text.
///
/// # Errors
/// None can be answered.
pub fn choose<'a>(
    headers: impl Iterator<Item = &'a str>,
) -> Result<PasswordClient, ChallengeError> {
    let mut headers = headers
        .filter(|header| !header.trim().is_empty())
        .peekable();
    let is_bare = headers.peek().is_none();
    let offered: Vec<_> = headers.flat_map(parse).collect();
    let mut builder = PasswordClientBuilder::default();
    if is_bare {
        builder = builder.challenge(&basic());
    }
    for challenge in &offered {
        builder = builder.challenge(&as_known(challenge)?);
    }
    builder.build().map_err(ChallengeError)
}

fn basic() -> ChallengeRef<'static> {
    let mut basic = ChallengeRef::new("Basic");
    basic.params = ParamValue::try_from_escaped("")
        .map(|realm| vec![("realm", realm)])
        .unwrap_or_default();
    basic
}

/// The registered spelling of a digest's algorithm (RFC 7616, 6.1).
fn algorithm(written: &str) -> &str {
    const KNOWN: [&str; 6] = [
        "MD5",
        "MD5-sess",
        "SHA-256",
        "SHA-256-sess",
        "SHA-512-256",
        "SHA-512-256-sess",
    ];
    let plain = |name: &str| name.replace('-', "").to_ascii_lowercase();
    let known = KNOWN
        .iter()
        .find(|known| plain(known) == plain(written.trim()));
    known.map_or(written.trim(), |known| known)
}

/// `challenge` without what is written wrongly but means something.
fn as_known(challenge: &Challenge) -> Result<ChallengeRef<'_>, ChallengeError> {
    // It is answered whatever it says, in whatever letters.
    if challenge.scheme.eq_ignore_ascii_case("Basic") {
        return Ok(basic());
    }
    let escaped = |value| {
        let value = ParamValue::try_from_escaped(value);
        value.map_err(|why| ChallengeError(why.to_owned()))
    };
    let mut known = ChallengeRef::new(&challenge.scheme);
    for (name, value) in &challenge.params {
        let value = match name.as_str() {
            "algorithm" => algorithm(value),
            // As if it were not there: RFC 2069's way.
            "qop" if value.split(',').all(|qop| qop.trim().is_empty()) => "",
            _ => value,
        };
        if !(value.is_empty() && matches!(name.as_str(), "algorithm" | "qop")) {
            known.params.push((name, escaped(value)?));
        }
    }
    // RFC 7617, 2 wants one; for Basic it has no use.
    if known.params.iter().all(|(name, _)| *name != "realm") {
        known.params.push(("realm", escaped("")?));
    }
    Ok(known)
}

/// The challenges in a header's value. What can't be read is passed over.
fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_ascii_whitespace());
        let end = rest.find(|c: char| ",=\"".contains(c) || c.is_ascii_whitespace());
        let (token, behind) = rest.split_at(end.unwrap_or(rest.len()));
        if token.is_empty() {
            // What stands where a name should be.
            let mut skipped = rest.chars();
            if skipped.next().is_none() {
                return found;
            }
            rest = skipped.as_str();
            continue;
        }
        rest = behind;
        match behind.trim_ascii_start().strip_prefix('=') {
            Some(value) => {
                let (value, behind) = read_value(value.trim_ascii_start());
                rest = behind;
                if let Some(challenge) = found.last_mut() {
                    challenge.add(token, value);
                }
            }
            None => start(token, &mut found),
        }
    }
}

/// Takes a word without a value: a scheme, or more of a list without quotes, as in
/// `qop=auth,auth-int`.
fn start(token: &str, found: &mut Vec<Challenge>) {
    let list = found.last_mut().and_then(|last| last.params.last_mut());
    match list {
        Some((name, value)) if name == "qop" && token.to_ascii_lowercase().starts_with("auth") => {
            *value = format!("{value},{token}");
        }
        _ => found.push(Challenge {
            scheme: token.to_owned(),
            params: Vec::new(),
        }),
    }
}

impl Challenge {
    /// The first of two with one name holds.
    fn add(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        if self.params.iter().all(|(known, _)| *known != name) {
            self.params.push((name, value.to_owned()));
        }
    }
}

/// A value, as it stands between its quotes if it has some, and the rest.
fn read_value(text: &str) -> (&str, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_ascii_whitespace());
        return text.split_at(end.unwrap_or(text.len()));
    };
    let mut is_escaped = false;
    let end = quoted.find(|c: char| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    match end {
        Some(end) => (&quoted[..end], &quoted[end + 1..]),
        None => (quoted, ""),
    }
}

#[cfg(test)]
mod tests {
    use http_auth::PasswordParams;
    use http_auth::digest::Qop;

    use super::*;

    fn digest(header: &str) -> http_auth::DigestClient {
        match choose([header].into_iter()) {
            Ok(PasswordClient::Digest(digest)) => digest,
            other => panic!("{header}: {other:?}"),
        }
    }

    fn is_basic(headers: &[&str]) -> bool {
        matches!(
            choose(headers.iter().copied()),
            Ok(PasswordClient::Basic(_))
        )
    }

    #[test]
    fn digests_of_every_spelling() {
        for header in [
            "Digest qop=\"auth,auth-int\", realm=\"cam\", nonce=\"abc\"",
            "Digest qop=auth,auth-int, realm=\"cam\", nonce=\"abc\"",
            "digest realm=\"cam\",nonce=\"abc\",algorithm=\"md5\",qop=\"AUTH\"",
            "DIGEST  realm = \"cam\" , nonce=abc, algorithm=Md5, qop=\"auth\",",
            "Digest realm=\"cam\" nonce=\"abc\" qop=\"auth\"",
            "Basic, Digest realm=\"cam\", nonce=\"abc\", qop=\"auth\"",
            "Basic realm=\"x\", Digest realm=\"cam\", nonce=\"abc\", qop=\"auth\"",
        ] {
            let digest = digest(header);
            assert!(digest.qop() & Qop::Auth, "{header}");
            assert_eq!((digest.realm(), digest.nonce()), ("cam", "abc"), "{header}");
            assert!(!digest.rfc2069_compat(), "{header}");
        }
        for header in [
            "Digest realm=\"cam\", nonce=\"abc\"",
            "Digest realm=\"cam\", nonce=\"abc\", qop=\"\"",
            "Digest realm=\"cam\", qop=\" \", nonce=\"abc\", algorithm=\"\"",
        ] {
            assert!(digest(header).rfc2069_compat(), "{header}");
        }
        let quoted = digest("Digest realm=\"a \\\"b\\\", c\", nonce=\"abc\"");
        assert_eq!(quoted.realm(), "a \"b\", c");
        assert!(digest("Digest realm=x, nonce=y, algorithm=md5-SESS, qop=auth").session());
    }

    #[test]
    fn basic_of_every_spelling() {
        for headers in [
            &["Basic"][..],
            &["Basic realm=\"cam\""],
            &["basic realm=cam"],
            &["Basic realm=\"unclosed"],
            &["Basic realm=\"K\u{fc}che\""],
            &["Basic realm=K\u{fffd}che, charset=\"UTF-8\""],
            &["Negotiate, Basic realm=\"x\""],
            &["NTLM", "Basic"],
            &[
                "Digest realm=\"x\", nonce=\"y\", algorithm=\"other\"",
                "Basic realm=\"x\"",
            ],
            &[""],
            &[],
        ] {
            assert!(is_basic(headers), "{headers:?}");
        }
    }

    #[test]
    fn others_are_refused_and_nothing_panics() {
        assert!(choose(["NTLM"].into_iter()).is_err());
        assert!(choose(["Digest realm=\"x\""].into_iter()).is_err());
        // Never answered with the password as plain text.
        for unreadable in [
            "Digest realm=\"Küche\", nonce=\"y\"",
            "Digest realm=\"K\u{fffd}\", nonce=\"y\"",
            ",",
            "=\"",
        ] {
            assert!(choose([unreadable].into_iter()).is_err(), "{unreadable}");
        }
        for garbage in [
            "=",
            "=,=\"",
            "\"",
            "a=\"\\",
            "Digest =x",
            "ä=ö",
            ",,,",
            "Digest \u{7f}",
        ] {
            if let Ok(mut client) = choose([garbage].into_iter()) {
                let answer = client.respond(&PasswordParams {
                    username: "me",
                    password: "x",
                    uri: "/",
                    method: "GET",
                    body: None,
                });
                assert!(answer.is_ok(), "{garbage}");
            }
        }
    }
}
