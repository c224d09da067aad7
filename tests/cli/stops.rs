//! Signals to the process, and the pace of a replay.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::run::{SIGNALS, expect, lines, quell, replayed, run, text, wait_for};

fn terminate(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Starts a slow replay and waits until it is at work.
fn slow(folder: &Path) -> Child {
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
        // On a machine that is slow enough the step is over before the second signal comes.
        let ended = (0..20).find_map(|_| ended_by_two(signal));
        assert_eq!(ended, Some(code), "the first one lets it finish, the second one ends it");
    }
}

/// How a run ended that was told to end twice; nothing if it was over before the second time.
fn ended_by_two(signal: rustix::process::Signal) -> Option<i32> {
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
    if child.try_wait().unwrap().is_some() {
        return None;
    }
    terminate(&child, signal);
    child.wait().unwrap().code()
}

/// What a replay came to, without times: each incident, and each run with its steps.
fn came_to(records: &[Value]) -> (Vec<String>, Vec<String>) {
    let last = |kind: &str, id: &Value| {
        records.iter().rfind(|record| record["type"] == kind && record["id"] == *id).unwrap()
    };
    let each = |event: &str, show: &dyn Fn(&Value) -> String| -> Vec<String> {
        records.iter().filter(|record| record["event"] == event).map(show).collect()
    };
    let incident = |opened: &Value| {
        let now = last("incident", &opened["id"]);
        ["id", "rule_name", "severity", "key", "status", "count"].map(|name| now[name].to_string()).join(" ")
    };
    let run = |created: &Value| {
        let now = last("run", &created["id"]);
        let steps = created["plan"].as_array().unwrap().iter().map(|step| {
            let id = format!("{}/{}", created["id"].as_str().unwrap(), step["id"].as_str().unwrap());
            let step = records.iter().rfind(|record| record["id"] == id.as_str());
            step.map_or(String::new(), |step| {
                format!("{} {} {}", step["step"], step["status"], step["attempt"])
            })
        });
        let head =
            ["id", "workflow", "incident", "status", "done", "total"].map(|name| now[name].to_string());
        format!("{}: {}", head.join(" "), steps.collect::<Vec<_>>().join(", "))
    };
    (each("incident_opened", &incident), each("run_created", &run))
}

#[test]
fn twenty_times_as_fast_comes_to_the_same_as_virtual_time() {
    let (at_once, summary) = replayed(&[SIGNALS, "--speed", "max"]);
    let (paced, paced_summary) = replayed(&[SIGNALS, "--speed", "20", "--headless"]);
    let expected = came_to(&at_once);
    assert_eq!((expected.0.len(), expected.1.len()), (4, 4));
    assert_eq!(came_to(&paced), expected);
    for name in ["received", "processed", "dropped", "late", "detections", "incidents", "runs"] {
        assert_eq!(summary[name], paced_summary[name], "{name}");
    }
}

/// Virtual time says how long it lasts at the pace at which it was recorded.
#[test]
fn the_exercise_lasts_at_most_90_seconds() {
    let (records, _) = replayed(&[SIGNALS, "--speed", "max"]);
    let at =
        |record: Option<&Value>| record.unwrap()["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let lasts = at(records.last()).duration_since(at(records.first()));
    let log = std::fs::read_to_string(SIGNALS).unwrap();
    let stamp = |line: &str| {
        let text = line.split_once("\"timestamp\":\"")?.1.split('"').next()?;
        text.parse::<jiff::Timestamp>().ok()
    };
    let times: Vec<_> = log.lines().filter_map(stamp).collect();
    let recorded = times.iter().max().unwrap().duration_since(*times.iter().min().unwrap());
    for (what, lasts) in [("records", lasts), ("recording", recorded)] {
        assert!((60..=90).contains(&lasts.as_secs()), "{what}: {lasts:?}");
    }
}
