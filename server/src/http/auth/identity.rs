//! Identities: who sent a request, by what proof, and what that allows.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use super::super::address::Pictures;
use super::client::Peer;
use crate::config::Role;
use crate::control::{Anonymous, Credentials, EditRights, Stamp, StreamSet, Token, User};
use crate::tls::ClientCa;

/// What a request takes. Each right has those before it with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// None: everybody may.
    Nothing,
    /// To watch: streams, single pictures, events.
    Watch,
    /// To read settings, variables and what fails.
    Read,
    /// To set variables, switch steps and masks, restart streams, make links.
    Operate,
    /// To change the pipeline, and to see who watches.
    Administer,
}

impl Right {
    fn of(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Watch,
            Role::Operator => Self::Operate,
            Role::Admin => Self::Administer,
        }
    }

    /// The least role that has it.
    pub fn role(self) -> Role {
        match self {
            Self::Nothing | Self::Watch => Role::Viewer,
            Self::Read | Self::Operate => Role::Operator,
            Self::Administer => Role::Admin,
        }
    }
}

/// The proof that somebody gave of who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// None.
    Anonymous,
    /// A user's name and password (HTTP Basic).
    Password { user: String, stamp: Stamp },
    /// A session's cookie.
    Session { owner: Owner, id: String },
    /// A token.
    Token { name: String, stamp: Stamp },
    /// The word of a trusted proxy at the other end of the connection.
    Proxy {
        user: String,
        stamp: Stamp,
        peer: Peer,
    },
    /// A certificate of `client-ca` with the user's name.
    Certificate {
        user: String,
        stamp: Stamp,
        ca: ClientCa,
    },
    /// A signed link to a stream's pictures.
    Link {
        stream: String,
        pictures: Pictures,
        /// Of the key that signed it.
        stamp: Stamp,
    },
}

/// Who logged in, as they were then.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// A user.
    User { name: String, stamp: Stamp },
    /// The one who has this token.
    Token { name: String, stamp: Stamp },
}

/// Who sent a request, and what they may do.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The proof.
    pub proof: Proof,
    /// What they may do.
    pub right: Right,
    /// The streams that they see.
    pub streams: StreamSet,
    /// The time at which it ends, if it does.
    pub until: Option<SystemTime>,
    /// The client's address.
    pub address: IpAddr,
}

impl Identity {
    /// Somebody at `address` who shows nothing.
    pub fn anonymous(credentials: &Credentials, address: IpAddr) -> Self {
        let right = match credentials.anonymous {
            Anonymous::Open => Right::Read,
            Anonymous::Viewer => Right::Watch,
            Anonymous::None => Right::Nothing,
        };
        Self::new(Proof::Anonymous, right, StreamSet::ALL, address)
    }

    /// Somebody at `address` who may do nothing.
    pub fn nobody(address: IpAddr) -> Self {
        Self::new(Proof::Anonymous, Right::Nothing, StreamSet::ALL, address)
    }

    /// The user `user`, by `proof`.
    pub fn user(user: &User, proof: Proof, address: IpAddr) -> Self {
        Self::new(proof, Right::of(user.role), user.streams.clone(), address)
    }

    /// The program that has `token`, by `proof`.
    pub fn token(token: &Token, proof: Proof, address: IpAddr) -> Self {
        Self::new(proof, Right::of(token.role), token.streams.clone(), address)
    }

    /// Somebody with the `role` that a proxy tells, by `proof`.
    pub fn with_role(role: Role, proof: Proof, address: IpAddr) -> Self {
        Self::new(proof, Right::of(role), StreamSet::ALL, address)
    }

    /// Somebody who has the link that `proof` is, until then.
    pub fn link(proof: Proof, until: SystemTime, address: IpAddr) -> Self {
        Self {
            until: Some(until),
            ..Self::new(proof, Right::Watch, StreamSet::ALL, address)
        }
    }

    fn new(proof: Proof, right: Right, streams: StreamSet, address: IpAddr) -> Self {
        Self {
            proof,
            right,
            streams,
            until: None,
            address,
        }
    }

    /// Whether they have `right`.
    pub fn may(&self, right: Right) -> bool {
        self.right >= right
    }

    /// Whether they see the stream `name`.
    pub fn sees(&self, name: &str) -> bool {
        match &self.proof {
            Proof::Link { stream, .. } => stream == name,
            _ => self.streams.has(name),
        }
    }

    /// The one whom a session of theirs belongs to; none of those who can't begin one.
    pub fn owner(&self) -> Option<Owner> {
        match self.proof.clone() {
            Proof::Password { user: name, stamp } => Some(Owner::User { name, stamp }),
            Proof::Token { name, stamp } => Some(Owner::Token { name, stamp }),
            _ => None,
        }
    }

    /// The role that they have; none if they may see nothing.
    pub fn role(&self) -> Option<Role> {
        match self.right {
            Right::Nothing => None,
            Right::Watch | Right::Read => Some(Role::Viewer),
            Right::Operate => Some(Role::Operator),
            Right::Administer => Some(Role::Admin),
        }
    }

    /// What they may change by an edit.
    pub fn edit_rights(&self) -> EditRights {
        match self.may(Right::Administer) {
            true => EditRights::All,
            false => EditRights::Switches,
        }
    }

    /// The name of the user or program; none of one who shows none.
    pub fn name(&self) -> Option<&str> {
        match &self.proof {
            Proof::Anonymous | Proof::Link { .. } => None,
            Proof::Password { user, .. }
            | Proof::Proxy { user, .. }
            | Proof::Certificate { user, .. } => Some(user),
            Proof::Token { name, .. } => Some(name),
            Proof::Session { owner, .. } => Some(owner.name()),
        }
    }

    /// The kind of proof, for the log and the API.
    pub fn kind(&self) -> &'static str {
        match &self.proof {
            Proof::Anonymous => "anonymous",
            Proof::Password { .. } => "password",
            Proof::Session { .. } => "session",
            Proof::Token { .. } => "token",
            Proof::Proxy { .. } => "proxy",
            Proof::Certificate { .. } => "certificate",
            Proof::Link { .. } => "link",
        }
    }

    /// Whether they are as `credentials` has it now. Sessions and links are looked up elsewhere.
    pub fn is_known(&self, credentials: &Credentials) -> bool {
        match &self.proof {
            Proof::Anonymous => Self::anonymous(credentials, self.address).right == self.right,
            Proof::Password { user, stamp } | Proof::Certificate { user, stamp, .. } => {
                credentials.has_user(user, stamp)
            }
            Proof::Token { name, stamp } => credentials.has_token(name, stamp),
            Proof::Session { owner, .. } => owner.is_known(credentials),
            Proof::Proxy { user, stamp, .. } => *stamp == credentials.proxy_stamp_for(user),
            Proof::Link { .. } => true,
        }
    }
}

impl Owner {
    /// Whether `credentials` has them as they were.
    pub fn is_known(&self, credentials: &Credentials) -> bool {
        match self {
            Self::User { name, stamp } => credentials.has_user(name, stamp),
            Self::Token { name, stamp } => credentials.has_token(name, stamp),
        }
    }

    /// The user's or the program's name.
    pub fn name(&self) -> &str {
        match self {
            Self::User { name, .. } | Self::Token { name, .. } => name,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or(self.kind()))
    }
}
