//! Pages elsewhere whose scripts may read, and those that may show a stream in a frame.

use crate::support::Folder;
use crate::support::http::{Response, send};
use crate::support::server::{Server, TOKEN};

const HOME: &str = "https://ha.example.org";
const READ: [(&str, &str); 9] = [
    ("GET", "/s.jpg"),
    ("HEAD", "/s.mjpeg"),
    ("HEAD", "/stream"),
    ("GET", "/?action=snapshot"),
    ("GET", "/api/streams"),
    ("GET", "/api/streams/s"),
    ("HEAD", "/api/events"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/streams/none"),
];

type Headers<'a> = &'a [(&'a str, &'a str)];

fn server(lines: &str) -> Server {
    Server::start(Folder::with(&format!(
        "admin-token: {{ env: TEST_TOKEN }}\n{lines}streams: {{ s: }}\n"
    )))
}

fn ask(server: &Server, (method, target): (&str, &str), headers: Headers) -> Response {
    let host = server.address.to_string();
    let mut all = vec![("Host", host.as_str())];
    all.extend(headers);
    send(server.address, method, target, &all, b"")
}

/// What a browser sends for a script's `fetch` on a page of `origin`.
fn fetch(origin: &str) -> Vec<(&str, &str)> {
    vec![
        ("Origin", origin),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "cors"),
    ]
}

#[test]
fn pages_that_the_file_names_may_read() {
    let server = server(&format!("cors: [{HOME}]\nembedding: none\n"));
    for request in READ {
        let answer = ask(&server, request, &fetch(HOME));
        assert!(matches!(answer.status, 200 | 404), "{request:?}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(HOME),
            "{request:?}"
        );
        assert_eq!(answer.header("vary"), Some("Origin"), "{request:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        let seen = answer.header("access-control-expose-headers").unwrap();
        assert!(seen.contains("X-Timestamp"), "{seen}");
        for origin in ["https://evil.example", "http://ha.example.org", "null"] {
            let answer = ask(&server, request, &fetch(origin));
            assert_eq!(answer.status, 403, "{request:?} {origin}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        // An answer in a cache is for no other page.
        let alone = ask(&server, request, &[]);
        assert_eq!(alone.header("vary"), Some("Origin"), "{request:?}");
    }
    // An image on that page, without `crossorigin`.
    let image = [
        ("Referer", "https://ha.example.org/"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "no-cors"),
    ];
    let picture = ask(&server, ("GET", "/s.jpg"), &image);
    assert_eq!(picture.status, 200);
    let policy = picture.header("cross-origin-resource-policy");
    assert_eq!(policy, Some("cross-origin"));
    // The page itself, its files and the metrics are not among it.
    for target in ["/", "/static/app.js", "/metrics"] {
        let answer = ask(&server, ("GET", target), &fetch(HOME));
        assert_eq!(answer.status, 403, "{target}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{target}"
        );
    }
}

#[test]
fn a_star_is_for_all_pages() {
    let server = server("cors: [\"*\"]\n");
    for request in READ {
        for origin in ["https://evil.example", "null"] {
            let answer = ask(&server, request, &fetch(origin));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.header("vary"), None);
        }
    }
}

#[test]
fn no_page_elsewhere_may_change_anything() {
    let server = server(&format!("cors: [{HOME}]\n"));
    let preflight = |method: &str, target| {
        let mut headers = fetch(HOME);
        headers.push(("Access-Control-Request-Method", method));
        headers.push(("Access-Control-Request-Headers", "x-mattebox-token"));
        ask(&server, ("OPTIONS", target), &headers)
    };
    for (method, target, status) in [
        ("GET", "/api/streams", 204),
        ("HEAD", "/s.mjpeg", 204),
        ("PUT", "/api/streams/s", 403),
        ("POST", "/api/streams/s/restart", 403),
        ("DELETE", "/api/streams/s", 403),
        ("GET", "/metrics", 403),
    ] {
        let answer = preflight(method, target);
        assert_eq!(answer.status, status, "{method} {target}");
        if status == 204 {
            assert_eq!(answer.header("access-control-allow-origin"), Some(HOME));
            assert_eq!(
                answer.header("access-control-allow-methods"),
                Some("GET, HEAD")
            );
            let sent = answer
                .header("access-control-allow-headers")
                .unwrap()
                .to_lowercase();
            assert!(
                sent.contains("content-type") && sent.contains("if-none-match"),
                "{sent}"
            );
            assert!(
                !sent.contains("token") && !sent.contains("authorization"),
                "{sent}"
            );
        }
    }
    // Nor with the token.
    let mut headers = fetch(HOME);
    headers.push(("X-Mattebox-Token", TOKEN));
    let refused = ask(&server, ("POST", "/api/streams/s/restart"), &headers);
    assert_eq!(refused.status, 403);
}

#[test]
fn frames_are_for_the_host_that_a_trusted_proxy_tells() {
    let lines = "embedding: same-site\nallowed-hosts: [cam.example.org]\n";
    for (trusted, told) in [("trusted-proxies: [127.0.0.1]\n", true), ("", false)] {
        let server = server(&format!("{lines}{trusted}"));
        for header in [
            ("X-Forwarded-Host", "cam.example.org:8443"),
            ("Forwarded", "host=\"cam.example.org:8443\""),
        ] {
            let page = ask(&server, ("GET", "/s"), &[header]);
            let policy = page.header("content-security-policy").unwrap();
            let origins = " http://cam.example.org:* https://cam.example.org:*;";
            assert_eq!(policy.contains(origins), told, "{policy}");
        }
    }
}

#[test]
fn without_cors_no_page_is_told_that_it_may() {
    let server = server("");
    let mut headers = fetch(HOME);
    headers.push(("Access-Control-Request-Method", "GET"));
    for target in ["/s.jpg", "/api/streams"] {
        let refused = ask(&server, ("OPTIONS", target), &headers);
        assert_eq!(refused.status, 403);
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
    assert_eq!(ask(&server, ("GET", "/s.jpg"), &[]).header("vary"), None);
}

#[test]
fn a_page_with_nothing_but_the_picture_may_be_framed_where_pictures_may_be_shown() {
    let frame = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "iframe"),
    ];
    for (lines, ancestors) in [
        ("", "frame-ancestors *;"),
        ("embedding: none\n", "frame-ancestors 'self';"),
        (
            "embedding: same-site\n",
            "frame-ancestors 'self' http://127.0.0.1:* https://127.0.0.1:*;",
        ),
        (
            "embedding: none\ncors: [https://ha.example.org]\n",
            "frame-ancestors 'self' https://ha.example.org;",
        ),
    ] {
        let server = server(lines);
        let page = ask(&server, ("GET", "/s"), &frame);
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains(ancestors), "{policy}");
        let html = page.text();
        assert!(html.contains("<img src=\"s.mjpeg\""), "{html}");
        for target in ["/static/picture.css", "/static/picture.js"] {
            assert!(html.contains(&target[1..]));
            assert_eq!(server.get(target).status, 200);
        }
        // The page that changes things may never be.
        assert_eq!(ask(&server, ("GET", "/"), &frame).status, 403);
        // Nor is what isn't there a page.
        assert_eq!(server.get("/none").status, 404);
    }
}
