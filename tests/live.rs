//! Live sources with the real binary: followed files through kills and rotation (C5), pipes, bad lines.

#![expect(clippy::disallowed_methods, reason = "live signals carry the time of the wall clock")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What no machine is too slow for.
const PATIENCE: Duration = Duration::from_secs(60);

fn quell() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
    command.env_remove("QUELL_CONFIG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.arg("run").arg("--config").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/config/exercise"));
    command
}

/// A failed login from a source, `second` seconds after a quarter of an hour ago.
fn failed(began: jiff::Timestamp, second: i64, source: u8) -> String {
    let at = began + jiff::SignedDuration::from_secs(second - 900);
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("{at} web sshd[7]: Failed password for root from 192.0.2.{source} port {} ssh2\n", 1000 + second)
}

/// Attacks of all lengths: some shorter than their window, one all the way through.
fn story() -> Vec<String> {
    let began = jiff::Timestamp::now();
    let mut lines = Vec::new();
    for second in 0..600_i64 {
        if second % 4 == 0 {
            lines.push(failed(began, second, 1));
        }
        let attacker = (second / 40) as u8;
        if attacker.is_multiple_of(2) && second % 40 < 30 {
            lines.push(failed(began, second, 10 + attacker));
        }
        if second % 50 == 7 {
            lines.push("this is no signal\n".to_owned());
        }
    }
    lines
}

struct Watched {
    folder: tempfile::TempDir,
}

impl Watched {
    fn new() -> Self {
        Watched { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn start(&self) -> Child {
        self.command().spawn().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = quell();
        command.args(["--follow", "--from", "start", "--headless", "--state"]).arg(self.path("state"));
        command.arg(self.path("log"));
        command
    }

    /// Whether the cursor stands at the end of the file that is there.
    fn is_done(&self) -> bool {
        let Ok(text) = fs::read(self.path("state/cursors.json")) else { return false };
        let cursors: Value = serde_json::from_slice(&text).unwrap();
        let Ok(there) = fs::metadata(self.path("log")) else { return false };
        let furthest = &cursors["sources"][0]["furthest"];
        (furthest["file"]["inode"].as_u64(), furthest["offset"].as_u64())
            == (Some(there.ino()), Some(there.len()))
    }

    fn wait_until_done(&self, child: &mut Child) {
        let begun = Instant::now();
        while !self.is_done() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended");
            assert!(begun.elapsed() < PATIENCE, "the end of the file is not reached");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn journal(&self) -> Vec<Value> {
        let mut show = Command::new(env!("CARGO_BIN_EXE_quell"));
        let output =
            show.args(["journal", "show", "--json", "--state"]).arg(self.path("state")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn terminate(child: Child) -> Output {
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TERM).unwrap();
    child.wait_with_output().unwrap()
}

/// The incidents by rule and key, with their last counts. None is there twice.
fn incidents(records: &[Value]) -> BTreeMap<String, u64> {
    let (mut counts, mut opened) = (BTreeMap::new(), BTreeSet::new());
    for record in records.iter().filter(|record| record["type"] == "incident") {
        let key = format!("{} {}", record["rule_name"].as_str().unwrap(), record["key"].as_str().unwrap());
        if record["event"] == "incident_opened" {
            assert!(opened.insert(key.clone()), "{key} was opened twice");
        }
        counts.insert(key, record["count"].as_u64().unwrap());
    }
    counts
}

fn undisturbed(lines: &[String]) -> BTreeMap<String, u64> {
    let watched = Watched::new();
    watched.append("log", &lines.concat());
    let mut child = watched.start();
    watched.wait_until_done(&mut child);
    let output = terminate(child);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("signals  {} received", lines.len())), "{said}");
    let found = incidents(&watched.journal());
    assert_eq!(found.len(), 9, "{found:?}");
    assert_eq!(found["brute-force 192.0.2.1"], 150);
    found
}

/// Draws that are the same each time.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

#[test]
fn c5_killed_again_and_again_while_the_log_is_rotated_it_finds_what_is_there() {
    let lines = story();
    let expected = undisturbed(&lines);
    for seed in 0..3_u64 {
        let mut dice = seed + 1;
        let watched = Watched::new();
        watched.append("log", "");
        let mut child = watched.start();
        // Before quell knows the file, nobody can tell where it went.
        let begun = Instant::now();
        while !watched.path("state/cursors.json").exists() {
            assert!(begun.elapsed() < PATIENCE, "no cursor");
            thread::sleep(Duration::from_millis(10));
        }
        let mut rotated = 0;
        let mut kills = 0;
        for (number, batch) in lines.chunks(20).enumerate() {
            // A batch may end within a line.
            let text = batch.concat();
            let half = draw(&mut dice, text.len() as u64) as usize;
            watched.append("log", &text[..half]);
            thread::sleep(Duration::from_millis(draw(&mut dice, 60)));
            watched.append("log", &text[half..]);
            thread::sleep(Duration::from_millis(draw(&mut dice, 60)));
            let dead = draw(&mut dice, 4) == 0;
            if dead {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
            if number % 7 == 5 {
                let copies = rotated % 2 == 1;
                rotated += 1;
                let to = watched.path(&format!("log.{rotated}"));
                if copies && !dead {
                    // A copy is known by how it begins: something of it must have been read.
                    watched.wait_until_done(&mut child);
                }
                if copies {
                    fs::copy(watched.path("log"), &to).unwrap();
                    File::create(watched.path("log")).unwrap();
                } else {
                    fs::rename(watched.path("log"), &to).unwrap();
                }
                watched.append("log", "");
            }
            if dead {
                child = watched.start();
                // Long enough for a cursor, or not.
                thread::sleep(Duration::from_millis(draw(&mut dice, 2_000)));
            }
        }
        watched.wait_until_done(&mut child);
        terminate(child);
        assert!(kills >= 2 && rotated >= 2, "seed {seed}: {kills} kills, {rotated} rotations");
        assert_eq!(incidents(&watched.journal()), expected, "seed {seed}");
    }
}

#[test]
fn c5_a_restart_on_an_unchanged_file_repeats_nothing() {
    let watched = Watched::new();
    let lines = story();
    watched.append("log", &lines.concat());
    let mut child = watched.start();
    watched.wait_until_done(&mut child);
    terminate(child);
    let before = watched.journal().len();
    for patience in [1, 4, 16] {
        let child = watched.start();
        thread::sleep(Duration::from_secs(patience));
        let said = String::from_utf8(terminate(child).stdout).unwrap();
        assert!(said.contains(" = 0 processed + "), "{said}");
        let records = watched.journal();
        let start = ["recovered", "agent_joined", "agent_changed"];
        let news: Vec<_> =
            records[before..].iter().filter(|r| !start.contains(&r["event"].as_str().unwrap())).collect();
        // Runs that were in flight may end.
        let found = ["incident_opened", "incident_repeated", "run_created"];
        let again = |record: &&Value| found.contains(&record["event"].as_str().unwrap());
        assert!(!news.iter().any(again), "{news:?}");
        if !said.contains(" + 0 deduplicated") {
            return;
        }
    }
    panic!("nothing was read again");
}

#[test]
fn c20_pipes_are_read_to_their_end_and_the_books_balance() {
    let watched = Watched::new();
    let fifo = watched.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let began = jiff::Timestamp::now();
    let mut command = quell();
    command.stdin(Stdio::piped()).args(["-", "--json", "--quarantine"]).arg(watched.path("bad"));
    let mut child = command.arg(&fifo).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        let mut fifo = OpenOptions::new().write(true).open(fifo).unwrap();
        for second in 0..30 {
            fifo.write_all(failed(began, second, 5).as_bytes()).unwrap();
        }
        fifo.write_all(b"no signal\n").unwrap();
    });
    for second in 0..20 {
        stdin.write_all(failed(began, second, 6).as_bytes()).unwrap();
    }
    // The last line has no line feed, and a time from next year.
    stdin.write_all(b"\xff\xfe\n\n{\"time\":\"2099-01-01T00:00:00Z\"}").unwrap();
    drop(stdin);
    writer.join().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = records.last().unwrap();
    let n = |name: &str| summary[name].as_u64().unwrap();
    let books = ["received", "processed", "deduplicated", "dropped", "queued", "late"].map(n);
    assert_eq!(books, [53, 51, 0, 2, 0, 0], "{summary}");
    let found = incidents(&records);
    assert_eq!(found, [("brute-force 192.0.2.5".into(), 30), ("brute-force 192.0.2.6".into(), 20)].into());
    let mut bad: Vec<_> =
        fs::read(watched.path("bad")).unwrap().split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    bad.sort();
    assert_eq!(bad, [b"".to_vec(), b"no signal".to_vec(), b"\xff\xfe".to_vec()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("dropped 2 lines"));
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let watched = Watched::new();
    let began = jiff::Timestamp::now();
    let said = watched.path("said");
    let mut child = watched.command().stderr(File::create(&said).unwrap()).spawn().unwrap();
    let begun = Instant::now();
    while !fs::read_to_string(&said).unwrap().contains("there is no such file; it is waited for") {
        assert!(begun.elapsed() < PATIENCE, "{}", fs::read_to_string(&said).unwrap());
        thread::sleep(Duration::from_millis(10));
    }
    let lines: String = (0..15).map(|second| failed(began, second, 9)).collect();
    watched.append("log", &lines);
    watched.wait_until_done(&mut child);
    terminate(child);
    assert_eq!(incidents(&watched.journal()), [("brute-force 192.0.2.9".to_owned(), 15)].into());
}

fn refused(arguments: &[&str]) -> String {
    let output = quell().args(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

#[test]
fn what_cannot_be_watched_is_refused_with_what_to_do() {
    let watched = Watched::new();
    watched.append("log", "");
    let log = watched.path("log");
    let log = log.to_str().unwrap();
    let prefixed = format!("sshd:{log}");
    for (arguments, expected) in [
        (&[log][..], "--follow to watch it grow, `quell replay` to play it"),
        (&["--follow", log, log], "is named twice"),
        (&["--follow", log, &prefixed], "is named twice"),
        (&["-", "-"], "is named twice"),
        (&["/nonexistent/log"], "--follow waits for a file"),
        (&["--follow", log, "--tz", "Nowhere"], "is not a time zone"),
        (&["--follow", log, "--quarantine", log], "would overwrite"),
        (&["--follow", Path::new(log).parent().unwrap().to_str().unwrap()], "neither a file nor a pipe"),
        (&[], "no source is named, and the setup has none"),
        (&["--follow"], "<SOURCE>"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
