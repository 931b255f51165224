//! From the tree to the model: checked against the schema and the rules, then read by serde, and
//! given places.

use super::check::check_file;
use super::error::Errors;
use super::model::{Config, StepConfig};
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

/// Gives the steps their places, and settles what the types can't.
fn settle(config: &mut Config, root: &Node) {
    if let Some(token) = &config.admin_token {
        token.note();
    }
    let streams = root.get("streams").map_or(&[][..], Node::entries);
    for (stream, (_, node)) in config.streams.iter_mut().zip(streams) {
        stream.source.settle();
        let steps = node.get("filters").map_or(&[][..], Node::items);
        let steps = stream.filters.iter_mut().zip(steps);
        steps.for_each(|(step, node)| settle_step(step, node));
    }
    if let Some(gpio) = &mut config.gpio {
        gpio.name_streams(&config.streams);
    }
}

fn settle_step(step: &mut StepConfig, node: &Node) {
    let with = node.entry("with");
    let settings = node.get("with").cloned();
    step.with = Settings::new(with.map(|(key, _)| key.span), settings);
    step.use_span = node.get("use").unwrap_or(node).span;
}
