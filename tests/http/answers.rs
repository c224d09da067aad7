//! What is made of answers.

use std::io::Write;

use quell::model::FailureKind::{self, Answered, NoAnswer};
use serde_json::json;

use crate::agent::{LOOPBACK, act, agent, asked, failure, output};
use crate::server::{Server, answer};

#[test]
fn an_answer_is_the_output_of_the_step() {
    for (status, body, want) in [
        ("200 OK", r#"{"id": 7, "list": [1]}"#, json!({"id": 7, "list": [1], "status": 200})),
        ("201 Created", r#"{"status": "new"}"#, json!({"status": 201, "answer_status": "new"})),
        ("204 No Content", "", json!({"status": 204})),
        ("200 OK", "done\n", json!({"body": "done\n", "status": 200})),
        ("200 OK", "[1, 2]", json!({"body": "[1, 2]", "status": 200})),
        ("200 OK", "{\"a\": ", json!({"body": "{\"a\": ", "status": 200})),
    ] {
        assert_eq!(output(asked(&Server::says(&answer(status, body)))), want, "{status} {body}");
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n";
    assert_eq!(output(asked(&Server::says(chunked))), json!({"a": 1, "status": 200}));
    let until_closed = "HTTP/1.0 200 OK\r\n\r\n{\"a\": 1}";
    assert_eq!(output(asked(&Server::says(until_closed))), json!({"a": 1, "status": 200}));
    let informed = format!("HTTP/1.1 103 Early Hints\r\n\r\n{}", answer("200 OK", "{}"));
    assert_eq!(output(asked(&Server::says(&informed))), json!({"status": 200}));
}

#[test]
fn the_status_decides() {
    for (head, body, kind, want) in [
        ("404 Not Found", "no such\nblock", Answered, "404 Not Found: no such"),
        ("404 Not Found", "", Answered, "404 Not Found"),
        ("400 Bad Request", "\u{1b}[2J\u{202e}x", Answered, "400 Bad Request: \\x1b[2J\\u{202e}x"),
        ("299 Odd", "", NoAnswer, "299"),
        ("500 Internal Server Error", "", Answered, "500 Internal Server Error"),
        ("502 Bad Gateway", "", NoAnswer, "502 Bad Gateway"),
        ("504 Gateway Timeout", "", NoAnswer, "504 Gateway Timeout"),
        (
            "302 Found\r\nLocation: https://evil.example/\u{202e}x",
            "moved",
            Answered,
            "302 Found: it points to https://evil.example/\\u{202e}x: no redirect is followed",
        ),
        (
            "307 Temporary Redirect\r\nLocation: /other",
            "",
            Answered,
            "307 Temporary Redirect: it points to /other: no redirect is followed",
        ),
        (
            "429 Too Many Requests\r\nRetry-After: 30",
            "slow down",
            Answered,
            "429 Too Many Requests: slow down; Retry-After: 30",
        ),
        (
            "503 Service Unavailable\r\nRetry-After: 5",
            "",
            Answered,
            "503 Service Unavailable; Retry-After: 5",
        ),
    ] {
        let server = Server::says(&answer(head, body));
        let action = "{ method: POST, path: /acts/it, succeeds: [200, 204] }";
        let agent = agent(server.address, LOOPBACK, action, &[]);
        let (found, message) = failure(act(&agent));
        assert_eq!((found, &*message), (kind, want));
        assert_eq!(server.rest().len(), 1, "no second try: {head}");
    }
}

#[test]
fn c35_an_answer_has_a_largest_size() {
    let head = format!("{LOOPBACK}\n    max_bytes: 100");
    let whole = "x".repeat(100);
    let long = "x".repeat(101);
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n{long}\r\n0\r\n\r\n");
    let action = "{ method: GET, path: /acts/it }";
    let asked = |said: &str| act(&agent(Server::says(said).address, &head, action, &[]));
    assert_eq!(output(asked(&answer("200 OK", &whole))), json!({"status": 200, "body": whole}));
    for said in [answer("200 OK", &long), chunked] {
        let want = "200 OK, and an answer of more than 100 bytes (max_bytes)".to_owned();
        assert_eq!(failure(asked(&said)), (NoAnswer, want));
    }
    // A refusal is one, however long.
    let (kind, message) = failure(asked(&answer("400 Bad Request", &long)));
    assert_eq!((kind, message), (Answered, format!("400 Bad Request: {whole}")));
}

#[test]
fn c3_what_was_sent_and_not_answered_is_in_doubt() {
    let head = "x: y\r\n".repeat(20_000);
    let huge = format!("HTTP/1.1 200 OK\r\n{head}\r\n");
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
    for said in [
        "",
        "HTTP/1.1 20",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        &huge,
        &many,
    ] {
        let said = said.to_owned();
        // It may hang up while much of this is on its way.
        let server = Server::start(move |_, stream| _ = stream.write_all(said.as_bytes()));
        let (kind, message) = failure(asked(&server));
        assert_eq!(kind, FailureKind::NoAnswer, "{message}");
        assert_eq!(server.rest().len(), 1, "no second try");
    }
}
