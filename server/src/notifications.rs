//! Notifications: changes of the server's own state, for the page and for programs beside it. What
//! happens before a camera is an event, see [`crate::event_log`].

use tokio::sync::broadcast;

/// The most notifications that wait for a slow subscriber, which misses the oldest of more.
const WAITING: usize = 256;

/// The bus of all notifications. Clones share it.
#[derive(Clone, Debug)]
pub struct Notifications(broadcast::Sender<Notification>);

/// A change of the server's state. As JSON it has its name as `event`, and its fields as `data`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "event", content = "data", rename_all = "kebab-case")]
pub enum Notification {
    /// A stream does something else now, or fails in another way.
    State {
        /// The stream's name.
        stream: String,
        /// Its new state.
        state: &'static str,
        /// The reason why it fails, if it does.
        error: Option<String>,
    },
    /// People came or went.
    Viewers {
        /// The stream's name.
        stream: String,
        /// The number of its viewers.
        viewers: usize,
    },
    /// A filter begins to fail; or still does, once a minute.
    FilterError {
        /// The stream's name.
        stream: String,
        /// The step's id.
        step: u64,
        /// The name of the filter in pipeline.yaml.
        filter: String,
        /// The failure, or the number of late ones and the last of them.
        error: String,
    },
    /// A filter that failed works again.
    FilterRecovered {
        /// The stream's name.
        stream: String,
        /// The step's id.
        step: u64,
        /// The filter's name in pipeline.yaml.
        filter: String,
        /// The number of failures.
        failures: u64,
    },
    /// pipeline.yaml, or what it names, was read again.
    Reload {
        /// The changes, or the mistakes.
        message: String,
        /// Whether it is in force now.
        succeeded: bool,
    },
    /// Somebody logged in or out, was refused, or did something that changes what others may or
    /// see. For admins.
    Audit(AuditEntry),
    /// A change over the API.
    Change {
        /// The request's method, such as `PATCH`.
        method: String,
        /// The address of what was changed, such as `/api/v1/streams/front/steps/1`.
        path: String,
        /// The client's address.
        peer: String,
        /// The user or the program.
        user: Option<String>,
        /// The pipeline file's revision after it; none if it was no change of the file.
        revision: Option<String>,
        /// The version of the file before it, if it was another.
        previous: Option<String>,
    },
}

/// An entry of the log of who did what.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// The time, RFC 3339, UTC.
    pub at: String,
    /// What was done, such as `login`, `login-failed`, `change` or `link`.
    pub action: &'static str,
    /// The user or the program, if it is known.
    pub user: Option<String>,
    /// The proof: `anonymous`, `password`, `session`, `token`, `proxy`,
    /// `certificate` or `link`.
    pub proof: &'static str,
    /// The client's address.
    pub address: String,
    /// The stream, if it was about one.
    pub stream: Option<String>,
    /// More: the method and the address of a change, for instance.
    pub detail: Option<String>,
}

impl Default for Notifications {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }
}

impl Notifications {
    /// Sends `notification` to all subscribers.
    pub fn publish(&self, notification: Notification) {
        // There may be none.
        self.0.send(notification).ok();
    }

    /// All notifications from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Notification> {
        self.0.subscribe()
    }
}
