//! Drawing masks on the picture.

use super::Browser;
use crate::support::Folder;
use crate::support::picture::{decode, is_near, mean};
use crate::support::server::{Server, TOKEN};

const SHIFT: char = '\u{e008}';
const ARROW_DOWN: char = '\u{e015}';

const FILE: &str = "admin-token: { env: TEST_TOKEN }
streams:
  front:
    source: { driver: demo, masks: [{ name: left, area: '0,0,128,0,128,720,0,720' }] }
";

impl Browser {
    /// Opens the editor by this button. It has the shapes of last time until then.
    pub async fn open_polygons(&self, button: &str) {
        self.click(button).await;
        self.until("document.getElementById('polygons').open").await;
    }

    /// Clicks on these places of the picture on which areas are drawn, from 0 to 1 across and down.
    pub async fn click_on_picture(&self, places: &[(f64, f64)]) {
        let places = serde_json::to_string(places).unwrap();
        self.run(&format!(
            "const shapes = document.querySelector('.polygon-shapes');
             const box = shapes.getBoundingClientRect();
             for (const [x, y] of {places}) {{
               const at = {{ clientX: box.left + x * box.width, \
             clientY: box.top + y * box.height }};
               shapes.dispatchEvent(new MouseEvent('click', {{ bubbles: true, ...at }}));
             }}"
        ))
        .await;
    }
}

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
        .until("document.querySelectorAll('.polygon-corner').length === 4")
        .await;
    browser.click(".add-polygon").await;
    let corners = [(0.5, 0.25), (0.9, 0.25), (0.9, 0.75)];
    browser.click_on_picture(&corners).await;
    browser.press_with(&[SHIFT], ARROW_DOWN).await;
    let told = "document.activeElement.getAttribute('aria-label')
        === 'Corner 3 of mask 2: 90 % across, 80 % down'";
    browser.until(told).await;
    browser.click("#polygons .apply").await;
    browser
        .until("!document.getElementById('polygons').open")
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
    assert_eq!(browser.console_errors().await, [""; 0]);
}
