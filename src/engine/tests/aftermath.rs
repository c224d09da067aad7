//! What becomes of an effect when its answer was lost, is late, or is about something else.

use std::sync::Arc;

use super::world::{World, setup};
use crate::engine::{AgentKind, Event, ExecSpec, Input, Means, ProbeOf, RunStatus, Setup, StepStatus};
use crate::model::{CommandLine, Presence, RunId, Span, StepIx};

/// `tell` keeps the run live.
fn wired(action: &str, more: &str) -> String {
    format!(
        "
workflow: wired
steps:
  - {{ id: a, role: WALL, action: {action}, with: {{ address: x }}, timeout: 90s{more} }}
  - {{ id: b, role: BELL, action: tell, needs: [a], with: {{ text: b }}, undo: 'none: said', timeout: 1h }}
"
    )
}

fn step(world: &World) -> &crate::engine::StepState {
    &world.engine.state().run(RunId(1)).unwrap().steps()[0]
}

#[test]
fn an_undo_that_was_stopped_without_a_halt_is_tried_again() {
    let mut world = World::new(&[&wired("block", "")]);
    let told = world.play("trigger wired\n ok a\n cancel run-1\n stopped b\n undo-stopped a");
    assert!(told.contains("a undo failed: the undo was stopped, again later"), "{told}");
    // Agents that did not answer rest first.
    let told = world.play("wait 61s\n undone a");
    assert!(told.contains("a undo starts (2)"), "{told}");
    let attempts = world.records.iter().filter_map(|record| match record.event {
        Event::UndoFailed { attempt, .. } => Some((attempt, "failed")),
        Event::UndoSucceeded { attempt, .. } => Some((attempt, "done")),
        _ => None,
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [(1, "failed"), (2, "done")]);
}

/// What was killed may take its time: only then it is asked what became of it.
#[test]
fn c33_a_program_that_was_cut_short_has_time_to_end_before_it_is_asked_for() {
    for (exec, script, secs) in [(true, "lost a", 10 + 5 + 2), (true, "crash", 10), (false, "lost a", 10)] {
        let text = wired("wire", "");
        let mut setup = Setup::clone(&setup(&[&text]));
        if exec {
            let wall = &mut setup.agents[0];
            wall.kind = AgentKind::Exec;
            let command = CommandLine { program: "/bin/true".into(), arguments: vec![] };
            let wire = wall.actions.get_mut("wire").unwrap();
            wire.means = Means::Exec(ExecSpec { command, grace: Span::from_secs(5), exits: vec![0] });
        }
        let mut world = World::of(Arc::new(setup));
        world.play("trigger wired");
        world.play(script);
        let until = step(&world).until().unwrap();
        assert_eq!(until.since(world.now), Span::from_secs(secs), "{exec} {script}");
    }
}

#[test]
fn an_answer_to_another_question_is_ignored_and_counted() {
    let of = |attempt, undo| ProbeOf::Step { run: RunId(1), step: StepIx(0), attempt, undo };
    for (script, right, undo) in
        [("lost a", (1, false), false), ("ok a\n cancel run-1\n stopped b\n crash", (1, true), true)]
    {
        let mut world = World::new(&[&wired("wire", "")]);
        world.play("trigger wired");
        world.play(script);
        let before = world.records.len();
        for (n, (attempt, undo)) in (1..).zip([(2, undo), (0, undo), (1, !undo)]) {
            world.input(Input::Probed { of: of(attempt, undo), found: Presence::Present });
            assert_eq!(
                (world.records.len(), world.engine.stale_answers()),
                (before, n),
                "{script}: {attempt} {undo}"
            );
        }
        world.input(Input::Probed { of: of(right.0, right.1), found: Presence::Present });
        assert!(world.records.len() > before, "{script}");
    }
}

/// To find the effect is to verify it, unless something else says so.
#[test]
fn c3_what_is_found_after_a_crash_is_verified_by_what_verifies_it() {
    for (verify, then) in [
        ("", StepStatus::Succeeded),
        (", verify: true", StepStatus::Succeeded),
        (", verify: { action: ping, with: { address: x } }", StepStatus::Verifying),
    ] {
        let mut world = World::new(&[&wired("wire", verify)]);
        let told = world.play("trigger wired\n crash\n present a");
        assert_eq!(step(&world).status(), then, "{verify}: {told}");
    }
}

#[test]
fn an_undo_is_asked_for_again_as_long_as_its_step_says() {
    let text = wired("wire", ", verify: { within: 5s }");
    let begun = "trigger wired\n ok a\n present a\n cancel run-1\n stopped b\n undone a";
    for (script, asked, done) in [
        ("absent a undone", 0, true),
        ("present a undone\n wait 2s\n absent a undone", 1, true),
        ("present a undone\n wait 2s\n present a undone", 1, false),
        ("wait 9s", 0, false),
        ("halt\n wait 10s", 0, false),
    ] {
        let mut world = World::new(&[&text]);
        world.play(begun);
        let told = world.play(script);
        assert_eq!(told.matches("→ looks for wire").count(), asked, "{script}: {told}");
        assert!(!told.contains("undo starts (2)"), "{script}: {told}");
        assert_eq!(step(&world).status() == StepStatus::Undone, done, "{script}: {told}");
        assert_eq!(told.contains("no answer in time"), script == "halt\n wait 10s", "{script}: {told}");
    }
    // Of what is verified by something else, or cannot be asked for, the answer is enough.
    for (action, verify) in [("wire", ", verify: { action: ping, with: { address: x } }"), ("wire", "")] {
        let mut world = World::new(&[&wired(action, verify)]);
        let told = world.play("trigger wired\n ok a");
        let told = told + &world.play(if verify.is_empty() { "wait 0s" } else { "present a" });
        let told = told + &world.play("cancel run-1\n stopped b\n undone a");
        assert_eq!(step(&world).status(), StepStatus::Undone, "{told}");
    }
}

#[test]
fn c11_an_undo_in_doubt_of_which_nobody_says_anything_is_left_to_a_person() {
    let mut world = World::new(&[&wired("wire", "")]);
    let told = world.play("trigger wired\n ok a\n cancel run-1\n stopped b\n crash\n wait 10s");
    assert!(told.contains("no answer in time") && told.contains("run-1 STUCK"), "{told}");
}

/// C17: the text of the workflow is nowhere: a run that is under way waits for a person.
#[test]
fn c17_a_run_whose_workflow_cannot_be_read_waits_for_a_person() {
    for (script, status) in [
        ("wait 1s", RunStatus::Parked),
        ("pause run-1", RunStatus::Parked),
        ("cancel run-1", RunStatus::Stuck),
        ("cancel run-1\n stopped b\n undone a", RunStatus::Cancelled),
    ] {
        let mut world = World::new(&[&wired("block", "")]);
        world.play("trigger wired\n ok a");
        world.play(script);
        for record in &mut world.records {
            if let Event::WorkflowRecorded { text, .. } = &mut record.event {
                *text = Arc::from("workflow: [");
            }
        }
        world.setup = setup(&[]);
        let told = world.crash();
        let run = world.engine.state().run(RunId(1)).unwrap();
        assert_eq!(run.status(), status, "{script}: {told}");
        let cannot = run.why().is_some_and(|why| why.contains("cannot be read by this release"));
        assert_eq!(cannot, status != RunStatus::Cancelled, "{script}: {:?}", run.why());
    }
}

#[test]
fn what_runs_after_a_failure_is_given_what_it_takes() {
    let main = "
workflow: main
trigger: { rule: scan }
on_failure: after
inputs: { who: { type: text, default: nobody }, more: { type: text, default: x } }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.who}' } }
";
    let after = "
workflow: after
inputs: { who: { type: text, default: '' } }
steps:
  - { id: a, role: BELL, action: tell, with: { text: '${inputs.who}' }, undo: 'none: said' }
";
    let mut world = World::new(&[main, after]);
    let told = world.play("trigger main who=ada more=y\n fail a");
    assert!(told.contains("run-2 created: after"), "{told}");
    let inputs = world.engine.state().run(RunId(2)).unwrap().inputs().clone();
    assert_eq!(serde_json::to_string(&inputs).unwrap(), r#"{"who":"ada"}"#);
    world.play("ok run-2/a\n detect scan 192.0.2.1 1\n fail run-3/a");
    let run = world.engine.state().run(RunId(4)).unwrap();
    assert_eq!((run.workflow(), run.severity().is_some(), run.incident().is_some()), ("after", true, true));
}
