//! What filters find and see, and the areas in which they look.

use super::Browser;
use crate::support::server::Server;
use crate::support::{Folder, repository};

const SHIFT: char = '\u{e008}';
const ARROW_DOWN: char = '\u{e015}';

const FILE: &str = "admin-token: { env: TEST_TOKEN }
streams:
  front:
    filters:
      - use: motion
        with: { threshold: 20, ignore: ['0,0,256,0,256,144,0,144'] }
";

/// Somebody who has the token looks at the demo's street.
async fn watch() -> (Server, Browser) {
    let server = Server::start(Folder::with(FILE));
    let browser = Browser::open(&format!("http://{}/#front", server.address)).await;
    browser.log_in_as_admin().await;
    (server, browser)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn what_moves_is_marked_on_the_picture_until_somebody_hides_it() {
    let (_server, browser) = watch().await;
    browser.client.set_window_size(390, 800).await.unwrap();
    let is_marked = "(() => {
        const picture = document.querySelector('.picture').getBoundingClientRect();
        const boxes = [...document.querySelectorAll('.region rect')].map((it) => \
        it.getBoundingClientRect());
        const isWithin = (box) => box.width > 4 && box.left >= picture.left - 1 && box.right <= \
        picture.right + 1
          && box.top >= picture.top - 1 && box.bottom <= picture.bottom + 1;
        return boxes.length > 0 && boxes.every(isWithin);
    })()";
    browser.until(is_marked).await;
    browser
        .until(concat!(
            r"/^motion \d+: \d+ %, (middle|lower) (left|centre|right)$/",
            ".test(document.querySelector('.regions-list li')?.textContent)"
        ))
        .await;
    browser.click(".show-regions").await;
    let is_hidden = "document.querySelector('.show-regions')?.ariaPressed === 'false'
        && !document.querySelector('.region, .regions-list li')";
    browser.until(is_hidden).await;
    // It costs nothing then, also when the page is loaded anew.
    browser.client.refresh().await.unwrap();
    browser.until(is_hidden).await;
    browser
        .until(
            "!document.querySelector('.card .live').hidden && \
            document.querySelector('.rate').textContent.includes('15')",
        )
        .await;
    let asked =
        "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/regions'))";
    assert_eq!(browser.run(&format!("return {asked}")).await, false);
    browser.click(".show-regions").await;
    browser.until(is_marked).await;
    assert_eq!(browser.console_errors().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn somebody_sees_what_the_filter_sees_and_how_often() {
    let (server, browser) = watch().await;
    browser.until("document.querySelector('.region')").await;
    browser.click(".show-sight").await;
    // The picture at an eighth of its size, and beside it what moves.
    browser
        .until(
            "(() => {
            const sight = document.querySelector('.sight-picture');
            return sight && !sight.hidden && sight.width === 320 && sight.height === 90
              && getComputedStyle(sight).imageRendering === 'pixelated' && sight.clientWidth > 320;
        })()",
        )
        .await;
    browser
        .run("window.first = document.querySelector('.sight-picture').toDataURL()")
        .await;
    browser
        .until("document.querySelector('.sight-picture').toDataURL() !== window.first")
        .await;
    browser.click(".show-sight").await;
    browser
        .until("document.querySelector('.sight').hidden")
        .await;
    browser.write(".step-keys input[id$=-every]", "500ms").await;
    browser
        .until("document.querySelector('.step-time').textContent.endsWith('a look, every 0.5 s')")
        .await;
    let text = std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    assert!(text.contains("every: 500ms"), "{text}");
    assert_eq!(browser.console_errors().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_zone_is_drawn_and_kept_and_counts() {
    let (server, browser) = watch().await;
    let file = || std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    browser
        .until("!document.querySelector('.card .live').hidden")
        .await;
    browser.open_polygons(".draw-areas").await;
    // What is in the file already, in pixels, is seen.
    browser
        .until(
            "document.querySelector('.polygon-corner:nth-child(3)')?.getAttribute('aria-label')
            === 'Corner 3 of ignore 1: 20 % across, 20 % down'",
        )
        .await;
    // The settings come in the order in which the filter has them.
    browser.click(".add-polygon:first-child").await;
    browser
        .write(".polygon-list li:has(label input) label input", "street")
        .await;
    let lower_half = [(0.0, 0.5), (1.0, 0.5), (1.0, 0.9), (0.0, 0.9)];
    browser.click_on_picture(&lower_half).await;
    browser.press_with(&[SHIFT], ARROW_DOWN).await;
    browser
        .until(
            "document.activeElement.getAttribute('aria-label')
            === 'Corner 4 of street: 0 % across, 95 % down'",
        )
        .await;
    browser.click("#polygons .apply").await;
    browser
        .until("!document.getElementById('polygons').open")
        .await;
    let text = file();
    assert!(text.contains("street: "), "{text}");
    assert!(text.contains("threshold: 20"), "{text}");
    assert!(text.contains("'0,0,256,0,256,144,0,144'"), "{text}");
    browser
        .until("/^street /.test(document.querySelector('.regions-list li')?.textContent)")
        .await;
    // It is seen again, given another name, and then removed.
    browser.open_polygons(".draw-areas").await;
    browser
        .until("document.querySelectorAll('.polygon-shapes polygon').length === 2")
        .await;
    browser
        .write(".polygon-list li:has(label input) label input", "road")
        .await;
    browser.click("#polygons .apply").await;
    browser
        .until("!document.getElementById('polygons').open")
        .await;
    let text = file();
    assert!(
        text.contains("road: ") && !text.contains("street: "),
        "{text}"
    );
    browser.open_polygons(".draw-areas").await;
    browser
        .click(".polygon-list li:has(label input) > button")
        .await;
    browser.click("#polygons .apply").await;
    browser
        .until("!document.getElementById('polygons').open")
        .await;
    assert!(!file().contains("zones"), "{}", file());
    assert_eq!(browser.console_errors().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn what_the_chain_draws_itself_is_not_marked_a_second_time() {
    let server = Server::start(Folder::with(&format!("{FILE}      - use: boxes\n")));
    let browser = Browser::open(&format!("http://{}/#front", server.address)).await;
    browser
        .until("document.querySelector('.show-regions')?.ariaPressed === 'false'")
        .await;
    browser
        .until(
            "!document.querySelector('.card .live').hidden && \
            document.querySelector('.rate').textContent.includes('15')",
        )
        .await;
    let is_marked = "document.querySelector('.region, .regions-list li')";
    browser.until(&format!("!{is_marked}")).await;
    // Somebody may want both, also when the page is loaded anew.
    browser.click(".show-regions").await;
    browser.until(is_marked).await;
    browser.client.refresh().await.unwrap();
    browser.until(is_marked).await;
    browser.click(".show-regions").await;
    browser.until(&format!("!{is_marked}")).await;
    assert_eq!(browser.console_errors().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn what_a_filter_may_see_and_publish_is_set_beside_its_settings() {
    let folder = Folder::with(
        "admin-token: { env: TEST_TOKEN }
streams: { front: { filters: [{ use: ./own.wasm, sees: all, publish: true }] } }
",
    );
    let module = repository("tests/modules/contract-0.2.0-overlay.wasm");
    folder.write("own.wasm", std::fs::read(module).unwrap());
    let server = Server::start(folder);
    let file = || std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    let browser = Browser::open(&format!("http://{}/#front", server.address)).await;
    browser.log_in_as_admin().await;
    browser
        .until(
            "document.querySelector('.step-keys select[id$=-sees]')?.value === 'all'
            && document.querySelector('.step-keys input[id$=-publish]').checked
            && !document.querySelector('.step-keys select[id$=-sees]').disabled
            && !document.querySelector('.step-keys [id$=-every]')",
        )
        .await;
    browser
        .run(
            "const sees = document.querySelector('.step-keys select[id$=-sees]');
             sees.value = 'eighth';
             sees.dispatchEvent(new Event('input', { bubbles: true }));",
        )
        .await;
    // The filter wants more than that, and says so.
    browser
        .until(
            "document.querySelector('.failure').textContent.includes('at an eighth of its size \
            only')",
        )
        .await;
    assert!(file().contains("sees: eighth"), "{}", file());
    // Without the right to publish it could not be used at all: that is refused.
    browser.click(".step-keys input[id$=-publish]").await;
    browser
        .until("document.querySelector('.refusal').textContent.includes('publish: true')")
        .await;
    assert!(file().contains("publish: true"), "{}", file());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn the_page_says_who_wants_the_camera() {
    let server = Server::start(Folder::with(
        "streams: { front: { run: always, filters: [{ use: motion }] } }",
    ));
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser
        .until("document.querySelector('.wanted').textContent === 'viewers, analysis'")
        .await;
    browser.click(".play").await;
    browser
        .until("document.querySelector('.wanted').textContent === 'analysis, 5 fps'")
        .await;
}
