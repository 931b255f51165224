//! From the tree to the model: checked against the schema and the rules, then read by serde, and
//! given places.

use super::check::check_file;
use super::error::{Errors, Span};
use super::model::{Config, StepConfig, StreamConfig};
use super::rules;
use super::schema::{SCHEMA, to_json};
use super::settings::Settings;
use super::yaml::Node;

/// Reads what the file's root says; `None` if something is wrong with it, which is added to
/// `errors`.
pub fn read(root: &Node, errors: &mut Errors) -> Option<Config> {
    let json = to_json(root, Some(&SCHEMA));
    check_file(root, &json, errors);
    rules::check(root, errors);
    if !errors.0.is_empty() {
        return None;
    }
    match serde_json::from_value::<Config>(json) {
        Ok(mut config) => {
            settle(&mut config, root);
            Some(config)
        }
        // No file is known of that the schema allows and serde doesn't.
        Err(error) => {
            errors.add(root.span, format!("the file can't be read: {error}"));
            None
        }
    }
}

/// Gives the parts their places, and settles what the types can't.
fn settle(config: &mut Config, root: &Node) {
    let listen = root.get("listen");
    for (at, listening) in config.listen.iter_mut().enumerate() {
        let item = listen.and_then(|listen| listen.items().get(at));
        listening.span = item.or(listen).unwrap_or(root).span;
    }
    if let (Some(token), Some(node)) = (&mut config.admin_token, root.get("admin-token")) {
        token.span = node.span;
        token.secret.note();
    }
    let streams = root.get("streams").map_or(&[][..], Node::entries);
    for (stream, (_, node)) in config.streams.iter_mut().zip(streams) {
        settle_stream(stream, node);
    }
    if let (Some(gpio), Some(node)) = (&mut config.gpio, root.get("gpio")) {
        gpio.span = node.get("backend").unwrap_or(node).span;
        gpio.name_streams(&config.streams);
    }
}

fn settle_stream(stream: &mut StreamConfig, node: &Node) {
    if let Some(source) = node.get("source") {
        stream.source.settle();
        let keys = ["path", "url", "command", "device", "stream", "driver"];
        let named = keys.iter().find_map(|key| source.get(key));
        stream.source.span = named.map_or(Span::START, |named| named.span);
    }
    let steps = node.get("filters").map_or(&[][..], Node::items);
    for (step, node) in stream.filters.iter_mut().zip(steps) {
        settle_step(step, node);
    }
}

fn settle_step(step: &mut StepConfig, node: &Node) {
    let with = node.entry("with");
    let settings = node.get("with").cloned();
    step.with = Settings::new(with.map(|(key, _)| key.span), settings);
    step.use_span = node.get("use").unwrap_or(node).span;
}
