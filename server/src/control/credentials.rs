//! Credentials: the users and tokens that the pipeline file names, with their secrets read.

use std::fmt;

use glob::Pattern;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{
    AnonymousRole, AuthHeaders, Config, Diagnostic, Role, Secret, SecretError, UserConfig,
};
use crate::password::StoredPassword;
use crate::secret::SecretText;

/// The name in the log of the token that `admin-token` names.
pub const ADMIN_TOKEN: &str = "admin-token";

/// The shortest token that is taken without a word. The right one is always let in, so guesses come
/// as fast as the network carries them; of 16 random letters and digits there are 2⁹⁵.
const TOKEN_CHARS: usize = 16;

/// The streams that somebody may see: all, or those whose name fits a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamSet(Option<Vec<Pattern>>);

impl StreamSet {
    /// All streams.
    pub const ALL: Self = Self(None);

    /// Those of `patterns`, which were checked; all if there are none.
    fn new(patterns: &[String]) -> Self {
        let read = patterns.iter().filter_map(|it| Pattern::new(it).ok());
        Self((!patterns.is_empty()).then(|| read.collect()))
    }

    /// Whether the stream `name` is among them.
    pub fn has(&self, name: &str) -> bool {
        let Some(patterns) = &self.0 else {
            return true;
        };
        patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether these are all.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }
}

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// The password; without one, the user comes by a proxy only.
    pub password: Option<StoredPassword>,
    /// What the user may do.
    pub role: Role,
    /// The streams that the user sees.
    pub streams: StreamSet,
    /// Is another once any of these is, so that sessions of before end.
    pub stamp: Stamp,
}

/// A number for what somebody may do and proves it by (SHA-256).
pub type Stamp = [u8; 32];

/// A key of a program.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The program's name.
    pub name: String,
    /// The token.
    pub text: SecretText,
    /// What the program may do.
    pub role: Role,
    /// The streams that it sees.
    pub streams: StreamSet,
    /// Is another once any of these is.
    pub stamp: Stamp,
}

/// All that is known of who may do what.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The users, in the file's order.
    pub users: Vec<User>,
    /// The tokens, that of `admin-token` first.
    pub tokens: Vec<Token>,
    /// What somebody may do who shows nothing.
    pub anonymous: Anonymous,
    /// The headers of trusted proxies, with the secret that they send.
    pub proxy: Option<(AuthHeaders, Option<SecretText>)>,
}

/// What somebody may do who shows neither login nor token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Read everything but what takes an admin: the file says nothing of access.
    Open,
    /// Watch.
    Viewer,
    /// Nothing.
    None,
}

/// Names only: the rest is secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<_> = self.users.iter().map(|user| &user.name).collect();
        let tokens: Vec<_> = self.tokens.iter().map(|token| &token.name).collect();
        let mut shown = f.debug_struct("Credentials");
        shown.field("users", &users).field("tokens", &tokens);
        shown.field("anonymous", &self.anonymous).finish()
    }
}

impl Credentials {
    /// Those of a file that names none.
    #[cfg(test)]
    pub fn none() -> Self {
        Self {
            users: Vec::new(),
            tokens: Vec::new(),
            anonymous: Anonymous::Open,
            proxy: None,
        }
    }

    /// Those that `config` names.
    ///
    /// # Errors
    /// Some can't be read, or are empty, or are no hashes.
    pub fn read(config: &Config) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader {
            config,
            wrong: Vec::new(),
        };
        let credentials = reader.read_all();
        match reader.wrong.is_empty() {
            true => Ok(credentials),
            false => Err(reader.wrong),
        }
    }

    /// Warns of tokens that could be guessed and of passwords that stand somewhere as they are,
    /// unless they were the same `before`.
    pub fn warn_of_weak(&self, before: Option<&Self>) {
        let is_old = |token: &Token| before.is_some_and(|it| it.tokens.contains(token));
        let tokens = self.tokens.iter().filter(|it| !is_old(it));
        for token in tokens.filter(|it| it.text.expose().chars().count() < TOKEN_CHARS) {
            let name = &token.name;
            tracing::warn!(
                token = name,
                "the token is shorter than {TOKEN_CHARS} characters and could be guessed; make a \
                 longer one, for instance with `openssl rand -hex 16`"
            );
        }
        let is_old = |user: &User| before.is_some_and(|it| it.users.contains(user));
        for user in self.users.iter().filter(|it| !is_old(it)) {
            let password = user.password.as_ref();
            if password.is_some_and(StoredPassword::is_plain) {
                tracing::warn!(
                    user = user.name,
                    "the password is kept as it is; keep its hash, which `mattebox passwd` makes"
                );
            }
        }
    }

    /// The user called `name`.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// Whether somebody may change the pipeline over the network: an admin, by whatever way.
    pub fn has_admin(&self) -> bool {
        let mut tokens = self.tokens.iter();
        let is_token = tokens.any(|token| token.role == Role::Admin);
        let mut users = self.users.iter();
        let is_user = users.any(|user| user.role == Role::Admin);
        is_token || is_user || self.proxy.is_some()
    }

    /// Whether there is this user, unchanged since `stamp`.
    pub fn has_user(&self, name: &str, stamp: &Stamp) -> bool {
        self.user(name).is_some_and(|user| user.stamp == *stamp)
    }

    /// Whether there is this token, unchanged since `stamp`.
    pub fn has_token(&self, name: &str, stamp: &Stamp) -> bool {
        let mut tokens = self.tokens.iter();
        tokens.any(|token| token.name == name && token.stamp == *stamp)
    }

    /// Is another once what proxies are believed of `user` is.
    pub fn proxy_stamp_for(&self, user: &str) -> Stamp {
        let secret = |it: &SecretText| Sha256::digest(it.expose()).to_vec();
        let proxy = self.proxy.as_ref();
        let proxy = proxy.map(|(headers, text)| (headers, text.as_ref().map(secret)));
        let user = self.user(user).map(|user| user.stamp);
        Sha256::digest(format!("{proxy:?} {user:?}")).into()
    }

    /// The token that `sent` is.
    pub fn token(&self, sent: &[u8]) -> Option<&Token> {
        // All are looked at, so that the time tells nothing of which it is.
        let fits = |token: &&Token| is_token(sent, token.text.expose());
        let found: Vec<_> = self.tokens.iter().filter(fits).collect();
        found.first().copied()
    }

    /// Whether people can log in with a password.
    pub fn has_logins(&self) -> bool {
        self.users.iter().any(|user| user.password.is_some())
    }
}

struct Reader<'c> {
    config: &'c Config,
    wrong: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn read_all(&mut self) -> Credentials {
        let access = &self.config.access;
        let admin = self.config.admin_token.as_ref();
        let admin = admin.map(|token| ("/admin-token".to_owned(), ADMIN_TOKEN, token));
        let admin = admin.map(|it| (it, Role::Admin, StreamSet::ALL));
        let tokens = access.tokens.iter().enumerate().map(|(at, it)| {
            let secret = (format!("/tokens/{at}/token"), it.name.as_str(), &it.token);
            (secret, it.role, StreamSet::new(&it.streams))
        });
        let tokens: Vec<_> = admin.into_iter().chain(tokens).collect();
        Credentials {
            tokens: tokens.into_iter().filter_map(|it| self.token(it)).collect(),
            users: (access.users.iter().enumerate())
                .filter_map(|(at, user)| self.user(at, user))
                .collect(),
            anonymous: match access.anonymous {
                _ if access.is_open() => Anonymous::Open,
                Some(AnonymousRole::Viewer) => Anonymous::Viewer,
                Some(AnonymousRole::None) | None => Anonymous::None,
            },
            proxy: access.auth_headers.clone().map(|headers| {
                let secret = headers.secret.as_ref();
                let secret = secret.and_then(|it| self.secret("/auth-headers/secret", it));
                (headers, secret)
            }),
        }
    }

    fn token(
        &mut self,
        ((place, name, secret), role, streams): ((String, &str, &Secret), Role, StreamSet),
    ) -> Option<Token> {
        let text = self.secret(&place, secret)?;
        Some(Token {
            stamp: stamp(&Sha256::digest(text.expose()).into(), role, &streams),
            name: name.to_owned(),
            text,
            role,
            streams,
        })
    }

    fn user(&mut self, at: usize, user: &UserConfig) -> Option<User> {
        let place = format!("/users/{at}/password");
        let password = match &user.password {
            None => None,
            Some(secret) => Some(self.password(&place, secret)?),
        };
        let streams = StreamSet::new(&user.streams);
        let proof = password.as_ref().map_or([0; 32], StoredPassword::stamp);
        Some(User {
            stamp: stamp(&proof, user.role, &streams),
            name: user.name.clone(),
            password,
            role: user.role,
            streams,
        })
    }

    fn password(&mut self, place: &str, secret: &Secret) -> Option<StoredPassword> {
        let read = StoredPassword::read(self.secret(place, secret)?);
        read.map_err(|why| self.refuse(place, &why)).ok()
    }

    /// The secret at `place`, without blanks around it.
    fn secret(&mut self, place: &str, secret: &Secret) -> Option<SecretText> {
        let revealed = secret.reveal(&self.config.folder);
        let revealed = revealed.and_then(|text| match text.expose().trim() {
            "" => Err(SecretError::Blank),
            text => Ok(SecretText::new(text)),
        });
        revealed.map_err(|why| self.refuse(place, &why)).ok()
    }

    fn refuse(&mut self, place: &str, why: &dyn fmt::Display) {
        let key = place.rsplit('/').next().unwrap_or_default();
        let message = format!("`{key}`: {why}");
        self.wrong.push(self.config.error_at(place, &[], message));
    }
}

fn stamp(proof: &[u8; 32], role: Role, streams: &StreamSet) -> Stamp {
    let patterns = streams.0.iter().flatten().map(Pattern::as_str);
    let patterns: Vec<_> = patterns.collect();
    let all = (role.name(), streams.is_all(), patterns);
    let all = format!("{all:?}");
    Sha256::new()
        .chain_update(proof)
        .chain_update(all)
        .finalize()
        .into()
}

/// Whether `sent` is `token`, in UTF-8, or in Latin-1, which many programs write headers in. Hashes
/// are of one length, so that the time tells nothing about the token's either.
fn is_token(sent: &[u8], token: &str) -> bool {
    let latin1: String = sent.iter().copied().map(char::from).collect();
    let token = Sha256::digest(token);
    let is_it = |sent: &[u8]| Sha256::digest(sent).as_slice().ct_eq(token.as_slice());
    (is_it(sent) | is_it(latin1.as_bytes())).into()
}
