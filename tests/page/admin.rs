//! What admins and operators do on the page beside the pipeline: users, viewers, links.

use super::Browser;
use super::logins::server;
use crate::support::http::send;
use crate::support::server::Server;

async fn log_in(server: &Server, name: &str, password: &str) -> Browser {
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser.click("#log-in").await;
    browser.log_in(name, password).await;
    browser
}

/// The entry of the user `name` is open, with its form.
async fn open_user(browser: &Browser, name: &str) -> String {
    let entry = format!(".user[data-name=\"{name}\"]");
    browser.click(&format!("{entry} summary")).await;
    entry
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn an_admin_adds_changes_and_removes_users() {
    let server = server("viewer");
    let browser = log_in(&server, "ada", "admin 12345").await;
    browser.click("#show-users").await;
    let summaries = "[...document.querySelectorAll('.user summary')].map((it) => \
        it.textContent).join('; ')";
    let until_users = async |words: &str| {
        browser.until(&format!("{summaries} === '{words}'")).await;
    };
    let before = "vera: viewer, all streams; otto: viewer, other*; olga: operator, all streams; \
        ada: admin, all streams";
    until_users(&format!("{before}; Add a user")).await;
    let entry = open_user(&browser, "").await;
    let field = |key: &str| format!("{entry} [name={key}]");
    browser.write(&field("name"), "ni:na").await;
    browser.write(&field("streams"), "gone").await;
    browser.write(&field("password"), "nina 12345").await;
    let add = format!("{entry} [type=submit]");
    browser.click(&add).await;
    // What is wrong stands beside the field.
    let error = |key: &str| {
        format!(
            "document.querySelector('{entry} [name={key}]')\
        .closest('.field').querySelector('.error').textContent"
        )
    };
    browser.until(&format!("{} !== ''", error("name"))).await;
    browser.write(&field("name"), "nina").await;
    browser.click(&add).await;
    browser
        .until(&format!(
            "{}.includes('gone') && {} === ''",
            error("streams"),
            error("name")
        ))
        .await;
    browser.write(&field("streams"), "front, other*").await;
    browser.click(&add).await;
    until_users(&format!(
        "{before}; nina: viewer, front, other*; Add a user"
    ))
    .await;
    // Another role; the password stays.
    let entry = open_user(&browser, "nina").await;
    browser
        .run(&format!(
            "document.querySelector('{entry} [name=role]').value = 'operator'"
        ))
        .await;
    browser.click(&format!("{entry} [type=submit]")).await;
    until_users(&format!(
        "{before}; nina: operator, front, other*; Add a user"
    ))
    .await;
    let nina = [("Authorization", "Basic bmluYTpuaW5hIDEyMzQ1")];
    let access = || {
        let host = server.address.to_string();
        let headers = [&[("Host", host.as_str())], &nina[..]].concat();
        send(server.address, "GET", "/api/v1/access", &headers, b"")
    };
    assert_eq!(access().json()["role"], "operator");
    // It is asked whether one is to be removed.
    let entry = open_user(&browser, "nina").await;
    browser.click(&format!("{entry} .ask-removal")).await;
    browser.click(&format!("{entry} .keep")).await;
    browser.click(&format!("{entry} .ask-removal")).await;
    browser.click(&format!("{entry} .remove-user")).await;
    until_users(&format!("{before}; Add a user")).await;
    assert_eq!(access().status, 401);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn an_admin_sees_who_watches_and_ends_a_viewer() {
    let server = server("viewer");
    let mut watched = server.watch("other1");
    let watching = std::thread::spawn(move || while watched.next().is_some() {});
    let browser = log_in(&server, "ada", "admin 12345").await;
    browser.click("#show-viewers").await;
    let viewer = "[...document.querySelectorAll('.viewer')].find((it) => \
        it.textContent.includes('anonymous: other1'))";
    browser
        .until(&format!("{viewer}?.textContent.includes('by mjpeg')"))
        .await;
    browser
        .until(&format!(
            "/[1-9].* frames a second/.test({viewer}.textContent)"
        ))
        .await;
    browser
        .run(&format!("{viewer}.querySelector('button').click()"))
        .await;
    browser.until(&format!("!{viewer}")).await;
    watching.join().unwrap();
    // What was done is told as it happens.
    browser
        .until(
            "document.querySelector('.audit-list li').textContent.includes('ada viewer ended') && \
             document.querySelector('.audit-list').textContent.includes('ada login')",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn an_operator_makes_a_link_and_an_admin_revokes_all() {
    let server = server("none");
    let browser = Browser::open(&format!("http://{}/", server.address)).await;
    browser.log_in("olga", "operator 1").await;
    let share = ".card[data-name=front] .share";
    browser.click(share).await;
    browser
        .until("document.querySelector('#share .make-link')?.checkVisibility()")
        .await;
    let revoke = "document.querySelector('#share .revoke').checkVisibility()";
    assert_eq!(browser.run(&format!("return {revoke}")).await, false);
    browser
        .run("document.querySelector('#share .link-kind').value = 'snapshot'")
        .await;
    browser.click("#share .make-link").await;
    browser
        .until("document.querySelector('#share .told').textContent.includes('until')")
        .await;
    let link = browser
        .run("return document.querySelector('#share .link').value")
        .await;
    let base = format!("http://{}", server.address);
    let target = link.as_str().unwrap().strip_prefix(&base).unwrap();
    assert!(target.starts_with("/front.jpg?"), "{target}");
    assert_eq!(server.get(target).status, 200);
    browser.click("#share .close").await;
    browser.click("#log-out").await;
    browser.log_in("ada", "admin 12345").await;
    browser.click(share).await;
    browser.click("#share .revoke").await;
    browser
        .until("document.querySelector('#share .told').textContent.includes('No link')")
        .await;
    assert_eq!(server.get(target).status, 403);
}
