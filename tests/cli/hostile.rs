//! What attackers write reaches nobody's terminal as it is (C32): every verb that shows something.

use std::fs;

use crate::run::{lines, quell, text};
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
const OTHER: &str = "
workflow: hold-root
trigger: { rule: evil-user }
steps:
  - { id: hold, role: WALL, action: hold, with: { user: root } }
  - { id: moan, name: \"moan EVIL\", role: WALL, action: moan, needs: [hold], critical: false, with: { user: root }, undo: \"none: WICKED\" }
";
const RULE: &str = "
title: \"WICKED\"
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
    assert!(!out.is_empty(), "{why}: {args:?} shows nothing: {err}");
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

/// Every view of a state folder.
fn views(run: &str) -> Vec<Vec<&str>> {
    let since = ["--since", "2026-01-01T00:00:00Z"];
    let plain = [
        vec!["runs", "--all"],
        vec!["runs", run],
        vec!["incidents"],
        vec!["ledger", "--all"],
        vec!["explain", run],
        [&["report"], &since[..]].concat(),
    ];
    let json = plain.iter().map(|args| [&args[..], &["--json"]].concat());
    json.chain(plain.iter().cloned()).collect()
}

#[test]
fn c32_no_view_lets_hostile_bytes_through() {
    let mut held_with_target = 0;
    for (why, evil) in EVIL {
        let mut served = Served { folder: tempfile::tempdir().unwrap(), child: None };
        // Where a setup refuses such a text, it comes from titles, reasons and signals only.
        let (plain, hostile) = ("evil".to_owned(), quoted(evil));
        let write = |served: &Served, word: &str| {
            served.write("settings.yaml", crate::served::SETTINGS);
            served.write("agents/a.yaml", &AGENTS.replace("EVIL", word).replace("WICKED", &hostile));
            served.write("workflows/w.yaml", &WORKFLOW.replace("EVIL", word).replace("WICKED", &hostile));
            served.write("workflows/o.yaml", &OTHER.replace("EVIL", word).replace("WICKED", &hostile));
            served.write("rules/r.yml", &RULE.replace("EVIL", word).replace("WICKED", &hostile));
        };
        write(&served, &hostile);
        let check =
            quell(&["check"]).env("QUELL_CONFIG", served.folder.path().join("setup")).output().unwrap();
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

        let offline = views("run-1");
        for args in offline.iter().chain([&vec!["journal", "show"], &vec!["journal", "show", "--json"]]) {
            shows(&served, why, args);
        }
        let held = lines(&shows(&served, why, &["ledger", "--all", "--json"]));
        held_with_target +=
            held.iter().filter(|row| row["target"].is_string() && row["target"] != "root").count();

        // What people say, and an engine at work.
        let reason = user.replace('\0', "");
        shows(&served, why, &["close", "inc-1", "--dismiss", "--reason", &reason]);
        served.start();
        served.run(&["trigger", "hold-user", &format!("user={user}")]);
        shows(&served, why, &["trigger", "hold-root"]);
        shows(&served, why, &["lift", "--all", "--yes", "--reason", &reason]);
        let run = lines(&shows(&served, why, &["runs", "--all", "--json"]));
        let run = run.iter().rev().find_map(|run| run["id"].as_str()).unwrap().to_owned();
        let at_work = [vec!["metrics"], vec!["metrics", "--json"], vec!["events"], vec!["events", "--json"]];
        for args in views(&run).iter().chain(&at_work) {
            shows(&served, why, args);
        }
        assert_eq!(fault(&served.log(), false), None, "{why}: its log\n{:?}", served.log());
    }
    assert!(held_with_target > 2, "what is held is shown with its target");
}
