//! Sessions: logins that a browser keeps by a cookie.
//!
//! The cookie is a random number, of which the server keeps the hash: who reads its files can't
//! log in by them. A session ends at logout, when it is too old or not used for long, and when the
//! user's password, role or streams change.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::identity::Owner;
use super::state_files::StateFiles;
use crate::hash::hash;
use crate::sync::IgnorePoison;

/// The longest time for which a session lasts that is not used.
const UNUSED: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// The longest time for which one lasts at all.
pub const LONGEST: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The most sessions of one user or token; of more, the ones that were not used for longest end.
const MOST_EACH: usize = 20;
/// The most sessions; of more, the ones that were not used for longest end.
const MOST: usize = 1_000;
/// The bytes of a cookie's random number.
const TOKEN_BYTES: usize = 32;
/// What was used is noted so often, so that not each request is a change.
const NOTED: Duration = Duration::from_secs(60 * 60);
/// The file that they are kept in.
const FILE: &str = "sessions.json";

/// The sessions. Clones share them.
#[derive(Clone)]
pub struct LoginSessions(Arc<Inner>);

struct Inner {
    sessions: Mutex<HashMap<String, Session>>,
    files: StateFiles,
    changed: Arc<Notify>,
}

/// A session, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    owner: Owner,
    since: SystemTime,
    used: SystemTime,
    address: IpAddr,
}

impl Session {
    fn end(&self) -> SystemTime {
        (self.since + LONGEST).min(self.used + UNUSED)
    }
}

impl LoginSessions {
    /// Those that `files` keep, at `now`. `changed` is notified when some end.
    pub fn open(files: StateFiles, changed: Arc<Notify>, now: SystemTime) -> Self {
        let kept = files.read(FILE).and_then(|text| {
            let read = serde_json::from_slice(&text);
            read.map_err(|error| tracing::warn!(%error, "the kept sessions can't be read"))
                .ok()
        });
        let mut sessions: HashMap<_, Session> = kept.unwrap_or_default();
        // A clock that was set back would make them last longer.
        for session in sessions.values_mut() {
            session.since = session.since.min(now);
            session.used = session.used.min(now);
        }
        Self(Arc::new(Inner {
            sessions: Mutex::new(sessions),
            files,
            changed,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.sessions.lock().ignore_poison()
    }

    /// A new session of `owner` at `address`; gives the cookie's value.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    pub fn begin(
        &self,
        owner: Owner,
        address: IpAddr,
        now: SystemTime,
    ) -> Result<String, getrandom::Error> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes)?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let session = Session {
            owner,
            since: now,
            used: now,
            address,
        };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.end() > now);
        let name = session.owner.name().to_owned();
        end_oldest(&mut sessions, MOST_EACH, |it| it.name() == name);
        end_oldest(&mut sessions, MOST, |_| true);
        sessions.insert(id_of(&token), session);
        self.keep(&sessions);
        Ok(token)
    }

    /// The id and the owner of the session with this cookie, and when it ends.
    pub fn find(&self, token: &str, now: SystemTime) -> Option<(String, Owner, SystemTime)> {
        let id = id_of(token);
        let mut sessions = self.lock();
        let session = sessions.get_mut(&id).filter(|it| it.end() > now)?;
        let is_news = now.duration_since(session.used).unwrap_or_default() > NOTED;
        if is_news {
            session.used = now;
        }
        let found = (session.owner.clone(), session.end());
        if is_news {
            self.keep(&sessions);
        }
        Some((id, found.0, found.1))
    }

    /// Whether the session `id` lasts.
    pub fn lasts(&self, id: &str, now: SystemTime) -> bool {
        let sessions = self.lock();
        sessions.get(id).is_some_and(|it| it.end() > now)
    }

    /// Ends the session `id`.
    pub fn end(&self, id: &str) {
        self.end_all(|it, _| it == id);
    }

    /// Ends the sessions of the user `name` but the one called `but`.
    pub fn end_of_user(&self, name: &str, but: Option<&str>) {
        self.end_all(|id, owner| {
            matches!(owner, Owner::User { name: of, .. } if of == name) && but != Some(id)
        });
    }

    /// The session `id`, as it is now.
    pub fn get(&self, id: &str) -> Option<Session> {
        self.lock().get(id).cloned()
    }

    /// Makes `session` go on as the one called `id`, of its user as `owner` has them now: a change
    /// by the user doesn't end it.
    pub fn renew(&self, id: &str, session: Session, owner: Owner) {
        let mut sessions = self.lock();
        sessions.insert(id.to_owned(), Session { owner, ..session });
        self.keep(&sessions);
    }

    /// Ends those whose owner is not `known` any more: for good, also if the owner comes back.
    pub fn end_unknown(&self, known: impl Fn(&Owner) -> bool) {
        self.end_all(|_, owner| !known(owner));
    }

    fn end_all(&self, is_meant: impl Fn(&str, &Owner) -> bool) {
        let mut sessions = self.lock();
        let before = sessions.len();
        sessions.retain(|id, session| !is_meant(id, &session.owner));
        if sessions.len() == before {
            return;
        }
        self.keep(&sessions);
        drop(sessions);
        self.0.changed.notify_one();
    }

    fn keep(&self, sessions: &HashMap<String, Session>) {
        match serde_json::to_vec(sessions) {
            Ok(text) => self.0.files.write_later(FILE, text),
            Err(error) => tracing::error!(%error, "sessions can't be written"),
        }
    }
}

/// Ends the session that was not used for longest, if there are `most` of an owner who `is_meant`.
fn end_oldest(
    sessions: &mut HashMap<String, Session>,
    most: usize,
    is_meant: impl Fn(&Owner) -> bool,
) {
    let theirs = sessions.iter().filter(|(_, it)| is_meant(&it.owner));
    let theirs: Vec<_> = theirs.map(|(id, session)| (session.used, id)).collect();
    if theirs.len() >= most
        && let Some(oldest) = theirs.into_iter().min().map(|(_, id)| id.clone())
    {
        sessions.remove(&oldest);
    }
}

fn id_of(token: &str) -> String {
    hash::<32>(token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn owner(name: &str) -> Owner {
        Owner::User {
            name: name.to_owned(),
            stamp: [7; 32],
        }
    }

    fn sessions() -> LoginSessions {
        LoginSessions::open(StateFiles::none(), Arc::default(), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_session_lasts_for_as_long_as_it_is_used_and_not_for_ever() {
        let sessions = sessions();
        let start = SystemTime::UNIX_EPOCH;
        let token = sessions.begin(owner("anna"), HERE, start).unwrap();
        let mut now = start;
        let mut days = 0;
        while sessions.find(&token, now).is_some() {
            now += Duration::from_secs(24 * 60 * 60);
            days += 1;
        }
        assert_eq!(days, 90);
        let token = sessions.begin(owner("anna"), HERE, start).unwrap();
        assert!(sessions.find(&token, start + UNUSED).is_none());
        assert!(sessions.find("something else", start).is_none());
    }

    #[test]
    fn all_of_a_user_end_but_one() {
        let (sessions, now) = (sessions(), SystemTime::UNIX_EPOCH);
        let begin = |name| sessions.begin(owner(name), HERE, now).unwrap();
        let tokens = [begin("anna"), begin("anna"), begin("bert")];
        let (first, _, _) = sessions.find(&tokens[0], now).unwrap();
        sessions.end_of_user("anna", Some(&first));
        let found = tokens.map(|token| sessions.find(&token, now).is_some());
        assert_eq!(found, [true, false, true]);
        sessions.end(&first);
        assert!(!sessions.lasts(&first, now));
    }

    #[test]
    fn there_are_so_many_at_most_and_nobody_ends_those_of_others() {
        let (sessions, start) = (sessions(), SystemTime::UNIX_EPOCH);
        let first = sessions.begin(owner("anna"), HERE, start).unwrap();
        let later = |name: &str, seconds| {
            let now = start + Duration::from_secs(seconds);
            sessions.begin(owner(name), HERE, now).unwrap()
        };
        let second = |name: &str| later(name, 2);
        let oldest = later("bert", 1);
        (0..MOST_EACH).for_each(|_| drop(second("bert")));
        assert_eq!(sessions.lock().len(), 1 + MOST_EACH);
        assert!(sessions.find(&oldest, start).is_none());
        assert!(sessions.find(&first, start).is_some());
        (0..MOST).for_each(|number| drop(second(&number.to_string())));
        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.find(&first, start).is_none());
    }

    #[test]
    fn those_of_who_is_gone_end_for_good() {
        let (sessions, now) = (sessions(), SystemTime::UNIX_EPOCH);
        let token = sessions.begin(owner("anna"), HERE, now).unwrap();
        sessions.end_unknown(|it| *it == owner("anna"));
        assert!(sessions.find(&token, now).is_some());
        sessions.end_unknown(|_| false);
        sessions.end_unknown(|_| true);
        assert!(sessions.find(&token, now).is_none());
    }
}
