//! Secrets reach their header, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use quell::model::FailureKind;
use serde_json::json;

use crate::agent::{LOOPBACK, act, agent, failure, output};
use crate::server::{Server, answer};

const ACTION: &str = "{ method: POST, path: /acts/it }";
const TOKEN: &str = "t0p-s3cret/+=";

#[test]
fn c35_a_secret_of_the_environment_is_sent_and_hidden() {
    let said = format!(r#"{{"you": "Bearer {TOKEN}", "deep": [{{"{TOKEN}": 1}}]}}"#);
    let server = Server::says(&answer("200 OK", &said));
    let head = format!(
        "{LOOPBACK}\n    headers: {{ Authorization: {{ secret: 'env:FW_TOKEN', prefix: 'Bearer ' }}, X-Key: {{ secret: 'env:OTHER' }} }}"
    );
    let variables = [("FW_TOKEN", TOKEN), ("OTHER", "other secret")];
    let found = output(act(&agent(server.address, &head, ACTION, &variables)));
    assert_eq!(found, json!({"status": 200, "you": "Bearer [secret]", "deep": [{"[secret]": 1}]}));
    let request = server.next();
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    assert_eq!(request.header("x-key"), Some("other secret"));
    for status in ["403 Forbidden", "302 Found\r\nLocation: /x?token=t0p-s3cret/+="] {
        let server = Server::says(&answer(status, &format!("{TOKEN} is wrong")));
        let (_, message) = failure(act(&agent(server.address, &head, ACTION, &variables)));
        assert!(message.contains("[secret]") && !message.contains(TOKEN), "{message}");
    }
}

#[test]
fn c35_a_secret_of_a_file_is_read_at_each_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let server = Server::says(&answer("200 OK", ""));
    let head = format!("{LOOPBACK}\n    headers: {{ X-Key: {{ secret: 'file:{}' }} }}", path.display());
    let agent = agent(server.address, &head, ACTION, &[]);
    for token in ["one\n", "two"] {
        fs::write(&path, token).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        output(act(&agent));
        assert_eq!(server.next().header("x-key"), Some(token.trim_end()));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let (kind, why) = failure(act(&agent));
    assert!(kind == FailureKind::NotSent && why.contains("chmod o-rw"), "{why}");
    assert!(server.rest().is_empty());
}

#[test]
fn c35_without_its_secret_nothing_is_sent() {
    let server = Server::says(&answer("200 OK", ""));
    let head = format!("{LOOPBACK}\n    headers: {{ X-Key: {{ secret: 'env:FW_TOKEN' }} }}");
    for (variables, want) in [
        (&[][..], "secret env:FW_TOKEN is not set"),
        (&[("FW_TOKEN", "")][..], "secret env:FW_TOKEN is empty"),
        (&[("FW_TOKEN", "a\r\nX-Admin: 1")][..], "secret env:FW_TOKEN has a character that no header has"),
    ] {
        let found = failure(act(&agent(server.address, &head, ACTION, variables)));
        assert_eq!(found, (FailureKind::NotSent, want.to_owned()));
    }
    assert!(server.rest().is_empty());
}
