//! The page in narrow windows, and settings without a value.

use super::{Browser, server};

const SHIFT: char = '\u{e008}';
const TAB: char = '\u{e004}';

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn what_has_the_focus_is_never_below_the_picture() {
    let server = server();
    let browser = Browser::edit(&server).await;
    for (width, height) in [(700, 800), (390, 700), (800, 380)] {
        browser.client.set_window_size(width, height).await.unwrap();
        browser
            .run("[...document.querySelectorAll('.step input')].at(-1).focus()")
            .await;
        for _ in 0..30 {
            browser.press_with(&[SHIFT], TAB).await;
            browser
                .until(
                    "(() => {
                        const focused = document.activeElement;
                        const { x, y, width, height } = focused.getBoundingClientRect();
                        const seen = document.elementFromPoint(x + width / 2, y + height / 2);
                        return focused === document.body || focused.contains(seen) || \
                     seen?.contains(focused);
                    })()",
                )
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn the_dialog_fits_a_phone_and_no_key_sets_a_size_in_the_middle() {
    let server = server();
    let browser = Browser::edit(&server).await;
    browser.client.set_window_size(360, 740).await.unwrap();
    browser.click("#add").await;
    for filter in ["timestamp", "watermark", "resize"] {
        browser
            .run(&format!(
                "const choice = document.getElementById('filter-choice');
                 choice.value = '{filter}';
                 choice.dispatchEvent(new Event('change', {{ bubbles: true }}));"
            ))
            .await;
        let fits = "(() => {
            const dialog = document.getElementById('catalog');
            const { left, right } = dialog.getBoundingClientRect();
            return dialog.scrollWidth <= dialog.clientWidth && left >= 0 && right <= \
            window.innerWidth;
        })()";
        let fits = browser.run(&format!("return {fits}")).await;
        assert_eq!(fits, true, "{filter}");
    }
    // Without a value and a default there is a field for a number; with one a slider as well.
    let slider = "document.querySelector('#catalog [aria-label=\"height, slider\"]')";
    assert_eq!(browser.run(&format!("return {slider}.hidden")).await, true);
    browser.focus("#catalog [id$=-height]").await;
    browser.press("240").await;
    browser
        .until(&format!("!{slider}.hidden && {slider}.value === '240'"))
        .await;
    browser.click("#catalog .add-step").await;
    browser
        .until(
            "document.querySelectorAll('.step').length === 3 && \
            document.querySelector('.step:last-child .step-name').textContent === 'resize'",
        )
        .await;
    let file = std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    assert!(
        file.contains("height: 240") && !file.contains("width"),
        "{file}"
    );
}
