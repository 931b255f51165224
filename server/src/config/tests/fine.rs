//! Files that are as they should be.

use std::time::Duration;

use serde_json::json;

use super::super::{
    Config, DriverConfig, Embedding, FilesConfig, FilterRef, ListenAddress, OnError, SourceConfig,
};
use super::parse;

const DESIGN: &str = r#"
listen: 127.0.0.1:8080
streams:
  front:                      # served at /front.mjpeg, one picture at /front.jpg
    source:
      driver: files           # demo, files, camera, http, exec, …
      path: frames/*.jpg
      fps: 10
    idle-timeout: 10s
    quality: 85               # of the recode path only
    filters:
      - use: timestamp        # a filter that the server brings, or a path: ./label.wasm
        with: { format: "%Y-%m-%d %H:%M:%S", position: top-left }
      - use: watermark
        with: { image: logo.png, opacity: 0.6, position: bottom-right }
        on-error: bypass
        time-limit: 1s
        memory-limit: 256MiB
"#;

#[test]
fn the_sample_of_the_design() {
    let config = parse(DESIGN).unwrap();
    assert_eq!(config.listen[0], ListenAddress::DEFAULT);
    assert_eq!(config.folder.to_str(), Some("folder"));
    let [front] = config.streams.as_slice() else {
        panic!("{:?}", config.streams);
    };
    assert_eq!(front.name, "front");
    assert!(matches!(
        &front.source.driver,
        DriverConfig::Files(FilesConfig { path, fps, repeat: true })
            if path == "frames/*.jpg" && *fps == 10.0
    ));
    let [timestamp, watermark] = front.filters.as_slice() else {
        panic!("{:?}", front.filters);
    };
    assert_eq!(timestamp.filter, FilterRef::BuiltIn("timestamp".into()));
    assert_eq!(
        timestamp.settings(),
        &json!({"format": "%Y-%m-%d %H:%M:%S", "position": "top-left"})
    );
    assert_eq!(
        watermark.settings(),
        &json!({"image": "logo.png", "opacity": 0.6, "position": "bottom-right"})
    );
    assert_eq!(
        watermark.granted_assets(),
        ["logo.png", "0.6", "bottom-right"]
    );
}

#[test]
fn what_is_left_out_has_defaults() {
    let config = parse("streams: {a: , b: {filters: [use: x]}}").unwrap();
    assert_eq!(config.listen[0], ListenAddress::DEFAULT);
    assert_eq!(config.filters_memory, 2 << 30);
    let names: Vec<_> = config.streams.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let stream = config.stream("b").unwrap();
    assert_eq!(stream.source, SourceConfig::new(DriverConfig::Demo));
    assert_eq!(stream.idle_timeout, Duration::from_secs(10));
    assert_eq!(stream.quality, 85);
    assert!(config.streams[0].filters.is_empty());
    let step = &stream.filters[0];
    assert_eq!(step.settings(), &json!({}));
    assert_eq!(step.on_error, OnError::Bypass);
    assert_eq!(step.time_limit, Duration::from_secs(1));
    assert_eq!(step.memory_limit, 256 << 20);
    assert!(step.granted_assets().is_empty());
    assert_eq!(config.stream("c"), None);
}

#[test]
fn clients_have_rules() {
    let config = parse("streams: {a: }").unwrap();
    assert_eq!(config.clients.limits.connections_per_address, 64);
    assert_eq!(config.clients.embedding, Embedding::Any);
    assert!(!config.clients.trusts("127.0.0.1".parse().unwrap()));
    assert_eq!(config.filter_folder_limit, 256 << 20);
    assert_eq!(config.streams[0].max_viewers, None);
    let config = parse(
        "
limits: {connections-per-address: 8}
trusted-proxies: [127.0.0.1, 10.0.0.0/8, '::1', '2001:db8::/32']
embedding: none
filter-folder-limit: 1GiB
streams: {a: {max-viewers: 3}}
",
    )
    .unwrap();
    assert_eq!(config.clients.limits.connections_per_address, 8);
    assert_eq!(config.clients.embedding, Embedding::None);
    for (address, is_trusted) in [
        ("127.0.0.1", true),
        ("127.0.0.2", false),
        ("10.255.0.1", true),
        ("::1", true),
        ("2001:db8:1::1", true),
        ("2001:db9::1", false),
    ] {
        let trusts = config.clients.trusts(address.parse().unwrap());
        assert_eq!(trusts, is_trusted, "{address}");
    }
    assert_eq!(config.filter_folder_limit, 1 << 30);
    assert_eq!(config.streams[0].max_viewers, Some(3));
}

#[test]
fn everything_can_be_set() {
    let config = parse(
        "
listen: '[::1]:0'
filters-memory: 64MiB
streams:
  z9_-:
    source: {driver: files, path: a.mjpeg, fps: 0.5, loop: false}
    idle-timeout: 0s
    quality: 1
    filters:
      - use: ./label.wasm
        with: {text: 'no', size: 0x10, deep: [1, {a: ~}]}
        assets: [fonts/a.ttf, ./b]
        on-error: drop
        time-limit: 1m
        memory-limit: 4GiB
",
    )
    .unwrap();
    assert_eq!(config.listen[0].to_string(), "[::1]:0");
    assert_eq!(config.filters_memory, 64 << 20);
    let stream = &config.streams[0];
    assert!(matches!(
        &stream.source.driver,
        DriverConfig::Files(FilesConfig { path, fps, repeat: false })
            if path == "a.mjpeg" && *fps == 0.5
    ));
    assert_eq!(stream.idle_timeout, Duration::ZERO);
    assert_eq!(stream.quality, 1);
    let step = &stream.filters[0];
    assert_eq!(step.filter, FilterRef::Path("./label.wasm".into()));
    assert_eq!(
        step.settings(),
        &json!({"text": "no", "size": 16, "deep": [1, {"a": null}]})
    );
    assert_eq!(step.assets, ["fonts/a.ttf", "./b"]);
    assert_eq!(step.on_error, OnError::Drop);
    assert_eq!(step.time_limit, Duration::from_secs(60));
    assert_eq!(step.memory_limit, 4 << 30);
}

#[test]
fn a_path_is_told_from_a_name() {
    for (name, is_path) in [
        ("timestamp", false),
        ("label.wasm", true),
        ("./label", true),
        (r"filters\label", true),
    ] {
        let config = parse(&format!("streams: {{a: {{filters: [use: '{name}']}}}}")).unwrap();
        let step = &config.streams[0].filters[0];
        let expected = match is_path {
            true => FilterRef::Path(name.into()),
            false => FilterRef::BuiltIn(name.into()),
        };
        assert_eq!(step.filter, expected);
        assert_eq!(step.filter.as_str(), name);
    }
}

#[test]
fn listens_on_addresses_and_ports_and_sockets() {
    for (text, addresses) in [
        ("0.0.0.0:80", &["0.0.0.0:80"] as &[_]),
        ("localhost:0", &["127.0.0.1:0"]),
        ("'[::]:8080'", &["[::]:8080"]),
        (":8080", &[":8080"]),
        ("unix:/run/m.sock", &["unix:/run/m.sock"]),
        (
            "[:80, 'unix:m.sock', '127.0.0.1:1']",
            &[":80", "unix:m.sock", "127.0.0.1:1"],
        ),
    ] {
        let config = parse(&format!("listen: {text}\nstreams: {{a: }}")).unwrap();
        let found: Vec<_> = config.listen.iter().map(|it| it.to_string()).collect();
        assert_eq!(found, addresses, "{text}");
    }
}

#[test]
fn pages_that_may_read_are_compared_by_origin() {
    let cors = |text| {
        parse(&format!("cors: {text}\nstreams: {{a: }}"))
            .unwrap()
            .clients
            .cors
    };
    let some = cors("[HTTPS://HA.Example.org:443/, 'http://nas.lan:8123']");
    assert!(some.allows("https://ha.example.org") && some.allows("http://nas.lan:8123"));
    assert!(!some.allows("http://ha.example.org") && !some.allows("http://nas.lan"));
    assert!(!some.allows("null") && !some.is_empty());
    assert!(cors("['*']").allows("null"));
    assert!(cors("[]").is_empty());
}

#[test]
fn a_stream_may_have_a_title() {
    let config = parse("streams: {a: {title: Einfahrt Süd}, b: }").unwrap();
    let titles: Vec<_> = config
        .streams
        .iter()
        .map(|it| it.title.as_deref())
        .collect();
    assert_eq!(titles, [Some("Einfahrt Süd"), None]);
}

#[test]
fn only_what_a_file_says_counts_when_compared() {
    let one = "streams:\n  a:\n    source: {driver: files, path: x.mjpeg}\n    filters:\n      \
        - use: t\n        with: {a: 1, b: x}\n";
    let same = "# moved\n\nstreams: {a: {filters: [{with: {b: 'x', a: 1}, use: t}],\n  \
        source: {path: \"x.mjpeg\", driver: files}}}";
    let load = |text: &str| Config::parse(text, "any", "folder".as_ref()).unwrap();
    assert_eq!(load(one), load(same));
    assert_ne!(load(one), load(&one.replace("b: x", "b: y")));
    assert_ne!(load(one), load(&one.replace("x.mjpeg", "y.mjpeg")));
    assert_ne!(load(one), load(&one.replace("use: t", "use: s")));
}

#[test]
fn aliases_repeat_what_an_anchor_names() {
    let config = parse("streams:\n  a: &same\n    quality: 5\n  b: *same\n").unwrap();
    assert_eq!(config.streams[1].quality, 5);
}

#[test]
fn files_from_other_systems() {
    for text in [
        "\u{feff}streams:\r\n  a:\r\n    quality: 5\r\n",
        "%YAML 1.2\n---\nstreams:\n  a:\n    quality: 5\n...\n",
        "streams:\r  a:\r    quality: 5\r",
    ] {
        assert_eq!(parse(text).unwrap().streams[0].quality, 5, "{text:?}");
    }
}
