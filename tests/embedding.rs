//! Pages of other sites: what they may show, by the headers that browsers send.

use crate::support::Folder;
use crate::support::http::{Response, send, send_raw};
use crate::support::server::Server;

const PICTURES: [(&str, &str); 7] = [
    ("GET", "/s.jpg"),
    ("HEAD", "/s.mjpeg"),
    ("HEAD", "/stream"),
    ("HEAD", "/video_feed"),
    ("GET", "/snapshot"),
    ("HEAD", "/?action=stream"),
    ("GET", "/?action=snapshot"),
];
const REST: [(&str, &str); 16] = [
    ("GET", "/static/style.css"),
    ("GET", "/static/app.js"),
    ("GET", "/static/none"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/api/access"),
    ("HEAD", "/api/events"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/pipeline"),
    ("GET", "/api/streams"),
    ("GET", "/api/streams/s"),
    ("GET", "/api/variables"),
    ("GET", "/api/filters"),
    ("GET", "/api/nothing"),
    ("GET", "/nothing.txt"),
];

type Headers<'a> = &'a [(&'a str, &'a str)];

/// An `<img>` or a script on a page elsewhere.
const CROSS_SITE: Headers = &[
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Mode", "no-cors"),
];
const SAME_SITE: Headers = &[
    ("Sec-Fetch-Site", "same-site"),
    ("Sec-Fetch-Mode", "no-cors"),
];
const OWN: Headers = &[
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "no-cors"),
];
const FRAME: Headers = &[
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "iframe"),
];
const LINK: Headers = &[
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
];
const TYPED: Headers = &[
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
];
/// Browsers send no `Sec-Fetch` headers to what they don't trust, such as http://192.168.1.5.
const ORIGIN: Headers = &[("Origin", "http://evil.example")];
const REFERER: Headers = &[("Referer", "http://evil.example/page")];
const OTHER_PORT: Headers = &[("Referer", "http://127.0.0.1:1/")];

fn server(embedding: &str) -> Server {
    Server::start(Folder::with(&format!("{embedding}streams: {{ s: }}\n")))
}

fn ask(server: &Server, (method, target): (&str, &str), headers: Headers) -> Response {
    let host = server.address.to_string();
    let mut all = vec![("Host", host.as_str())];
    all.extend(headers);
    let response = send(server.address, method, target, &all, b"");
    assert_eq!(
        response.header("x-content-type-options"),
        Some("nosniff"),
        "{method} {target}"
    );
    response
}

/// All pictures are shown to one who sends `headers`, or none.
fn pictures(server: &Server, headers: Headers, is_shown: bool, policy: &str) {
    for request in PICTURES {
        let response = ask(server, request, headers);
        let expected = if is_shown {
            (200, policy)
        } else {
            (403, "same-origin")
        };
        let policy = response.header("cross-origin-resource-policy").unwrap();
        assert_eq!(
            (response.status, policy),
            expected,
            "{request:?} {headers:?}"
        );
    }
}

#[test]
fn pictures_are_shown_as_the_file_says() {
    let all = [
        CROSS_SITE,
        SAME_SITE,
        OWN,
        FRAME,
        LINK,
        TYPED,
        ORIGIN,
        REFERER,
        OTHER_PORT,
        &[],
    ];
    let [any, same_site, none] = [(true, true), (false, true), (false, false)];
    for (line, policy, (to_others, to_same_site)) in [
        ("", "cross-origin", any),
        ("embedding: any\n", "cross-origin", any),
        ("embedding: same-site\n", "same-site", same_site),
        ("embedding: none\n", "same-origin", none),
    ] {
        let server = server(line);
        for headers in all {
            let is_shown = match headers {
                CROSS_SITE | FRAME | ORIGIN | REFERER => to_others,
                SAME_SITE | OTHER_PORT => to_same_site,
                _ => true,
            };
            pictures(&server, headers, is_shown, policy);
        }
    }
}

#[test]
fn the_rest_is_never_for_other_sites() {
    let server = server("");
    for request in REST {
        for headers in [CROSS_SITE, FRAME, LINK] {
            let refused = ask(&server, request, headers);
            assert_eq!(refused.status, 403, "{request:?} {headers:?}");
        }
        // Without word of the browser, a proxy may have changed the name: the browser keeps the
        // answer from the page.
        for headers in [OWN, TYPED, ORIGIN, REFERER, &[]] {
            let response = ask(&server, request, headers);
            let expected = if request.1.contains("nothing") || request.1.ends_with("none") {
                404
            } else {
                200
            };
            assert_eq!(response.status, expected, "{request:?} {headers:?}");
            let policy = response.header("cross-origin-resource-policy");
            assert_eq!(policy, Some("same-origin"), "{request:?}");
            assert_eq!(response.header("access-control-allow-origin"), None);
        }
    }
}

#[test]
fn links_lead_to_the_page_and_frames_do_not() {
    let server = server("");
    for (headers, status) in [
        (LINK, 200),
        (TYPED, 200),
        (OWN, 200),
        (REFERER, 200),
        (&[], 200),
        (FRAME, 403),
        (CROSS_SITE, 403),
        (ORIGIN, 200),
    ] {
        let page = ask(&server, ("GET", "/"), headers);
        assert_eq!(page.status, status, "{headers:?}");
        let policy = page.header("cross-origin-resource-policy");
        assert_eq!(policy, Some("same-origin"));
    }
}

#[test]
fn requests_that_a_proxy_may_understand_otherwise_are_refused() {
    let server = server("");
    let chunked = "Transfer-Encoding: chunked";
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: localhost", 200),
        ("GET /healthz HTTP/1.0", 200),
        ("GET /healthz HTTP/1.1", 400),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost",
            400,
        ),
        (
            "GET /healthz HTTP/1.0\r\nHost: localhost\r\nhost: evil.example",
            400,
        ),
        ("GET /healthz HTTP/1.1\r\nHost:", 400),
        (
            "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost",
            421,
        ),
        (
            &format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n{chunked}"),
            400,
        ),
        (
            &format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{chunked}\r\nContent-Length: 3"),
            400,
        ),
        (
            &format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{chunked}"),
            200,
        ),
    ] {
        let response = send_raw(server.address, &format!("{head}\r\n\r\n0\r\n\r\n"));
        assert_eq!(response.status, status, "{head}");
        assert_eq!(
            response.header("x-content-type-options"),
            Some("nosniff"),
            "{head}"
        );
    }
    // What can't be read at all.
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(20_000));
    for (head, statuses) in [("NO REQUEST", 400..=400), (&long, 414..=431)] {
        let response = send_raw(server.address, &format!("{head}\r\n\r\n"));
        assert!(statuses.contains(&response.status), "{}", response.status);
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
    // Behind others on one connection, too.
    let fine = "POST /api/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
    let both = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\
        Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let good = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answers = send_raw(server.address, &format!("{good}{both}{fine}")).text();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(answers.contains("HTTP/1.1 400 Bad Request"), "{answers}");
}
