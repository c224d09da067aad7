//! Whole replays as text: the summary that people read, and the JSON lines, of every recording in
//! `fixtures/signals`. They stand in `fixtures/golden`; the hash in them covers every record in full,
//! and is the same on every machine. After a change that is meant:
//! `INSTA_UPDATE=always cargo test --test golden`, and read the difference.

#[path = "cli/run.rs"]
mod run;

use std::path::Path;

use serde_json::Value;

use run::{expect, lines};

fn check(name: &str, extension: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../fixtures/golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("{name}.{extension}"), text));
}

/// Without the lines that measure this machine.
fn lasting(summary: &str) -> String {
    let measured = |line: &&str| !line.starts_with("latency ") && !line.starts_with("took ");
    let mut lines: Vec<&str> = summary.lines().filter(measured).collect();
    lines.push("");
    lines.join("\n")
}

/// A line of JSON as it is kept: `seq at event id` and the rest by name, without what is long, what
/// is measured, and what is the same in every line.
fn shorter(mut line: Value) -> String {
    let fields = line.as_object_mut().unwrap();
    let word = |value: Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let first = ["seq", "at", "event", "id"].iter().filter_map(|name| fields.remove(*name));
    let mut shown: Vec<String> = first.map(word).collect();
    if fields["type"] == "summary" {
        shown.push("summary".to_owned());
    }
    for name in ["seconds", "latency_ms", "commits", "version", "drill", "type"] {
        fields.remove(name);
    }
    if let Some(text) = fields.get_mut("text") {
        *text = format!("{} lines", text.as_str().unwrap().lines().count()).into();
    }
    if let Some(evidence) = line.pointer_mut("/detection/evidence") {
        *evidence = evidence.as_array().unwrap().len().into();
    }
    let rest = line.as_object().unwrap().iter().map(|(name, value)| format!("{name}={value}"));
    shown.into_iter().chain(rest).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn golden(recording: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/signals").join(recording);
    let args = ["replay", path.to_str().unwrap(), "--speed", "max"];
    let (summary, _) = expect(&args, 0);
    check(recording, "summary", &lasting(&summary));
    let (json, _) = expect(&[&args[..], &["--json"]].concat(), 0);
    let mut text: String = lines(&json).into_iter().map(|line| shorter(line) + "\n").collect();
    text.push('\n');
    check(recording, "json", &text);
}

#[test]
fn exercise() {
    golden("exercise.log");
}

#[test]
fn port_scan() {
    golden("port-scan.eve.jsonl");
}

#[test]
fn brute_force() {
    golden("brute-force.sshd.log");
}

#[test]
fn exfiltration_as_suricata_saw_it() {
    golden("exfiltration.eve.jsonl");
}

#[test]
fn exfiltration_as_zeek_saw_it() {
    golden("exfiltration.zeek.jsonl");
}

#[test]
fn no_recording_is_left_out() {
    let text = include_str!("golden.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/signals")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.ends_with(".expect") || text.contains(&format!("golden(\"{name}\")")), "{name}");
    }
}
