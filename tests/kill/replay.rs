//! Replays, killed and played again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

const SIGNALS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/signals/exercise.log");
const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/exercise");

/// The exercise with every action idempotent. The two that are not, a message to the team and one to a
/// user, would rightly wait for a person when the kill catches them in flight (C3).
fn setup() -> &'static Path {
    static COPY: OnceLock<tempfile::TempDir> = OnceLock::new();
    let copy = COPY.get_or_init(|| {
        let copy = tempfile::tempdir().unwrap();
        for folder in ["", "agents", "workflows", "rules"] {
            fs::create_dir_all(copy.path().join(folder)).unwrap();
            for entry in fs::read_dir(Path::new(SETUP).join(folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    let mut text = fs::read_to_string(entry.path()).unwrap();
                    for action in ["      alert_security_team:\n", "      notify_user:\n"] {
                        text = text.replace(action, &format!("{action}        idempotent: true\n"));
                    }
                    // A second attempt would draw anew whether it fails.
                    text = text.replace("          fail: 10%\n", "");
                    fs::write(copy.path().join(folder).join(entry.file_name()), text).unwrap();
                }
            }
        }
        copy
    });
    copy.path()
}

fn replay(state: &Path, speed: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
    command
        .args(["replay", SIGNALS, "--headless", "--speed", speed, "--config"])
        .arg(setup())
        .arg("--state")
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts a replay and kills it when it has said so many records; true if it came to that.
fn kill_after(state: &Path, records: usize) -> bool {
    let mut child = replay(state, "20").arg("--json").stderr(Stdio::null()).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().take(records);
    let said = said.filter(|line| line.as_ref().is_ok_and(|line| !line.contains("\"summary\""))).count();
    child.kill().unwrap();
    child.wait().unwrap();
    said == records
}

fn journal(state: &Path) -> Vec<Value> {
    let mut show = Command::new(env!("CARGO_BIN_EXE_quell"));
    let output = show.args(["journal", "show", "--json", "--state"]).arg(state).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn count(records: &[Value], event: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in records.iter().filter(|record| record["event"] == event) {
        *counts.entry(record["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// The run ended as it would have without the kills, and nothing was done twice.
fn check(state: &Path, expected: &[Value]) {
    let records = journal(state);
    for event in
        ["step_succeeded", "undo_succeeded", "run_completed", "rollback_completed", "incident_opened"]
    {
        let (found, expected) = (count(&records, event), count(expected, event));
        assert_eq!(found, expected, "{event}");
        assert!(found.values().all(|n| *n == 1), "{event}: {found:?}");
    }
}

fn finish(state: &Path) {
    let output = replay(state, "max").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn undisturbed() -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    finish(folder.path());
    let records = journal(folder.path());
    assert!(count(&records, "step_succeeded").len() >= 9);
    assert_eq!(count(&records, "rollback_completed").len(), 1);
    records
}

#[test]
fn c8_a_killed_replay_goes_on_and_does_nothing_twice() {
    let expected = undisturbed();
    let mut at_work = 0;
    for i in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        // There are 77: the moments are spread over them.
        at_work += usize::from(kill_after(folder.path(), 20 + 5 * i));
        finish(folder.path());
        check(folder.path(), &expected);
    }
    assert!(at_work >= 8, "only {at_work} of 10 were killed at work");
}

#[test]
fn c8_a_replay_that_is_killed_again_and_again_ends() {
    let expected = undisturbed();
    let folder = tempfile::tempdir().unwrap();
    // The first records of each start say that it goes on, and who is there.
    let killed = (0..8_usize).take_while(|&i| kill_after(folder.path(), 12 + 2 * i)).count();
    if killed == 8 {
        finish(folder.path());
    }
    check(folder.path(), &expected);
    let restarts = journal(folder.path()).iter().filter(|record| record["event"] == "recovered").count();
    assert!(killed >= 4 && restarts >= 3, "{killed} {restarts}");
}
