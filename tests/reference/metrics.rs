//! The metrics, as `/metrics` tells them: name, type, labels and help.

use std::collections::BTreeMap;

use super::cell;

const HEAD: &str = "# Metrics

What `GET /metrics` answers, for Prometheus, in its text format 0.0.4;
[grafana.json](../grafana.json) is a dashboard for it. This file is made by `tests/reference.rs`.

| metric | type | labels | what it is |
| --- | --- | --- | --- |
";

/// Labels whose values are names that the pipeline file or the build chooses.
const FREE: [&str; 5] = ["driver", "filter", "step", "stream", "version"];
/// The label of a histogram's bounds, which all have.
const BOUND: &str = "le";

/// A metric.
#[derive(Default)]
struct Metric<'a> {
    kind: &'a str,
    help: &'a str,
    /// Each label with its values, all in the order in which they come.
    labels: Vec<(&'a str, Vec<&'a str>)>,
}

/// The Markdown for all metrics in `exposition`, which is Prometheus' text.
pub fn reference(exposition: &str) -> String {
    let mut text = HEAD.to_owned();
    for (name, metric) in read(exposition) {
        let labels = metric
            .labels
            .iter()
            .map(|(label, values)| show(label, values));
        let labels = labels.collect::<Vec<_>>().join("; ");
        let Metric { kind, help, .. } = metric;
        text += &format!("| `{name}` | {kind} | {labels} | {} |\n", cell(help));
    }
    text
}

fn read(exposition: &str) -> BTreeMap<&str, Metric<'_>> {
    let mut metrics: BTreeMap<_, Metric> = BTreeMap::new();
    for line in exposition.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            metrics.entry(name).or_default().help = help;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            metrics.entry(name).or_default().kind = kind;
        } else if let Some((sample, rest)) = line.split_once('{') {
            let (_, metric) = metrics
                .iter_mut()
                .rfind(|(name, _)| sample.starts_with(**name))
                .unwrap();
            add_labels(metric, rest.split('}').next().unwrap());
        }
    }
    metrics
}

/// Adds the labels of a sample, such as `stream="s",path="splice"`. None of their values has a
/// comma here.
fn add_labels<'a>(metric: &mut Metric<'a>, labels: &'a str) {
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').unwrap();
        let known = metric.labels.iter().position(|(label, _)| *label == name);
        let at = known.unwrap_or_else(|| {
            metric.labels.push((name, Vec::new()));
            metric.labels.len() - 1
        });
        let values = &mut metric.labels[at].1;
        let value = value.trim_matches('"');
        if name != BOUND && !values.contains(&value) {
            values.push(value);
        }
    }
}

fn show(label: &str, values: &[&str]) -> String {
    if FREE.contains(&label) || label == BOUND {
        return format!("`{label}`");
    }
    let values = values.iter().map(|value| format!("`{value}`"));
    format!("`{label}`: {}", values.collect::<Vec<_>>().join(", "))
}
