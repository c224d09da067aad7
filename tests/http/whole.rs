//! Whole runs over HTTP: the real binary, a real setup, a journal on disk.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::server::{Server, answer, signal, wait_for_close};

const TOKEN: &str = "wh0le-s3cret";
const AGENTS: &str = "
agents:
  - name: wall-1
    role: WALL
    kind: http
    base: http://ADDRESS/api
    allow: [127.0.0.1]
    headers: { Authorization: { secret: 'env:FW_TOKEN', prefix: 'Bearer ' } }
    actions:
      block:
        takes: { address: address, expires: duration }
        target: address
        idempotent: true
        undo: unblock
        method: PUT
        path: '/blocks/${address}'
        body: { for: '${expires.seconds}' }
      unblock: { takes: { address: address }, target: address, idempotent: true, method: DELETE, path: '/blocks/${address}' }
      ticket: { takes: { text: text }, idempotent: true, method: POST, path: /tickets, body: { text: '${text}' } }
";
const WORKFLOW: &str = "
workflow: block
mode: live
inputs: { address: { type: address } }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.address}' }, expires: 1h }
  - id: tell
    role: WALL
    action: ticket
    needs: [block]
    with: { text: 'rule ${steps.block.output.id}' }
    undo: 'none: a ticket stays'
";

/// A setup that asks a server, and a state folder.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(server: &Server) -> World {
        let world = World { folder: tempfile::tempdir().unwrap() };
        let agents = AGENTS.replace("ADDRESS", &server.address.to_string());
        for (name, text) in [
            ("settings.yaml", "setup: real\nexercise: false\nseed: 1\n"),
            ("agents/a.yaml", &agents),
            ("workflows/block.yaml", WORKFLOW),
        ] {
            let path = world.path("setup").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let armed = world
            .command(&["arm", "block", "--state", world.path("state").to_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(armed.status.code(), Some(0), "{}", text(&armed).1);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
        command.args(args).env("QUELL_CONFIG", self.path("setup")).stdin(Stdio::null());
        // A proxy would be asked in vain.
        command
            .env("http_proxy", "http://192.0.2.1:9")
            .env("HTTP_PROXY", "http://192.0.2.1:9")
            .env("ALL_PROXY", "x");
        command.env("FW_TOKEN", TOKEN).env("QUELL_LOG", "trace");
        command
    }

    fn trigger(&self) -> Command {
        let state = self.path("state");
        self.command(&["trigger", "block", "address=192.0.2.7", "--json", "--state", state.to_str().unwrap()])
    }
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Whether a text stands in any file of a folder.
fn holds(folder: &Path, wanted: &str) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| match entry.file_type().unwrap().is_dir() {
        true => holds(&entry.path(), wanted),
        false => String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).contains(wanted),
    })
}

#[test]
fn a_run_is_rolled_back_over_http_and_its_secret_is_nowhere() {
    let server = Server::start(|request, stream| {
        let said = match request.line() {
            "PUT /api/blocks/192.0.2.7 HTTP/1.1" => answer("201 Created", "{\"id\": \"rule-9\"}"),
            "DELETE /api/blocks/192.0.2.7 HTTP/1.1" => answer("204 No Content", ""),
            _ => answer("500 Internal Server Error", &format!("{}: no", request.head.replace("\r\n", " "))),
        };
        stream.write_all(said.as_bytes()).unwrap();
    });
    let world = World::new(&server);
    let (out, err) = text(&world.trigger().output().unwrap());
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let run = records.iter().rfind(|record| record["type"] == "run").unwrap_or_else(|| panic!("{out}{err}"));
    assert_eq!(run["status"], "rolled_back", "{out}{err}");
    let asked = [server.next(), server.next(), server.next()];
    let lines = asked.each_ref().map(|request| {
        let key = request.header("idempotency-key").unwrap();
        format!("{} {key} {}", request.line().trim_end_matches(" HTTP/1.1"), request.body)
    });
    assert_eq!(
        lines,
        [
            "PUT /api/blocks/192.0.2.7 1.run-1.block {\"for\":3600}",
            "POST /api/tickets 1.run-1.tell {\"text\":\"rule rule-9\"}",
            "DELETE /api/blocks/192.0.2.7 1.run-1.block:undo ",
        ]
    );
    assert!(server.rest().is_empty());
    let bearer = format!("Bearer {TOKEN}");
    assert!(asked.iter().all(|request| request.header("authorization") == Some(&*bearer)));
    // The journal was looked through where it is: the message of the failure is there, the secret is not.
    let state = world.path("state");
    assert!(holds(&state, "500 Internal Server Error") && holds(&state, "Bearer [secret]"));
    assert!(err.contains("1.run-1.block: wall-1 answered 201"), "the log is on: {err}");
    assert!(!holds(world.folder.path(), TOKEN) && !out.contains(TOKEN) && !err.contains(TOKEN));
    let shown = world.command(&["journal", "show", "--state", state.to_str().unwrap()]).output().unwrap();
    assert!(!text(&shown).0.contains(TOKEN));
}

#[test]
fn c27_a_server_is_not_asked_to_block_what_is_protected() {
    let server = Server::start(|_, stream| stream.write_all(answer("201 Created", "{}").as_bytes()).unwrap());
    let world = World::new(&server);
    let protected = "protected: [{ address: 192.0.2.0/24, reason: the office }]\n";
    let settings = world.path("setup/settings.yaml");
    fs::write(&settings, format!("setup: real\nexercise: false\n{protected}")).unwrap();
    let output = world.trigger().output().unwrap();
    let (out, err) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(out.contains("protected: 192.0.2.0/24 (the office)"), "{out}{err}");
    assert!(server.rest().is_empty());
}

/// Ends a child that a failed test leaves behind.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn c4_what_was_in_flight_at_a_kill_is_asked_again_under_the_same_key() {
    let (came, has_come) = signal();
    let first = std::sync::atomic::AtomicBool::new(true);
    let server = Server::start(move |request, stream| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            came();
            wait_for_close(stream);
        } else {
            let said = answer("200 OK", "{\"id\": 1}");
            stream.write_all(said.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", request.line()));
        }
    });
    let world = World::new(&server);
    let mut child = Guard(world.trigger().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    has_come.recv_timeout(crate::server::PATIENCE).expect("the request came");
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let (out, err) = text(&world.trigger().output().unwrap());
    let keys: Vec<String> =
        server.rest().iter().map(|r| r.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(keys[..2], ["1.run-1.block", "1.run-1.block"], "{out}{err}");
    assert_eq!(keys.iter().filter(|key| **key == "1.run-1.tell").count(), 1, "{keys:?}");
}

#[test]
fn a_check_says_which_secret_is_not_there() {
    let server = Server::says("");
    let world = World::new(&server);
    let check = |token: Option<&str>| {
        let mut command = world.command(&["check"]);
        command.env_remove("FW_TOKEN").envs(token.map(|token| ("FW_TOKEN", token)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        text(&output).0
    };
    assert!(!check(Some(TOKEN)).contains("warning"));
    let said = check(None);
    assert!(said.contains("agents/a.yaml:8:31: secret env:FW_TOKEN is not set"), "{said}");
    assert!(server.rest().is_empty());
}
