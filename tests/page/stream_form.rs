//! Adding and editing streams on the page.

use super::{Browser, server};
use crate::support::Folder;
use crate::support::server::{Server, TOKEN};

const FILE: &str = "admin-token: { env: TEST_TOKEN }
streams:
  front:
    source:                   # the door's camera
      driver: http
      url: http://me:hush@127.0.0.1:1/video    # the sub-stream
      stall-timeout: 3s
  yard:
    source: { driver: http, url: 'http://127.0.0.1:1/', user: me, password: { env: YARD_PASSWORD } }
";

fn text(server: &Server) -> String {
    std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap()
}

impl Browser {
    async fn choose_driver(&self, driver: &str) {
        self.run(&format!(
            "const choice = document.querySelector('#driver-choice');
             choice.value = [...choice.options].find((it) => it.textContent === '{driver}').value;
             choice.dispatchEvent(new Event('change', {{ bubbles: true }}));"
        ))
        .await;
    }

    /// Opens the form of the stream `name`, as the admin.
    async fn edit_stream(&self, name: &str) {
        let button = format!(".card[data-name={name}] .edit");
        self.until(&format!(
            "document.querySelector('{button}')?.hidden === false"
        ))
        .await;
        self.click(&button).await;
    }

    async fn until_form_is(&self, is_open: bool) {
        self.until(&format!(
            "document.getElementById('stream-form').open === {is_open}"
        ))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_source_of_the_command_line_is_told_and_not_edited() {
    let server = Server::start_with(Folder::with(FILE), |command| {
        command.args(["--source", "demo"]);
    });
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    let origin = ".card[data-name=front] .chain .origin";
    browser
        .until(&format!(
            "document.querySelector('{origin}')?.textContent === 'by --source'"
        ))
        .await;
    let other = "document.querySelector('.card[data-name=yard] .chain .origin') === null";
    browser.until(other).await;
    browser.edit_stream("front").await;
    browser.give_token(TOKEN).await;
    browser.until_form_is(true).await;
    let shown = "!document.querySelector('#stream-form .overridden').hidden
        && document.querySelector('#driver-choice').disabled
        && [...document.querySelectorAll('#stream-form .new-form input')].every((it) => \
        it.disabled)";
    browser.until(shown).await;
    // The rest can be changed.
    browser
        .write("#stream-form input[id$=-title]", "The door")
        .await;
    browser.click("#stream-form .apply").await;
    browser.until_form_is(false).await;
    let text = text(&server);
    assert!(
        text.contains("title: The door") && text.contains("driver: http"),
        "{text}"
    );
    browser.click(".card[data-name=yard] .edit").await;
    browser.until_form_is(true).await;
    let editable = "document.querySelector('#stream-form .overridden').hidden
        && !document.querySelector('#driver-choice').disabled";
    browser.until(editable).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_stream_is_added_by_its_drivers_form() {
    let server = server();
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser
        .until("!document.getElementById('add-stream').hidden")
        .await;
    browser.click("#add-stream").await;
    // Each driver has the keys that the pipeline file's schema gives it; what is needed comes
    // first.
    browser
        .until("document.querySelectorAll('#driver-choice option').length === 8")
        .await;
    browser.choose_driver("http").await;
    browser
        .until("document.querySelector('#stream-form .new-form input')?.id.endsWith('-url')")
        .await;
    browser
        .until("document.querySelector('#stream-form input[id$=-password]').type === 'password'")
        .await;
    browser.choose_driver("demo").await;
    browser
        .write("#stream-form input[id$=-stall-timeout]", "7s")
        .await;
    browser
        .write("#stream-form input[id$=-title]", "The yard")
        .await;
    browser.write("#stream-name", "front").await;
    browser.click("#stream-form .apply").await;
    browser
        .until(
            "document.querySelector('#stream-form .refusal').textContent.includes('There is a \
            stream')",
        )
        .await;
    browser.write("#stream-name", "yard").await;
    browser.click("#stream-form .apply").await;
    browser.give_token(TOKEN).await;
    browser
        .until("document.querySelector('.card[data-name=yard]') !== null")
        .await;
    let text = text(&server);
    assert!(text.contains("stall-timeout: \"7s\""), "{text}");
    assert!(text.contains("title: \"The yard\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_streams_source_is_edited_and_its_secrets_and_comments_stay() {
    let server = Server::start(Folder::with(FILE));
    let first = text(&server);
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser.edit_stream("front").await;
    // Whoever only watches is shown no camera's address.
    browser.give_token(TOKEN).await;
    browser.until_form_is(true).await;
    let url = "#stream-form [id$=-url]";
    browser
        .until(&format!(
            "document.querySelector('{url}').value === 'http://***@127.0.0.1:1/video'"
        ))
        .await;
    browser
        .until("document.getElementById('driver-choice').selectedOptions[0].textContent === 'http'")
        .await;
    // What the server refuses is told at the field.
    browser.write(url, "camera").await;
    browser.click("#stream-form .apply").await;
    browser.until_field_says(url, "Expected an address").await;
    assert_eq!(text(&server), first);
    browser.write(url, "http://***@127.0.0.1:2/video").await;
    browser
        .write("#stream-form input[id$=-title]", "The door")
        .await;
    browser.write("#stream-form [id$=-stall-timeout]", "").await;
    browser.click("#stream-form .apply").await;
    browser.until_form_is(false).await;
    browser
        .until("document.querySelector('.card[data-name=front] .open').textContent === 'The door'")
        .await;
    let changed = text(&server);
    let source = "    source:                   # the door's camera
      driver: http
      url: http://me:hush@127.0.0.1:2/video    # the sub-stream
";
    assert!(changed.contains(source), "{changed}");
    assert!(!changed.contains("stall-timeout"), "{changed}");
    // The change is undone like all others.
    browser.click("#undo button").await;
    browser
        .until("document.querySelector('.undo-words').textContent.includes('Undone')")
        .await;
    assert_eq!(text(&server), first);
    // Nothing edited, nothing written.
    browser.edit_stream("front").await;
    browser.until_form_is(true).await;
    browser.click("#stream-form .apply").await;
    browser.until_form_is(false).await;
    assert_eq!(text(&server), first);
    change_driver(&browser, &server).await;
    let errors = browser.console_errors().await;
    let is_refusal = |text: &&String| text.contains("422") || text.contains("503");
    assert_eq!(errors.iter().find(|it| !is_refusal(it)), None);
}

/// Checks that a place where a secret stands is shown, and that another driver takes along what
/// both have.
async fn change_driver(browser: &Browser, server: &Server) {
    let url = "#stream-form [id$=-url]";
    browser.edit_stream("yard").await;
    browser.until_form_is(true).await;
    browser
        .until(
            "document.querySelector('#stream-form [id$=-password]').placeholder === 'env: \
            YARD_PASSWORD'",
        )
        .await;
    browser.choose_driver("rtsp").await;
    browser.write(url, "rtsp://127.0.0.1:1/1").await;
    browser.click("#stream-form .apply").await;
    browser.until_form_is(false).await;
    let changed = text(server);
    for kept in [
        "driver: rtsp",
        "rtsp://127.0.0.1:1/1",
        "password: { env: YARD_PASSWORD }",
    ] {
        assert!(changed.contains(kept), "{kept}: {changed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn the_form_of_a_stream_fits_a_phone() {
    let server = server();
    let browser = Browser::edit(&server).await;
    browser.client.set_window_size(360, 740).await.unwrap();
    browser.edit_stream("front").await;
    browser.until_form_is(true).await;
    for driver in ["demo", "http", "exec", "camera", "rtsp", "another stream"] {
        browser.choose_driver(driver).await;
        let fits = "(() => {
            const dialog = document.getElementById('stream-form');
            const { left, right } = dialog.getBoundingClientRect();
            return dialog.scrollWidth <= dialog.clientWidth && left >= 0 && right <= \
            window.innerWidth;
        })()";
        assert_eq!(
            browser.run(&format!("return {fits}")).await,
            true,
            "{driver}"
        );
    }
}
