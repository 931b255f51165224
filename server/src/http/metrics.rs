//! `GET /metrics`: numbers for Prometheus, in its text format 0.0.4, with names and units after its
//! conventions.

use std::fmt;
use std::iter::zip;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::App;
use super::server::Places;
use crate::chain::{BUCKETS, Durations};
use crate::stream::{Stream, StreamState};

/// All numbers.
pub async fn answer(State(app): State<App>) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families(&app))));
    let mut text = String::new();
    match prometheus_text::encode(&mut text, &registry) {
        Ok(()) => (
            [(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)],
            text,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|family| family.encode(&mut encoder))
    }
}

/// A metric that grows, or stands somewhere; its samples are added one by one.
#[derive(Debug)]
struct Family {
    /// Without the `_total` of a counter, which the encoder puts there.
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Vec<(&'static str, String)>, Value)>,
}

#[derive(Debug)]
enum Value {
    Count(u64),
    Seconds(f64),
    Durations(Durations),
}

const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, u64>> = None;

impl Family {
    fn new(kind: MetricType, name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            kind,
            samples: Vec::new(),
        }
    }

    fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(MetricType::Counter, name, help)
    }

    fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(MetricType::Gauge, name, help)
    }

    fn add(&mut self, labels: &[(&'static str, &str)], value: impl Into<Value>) {
        let owned = |&(name, value): &(&'static str, &str)| (name, value.to_owned());
        let labels = labels.iter().map(owned).collect();
        self.samples.push((labels, value.into()));
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(self.name, self.help, None, self.kind)?;
        for (labels, value) in &self.samples {
            let mut sample = family.encode_family(labels)?;
            match (value, self.kind) {
                (Value::Count(count), MetricType::Counter) => {
                    sample.encode_counter(count, NO_EXEMPLAR)?;
                }
                (Value::Count(count), _) => sample.encode_gauge(count)?,
                (Value::Seconds(seconds), _) => sample.encode_gauge(seconds)?,
                (
                    Value::Durations(Durations {
                        buckets,
                        count,
                        sum,
                    }),
                    _,
                ) => {
                    let buckets: Vec<_> = zip(BUCKETS, *buckets).collect();
                    sample.encode_histogram::<NoLabelSet>(*sum, *count, &buckets, None)?;
                }
            }
        }
        Ok(())
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

fn families(app: &App) -> Vec<Family> {
    let running = app.controller.current();
    let mut streams = StreamFamilies::new();
    for stream in running.streams.iter() {
        streams.add(stream);
    }
    let mut families = streams.into_families();
    let report = app.controller.report();
    let mut reloads = Family::counter(
        "mattebox_reloads",
        "Changes of the pipeline, by what became of them.",
    );
    reloads.add(&[("result", "success")], report.reloads);
    reloads.add(&[("result", "failure")], report.failed_reloads);
    let mut valid = Family::gauge(
        "mattebox_pipeline_valid",
        "Whether the pipeline file as it is now is in force.",
    );
    valid.add(&[], report.error.is_none());
    let mut info = Family::gauge("mattebox_build_info", "Which version runs.");
    info.add(&[("version", env!("CARGO_PKG_VERSION"))], true);
    families.extend([reloads, valid, info]);
    families.extend(connections(&app.places));
    families
}

/// Connections, and those for which there was no room.
fn connections(places: &Places) -> [Family; 2] {
    let mut open = Family::gauge(
        "mattebox_connections",
        "Open connections, beside those in the reserve.",
    );
    open.add(&[], places.connections() as u64);
    let mut refused = Family::counter(
        "mattebox_connections_refused",
        "Connections and forwarded requests beyond the limits, by which one.",
    );
    let counts = places.refused();
    refused.add(&[("limit", "address")], counts.client);
    refused.add(&[("limit", "all")], counts.server);
    [open, refused]
}

struct StreamFamilies {
    viewers: Family,
    state: Family,
    source_open: Family,
    frames_in: Family,
    frames_out: Family,
    frames_dropped: Family,
    bytes_out: Family,
    frames_sent: Family,
    bytes_sent: Family,
    step: Family,
    step_errors: Family,
    step_restarts: Family,
    compile: Family,
}

impl StreamFamilies {
    fn new() -> Self {
        Self {
            viewers: Family::gauge("mattebox_stream_viewers", "People who watch."),
            state: Family::gauge(
                "mattebox_stream_state",
                "1 for what the stream does, 0 for all else.",
            ),
            source_open: Family::gauge("mattebox_source_open", "Whether the camera is open."),
            frames_in: Family::counter("mattebox_frames_received", "Frames from the camera."),
            frames_out: Family::counter(
                "mattebox_frames_served",
                "Frames out of the chain, by the path that they took.",
            ),
            frames_dropped: Family::counter(
                "mattebox_frames_dropped",
                "Frames that were not served, by why.",
            ),
            bytes_out: Family::counter(
                "mattebox_served_bytes",
                "Bytes of the frames out of the chain, each counted once however many watch.",
            ),
            frames_sent: Family::counter(
                "mattebox_sent_frames",
                "Frames handed to viewers, each counted for every one of them.",
            ),
            bytes_sent: Family::counter(
                "mattebox_sent_bytes",
                "Bytes of the frames handed to viewers, each counted for every one of them.",
            ),
            step: Family::new(
                MetricType::Histogram,
                "mattebox_step_duration_seconds",
                "How long a step took for a frame.",
            ),
            step_errors: Family::counter("mattebox_step_errors", "Calls of a filter that failed."),
            step_restarts: Family::counter(
                "mattebox_step_restarts",
                "Filters that were started again after they had failed.",
            ),
            compile: Family::gauge(
                "mattebox_filter_compile_seconds",
                "How long the step's filter took to compile, or to come out of the cache.",
            ),
        }
    }

    fn add(&mut self, stream: &Stream) {
        let report = stream.report();
        let name = ("stream", report.name.as_str());
        self.viewers.add(&[name], report.viewers as u64);
        for state in StreamState::ALL {
            let labels = [name, ("state", state.name())];
            self.state.add(&labels, state == report.state);
        }
        self.frames_in.add(&[name], report.frames_in);
        for (path, count) in &report.paths {
            self.frames_out.add(&[name, ("path", path.name())], *count);
        }
        let is_open = stream.health_changes().borrow().captures;
        self.source_open
            .add(&[name, ("driver", report.driver)], is_open);
        for (reason, count) in [
            ("broken", report.frames_broken),
            ("failed", report.frames_dropped - report.frames_broken),
            ("skipped", report.frames_skipped),
        ] {
            self.frames_dropped.add(&[name, ("reason", reason)], count);
        }
        self.bytes_out.add(&[name], report.bytes_out);
        self.frames_sent.add(&[name], report.frames_sent);
        self.bytes_sent.add(&[name], report.bytes_sent);
        for step in stream.steps() {
            let id = step.id.to_string();
            let labels = [
                name,
                ("step", id.as_str()),
                ("filter", step.config.filter.as_str()),
            ];
            let counted = step.report();
            let durations = Value::Durations(step.stats.durations());
            self.step.add(&labels, durations);
            self.step_errors.add(&labels, counted.errors);
            self.step_restarts.add(&labels, counted.restarts);
            let seconds = step.filter.load_time().as_secs_f64();
            self.compile.add(&labels, Value::Seconds(seconds));
        }
    }

    fn into_families(self) -> Vec<Family> {
        vec![
            self.viewers,
            self.state,
            self.source_open,
            self.frames_in,
            self.frames_out,
            self.frames_dropped,
            self.bytes_out,
            self.frames_sent,
            self.bytes_sent,
            self.step,
            self.step_errors,
            self.step_restarts,
            self.compile,
        ]
    }
}
