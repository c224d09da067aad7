//! The JSON that others read (S12), field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::run::{SIGNALS, expect, lines, replayed, run, text, within};

/// Words that may stand in an enum. The statuses are those of `quell states --json`.
struct Words {
    statuses: BTreeMap<&'static str, BTreeSet<String>>,
    terminal: BTreeSet<String>,
}

const SEVERITIES: &[&str] = &["informational", "low", "medium", "high", "critical"];

/// What kinds of lines there are, and the events of each.
const EVENTS: &[(&str, &[&str])] = &[
    ("journal", &["journal_opened", "recovered", "setup_loaded"]),
    ("agent", &["agent_joined", "agent_changed"]),
    ("workflow", &["workflow_recorded"]),
    ("incident", &["incident_opened", "incident_repeated", "incident_changed"]),
    (
        "run",
        &[
            "run_created",
            "run_joined",
            "run_paused",
            "run_resumed",
            "run_parked",
            "run_unparked",
            "run_completed",
            "run_failed",
            "run_stuck",
            "run_abandoned",
            "rollback_started",
            "rollback_completed",
        ],
    ),
    (
        "step",
        &[
            "step_started",
            "step_succeeded",
            "step_failed",
            "step_waiting",
            "step_skipped",
            "step_cancelled",
            "step_in_doubt",
            "undo_started",
            "undo_succeeded",
            "undo_failed",
            "undo_in_doubt",
        ],
    ),
    ("obligation", &["let_go", "obligation_expired", "obligation_probed"]),
    ("request", &["request_refused"]),
    ("retired", &["retired"]),
];

impl Words {
    fn of_the_binary() -> Self {
        let tables: Value = serde_json::from_str(&expect(&["states", "--json"], 0).0).unwrap();
        let list = |names: &Value| {
            names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let statuses = ["agent", "run", "step", "incident", "obligation"]
            .map(|noun| (noun, list(&tables[noun]["states"])));
        Words { statuses: statuses.into(), terminal: list(&tables["run"]["terminal"]) }
    }

    fn check_status(&self, noun: &str, line: &Value) {
        let status = string(line, "status");
        assert!(self.statuses[noun].contains(status), "status of {line}");
    }
}

fn string<'a>(line: &'a Value, name: &str) -> &'a str {
    let text = line[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {line}"));
    assert!(!text.is_empty(), "{name} in {line}");
    text
}

fn number(line: &Value, name: &str) -> u64 {
    line[name].as_u64().unwrap_or_else(|| panic!("{name} is no whole number in {line}"))
}

fn id(text: &str, prefix: &str) {
    let digits = text.strip_prefix(prefix).unwrap_or_else(|| panic!("{text} should begin with {prefix}"));
    assert!(digits.parse::<u64>().is_ok(), "{text}");
}

/// A time as RFC 3339 in UTC.
fn time(text: &str) -> Timestamp {
    assert!(text.ends_with('Z') && text.contains('T'), "{text}");
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// No time is left as a number, wherever it stands.
fn check_times(fields: &Map<String, Value>) {
    for (name, value) in fields {
        if ["at", "since", "until", "deadline", "retry_at"].contains(&name.as_str()) {
            time(value.as_str().unwrap_or_else(|| panic!("{name} is {value}")));
        }
        if let Value::Object(fields) = value {
            check_times(fields);
        }
    }
}

fn check_incident(line: &Value, words: &Words) {
    id(string(line, "id"), "inc-");
    string(line, "rule");
    string(line, "rule_name");
    string(line, "key");
    assert!(SEVERITIES.contains(&string(line, "severity")), "{line}");
    words.check_status("incident", line);
    assert!(number(line, "count") > 0, "{line}");
}

fn check_run(line: &Value, words: &Words) {
    id(string(line, "id"), "run-");
    string(line, "workflow");
    words.check_status("run", line);
    assert!(line.as_object().unwrap().contains_key("incident"), "{line}");
    if !line["incident"].is_null() {
        id(string(line, "incident"), "inc-");
    }
    assert!(number(line, "done") <= number(line, "total") && number(line, "total") > 0, "{line}");
}

fn check_step(line: &Value, plans: &BTreeMap<String, Vec<String>>, words: &Words) {
    let (run, step) = (string(line, "run"), string(line, "step"));
    id(run, "run-");
    assert!(plans[run].iter().any(|id| id == step), "the run has no step of this name: {line}");
    assert_eq!(string(line, "id"), format!("{run}/{step}"));
    number(line, "attempt");
    words.check_status("step", line);
    if line["event"] == "step_started" || line["event"] == "undo_started" {
        assert!(["drill", "builtin"].contains(&string(line, "kind")), "{line}");
        string(line, "agent");
        let expires = &line["action"]["expires"];
        assert!(expires.is_null() || expires == &line["action"]["with"]["expires"], "{line}");
    }
}

fn check_obligation(line: &Value, words: &Words) {
    id(string(line, "id"), "ob-");
    words.check_status("obligation", line);
    string(line, "action");
    assert!(["by itself", "by quell", "when lifted"].contains(&string(line, "ends")), "{line}");
    for holder in line["holders"].as_array().unwrap().iter().chain([&line["origin"]]) {
        let (run, step) = holder.as_str().unwrap().split_once('/').unwrap();
        id(run, "run-");
        assert!(!step.is_empty(), "{line}");
    }
}

/// The ids of the steps of a new run. What they need is named by id too.
fn plan(line: &Value) -> Vec<String> {
    let steps = line["plan"].as_array().unwrap();
    let ids: Vec<String> = steps.iter().map(|step| string(step, "id").to_owned()).collect();
    for need in steps.iter().filter_map(|step| step["needs"].as_array()).flatten() {
        assert!(ids.iter().any(|id| need == id.as_str()), "{line}");
    }
    ids
}

fn check_records(records: &[Value], words: &Words) {
    let mut plans = BTreeMap::new();
    let mut before = Timestamp::MIN;
    for (i, line) in records.iter().enumerate() {
        let kind = string(line, "type");
        let (_, events) = EVENTS.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("{line}"));
        assert!(events.contains(&string(line, "event")), "{line}");
        assert_eq!(number(line, "seq"), i as u64 + 1, "{line}");
        assert_eq!(line["drill"], true, "{line}");
        let at = time(string(line, "at"));
        assert!(before <= at, "time goes back: {line}");
        before = at;
        check_times(line.as_object().unwrap());
        if line["event"] == "run_created" {
            plans.insert(string(line, "id").to_owned(), plan(line));
        }
        match kind {
            "incident" => check_incident(line, words),
            "run" => check_run(line, words),
            "step" => check_step(line, &plans, words),
            "agent" => {
                assert_eq!(string(line, "id"), string(line, "name"));
                words.check_status("agent", line);
            }
            "obligation" => check_obligation(line, words),
            _ => {}
        }
    }
}

fn check_summary(summary: &Value, records: &[Value], words: &Words) {
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["drill"], true);
    let n = |name: &str| number(summary, name);
    assert_eq!(n("received"), n("processed") + n("deduplicated") + n("dropped") + n("queued"));
    let sum =
        |name: &str| summary[name].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!(n("dropped"), sum("dropped_by"));
    assert_eq!(n("dropped") - number(&summary["dropped_by"], "overflow"), sum("bad_lines"));
    assert_eq!(summary["samples"].as_array().unwrap().len() as u64, n("dropped").min(5));
    n("late");
    let count = |event: &str| records.iter().filter(|record| record["event"] == event).count() as u64;
    assert_eq!(n("incidents"), count("incident_opened"));
    assert!(n("detections") >= n("incidents"));
    let runs = &summary["runs"];
    let ended: u64 = words.terminal.iter().map(|status| number(runs, status)).sum();
    assert_eq!(ended + number(runs, "live"), count("run_created"), "{summary}");
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
    for (stage, figures) in summary["latency_ms"].as_object().unwrap() {
        assert!(
            ["signal_to_detection", "detection_to_effect", "step", "rollback_step"].contains(&stage.as_str())
        );
        let [p50, p95, p99, max] = ["p50", "p95", "p99", "max"].map(|name| figures[name].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p95 && p95 <= p99 && p99 <= max, "{stage}: {figures}");
    }
}

fn check_hash(summary: &Value) {
    let hash = string(summary, "records_hash");
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
}

#[test]
fn every_line_of_every_replay_keeps_the_contract() {
    let words = Words::of_the_binary();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/signals");
    let mut replays = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension != "expect") {
            let (records, summary) = replayed(&[path.to_str().unwrap(), "--speed", "max"]);
            check_records(&records, &words);
            check_summary(&summary, &records, &words);
            check_hash(&summary);
            replays += 1;
        }
    }
    assert!(replays >= 5);
}

#[test]
fn c20_the_books_balance_with_bad_lines_too() {
    let (words, folder) = (Words::of_the_binary(), tempfile::tempdir().unwrap());
    let path = within(folder.path(), "mixed.log");
    let mut log = fs::read(SIGNALS).unwrap();
    log.extend(b"{\n\0\n\xff\nfour\nfive\nsix\n");
    log.extend(vec![b'x'; 1024 * 1024 + 1]);
    fs::write(&path, log).unwrap();
    for speed in ["max", "1000"] {
        // At that pace a time of ten seconds is over in ten milliseconds: on a busy machine a person is needed.
        let output = run(&["replay", &path, "--speed", speed, "--json"]);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}", text(&output.stderr));
        let mut records = lines(&text(&output.stdout));
        let summary = records.pop().unwrap();
        check_records(&records, &words);
        check_summary(&summary, &records, &words);
        assert_eq!((&summary["dropped"], &summary["dropped_by"]["too_long"]), (&7.into(), &1.into()));
        assert_eq!(
            (&summary["bad_lines"]["unrecognised"], &summary["bad_lines"]["binary"]),
            (&3.into(), &1.into())
        );
        assert_eq!(
            (&summary["samples"][0]["line"], &summary["samples"][0]["file"]),
            (&265.into(), &path.as_str().into())
        );
    }
}

#[test]
fn a_triggered_run_and_a_journal_keep_it_too() {
    let (words, folder) = (Words::of_the_binary(), tempfile::tempdir().unwrap());
    let state = folder.path().to_str().unwrap();
    let args = ["--speed", "max", "--json", "--state", state];
    for (workflow, input, code) in
        [("block-address", "address=192.0.2.7", 0), ("stop-brute-force", "user=deploy", 1)]
    {
        let (out, _) = expect(&[&["trigger", workflow, input][..], &args].concat(), code);
        let lines = lines(&out);
        let (summary, records) = lines.split_last().unwrap();
        assert_eq!(summary["type"], "summary");
        assert_eq!(summary["drill"], true);
        let created = records.iter().find(|record| record["event"] == "run_created").unwrap();
        assert!(created["incident"].is_null() && created["by"].is_string(), "{created}");
    }
    let (out, _) = expect(&["journal", "show", "--json", "--state", state], 0);
    let records = lines(&out);
    check_records(&records, &words);
    let statuses: Vec<&str> =
        records.iter().filter(|r| r["type"] == "run").map(|r| string(r, "status")).collect();
    assert_eq!(statuses, ["running", "completed", "running", "rolling_back", "rolled_back"]);
}
