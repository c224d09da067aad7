//! The real binary from outside: verbs, bad input, exit codes, output that others read.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SIGNALS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/signals/exercise.log");
const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/exercise");
const BROKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/setups/broken");

fn quell(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
    // Each verb finds the setup of this checkout, and never that of the user.
    command.args(args).env("QUELL_CONFIG", SETUP).env_remove("QUELL_LOG").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    quell(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs, checks the exit code, and gives stdout and stderr.
fn expect(args: &[&str], code: i32) -> (String, String) {
    let output = run(args);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    (out, err)
}

#[expect(clippy::disallowed_methods, reason = "a test with a real program waits in real time")]
fn now() -> Instant {
    Instant::now()
}

fn wait_for(mut what: impl FnMut() -> bool) {
    let since = now();
    while !what() {
        assert!(since.elapsed() < Duration::from_secs(20), "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn help_of_each_verb_fits_its_job() {
    for (args, expected) in [
        (&["--help"][..], "quell replay eve.json auth.log"),
        (&["replay", "--help"], "quell replay auth.log --year 2024 --tz Europe/Berlin"),
        (&["trigger", "--help"], "quell trigger block-address address=192.0.2.7"),
        (&["check", "--help"], "quell check my-setup/"),
        (&["journal", "show", "--help"], "jq 'select("),
        (&["states", "--help"], "--json"),
        (&["completions", "--help"], "bash"),
    ] {
        let (out, _) = expect(args, 0);
        assert!(out.contains(expected), "{args:?}\n{out}");
    }
    let (out, _) = expect(&["--help"], 0);
    for not_yet in ["serve", "attach", "bench", "lift"] {
        assert!(!out.contains(&format!("\n  {not_yet} ")), "{not_yet} is listed");
    }
    assert_eq!(expect(&["--version"], 0).0, format!("quell {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_arguments_are_usage() {
    for (args, expected) in [
        (&["launch"][..], "unrecognized subcommand"),
        (&["replay"], "<FILE>..."),
        (&["replay", SIGNALS, "--speed", "fast"], "expected `max` or a number"),
        (&["replay", SIGNALS, "--speed", "0"], "expected `max` or a number"),
        (&["replay", SIGNALS, "--format", "xml"], "expected a format"),
        (&["replay", SIGNALS, "--tz", "Mars/Base"], "`Mars/Base` is not a time zone"),
        (&["replay", SIGNALS, "--year", "20000"], "20000"),
        (&["replay", SIGNALS, "--fresh"], "--state"),
        (&["replay", SIGNALS, "--config", BROKEN], "mistakes"),
        (&["replay", SIGNALS, "--config", "/nonexistent"], "/nonexistent"),
        (&["trigger", "nothing"], "there are: block-address"),
        (&["trigger", "block-address"], "address"),
        (&["trigger", "block-address", "address"], "expected KEY=VALUE"),
        (&["trigger", "block-address", "address=everywhere"], "expected an"),
        (&["trigger", "block-address", "address=::1", "address=::2"], "given twice"),
        (&["trigger", "block-address", "address=::1", "addres=::2"], "addres"),
    ] {
        let (_, err) = expect(args, 2);
        assert!(err.contains(expected), "{args:?}\n{err}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (out, err) = expect(&["replay", "/nonexistent.log", path, SIGNALS], 1);
    assert!(err.contains("/nonexistent.log: No such file"), "{err}");
    assert!(err.contains(path) && err.contains("directory"), "{err}");
    assert_eq!(out, "");
}

/// Lines that are no signals are counted and shown; the good ones around them are processed.
#[test]
fn bad_lines_are_counted_and_never_fatal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixed.log");
    let mut bytes = fs::read(SIGNALS).unwrap();
    let good = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    bytes.extend(b"{\"timestamp\": \"2026-\n");
    bytes.extend(b"\xff\xfe\x00binary\n");
    bytes.extend(b"\x1b[2Jnot \xc3\x28 text\n");
    bytes.extend(vec![b'x'; 1024 * 1024 + 1]);
    bytes.push(b'\n');
    fs::write(&path, bytes).unwrap();
    let quarantine = folder.path().join("bad");
    let args = ["replay", path.to_str().unwrap(), "--json", "--quarantine", quarantine.to_str().unwrap()];
    let (out, err) = expect(&args, 0);
    let summary = lines(&out).pop().unwrap();
    assert_eq!(summary["received"], good + 4);
    assert_eq!(summary["processed"], good);
    assert_eq!(summary["dropped"], 4);
    assert_eq!(summary["dropped_by"]["too_long"], 1);
    assert_eq!(summary["incidents"], 4);
    assert!(err.contains("4 lines were no signals") && err.contains("mixed.log:"), "{err}");
    assert!(!err.contains('\u{1b}'), "{err}");
    assert_eq!(fs::read(quarantine).unwrap().iter().filter(|byte| **byte == b'\n').count(), 4);
}

#[test]
fn a_binary_file_is_counted_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quell");
    fs::copy(env!("CARGO_BIN_EXE_quell"), &path).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(300_000).unwrap();
    let (out, err) = expect(&["replay", path.to_str().unwrap(), "--json"], 0);
    let summary = lines(&out).pop().unwrap();
    assert!(summary["received"].as_u64().unwrap() > 0);
    assert_eq!(summary["received"], summary["dropped"]);
    assert!(err.contains("lines were no signals"), "{err}");
}

#[test]
fn json_is_one_object_per_line_with_the_summary_last() {
    let (out, _) = expect(&["replay", SIGNALS, "--json"], 0);
    let lines = lines(&out);
    let (summary, records) = lines.split_last().unwrap();
    for (i, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], i as u64 + 1);
        assert!(record["at"].as_str().unwrap().ends_with('Z') && record["event"].is_string(), "{record}");
    }
    let with = |kind: &str, fields: &[&str]| {
        let found: Vec<&Value> = records.iter().filter(|record| record["type"] == kind).collect();
        assert!(!found.is_empty(), "{kind}");
        for record in found {
            for field in fields {
                assert!(!record[*field].is_null(), "{field} in {record}");
            }
        }
    };
    with("incident", &["id", "rule", "rule_name", "severity", "key", "status", "count"]);
    with("run", &["id", "workflow", "status", "incident", "done", "total"]);
    with("step", &["id", "run", "step", "attempt", "status"]);
    with("agent", &["id", "name", "status"]);
    let drills = records.iter().filter(|record| record["event"] == "step_started");
    assert!(drills.clone().count() > 9);
    assert!(drills.clone().filter(|record| record["kind"] == "drill").count() > 6, "drills are labelled");
    assert!(drills.clone().all(|record| record["kind"] == "drill" || record["kind"] == "builtin"));
    assert_eq!(summary["type"], "summary");
    assert_eq!((&summary["incidents"], &summary["runs"]["completed"]), (&Value::from(4), &Value::from(3)));
    assert_eq!(summary["runs"]["rolled_back"], 1);
    let n = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(n("received"), n("processed") + n("deduplicated") + n("dropped") + n("queued"));
    for field in ["p50", "p95", "p99", "max"] {
        assert!(summary["latency_ms"]["step"][field].is_number(), "{summary}");
    }
}

#[test]
fn two_replays_have_one_hash() {
    let folder = tempfile::tempdir().unwrap();
    let hash = |args: &[&str]| {
        let args = [&["replay", SIGNALS, "--json"], args].concat();
        lines(&expect(&args, 0).0).pop().unwrap()["records_hash"].as_str().unwrap().to_owned()
    };
    let state = folder.path().join("state");
    let hashes = [hash(&[]), hash(&[]), hash(&["--state", state.to_str().unwrap()])];
    assert!(hashes.iter().all(|h| *h == hashes[0] && h.len() == 64), "{hashes:?}");
    assert_ne!(hash(&["--seed", "99"]), hashes[0]);
}

#[test]
fn the_summary_tells_what_happened() {
    let (out, err) = expect(&["replay", SIGNALS], 0);
    for expected in [
        "DRILL: an exercise",
        "incidents 4",
        "runs 4: 3 completed, 1 rolled back",
        "rollback: 1 of 1 undone",
        "in force 4",
        "undo: unblock_source_ip",
        "0 deduplicated + 0 dropped",
        "latency  step",
        "with hash",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    assert!(err.contains("no terminal: running headless"), "{err}");
    let (out, _) = expect(&["--headless", "--speed", "max"], 0);
    assert!(out.contains("DRILL: an exercise"), "{out}");
}

#[test]
fn out_takes_what_stdout_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let (out, _) = expect(&["replay", SIGNALS, "--json", "--out", path.to_str().unwrap()], 0);
    assert_eq!(out, "");
    assert_eq!(lines(&fs::read_to_string(path).unwrap()).pop().unwrap()["type"], "summary");
    let (_, err) = expect(&["replay", SIGNALS, "--out", "/nonexistent/out"], 1);
    assert!(err.contains("cannot write /nonexistent/out"), "{err}");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let mut child = quell(&["replay", SIGNALS, "--json", "--speed", "20"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    assert!(first.contains("journal_opened"), "{first}");
    let since = now();
    let status = child.wait().unwrap();
    assert!(since.elapsed() < Duration::from_secs(10));
    assert_eq!(status.code(), Some(141));
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(!err.contains("panic") && !err.to_lowercase().contains("broken"), "{err}");
}

#[test]
fn a_second_instance_is_refused_with_the_pid_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let mut first = quell(&["replay", SIGNALS, "--headless", "--speed", "1", "--state", state])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Reading is allowed meanwhile.
    wait_for(|| run(&["journal", "show", "--state", state]).status.success());
    let (_, err) = expect(&["replay", SIGNALS, "--state", state], 1);
    assert!(err.contains(&format!("process {}", first.id())), "{err}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_finished_replay_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let args = ["replay", SIGNALS, "--json", "--state", state];
    expect(&args, 0);
    let (_, err) = expect(&args, 2);
    assert!(err.contains("is finished") && err.contains("--fresh"), "{err}");
    expect(&[&args[..], &["--fresh"]].concat(), 0);
    let (_, err) = expect(&["replay", BROKEN_LOG, "--state", state], 2);
    assert!(err.contains("other files"), "{err}");
    let (out, _) = expect(&["journal", "show", "--state", state], 0);
    assert!(out.starts_with("     1 ") && out.contains("journal_opened"), "{out}");
}
const BROKEN_LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/signals/port-scan.eve.jsonl");

#[test]
fn state_folders_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (_, err) = expect(&["replay", SIGNALS, "--state", file.to_str().unwrap()], 1);
    assert!(err.contains("is a file, not a folder"), "{err}");
    let (_, err) = expect(&["journal", "show", "--state", folder.path().to_str().unwrap()], 1);
    assert!(err.contains("there is no journal"), "{err}");
    fs::write(folder.path().join("journal.db"), "no database".repeat(200)).unwrap();
    for args in [&["journal", "show", "--state"][..], &["replay", SIGNALS, "--state"]] {
        let (_, err) = expect(&[args, &[folder.path().to_str().unwrap()]].concat(), 1);
        assert!(err.contains("is not a journal of quell"), "{err}");
    }
}

#[test]
fn check_names_every_mistake() {
    let (out, _) = expect(&["check", SETUP], 0);
    assert!(out.contains("fine"), "{out}");
    let (out, _) = expect(&["check", BROKEN], 2);
    assert!(out.lines().filter(|line| line.contains(".yaml:")).count() > 5, "{out}");
    let (out, _) = expect(&["check", "/nonexistent"], 2);
    assert!(out.contains("/nonexistent"), "{out}");
}

#[test]
fn a_triggered_workflow_is_waited_for() {
    let args = ["trigger", "block-address", "address=192.0.2.7", "--speed", "20"];
    let (out, _) = expect(&args, 0);
    assert!(out.contains("block-address") && out.contains("completed"), "{out}");
    let (out, _) = expect(&["trigger", "block-address", "address=192.0.2.7", "--speed", "max", "--json"], 0);
    let summary = lines(&out).pop().unwrap();
    assert_eq!(summary["runs"]["completed"], 1);
    let (_, err) = expect(&["trigger", "stop-brute-force", "user=deploy", "--speed", "max"], 1);
    assert!(err.contains("rolled back"), "{err}");
}

#[test]
fn what_builtins_write_stays_in_the_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    expect(&["trigger", "block-address", "address=192.0.2.7", "--speed", "max", "--state", state], 0);
    let list = fs::read_to_string(folder.path().join("blocklist")).unwrap();
    assert!(list.starts_with("192.0.2.7 20") && list.contains(".run-1.add"), "{list}");
    assert!(fs::read_to_string(folder.path().join("incidents.log")).unwrap().contains("192.0.2.7"));
}

#[test]
fn states_are_printed_from_the_tables() {
    let (out, _) = expect(&["states"], 0);
    for expected in ["agent: begins as initializing", "run: begins as created", "step: ", "incident: "] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    let tables: Value = serde_json::from_str(&expect(&["states", "--json"], 0).0).unwrap();
    assert_eq!(tables["run"]["initial"], "created");
}

#[test]
fn completions_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(expect(&["completions", shell], 0).0.contains("quell"));
    }
}

fn terminate(child: &std::process::Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Starts a slow replay and waits until it is at work.
fn slow(folder: &Path) -> std::process::Child {
    let state = folder.to_str().unwrap();
    let child = quell(&["replay", SIGNALS, "--json", "--speed", "4", "--state", state])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(|| run(&["journal", "show", "--state", state]).status.success());
    std::thread::sleep(Duration::from_millis(300));
    child
}

#[test]
fn c18_the_first_signal_drains_and_the_replay_can_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let child = slow(folder.path());
    terminate(&child, rustix::process::Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let summary = lines(&text(&output.stdout)).pop().unwrap();
    assert_eq!(summary["interrupted"], true);
    assert!(summary["processed"].as_u64().unwrap() < 264, "{summary}");
    let args = ["replay", SIGNALS, "--json", "--speed", "max", "--state", folder.path().to_str().unwrap()];
    let (out, _) = expect(&args, 0);
    let summary = lines(&out).pop().unwrap();
    assert_eq!((&summary["runs"]["completed"], &summary["runs"]["rolled_back"]), (&3.into(), &1.into()));
}

#[test]
fn c18_the_second_signal_ends_it_at_once() {
    for (signal, code) in [(rustix::process::Signal::TERM, 143), (rustix::process::Signal::INT, 130)] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_str().unwrap();
        // Its second step takes 5 seconds: it is still at work when the signals come.
        let mut child = quell(&["trigger", "block-address", "address=192.0.2.7", "--state", state])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let at_work = || text(&run(&["journal", "show", "--state", state]).stdout).contains("blocklist_add");
        wait_for(at_work);
        terminate(&child, signal);
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "the first one lets it finish");
        terminate(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn bytes_from_outside_reach_the_summary_as_safe_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.log");
    let mut file = fs::File::create(&path).unwrap();
    for i in 0..30 {
        let evil = "\\u001b[2J\\u202eroot";
        writeln!(file, "{{\"timestamp\":\"2026-01-01T00:00:{i:02}Z\",\"event_type\":\"port_scan\",\"severity\":\"high\",\"source_ip\":\"192.0.2.{i}\",\"user\":\"{evil}\"}}").unwrap();
    }
    drop(file);
    for json in [false, true] {
        let args = ["replay", path.to_str().unwrap(), if json { "--json" } else { "--headless" }];
        let output = run(&args);
        let out = text(&output.stdout);
        assert!(out.contains("192.0.2.7"), "{out}");
        assert!(!out.contains('\u{1b}') && (json || !out.contains('\u{202e}')), "{out}");
    }
}
