//! Changing a chain on the page: fields, undoing, and the keyboard alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::SystemTime;

use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::{Browser, Method, server};
use crate::support::Folder;
use crate::support::server::Server;

const CONTROL: char = '\u{e009}';
const SHIFT: char = '\u{e008}';
const RELEASED: char = '\u{e000}';
const ENTER: &str = "\u{e007}";
const ENTER_KEY: char = '\u{e007}';
const ARROW_UP: &str = "\u{e013}";
const ESCAPE: &str = "\u{e00c}";
const TAB: &str = "\u{e004}";
const TAB_KEY: char = '\u{e004}';
const DELETE: char = '\u{e017}';
const SPACE: &str = " ";

/// A command of the browser's own protocol.
#[derive(Debug)]
pub struct Protocol(pub &'static str, pub Value);

impl WebDriverCompatibleCommand for Protocol {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let Self(command, parameters) = self;
        let body = json!({ "cmd": command, "params": parameters });
        (Method::POST, Some(body.to_string()))
    }
}

impl Browser {
    /// The page with the chain of `front`, whose visitor is logged in.
    pub async fn edit(server: &Server) -> Self {
        let browser = Self::open(&format!("http://{}/#front", server.address)).await;
        browser.log_in_as_admin().await;
        browser
            .until("document.querySelectorAll('#steps input[type=range]').length >= 4")
            .await;
        browser
    }

    /// Presses keys where the focus is.
    pub async fn press(&self, keys: &str) {
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(keys).await.unwrap();
    }

    pub async fn press_with(&self, modifiers: &[char], key: char) {
        let modifiers: String = modifiers.iter().collect();
        self.press(&format!("{modifiers}{key}{RELEASED}")).await;
    }

    /// Empties the field, and writes in it.
    pub async fn write(&self, css: &str, text: &str) {
        self.focus(css).await;
        self.press_with(&[CONTROL], 'a').await;
        self.press(&format!("{DELETE}{text}")).await;
    }

    /// The field says what is wrong, in these words.
    pub async fn until_field_says(&self, css: &str, words: &str) {
        self.until(&format!(
            "document.querySelector('{css}').closest('.field')\
             .querySelector('.error:not([hidden])')?.textContent.includes('{words}')"
        ))
        .await;
    }

    /// Sets the focus there, as soon as that can have it: nothing in a dialog that opens later can.
    pub async fn focus(&self, css: &str) {
        self.until(&format!(
            "(() => {{
               const place = document.querySelector('{css}');
               place?.focus();
               return place !== null && document.activeElement === place;
             }})()"
        ))
        .await;
    }

    /// Goes on by the tabulator until the focus is there.
    async fn tab_to(&self, css: &str) {
        for _ in 0..60 {
            self.press(TAB).await;
            if self
                .run(&format!("return document.activeElement.matches('{css}')"))
                .await
                == true
            {
                return;
            }
        }
        panic!("the tabulator never comes to {css}");
    }

    async fn until_undo_says(&self, text: &str) {
        self.until(&format!(
            "!document.getElementById('undo').hidden && \
             document.querySelector('.undo-words').textContent.includes('{text}')"
        ))
        .await;
    }
}

fn text(server: &Server) -> String {
    std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap()
}

/// Waits until the pipeline file is like this.
async fn until_file(browser: &Browser, server: &Server, is_so: impl Fn(&str) -> bool) {
    let deadline = std::time::Instant::now() + super::PATIENCE;
    while !is_so(&text(server)) {
        assert!(std::time::Instant::now() < deadline, "{}", text(server));
        browser.run("return 0").await;
    }
}

/// Counts how often a file is written.
struct Writes {
    end: Arc<AtomicBool>,
    seen: JoinHandle<BTreeSet<SystemTime>>,
}

impl Writes {
    fn count(file: &Path) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let (file, ends) = (file.to_owned(), end.clone());
        let seen = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !ends.load(Ordering::Relaxed) {
                seen.insert(file.metadata().unwrap().modified().unwrap());
                std::thread::yield_now();
            }
            seen
        });
        Self { end, seen }
    }

    fn so_far(self) -> usize {
        self.end.store(true, Ordering::Relaxed);
        self.seen.join().unwrap().len() - 1
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn typing_a_word_is_one_change_and_one_write_and_is_undone_at_once() {
    let server = server();
    let browser = Browser::edit(&server).await;
    let first = text(&server);
    let writes = Writes::count(&server.folder().join("pipeline.yaml"));
    let format = ".step:last-child [id$=-format]";
    browser.focus(format).await;
    browser.run("document.activeElement.select()").await;
    for letter in "Hello, world".chars() {
        browser.press(&letter.to_string()).await;
    }
    until_file(&browser, &server, |text| text.contains("Hello, world")).await;
    // A number, by Enter, and an empty field that is left.
    let size = ".step:last-child [id$=-size]";
    browser.focus(size).await;
    browser.run("document.activeElement.select()").await;
    browser.press("48").await;
    browser.press(ENTER).await;
    until_file(&browser, &server, |text| text.contains("size: 48")).await;
    browser.focus("#add").await;
    assert_eq!(writes.so_far(), 2);
    // What is wrong is told and not sent.
    browser.focus(size).await;
    browser.run("document.activeElement.select()").await;
    browser.press("4").await;
    browser.press(ENTER).await;
    browser
        .until(
            "document.querySelector('.field .error:not([hidden])').textContent.includes('at \
            least 6')",
        )
        .await;
    browser.press(ESCAPE).await;
    browser
        .until(&format!(
            "document.querySelector('{size}').value === '48' && !document.querySelector('.field \
             .error:not([hidden])')"
        ))
        .await;
    // Undone by the line, and by the keys; done again.
    browser.until_undo_says("timestamp: size changed").await;
    browser.click("#undo button").await;
    until_file(&browser, &server, |text| !text.contains("size: 48")).await;
    browser.until_undo_says("Undone: timestamp: size").await;
    browser.focus("#add").await;
    browser.press_with(&[CONTROL], 'z').await;
    until_file(&browser, &server, |text| text == first).await;
    browser.until_undo_says("Undone: timestamp: format").await;
    browser.press_with(&[CONTROL, SHIFT], 'z').await;
    until_file(&browser, &server, |text| text.contains("Hello, world")).await;
    browser
        .until(&format!(
            "document.querySelector('{format}').value === 'Hello, world'"
        ))
        .await;
    // The line goes by itself.
    browser
        .until("document.getElementById('undo').hidden")
        .await;
    // Not over what somebody else has changed meanwhile.
    let theirs = text(&server).replace("front:", "front: # mine");
    std::fs::write(server.folder().join("pipeline.yaml"), &theirs).unwrap();
    browser.focus("#add").await;
    browser.press_with(&[CONTROL], 'z').await;
    browser
        .until_undo_says("was changed meanwhile: by hand")
        .await;
    assert_eq!(text(&server), theirs);
    let changes = server.log();
    let changes = changes.matches("changed over the API").count();
    assert_eq!(changes, 5);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_text_is_applied_with_enter_and_broken_with_shift_and_enter() {
    let folder = Folder::with(
        "admin-token: { env: TEST_TOKEN }\nstreams: { front: { filters: [{ use: timestamp }, \
         { use: text, with: { format: Hi, size: 30 } }] } }\n",
    );
    let server = Server::start(folder);
    let browser = Browser::edit(&server).await;
    let format = ".step:last-child [id$=-format]";
    browser
        .until(&format!(
            "document.querySelector('{format}').closest('.field')\
             .textContent.includes('Shift+Enter')"
        ))
        .await;
    browser.write(format, "Hello").await;
    browser.press(ENTER).await;
    until_file(&browser, &server, |text| text.contains("format: Hello,")).await;
    browser.press_with(&[SHIFT], ENTER_KEY).await;
    browser.press("world").await;
    browser.press(ENTER).await;
    until_file(&browser, &server, |text| text.contains(r"Hello\nworld")).await;
    // A file's name has one line.
    let is_line = "document.querySelector('.step [id$=-font]').matches('input')";
    browser.until(is_line).await;
    // What the filter refuses is told in a sentence, its code as such; Escape takes both back.
    browser.write(format, "Hello {").await;
    browser.press(ENTER).await;
    browser
        .until("document.querySelector('.step:last-child .refusal:not([hidden]) code')")
        .await;
    let said = "return document.querySelector('.step:last-child .refusal').textContent";
    let said = browser.run(said).await.to_string();
    assert!(!said.contains('`'), "{said}");
    browser.press(ESCAPE).await;
    browser
        .until("document.querySelector('.step:last-child .refusal').hidden")
        .await;
    browser
        .until(&format!(
            "document.querySelector('{format}').value === 'Hello\\nworld'"
        ))
        .await;
    // What is needed is asked for where it is needed.
    browser.click("#add").await;
    browser
        .run(
            "const choice = document.getElementById('filter-choice');
             choice.value = 'text';
             choice.dispatchEvent(new Event('change', { bubbles: true }));",
        )
        .await;
    browser.click("#catalog .add-step").await;
    browser
        .until_field_says("#catalog [id$=-format]", "It is needed")
        .await;
    browser
        .until("document.activeElement.matches('#catalog [id$=-format]')")
        .await;
    browser.click("#catalog .close").await;
    // What the page refuses, too.
    browser
        .write(".step:last-child [id$=-color]", "reddish")
        .await;
    let words = "written like white, #ff8800 or #00000080";
    browser
        .until_field_says(".step:last-child [id$=-color]", words)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_number_is_what_was_written_and_an_empty_field_waits() {
    let server = server();
    let browser = Browser::edit(&server).await;
    let (size, opacity) = (".step:last-child [id$=-size]", "[id$=-opacity]");
    // A comma is a point; a number with both, or a comma where it is whole, is told of.
    browser.write(opacity, "0,5").await;
    browser.press(ENTER).await;
    until_file(&browser, &server, |text| text.contains("opacity: 0.5")).await;
    browser.write(opacity, "1.000,5").await;
    browser.until_field_says(opacity, "It is a number").await;
    browser.press(ESCAPE).await;
    browser.write(size, "1,5").await;
    browser.until_field_says(size, "a whole number").await;
    // The arrow keys count.
    browser.write(size, "30").await;
    browser.press(ARROW_UP).await;
    browser.press(ENTER).await;
    until_file(&browser, &server, |text| text.contains("size: 31")).await;
    // By parts where the whole range is 1; undone while it is written, and then like any change.
    browser.focus(opacity).await;
    browser.press(ARROW_UP).await;
    browser.press(ENTER).await;
    until_file(&browser, &server, |text| text.contains("opacity: 0.51")).await;
    browser.write(opacity, "0.7").await;
    browser.press_with(&[CONTROL], 'z').await;
    let shown = format!("document.querySelector('{opacity}').value === '0.51'");
    browser.until(&shown).await;
    browser.press_with(&[CONTROL], 'z').await;
    until_file(&browser, &server, |text| {
        text.contains("opacity: 0.5 ")
            || text.contains("opacity: 0.5\n")
            || text.contains("opacity: 0.5,")
            || text.contains("opacity: 0.5}")
    })
    .await;
    // Who empties it, and looks at the camera's manual, has changed nothing; who leaves it has.
    browser.write(size, "").await;
    let writes = Writes::count(&server.folder().join("pipeline.yaml"));
    browser
        .run("window.since = performance.now(); return 0")
        .await;
    browser
        .until("performance.now() - window.since > 900")
        .await;
    assert_eq!(writes.so_far(), 0);
    // The slider stands where the default is, not in the middle.
    browser
        .until(
            "document.querySelector('.step:last-child [aria-label=\"size, slider\"]').value === \
            '28'",
        )
        .await;
    browser.press(TAB).await;
    until_file(&browser, &server, |text| !text.contains("size")).await;
    let default = format!("document.querySelector('{size}').value === '28'");
    browser.until(&default).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_slider_without_a_value_says_so_and_sets_none_until_it_is_moved() {
    let server = server();
    let browser = Browser::edit(&server).await;
    let first = text(&server);
    let slider = "#steps [aria-label=\"opacity, slider\"]";
    let field = format!("document.querySelector('{slider}').closest('.field')");
    browser
        .until(&format!(
            "!{field}.querySelector('.default').hidden && \
             document.querySelector('{slider}').matches('.unset')"
        ))
        .await;
    browser.focus(slider).await;
    browser.focus("#add").await;
    // A change of something else leaves it as it is.
    browser.slide("margin", "30").await;
    until_file(&browser, &server, |text| text.contains("margin: 30")).await;
    assert_eq!(text(&server).replace("margin: 30", "margin: 0"), first);
    // A hand that drags makes one change.
    for value in ["0.9", "0.8", "0.7", "0.6"] {
        browser.slide("opacity", value).await;
    }
    until_file(&browser, &server, |text| text.contains("opacity: 0.6")).await;
    browser
        .until(&format!("{field}.querySelector('.default').hidden"))
        .await;
    browser.until_undo_says("opacity").await;
    browser.click("#undo button").await;
    until_file(&browser, &server, |text| !text.contains("opacity")).await;
    browser
        .until(&format!("!{field}.querySelector('.default').hidden"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn the_keyboard_alone_does_it_all_and_the_focus_stays() {
    let server = server();
    let browser = Browser::edit(&server).await;
    // In order: the page's head, the card, then the chain.
    browser.tab_to(".full").await;
    browser.tab_to("#add").await;
    browser
        .until("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
        .await;
    browser.tab_to(".step:first-child .down").await;
    // Moved down: the focus goes with the step, and stays with the button, which does nothing at
    // the end.
    browser.press(ENTER).await;
    browser.until_first("timestamp").await;
    browser
        .until("document.activeElement.matches('.step:last-child .down[aria-disabled=true]')")
        .await;
    browser.press(ENTER).await;
    browser.press_with(&[SHIFT], TAB_KEY).await;
    browser
        .until("document.activeElement.matches('.step:last-child .up')")
        .await;
    browser.press(ENTER).await;
    browser.until_first("watermark").await;
    browser
        .until("document.activeElement.matches('.step:first-child .up[aria-disabled=true]')")
        .await;
    browser.press(ENTER).await;
    browser.tab_to(".enabled").await;
    browser.press(SPACE).await;
    browser
        .until(
            "document.querySelector('.step:first-child').dataset.state === 'off' && \
            document.activeElement.matches('.step:first-child .enabled')",
        )
        .await;
    browser.press(SPACE).await;
    browser
        .until("document.querySelector('.step:first-child').dataset.state !== 'off'")
        .await;
    // A field keeps the focus while the server answers, and the place where one writes.
    browser.tab_to(".step:last-child [id$=-format]").await;
    browser.press("x").await;
    until_file(&browser, &server, |text| text.contains("format:")).await;
    browser
        .until("document.activeElement.matches('.step:last-child [id$=-format]')")
        .await;
    remove_and_add_by_keys(&browser).await;
    // The line with "Undo" is in reach, and stays while it has the focus.
    browser.tab_to("#undo button").await;
    browser.press(ENTER).await;
    browser
        .until(
            "document.querySelectorAll('.step').length === 0 && \
            document.activeElement.textContent === 'Redo'",
        )
        .await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

/// Removes both steps and adds one.
async fn remove_and_add_by_keys(browser: &Browser) {
    // What has the place of a removed step has the focus; then what adds another.
    browser.focus(".step:first-child .remove").await;
    browser.press(ENTER).await;
    browser
        .until(
            "document.querySelectorAll('.step').length === 1 && \
            document.activeElement.matches('.step:first-child .remove')",
        )
        .await;
    browser.press(ENTER).await;
    browser
        .until(
            "document.querySelectorAll('.step').length === 0 && document.activeElement.id === \
            'add'",
        )
        .await;
    // Added, by the dialog, which gives the focus back.
    browser.press(ENTER).await;
    browser
        .until("document.getElementById('catalog').open")
        .await;
    browser.press("ti").await;
    browser
        .until(
            "document.activeElement.matches('#filter-choice') && document.activeElement.value \
            === 'timestamp'",
        )
        .await;
    browser.tab_to("#catalog .add-step").await;
    browser.press(ENTER).await;
    browser
        .until(
            "document.querySelectorAll('.step').length === 1 && document.activeElement.id === \
            'add'",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn without_full_screen_the_picture_fills_the_window() {
    let server = server();
    let browser = Browser::edit(&server).await;
    browser
        .run(
            "Element.prototype.requestFullscreen = Element.prototype.webkitRequestFullscreen = \
            undefined",
        )
        .await;
    browser.focus(".full").await;
    browser.press(ENTER).await;
    browser
        .until(
            "(() => {
                const { width, height } = (document.querySelector('.fills-window') ?? \
             document.body).getBoundingClientRect();
                return width === document.documentElement.clientWidth && height === \
             window.innerHeight;
            })()",
        )
        .await;
    browser
        .until(
            "document.activeElement.matches('.leave-window') && \
            document.elementFromPoint(innerWidth - 60, 30).matches('.leave-window')",
        )
        .await;
    browser.press(ESCAPE).await;
    browser
        .until(
            "!document.querySelector('.fills-window') && document.activeElement.matches('.full')",
        )
        .await;
    browser.press(ENTER).await;
    browser.click(".leave-window").await;
    browser
        .until("!document.querySelector('.fills-window')")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_script_that_does_not_load_is_told_of() {
    let server = server();
    let address = format!("http://{}/", server.address);
    let browser = Browser::open(&address).await;
    browser
        .until("!document.getElementById('not-started')")
        .await;
    for (command, parameters) in [
        ("Network.enable", json!({})),
        (
            "Network.setBlockedURLs",
            json!({ "urls": ["*static/chain.js"] }),
        ),
    ] {
        let command = Protocol(command, parameters);
        browser.client.issue_cmd(command).await.unwrap();
    }
    browser.client.refresh().await.unwrap();
    browser
        .until("getComputedStyle(document.getElementById('not-started')).visibility === 'visible'")
        .await;
    // Without scripts at all it is said, too.
    for (command, parameters) in [
        ("Network.setBlockedURLs", json!({ "urls": [] })),
        (
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": true }),
        ),
    ] {
        let command = Protocol(command, parameters);
        browser.client.issue_cmd(command).await.unwrap();
    }
    browser.client.goto(&address).await.unwrap();
    let said = browser
        .client
        .find(fantoccini::Locator::Css("noscript p"))
        .await;
    assert!(said.unwrap().is_displayed().await.unwrap());
}
