use super::*;
use crate::engine::{AgentKind, BuiltinKind};
use crate::model::{Map, Span};
use serde_json::json;
use std::path::Path;

/// The shipped exercise; rules of the right names stand in for rules that are not embedded.
fn exercise() -> Folder {
    let folder = Folder::embedded();
    if folder.files("rules").next().is_some() {
        return folder;
    }
    let path = |path: &str| path.trim_start_matches("exercise/").to_owned();
    let mut texts: Vec<(String, String)> = Vec::new();
    for of in ["agents", "workflows"] {
        texts.extend(folder.files(of).map(|(shown, text)| (path(&shown), text.to_owned())));
    }
    texts.extend(folder.file("settings.yaml").map(|(shown, text)| (path(&shown), text.to_owned())));
    texts.extend(
        ["port-scan", "brute-force", "anomalous-traffic"]
            .map(|name| (format!("rules/{name}.yml"), format!("name: {name}\n"))),
    );
    Folder::from_texts("exercise", texts.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

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
const RULE: &str = "title: A scan\nname: scan\nid: 6a1c0d3e-0000-4000-8000-000000000001\n---\nname: base\n";

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
    let folder = exercise();
    let loaded = load(&folder).unwrap_or_else(|all| panic!("{}", report(&folder, &Err(all))));
    let setup = &loaded.setup;
    assert_eq!(setup.kind, JournalKind::Exercise);
    let roles: Vec<&str> = setup.agents.iter().map(|agent| &*agent.role).collect();
    assert_eq!(
        roles,
        ["AEGIS", "APEX", "APEX", "CIPHER", "FORTRESS", "OMNISCIENT", "PHANTOM", "QUELL", "STREAM"]
    );
    let log = setup.agents.iter().find_map(|agent| agent.actions.get("log_incident")).unwrap();
    assert_eq!((log.builtin, log.idempotent), (Some(BuiltinKind::Log), true));
    let real = |agent: &&crate::engine::AgentSpec| agent.kind == AgentKind::Builtin;
    assert_eq!(setup.agents.iter().filter(real).count(), 2);
    let names: Vec<&str> = setup.workflows.keys().map(|name| &**name).collect();
    assert_eq!(names, ["block-address", "contain-port-scan", "isolate-anomaly", "stop-brute-force"]);
    assert_eq!(loaded.settings.seed, 7);
    // The exercise is the default setup, written out.
    assert_eq!(loaded.setup.limits, crate::engine::Limits::default());
    assert_eq!(Settings { setup: "?".into(), seed: 1, ..loaded.settings }, Settings::default());
}

#[test]
fn the_program_holds_the_files_of_the_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/exercise");
    let disk = Folder::read(&root).unwrap();
    assert_eq!(disk.digest(), Folder::embedded().digest(), "the table in folder.rs lacks a file");
}

#[test]
fn the_shipped_workflows_take_what_detections_give() {
    let loaded = load(&exercise()).unwrap();
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

#[test]
fn the_shipped_brute_force_workflow_ends_in_a_rollback() {
    let loaded = load(&exercise()).unwrap();
    let reset =
        loaded.setup.workflows["stop-brute-force"].steps.iter().find(|step| &*step.id == "reset").unwrap();
    let cipher = loaded.setup.agents.iter().find(|agent| &*agent.role == "CIPHER").unwrap();
    let drill = cipher.actions[&reset.action].drill.as_ref().unwrap();
    assert!(reset.critical && drill.fail_first >= reset.retry.attempts);
    // Whatever else the exercise does by chance, its critical steps succeed.
    for workflow in loaded.setup.workflows.values() {
        for step in workflow.steps.iter().filter(|step| step.critical && step.id != reset.id) {
            let offers = loaded.setup.agents.iter().filter_map(|agent| agent.actions.get(&step.action));
            for drill in offers.filter_map(|action| action.drill.as_ref()) {
                assert!(drill.fail_first < step.retry.attempts, "{}", step.id);
                assert_eq!((drill.fail_permille, drill.hang_permille), (0, 0), "{}", step.id);
                assert!(drill.latency_max < step.timeout, "{}", step.id);
            }
        }
    }
}

#[test]
fn mistakes_in_settings_are_named_with_their_place() {
    check(
        "settings.yaml",
        [
            ("-", "t:1:1: there is no settings.yaml in this folder"),
            ("", "t/settings.yaml:1:1: expected a mapping (settings), found nothing"),
            ("setup: a\n", "t/settings.yaml:1:1: `exercise` is missing in the settings"),
            (
                "setup: a\nexercise: yes\n",
                "t/settings.yaml:2:11: expected true or false (exercise), found `yes`",
            ),
            (
                "setup: a\nexercise: true\nsed: 1\n",
                "t/settings.yaml:3:1: unknown key `sed` in settings\n  hint: did you mean `seed`?",
            ),
            (
                "setup: a\nexercise: true\noperators: []\n",
                "t/settings.yaml:3:1: `operators` is not supported yet\n  hint: remove it",
            ),
            (
                "setup: a\nexercise: true\nseed: -1\n",
                "t/settings.yaml:3:7: expected seed: a whole number from 0 to 18446744073709551615, found the number -1",
            ),
            (
                "setup: a\nexercise: true\nlateness: 60\n",
                "t/settings.yaml:3:11: lateness needs a unit, found the number 60\n  hint: write `60s` for seconds",
            ),
            (
                "setup: a\nexercise: true\ntime: { tz: Mars }\n",
                "t/settings.yaml:3:13: `Mars` is not a time zone\n  hint: use a name such as `UTC` or `Europe/Berlin`",
            ),
            (
                "setup: a\nexercise: true\ntime: { year: 26 }\n",
                "t/settings.yaml:3:15: expected year: a whole number from 1970 to 9999, found the number 26",
            ),
            (
                "setup: a\nexercise: true\nlimits: { steps: 5 }\n",
                "t/settings.yaml:3:11: unknown key `steps` in limits\n  hint: known keys: finished, finished_for, live_runs, agent_recovery, reopen",
            ),
            (
                "setup: a\nexercise: true\nlimits: { live_runs: 0 }\n",
                "t/settings.yaml:3:22: expected live_runs: a whole number from 1 to 1000000, found the number 0",
            ),
            (
                "setup: a\nexercise: true\nqueue: { signals: many }\n",
                "t/settings.yaml:3:19: expected signals: a whole number from 1 to 1000000, found `many`",
            ),
            (
                "setup: a\nexercise: true\nlines: { max_bytes: 1 }\n",
                "t/settings.yaml:3:21: expected max_bytes: a whole number from 1024 to 16777216, found the number 1",
            ),
        ],
    );
    let real = load_texts(&[("settings.yaml", "setup: a\nexercise: false\n")]).unwrap_err();
    assert_eq!(
        real[0],
        "t/agents/a.yaml:5:11: a drill only pretends: it cannot be part of a real setup\n  hint: say `exercise: true` in settings.yaml, or remove the agent"
    );
}

#[test]
fn settings_are_read() {
    let text = "setup: a\nexercise: true\nseed: 9\nlateness: 5s\ntime: { year: 2024, tz: Europe/Berlin }\n\
                limits: { finished: 5, finished_for: 1h, reopen: 2h }\nqueue: { signals: 7 }\nlines: { max_bytes: 2048 }\n";
    let loaded = load_texts(&[("settings.yaml", text)]).unwrap();
    let settings = loaded.settings;
    assert_eq!((settings.seed, settings.lateness, settings.time.year), (9, Span::from_secs(5), 2024));
    assert_eq!(settings.time.tz.iana_name(), Some("Europe/Berlin"));
    assert_eq!((settings.limits.finished, settings.limits.reopen), (5, Span::from_secs(7200)));
    assert_eq!(loaded.setup.limits, settings.limits);
    assert_eq!((settings.queue.signals, settings.lines.max_bytes), (7, 2048));
    assert_eq!(loaded.rules, [("t/rules/r.yml".to_owned(), RULE.to_owned())]);
}

#[test]
fn mistakes_in_agents_are_named_with_their_place() {
    // One agent more, in a file of its own; its actions start in line 6.
    let agent = |actions: &str| {
        format!("agents:\n  - name: extra-1\n    role: EXTRA\n    kind: drill\n    actions:\n{actions}\n")
    };
    let cases = [
        ("      x: 5", "t/agents/b.yaml:6:10: expected a mapping (an action), found the number 5"),
        ("      x: {}", "t/agents/b.yaml:6:10: `drill` is missing in the action of a drill"),
        (
            "      a b: { drill: {} }",
            "t/agents/b.yaml:6:7: `a b` is not a name for an action\n  hint: a name has letters, digits, `_`, `-` and `.`, begins with a letter or digit, and is at most 64 long",
        ),
        (
            "      x: { drill: {}, run: [/bin/true] }",
            "t/agents/b.yaml:6:23: `run` is not supported yet\n  hint: remove it",
        ),
        (
            "      x: { drill: {}, take: {} }",
            "t/agents/b.yaml:6:23: unknown key `take` in an action\n  hint: did you mean `takes`?",
        ),
        (
            "      x: { drill: {}, takes: { a: adress } }",
            "t/agents/b.yaml:6:35: expected a type: one of ipv4, ipv6, address, prefix, port, user, host, path, number, duration, text; found `adress`\n  hint: did you mean `address`?",
        ),
        (
            "      x: { drill: {}, takes: { a: text }, optional: [b] }",
            "t/agents/b.yaml:6:54: the action takes no `b`\n  hint: did you mean `a`?",
        ),
        (
            "      x: { drill: {}, takes: { addr: text }, target: address }",
            "t/agents/b.yaml:6:54: the action takes no `address`\n  hint: known: addr",
        ),
        (
            "      x: { drill: {}, takes: { a: text }, target: a, optional: [a] }",
            "t/agents/b.yaml:6:51: the target of an action cannot be optional",
        ),
        ("      x: { drill: {}, undo: x }", "t/agents/b.yaml:6:29: an action cannot undo itself"),
        (
            "      x: { drill: {}, undo: y }",
            "t/agents/b.yaml:6:29: the agent has no action `y`\n  hint: did you mean `x`?",
        ),
        (
            "      x: { drill: { latency: fast } }",
            "t/agents/b.yaml:6:30: expected a latency such as `300ms` or `300ms..2s`, at most 1d, found `fast`",
        ),
        (
            "      x: { drill: { latency: 2s..1s } }",
            "t/agents/b.yaml:6:30: expected a latency such as `300ms` or `300ms..2s`, at most 1d, found `2s..1s`",
        ),
        (
            "      x: { drill: { fail: 0.05 } }",
            "t/agents/b.yaml:6:27: expected fail: a share from 0% to 100%, with at most one decimal, found the number 0.05",
        ),
        (
            "      x: { drill: { fail: 101% } }",
            "t/agents/b.yaml:6:27: expected fail: a share from 0% to 100%, with at most one decimal, found `101%`",
        ),
        ("      x: { drill: { fail_if: { a: b } } }", "t/agents/b.yaml:6:32: the action takes no `a`"),
        (
            "      x: { drill: { fail_if: {} } }",
            "t/agents/b.yaml:6:30: `fail_if` names one argument and its value",
        ),
        (
            "      x: { drill: { output: [1] } }",
            "t/agents/b.yaml:6:29: expected a mapping (name: value), found a list",
        ),
        (
            "      x: { drill: { latncy: 1s } }",
            "t/agents/b.yaml:6:21: unknown key `latncy` in a drill\n  hint: did you mean `latency`?",
        ),
    ];
    let texts = cases.map(|(actions, _)| agent(actions));
    let mut whole = 0;
    check(
        "agents/b.yaml",
        cases.map(|(_, want)| {
            whole += 1;
            (texts[whole - 1].as_str(), want)
        }),
    );
    check(
        "agents/b.yaml",
        [
            ("agents: x\n", "t/agents/b.yaml:1:9: expected a list (agents), found `x`"),
            ("- name: x\n", "t/agents/b.yaml:1:1: expected a mapping (a file of agents), found a list"),
            (
                "agents:\n  - { name: n, role: R, actions: {} }\n",
                "t/agents/b.yaml:2:5: `kind` is missing in the agent",
            ),
            (
                "agents:\n  - { name: n, role: R, kind: exec, actions: {} }\n",
                "t/agents/b.yaml:2:31: kind `exec` is not supported yet\n  hint: use `drill` (it pretends) or `builtin` (part of quell)",
            ),
            (
                "agents:\n  - { name: n, role: R, kind: dril, actions: {} }\n",
                "t/agents/b.yaml:2:31: expected a kind: one of drill, builtin, exec, http, manual; found `dril`\n  hint: did you mean `drill`?",
            ),
            (
                "agents:\n  - { name: n, role: R, kind: drill, concurrency: 0, actions: {} }\n",
                "t/agents/b.yaml:2:51: expected concurrency: a whole number from 1 to 1000, found the number 0",
            ),
            (
                "agents:\n  - { name: n, role: R, kind: drill, goals: [win], actions: {} }\n",
                "t/agents/b.yaml:2:38: `goals` is not supported yet\n  hint: remove it",
            ),
            (
                "agents:\n  - { name: wall-1, role: R, kind: drill, actions: {} }\n",
                "t/agents/b.yaml:2:13: two agents have the name `wall-1`\n  hint: the other one is at t/agents/a.yaml:2",
            ),
            (
                "agents:\n  - { name: n, role: R, kind: builtin, actions: { x: { builtin: lgo } } }\n",
                "t/agents/b.yaml:2:65: expected a builtin: one of log, notify, wait, blocklist_add, blocklist_remove; found `lgo`\n  hint: did you mean `log`?",
            ),
            (
                "agents:\n  - { name: n, role: R, kind: builtin, actions: { x: { builtin: log, takes: {} } } }\n",
                "t/agents/b.yaml:2:70: `takes` of a builtin is fixed\n  hint: remove it",
            ),
            (
                "agents:\n  - { name: n, role: VOICE, kind: drill, actions: { say: { takes: { text: host }, drill: {} } } }\n",
                "t/agents/b.yaml:2:53: agents of role VOICE differ in what they take of `say`\n  hint: any of them may get the step; the other one is at t/agents/a.yaml:14",
            ),
        ],
    );
}

#[test]
fn a_drill_is_read() {
    let text = "agents:\n  - name: d\n    role: D\n    kind: drill\n    concurrency: 3\n    actions:\n      x:\n        takes: { user: user }\n        drill: { latency: 300ms..2s, fail: 5%, hang: 1.5%, fail_first: 2, fail_if: { user: root }, message: no, output: { n: [1, { a: b }] } }\n";
    let loaded = load_texts(&[("agents/d.yaml", text)]).unwrap();
    let agent = loaded.setup.agents.iter().find(|agent| &*agent.name == "d").unwrap();
    let drill = agent.actions["x"].drill.as_ref().unwrap();
    assert_eq!(agent.concurrency, 3);
    assert_eq!((drill.latency_min, drill.latency_max), (Span::from_millis(300), Span::from_secs(2)));
    assert_eq!((drill.fail_permille, drill.hang_permille, drill.fail_first), (50, 15, 2));
    assert_eq!(drill.fail_if, Some(("user".into(), "root".into())));
    assert_eq!((&*drill.message, json!(drill.output)), ("no", json!({"n": [1, {"a": "b"}]})));
}

#[test]
fn mistakes_between_steps_and_agents_are_named_with_their_place() {
    // The step is in line 4.
    let file = |step: &str| {
        format!(
            "workflow: w\ninputs: {{ a: ipv4, n: number, p: port, t: text, h: host, any: address }}\nsteps:\n  - {{ id: s, {step} }}\n"
        )
    };
    let cases = [
        (
            "role: WAL, action: block, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:20: there is no role `WAL`\n  hint: did you mean `WALL`?",
        ),
        (
            "agent: wall-2, action: block, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:21: there is no agent `wall-2`\n  hint: did you mean `wall-1`?",
        ),
        (
            "capabilities: [net.blok], action: block, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:29: there is no agent with capability `net.blok`\n  hint: did you mean `net.block`?",
        ),
        (
            "role: WALL, action: blok, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:34: there is no action `blok`\n  hint: did you mean `block`?",
        ),
        (
            "role: VOICE, action: block, with: { address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:35: no agent of role VOICE offers `block`\n  hint: it is offered by wall-1 (WALL)",
        ),
        (
            "role: VOICE, capabilities: [net.block], action: say, with: { text: x }",
            "t/workflows/w.yaml:4:62: no agent of role VOICE, with capability net.block offers `say`\n  hint: it is offered by voice-1 (VOICE)",
        ),
        ("role: WALL, action: block", "t/workflows/w.yaml:4:34: `block` needs `address` (ipv4)"),
        (
            "role: WALL, action: block, with: { adress: 192.0.2.1, address: 192.0.2.1 }",
            "t/workflows/w.yaml:4:49: `block` takes no `adress`\n  hint: did you mean `address`?",
        ),
        (
            "role: WALL, action: block, with: { address: '::1' }",
            "t/workflows/w.yaml:4:58: `address` of `block`: expected an IPv4 address, found \"::1\"",
        ),
        (
            "role: WALL, action: block, with: { address: 192.0.2.1, note: 5 }",
            "t/workflows/w.yaml:4:75: `note` of `block`: expected text without control characters, at most 64 KiB, found 5\n  hint: put it in quotes",
        ),
        (
            "role: WALL, action: block, with: { address: '${inputs.t}' }",
            "t/workflows/w.yaml:4:58: `address` of `block` is ipv4, but `${inputs.t}` is text\n  hint: declare the input as ipv4",
        ),
        (
            "role: WALL, action: block, with: { address: '${inputs.any}' }",
            "t/workflows/w.yaml:4:58: `address` of `block` is ipv4, but `${inputs.any}` is address\n  hint: declare the input as ipv4",
        ),
        (
            "role: WALL, action: block, with: { address: '${run.id}' }",
            "t/workflows/w.yaml:4:58: `address` of `block` is ipv4, but `${run.id}` is text",
        ),
        (
            "role: VOICE, action: say, with: { text: '${inputs.n}' }, undo: 'none: x'",
            "t/workflows/w.yaml:4:54: `text` of `say` is text, but `${inputs.n}` is number\n  hint: declare the input as text",
        ),
        (
            "role: VOICE, action: say, with: { text: hello }",
            "t/workflows/w.yaml:4:5: nothing undoes `say`\n  hint: say `undo: { action: … }`, or why there is no need: `undo: \"none: why\"`",
        ),
        (
            "role: VOICE, action: say, with: { text: x }, expires: 1h, undo: 'none: x'",
            "t/workflows/w.yaml:4:68: `say` takes no `expires`: it does not end by itself\n  hint: remove it",
        ),
        (
            "role: WALL, action: block, with: { address: 192.0.2.1 }, undo: { action: unblok }",
            "t/workflows/w.yaml:4:87: no agent offers `unblok`, which should undo the step\n  hint: did you mean `unblock`?",
        ),
        (
            "role: WALL, action: block, with: { address: 192.0.2.1 }, undo: { action: unblock, with: { adress: x } }",
            "t/workflows/w.yaml:4:104: `unblock` takes no `adress`\n  hint: did you mean `address`?",
        ),
        (
            "role: WALL, action: block, with: { address: 192.0.2.1 }, undo: { action: unblock, with: { address: x } }",
            "t/workflows/w.yaml:4:113: `address` of `unblock`: expected an IPv4 address, found \"x\"",
        ),
        (
            "role: VOICE, action: say, with: { text: x }, undo: { action: unblock }",
            "t/workflows/w.yaml:4:65: undo `unblock` needs `address` (ipv4)\n  hint: give it under `with` of the undo",
        ),
        (
            "role: WALL, action: look, with: { port: 22 }, undo: { action: say }",
            "t/workflows/w.yaml:4:66: undo `say` needs `text` (text)\n  hint: give it under `with` of the undo",
        ),
    ];
    let texts = cases.map(|(step, _)| file(step));
    let mut whole = 0;
    check(
        "workflows/w.yaml",
        cases.map(|(_, want)| {
            whole += 1;
            (texts[whole - 1].as_str(), want)
        }),
    );
    for step in [
        "role: WALL, action: block, with: { address: '${inputs.a}', note: '${inputs.h}' }, expires: 1h",
        "capabilities: [net.block], action: look, with: { port: '${inputs.p}', deep: '${inputs.p}' }, undo: 'none: x'",
        "agent: voice-1, action: say, with: { text: '${inputs.n} is a number' }, undo: { action: unblock, with: { address: '${inputs.a}' } }",
        "role: WALL, action: block, with: { address: '${detection.source_ip}' }",
    ] {
        assert_eq!(load_texts(&[("workflows/w.yaml", &file(step))]).err(), None, "{step}");
    }
}

#[test]
fn mistakes_between_workflows_and_rules_are_named() {
    let file = |name: &str, more: &str| {
        format!(
            "workflow: {name}\n{more}\nsteps:\n  - {{ id: s, role: VOICE, action: say, with: {{ text: x }}, undo: 'none: x' }}\n"
        )
    };
    let one = |name: &str, more: &str| {
        load_texts(&[("workflows/w.yaml", &file(name, more))]).err().unwrap_or_default()
    };
    assert_eq!(one("w", "trigger: { rule: scan }"), [""; 0]);
    assert_eq!(one("w", "trigger: { rule: 6a1c0d3e-0000-4000-8000-000000000001 }"), [""; 0]);
    assert_eq!(
        one("w", "trigger: { rule: scn }"),
        [
            "t/workflows/w.yaml:2:18: the trigger names a rule that is not there: `scn`\n  hint: did you mean `scan`?"
        ]
    );
    assert_eq!(
        one("w", "on_failure: v"),
        ["t/workflows/w.yaml:2:13: there is no workflow `v`\n  hint: did you mean `w`?"]
    );
    assert_eq!(
        one("w", "on_failure: w"),
        [
            "t/workflows/w.yaml:2:13: workflows follow each other in a circle: w → w\n  hint: remove one `on_failure`"
        ]
    );
    let none =
        load_texts(&[("workflows/w.yaml", &file("w", "trigger: { rule: scan }")), ("rules/r.yml", "-")]);
    assert_eq!(
        none.unwrap_err(),
        [
            "t/workflows/w.yaml:2:18: the trigger names a rule that is not there: `scan`\n  hint: there are no rules in rules/"
        ]
    );
    let three = load_texts(&[
        ("workflows/1.yaml", &file("c", "on_failure: a")),
        ("workflows/2.yaml", &file("a", "on_failure: b")),
        ("workflows/3.yaml", &file("b", "on_failure: c")),
        ("workflows/4.yaml", &file("x", "on_failure: c")),
        ("workflows/5.yaml", &file("x", "")),
    ]);
    assert_eq!(
        three.unwrap_err(),
        [
            "t/workflows/2.yaml:2:13: workflows follow each other in a circle: a → b → c → a\n  hint: remove one `on_failure`",
            "t/workflows/5.yaml:1:11: two workflows have the name `x`\n  hint: the other one is t/workflows/4.yaml",
        ]
    );
}

#[test]
fn a_broken_setup_is_reported_whole() {
    let folder = Folder::read(Path::new("fixtures/setups/broken")).unwrap();
    let want = include_str!("../../fixtures/setups/broken.txt");
    assert_eq!(report(&folder, &load(&folder)), want);
}
