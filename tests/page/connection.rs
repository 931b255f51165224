//! The page while the server can't be reached, and while a proxy asks for a login.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::{Browser, PATIENCE, folder, server};
use crate::support::plain_proxy;
use crate::support::server::Server;

const NOT_LOST: &str = "[...document.querySelectorAll('.card')].every((card) => card.dataset.state \
    === 'running' && card.querySelector('.notice').hidden)";
const LOGIN: &str = "document.getElementById('trouble').textContent.includes('asks for a login: \
    load this page again')";

fn start_again(address: &str) -> Server {
    Server::start_with(folder(), |command| {
        command.args(["--listen", address]);
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn an_old_picture_says_so_on_the_wall_and_in_full_screen() {
    let server = server();
    let listen = server.address.to_string();
    let browser = Browser::open(&format!("http://{listen}/")).await;
    browser.until(NOT_LOST).await;
    browser.click(".card[data-name=front] .full").await;
    browser.until("document.fullscreenElement").await;
    drop(server);
    browser
        .until("document.fullscreenElement.innerText.includes('No connection')")
        .await;
    browser
        .until(
            "[...document.querySelectorAll('.card')].every((card) => card.dataset.state === \
            'lost' && card.querySelector('.state-text').textContent === 'No connection' && \
            !card.querySelector('.notice').hidden)",
        )
        .await;
    let told = browser
        .run("return document.getElementById('trouble').textContent")
        .await;
    assert!(!told.as_str().unwrap().contains("Failed to"), "{told}");
    let _server = start_again(&listen);
    browser.until(NOT_LOST).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn the_page_with_nothing_but_the_picture_says_that_it_is_an_old_one() {
    let server = server();
    let listen = server.address.to_string();
    let browser = Browser::open(&format!("http://{listen}/front")).await;
    browser
        .until(
            "document.querySelector('img')?.naturalWidth === 1280 && \
            document.getElementById('notice').textContent === ''",
        )
        .await;
    drop(server);
    browser
        .until(
            "document.getElementById('notice').textContent === 'No connection' && \
            getComputedStyle(document.querySelector('img')).opacity < 1",
        )
        .await;
    let _server = start_again(&listen);
    browser
        .until(
            "document.getElementById('notice').textContent === '' && \
            !document.querySelector('.lost')",
        )
        .await;
}

/// The browser holds a request back while somebody fills its box in; a proxy that holds it is the
/// same to the page.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_request_is_not_given_up_while_the_browser_asks_for_a_login() {
    const REFUSAL: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic \
        realm=\"Cameras\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server = server();
    let asks = Arc::new(AtomicBool::new(true));
    let [streams, probes] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let (asking, streamed, probed) = (asks.clone(), streams.clone(), probes.clone());
    let proxy = plain_proxy::start_with(server.address, move |head| {
        if head.starts_with("GET /api/v1/wall/stream ") {
            streamed.fetch_add(1, Ordering::SeqCst);
            let give_up = Instant::now() + PATIENCE;
            while asking.load(Ordering::SeqCst) && Instant::now() < give_up {
                std::thread::yield_now();
            }
            return None;
        }
        let is_refused = head.starts_with("GET /api/") && asking.load(Ordering::SeqCst);
        if is_refused && head.starts_with("GET /api/v1/access ") {
            probed.fetch_add(1, Ordering::SeqCst);
        }
        is_refused.then(|| REFUSAL.to_owned())
    });
    let browser = Browser::open(&format!("http://{proxy}/")).await;
    let give_up = Instant::now() + PATIENCE;
    while probes.load(Ordering::SeqCst) == 0 {
        assert!(
            Instant::now() < give_up,
            "it is never looked whether a login is asked for"
        );
        browser.run("return 0").await;
    }
    // Time for the answer to come, and for the request to be given up by it.
    browser
        .run("return fetch('static/app.js').then(() => 0)")
        .await;
    browser
        .until(
            "document.getElementById('trouble').textContent.includes('the proxy in front \
        asks for a login')",
        )
        .await;
    asks.store(false, Ordering::SeqCst);
    browser.until(NOT_LOST).await;
    assert_eq!(streams.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_login_on_another_page_or_that_is_not_given_is_told_of() {
    for answer in [
        "HTTP/1.1 302 Found\r\nLocation: http://login.example.org/\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
        // Without a challenge the browser has no box for it.
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ] {
        let server = server();
        let proxy = plain_proxy::start_with(server.address, move |head| {
            head.starts_with("GET /api/").then(|| answer.to_owned())
        });
        let browser = Browser::open(&format!("http://{proxy}/")).await;
        browser.until(LOGIN).await;
    }
}
