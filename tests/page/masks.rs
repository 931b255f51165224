//! Drawing masks on the picture.

use super::Browser;
use crate::support::Folder;
use crate::support::picture::{decode, is_near, mean};
use crate::support::server::{Server, TOKEN};

const FILE: &str = "admin-token: { env: TEST_TOKEN }
streams:
  front:
    source: { driver: demo, masks: [{ name: left, area: '0,0,128,0,128,720,0,720' }] }
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_mask_is_drawn_by_clicks_and_keys_and_covers_from_then_on() {
    let server = Server::start(Folder::with(FILE));
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser
        .until("document.querySelector('.edit-masks')?.hidden === false")
        .await;
    browser
        .until("!document.querySelector('.card .live').hidden")
        .await;
    browser.click(".edit-masks").await;
    browser.give_token(TOKEN).await;
    browser
        .until("document.querySelectorAll('.mask-corner').length === 4")
        .await;
    browser.click("#masks .add-mask").await;
    browser
        .run(
            "const shapes = document.querySelector('.mask-shapes');
             const box = shapes.getBoundingClientRect();
             for (const [x, y] of [[0.5, 0.25], [0.9, 0.25], [0.9, 0.75]]) {
               const at = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
               shapes.dispatchEvent(new MouseEvent('click', { bubbles: true, ...at }));
             }
             const last = document.activeElement;
             last.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', shiftKey: true }));",
        )
        .await;
    let told = "document.activeElement.getAttribute('aria-label')
        === 'Corner 3 of mask 2: 90 % across, 80 % down'";
    browser.until(told).await;
    browser.click("#masks .apply").await;
    browser
        .until("!document.getElementById('masks').open")
        .await;
    browser
        .until("document.querySelector('.masks-told').textContent === 'Masked: left, mask 2'")
        .await;
    let text = std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    assert!(
        text.contains("name: left") && text.contains("mask 2"),
        "{text}"
    );
    let picture = decode(&server.get("/front.jpg").bytes());
    for area in [(0, 0, 128, 720), (1000, 200, 100, 100)] {
        let (x, y, width, height) = area;
        assert!(is_near(mean(&picture, x, y, width, height), [0.0; 3]));
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}
