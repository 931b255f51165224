//! Signed links: addresses of a stream's pictures that hold for a while, for whoever has them.
//!
//! A link is the address with an expiry and a signature behind it: the HMAC-SHA-256 (RFC 2104) of
//! what it is for. Nothing is kept of it; a new key ends all of them.

use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Notify;
use url::form_urlencoded;

use super::super::address::Pictures;
use super::identity::Proof;
use super::passwords::mac;
use super::state_files::StateFiles;
use crate::control::Stamp;
use crate::sync::IgnorePoison;

/// The longest time for which a link holds.
pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const EXPIRES: &str = "expires";
const SIGNATURE: &str = "signature";

/// The key of links. Clones share it.
#[derive(Clone)]
pub struct Links {
    key: Arc<RwLock<[u8; 32]>>,
    files: StateFiles,
    changed: Arc<Notify>,
}

impl Links {
    /// With the key that `files` keep. `changed` is notified when links end.
    pub fn open(files: StateFiles, changed: Arc<Notify>) -> Self {
        Self {
            key: Arc::new(RwLock::new(files.key())),
            files,
            changed,
        }
    }

    /// The query that makes the address of these pictures a link until `expires`, in seconds since
    /// 1970.
    pub fn sign(&self, stream: &str, pictures: Pictures, expires: u64) -> String {
        let signature = self.signature(stream, pictures, expires);
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        format!("{EXPIRES}={expires}&{SIGNATURE}={signature}")
    }

    /// The proof that `query` is for these pictures, and until when; none if it has no signature.
    ///
    /// # Errors
    /// The signature is wrong, or too old.
    pub fn check(
        &self,
        query: &str,
        stream: &str,
        pictures: Pictures,
        now: SystemTime,
    ) -> Option<Result<(Proof, SystemTime), LinkError>> {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find_map(|(key, value)| (key == name).then_some(value))
        };
        let signature = value(SIGNATURE)?;
        let expires = value(EXPIRES).and_then(|it| it.parse::<u64>().ok());
        let sent = BASE64_URL_SAFE_NO_PAD.decode(&*signature).ok();
        let (Some(expires), Some(sent)) = (expires, sent) else {
            return Some(Err(LinkError::Wrong));
        };
        let right = self.signature(stream, pictures, expires);
        if !bool::from(right.as_slice().ct_eq(&sent)) {
            return Some(Err(LinkError::Wrong));
        }
        let until = UNIX_EPOCH.checked_add(Duration::from_secs(expires));
        let proof = Proof::Link {
            stream: stream.to_owned(),
            pictures,
            stamp: self.stamp(),
        };
        Some(match until.filter(|until| *until > now) {
            Some(until) => Ok((proof, until)),
            None => Err(LinkError::Expired),
        })
    }

    /// Ends all links there are.
    pub fn revoke(&self) {
        *self.key.write().ignore_poison() = self.files.new_key();
        self.changed.notify_one();
    }

    /// Is another for another key.
    pub fn stamp(&self) -> Stamp {
        Sha256::digest(*self.key.read().ignore_poison()).into()
    }

    fn signature(&self, stream: &str, pictures: Pictures, expires: u64) -> [u8; 32] {
        let kind = match pictures {
            Pictures::Stream => "stream",
            Pictures::Snapshot => "snapshot",
        };
        let key = *self.key.read().ignore_poison();
        let text = format!("mattebox link 1\n{kind}\n{stream}\n{expires}");
        mac(&key, &[text.as_bytes()])
    }
}

/// The reason why a link is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was changed, or the key is another by now.
    #[error("the link's signature is wrong: it was changed, is for something else, or was revoked")]
    Wrong,
    /// Its time is over.
    #[error("the link has expired")]
    Expired,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_for_what_it_was_signed_for() {
        let links = Links::open(StateFiles::none(), Arc::default());
        let query = links.sign("front", Pictures::Stream, 100);
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let check = |query: &str, stream, pictures, seconds| {
            links.check(query, stream, pictures, at(seconds))
        };
        let (_, until) = check(&query, "front", Pictures::Stream, 99)
            .unwrap()
            .unwrap();
        assert_eq!(until, at(100));
        let longer = query.replace("=100", "=200");
        for (query, stream, pictures, seconds, expected) in [
            (&query, "front", Pictures::Stream, 100, LinkError::Expired),
            (&query, "front", Pictures::Snapshot, 1, LinkError::Wrong),
            (&query, "back", Pictures::Stream, 1, LinkError::Wrong),
            (&longer, "front", Pictures::Stream, 1, LinkError::Wrong),
        ] {
            let checked = check(query, stream, pictures, seconds);
            assert_eq!(checked.unwrap().unwrap_err(), expected, "{query} {stream}");
        }
        assert!(check("fresh", "front", Pictures::Stream, 1).is_none());
        links.revoke();
        let revoked = check(&query, "front", Pictures::Stream, 1);
        assert_eq!(revoked.unwrap().unwrap_err(), LinkError::Wrong);
    }
}
