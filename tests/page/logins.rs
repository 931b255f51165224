//! Logging in and out on the page, and what each role is shown.

use std::time::Instant;

use super::{Browser, PATIENCE, folder};
use crate::support::Folder;
use crate::support::server::{Server, TOKEN};

const USERS: &str = "admin-token: { env: TEST_TOKEN }
users:
  - { name: vera, password: viewer 123 }
  - { name: otto, password: other 1234, streams: [other*] }
  - { name: olga, password: operator 1, role: operator }
  - { name: ada, password: admin 12345, role: admin }
streams:
  front: { filters: [{ use: timestamp }] }
  other1:
";

const IS_OPEN: &str = "document.getElementById('login').open";
const IS_CLOSED: &str = "!document.getElementById('login').open";

/// Nobody watches without a login, unless `anonymous` says so.
pub fn server(anonymous: &str) -> Server {
    Server::start(Folder::with(&format!("anonymous: {anonymous}\n{USERS}")))
}

async fn open(server: &Server) -> Browser {
    Browser::open(&format!("http://{}/", server.address)).await
}

impl Browser {
    /// Fills in the dialog, which is open.
    pub async fn give_password(&self, name: &str, password: &str) {
        self.until(IS_OPEN).await;
        self.write("#login-user", name).await;
        self.write("#login-password", password).await;
        self.click("#login .by-password [type=submit]").await;
    }

    pub async fn log_in(&self, name: &str, password: &str) {
        self.give_password(name, password).await;
        self.until(IS_CLOSED).await;
        self.until(&format!(
            "document.getElementById('who').textContent.startsWith('{name}, ')"
        ))
        .await;
    }

    async fn log_out(&self) {
        self.click("#log-out").await;
        self.until("document.getElementById('log-out').hidden")
            .await;
    }

    /// Waits until the streams on the page are these, with their pictures.
    async fn until_streams(&self, names: &str) {
        self.until(&format!(
            "[...document.querySelectorAll('.card')].map((it) => it.dataset.name).join(' ') === \
             '{names}' && document.querySelectorAll('.card .live:not([hidden])').length === \
             document.querySelectorAll('.card').length"
        ))
        .await;
    }

    async fn until_refused(&self, words: &str) {
        self.until(&format!(
            "document.querySelector('#login .by-password .error').textContent.includes('{words}')"
        ))
        .await;
    }

    /// The buttons that can be seen.
    async fn buttons(&self) -> Vec<String> {
        let texts = self
            .run(
                "return [...document.querySelectorAll('button')].filter((it) => \
                 it.checkVisibility()).map((it) => it.textContent)",
            )
            .await;
        serde_json::from_value(texts).unwrap()
    }

    /// Waits until the buttons that can be seen are these.
    async fn until_buttons(&self, expected: &[&str]) {
        self.until_buttons_are(|seen| seen == expected).await;
    }

    async fn until_buttons_are(&self, is_so: impl Fn(&[String]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.buttons().await;
            if is_so(&seen) {
                return;
            }
            assert!(Instant::now() < deadline, "{seen:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn nobody_watches_without_a_login_and_each_sees_the_own_streams() {
    let server = server("none");
    let browser = open(&server).await;
    browser.until(IS_OPEN).await;
    browser
        .until_buttons(&["Log in", "Log in", "Log in with the token", "Cancel"])
        .await;
    browser.give_password("vera", "wrong 1234").await;
    browser.until_refused("not the user").await;
    browser.log_in("vera", "viewer 123").await;
    browser.until_streams("front other1").await;
    // Whoever logs out sees nothing any more.
    browser.log_out().await;
    browser.until(IS_OPEN).await;
    browser.until_streams("").await;
    browser.cancel_login().await;
    browser
        .until("document.getElementById('shut').checkVisibility()")
        .await;
    browser.click("#log-in").await;
    browser.log_in("otto", "other 1234").await;
    browser.until_streams("other1").await;
    // A session lasts longer than the page, and nothing of it can be read by scripts.
    browser.client.refresh().await.unwrap();
    browser.until_streams("other1").await;
    let kept = browser
        .run("return document.cookie + Object.keys(localStorage)")
        .await;
    assert_eq!(kept, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_viewer_sees_no_settings_an_operator_switches_an_admin_changes() {
    let server = server("viewer");
    let browser = open(&server).await;
    browser.until_streams("front other1").await;
    browser.click("a[href='#front']").await;
    let watching = ["Pause", "Full screen"];
    browser
        .until_buttons(&[&["Events", "Log in"][..], &watching].concat())
        .await;
    browser.click("#log-in").await;
    browser.log_in("vera", "viewer 123").await;
    let own = ["Events", "Change password", "Log out"];
    browser.until_buttons(&[&own[..], &watching].concat()).await;
    browser.log_out().await;
    browser.click("#log-in").await;
    browser.log_in("olga", "operator 1").await;
    let switch = ".step:first-child .enabled:enabled";
    browser.click(switch).await;
    browser
        .until("document.querySelector('.step:first-child')?.dataset.state === 'off'")
        .await;
    let seen = browser.buttons().await;
    for hidden in [
        "Add a stream",
        "Edit",
        "Masks",
        "Add a filter",
        "↑",
        "✕",
        "Undo",
    ] {
        assert!(!seen.contains(&hidden.to_owned()), "{hidden} in {seen:?}");
    }
    browser
        .until("document.querySelector('.step-form input:not(:disabled)') === null")
        .await;
    browser.log_out().await;
    browser.click("#log-in").await;
    browser.log_in("ada", "admin 12345").await;
    browser
        .until("document.querySelector('.step .remove')?.checkVisibility()")
        .await;
    let shown = ["Add a stream", "Edit", "Masks", "Add a filter", "↑", "✕"];
    let has_all = |seen: &[String]| shown.iter().all(|it| seen.contains(&(*it).to_owned()));
    browser.until_buttons_are(has_all).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn somebody_changes_the_own_password() {
    let server = server("viewer");
    let browser = open(&server).await;
    browser.click("#log-in").await;
    browser.log_in("vera", "viewer 123").await;
    browser.click("#change-password").await;
    let change = async |old: &str, new: &str, again: &str| {
        browser.write("#old-password", old).await;
        browser.write("#new-password", new).await;
        browser.write("#new-password-again", again).await;
        browser.click("#own-password [type=submit]").await;
    };
    let told = |words: &str| {
        format!("document.querySelector('#own-password .error').textContent.includes('{words}')")
    };
    change("viewer 123", "better 1234", "better 5678").await;
    browser.until(&told("not the same")).await;
    change("viewer 321", "better 1234", "better 1234").await;
    browser.until(&told("not the user")).await;
    change("viewer 123", "better 1234", "better 1234").await;
    browser
        .until("!document.getElementById('own-password').open")
        .await;
    // The session goes on; the next one takes the new password.
    browser.client.refresh().await.unwrap();
    browser.log_out().await;
    browser.click("#log-in").await;
    browser.give_password("vera", "viewer 123").await;
    browser.until_refused("not the user").await;
    browser.log_in("vera", "better 1234").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn whoever_is_wrong_often_is_told_how_long_to_wait() {
    let server = server("none");
    let browser = open(&server).await;
    let waits = "/wait \\d+ s/.test(document.querySelector('#login .by-password .error')\
        .textContent)";
    for _ in 0..30 {
        browser.give_password("vera", "wrong 1234").await;
        browser
            .until(
                "document.querySelector('#login .by-password .error').textContent !== '' && \
                 document.querySelector('#login .by-password [type=submit]').ariaDisabled === \
                 'false'",
            )
            .await;
        if browser.run(&format!("return {waits}")).await == true {
            return;
        }
    }
    panic!("nobody has to wait");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_session_that_ends_is_told_of() {
    for (anonymous, left) in [("viewer", "front other1"), ("none", "")] {
        let server = server(anonymous);
        let browser = open(&server).await;
        if anonymous == "viewer" {
            browser.click("#log-in").await;
        }
        browser.log_in("vera", "viewer 123").await;
        browser.until_streams("front other1").await;
        // Another page of the browser logs out.
        browser
            .run(
                "return fetch('api/v1/session', { method: 'DELETE', headers: \
                 { 'X-Requested-With': 'test' } }).then(() => 0)",
            )
            .await;
        browser
            .until(
                "document.getElementById('login').open && \
                 document.getElementById('login-why').textContent.includes('has ended')",
            )
            .await;
        browser.until_streams(left).await;
        browser.log_in("vera", "viewer 123").await;
        browser.until_streams("front other1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_token_may_have_any_characters_and_is_kept_nowhere() {
    const ODD: &str = "schlüssel – 17 €";
    let server = Server::start_with(folder(), |command| {
        command.env("TEST_TOKEN", ODD);
    });
    let browser = Browser::open(&format!("http://{}/#front", server.address)).await;
    // A page of an earlier version kept it there.
    browser
        .run("localStorage.setItem('mattebox-admin-token', 'old')")
        .await;
    browser.client.refresh().await.unwrap();
    let is =
        |state| format!("document.querySelector('.step:first-child')?.dataset.state === '{state}'");
    browser.until(&is("running")).await;
    let kept = "return Object.keys(localStorage).join()";
    assert_eq!(browser.run(kept).await, "");
    let switch = ".step:first-child .enabled";
    browser.click(switch).await;
    browser.until(IS_OPEN).await;
    let token = "#login-token";
    browser.write(token, "falsch – €").await;
    browser.click("#login .by-token [type=submit]").await;
    browser
        .until(
            "document.querySelector('#login .by-token .error').textContent.includes('none of the \
             tokens')",
        )
        .await;
    browser.write(token, ODD).await;
    browser.click("#login .by-token [type=submit]").await;
    browser.until(&is("off")).await;
    // Whoever is logged in by a token has no password.
    assert_eq!(browser.run(kept).await, "");
    let has_password = "return document.getElementById('change-password').checkVisibility()";
    assert_eq!(browser.run(has_password).await, false);
    browser.click(switch).await;
    browser.until(&is("running")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_login_needs_no_storage() {
    let server = Server::start(folder());
    let browser = Browser::open(&format!("http://{}/#front", server.address)).await;
    browser
        .run(
            "Object.defineProperty(window, 'localStorage', \
            { get() { throw new DOMException('no', 'SecurityError'); } }); return 0",
        )
        .await;
    let is =
        |state| format!("document.querySelector('.step:first-child')?.dataset.state === '{state}'");
    browser.until(&is("running")).await;
    browser.click(".step:first-child .enabled").await;
    browser.give_token(TOKEN).await;
    browser.until(&is("off")).await;
    browser.click(".step:first-child .enabled").await;
    browser.until(&is("running")).await;
    browser.until(IS_CLOSED).await;
}
