//! What attackers write reaches nobody's terminal as it is (C32): every verb that shows something.

use std::fs;

use crate::run::{lines, text};
use crate::served::Served;

const AGENTS: &str = "
agents:
  - name: wall
    role: WALL
    kind: drill
    actions:
      hold: { takes: { user: text }, target: user, idempotent: true, undo: free, drill: { latency: 1ms..1ms } }
      free: { takes: { user: text }, target: user, idempotent: true, drill: {} }
      moan: { takes: { user: text }, drill: { fail: 100%, message: \"no: EVIL\" } }
";
const WORKFLOW: &str = "
workflow: hold-user
description: \"holds EVIL\"
trigger: { rule: evil-user }
inputs: { user: { type: text, from: '${detection.user}' } }
steps:
  - { id: hold, name: \"hold EVIL\", role: WALL, action: hold, with: { user: '${inputs.user}' } }
  - { id: moan, role: WALL, action: moan, needs: [hold], critical: false, with: { user: '${inputs.user}' }, undo: 'none: it fails' }
";
const RULE: &str = "
title: \"EVIL\"
name: evil-user
logsource: { product: linux, service: sshd }
level: high
detection:
  failure:
    message|startswith: 'Failed password '
  condition: failure
";

/// Texts as they reach a program: what each would do to a terminal that takes it as it is.
const EVIL: [(&str, &[u8]); 9] = [
    ("it clears the screen", b"a\x1b[2Jb"),
    ("it sets the title", b"a\x1b]0;owned\x07b"),
    ("it writes the clipboard", b"a\x1b]52;c;b3duZWQ=\x1b\\b"),
    ("a sequence in C1", "a\u{9b}31mb\u{9d}0;x\u{9c}".as_bytes()),
    ("it goes backwards", "a\u{202e}gpj.exe\u{2066}b".as_bytes()),
    ("nobody sees it", "a\u{200b}\u{200d}\u{feff}\u{2060}b".as_bytes()),
    ("it is wide", "攻撃者のユーザー👩‍💻攻撃者".as_bytes()),
    ("it overwrites its line", b"a\r\x08\x7fb\x0b\x0c"),
    ("it is no UTF-8", b"a\xff\xfe\xc3(b"),
];

/// What is wrong with a text for a terminal.
fn fault(out: &str, json: bool) -> Option<char> {
    let unsafe_in_all = |c: char| c.is_control() && c != '\n';
    let unseen = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    out.chars().find(|c| unsafe_in_all(*c) || (!json && unseen(*c)))
}

fn shows(served: &Served, why: &str, args: &[&str]) -> String {
    let output = served.run(args);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let json = args.contains(&"--json");
    assert!(output.status.code().is_some_and(|code| code < 2), "{why}: {args:?}\n{err}");
    for (name, stream) in [("stdout", &out), ("stderr", &err)] {
        let found = fault(stream, json);
        assert_eq!(found, None, "{why}: {args:?} lets {found:?} through to {name}:\n{stream:?}");
    }
    if json {
        lines(&out);
    }
    out
}

/// As a double-quoted text of YAML; what is no UTF-8 cannot be in a setup.
fn quoted(evil: &[u8]) -> String {
    String::from_utf8_lossy(evil).chars().fold(String::new(), |mut text, c| {
        text += &format!("\\U{:08x}", c as u32);
        text
    })
}

#[test]
fn c32_no_view_lets_hostile_bytes_through() {
    let mut seen_in_ledger = 0;
    for (why, evil) in EVIL {
        let mut served = Served { folder: tempfile::tempdir().unwrap(), child: None };
        // A setup may refuse such a text; then it comes from the signals only.
        let (plain, hostile) = ("evil".to_owned(), quoted(evil));
        let write = |served: &Served, word: &str| {
            served.write("settings.yaml", crate::served::SETTINGS);
            served.write("agents/a.yaml", &AGENTS.replace("EVIL", word));
            served.write("workflows/w.yaml", &WORKFLOW.replace("EVIL", word));
            served.write("rules/r.yml", &RULE.replace("EVIL", word));
        };
        write(&served, &hostile);
        let check = served.run(&["check"]);
        let told = text(&check.stdout) + &text(&check.stderr);
        assert_eq!(fault(&told, false), None, "{why}: check\n{told:?}");
        if !check.status.success() {
            write(&served, &plain);
        }
        let log = served.folder.path().join("auth.log");
        let mut bytes = b"Mar 14 09:00:01 web-1 sshd[7]: Failed password for invalid user ".to_vec();
        bytes.extend(evil);
        bytes.extend(b" from 203.0.113.9 port 22 ssh2\n");
        let user: String = String::from_utf8_lossy(evil).into_owned();
        let signal = serde_json::json!({
            "timestamp": "2026-03-14T09:00:02Z", "event_type": "evil-user", "severity": "high",
            "source_ip": "203.0.113.9", "user": user, "host": user,
        });
        bytes.extend(format!("{signal}\n").into_bytes());
        fs::write(&log, bytes).unwrap();
        let log = log.to_str().unwrap();
        let summary = shows(&served, why, &["replay", log, "--headless"]);
        assert!(summary.contains("inc-1"), "{why}: {summary}");
        fs::remove_dir_all(served.state()).unwrap();
        shows(&served, why, &["replay", log, "--json"]);

        let reason = user.replace('\0', "");
        shows(&served, why, &["close", "inc-1", "--dismiss", "--reason", &reason]);
        let views: [&[&str]; 11] = [
            &["runs"],
            &["runs", "run-1"],
            &["runs", "--json"],
            &["incidents"],
            &["incidents", "--json"],
            &["ledger", "--all"],
            &["ledger", "--all", "--json"],
            &["explain", "run-1"],
            &["explain", "run-1", "--json"],
            &["report", "--since", "2026-01-01T00:00:00Z"],
            &["report", "--since", "2026-01-01T00:00:00Z", "--json"],
        ];
        for args in views {
            let out = shows(&served, why, args);
            assert!(!out.is_empty(), "{why}: {args:?} shows nothing");
        }
        for args in [&["journal", "show"][..], &["journal", "show", "--json"], &["approvals"]] {
            shows(&served, why, args);
        }
        let held = lines(&shows(&served, why, &["ledger", "--all", "--json"]));
        seen_in_ledger += usize::from(held.iter().any(|row| row["target"].is_string()));

        // The same, asked of an engine at work, and what only that one can tell.
        served.start();
        shows(&served, why, &["lift", "--all", "--yes", "--reason", &reason]);
        for args in views.iter().copied().chain([
            &["metrics"][..],
            &["events", "--json"],
            &["events"],
            &["metrics", "--json"],
        ]) {
            shows(&served, why, args);
        }
        assert_eq!(fault(&served.log(), false), None, "{why}: its log\n{:?}", served.log());
    }
    assert!(seen_in_ledger > 2, "what is held is shown with its target");
}
