//! TLS as other programs speak it: a browser, curl, ffmpeg.

use std::process::Command;

use super::{server, start};
use crate::page::Browser;
use crate::support::Folder;
use crate::support::tls::Ca;

/// Browsers open six connections to a server that speaks HTTP/1.1.
const MANY: usize = 10;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn ten_streams_move_on_one_page_by_one_connection() {
    let others = (1..MANY).map(|n| format!("  s{n}: {{ source: {{ stream: s0 }} }}\n"));
    let server = start(Folder::with(&format!(
        "tls: self-signed\nstreams:\n  s0:\n{}",
        others.collect::<String>()
    )));
    let browser = Browser::open(&format!("https://{}/", server.address)).await;
    // The wall, whose WebSocket has a connection by HTTP/1.1 of its own.
    browser
        .until("document.querySelector('.picture canvas:not([hidden])')")
        .await;
    let page = format!("https://{}/s0", server.address);
    browser.client.goto(&page).await.unwrap();
    let show = format!(
        "const names = Array.from({{ length: {MANY} }}, (_, n) => `s${{n}}`);
         document.body.replaceChildren(...names.map((name) => {{
           const image = new Image();
           image.src = `/${{name}}.mjpeg`;
           return image;
         }}));
         window.corner = (image) => {{
           const canvas = document.createElement('canvas');
           canvas.width = canvas.height = 200;
           const context = canvas.getContext('2d');
           context.drawImage(image, 0, 0, 200, 200);
           return context.getImageData(0, 0, 200, 200).data.join();
         }};"
    );
    browser.run(&show).await;
    let all = format!("document.images.length === {MANY} && [...document.images]");
    browser
        .until(&format!("{all}.every((it) => it.naturalWidth > 0)"))
        .await;
    browser
        .run("window.before = [...document.images].map(corner)")
        .await;
    // All at once, since none is held up by another.
    browser
        .until(&format!("{all}.every((it, n) => corner(it) !== before[n])"))
        .await;
    let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.run(&format!("return {protocol}")).await, "h2");
    let errors = browser.console_errors().await;
    assert!(errors.is_empty(), "{errors:?}");
}

fn output(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let bytes = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(bytes).unwrap())
}

#[test]
#[ignore = "needs curl"]
fn curl_takes_a_picture_by_both_versions_of_http() {
    let ca = Ca::new();
    let server = server(&ca);
    let trusted = server.folder().join("ca.pem");
    std::fs::write(&trusted, &ca.pem).unwrap();
    let address = format!("https://{}/s.jpg", server.address);
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "30"]);
        curl.args([
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_version} %{http_code}",
        ]);
        curl.arg("--cacert").arg(&trusted).args([option, &address]);
        assert_eq!(output(&mut curl), (true, format!("{version} 200")));
    }
}

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_reads_a_stream() {
    let server = start(Folder::with("tls: self-signed\nstreams: { s: }\n"));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-loglevel", "error", "-f", "mpjpeg"]);
    ffmpeg.args(["-tls_verify", "0", "-i"]);
    ffmpeg.arg(format!("https://{}/s.mjpeg", server.address));
    ffmpeg.args(["-frames:v", "20", "-f", "null", "-"]);
    assert_eq!(output(&mut ffmpeg), (true, String::new()));
}
