//! `GET /metrics`: numbers for Prometheus, in its text format 0.0.4, with names and units after its conventions.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder, TextEncoder};

use super::App;
use super::server::Places;
use crate::chain::{BUCKETS, Durations};
use crate::stream::{Stream, StreamState};

/// All numbers.
pub async fn answer(State(app): State<App>) -> Response {
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    match encoder.encode(&families(&app), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// A metric that grows, or stands somewhere; its samples are added one by one.
struct Family(MetricFamily);

impl Family {
    fn new(kind: MetricType, name: &str, help: &str) -> Self {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Self(family)
    }

    fn counter(name: &str, help: &str) -> Self {
        Self::new(MetricType::COUNTER, name, help)
    }

    fn gauge(name: &str, help: &str) -> Self {
        Self::new(MetricType::GAUGE, name, help)
    }

    fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        let mut metric = labelled(labels);
        match self.0.get_field_type() {
            MetricType::COUNTER => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            _ => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        self.0.mut_metric().push(metric);
    }

    fn observe(&mut self, labels: &[(&str, &str)], durations: &Durations) {
        let mut below = 0;
        let buckets = BUCKETS.iter().zip(durations.buckets).map(|(bound, count)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(below);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect::<Vec<_>>());
        histogram.set_sample_count(durations.count);
        histogram.set_sample_sum(durations.sum);
        let mut metric = labelled(labels);
        metric.set_histogram(histogram);
        self.0.mut_metric().push(metric);
    }
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut metric = Metric::default();
    metric.set_label(pairs.collect::<Vec<_>>());
    metric
}

fn families(app: &App) -> Vec<MetricFamily> {
    let running = app.controller.current();
    let mut streams = StreamFamilies::new();
    for stream in running.streams.iter() {
        streams.add(stream);
    }
    let mut families = streams.into_families();
    let report = app.controller.report();
    let mut reloads = Family::counter(
        "mattebox_reloads_total",
        "Changes of the pipeline, by what became of them.",
    );
    reloads.add(&[("result", "success")], report.reloads as f64);
    reloads.add(&[("result", "failure")], report.failed_reloads as f64);
    let mut valid = Family::gauge(
        "mattebox_pipeline_valid",
        "Whether the pipeline file as it is now is in force.",
    );
    valid.add(&[], f64::from(u8::from(report.error.is_none())));
    let mut info = Family::gauge("mattebox_build_info", "Which version runs.");
    info.add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    families.extend([reloads.0, valid.0, info.0]);
    families.extend(connections(&app.places));
    // A family without samples would be no valid text.
    families.retain(|family| !family.get_metric().is_empty());
    families
}

/// Connections, and those for which there was no room.
fn connections(places: &Places) -> [MetricFamily; 2] {
    let mut open = Family::gauge(
        "mattebox_connections",
        "Open connections, beside those in the reserve.",
    );
    open.add(&[], places.connections() as f64);
    let mut refused = Family::counter(
        "mattebox_connections_refused_total",
        "Connections and forwarded requests beyond the limits, by which one.",
    );
    let counts = places.refused();
    refused.add(&[("limit", "address")], counts.client as f64);
    refused.add(&[("limit", "all")], counts.server as f64);
    [open.0, refused.0]
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
            frames_in: Family::counter("mattebox_frames_received_total", "Frames from the camera."),
            frames_out: Family::counter(
                "mattebox_frames_served_total",
                "Frames out of the chain, by the path that they took.",
            ),
            frames_dropped: Family::counter(
                "mattebox_frames_dropped_total",
                "Frames that were not served, by why.",
            ),
            bytes_out: Family::counter(
                "mattebox_served_bytes_total",
                "Bytes of the frames out of the chain, each counted once however many watch.",
            ),
            frames_sent: Family::counter(
                "mattebox_sent_frames_total",
                "Frames handed to viewers, each counted for every one of them.",
            ),
            bytes_sent: Family::counter(
                "mattebox_sent_bytes_total",
                "Bytes of the frames handed to viewers, each counted for every one of them.",
            ),
            step: Family::new(
                MetricType::HISTOGRAM,
                "mattebox_step_duration_seconds",
                "How long a step took for a frame.",
            ),
            step_errors: Family::counter(
                "mattebox_step_errors_total",
                "Calls of a filter that failed.",
            ),
            step_restarts: Family::counter(
                "mattebox_step_restarts_total",
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
        self.viewers.add(&[name], report.viewers as f64);
        for state in StreamState::ALL {
            let is_it = f64::from(u8::from(state == report.state));
            self.state.add(&[name, ("state", state.name())], is_it);
        }
        self.frames_in.add(&[name], report.frames_in as f64);
        for (path, count) in &report.paths {
            self.frames_out
                .add(&[name, ("path", path.name())], *count as f64);
        }
        let is_open = f64::from(u8::from(stream.health_changes().borrow().captures));
        self.source_open
            .add(&[name, ("driver", report.driver)], is_open);
        for (reason, count) in [
            ("broken", report.frames_broken),
            ("failed", report.frames_dropped - report.frames_broken),
            ("skipped", report.frames_skipped),
        ] {
            self.frames_dropped
                .add(&[name, ("reason", reason)], count as f64);
        }
        self.bytes_out.add(&[name], report.bytes_out as f64);
        self.frames_sent.add(&[name], report.frames_sent as f64);
        self.bytes_sent.add(&[name], report.bytes_sent as f64);
        for step in stream.steps() {
            let id = step.id.to_string();
            let labels = [
                name,
                ("step", id.as_str()),
                ("filter", step.config.filter.as_str()),
            ];
            let counted = step.report();
            self.step.observe(&labels, &step.stats.durations());
            self.step_errors.add(&labels, counted.errors as f64);
            self.step_restarts.add(&labels, counted.restarts as f64);
            self.compile
                .add(&labels, step.filter.load_time().as_secs_f64());
        }
    }

    fn into_families(self) -> Vec<MetricFamily> {
        let all = [
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
        ];
        all.map(|family| family.0).into()
    }
}
