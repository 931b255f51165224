//! The page as somebody with a browser has it.

mod admin;
mod connection;
mod editing;
mod events;
mod logins;
mod masks;
mod narrow;
mod regions;
mod stream_form;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::http::Method;
use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::support::hostile::{UNCHANGED, describe, overlay};
use crate::support::picture::{jpeg, png};
use crate::support::server::{Server, TOKEN};
use crate::support::{Folder, repository};

const PATIENCE: Duration = Duration::from_secs(30);

/// Debian's chromium.
pub struct Browser {
    driver: Child,
    pub client: Client,
    /// The driver's address, and the session's there.
    session: (String, String),
}

/// What the browser's console has, as chromedriver gives it.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// The port that chromedriver finds free may be another's before it listens there.
const DRIVER_TRIES: usize = 3;

/// A chromedriver and its port; none if it ends without listening.
fn start_driver() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let line = line.ok()?;
        let (_, port) = line.split_once("successfully on port ")?;
        Some(port.trim_end_matches('.').to_owned())
    });
    let Some(port) = port else {
        driver.wait().unwrap();
        return None;
    };
    // It goes on talking.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

impl Browser {
    pub async fn open(address: &str) -> Self {
        let (driver, port) = (0..DRIVER_TRIES).find_map(|_| start_driver()).unwrap();
        let arguments = [
            "--headless",
            "--window-size=1920,1080",
            "--no-sandbox",
            // A name of the tests' proxies, and their own certificates.
            "--host-resolver-rules=MAP cam.example.org 127.0.0.1",
            "--ignore-certificate-errors",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
        ];
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("it is one")
        };
        let driver_address = format!("127.0.0.1:{}", port);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.into_iter().collect())
            .connect(&format!("http://{driver_address}"))
            .await
            .unwrap();
        let id = client.session_id().await.unwrap().unwrap();
        let browser = Self {
            driver,
            client,
            session: (driver_address, format!("/session/{id}")),
        };
        browser.client.goto(address).await.unwrap();
        browser
    }

    /// What `script` returns.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until the expression is true.
    pub async fn until(&self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(&format!("return !!({expression})")).await != true {
            assert!(Instant::now() < deadline, "never: {expression}");
        }
    }

    /// Clicks on what `css` finds, as soon as it can be clicked on; again if the page drew it anew
    /// just then.
    pub async fn click(&self, css: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.client.wait().for_element(Locator::Css(css)).await;
            match found.unwrap().click().await {
                Ok(()) => return,
                Err(error) if is_passing(&error) && Instant::now() < deadline => {}
                Err(error) => panic!("{css}: {error}"),
            }
        }
    }

    /// Logs in by the token in the dialog, which is open.
    pub async fn give_token(&self, token: &str) {
        self.until("document.getElementById('login').open").await;
        let input = self.client.find(Locator::Id("login-token")).await.unwrap();
        input.send_keys(token).await.unwrap();
        self.click("#login .by-token [type=submit]").await;
        self.until("!document.getElementById('login').open").await;
    }

    /// Leaves the dialog without a login.
    pub async fn cancel_login(&self) {
        self.until("document.getElementById('login').open").await;
        self.click("#login .close").await;
        self.until("!document.getElementById('login').open").await;
    }

    /// Logs in by the admin token, by the button for that.
    pub async fn log_in_as_admin(&self) {
        self.click("#log-in").await;
        self.give_token(TOKEN).await;
        self.until("!document.getElementById('log-out').hidden")
            .await;
    }

    /// Moves the slider of a setting, as a hand does.
    async fn slide(&self, setting: &str, value: &str) {
        self.run(&format!(
            "const slider = document.querySelector('#steps [aria-label=\"{setting}, slider\"]');
             slider.value = {value};
             slider.dispatchEvent(new Event('input', {{ bubbles: true }}));"
        ))
        .await;
    }

    /// Drops a module on the page, as a file from the desktop.
    async fn drop_module(&self) {
        let drop_file = "const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(arguments[0])], 'own.wasm'));
            document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, \
            bubbles: true }));";
        let module = json!(overlay(UNCHANGED));
        let done = self.client.execute(drop_file, vec![module]).await;
        done.unwrap();
    }

    /// The chain's first step is one of this filter.
    async fn until_first(&self, filter: &str) {
        self.until(&format!(
            "document.querySelector('.step:first-child .step-name').textContent === '{filter}'"
        ))
        .await;
    }

    /// The mean colour of the picture's upper left corner is like this.
    async fn until_corner(&self, condition: &str) {
        self.until(&format!(
            "(() => {{
                const image = document.querySelector('.picture canvas:not([hidden])');
                if (!image) return false;
                const canvas = document.createElement('canvas');
                canvas.width = canvas.height = 32;
                const context = canvas.getContext('2d');
                context.drawImage(image, 16, 16, 32, 32, 0, 0, 32, 32);
                const [red, green, blue] = context.getImageData(16, 16, 1, 1).data;
                return {condition};
            }})()"
        ))
        .await;
    }

    /// The errors and warnings in the console.
    pub async fn console_errors(&self) -> Vec<String> {
        let entries = self.client.issue_cmd(Console).await.unwrap();
        let entries = entries.as_array().unwrap().iter();
        entries
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].to_string())
            .collect()
    }
}

/// Whether a click would do in a moment: the page draws the element anew, or doesn't show it yet.
fn is_passing(error: &CmdError) -> bool {
    error.is_stale_element_reference() || error.is_element_not_interactable()
}

impl Drop for Browser {
    /// Also where a test fails, no browser may be left running; the driver ends its own when its
    /// session is over.
    fn drop(&mut self) {
        let (driver, session) = &self.session;
        if let Err(error) = end_session(driver, session) {
            eprintln!("the browser may be left running: {error}");
        }
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

fn end_session(driver: &str, session: &str) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(driver)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let request =
        format!("DELETE {session} HTTP/1.1\r\nHost: {driver}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut status = String::new();
    BufReader::new(socket).read_line(&mut status)?;
    match status.contains(" 200 ") {
        true => Ok(()),
        false => Err(std::io::Error::other(status)),
    }
}

fn folder() -> Folder {
    let folder = Folder::with(
        "admin-token: { env: TEST_TOKEN }
filter-folder: uploaded
streams:
  front:
    filters:
      - use: watermark
        with: { image: logo.png, position: top-left, margin: 0 }
      - use: timestamp
        with: { position: bottom }
  back: { source: { stream: front } }
",
    );
    folder.write("logo.png", png(64, 64, [255, 0, 0, 255]));
    folder
}

fn server() -> Server {
    Server::start(folder())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn somebody_watches_and_changes_the_chain() {
    let server = server();
    let address = format!("http://{}/", server.address);
    let browser = Browser::open(&address).await;
    // Two streams on the wall, of which one is made large. A module that is dropped there has no
    // chain to go to.
    browser
        .until("document.querySelectorAll('.picture canvas:not([hidden])').length === 2")
        .await;
    browser.drop_module().await;
    browser
        .until("document.getElementById('advice').textContent.includes('large')")
        .await;
    browser.click("a[href='#front']").await;
    browser
        .until("document.getElementById('advice').hidden")
        .await;
    browser.until_corner("red > 200 && green < 60").await;
    browser
        .until("document.querySelectorAll('#steps input[type=range]').length >= 4")
        .await;
    // Refused without the token.
    browser.slide("opacity", "0.5").await;
    browser.cancel_login().await;
    browser
        .until("document.querySelector('.step .refusal').textContent.includes('takes a login')")
        .await;
    // With it, the picture changes.
    browser.slide("opacity", "0").await;
    browser.give_token(TOKEN).await;
    browser.until_corner("red < 120").await;
    // The server says what is wrong, where it was done.
    browser
        .run(
            "const zone = document.querySelector('#steps input[id$=timezone]');
             zone.value = 'Nowhere';
             zone.dispatchEvent(new Event('input', { bubbles: true }));",
        )
        .await;
    browser
        .until(
            "[...document.querySelectorAll('.step .refusal')].some((refusal) => \
            refusal.textContent.includes('Nowhere'))",
        )
        .await;
    move_and_remove(&browser).await;
    add_and_drop(&browser, &server).await;
    // A wrong file is told of; so is a server that is gone.
    std::fs::write(server.folder().join("pipeline.yaml"), "streams: [").unwrap();
    browser
        .until("document.querySelector('#wrong-file pre').textContent.includes('pipeline.yaml:1')")
        .await;
    let address = server.address.to_string();
    drop(server);
    browser
        .until("!document.getElementById('trouble').hidden")
        .await;
    // It comes back, and so do its pictures.
    let _server = Server::start_with(folder(), |command| {
        command.args(["--listen", &address]);
    });
    browser
        .until(
            "document.getElementById('trouble').hidden && \
            document.getElementById('wrong-file').hidden",
        )
        .await;
    browser.until_corner("red > 200 && green < 60").await;
}

/// Moves steps by a button and back by hand, and again; switches one off, and removes it.
async fn move_and_remove(browser: &Browser) {
    browser.click(".step:first-child .down").await;
    browser.until_first("timestamp").await;
    browser
        .run(
            "const [first, second] = document.querySelectorAll('.step');
             const dataTransfer = new DataTransfer();
             const drag = (name, on) => on.dispatchEvent(new DragEvent(name, \
             { dataTransfer, bubbles: true }));
             drag('dragstart', first.querySelector('.handle'));
             drag('dragover', second);
             drag('drop', second);
             drag('dragend', first.querySelector('.handle'));",
        )
        .await;
    browser.until_first("watermark").await;
    browser.click(".step:first-child .down").await;
    browser.until_first("timestamp").await;
    browser.click(".step:first-child .enabled").await;
    browser
        .until("document.querySelector('.step:first-child').dataset.state === 'off'")
        .await;
    browser.click(".step:first-child .remove").await;
    browser
        .until("document.querySelectorAll('.step').length === 1")
        .await;
}

/// Adds a step from the catalog, and one by dropping a module on the page.
async fn add_and_drop(browser: &Browser, server: &Server) {
    browser.click("#add").await;
    browser
        .run(
            "const choice = document.getElementById('filter-choice');
             choice.value = 'timestamp';
             choice.dispatchEvent(new Event('change', { bubbles: true }));",
        )
        .await;
    browser.click("#catalog .add-step").await;
    browser
        .until("document.querySelectorAll('.step').length === 2")
        .await;
    browser.drop_module().await;
    browser
        .until(
            "document.querySelector('.step:last-child .step-name').textContent === \
            './uploaded/own.wasm'",
        )
        .await;
    let file = std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    assert!(file.contains("opacity: 0"), "{file}");
    assert!(file.contains("- use: ./uploaded/own.wasm"), "{file}");
    // The refused change is what the browser tells of by itself.
    let errors = browser.console_errors().await;
    let others: Vec<_> = errors.iter().filter(|text| !text.contains("422")).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Whoever writes a filter builds it again and again while looking at the page.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_replaced_module_has_another_form() {
    let prebuilt = |name: &str| std::fs::read(repository("filters/prebuilt").join(name)).unwrap();
    let folder = Folder::with(
        "streams: { s: { filters: [{ use: ./own.wasm, with: { format: hello } }] } }\n",
    );
    folder.write("own.wasm", prebuilt("text.wasm"));
    let server = Server::start(folder);
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    let has_zone = "document.querySelector('.step-form [id$=-timezone]')";
    browser
        .until("document.querySelector('.step-form [id$=-format]')?.value === 'hello'")
        .await;
    assert_eq!(
        browser.run(&format!("return {has_zone}")).await,
        Value::Null
    );
    std::fs::write(server.folder().join("own.wasm"), prebuilt("timestamp.wasm")).unwrap();
    browser.until(has_zone).await;
    browser
        .until("document.querySelector('.step-form [id$=-format]').value === 'hello'")
        .await;
    // Nobody may change it here, and the page says so.
    browser
        .until(
            "document.querySelector('.step-form [id$=-format]').disabled && \
            !document.getElementById('read-only').hidden",
        )
        .await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn it_moves_and_fits_every_window() {
    let server = server();
    let browser = Browser::open(&format!("http://{}/#front", server.address)).await;
    browser
        .until("document.querySelector('.picture canvas')?.width === 1280")
        .await;
    // What is seen now is another picture a moment later.
    browser
        .run(
            "window.look = () => {
                const canvas = document.createElement('canvas');
                canvas.width = 320;
                canvas.height = 180;
                canvas.getContext('2d').drawImage(document.querySelector('.picture canvas'), 0, 0, \
             320, 180);
                return canvas.toDataURL();
            };
            window.first = window.look();",
        )
        .await;
    browser.until("window.look() !== window.first").await;
    for width in [390, 1024, 1920] {
        browser.client.set_window_size(width, 900).await.unwrap();
        assert_eq!(browser.run("return window.innerWidth").await, width);
        for view in ["#front", "#"] {
            browser
                .run(&format!("location.hash = '{view}'; return 0"))
                .await;
            browser
                .until("document.documentElement.scrollWidth <= window.innerWidth")
                .await;
        }
        // Whoever moves the last slider sees what becomes of the picture. It is scrolled to in each
        // try: a page that is still being laid out may be too short yet.
        browser.click("a[href='#front']").await;
        browser
            .until(
                "(() => {
                    const picture = document.querySelector('.card:not([hidden]) .picture');
                    const sliders = [...document.querySelectorAll('#steps input[type=range]')];
                    if (location.hash !== '#front' || !picture || sliders.length < 4) return false;
                    window.scrollTo(0, document.documentElement.scrollHeight);
                    const { top, bottom } = picture.getBoundingClientRect();
                    const slider = sliders.at(-1).getBoundingClientRect();
                    const isSeen = top >= 0 && bottom - top > 100 && bottom <= window.innerHeight;
                    return window.scrollY > 100 && isSeen && slider.top < window.innerHeight;
                })()",
            )
            .await;
    }
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    // Everything that it loaded came from this server, and is small.
    let loaded = browser
        .run(
            "return performance.getEntriesByType('resource').map((entry) => [entry.name, \
            entry.decodedBodySize])",
        )
        .await;
    let own = format!("http://{}/", server.address);
    let mut assets = 0;
    for entry in loaded.as_array().unwrap() {
        let name = entry[0].as_str().unwrap();
        assert!(name.starts_with(&own), "{name}");
        if name.contains("/static/") {
            assets += entry[1].as_u64().unwrap();
        }
    }
    assert!((1..100_000).contains(&assets), "{assets} bytes");
}

/// A screen on a wall shows it for months.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn the_page_with_nothing_but_the_picture_lives_through_a_restart() {
    let serve = |source: &str, address: &str| {
        let folder = Folder::with(&format!("streams: {{ front: {{ source: {source} }} }}\n"));
        folder.write("f.jpg", jpeg("420.jpg"));
        Server::start_with(folder, |command| {
            command.args(["--listen", address]);
        })
    };
    let server = serve("{ driver: files, path: f.jpg }", "127.0.0.1:0");
    let address = server.address.to_string();
    let browser = Browser::open(&format!("http://{address}/front")).await;
    let width = |width| format!("document.querySelector('img')?.naturalWidth === {width}");
    browser.until(&width(203)).await;
    drop(server);
    let _server = serve("{ driver: demo }", &address);
    browser.until(&width(1280)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_card_says_which_filter_is_being_compiled_and_for_how_long() {
    let server = Server::start(Folder::with("streams: { front: }\n"));
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser
        .until("document.querySelectorAll('.picture canvas:not([hidden])').length === 1")
        .await;
    let slow = describe("(loop $l (br $l)) unreachable");
    std::fs::write(server.folder().join("slow.wasm"), slow).unwrap();
    let chain = "streams: { front: { filters: [use: ./slow.wasm] } }\n";
    std::fs::write(server.folder().join("pipeline.yaml"), chain).unwrap();
    let told = "/compiling \\.\\/slow\\.wasm for \\d+ s/.test(document.body.textContent)";
    browser.until(told).await;
    // The picture goes on meanwhile, and what was found out in the end is told.
    browser.until(&format!("!{told}")).await;
    let report = server.report("front");
    assert_eq!(report["state"], "running", "{report:#}");
    let wrong = "document.getElementById('wrong-file')";
    let told = "a file that it names, is wrong: see pipeline.yaml:1:";
    let is_told = format!("!{wrong}.hidden && {wrong}.textContent.includes('{told}')");
    browser.until(&is_told).await;
    // All of it can be read without scrolling, on a small screen too.
    browser.client.set_window_size(360, 740).await.unwrap();
    browser
        .until(&format!(
            "(({{ clientWidth, scrollWidth }}) => scrollWidth <= clientWidth)(
                {wrong}.querySelector('pre'))"
        ))
        .await;
    // A build without the mistake takes the words away.
    std::fs::write(server.folder().join("slow.wasm"), overlay(UNCHANGED)).unwrap();
    browser
        .until("document.getElementById('wrong-file').hidden")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_stream_whose_filters_cannot_be_used_is_not_said_to_have_none() {
    let folder = Folder::with("streams: { front: { filters: [use: ./label.wasm] } }\n");
    folder.write("label.wasm", b"\0asm\x01\0\0\0");
    let server = Server::start(folder);
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser
        .until(
            "document.querySelector('.card').textContent.includes(`filters can't be used`) && \
            document.getElementById('no-steps').hidden",
        )
        .await;
    // A build that is right makes it whole.
    std::fs::write(server.folder().join("label.wasm"), overlay(UNCHANGED)).unwrap();
    browser
        .until("document.querySelectorAll('.step').length === 1")
        .await;
}
