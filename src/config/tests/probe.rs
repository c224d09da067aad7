//! `probe` of actions and `verify` of steps, as files say them.

use super::*;
use crate::engine::{DrillProbe, ProbeMeans, ProbeSpec};
use crate::model::Span;

fn agents(kind: &str, action: &str) -> String {
    format!(
        "agents:\n  - name: a-1\n    role: A\n    kind: {kind}\n    actions:\n      act:\n        takes: {{ on: address, note: text }}\n        optional: [note]\n        target: on\n        {action}\n"
    )
}

fn load_agents(text: &str) -> Result<Loaded, Vec<String>> {
    let settings = if text.contains("kind: drill") { SETTINGS } else { "setup: test\nexercise: false\n" };
    load_texts(&[("settings.yaml", settings), ("agents/a.yaml", text)])
}

fn probe_of(text: &str) -> Result<Option<ProbeSpec>, Vec<String>> {
    Ok(load_agents(text)?.setup.agents[0].actions["act"].probe.clone())
}

#[test]
fn every_kind_of_agent_looks_in_its_own_way() {
    let drill = probe_of(&agents("drill", "drill: {}\n        probe: acted")).unwrap().unwrap();
    assert_eq!(drill.means, ProbeMeans::Drill(DrillProbe::Acted));
    assert_eq!(drill.timeout, Span::from_secs(10));
    let short = probe_of(&agents("exec", "run: [/bin/true]\n        probe: [/bin/look, '${on}']")).unwrap();
    let ProbeMeans::Exec(command) = short.unwrap().means else { panic!() };
    assert_eq!((&*command.program, command.arguments.len()), ("/bin/look", 1));
    let long = "run: [/bin/true]\n        probe: { run: [/bin/look], timeout: 3s }";
    assert_eq!(probe_of(&agents("exec", long)).unwrap().unwrap().timeout, Span::from_secs(3));
    assert_eq!(probe_of(&agents("exec", "run: [/bin/true]")).unwrap(), None);
}

#[test]
fn mistakes_in_probes_are_named_with_their_place() {
    for (kind, action, expected) in [
        ("drill", "drill: {}\n        probe: perhaps", "t/agents/a.yaml:11:16: "),
        ("exec", "run: [/bin/true]\n        probe: look", "t/agents/a.yaml:11:16: "),
        ("exec", "run: [/bin/true]\n        probe: [look]", "expected the absolute path of a program"),
        ("exec", "run: [/bin/true]\n        probe: [/bin/x, '${nobody}']", "the action takes no `nobody`"),
        ("exec", "run: [/bin/true]\n        probe: [/bin/x, '${note}']", "`note` is optional"),
        (
            "exec",
            "run: [/bin/true]\n        probe: { run: [/bin/x], timeout: 1h }",
            "is at most 5m, found 1h",
        ),
        ("exec", "run: [/bin/true]\n        probe: { timeout: 1s }", "`run` is missing in the probe"),
        ("exec", "run: [/bin/true]\n        probe: { run: [/bin/x], exits: [0] }", "unknown key `exits`"),
        ("manual", "ask: 'Do ${on}'\n        probe: yes", "a person has no probe"),
    ] {
        let mistakes = load_agents(&agents(kind, action)).unwrap_err().join("\n");
        assert!(mistakes.contains(expected), "{action}: {mistakes}");
    }
}

fn verified(verify: &str) -> Result<(), String> {
    let agents = "agents:\n  - name: a-1\n    role: A\n    kind: drill\n    actions:\n\
        \x20     plain: { drill: {} }\n\
        \x20     probed: { drill: {}, probe: acted, undo: plain }\n\
        \x20     check: { takes: { port: port }, drill: {} }\n";
    let workflow = format!("workflow: w\nsteps:\n  - {{ id: s, role: A, undo: 'none: test', {verify} }}\n");
    let files = [("agents/a.yaml", agents), ("workflows/w.yaml", &workflow)];
    load_texts(&files).map(|_| ()).map_err(|all| all.join("\n"))
}

#[test]
fn what_verifies_a_step_has_to_be_there() {
    for good in [
        "action: probed, verify: true",
        "action: probed, verify: { within: 10s }",
        "action: plain, verify: false",
        "action: plain, verify: { action: check, with: { port: 22 }, within: 1m }",
    ] {
        assert_eq!(verified(good), Ok(()), "{good}");
    }
    for (bad, expected) in [
        ("action: plain, verify: true", "`plain` has no `probe` that could verify it"),
        ("action: probed, verify: { within: 2h }", "`within` is at most 1h, found 2h"),
        ("action: probed, verify: { with: { port: 22 } }", "`with` belongs to an `action` that verifies"),
        ("action: plain, verify: { action: chek }", "no agent offers `chek`, which should verify the step"),
        ("action: plain, verify: { action: probed }", "`probed` has an undo, so it changes something"),
        ("action: plain, verify: { action: check }", "`check` needs `port`"),
        ("action: plain, verify: { action: check, with: { port: x } }", "`port` of `check`"),
        ("action: plain, verify: { action: check, with: { port: '${steps.z.output.p}' } }", "`z`"),
        ("action: plain, verify: soon", "expected a mapping"),
    ] {
        let mistakes = verified(bad).unwrap_err();
        assert!(
            mistakes.contains(expected) && mistakes.contains("t/workflows/w.yaml:3:"),
            "{bad}: {mistakes}"
        );
    }
}
