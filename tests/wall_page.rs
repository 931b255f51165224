//! The wall as somebody with a browser has it.

use fantoccini::wd::WindowHandle;
use serde_json::Value;

use crate::page::Browser;
use crate::support::Folder;
use crate::support::picture::jpeg;
use crate::support::plain_proxy;
use crate::support::server::Server;

/// Notes when each tile was drawn; `window.still()` is the longest time for which one in sight was
/// not, in milliseconds.
const WATCH: &str = "
    const { prototype } = ImageBitmapRenderingContext;
    const { transferFromImageBitmap } = prototype;
    const [start, times] = [performance.now(), new Map()];
    prototype.transferFromImageBitmap = function (bitmap) {
        times.set(this.canvas, [...(times.get(this.canvas) ?? []), performance.now()]);
        return transferFromImageBitmap.call(this, bitmap);
    };
    window.tiles = () => [...document.querySelectorAll('.picture canvas')];
    window.drawn = () => Math.min(...tiles().map((tile) => times.get(tile)?.length ?? 0));
    window.still = () => Math.max(...tiles().map((tile) => {
        const all = [start, ...(times.get(tile) ?? []), performance.now()];
        return Math.max(...all.slice(1).map((time, at) => time - all[at]));
    }));";
const IS_STREAMED: &str = "performance.getEntriesByType('resource').some(({ name }) => \
    name.includes('/api/v1/wall/stream/'))";

/// Streams of one small picture, ten times a second.
fn folder(count: usize, more: &str) -> Folder {
    let mut pipeline = "streams:\n".to_owned();
    for number in 0..count {
        pipeline += &format!(
            "  s{number}: {{ source: {{ driver: files, path: '*.jpg', fps: 10 }}, \
             idle-timeout: 100ms }}\n"
        );
    }
    let folder = Folder::with(&(pipeline + more));
    folder.write("a.jpg", jpeg("420.jpg"));
    folder
}

/// Opens a second window of the same browser, and gives both.
async fn two_windows(browser: &Browser, address: &str) -> [WindowHandle; 2] {
    let first = browser.client.window().await.unwrap();
    let second = browser.client.new_window(false).await.unwrap().handle;
    for window in [&first, &second] {
        show(browser, window).await;
        browser.client.set_window_size(3600, 3000).await.unwrap();
        browser.client.goto(address).await.unwrap();
    }
    [first, second]
}

/// Goes on in `window`.
async fn show(browser: &Browser, window: &WindowHandle) {
    let switched = browser.client.switch_to_window(window.clone());
    switched.await.unwrap();
}

/// Checks that all of `count` tiles move in both windows, and for how long each stands still at
/// most; gives whether they came by a streamed answer.
async fn all_move(browser: &Browser, windows: &[WindowHandle; 2], count: usize) -> bool {
    for window in windows {
        show(browser, window).await;
        browser
            .until(&format!(
                "document.querySelectorAll('.picture canvas:not([hidden])').length === {count}"
            ))
            .await;
        browser.run(WATCH).await;
    }
    for window in windows {
        show(browser, window).await;
        browser.until("window.drawn() >= 30").await;
        let still = browser.run("return window.still()").await;
        assert!(still.as_f64().unwrap() < 2000.0, "{still} ms");
    }
    browser.run(&format!("return {IS_STREAMED}")).await == true
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn twenty_tiles_move_in_two_windows() {
    let server = Server::start(folder(20, ""));
    let address = format!("http://{}/", server.address);
    let browser = Browser::open(&address).await;
    let windows = two_windows(&browser, &address).await;
    assert!(!all_move(&browser, &windows, 20).await);
    for number in 0..20 {
        server.until(&format!("s{number}"), |stream| stream["viewers"] == 2);
    }
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn they_move_behind_a_proxy_that_passes_no_web_socket_on_and_after_a_restart() {
    let server = Server::start(folder(20, ""));
    let listen = server.address.to_string();
    let address = format!("http://{}/", plain_proxy::start(server.address));
    let browser = Browser::open(&address).await;
    let windows = two_windows(&browser, &address).await;
    assert!(all_move(&browser, &windows, 20).await);
    drop(server);
    browser
        .until("!document.getElementById('trouble').hidden")
        .await;
    let server = Server::start_with(folder(20, ""), |command| {
        command.args(["--listen", &listen]);
    });
    browser
        .until("document.getElementById('trouble').hidden")
        .await;
    for number in 0..20 {
        server.until(&format!("s{number}"), |stream| stream["viewers"] == 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn tiles_out_of_sight_have_no_viewer() {
    let server = Server::start(folder(6, ""));
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser.client.set_window_size(700, 700).await.unwrap();
    let rests = |stream: &Value| stream["viewers"] == 0 && stream["state"] == "resting";
    server.until("s0", |stream| stream["viewers"] == 1);
    server.until("s5", rests);
    browser
        .run("window.scrollTo(0, document.documentElement.scrollHeight)")
        .await;
    server.until("s5", |stream| stream["viewers"] == 1);
    server.until("s0", rests);
    // Held, and running again.
    let play = ".card[data-name=s5] .play";
    for viewers in [0, 1] {
        browser
            .run(&format!("document.querySelector('{play}').click()"))
            .await;
        server.until("s5", |stream| stream["viewers"] == viewers);
    }
    // Made large, it is the only one.
    browser.run("location.hash = '#s2'; return 0").await;
    server.until("s2", |stream| stream["viewers"] == 1);
    server.until("s5", rests);
    // A window that nobody sees watches nothing.
    let tab = browser.client.new_window(true).await.unwrap();
    browser.client.switch_to_window(tab.handle).await.unwrap();
    server.until("s2", rests);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn cameras_that_fail_or_say_nothing_stop_no_other_tile() {
    let failing = "  none: { source: { driver: exec, command: [cat, none.jpg] } }
  dead: { source: { driver: http, url: 'http://127.0.0.1:1/' } }
  full: { source: { stream: s0 }, max-viewers: 1 }
";
    let server = Server::start(folder(3, failing));
    let _only = server.watch("full");
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser
        .until(
            "document.querySelector('.card[data-name=full] \
            .notice').textContent.includes('max-viewers')",
        )
        .await;
    // They show that there is no signal.
    for name in ["none", "dead"] {
        browser
            .until(&format!(
                "document.querySelector('.card[data-name={name}] canvas:not([hidden])')"
            ))
            .await;
    }
    browser.run(WATCH).await;
    browser
        .run(
            "window.tiles = () => [...document.querySelectorAll('.card[data-name^=s] canvas')]; \
            return 0",
        )
        .await;
    browser.until("window.drawn() >= 30").await;
    let still = browser.run("return window.still()").await;
    assert!(still.as_f64().unwrap() < 2000.0, "{still} ms");
}
