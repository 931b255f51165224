//! Server-sent events as a client sees them.

use std::io::BufRead;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::Response;

/// No test listens for longer: what it waits for will never come.
const LONGEST: Duration = Duration::from_secs(60);

/// A connection on which events come.
pub struct Events(Response);

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: Option<String>,
    pub name: String,
    pub data: Value,
}

impl Events {
    /// Those in an answer.
    pub fn new(response: Response) -> Self {
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), Some("text/event-stream"));
        Self(response)
    }

    /// The next one for which `is_wanted` holds.
    pub fn until(&mut self, is_wanted: impl Fn(&Event) -> bool) -> Event {
        let give_up = Instant::now() + LONGEST;
        loop {
            let event = self.next();
            if is_wanted(&event) {
                return event;
            }
            assert!(Instant::now() < give_up, "it never came");
        }
    }

    fn next(&mut self) -> Event {
        let (mut id, mut name, mut data) = (None, String::new(), String::new());
        loop {
            let mut line = String::new();
            assert_ne!(
                self.0.body.read_line(&mut line).unwrap(),
                0,
                "no more events"
            );
            match line.trim_end().split_once(':') {
                Some(("id", text)) => id = Some(text.trim().to_owned()),
                Some(("event", text)) => text.trim().clone_into(&mut name),
                Some(("data", text)) => data += text.trim(),
                // A comment that says that the connection stands.
                _ if name.is_empty() => {}
                _ => {
                    let data = serde_json::from_str(&data).unwrap();
                    return Event { id, name, data };
                }
            }
        }
    }
}
