//! The list of events.

use super::Browser;
use crate::support::Folder;
use crate::support::camera::Switched;
use crate::support::server::{Server, TOKEN};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn events_are_listed_with_pictures_as_they_happen_and_removed() {
    let camera = Switched::new();
    let pipeline = camera.pipeline()
        + "  door: { idle-timeout: 0s, source: { driver: exec, command: [\"false\"] } }\n";
    let server = Server::start(Folder::with(&pipeline));
    assert_eq!(server.get("/door.jpg").status, 503);
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    // The page watches both, so that one fails.
    browser
        .until("document.querySelectorAll('.card .live:not([hidden])').length >= 1")
        .await;
    browser.click("#show-events").await;
    let count = |count: usize| format!("document.querySelectorAll('.event').length === {count}");
    browser.until(&count(2)).await;
    camera.set(false);
    browser.until(&count(3)).await;
    let newest = "document.querySelector('.event').textContent";
    browser
        .until(&format!("{newest}.startsWith('front: camera-failed')"))
        .await;
    browser.until(&format!("{newest}.includes('lasts')")).await;
    let picture = "document.querySelector('.event img')";
    browser
        .until(&format!(
            "{picture}?.complete && {picture}.naturalWidth > 0"
        ))
        .await;
    camera.set(true);
    browser.until(&format!("!{newest}.includes('lasts')")).await;
    browser.until(&count(3)).await;

    check_sizes(&browser).await;
    let choose = |class: &str, value: &str| {
        format!(
            "const choice = document.querySelector('.{class}');
             choice.value = '{value}';
             choice.dispatchEvent(new Event('change'));"
        )
    };
    browser.run(&choose("event-stream", "door")).await;
    browser.until(&count(2)).await;
    browser.run(&choose("event-stream", "front")).await;
    browser.until(&count(1)).await;
    browser
        .run("document.querySelector('.event button').focus()")
        .await;
    browser.press(" ").await;
    browser.give_token(TOKEN).await;
    browser.until(&count(0)).await;
    browser
        .until("document.activeElement.classList.contains('close')")
        .await;
    browser.press("\u{e007}").await;
    browser
        .until("!document.getElementById('events').open")
        .await;
    assert_eq!(browser.console_errors().await, [""; 0]);
}

/// Checks that the list fits into a wide and into a narrow window.
async fn check_sizes(browser: &Browser) {
    for (width, height) in [(1200, 900), (390, 800)] {
        browser.client.set_window_size(width, height).await.unwrap();
        let fits = "(() => {
            const list = document.getElementById('events');
            return list.scrollWidth <= list.clientWidth && list.offsetWidth <= innerWidth;
        })()";
        browser.until(fits).await;
    }
}
