use super::*;
use crate::engine::Means;
use crate::model::Span;
use serde_json::json;

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
            "t/agents/b.yaml:6:23: `run` is how an agent of kind `exec` acts\n  hint: remove it: this agent is of kind `drill`",
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
                "t/agents/b.yaml:2:31: an exercise touches nothing, and this agent runs programs\n  hint: use `drill` (it pretends), or say `exercise: false` in settings.yaml",
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
    let Means::Drill(drill) = &agent.actions["x"].means else { panic!() };
    assert_eq!(agent.concurrency, 3);
    assert_eq!((drill.latency_min, drill.latency_max), (Span::from_millis(300), Span::from_secs(2)));
    assert_eq!((drill.fail_permille, drill.hang_permille, drill.fail_first), (50, 15, 2));
    assert_eq!(drill.fail_if, Some(("user".into(), "root".into())));
    assert_eq!((&*drill.message, json!(drill.output)), ("no", json!({"n": [1, {"a": "b"}]})));
}

#[test]
fn people_are_asked_questions_that_name_arguments() {
    let agent = |action: &str| {
        format!("agents:\n  - name: p\n    role: HAND\n    kind: manual\n    actions:\n      x: {action}\n")
    };
    let cases = [
        ("{ takes: { host: host } }", "t/agents/b.yaml:6:10: `ask` is missing in the action of a person"),
        (
            "{ takes: { host: host }, ask: 'Unplug ${hots}' }",
            "t/agents/b.yaml:6:40: the action takes no `hots`\n  hint: did you mean `host`?",
        ),
        (
            "{ takes: { host: host }, optional: [host], ask: 'Unplug ${host}' }",
            "t/agents/b.yaml:6:58: `host` may be left out: the question cannot name it",
        ),
        ("{ ask: 'Unplug ${' }", "t/agents/b.yaml:6:17: `${` without `}`"),
        (
            "{ ask: now, idempotent: false }",
            "t/agents/b.yaml:6:34: asking a person twice is asking once: it is always idempotent\n  hint: remove it",
        ),
        (
            "{ ask: now, drill: {} }",
            "t/agents/b.yaml:6:22: `drill` is how an agent of kind `drill` acts\n  hint: remove it: this agent is of kind `manual`",
        ),
    ];
    let texts = cases.map(|(action, _)| agent(action));
    let mut whole = 0;
    check(
        "agents/b.yaml",
        cases.map(|(_, want)| {
            whole += 1;
            (texts[whole - 1].as_str(), want)
        }),
    );
    let fine = agent("{ takes: { host: host }, target: host, ask: 'Unplug ${host}' }");
    for settings in ["setup: t\nexercise: true\n", "setup: t\nexercise: false\n"] {
        let agents = fine.as_str();
        let loaded = load_texts(&[("settings.yaml", settings), ("agents/a.yaml", agents)]).unwrap();
        let spec = &loaded.setup.agents[0];
        assert!(spec.kind == AgentKind::Manual && spec.actions["x"].idempotent);
    }
    // A person needs to know how long there is.
    let steps = |timeout: &str| {
        format!(
            "workflow: w\nsteps:\n  - {{ id: a, role: HAND, action: x, with: {{ host: h }}{timeout}, undo: 'none: n' }}\n"
        )
    };
    let load = |timeout: &str| load_texts(&[("agents/b.yaml", &fine), ("workflows/w.yaml", &steps(timeout))]);
    assert_eq!(
        load("").unwrap_err(),
        [
            "t/workflows/w.yaml:3:5: a person does this step: it must say its `timeout`\n  hint: say how long the person has, for example `timeout: 30m`"
        ]
    );
    assert!(load(", timeout: 30m").is_ok());
}
