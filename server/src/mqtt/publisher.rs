//! Publishes states, variables and pictures, retained, and each event as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use rumqttc::{AsyncClient, ClientError, QoS};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};

use super::Mqtt;
use super::discovery::Device;
use super::incoming::subscriptions;
use super::topics::Topics;
use crate::config::{FilterRef, MqttConfig, StreamConfig};
use crate::control::{Controller, Snapshot};
use crate::event_log::{Change, Event, EventId, EventKind, Filter, Phase};
use crate::stream::Stream;
use crate::variables::Measured;

/// The most bytes of a picture that is published.
const PICTURE_BYTES: usize = 16 << 20;
/// The most kinds of events that a stream has topics for.
const KINDS: usize = 50;

/// Publishes for one broker.
pub struct Publisher<'a> {
    config: &'a MqttConfig,
    topics: Topics,
    controller: &'a Controller,
    client: AsyncClient,
    mqtt: Mqtt,
    /// The kinds of events that each stream has had.
    kinds: BTreeMap<String, BTreeSet<EventKind>>,
    /// The events that last.
    open: BTreeSet<(String, EventKind, EventId)>,
    /// The picture of each stream's last event that has one.
    pictures: BTreeMap<String, (EventId, Bytes)>,
    /// The messages that the broker retains, by topics; none where that is not known.
    retained: BTreeMap<String, Option<Bytes>>,
}

/// The update that the publisher waits for.
enum Update {
    /// The broker is connected anew.
    Connection,
    /// The broker retains a message of discovery under this topic.
    Retained(String),
    /// An event has changed.
    Event(Result<Change, RecvError>),
    /// A state, a variable or the pipeline may be another.
    State,
}

impl<'a> Publisher<'a> {
    /// Publishes by `client` what `config` wants.
    pub fn new(
        config: &'a MqttConfig,
        controller: &'a Controller,
        client: AsyncClient,
        mqtt: Mqtt,
    ) -> Self {
        Self {
            config,
            topics: Topics::of(config),
            controller,
            client,
            mqtt,
            kinds: BTreeMap::new(),
            open: BTreeSet::new(),
            pictures: BTreeMap::new(),
            retained: BTreeMap::new(),
        }
    }

    /// Publishes whatever changes, and everything whenever the broker is `connected` anew; `seen`
    /// are topics that it retains. Ends when the connection is given up.
    pub async fn run(
        mut self,
        mut connected: watch::Receiver<u64>,
        mut seen: mpsc::Receiver<String>,
    ) {
        let mut events = self.controller.events().changes();
        let mut notifications = self.controller.notifications().subscribe();
        let mut snapshots = self.controller.changes();
        let mut variables = self.controller.variables().changes();
        self.look_up_events();
        self.look_up_pictures().await;
        loop {
            // Only waited for here: what is begun in a branch is dropped when another comes first.
            let update = tokio::select! {
                new = connected.changed() => match new {
                    Ok(()) => Update::Connection,
                    Err(_) => return,
                },
                Some(topic) = seen.recv() => Update::Retained(topic),
                change = events.recv() => Update::Event(change),
                Ok(()) = snapshots.changed() => Update::State,
                Ok(()) = variables.changed() => Update::State,
                Ok(_) | Err(RecvError::Lagged(_)) = notifications.recv() => Update::State,
            };
            let done = self.take_up(update).await;
            let done = match done {
                Ok(()) if self.mqtt.is_connected() => self.publish_changes().await,
                done => done,
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Notes the events that there have been.
    fn look_up_events(&mut self) {
        let all = Filter {
            limit: usize::MAX,
            ..Filter::default()
        };
        self.open.clear();
        for kept in self.controller.events().page(&all, &|_| true).events {
            let event = kept.event;
            self.note_kind(&event.stream, &event.kind);
            if event.end.is_none() {
                let open = (event.stream.clone(), event.kind.clone(), event.id.clone());
                self.open.insert(open);
            }
        }
    }

    /// Looks up the pictures that the broker may have been given before the server was started.
    async fn look_up_pictures(&mut self) {
        for stream in self.controller.current().streams.iter() {
            let of_stream = Filter {
                stream: Some(stream.name().to_owned()),
                limit: usize::MAX,
                ..Filter::default()
            };
            let page = self.controller.events().page(&of_stream, &|_| true);
            let last = page.events.iter().find(|it| it.picture.is_there());
            if let Some(last) = last {
                self.take_picture(&last.event).await;
            }
        }
    }

    fn note_kind(&mut self, stream: &str, kind: &EventKind) {
        let kinds = self.kinds.entry(stream.to_owned()).or_default();
        if kinds.len() < KINDS {
            kinds.insert(kind.clone());
        }
    }

    /// Begins with a new connection, of which nothing is known.
    async fn begin(&mut self) -> Result<(), ClientError> {
        self.retained.values_mut().for_each(|it| *it = None);
        for topic in subscriptions(self.config) {
            self.client.subscribe(topic, QoS::AtLeastOnce).await?;
        }
        Ok(())
    }

    async fn take_up(&mut self, update: Update) -> Result<(), ClientError> {
        match update {
            Update::Connection => return self.begin().await,
            Update::Retained(topic) => {
                self.retained.entry(topic).or_insert(None);
            }
            Update::Event(Ok(change)) => self.take(&change).await,
            Update::Event(Err(RecvError::Lagged(missed))) => {
                self.mqtt.dropped(missed);
                self.look_up_events();
            }
            // The log lives as long as the server.
            Update::Event(Err(RecvError::Closed)) => std::future::pending().await,
            Update::State => {}
        }
        Ok(())
    }

    async fn take(&mut self, change: &Change) {
        let event = &change.event;
        self.note_kind(&event.stream, &event.kind);
        let open = (event.stream.clone(), event.kind.clone(), event.id.clone());
        match change.phase {
            Phase::Start => self.open.insert(open),
            Phase::End => self.open.remove(&open),
            Phase::Point => false,
        };
        let mut message = json!(**event);
        message["phase"] = change.phase.name().into();
        message["has_picture"] = change.has_picture.into();
        let topic = self.topics.of_stream(&event.stream, "events");
        let sent = self
            .client
            .try_publish(topic, QoS::AtLeastOnce, false, message.to_string());
        if sent.is_err() {
            self.mqtt.dropped(1);
        }
        if change.has_picture {
            self.take_picture(&change.event).await;
        }
    }

    async fn take_picture(&mut self, event: &Event) {
        match self.controller.events().read_picture(&event.id).await {
            Ok(Some(jpeg)) if jpeg.len() <= PICTURE_BYTES => {
                let picture = (event.id.clone(), jpeg.bytes().clone());
                self.pictures.insert(event.stream.clone(), picture);
            }
            Ok(_) => {}
            Err(why) => {
                tracing::warn!(event = %event.id, error = %why, "an event's picture can't be read")
            }
        }
    }

    /// Publishes what the broker is to retain and does not.
    async fn publish_changes(&mut self) -> Result<(), ClientError> {
        let wanted = self.wanted();
        let is_gone = |topic: &&String| !wanted.contains_key(*topic);
        let gone: Vec<_> = self.retained.keys().filter(is_gone).cloned().collect();
        for topic in gone {
            // An empty message removes a retained one (MQTT 3.1.1, 3.3.1.3).
            self.retain(&topic, &Bytes::new()).await?;
            self.retained.remove(&topic);
        }
        for (topic, payload) in wanted {
            if self.retained.get(&topic) != Some(&Some(payload.clone())) {
                self.retain(&topic, &payload).await?;
                self.retained.insert(topic, Some(payload));
            }
        }
        Ok(())
    }

    async fn retain(&self, topic: &str, payload: &Bytes) -> Result<(), ClientError> {
        let payload = payload.to_vec();
        self.client
            .publish(topic, QoS::AtLeastOnce, true, payload)
            .await
    }

    /// The messages that the broker is to retain.
    fn wanted(&mut self) -> BTreeMap<String, Bytes> {
        let snapshot = self.controller.current();
        self.forget_others(&snapshot);
        let mut wanted = BTreeMap::from([(self.topics.status(), "online".into())]);
        for stream in snapshot.streams.iter() {
            self.add_stream(&mut wanted, stream, &snapshot);
        }
        let measured = Measured::Time.prefix();
        for (name, text) in self.controller.variables().snapshot().iter() {
            // The time of day is nothing that needs telling.
            if !name.starts_with(measured) {
                wanted.insert(self.topics.variable(name), text.clone().into());
            }
        }
        wanted
    }

    /// Forgets what is known of streams that are no more.
    fn forget_others(&mut self, snapshot: &Snapshot) {
        self.kinds
            .retain(|stream, _| snapshot.find(stream).is_some());
        self.pictures
            .retain(|stream, _| snapshot.find(stream).is_some());
    }

    fn add_stream(
        &self,
        wanted: &mut BTreeMap<String, Bytes>,
        stream: &Arc<Stream>,
        snapshot: &Snapshot,
    ) {
        let name = stream.name();
        let kinds = self.kinds_of(snapshot.config.stream(name), name);
        let of_stream = |topic: &str| self.topics.of_stream(name, topic);
        wanted.insert(of_stream("state"), stream.state().name().into());
        for kind in &kinds {
            let mut open = self.open.iter();
            let is_open = open.any(|(stream, of, _)| stream == name && of == kind);
            let text = if is_open { "ON" } else { "OFF" };
            wanted.insert(of_stream(kind.as_str()), text.into());
        }
        let events = self.controller.events();
        let picture = self.pictures.get(name);
        let picture = picture.filter(|(id, _)| events.has_picture(id));
        if let Some((_, picture)) = picture {
            wanted.insert(of_stream("picture"), picture.clone());
        } else if snapshot.config.masks_of(name).next().is_some() {
            // The broker may retain one that shows what is masked now: nothing removes it.
            wanted.insert(of_stream("picture"), Bytes::new());
        }
        let Some(discovery) = &self.config.discovery else {
            return;
        };
        let device = Device {
            discovery,
            topics: &self.topics,
            stream: name,
            title: &stream.title(),
        };
        let messages = device.messages(kinds.into_iter()).into_iter();
        wanted.extend(messages.map(|(topic, message)| (topic, message.to_string().into())));
    }

    /// The kinds of events that a stream has: those that there were, and those that its filters
    /// make.
    fn kinds_of(&self, config: Option<&StreamConfig>, name: &str) -> BTreeSet<EventKind> {
        let mut kinds = self.kinds.get(name).cloned().unwrap_or_default();
        kinds.insert(EventKind::CAMERA_FAILED);
        let mut filters = config.iter().flat_map(|config| &config.filters);
        let is_motion = |filter: &FilterRef| *filter == FilterRef::BuiltIn("motion".to_owned());
        if filters.any(|step| is_motion(&step.filter)) {
            kinds.insert(EventKind::MOTION);
        }
        kinds
    }
}
