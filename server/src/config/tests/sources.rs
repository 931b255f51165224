//! Cameras: every driver's settings, right and wrong.

use std::time::Duration;

use super::super::{
    CameraConfig, CameraDevice, CameraFormat, DriverConfig, ExecConfig, Hardware, HttpConfig,
    Login, MaskArea, PiCameraConfig, RtspConfig, Secret, Size, SourceConfig, Transport, Via,
    WarmUp,
};
use super::{mistakes, parse};
use crate::secret::SecretText;

fn source(settings: &str) -> SourceConfig {
    let text = format!("streams: {{a: {{source: {{{settings}}}}}}}");
    let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    config.streams[0].source.clone()
}

/// The mistakes in the settings, without their places.
fn told(settings: &str) -> Vec<String> {
    let text = format!("streams: {{a: {{source: {{{settings}}}}}}}");
    let told = mistakes(&text).into_iter();
    told.map(|line| line.split_once(' ').unwrap().1.to_owned())
        .collect()
}

const VGA: Size = Size {
    width: 640,
    height: 480,
};

#[test]
fn masks() {
    let read = source(
        "driver: demo, masks: [{name: a, area: '0,0,1,0,1,1'}, {name: b, area: '0,0,9,0,9,9', \
         mosaic: 32, when: '20:00-06:00'}]",
    );
    let names: Vec<_> = read.masks.iter().map(|mask| mask.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(matches!(read.masks[1].area, MaskArea::Pixels(_)));
    for (masks, words) in [
        ("{area: '0,0,1,0,1,1'}", "`name`"),
        ("{name: a}", "`area`"),
        (
            "{name: a, area: '0,0,1,0'}",
            "an area has 3 to 100 corners, this one has 2",
        ),
        (
            "{name: a, area: '0,0,1,0,1,1', fil: red}",
            "did you mean `fill`?",
        ),
        (
            "{name: a, area: '0,0,1,0,1,1', fill: gren}",
            "`fill`: expected a colour",
        ),
        (
            "{name: a, area: '0,0,1,0,1,1', mosaic: 16}",
            "`mosaic`: expected a whole number from 32 to 1024",
        ),
        (
            "{name: a, area: '0,0,1,0,1,1', mosaic: 64, fill: red}",
            "not both",
        ),
        (
            "{name: a, area: '0,0,1,0,1,1', when: later}",
            "`when`: expected a variable and its value",
        ),
        (
            "{name: a, area: '0,0,1,0,1,1', when: owner == away}",
            "write `owner = away`",
        ),
        (
            "{name: a, area: '0,0,1,0,1,1'}, {name: a, area: '0,0,1,0,1,1'}",
            "another mask is called `a`",
        ),
    ] {
        let told = told(&format!("driver: demo, masks: [{masks}]"));
        assert!(
            told.len() == 1 && told[0].contains(words),
            "{masks}: {told:?}"
        );
    }
}

#[test]
fn what_all_have() {
    let read = source("driver: demo, fps: 2.5, stall-timeout: 90s, max-megapixels: 0.5");
    assert_eq!((read.fps, read.most_fps()), (Some(2.5), 2.5));
    assert_eq!(read.max_pixels(), 500_000);
    assert_eq!(read.stall_timeout, Duration::from_secs(90));
    let plain = source("driver: demo");
    assert_eq!(
        (plain.fps, plain.stall_timeout),
        (None, Duration::from_secs(5))
    );
    assert_eq!((plain.most_fps(), plain.max_pixels()), (120.0, 40_000_000));
    assert_eq!(plain.warm_up, WarmUp::Frames(0));
    let warm = |value: &str| source(&format!("driver: demo, warm-up: {value}")).warm_up;
    assert_eq!(warm("2s"), WarmUp::Time(Duration::from_secs(2)));
    assert_eq!(warm("10"), WarmUp::Frames(10));
    let shared =
        parse("streams: { a: {}, s: { source: { stream: a, max-megapixels: 2 } } }").unwrap();
    assert_eq!(shared.streams[1].source.max_pixels(), 2_000_000);
}

#[test]
fn every_driver_with_all_its_settings() {
    let camera = "driver: camera, device: /dev/v4l/x, size: 640x480, format: yuyv, quality: 70, \
        controls: {brightness: 12, auto: true}";
    let login = |user: &str, password| {
        Some(Login {
            user: user.to_owned(),
            password,
        })
    };
    let expected = [
        (
            camera,
            DriverConfig::Camera(CameraConfig {
                device: CameraDevice::Path("/dev/v4l/x".into()),
                size: Some(VGA),
                format: CameraFormat::Yuyv,
                controls: vec![("brightness".into(), 12), ("auto".into(), 1)],
                quality: 70,
            }),
        ),
        (
            "driver: http, url: 'https://cam/v?a=1', user: me, password: {env: PASS}, \
             verify-tls: false",
            DriverConfig::Http(HttpConfig {
                url: "https://cam/v?a=1".into(),
                login: login("me", Secret::Env("PASS".into())),
                verify_tls: false,
            }),
        ),
        (
            "driver: exec, command: [a, '--b', 3]",
            DriverConfig::Exec(ExecConfig {
                command: ["a", "--b", "3"].map(SecretText::from).into(),
            }),
        ),
        (
            "driver: rtsp, url: 'rtsp://you:pw@cam:554/1', transport: udp, size: 640x480, quality: \
             50, hardware: vaapi, via: ffmpeg",
            DriverConfig::Rtsp(RtspConfig {
                url: "rtsp://cam:554/1".into(),
                login: login("you", Secret::Text("pw".into())),
                transport: Transport::Udp,
                size: Some(VGA),
                quality: 50,
                hardware: Some(Hardware::Vaapi),
                via: Some(Via::Ffmpeg),
            }),
        ),
        (
            "driver: pi-camera, camera: 1, size: 640x480, rotation: 180, quality: 60",
            DriverConfig::PiCamera(PiCameraConfig {
                camera: 1,
                size: VGA,
                rotation: 180,
                quality: 60,
            }),
        ),
    ];
    for (settings, expected) in expected {
        assert_eq!(source(settings).driver, expected, "{settings}");
    }
}

/// Checks what is said of each of these sources.
fn check_mistakes(cases: &[(&str, &[&str])]) {
    for (settings, expected) in cases {
        assert_eq!(told(settings), *expected, "{settings}");
    }
}

#[test]
fn mistakes_of_cameras_are_told() {
    check_mistakes(&[
        (
            "driver: camera, size: 640*480",
            &["`size`: expected a size such as `1280x720`, up to 16384 a side, found `640*480`"],
        ),
        (
            "driver: camera, size: 0x5",
            &["`size`: expected a size such as `1280x720`, up to 16384 a side, found `0x5`"],
        ),
        (
            "driver: camera, format: jpeg",
            &[
                "`format`: expected `auto`, `mjpeg`, `yuyv`, `uyvy`, `nv12`, `yuv420`, `grey`, \
                 `rgb` or `bgr`, found the text `jpeg`; did you mean `mjpeg`?",
            ],
        ),
        (
            "driver: camera, controls: {gain: much}",
            &[
                "`gain` of `controls`: expected a whole number, `true` or `false`, found the text \
                 `much`",
            ],
        ),
        (
            "driver: http",
            &["the driver `http` needs a `url`: an MJPEG stream's address or a snapshot's"],
        ),
        (
            "driver: http, url: 'ftp://cam'",
            &["`url`: expected an address such as `http://camera/video`, found `ftp://cam`"],
        ),
        (
            "driver: http, url: 'http://cam', password: x",
            &["`password` needs a `user`"],
        ),
        (
            "driver: http, url: 'http://cam', user: me, password: {var: X}",
            &[
                "`password`: expected a text, `{env: NAME}`, `{file: PATH}` or \
                 `{credential: NAME}`, found a mapping of 1 key",
            ],
        ),
    ]);
}

#[test]
fn mistakes_of_other_drivers_are_told() {
    check_mistakes(&[
        (
            "driver: exec, command: ls -l",
            &[
                "`command`: expected a list of the program and its arguments, such as \
                 `[rpicam-vid, --codec, mjpeg, -t, \"0\", -o, \"-\"]`, found the text `ls -l`",
            ],
        ),
        (
            "driver: rtsp, url: 'rtsp://cam', transport: http",
            &["`transport`: expected `tcp` or `udp`, found the text `http`"],
        ),
        (
            "driver: rtsp, url: 'rtsp://cam', via: gstreamer",
            &["`via`: expected `ffmpeg`, found the text `gstreamer`"],
        ),
        (
            "driver: pi-camera, rotation: 90",
            &["`rotation`: expected `0` or `180`, found `90`"],
        ),
        (
            "driver: demo, warm-up: 2m",
            &["`warm-up`: expected 0s to 60s, found the text `2m`"],
        ),
        (
            "driver: demo, warm-up: 2.5",
            &["`warm-up`: expected a whole number from 0 to 1000, found `2.5`"],
        ),
        (
            "driver: demo, stall-timeout: 1ms",
            &["`stall-timeout`: expected 100ms to 1h, found the text `1ms`"],
        ),
        (
            "driver: demo, max-megapixels: 0",
            &["`max-megapixels`: expected a number from 0.01 to 268, found `0`"],
        ),
    ]);
}

#[test]
fn a_secret_is_read_when_it_is_needed_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pw"), "s3cret\nmore\n").unwrap();
    let file = Secret::File("pw".into());
    assert_eq!(file.reveal(folder.path()).unwrap().expose(), "s3cret");
    let missing = Secret::File("none".into()).reveal(folder.path());
    assert!(missing.unwrap_err().to_string().contains("none"));
    let unset = Secret::Env("MATTEBOX_TEST_NOT_SET".into()).reveal(folder.path());
    assert_eq!(
        unset.unwrap_err().to_string(),
        "the environment variable `MATTEBOX_TEST_NOT_SET` is not set"
    );
    assert_eq!(format!("{:?}", Secret::Text("s3cret".into())), "Text(***)");
}
