//! How tests run the real binary.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub const SIGNALS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/signals/exercise.log");
pub const PORT_SCAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/signals/port-scan.eve.jsonl");
pub const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/exercise");
pub const BROKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/setups/broken");

pub fn quell(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
    // Each verb finds the setup of this checkout, and never that of the user.
    command.args(args).env("QUELL_CONFIG", SETUP).env_remove("QUELL_LOG").stdin(Stdio::null());
    command
}

pub fn run(args: &[&str]) -> Output {
    quell(args).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs, checks the exit code, and gives stdout and stderr.
pub fn expect(args: &[&str], code: i32) -> (String, String) {
    let output = run(args);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    (out, err)
}

#[expect(clippy::disallowed_methods, reason = "a test with a real program waits in real time")]
pub fn now() -> Instant {
    Instant::now()
}

pub fn wait_for(mut what: impl FnMut() -> bool) {
    let since = now();
    while !what() {
        assert!(since.elapsed() < Duration::from_secs(120), "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// Replays with `--json` and gives the records and the summary.
pub fn replayed(args: &[&str]) -> (Vec<Value>, Value) {
    let (out, _) = expect(&[&["replay"], args, &["--json"]].concat(), 0);
    let mut records = lines(&out);
    let summary = records.pop().unwrap();
    (records, summary)
}

/// The path of something in a folder, as an argument.
pub fn within(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}
