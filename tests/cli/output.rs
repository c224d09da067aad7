//! What is printed: the summary, JSON lines, files, and readers that leave.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::num::NonZero;
use std::process::Stdio;
use std::time::Duration;

use crate::run::{SETUP, SIGNALS, expect, lines, now, quell, run, text};

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

/// On a terminal there is a bar, which goes away; elsewhere there are lines.
#[test]
fn progress_is_told_on_stderr_only() {
    let (out, err) = expect(&["replay", SIGNALS, "--json", "--speed", "100"], 0);
    assert!(err.contains("quell: 264 lines, 4 incidents, 4 runs in "), "{err}");
    assert!(!out.contains("quell: "), "{out}");
    let (rows, cols) = (NonZero::new(24).unwrap(), NonZero::new(100).unwrap());
    let size = portable_pty::PtySize { rows: 24, cols: 100, pixel_width: 0, pixel_height: 0 };
    let pty = portable_pty::native_pty_system().openpty(size).unwrap();
    let mut command = portable_pty::CommandBuilder::new(env!("CARGO_BIN_EXE_quell"));
    command.args(["replay", SIGNALS, "--headless", "--speed", "40"]);
    command.env("QUELL_CONFIG", SETUP);
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let mut seen = vt100::Parser::new(rows, cols, 1000);
    let (mut bar, mut buffer) = (false, [0; 4096]);
    // At its end a pty says so by an error.
    while let Ok(n @ 1..) = reader.read(&mut buffer) {
        seen.process(&buffer[..n]);
        let screen = seen.screen().contents();
        bar |= screen.lines().any(|line| {
            line.starts_with("replay exercise.log █") && line.contains("%  ") && line.contains(" lines, ")
        });
    }
    assert!(child.wait().unwrap().success());
    assert!(bar, "no bar was drawn");
    let screen = seen.screen().contents();
    assert!(!screen.contains('█') && screen.contains("4 received ="), "{screen}");
}
