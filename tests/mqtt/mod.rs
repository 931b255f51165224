//! MQTT: states, variables, events and pictures at a broker, and Home Assistant's discovery.

mod mosquitto;

use std::process::Command;

use serde_json::{Value, json};

use crate::support::broker::Broker;
use crate::support::camera::Switched;
use crate::support::picture::jpeg;
use crate::support::server::{Server, until};
use crate::support::{Folder, stderr};

/// A pipeline with `camera` as the stream `front`, and this `mqtt`.
fn pipeline(camera: &Switched, mqtt: &str) -> String {
    format!("mqtt: {{ {mqtt} }}\n{}", camera.pipeline())
}

/// Waits until `broker` retains `text` of `topic`.
fn retains(broker: &Broker, topic: &str, text: &str) {
    until(|| json!(broker.retained(topic)), |it| it == text);
}

/// Checks a message of discovery against what Home Assistant documents.
fn check_discovery(topic: &str, payload: &str) -> Value {
    let schema = include_str!("home_assistant.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let payload: Value = serde_json::from_str(payload).unwrap();
    let parts: Vec<_> = topic.split('/').collect();
    let ["homeassistant", component, node, object, "config"] = parts.as_slice() else {
        panic!("{topic}");
    };
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    assert!(node.chars().chain(object.chars()).all(is_fine), "{topic}");
    let message = json!({ "component": component, "payload": payload });
    let validator = jsonschema::validator_for(&schema).unwrap();
    if let Err(error) = validator.validate(&message) {
        panic!("{topic}: {error} in {message:#}");
    }
    payload
}

#[test]
fn streams_events_and_pictures_are_at_the_broker_and_discovered() {
    let (camera, broker) = (Switched::new(), Broker::with_login("me", "pl4nted-secret"));
    let mqtt = format!("broker: \"mqtt://me:pl4nted-secret@{}\"", broker.address);
    let server = Server::start(Folder::with(&pipeline(&camera, &mqtt)));
    retains(&broker, "mattebox/status", "online");
    retains(&broker, "mattebox/front/state", "resting");
    retains(&broker, "mattebox/front/camera-failed", "OFF");
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    retains(&broker, "mattebox/front/state", "running");
    camera.set(false);
    retains(&broker, "mattebox/front/camera-failed", "ON");
    until(
        || json!(broker.messages("mattebox/front/picture").len()),
        |it| it == 1,
    );
    assert_eq!(
        broker.messages("mattebox/front/picture")[0],
        jpeg("420.jpg")
    );
    camera.set(true);
    retains(&broker, "mattebox/front/camera-failed", "OFF");
    until(
        || json!(broker.messages("mattebox/front/events").len()),
        |it| it == 2,
    );
    let events = broker.messages("mattebox/front/events");
    let events: Vec<Value> = events
        .iter()
        .map(|it| serde_json::from_slice(it).unwrap())
        .collect();
    assert_eq!(events[0]["id"], events[1]["id"]);
    assert_eq!(
        (&events[0]["phase"], &events[1]["phase"]),
        (&json!("start"), &json!("end"))
    );
    assert!(broker.retained("mattebox/front/events").is_none());
    check_discovered(&broker);
    let report = server.get("/api/v1/actions").json();
    assert_eq!(report["mqtt"]["connected"], true);
    assert_eq!(
        report["mqtt"]["broker"],
        format!("mqtt://{}", broker.address)
    );
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("mattebox_mqtt_connected 1"), "{metrics}");

    let log = server.log();
    assert!(!log.contains("-secret"), "{log}");
    retains(&broker, "mattebox/status", "offline");
}

/// Checks the messages by which Home Assistant discovers the stream `front`.
fn check_discovered(broker: &Broker) {
    let topics = broker.topics().into_iter();
    let topics: Vec<_> = topics
        .filter(|it| it.starts_with("homeassistant/"))
        .collect();
    assert_eq!(
        topics,
        [
            "homeassistant/binary_sensor/mattebox/front_camera-failed/config",
            "homeassistant/camera/mattebox/front_picture/config",
            "homeassistant/sensor/mattebox/front_state/config",
        ]
    );
    let payloads = topics
        .iter()
        .map(|it| check_discovery(it, &broker.retained(it).unwrap()));
    let payloads: Vec<_> = payloads.collect();
    assert!(
        payloads
            .iter()
            .all(|it| it["device"] == payloads[0]["device"])
    );
    assert_eq!(payloads[0]["state_topic"], "mattebox/front/camera-failed");
    assert_eq!(payloads[1]["topic"], "mattebox/front/picture");
    assert_eq!(payloads[2]["state_topic"], "mattebox/front/state");
}

#[test]
fn a_server_that_is_killed_is_offline_and_what_it_left_is_tidied_up() {
    let (camera, broker) = (Switched::new(), Broker::new());
    let mqtt = format!(
        "broker: \"mqtt://{}\", topic: house/cameras",
        broker.address
    );
    let old = "homeassistant/camera/house_cameras/gone_picture/config";
    let others = "homeassistant/camera/others/gone_picture/config";
    broker.retain(old, "{}");
    broker.retain(others, "{}");
    let server = Server::start(Folder::with(&pipeline(&camera, &mqtt)));
    retains(&broker, "house/cameras/status", "online");
    until(|| json!(broker.retained(old)), Value::is_null);
    assert!(broker.retained(others).is_some());
    let pid = server.pid().to_string();
    let killed = Command::new("kill").args(["-KILL", &pid]).status();
    assert!(killed.unwrap().success());
    retains(&broker, "house/cameras/status", "offline");
}

#[test]
fn a_broker_that_forgets_everything_is_told_again_and_a_stream_that_goes_is_taken_away() {
    let (camera, broker) = (Switched::new(), Broker::new());
    let text = |streams: &str| {
        let address = broker.address;
        let pipeline = camera.pipeline();
        format!("mqtt: {{ broker: \"mqtt://{address}\" }}\n{pipeline}{streams}")
    };
    let server = Server::start(Folder::with(&text("  back: {}\n")));
    retains(&broker, "mattebox/back/state", "resting");
    broker.restart();
    retains(&broker, "mattebox/back/state", "resting");
    retains(&broker, "mattebox/front/state", "resting");
    assert!(broker.connections() > 1);
    let topics = || {
        let topics = broker.topics().into_iter();
        topics.filter(|it| it.contains("back")).count()
    };
    until(|| json!(topics()), |it| it == 5);
    std::fs::write(server.folder().join("pipeline.yaml"), text("")).unwrap();
    until(|| json!(topics()), |it| it == 0);
    assert!(broker.retained("mattebox/front/state").is_some());
}

#[test]
fn variables_are_published_and_set_by_the_broker() {
    let (camera, broker) = (Switched::new(), Broker::new());
    let mqtt = format!(
        "broker: \"mqtt://{}\", discovery: false, subscribe: {{ house/temperature: outside }}",
        broker.address
    );
    let server = Server::start(Folder::with(&pipeline(&camera, &mqtt)));
    retains(&broker, "mattebox/status", "online");
    let text = || server.get("/api/v1/variables").json()["variables"]["outside"].clone();
    until(
        || {
            // Until it has subscribed.
            broker.publish("house/temperature", "21 °C".as_bytes());
            text()
        },
        |it| it == "21 °C",
    );
    retains(&broker, "mattebox/variables/outside", "21 °C");
    broker.publish("house/temperature", b"\xff");
    broker.publish("house/temperature", &[b'x'; 501]);
    broker.publish("house/other", b"no");
    broker.publish("house/temperature", b"22");
    until(text, |it| it == "22");
    let address = "/api/v1/variables/outside";
    assert_eq!(server.change("DELETE", address, &json!({})).status, 204);
    until(
        || json!(broker.retained("mattebox/variables/outside")),
        Value::is_null,
    );
    assert!(broker.topics().iter().all(|it| it.starts_with("mattebox/")));
    let log = server.log();
    assert!(log.contains("it is no UTF-8 text"), "{log}");
}

#[test]
fn an_action_publishes_to_a_topic_once_the_broker_is_there() {
    let (camera, broker) = (Switched::new(), Broker::new());
    let folder = Folder::with(&format!(
        "mqtt: {{ broker: \"mqtt://127.0.0.1:1\" }}
on: [{{ event: camera-failed, mqtt: house/alarm, picture: true, with: {{ siren: 1 }} }}]
{}",
        camera.pipeline()
    ));
    let server = Server::start(folder);
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    camera.set(false);
    let report = server.until_get("/api/v1/actions", |it| {
        it["actions"][0]["error"].is_string()
    });
    assert_eq!(
        report["actions"][0]["error"],
        "the MQTT broker is not connected"
    );
    assert_eq!(report["mqtt"]["connected"], false);
    assert!(
        report["mqtt"]["error"]
            .as_str()
            .unwrap()
            .contains("refused")
    );
    let file = server.folder().join("pipeline.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let address = broker.address.to_string();
    std::fs::write(
        &file,
        text.replace("127.0.0.1:1\"", &format!("{address}\"")),
    )
    .unwrap();
    until(
        || json!(broker.messages("house/alarm/picture").len()),
        |it| it == 1,
    );
    let message: Value = serde_json::from_slice(&broker.messages("house/alarm")[0]).unwrap();
    assert_eq!(
        (&message["stream"], &message["siren"]),
        (&json!("front"), &json!(1))
    );
    assert_eq!(broker.messages("house/alarm/picture")[0], jpeg("420.jpg"));
}

#[test]
fn mistakes_are_told() {
    for (text, told) in [
        ("mqtt: {}\nstreams: { a: {} }", "`mqtt` needs a `broker`"),
        (
            "mqtt: { broker: 10.0.0.1 }\nstreams: { a: {} }",
            "an address such as `mqtt://192.168.1.10`",
        ),
        (
            "mqtt: { broker: mqtt://a/b }\nstreams: { a: {} }",
            "ends with its host and port",
        ),
        (
            "mqtt: { broker: mqtt://a, topic: a/# }\nstreams: { a: {} }",
            "without `+` and `#`",
        ),
        (
            "mqtt: { broker: mqtt://a, subscribe: { a: gpio.door } }\nstreams: { a: {} }",
            "the server itself measures",
        ),
        (
            "mqtt: { broker: mqtts://a, ca: missing.pem }\nstreams: { a: {} }",
            "missing.pem: no such file",
        ),
        (
            "mqtt: { broker: mqtt://a, password: x }\nstreams: { a: {} }",
            "`password` needs a `user`",
        ),
        (
            "mqtt: { broker: mqtt://a }\nstreams: { variables: {} }",
            "no stream can be called `variables`",
        ),
        (
            "on: [{ event: motion, mqtt: a }]\nstreams: { a: {} }",
            "the file names no broker",
        ),
    ] {
        let output = Folder::with(text).run(&["check"]);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(
            stderr(&output).contains(told),
            "{text}: {}",
            stderr(&output)
        );
    }
}
