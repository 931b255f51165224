//! User names and passwords of cameras, which may stand in the file, in a file of their own, or in the environment.

use std::path::Path;

use super::super::fields::{Errors, Fields};
use super::super::yaml::Node;
use crate::files;
use crate::secret::{SecretText, names_a_place, note, note_environment};

/// The most bytes of a file with a password.
const SECRET_BYTES: u64 = 64 << 10;

/// Who to say we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: Secret,
}

/// Something that must not be shown, or where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Itself.
    Text(SecretText),
    /// The environment variable that holds it.
    Env(String),
    /// The file that holds it in its first line, relative to the pipeline file's folder.
    File(String),
}

impl Secret {
    /// What it is now; `folder` is the pipeline file's.
    ///
    /// # Errors
    /// A text that says what can't be read, and never the secret.
    pub fn reveal(&self, folder: &Path) -> Result<SecretText, String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Env(name) => std::env::var(name)
                .map(SecretText::noted)
                .map_err(|_| format!("the environment variable `{name}` is not set")),
            Self::File(name) => read(&folder.join(name)),
        }
    }

    /// Checks what can be known of it in another environment: the file that it stands in.
    ///
    /// # Errors
    /// Those of [`Self::reveal`].
    pub fn check(&self, folder: &Path) -> Result<(), String> {
        match self {
            Self::File(_) => self.reveal(folder).map(drop),
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<SecretText, String> {
    let name = path.display();
    let bytes = files::read(path, SECRET_BYTES).map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8 text"))?;
    // The byte order mark that some editors write is no part of it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match text.lines().next().unwrap_or_default() {
        "" => Err(format!("{name} has no password in its first line")),
        password => Ok(SecretText::noted(password)),
    }
}

/// Reads `user` and `password`.
pub fn read_login(fields: &Fields<'_>, errors: &mut Errors) -> Option<Login> {
    let user = fields.text("user", errors);
    let password = fields.get("password");
    if password.is_none() {
        fields.refuse_nothing("password", errors);
    }
    let user = match (user, password) {
        (Some(user), _) => user,
        (None, Some(password)) if fields.get("user").is_none() => {
            errors.add(password.span, "`password` needs a `user`");
            return None;
        }
        _ => return None,
    };
    let password = match password {
        Some(node) => read_secret(node, "password", errors)?,
        None => Secret::Text(SecretText::new("")),
    };
    Some(Login {
        user: user.to_owned(),
        password,
    })
}

/// Reads the secret that is the value of `key`.
pub fn read_secret(node: &Node, key: &str, errors: &mut Errors) -> Option<Secret> {
    if let Some(text) = node.text() {
        return Some(Secret::Text(SecretText::noted(text)));
    }
    let named = match node.entries() {
        [(key, value)] => value.text().map(|value| (key.text(), value.to_owned())),
        _ => None,
    };
    match named {
        Some((Some("env"), name)) if names_a_place("env", &name) => {
            note_environment(&name);
            if let Ok(secret) = std::env::var(&name) {
                note(&secret);
            }
            Some(Secret::Env(name))
        }
        Some((Some("file"), path)) if names_a_place("file", &path) => Some(Secret::File(path)),
        _ => {
            let found = node.describe();
            let message = format!(
                "`{key}`: expected a text, `{{env: NAME}}` or `{{file: PATH}}`, found {found}"
            );
            errors.add(node.span, message);
            None
        }
    }
}
