//! Passwords of users, hashed with Argon2id (RFC 9106).

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::SecretText;

/// The start of a hash, as the PHC string format has it.
const MARK: &str = "$argon2";
/// The starts of other kinds of hashes (crypt(5), htpasswd): as passwords, they would fit nobody.
const OTHER_MARKS: [&str; 10] = [
    "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$apr1$", "$scrypt$",
];
/// 64 MiB, the second choice of RFC 9106 (section 4), which a small board has, too.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
/// Lanes are computed one after the other here, so that more would be of no use.
const LANES: u32 = 1;
/// What a hash in a pipeline file may cost: more would let a file's writer stop the server, which
/// computes one for each login.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 20;
/// The shortest password that is taken where one is set.
pub const LEAST_CHARS: usize = 8;
/// The longest password, in bytes.
pub const MOST_BYTES: usize = 1_000;
const SALT_BYTES: usize = 16;

/// A password as it is kept: its hash, or itself.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword(SecretText);

/// The reason why a password can't be kept so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is too short.
    #[error("a password has at least {LEAST_CHARS} characters")]
    Short,
    /// It is too long.
    #[error("a password may have {MOST_BYTES} bytes")]
    Long,
    /// The hash is none of Argon2, or costs too much.
    #[error("the hash is wrong ({0}); make one with `mattebox passwd`")]
    Hash(String),
    /// It is a hash of another kind.
    #[error(
        "this begins like a hash of another kind than Argon2, such as `htpasswd` makes; make one \
         with `mattebox passwd`"
    )]
    OtherHash,
    /// It can't be computed.
    #[error("the password can't be hashed: {0}")]
    Failed(String),
}

impl StoredPassword {
    /// What a pipeline file, or what it names, has as a password.
    ///
    /// # Errors
    /// It begins like a hash and is none.
    pub fn read(text: SecretText) -> Result<Self, PasswordError> {
        if text.expose().starts_with(MARK) {
            check_hash(text.expose())?;
        } else if text.expose().len() > MOST_BYTES {
            return Err(PasswordError::Long);
        } else if OTHER_MARKS
            .iter()
            .any(|mark| text.expose().starts_with(mark))
        {
            return Err(PasswordError::OtherHash);
        }
        Ok(Self(text))
    }

    /// Whether it is the password itself, which everybody who may read it knows.
    pub fn is_plain(&self) -> bool {
        !self.0.expose().starts_with(MARK)
    }

    /// A number that is another for another password (SHA-256).
    pub fn stamp(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose()).into()
    }
}

/// Whether `sent` is the password `stored`. Takes the time of one hash whatever the answer is, and
/// also if there is none `stored`, so that it tells nobody which users there are.
pub fn verify(sent: &str, stored: Option<&StoredPassword>) -> bool {
    static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody's password").ok());
    let plain = stored.filter(|it| it.is_plain());
    let hash = match stored {
        Some(StoredPassword(text)) if plain.is_none() => Some(text.expose()),
        _ => NOBODY.as_deref(),
    };
    let hash = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let fits = hash.is_some_and(|hash| {
        // The costs are those of the hash.
        let checked = Argon2::default().verify_password(sent.as_bytes(), &hash);
        checked.is_ok()
    });
    match plain {
        Some(plain) => Sha256::digest(sent).as_slice().ct_eq(&plain.stamp()).into(),
        None => fits && stored.is_some(),
    }
}

/// The hash of `password` in the PHC string format, with a salt of its own.
///
/// # Errors
/// The system has no random numbers to give.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let failed = |why: &dyn std::fmt::Display| PasswordError::Failed(why.to_string());
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|why| failed(&why))?;
    let salt = SaltString::encode_b64(&salt).map_err(|why| failed(&why))?;
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|why| failed(&why))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|why| failed(&why))?.to_string())
}

/// Checks a password that somebody chooses.
///
/// # Errors
/// It is too short or too long.
pub fn check_new(password: &str) -> Result<(), PasswordError> {
    if password.len() > MOST_BYTES {
        return Err(PasswordError::Long);
    }
    match password.chars().count() < LEAST_CHARS {
        true => Err(PasswordError::Short),
        false => Ok(()),
    }
}

fn check_hash(text: &str) -> Result<(), PasswordError> {
    let wrong = |why: &dyn std::fmt::Display| PasswordError::Hash(why.to_string());
    let hash = PasswordHash::new(text).map_err(|why| wrong(&why))?;
    Algorithm::try_from(hash.algorithm).map_err(|why| wrong(&why))?;
    let params = Params::try_from(&hash).map_err(|why| wrong(&why))?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(wrong(&"it has no salt, or nothing behind it"));
    }
    if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES {
        return Err(wrong(&"it takes more than 1 GiB of memory or 20 passes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> StoredPassword {
        StoredPassword::read(SecretText::new(text)).unwrap()
    }

    #[test]
    fn a_password_is_known_by_its_hash() {
        let hash = hash("correct horse").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"),
            "{hash}"
        );
        let stored = stored(&hash);
        assert!(!stored.is_plain());
        assert!(verify("correct horse", Some(&stored)));
        assert!(!verify("correct hors", Some(&stored)));
        assert!(!verify(&hash, Some(&stored)));
        assert!(!verify("nobody's password", None));
    }

    #[test]
    fn a_plain_password_is_one_too() {
        let stored = stored("tea time");
        assert!(stored.is_plain());
        assert!(verify("tea time", Some(&stored)));
        assert!(!verify("tea", Some(&stored)) && !verify("nobody's password", Some(&stored)));
    }

    #[test]
    fn hashes_of_others_are_taken_and_wrong_ones_are_not() {
        // By the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -m 16`.
        let known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\
            $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verify("password", Some(&stored(known))));
        for wrong in [
            "$argon2id$",
            "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
            "$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8",
            "$argon2x$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(
                StoredPassword::read(SecretText::new(wrong)).is_err(),
                "{wrong}"
            );
        }
    }
}
