//! User names and passwords of cameras, which may stand in the file, in a file of their own, or in
//! the environment.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::address::with_login;
use crate::files::{self, AtPath, FileError};
use crate::secret::{SecretText, note, note_environment};

/// The most bytes of a file with a password.
const SECRET_BYTES: u64 = 64 << 10;

/// A user name and a password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Login {
    /// The user's name.
    #[schemars(length(min = 1))]
    pub user: String,
    /// The user's password, in quotes if it starts with `#` or has one behind a space; or where it
    /// stands.
    #[serde(default)]
    pub password: Secret,
}

/// Something that must not be shown, or where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(extend(
    "writeOnly" = true,
    "x-expected" = "a text, `{env: NAME}`, `{file: PATH}` or `{credential: NAME}`",
))]
pub enum Secret {
    /// The environment variable that holds it.
    Env(#[schemars(regex(pattern = "^[A-Za-z0-9_]+$"))] String),
    /// The file that holds it in its first line, relative to the pipeline file's folder.
    File(#[schemars(regex(pattern = "^[^,]+$"))] String),
    /// The credential of systemd that holds it in its first line (`LoadCredential=` and its kin).
    Credential(#[schemars(regex(pattern = "^[A-Za-z0-9_.@-]+$"))] String),
    /// Itself.
    #[serde(untagged)]
    Text(#[schemars(with = "String")] SecretText),
}

impl Default for Secret {
    /// An empty one.
    fn default() -> Self {
        Self::Text(SecretText::new(""))
    }
}

impl Secret {
    /// Has it masked in all that is shown from now on, as far as it is known.
    pub fn note(&self) {
        match self {
            Self::Text(text) => note(text.expose()),
            Self::Env(name) => {
                note_environment(name);
                if let Ok(secret) = std::env::var(name) {
                    note(&secret);
                }
            }
            Self::File(_) | Self::Credential(_) => {}
        }
    }

    /// Its text as it is now; `folder` is the pipeline file's.
    ///
    /// # Errors
    /// It can't be read.
    pub fn reveal(&self, folder: &Path) -> Result<SecretText, SecretError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Env(name) => std::env::var(name)
                .map(SecretText::noted)
                .map_err(|_| SecretError::NotSet(name.clone())),
            Self::File(name) => read(&folder.join(name)),
            Self::Credential(name) => read(&credentials_folder(name)?.join(name)),
        }
    }

    /// The file that it stands in, if it does.
    pub fn path(&self, folder: &Path) -> Option<PathBuf> {
        match self {
            Self::File(name) => Some(folder.join(name)),
            Self::Credential(name) => Some(credentials_folder(name).ok()?.join(name)),
            Self::Env(_) | Self::Text(_) => None,
        }
    }

    /// Checks what can be known of it in another environment: the file that it stands in.
    ///
    /// # Errors
    /// Those of [`Self::reveal`].
    pub fn check(&self, folder: &Path) -> Result<(), SecretError> {
        match self {
            Self::File(_) => self.reveal(folder).map(drop),
            _ => Ok(()),
        }
    }
}

/// The reason why a secret can't be had. It never has the secret in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not there.
    #[error("the environment variable `{0}` is not set")]
    NotSet(String),
    /// The server was not started by systemd with credentials.
    #[error(
        "the credential `{0}` is not there: systemd gives one by `LoadCredential={0}:PATH` in the \
         service's unit, and this server was started without any (`CREDENTIALS_DIRECTORY`)"
    )]
    NoCredentials(String),
    /// The file can't be read.
    #[error(transparent)]
    Unreadable(#[from] AtPath<FileError>),
    /// The file is no text.
    #[error("{0} is not UTF-8 text")]
    NotUtf8(PathBuf),
    /// The file begins with an empty line.
    #[error("{0} has no password in its first line")]
    Empty(PathBuf),
    /// There is nothing to see in it.
    #[error("it is empty")]
    Blank,
}

/// The folder that systemd puts credentials in (systemd.exec(5), "Credentials"), asked for the one
/// called `name`.
fn credentials_folder(name: &str) -> Result<PathBuf, SecretError> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
    let folder = folder.ok_or_else(|| SecretError::NoCredentials(name.to_owned()))?;
    Ok(PathBuf::from(folder))
}

fn read(path: &Path) -> Result<SecretText, SecretError> {
    let bytes = files::read(path, SECRET_BYTES).map_err(|error| AtPath::new(path, error))?;
    let text = String::from_utf8(bytes).map_err(|_| SecretError::NotUtf8(path.to_owned()))?;
    // The byte order mark that some editors write is no part of it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match text.lines().next().unwrap_or_default() {
        "" => Err(SecretError::Empty(path.to_owned())),
        password => Ok(SecretText::noted(password)),
    }
}

/// Takes a login out of `url`; that of the keys `user` and `password` counts more.
pub fn settle_login(url: &mut SecretText, login: &mut Option<Login>) {
    // What is no address has been refused.
    let Ok(parsed) = Url::parse(url.expose()) else {
        return;
    };
    let (bare, in_url) = with_login(parsed);
    *url = bare;
    *login = login.take().or(in_url);
    if let Some(login) = login {
        login.password.note();
    }
}
