use super::super::{OnFailure, Undo};
use super::*;
use crate::model::{Severity, Span, StepIx};
use proptest::prelude::*;

const HEAD: &str = "workflow: w\ninputs: { user: user }\n";

/// Fails with every case that came out otherwise.
fn check(cases: impl IntoIterator<Item = (String, Vec<String>, String)>) {
    let wrong = cases.into_iter().filter(|(_, found, want)| found.as_slice() != [want.as_str()]);
    let wrong: Vec<String> =
        wrong.map(|(text, found, want)| format!("{text}\n want {want:?}\n  got {found:?}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The mistakes in a workflow whose `steps` start in line 4.
fn steps(text: &str) -> Vec<String> {
    mistakes(&format!("{HEAD}steps:\n{text}"))
}

fn mistakes(text: &str) -> Vec<String> {
    parse("w.yaml", text).map_or_else(|all| all.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn a_whole_workflow_is_read() {
    fn is_send<T: Send + Sync>(_: &T) {}
    let text = "
workflow: answer
description: Does something about it.
severity: high
priority: urgent
trigger: { rule: scan, 'severity>=': medium, when: detection.count > 3 }
dedup: ${inputs.address}
inputs:
  address: { type: address, from: '${detection.source_ip}' }
timeout: 5m
on_failure: call-somebody
steps:
  - id: look
    name: Look first
    role: SCOUT
    action: scan
    with: { address: '${inputs.address}', depth: 3 }
    undo: 'none: looking changes nothing'
  - id: block
    agent: wall-1
    capabilities: [net.block]
    action: block
    with: { address: '${inputs.address}' }
    needs: [look]
    when: size(steps.look.output.ports) > 0
    timeout: 10s
    retry: { attempts: 3, backoff: 500ms, factor: 1.5, max: 5s, jitter: 20% }
    undo: { action: unblock, with: { address: '${inputs.address}' } }
    expires: 1h
  - { id: tell, role: VOICE, action: say, with: { text: 'ports: ${steps.look.output.count}' }, needs: [block], critical: false }
";
    let workflow = parse("w.yaml", text).map_err(|all| format!("{all:#?}")).unwrap();
    is_send(&workflow);
    assert_eq!(
        (&*workflow.name, workflow.severity, workflow.priority),
        ("answer", Some(Severity::High), Priority::Urgent)
    );
    assert_eq!(workflow.timeout, Some(Span::from_secs(300)));
    assert_eq!(&*workflow.text, text);
    let [look, block, tell] = workflow.steps.as_slice() else { panic!("three steps") };
    assert!(matches!(&look.undo, Undo::None(why) if &**why == "looking changes nothing"));
    assert_eq!((look.timeout, look.retry.attempts), (Span::from_secs(30), 1));
    assert_eq!(block.needs, [StepIx(0)]);
    let backoff = block.retry.backoff;
    assert_eq!((backoff.factor_percent, backoff.jitter_percent, backoff.max), (150, 20, Span::from_secs(5)));
    assert_eq!(
        block.with.last().map(|(name, value)| (&**name, value.as_constant().cloned())),
        Some(("expires", Some("1h".into())))
    );
    assert!(
        matches!(&block.undo, Undo::Action { action, with } if &**action == "unblock" && with.len() == 1)
    );
    assert_eq!((tell.critical, tell.on_failure), (false, OnFailure::Continue));
    let plan: Vec<_> =
        workflow.plan.steps.iter().map(|s| (&*s.id, s.name.as_deref(), s.needs.len(), s.critical)).collect();
    assert_eq!(
        plan,
        [("look", Some("Look first"), 0, true), ("block", None, 1, true), ("tell", None, 1, false)]
    );
}

#[test]
fn mistakes_in_steps_are_named_with_their_place() {
    let cases = [
        ("  []", "w.yaml:4:3: a workflow has at least one step"),
        ("  - x", "w.yaml:4:5: expected a mapping (a step), found `x`"),
        (
            "  - { id: a, action: x }",
            "w.yaml:4:5: the step does not say who does it\n  hint: give a `role`, an `agent` or `capabilities`",
        ),
        ("  - { role: R, action: x }", "w.yaml:4:5: `id` is missing in the step"),
        ("  - { id: a, role: R }", "w.yaml:4:5: `action` is missing in the step"),
        (
            "  - { id: 1a, role: R, action: x }",
            "w.yaml:4:11: `1a` is not an id for a step\n  hint: an id has letters, digits, `_` and `-`, begins with a letter, and is at most 64 long",
        ),
        (
            "  - { id: a, role: R, action: x, neds: [b] }",
            "w.yaml:4:34: unknown key `neds` in a step\n  hint: did you mean `needs`?",
        ),
        (
            "  - { id: a, role: R, action: x, colour: red }",
            "w.yaml:4:34: unknown key `colour` in a step\n  hint: known keys: id, name, role, agent, capabilities, action, with, needs, when, timeout, retry, critical, on_failure, undo, expires, approval, confirm, verify",
        ),
        (
            "  - { id: a, role: R, action: x, approval: 2 }",
            "w.yaml:4:44: expected a mapping (an approval: `true`, or who, how long and why), found the number 2",
        ),
        (
            "  - { id: a, role: R, action: x, approval: { count: 20 } }",
            "w.yaml:4:53: expected count: a whole number from 1 to 16, found the number 20",
        ),
        (
            "  - { id: a, role: R, action: x, needs: [b] }",
            "w.yaml:4:42: needs an unknown step `b`\n  hint: did you mean `a`?",
        ),
        (
            "  - { id: a, role: R, action: x, needs: b }",
            "w.yaml:4:41: expected a list (ids of steps), found `b`",
        ),
        (
            "  - { id: a, role: R, action: x }\n  - { id: a, role: R, action: x }",
            "w.yaml:5:11: two steps have the id `a`\n  hint: ids are unique in a workflow",
        ),
        (
            "  - { id: a, role: R, action: x }\n  - { id: b, role: R, action: x, needs: [a, a] }",
            "w.yaml:5:45: `a` is needed twice",
        ),
        (
            "  - { id: a, role: R, action: x, needs: [a] }",
            "w.yaml:4:42: steps need each other in a circle: a → a\n  hint: `a → b` means that `a` needs `b`; remove one of these needs",
        ),
        (
            "  - { id: z, role: R, action: x, needs: [c] }\n  - { id: a, role: R, action: x, needs: [c] }\n  - { id: b, role: R, action: x, needs: [a] }\n  - { id: c, role: R, action: x, needs: [b] }",
            "w.yaml:5:42: steps need each other in a circle: a → c → b → a\n  hint: `a → b` means that `a` needs `b`; remove one of these needs",
        ),
        (
            "  - { id: a, role: R, action: x, timeout: 30 }",
            "w.yaml:4:43: timeout needs a unit, found the number 30\n  hint: write `30s` for seconds",
        ),
        (
            "  - { id: a, role: R, action: x, timeout: soon }",
            "w.yaml:4:43: expected a duration such as `500ms`, `30s`, `5m`, `1h` or `2d`; found `soon`",
        ),
        ("  - { id: a, role: R, action: x, timeout: 0s }", "w.yaml:4:43: timeout must be longer than zero"),
        ("  - { id: a, role: R, action: x, timeout: 9000d }", "w.yaml:4:43: timeout is longer than 366 days"),
        (
            "  - { id: a, role: R, action: x, retry: { attempts: 0 } }",
            "w.yaml:4:53: expected attempts: a whole number from 1 to 100, found the number 0",
        ),
        (
            "  - { id: a, role: R, action: x, retry: { backoff: 1s } }",
            "w.yaml:4:41: `attempts` is missing in the retry",
        ),
        (
            "  - { id: a, role: R, action: x, retry: { attempts: 2, factor: 0.5 } }",
            "w.yaml:4:64: expected factor: a number from 1 to 10, found the number 0.5",
        ),
        (
            "  - { id: a, role: R, action: x, retry: { attempts: 2, jitter: 200% } }",
            "w.yaml:4:64: expected jitter: a share from 0% to 100%, with at most one decimal, found `200%`",
        ),
        (
            "  - { id: a, role: R, action: x, retry: { attempts: 2, backoff: 10s, max: 1s } }",
            "w.yaml:4:75: `max` (1s) is shorter than `backoff` (10s)",
        ),
        (
            "  - { id: a, role: R, action: x, critical: maybe }",
            "w.yaml:4:44: expected true or false (critical), found `maybe`",
        ),
        (
            "  - { id: a, role: R, action: x, critical: true, on_failure: continue }",
            "w.yaml:4:62: `critical: true` contradicts this `on_failure`\n  hint: `critical: false` means `on_failure: continue`; keep one of them",
        ),
        (
            "  - { id: a, role: R, action: x, critical: false, on_failure: stop }",
            "w.yaml:4:63: `critical: false` contradicts this `on_failure`\n  hint: `critical: false` means `on_failure: continue`; keep one of them",
        ),
        (
            "  - { id: a, role: R, action: x, on_failure: rolback }",
            "w.yaml:4:46: expected on_failure: one of rollback, stop, continue, retry_once; found `rolback`\n  hint: did you mean `rollback`?",
        ),
        (
            "  - { id: a, role: R, action: x, undo: none }",
            "w.yaml:4:40: expected an undo: `{ action: …, with: … }` or `none: why`\n  hint: write why nothing has to be undone: `undo: \"none: a message cannot be unsent\"`",
        ),
        (
            "  - id: a\n    role: R\n    action: x\n    undo:\n      none: it is only text",
            "w.yaml:8:7: expected an undo: `{ action: …, with: … }` or `none: why`\n  hint: put it in quotes: `undo: \"none: why\"`",
        ),
        (
            "  - { id: a, role: R, action: x, undo: { with: {} } }",
            "w.yaml:4:40: `action` is missing in the undo",
        ),
        (
            "  - { id: a, role: R, action: x, with: { b: [1] } }",
            "w.yaml:4:45: expected one value (argument `b`), found a list",
        ),
        (
            "  - { id: a, role: R, action: x, with: { b: '${usr}' } }",
            "w.yaml:4:45: `${usr}`: `usr` is unknown; a placeholder starts with one of inputs, detection, run, steps",
        ),
        (
            "  - { id: a, role: R, action: x, with: { b: '${inputs.usr}' } }",
            "w.yaml:4:45: there is no input `usr`\n  hint: did you mean `user`?",
        ),
        (
            "  - { id: a, role: R, action: x, with: { b: '${steps.c.status}' } }",
            "w.yaml:4:45: there is no step `c`\n  hint: did you mean `a`?",
        ),
        (
            "  - { id: a, role: R, action: x, with: { b: '${steps.a.output.c}' } }",
            "w.yaml:4:45: step `a` may not be done when `a` starts\n  hint: a step cannot use its own output",
        ),
        (
            "  - { id: a, role: R, action: x, undo: { action: y, with: { b: '${inputs.no}' } } }",
            "w.yaml:4:64: there is no input `no`\n  hint: known: user",
        ),
        (
            "  - { id: a, role: R, action: x }\n  - { id: b, role: R, action: x, with: { c: '${steps.a.status}' } }",
            "w.yaml:5:45: step `a` may not be done when `b` starts\n  hint: add `a` to the needs of `b`",
        ),
        (
            "  - { id: a, role: R, action: x }\n  - { id: b, role: R, action: x, when: steps.a.status == 'failed' }",
            "w.yaml:5:40: step `a` may not be done when `b` starts\n  hint: add `a` to the needs of `b`",
        ),
        (
            "  - { id: a, role: R, action: x, when: inputs.n > 1 }",
            "w.yaml:4:40: there is no input `n`\n  hint: known: user",
        ),
        (
            "  - { id: a, role: R, action: x, when: 1 > }",
            "w.yaml:4:40: the condition was not understood at its end\n  hint: conditions are CEL, for example `detection.count > 10 && inputs.user != \"root\"`",
        ),
        (
            "  - { id: a, role: R, action: x, expires: 1h, with: { expires: 2h } }",
            "w.yaml:4:43: `expires` is given twice\n  hint: remove it here or under `with`",
        ),
        (
            "  - { id: a, role: R, action: x, expires: later }",
            "w.yaml:4:43: `expires`: expected a duration such as 30s or 1h, found \"later\"",
        ),
    ];
    check(cases.map(|(text, want)| (text.to_owned(), steps(text), want.to_owned())));
}

#[test]
fn mistakes_outside_steps_are_named_with_their_place() {
    const STEP: &str = "steps: [{ id: a, role: R, action: x }]\n";
    let cases = [
        ("", "w.yaml:1:1: expected a mapping (a workflow), found nothing"),
        ("# nothing\n", "w.yaml:1:1: expected a mapping (a workflow), found nothing"),
        ("- a\n", "w.yaml:1:1: expected a mapping (a workflow), found a list"),
        ("workflow: w\n", "w.yaml:1:1: `steps` is missing in the workflow"),
        ("STEPS", "w.yaml:1:1: `workflow` is missing in the file"),
        (
            "workflow: 5\nSTEPS",
            "w.yaml:1:11: expected a workflow as text, found the number 5\n  hint: put it in quotes",
        ),
        (
            "workflow: a b\nSTEPS",
            "w.yaml:1:11: `a b` is not a name for a workflow\n  hint: a name has letters, digits, `_`, `-` and `.`, begins with a letter or digit, and is at most 64 long",
        ),
        (
            "workflow: w\nmode: life\nSTEPS",
            "w.yaml:2:7: expected a mode: one of observe, live; found `life`\n  hint: did you mean `live`?",
        ),
        (
            "workflow: w\nescalation: high\nSTEPS",
            "w.yaml:2:1: `escalation` is not supported yet\n  hint: remove it",
        ),
        (
            "workflow: w\nseverity: hgih\nSTEPS",
            "w.yaml:2:11: expected a severity: one of informational, low, medium, high, critical; found `hgih`\n  hint: did you mean `high`?",
        ),
        (
            "workflow: w\npriority: 1\nSTEPS",
            "w.yaml:2:11: expected a priority as text, found the number 1\n  hint: put it in quotes",
        ),
        (
            "workflow: w\ndedup: ${run.id}\nSTEPS",
            "w.yaml:2:8: `dedup` cannot use `${run.id}`: there is no run yet\n  hint: use `inputs` or `detection`",
        ),
        (
            "workflow: w\ndedup: ${inputs.x}\nSTEPS",
            "w.yaml:2:8: there is no input `x`\n  hint: declare it: `inputs: { x: text }`",
        ),
        (
            "workflow: w\ninputs: { a: ipv5 }\nSTEPS",
            "w.yaml:2:14: expected a type: one of ipv4, ipv6, address, prefix, port, user, host, path, number, duration, text; found `ipv5`\n  hint: did you mean `ipv4`?",
        ),
        (
            "workflow: w\ninputs: { a.b: text }\nSTEPS",
            "w.yaml:2:11: `a.b` is not a name for an input\n  hint: a name has letters, digits, `_` and `-`, and begins with a letter",
        ),
        (
            "workflow: w\ninputs: { a: { from: '${detection.x}' } }\nSTEPS",
            "w.yaml:2:14: `type` is missing in the input",
        ),
        (
            "workflow: w\ninputs: { a: { type: port, default: 70000 } }\nSTEPS",
            "w.yaml:2:37: the default does not fit its type: expected a port (0 to 65535), found 70000",
        ),
        (
            "workflow: w\ninputs: { a: { type: port, default: 7, required: true } }\nSTEPS",
            "w.yaml:2:28: an input with a default is never missing\n  hint: remove `required` or `default`",
        ),
        (
            "workflow: w\ninputs: { a: { type: port, from: 7 } }\nSTEPS",
            "w.yaml:2:34: `from` is filled from a detection\n  hint: for example `from: ${detection.source_ip}`",
        ),
        (
            "workflow: w\ninputs: { a: { type: port, from: '${inputs.b}' } }\nSTEPS",
            "w.yaml:2:34: `from` can name only `detection.FIELD`, found `${inputs.b}`",
        ),
        (
            "workflow: w\nworkflow: v\nSTEPS",
            "w.yaml:2:1: the key `workflow` comes twice\n  hint: remove one of them",
        ),
    ];
    check(cases.map(|(text, want)| {
        let text = text.replace("STEPS", STEP);
        let found = mistakes(&text);
        (text, found, want.to_owned())
    }));
}

#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let text = "workflow: w\nsevrity: high\nseverity: hot\nseverity: low\nsteps:\n  - { id: a, role: R, needs: [b], timeout: 5 }\n  - { id: b, action: x, needs: [a], with: { c: '${d}' } }\n";
    let places: Vec<String> = mistakes(text).iter().map(|m| m.chars().take(11).collect()).collect();
    assert_eq!(
        places,
        [
            "w.yaml:2:1:",
            "w.yaml:3:11",
            "w.yaml:4:1:",
            "w.yaml:6:5:",
            "w.yaml:6:31",
            "w.yaml:6:44",
            "w.yaml:7:5:",
            "w.yaml:7:48"
        ]
    );
}

#[test]
fn a_thousand_steps_and_no_more() {
    let step = |n: usize| match n {
        0 => "  - { id: s0, role: R, action: x }\n".to_owned(),
        n => format!("  - {{ id: s{n}, role: R, action: x, needs: [s{}] }}\n", n - 1),
    };
    let chain: String = (0..1000).map(step).collect();
    assert_eq!(steps(&chain), [""; 0]);
    let backwards: String = (0..1000).rev().map(step).collect();
    assert_eq!(steps(&backwards), [""; 0]);
    let over: String = (0..1001).map(step).collect();
    assert_eq!(steps(&over), ["w.yaml:4:3: 1001 steps, at most 1000 are allowed"]);
}

proptest! {
    #[test]
    fn any_text_is_a_workflow_or_a_list_of_mistakes(text in "[ -~\n\t]{0,300}") {
        if let Err(mistakes) = parse("w.yaml", &text) {
            prop_assert!(!mistakes.is_empty());
        }
    }

    #[test]
    fn anything_like_a_workflow_is_read_or_refused(
        keys in proptest::collection::vec(
            "(workflow|severity|trigger|dedup|inputs|timeout|steps|on_failure): (x|\\[\\]|\\{\\}|5|'\\$\\{inputs.a\\}'|\\{ rule: x \\}|\\{ a: text \\}|\\[\\{ id: a, (role|when|needs|undo|retry|with): (x|\\[a\\]|\\{ a: b \\}), action: y \\}\\])\n",
            0..8)
    ) {
        if let Err(mistakes) = parse("w.yaml", &keys.concat()) {
            prop_assert!(!mistakes.is_empty());
        }
    }
}

#[test]
fn what_only_asks_is_kept() {
    let read = |head: &str, step: &str| {
        let text = format!("workflow: w\n{head}\nsteps: [{{ id: a, role: R, action: x{step} }}]\n");
        parse("w.yaml", &text).unwrap_or_else(|all| panic!("{all:?}"))
    };
    assert!(read("mode: live", "").asks_live);
    assert!(!read("mode: observe", "").asks_live && !read("", "").asks_live);
    for (step, wants) in [
        ("", None),
        (", approval: false", None),
        (", approval: true", Some(None)),
        (", approval: { reason: it hurts }", Some(Some("it hurts"))),
    ] {
        let workflow = read("", step);
        let approval = workflow.steps[0].approval.as_ref().map(|approval| approval.reason.as_deref());
        assert_eq!(approval, wants, "{step}");
        assert_eq!(workflow.plan.steps[0].approval, workflow.steps[0].approval);
    }
}
