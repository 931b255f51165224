//! Access: users, tokens of programs, and what somebody may do who shows neither.

use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clients::networks;
use super::source::Secret;

/// The rules for who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct AccessRules {
    /// People who may log in.
    #[schemars(length(max = 200), extend(
        "x-expected" = "a list of users such as `- { name: anna, password: { file: anna } }`",
        "x-too-many" = "a file may have 200 users; this is one more",
    ))]
    pub users: Vec<UserConfig>,
    /// Keys for programs, beside `admin-token`.
    #[schemars(length(max = 200), extend(
        "x-expected" = "a list of tokens such as `- { name: grafana, token: { env: TOKEN } }`",
        "x-too-many" = "a file may have 200 tokens; this is one more",
    ))]
    pub tokens: Vec<TokenConfig>,
    /// The role of who shows neither login nor token. Without it, everybody may read everything
    /// while the file has no users and no tokens, and nobody may do anything once it has some.
    pub anonymous: Option<AnonymousRole>,
    /// The headers by which a trusted proxy tells who has logged in there.
    pub auth_headers: Option<AuthHeaders>,
    /// Whether admins may name commands (`exec`, `run`) over the API. Who may, can do on this
    /// machine what the server's user can.
    pub allow_commands_by_api: bool,
    /// Addresses or networks that may read `/metrics` and `/readyz` without a login.
    #[serde(deserialize_with = "networks")]
    #[schemars(schema_with = "super::schemas::networks")]
    pub metrics_from: Vec<IpNet>,
}

/// What somebody may do. Each role may do what those before it may.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watches: streams, single pictures, events.
    #[default]
    Viewer,
    /// Sees settings, sets variables, switches steps and masks, restarts streams, makes links.
    Operator,
    /// Changes the pipeline, and sees who watches and what was done.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Its name in the pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// The role of who shows neither login nor token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnonymousRole {
    /// Watches all streams.
    Viewer,
    /// May do nothing.
    None,
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "a user")]
pub struct UserConfig {
    /// The user's name.
    #[schemars(length(min = 1), extend("x-check" = "user-name"))]
    pub name: String,
    /// The password's hash, as `mattebox passwd` makes it, in quotes; or where it stands. A user
    /// without one is known by `auth-headers`, or by a certificate of `client-ca` with that name.
    pub password: Option<Secret>,
    /// What the user may do.
    #[serde(default)]
    pub role: Role,
    /// The streams that the user sees, by name or by a pattern such as `door*`; all without it.
    #[serde(default)]
    #[schemars(schema_with = "super::schemas::stream_patterns")]
    pub streams: Vec<String>,
}

/// A key for a program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "a token")]
pub struct TokenConfig {
    /// The program's name, for the log.
    #[schemars(length(min = 1), extend("x-check" = "user-name"))]
    pub name: String,
    /// The token, by the place that it stands in.
    pub token: Secret,
    /// What the program may do.
    #[serde(default)]
    pub role: Role,
    /// The streams that it sees, by name or by a pattern such as `door*`; all without it.
    #[serde(default)]
    #[schemars(schema_with = "super::schemas::stream_patterns")]
    pub streams: Vec<String>,
}

/// The headers of a proxy that people log in at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "`auth-headers`")]
pub struct AuthHeaders {
    /// The header with the user's name, such as `Remote-User`.
    #[schemars(length(min = 1), extend("x-check" = "header-name"))]
    pub user: String,
    /// The header with the user's groups, between commas, such as `Remote-Groups`.
    #[schemars(length(min = 1), extend("x-check" = "header-name"))]
    pub role: Option<String>,
    /// The roles of groups. Without it, a group is a role if it is called so.
    #[serde(default)]
    #[schemars(schema_with = "super::schemas::group_roles")]
    pub map: std::collections::BTreeMap<String, Role>,
    /// What the proxy sends as `X-Proxy-Secret`, so that nobody beside it on its machine is
    /// believed.
    pub secret: Option<Secret>,
}

impl AccessRules {
    /// Whether the file says nothing of who may read: everybody may then.
    pub fn is_open(&self) -> bool {
        let has_none = self.users.is_empty() && self.tokens.is_empty();
        has_none && self.auth_headers.is_none() && self.anonymous.is_none()
    }

    /// Whether `address` may read metrics without a login.
    pub fn shows_metrics_to(&self, address: IpAddr) -> bool {
        let mut networks = self.metrics_from.iter();
        networks.any(|network| network.contains(&address))
    }

    /// All secrets, each with the place that it has in the file (RFC 6901).
    pub fn secrets(&self) -> impl Iterator<Item = (String, &Secret)> {
        let users = self.users.iter().enumerate();
        let users = users.filter_map(|(at, user)| {
            let password = user.password.as_ref()?;
            Some((format!("/users/{at}/password"), password))
        });
        let tokens = self.tokens.iter().enumerate();
        let tokens = tokens.map(|(at, it)| (format!("/tokens/{at}/token"), &it.token));
        let secret = self.auth_headers.as_ref().and_then(|it| it.secret.as_ref());
        let secret = secret.map(|secret| ("/auth-headers/secret".to_owned(), secret));
        users.chain(tokens).chain(secret)
    }
}
