//! `GET /metrics`: numbers for Prometheus, in its text format 0.0.4, with names and units after its
//! conventions.

use std::fmt;
use std::iter::zip;
use std::time::UNIX_EPOCH;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::App;
use crate::actions::ActionReport;
use crate::chain::{BUCKETS, Durations, StepStatus};
use crate::event_log::EventLog;
use crate::mqtt::MqttReport;
use crate::stream::{DemandKind, Stream, StreamState};

/// All numbers.
pub async fn answer(State(app): State<App>) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(samples(&app)));
    let mut text = String::new();
    if let Err(error) = prometheus_text::encode(&mut text, &registry) {
        return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
    }
    let kind = [(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)];
    (kind, text).into_response()
}

/// Declares the metrics in their order: each with its type, its name, without the `_total` of a
/// counter, which the encoder puts there, and its help.
macro_rules! metrics {
    ($($metric:ident: $kind:ident $name:literal $help:literal)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Metric {
            $($metric),*
        }

        const METRICS: &[(Metric, MetricType, &str, &str)] =
            &[$((Metric::$metric, MetricType::$kind, $name, $help)),*];
    };
}

metrics! {
    Viewers: Gauge "mattebox_stream_viewers"
        "People who watch."
    Wanted: Gauge "mattebox_stream_wanted"
        "1 for each kind of those who want the camera on, 0 for the others."
    State: Gauge "mattebox_stream_state"
        "1 for what the stream does, 0 for all else."
    SourceOpen: Gauge "mattebox_source_open"
        "Whether the camera is open."
    FramesReceived: Counter "mattebox_frames_received"
        "Frames from the camera."
    FramesServed: Counter "mattebox_frames_served"
        "Frames out of the chain, by the path that they took."
    FramesDropped: Counter "mattebox_frames_dropped"
        "Frames that were not served, by why."
    ServedBytes: Counter "mattebox_served_bytes"
        "Bytes of the frames out of the chain, each counted once however many watch."
    SentFrames: Counter "mattebox_sent_frames"
        "Frames handed to viewers, each counted for every one of them."
    SentBytes: Counter "mattebox_sent_bytes"
        "Bytes of the frames handed to viewers, each counted for every one of them."
    StepDuration: Histogram "mattebox_step_duration_seconds"
        "How long a step took for a frame."
    StepErrors: Counter "mattebox_step_errors"
        "Calls of a filter that failed."
    StepRestarts: Counter "mattebox_step_restarts"
        "Filters that were started again after they had failed."
    StepEventsDropped: Counter "mattebox_step_events_dropped"
        "Events that a filter told of and that were left out, since they were too many."
    FilterCompile: Gauge "mattebox_filter_compile_seconds"
        "How long the step's filter took to compile, or to come out of the cache."
    Reloads: Counter "mattebox_reloads"
        "Changes of the pipeline, by what became of them."
    PipelineValid: Gauge "mattebox_pipeline_valid"
        "Whether the pipeline file as it is now is in force."
    Events: Counter "mattebox_events"
        "Events of streams since the server started, by kind."
    EventsOpen: Gauge "mattebox_events_open"
        "Events that last, by kind."
    Actions: Counter "mattebox_actions"
        "Events that an action was done for, or not, by what became of them; actions are numbered \
         from 0 in the file's order."
    ActionsWaiting: Gauge "mattebox_actions_waiting"
        "Events that wait for an action."
    MqttConnected: Gauge "mattebox_mqtt_connected"
        "Whether the MQTT broker is connected, where the pipeline file names one."
    MqttDropped: Counter "mattebox_mqtt_dropped"
        "Events that were not published since the MQTT broker was away or too slow."
    EventStoreErrors: Counter "mattebox_event_store_errors"
        "Failures to write events to their folder."
    BuildInfo: Gauge "mattebox_build_info"
        "Which version runs."
    CertificateEnd: Gauge "mattebox_tls_certificate_expiry_timestamp_seconds"
        "When the certificate that the server shows ends, in seconds since 1970; absent without \
         one."
    Connections: Gauge "mattebox_connections"
        "Open connections, beside those in the reserve."
    ConnectionsRefused: Counter "mattebox_connections_refused"
        "Connections and forwarded requests beyond the limits, by which one."
}

/// The labels that tell a value from others of its metric.
type Labels = Vec<(&'static str, String)>;

/// The values of all metrics.
#[derive(Debug, Default)]
struct Samples(Vec<(Metric, Labels, Value)>);

#[derive(Debug)]
enum Value {
    Count(u64),
    Seconds(f64),
    Durations(Durations),
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (metric, kind, name, help) in METRICS {
            let mut family = encoder.encode_descriptor(name, help, None, *kind)?;
            for (_, labels, value) in self.0.iter().filter(|(of, ..)| of == metric) {
                value.encode(*kind, family.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(&self, kind: MetricType, mut sample: MetricEncoder<'_>) -> fmt::Result {
        const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, u64>> = None;
        match (self, kind) {
            (Self::Count(count), MetricType::Counter) => sample.encode_counter(count, NO_EXEMPLAR),
            (Self::Count(count), _) => sample.encode_gauge(count),
            (Self::Seconds(seconds), _) => sample.encode_gauge(seconds),
            (Self::Durations(it), _) => {
                let buckets: Vec<_> = zip(BUCKETS, it.buckets).collect();
                sample.encode_histogram::<NoLabelSet>(it.sum, it.count, &buckets, None)
            }
        }
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<bool> for Value {
    fn from(is_so: bool) -> Self {
        Self::Count(is_so.into())
    }
}

impl Samples {
    fn add(&mut self, of: Metric, labels: &[(&'static str, &str)], value: impl Into<Value>) {
        let owned = |&(name, value): &(&'static str, &str)| (name, value.to_owned());
        let labels = labels.iter().map(owned).collect();
        self.0.push((of, labels, value.into()));
    }

    fn add_stream(&mut self, stream: &Stream) {
        let report = stream.report();
        let name = ("stream", report.name.as_str());
        self.add(Metric::Viewers, &[name], report.viewers as u64);
        for kind in DemandKind::ALL {
            let labels = [name, ("by", kind.name())];
            self.add(Metric::Wanted, &labels, report.wanted_by.contains(&kind));
        }
        for state in StreamState::ALL {
            let labels = [name, ("state", state.name())];
            self.add(Metric::State, &labels, state == report.state);
        }
        let is_open = stream.health_changes().borrow().captures;
        self.add(
            Metric::SourceOpen,
            &[name, ("driver", report.driver)],
            is_open,
        );
        self.add(Metric::FramesReceived, &[name], report.frames_in);
        for (path, count) in &report.paths {
            self.add(Metric::FramesServed, &[name, ("path", path.name())], *count);
        }
        for (reason, count) in [
            ("broken", report.frames_broken),
            ("failed", report.frames_dropped - report.frames_broken),
            ("skipped", report.frames_skipped),
        ] {
            self.add(Metric::FramesDropped, &[name, ("reason", reason)], count);
        }
        self.add(Metric::ServedBytes, &[name], report.bytes_out);
        self.add(Metric::SentFrames, &[name], report.frames_sent);
        self.add(Metric::SentBytes, &[name], report.bytes_sent);
        for step in stream.steps() {
            self.add_step(name, &step);
        }
    }

    fn add_step(&mut self, stream: (&'static str, &str), step: &StepStatus) {
        let (id, filter) = (step.id.to_string(), step.config.filter.as_str());
        let labels = [stream, ("step", &id), ("filter", filter)];
        let counted = step.report();
        let durations = Value::Durations(step.stats.durations());
        self.add(Metric::StepDuration, &labels, durations);
        self.add(Metric::StepErrors, &labels, counted.errors);
        self.add(Metric::StepRestarts, &labels, counted.restarts);
        self.add(Metric::StepEventsDropped, &labels, counted.events_dropped);
        let seconds = step.filter.load_time().as_secs_f64();
        self.add(Metric::FilterCompile, &labels, Value::Seconds(seconds));
    }
}

impl Samples {
    fn add_events(&mut self, events: &EventLog) {
        for (kind, count) in events.counts() {
            let kind = ("kind", kind.as_str());
            self.add(Metric::Events, &[kind], count.begun);
            self.add(Metric::EventsOpen, &[kind], count.open);
        }
        let failures = events.store_report().failures;
        self.add(Metric::EventStoreErrors, &[], failures);
    }

    fn add_mqtt(&mut self, mqtt: &MqttReport) {
        if mqtt.broker.is_some() {
            self.add(Metric::MqttConnected, &[], mqtt.connected);
        }
        self.add(Metric::MqttDropped, &[], mqtt.dropped);
    }

    fn add_actions(&mut self, actions: &[ActionReport]) {
        for (number, action) in actions.iter().enumerate() {
            let number = number.to_string();
            let labels = [
                ("action", number.as_str()),
                ("does", action.does),
                ("event", action.event.as_str()),
            ];
            for (result, count) in [
                ("done", action.done),
                ("failed", action.failed),
                ("dropped", action.dropped),
            ] {
                let labels: Vec<_> = labels.into_iter().chain([("result", result)]).collect();
                self.add(Metric::Actions, &labels, count);
            }
            self.add(Metric::ActionsWaiting, &labels, action.waiting as u64);
        }
    }
}

fn samples(app: &App) -> Samples {
    let mut samples = Samples::default();
    for stream in app.controller.current().streams.iter() {
        samples.add_stream(stream);
    }
    let report = app.controller.report();
    samples.add(Metric::Reloads, &[("result", "success")], report.reloads);
    samples.add(
        Metric::Reloads,
        &[("result", "failure")],
        report.failed_reloads,
    );
    samples.add(Metric::PipelineValid, &[], report.error.is_none());
    samples.add_events(app.controller.events());
    samples.add_actions(&app.actions.report());
    samples.add_mqtt(&app.mqtt.report());
    let version = ("version", env!("CARGO_PKG_VERSION"));
    samples.add(Metric::BuildInfo, &[version], true);
    let shown = app.certificates.shown(&app.controller.current());
    let end = shown.and_then(|pair| pair.until().duration_since(UNIX_EPOCH).ok());
    if let Some(end) = end {
        samples.add(Metric::CertificateEnd, &[], end.as_secs());
    }
    let connections = app.limits.connections() as u64;
    samples.add(Metric::Connections, &[], connections);
    let refused = app.limits.refused();
    samples.add(
        Metric::ConnectionsRefused,
        &[("limit", "address")],
        refused.client,
    );
    samples.add(
        Metric::ConnectionsRefused,
        &[("limit", "all")],
        refused.server,
    );
    samples
}
