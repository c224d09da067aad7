mod agents;
mod exec;
mod http;
mod probe;
mod settings;
mod steps;

use super::*;
use crate::agent::http::Secrets;
use crate::engine::{AgentKind, BuiltinKind, Means};
use crate::model::Map;
use proptest::prelude::*;
use serde_json::json;
use std::path::Path;

const SETTINGS: &str = "setup: test\nexercise: true\n";
const AGENTS: &str = "\
agents:
  - name: wall-1
    role: WALL
    capabilities: [net.block]
    kind: drill
    actions:
      block: { takes: { address: ipv4, expires: duration, note: text }, optional: [expires, note], target: address, undo: unblock, drill: {} }
      unblock: { takes: { address: ipv4 }, target: address, undo: block, drill: {} }
      look: { takes: { port: port, deep: number }, optional: [deep], drill: {} }
  - name: voice-1
    role: VOICE
    kind: drill
    actions:
      say: { takes: { text: text }, drill: {} }
";
const RULE: &str = "\
title: A refused connection
name: refused
detection: { refused: { outcome: refused }, condition: refused }
---
title: A scan
name: scan
id: 6a1c0d3e-0000-4000-8000-000000000001
tags: [attack.discovery]
correlation: { type: value_count, rules: [refused], group-by: [source_ip], timespan: 30s, condition: { gte: 20, field: destination_port } }
";

fn load_texts(texts: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
    let mut all =
        BTreeMap::from([("settings.yaml", SETTINGS), ("agents/a.yaml", AGENTS), ("rules/r.yml", RULE)]);
    all.extend(texts.iter().copied());
    let folder = Folder::from_texts("t", all.into_iter().filter(|(_, text)| *text != "-"));
    load(&folder).map_err(|all| all.iter().map(ToString::to_string).collect())
}

/// What is wrong with files that take the place of, or are added to, a setup that is fine.
fn check<const N: usize>(path: &str, cases: [(&str, &str); N]) {
    let mut wrong = Vec::new();
    for (text, want) in cases {
        let found = load_texts(&[(path, text)]).err().unwrap_or_default();
        if found != [want] {
            wrong.push(format!("{text}\n want {want:?}\n  got {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_shipped_exercise_loads() {
    let folder = Folder::embedded();
    let loaded =
        load(&folder).unwrap_or_else(|all| panic!("{}", report(&folder, &Err(all), &Secrets::default())));
    let setup = &loaded.setup;
    assert_eq!(setup.kind, JournalKind::Exercise);
    let roles: Vec<&str> = setup.agents.iter().map(|agent| &*agent.role).collect();
    assert_eq!(
        roles,
        ["AEGIS", "APEX", "APEX", "CIPHER", "FORTRESS", "OMNISCIENT", "PHANTOM", "QUELL", "STREAM"]
    );
    let log = setup.agents.iter().find_map(|agent| agent.actions.get("log_incident")).unwrap();
    assert_eq!((&log.means, log.idempotent), (&Means::Builtin(BuiltinKind::Log), true));
    let real = |agent: &&crate::engine::AgentSpec| agent.kind == AgentKind::Builtin;
    assert_eq!(setup.agents.iter().filter(real).count(), 2);
    let names: Vec<&str> = setup.workflows.keys().map(|name| &**name).collect();
    assert_eq!(names, ["block-address", "contain-port-scan", "isolate-anomaly", "stop-brute-force"]);
    assert_eq!(loaded.settings.seed, Some(7));
    // The exercise is the default setup, written out.
    assert_eq!(loaded.setup.limits, crate::engine::Limits::default());
    assert_eq!(Settings { setup: "?".into(), seed: None, ..loaded.settings }, Settings::default());
}

#[test]
fn the_program_holds_the_files_of_the_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/exercise");
    let disk = Folder::read(&root).unwrap();
    assert_eq!(disk.digest(), Folder::embedded().digest(), "the table in folder.rs lacks a file");
}

#[test]
fn the_shipped_workflows_take_what_detections_give() {
    let loaded = load(&Folder::embedded()).unwrap();
    let detection = json!({"source_ip": "203.0.113.7", "user": "dave", "count": 30});
    let detection: Map = detection.as_object().cloned().unwrap();
    for (name, inputs) in [
        ("contain-port-scan", json!({"address": "203.0.113.7"})),
        ("stop-brute-force", json!({"user": "dave", "source": "203.0.113.7"})),
        ("isolate-anomaly", json!({"system": "203.0.113.7"})),
    ] {
        let workflow = &loaded.setup.workflows[name];
        assert_eq!(workflow.inputs_from(&detection), Ok(inputs.as_object().cloned().unwrap()), "{name}");
    }
}

/// It is the one for real: everything in it observes until somebody arms it, and what cuts people off
/// needs an approval.
#[test]
fn the_setup_for_a_linux_host_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let folder = Folder::read(&root.join("linux")).unwrap();
    let loaded = load(&folder).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let setup = &loaded.setup;
    assert_eq!((setup.kind, setup.acts), (JournalKind::Real, crate::engine::Acts::Armed));
    let names: Vec<&str> = setup.workflows.keys().map(|name| &**name).collect();
    assert_eq!(names, ["contain-port-scan", "isolate-anomaly", "stop-brute-force"]);
    let steps = setup.workflows.values().flat_map(|workflow| &workflow.steps);
    let approved: Vec<&str> = steps.filter(|step| step.approval.is_some()).map(|step| &*step.id).collect();
    assert_eq!(approved, ["isolate", "reset"]);
    for rule in ["anomalous-traffic.yml", "brute-force.yml", "port-scan.yml"] {
        let text = |setup: &str| std::fs::read_to_string(root.join(setup).join("rules").join(rule)).unwrap();
        assert_eq!(text("linux"), text("exercise"), "{rule}: both setups know the same rule");
    }
}

#[test]
fn nothing_but_one_account_makes_the_shipped_workflows_fail() {
    let loaded = load(&Folder::embedded()).unwrap();
    let mut planned = Vec::new();
    for step in loaded.setup.workflows.values().flat_map(|workflow| &workflow.steps).filter(|s| s.critical) {
        let offers = loaded.setup.agents.iter().filter_map(|agent| agent.actions.get(&step.action));
        for action in offers {
            let Means::Drill(drill) = &action.means else { continue };
            assert!(drill.fail_first < step.retry.attempts, "{}", step.id);
            assert_eq!((drill.fail_permille, drill.hang_permille), (0, 0), "{}", step.id);
            assert!(drill.latency_max < step.timeout, "{}", step.id);
            planned.extend(drill.fail_if.clone().map(|when| (step.id.to_string(), when)));
        }
    }
    assert_eq!(planned, [("reset".to_owned(), ("user".into(), "deploy".into()))]);
}

#[test]
fn a_broken_setup_is_reported_whole() {
    let folder = Folder::read(Path::new("fixtures/setups/broken")).unwrap();
    let want = include_str!("../../fixtures/setups/broken.txt");
    let found = report(&folder, &load(&folder), &Secrets::default());
    assert!(found == want, "fixtures/setups/broken.txt should be:\n{found}");
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(text in "[ -~\n]{0,200}") {
        for path in ["settings.yaml", "agents/z.yaml", "workflows/z.yaml", "rules/z.yml"] {
            let _ = load_texts(&[(path, &text)]);
        }
    }

    #[test]
    fn anything_like_an_agent_is_read_or_refused(
        keys in proptest::collection::vec(
            "(name|role|kind|concurrency|capabilities|actions): (x|drill|builtin|exec|\\[\\]|\\{\\}|5|\\{ a: \\{ (takes|target|undo|drill|builtin|run|optional): (a|log|\\[a\\]|\\{ a: text \\}|\\{ fail_if: \\{ a: b \\} \\}) \\} \\})",
            0..6)
    ) {
        let _ = load_texts(&[("agents/z.yaml", &format!("agents:\n  - {{ {} }}\n", keys.join(", ")))]);
    }
}

/// The playbook for anomalous traffic learns what is usual: no fixed threshold is reached here.
#[test]
fn s4_3_the_exercise_knows_what_a_system_usually_sends() {
    use crate::detect::{Detector, LATENESS};
    use crate::model::{Common, Document, LogSource, Signal, Timestamp};

    let loaded = load(&Folder::embedded()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let (mut detector, mut found) = (Detector::new(loaded.rules, LATENESS, 1), Vec::new());
    let mut send = |n: i64, bytes: u64| {
        let common = Common {
            source_ip: Some([10, 0, 0, 5].into()),
            destination_ip: Some([198, 51, 100, 7].into()),
            bytes_out: Some(bytes),
            ..Common::default()
        };
        let signal = Signal {
            at: Timestamp::from_secs(n * 100),
            weight: 1,
            origin: LogSource { category: "network_connection".into(), ..LogSource::default() },
            common,
            document: Document::of_line(n.to_string().into()),
            threat: None,
        };
        detector.observe(&signal, &mut found);
        found.iter().map(|one: &crate::model::Detection| one.rule.name.to_string()).collect::<Vec<_>>()
    };
    for n in 0..60 {
        assert!(send(n, 1_000_000 + (n as u64 % 7) * 50_000).is_empty(), "{n}");
    }
    assert_eq!(send(61, 60_000_000), ["anomalous-traffic"]);
}
