//! `quell detect` and `quell rules`: rules over recordings, without an engine.

use std::path::Path;

use serde_json::{Value, json};

use crate::run::{SETUP, SIGNALS, expect, lines, within};

const RULES: &str = "\
title: Shell
id: 00000000-0000-4000-8000-000000000001
name: shell
author: Ada
level: high
logsource: {product: windows, category: process_creation}
detection: {s: {CommandLine|contains: evil}, condition: s}
tags: [attack.execution, attack.t1059.001]
---
title: Any process
name: any
logsource: {product: windows, category: process_creation}
detection: {s: {Image: '*'}, condition: s}
---
title: Many processes
name: many
correlation: {type: event_count, rules: any, group-by: [User], timespan: 10s, condition: {gte: 2}}
---
title: Not by root
name: not-by-root
filter: {rules: shell, s: {User: root}, condition: not s}
";

fn event(second: u32, user: &str, line: &str) -> String {
    json!({
        "UtcTime": format!("2026-03-14 10:00:{second:02}"), "Channel": "Microsoft-Windows-Sysmon/Operational",
        "EventID": 1, "Image": "C:\\cmd.exe", "CommandLine": line, "User": user,
    })
    .to_string()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("rules/deep");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(inner.join("all.yaml"), RULES).unwrap();
    std::fs::write(inner.join("notes.txt"), "not a rule").unwrap();
    let events = [
        event(1, "eve", "cmd /c EVIL"),
        "not a record".to_owned(),
        event(2, "root", "cmd /c evil"),
        event(3, "eve", "dir"),
        event(4, "eve", "dir"),
        event(9, "eve", "dir").replace("Microsoft-Windows-Sysmon/Operational", "Application"),
    ];
    std::fs::write(folder.path().join("events.jsonl"), events.join("\n")).unwrap();
    folder
}

fn detected(folder: &Path, more: &[&str]) -> (Vec<Value>, Value) {
    let (rules, events) = (within(folder, "rules"), within(folder, "events.jsonl"));
    let (out, _) = expect(&[&["detect", "--rules", &rules, &events, "--json"], more].concat(), 0);
    let mut found = lines(&out);
    let summary = found.pop().unwrap();
    (found, summary)
}

fn brief(found: &[Value]) -> Vec<String> {
    let brief = |found: &Value| {
        let word = |key: &str| found[key].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {}", word("type"), found["line"], word("rule_name"), found["groups"])
    };
    found.iter().map(brief).collect()
}

#[test]
fn matches_are_told_with_line_author_and_groups() {
    let folder = folder();
    let (found, summary) = detected(folder.path(), &[]);
    assert_eq!(
        brief(&found),
        [r#"match 1 shell {}"#, r#"match 4 many {"User":"eve"}"#, r#"update 5 many {"User":"eve"}"#]
    );
    let first = &found[0];
    assert_eq!(first["author"], "Ada");
    assert_eq!(
        (&first["level"], &first["rule"]),
        (&json!("high"), &json!("00000000-0000-4000-8000-000000000001"))
    );
    assert_eq!(first["time"], "2026-03-14T10:00:01.000000Z");
    for (key, expected) in
        [("received", 6), ("processed", 5), ("undecodable", 1), ("matches", 2), ("rules", 3), ("late", 0)]
    {
        assert_eq!(summary[key], expected, "{key}: {summary}");
    }
    assert!(summary["signals_per_second"].as_f64().unwrap() > 0.0, "{summary}");
    assert!(summary["memory_mb"].as_f64().unwrap() > 1.0, "{summary}");
}

#[test]
fn routing_can_be_switched_off() {
    let folder = folder();
    let (found, _) = detected(folder.path(), &["--routing", "off"]);
    assert!(brief(&found).contains(&r#"update 6 many {"User":"eve"}"#.to_owned()), "{found:#?}");
}

#[test]
fn threads_change_nothing_that_is_found() {
    let rules = format!("{SETUP}/rules");
    let found = |threads: &str| {
        let (out, _) =
            expect(&["detect", "--rules", &rules, SIGNALS, SIGNALS, "--json", "--threads", threads], 0);
        let mut found = lines(&out);
        found.pop();
        found
    };
    let one = found("1");
    assert!(one.len() > 3, "{one:?}");
    assert_eq!(one, found("3"));
}

#[test]
fn people_get_a_table() {
    let folder = folder();
    let (rules, events) = (within(folder.path(), "rules"), within(folder.path(), "events.jsonl"));
    let (out, _) = expect(&["detect", "--rules", &rules, &events], 0);
    let rows: Vec<&str> = out.lines().collect();
    assert!(rows[0].contains("LINE") && rows[0].ends_with("AUTHOR"), "{out}");
    assert!(rows[1].contains("Shell") && rows[1].ends_with("Ada"), "{out}");
    assert!(rows[3].starts_with("2 matches in 5 signals of 6 lines; 3 rules"), "{out}");
}

#[test]
fn what_cannot_be_used_is_told() {
    let folder = folder();
    let path = |name: &str| within(folder.path(), name);
    let (rules, events) = (path("rules"), path("events.jsonl"));
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(
        folder.path().join("bad.yml"),
        "title: t\ndetection: {s: {a|re: '(?!x)'}, condition: s}\n",
    )
    .unwrap();
    for (args, code, expected) in [
        (vec!["--rules", &rules, "missing.jsonl"], 1, "missing.jsonl"),
        (vec!["--rules", &path("missing"), &events], 1, "cannot read"),
        (vec!["--rules", &path("empty"), &events], 2, "there is no rule file"),
        (vec!["--rules", &path("bad.yml"), &events], 2, "bad.yml:2:23: look-around"),
        (vec!["--rules", &rules, &events, "--out", &events], 2, "--out would overwrite"),
        (vec!["--rules", &rules, &events, "--tz", "Mars"], 2, "not a time zone"),
    ] {
        let (_, err) = expect(&[vec!["detect"], args].concat(), code);
        assert!(err.contains(expected), "{err}");
    }
    // Beside sound rules a bad one is left out, and said.
    let (out, err) = expect(&["detect", "--rules", &rules, "--rules", &path("bad.yml"), &events], 0);
    assert!(err.contains("3 rules are sound, 1 is refused"), "{err}");
    assert!(out.contains("Shell"), "{out}");
}

#[test]
fn rules_are_listed_checked_and_counted_by_technique() {
    let folder = folder();
    let rules = within(folder.path(), "rules");
    let (out, _) = expect(&["rules", "--rules", &rules], 0);
    assert!(out.contains("Many processes") && out.contains("3 rules are sound, 0 are refused"), "{out}");
    let (out, _) = expect(&["rules", "--rules", &rules, "--coverage"], 0);
    assert!(out.contains("tactic     execution") && out.contains("technique  T1059.001"), "{out}");
    assert!(out.ends_with("3 rules name 1 tactics and 1 techniques; 2 name none\n"), "{out}");
    let (out, _) = expect(&["rules", "--rules", &rules, "--coverage", "--json"], 0);
    assert_eq!(
        lines(&out)[1],
        json!({"type": "coverage", "kind": "technique", "name": "T1059.001", "rules": 1})
    );
    std::fs::write(
        folder.path().join("rules/bad.yml"),
        "title: t\ndetection: {s: {a|frob: x}, condition: s}\n",
    )
    .unwrap();
    let (out, _) = expect(&["rules", "--rules", &rules, "--check"], 2);
    assert!(out.contains("bad.yml:2:19: unknown modifier `frob`"), "{out}");
    let (out, _) = expect(&["rules", "--rules", &rules, "--check", "--json"], 2);
    assert_eq!(lines(&out)[0]["line"], 2, "{out}");
    let (out, _) = expect(&["rules"], 0);
    assert!(out.contains("port-scan"), "{out}");
}
