//! Rules that no single key of a pipeline file says: names that must be there, and keys that belong
//! together.

use std::collections::HashSet;

use super::error::{Errors, Span};
use super::model::{find_clash, parse_listen};
use super::suggest::{hint, quote};
use super::yaml::{Content, Node};

/// Tells of everything in the pipeline file `root` that its keys don't allow together. What its
/// schema refuses is left to that.
pub fn check(root: &Node, errors: &mut Errors) {
    let streams = root.get("streams").map_or(&[][..], Node::entries);
    check_listen(root, errors);
    if let Some(tls) = root.get("tls") {
        check_tls(tls, root, errors);
    }
    super::access_rules::check(root, errors);
    let is_mapping = |node: &&Node| matches!(node.content, Content::Mapping(_));
    if let Some(streams) = root.get("streams").filter(is_mapping) {
        // A key that is none has been told of.
        if streams.entries().is_empty() && errors.0.is_empty() {
            let message = "`streams`: name at least one stream, for instance `demo:`";
            errors.add(streams.span, message);
        }
    }
    for (name, stream) in streams {
        if let Some(source) = stream.get("source") {
            check_shared(streams, name, source, errors);
            check_login(source, errors);
            check_masks(source, errors);
        }
    }
    for action in root.get("on").map_or(&[][..], Node::items) {
        check_action(action, streams, errors);
        if let (Some((key, _)), None) = (action.entry("mqtt"), root.get("mqtt")) {
            let message = "`mqtt`: the file names no broker; add `mqtt: { broker: … }` at its top";
            errors.add(key.span, message);
        }
    }
    if let Some(mqtt) = root.get("mqtt") {
        check_mqtt(mqtt, streams, errors);
    }
    if let Some(gpio) = root.get("gpio") {
        check_gpio(gpio, streams, errors);
    }
}

/// One server can't listen twice on a port.
fn check_listen(root: &Node, errors: &mut Errors) {
    let items = root.get("listen").map_or(&[][..], Node::items);
    let read = |item: &Node| Some((item.span, parse_listen(item.text()?).ok()?));
    let (spans, addresses): (Vec<_>, Vec<_>) = items.iter().filter_map(read).unzip();
    if let Some((at, why)) = find_clash(&addresses) {
        errors.add(spans[at], format!("`listen`: {why}"));
    }
}

/// A certificate has one origin, and a redirection an address of its own.
fn check_tls(tls: &Node, root: &Node, errors: &mut Errors) {
    if !matches!(tls.content, Content::Mapping(_)) {
        return;
    }
    match (tls.entry("cert"), tls.entry("key")) {
        (Some((cert, _)), None) => errors.add(cert.span, "`cert` needs the certificate's `key`"),
        (None, Some((key, _))) => errors.add(key.span, "`key` needs its certificate (`cert`)"),
        _ => {}
    }
    let is_on = |(_, value): &(&Node, &Node)| value.text() != Some("false");
    let origins = ["cert", "self-signed", "acme"].map(|key| tls.entry(key).filter(is_on));
    let mut origins = origins.into_iter().flatten();
    match (origins.next(), origins.next()) {
        (None, _) if tls.get("key").is_none() => {
            let message = "`tls` needs `cert` and `key`, `self-signed: true`, or `acme`";
            errors.add(tls.span, message);
        }
        (Some(_), Some((second, _))) => {
            let message = "a certificate has one origin: `cert`, `self-signed` or `acme`";
            errors.add(second.span, message);
        }
        _ => {}
    }
    if let (Some((key, _)), None) = (tls.entry("client-certificates"), tls.get("client-ca")) {
        let message = "`client-certificates` needs `client-ca`: who signs them?";
        errors.add(key.span, message);
    }
    check_redirects(tls, root, errors);
}

/// One server can't listen on a port for TLS and for plain HTTP.
fn check_redirects(tls: &Node, root: &Node, errors: &mut Errors) {
    let nodes = [root.get("listen"), tls.get("redirect-from")].into_iter();
    let nodes = nodes.flatten().flat_map(|node| match node.items() {
        [] => std::slice::from_ref(node),
        items => items,
    });
    let read = |item: &Node| Some((item.span, parse_listen(item.text()?).ok()?));
    let (spans, addresses): (Vec<_>, Vec<_>) = nodes.filter_map(read).unzip();
    let of_tls = tls.get("redirect-from").map(|node| node.span);
    if let (Some((at, why)), Some(_)) = (find_clash(&addresses), of_tls) {
        errors.add(spans[at], format!("`redirect-from`: {why}"));
    }
}

/// A source that is a stream must be there, and must not lead back to itself.
fn check_shared(streams: &[(Node, Node)], name: &Node, source: &Node, errors: &mut Errors) {
    let Some((span, shared)) = shared(source) else {
        return;
    };
    let name = name.text().unwrap_or_default();
    if find(streams, shared).is_none() {
        let others = names(streams).filter(|other| *other != name);
        let hint = hint(shared, others);
        errors.add(span, format!("no stream is called {}{hint}", quote(shared)));
    } else if leads_back(streams, name, shared) {
        let name = quote(name);
        errors.add(
            span,
            format!("the stream {name} would get its frames from itself"),
        );
    }
}

/// The stream that a source is, and where its name stands.
fn shared(source: &Node) -> Option<(Span, &str)> {
    let name = source
        .get("stream")
        .filter(|_| source.get("driver").is_none())?;
    Some((name.span, name.text()?))
}

pub fn find<'a>(streams: &'a [(Node, Node)], name: &str) -> Option<&'a Node> {
    let mut streams = streams.iter();
    let stream = streams.find(|(known, _)| known.text() == Some(name))?;
    Some(&stream.1)
}

pub fn names(streams: &[(Node, Node)]) -> impl Iterator<Item = &str> + Clone {
    streams.iter().filter_map(|(name, _)| name.text())
}

fn leads_back(streams: &[(Node, Node)], start: &str, first: &str) -> bool {
    let mut current = first;
    // A way that is longer than there are streams goes round in a circle that `start` is not in.
    for _ in streams {
        if current == start {
            return true;
        }
        let source = find(streams, current).and_then(|stream| stream.get("source"));
        match source.and_then(shared) {
            Some((_, next)) => current = next,
            None => return false,
        }
    }
    false
}

fn check_login(source: &Node, errors: &mut Errors) {
    let Some((key, password)) = source.entry("password") else {
        return;
    };
    if password.is_null() {
        let found = password.describe();
        errors.add(
            key.span,
            format!("`password`: expected a text, found {found}"),
        );
    } else if source.get("user").is_none() {
        errors.add(password.span, "`password` needs a `user`");
    }
}

/// Masks are told apart by their names, and cover in one way each.
fn check_masks(source: &Node, errors: &mut Errors) {
    let mut used = HashSet::new();
    for mask in source.get("masks").map_or(&[][..], Node::items) {
        if let Some(name) = mask.get("name")
            && let Some(text) = name.text().filter(|text| !used.insert(*text))
        {
            let message = format!("another mask is called {}, too", quote(text));
            errors.add(name.span, message);
        }
        if let (Some((key, _)), Some(_)) = (mask.entry("mosaic"), mask.get("fill")) {
            let message = "a mask is a `mosaic` or has a colour (`fill`), not both";
            errors.add(key.span, message);
        }
    }
}

/// Keys of an action that only posting takes.
const OF_POST: [&str; 4] = ["headers", "password", "user", "verify-tls"];

/// An action's streams must be there, and its keys belong to what it does.
fn check_action(action: &Node, streams: &[(Node, Node)], errors: &mut Errors) {
    for stream in action.get("streams").map_or(&[][..], Node::items) {
        let name = stream.text().unwrap_or_default();
        if find(streams, name).is_none() {
            let hint = hint(name, names(streams));
            errors.add(
                stream.span,
                format!("no stream is called {}{hint}", quote(name)),
            );
        }
    }
    if action.get("post").is_some() {
        return check_login(action, errors);
    }
    for key in OF_POST {
        if let Some((key, _)) = action.entry(key) {
            let name = quote(key.text().unwrap_or_default());
            errors.add(key.span, format!("{name} is a key of `post` only"));
        }
    }
}

/// Variables and streams have topics of their own.
fn check_mqtt(mqtt: &Node, streams: &[(Node, Node)], errors: &mut Errors) {
    check_login(mqtt, errors);
    for (name, _) in streams {
        if name.text() == Some("variables") {
            let message = "with `mqtt`, no stream can be called `variables`: their topics start so";
            errors.add(name.span, message);
        }
    }
}

fn check_gpio(gpio: &Node, streams: &[(Node, Node)], errors: &mut Errors) {
    let backend = gpio.get("backend").and_then(Node::text);
    if let Some((folder, _)) = gpio.entry("folder")
        && gpio.get("folder").is_some()
        && backend.is_none_or(|backend| backend == "raspberry-pi")
    {
        let message = "`folder` is a key of the backend `simulated` only";
        errors.add(folder.span, message);
    }
    let outputs = gpio.get("outputs").map_or(&[][..], Node::items);
    let inputs = gpio.get("inputs").map_or(&[][..], Node::entries);
    outputs
        .iter()
        .for_each(|it| check_indicator(it, streams, errors));
    let inputs = inputs.iter().map(|(_, input)| input);
    let pins = outputs.iter().chain(inputs).filter_map(|it| it.get("pin"));
    let mut used = HashSet::new();
    for pin in pins {
        let number = pin.scalar().and_then(|number| number.as_u64());
        if let Some(number) = number.filter(|number| !used.insert(*number)) {
            errors.add(pin.span, format!("the pin {number} is used twice"));
        }
    }
}

/// An indicator's stream must be there, and may be left out where only one can be meant.
fn check_indicator(output: &Node, streams: &[(Node, Node)], errors: &mut Errors) {
    let Some(shows) = output.get("shows").and_then(Node::text) else {
        return;
    };
    match output.get("stream") {
        None if shows != "running" && streams.len() != 1 => {
            errors.add(output.span, "this output needs a `stream`: whose?");
        }
        Some(stream) if shows == "running" => {
            let message = "`running` is of the whole server and takes no `stream`";
            errors.add(stream.span, message);
        }
        Some(stream) => {
            let name = stream.text().unwrap_or_default();
            if find(streams, name).is_none() {
                let hint = hint(name, names(streams));
                let message = format!("no stream is called {}{hint}", quote(name));
                errors.add(stream.span, message);
            }
        }
        None => {}
    }
}
