//! Effects in doubt are asked for; what was performed is verified; what is there already is left alone.

use super::check;
use super::world::{World, setup};
use crate::engine::{RunStatus, StepStatus};

/// `wire` may not be done twice, and can be asked for; so can `bolt`, which may.
const WIRED: &str = "
workflow: wired
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: wire, needs: [a], with: { address: b }, timeout: 90s,
      retry: { attempts: 2, backoff: 1s, jitter: 0% } }
  - { id: c, role: WALL, action: bolt, needs: [b], with: { address: c }, timeout: 90s }
";

const VERIFIED: &str = "
workflow: verified
steps:
  - { id: a, role: WALL, action: wire, with: { address: a }, verify: true }
  - { id: b, role: WALL, action: wire, needs: [a], with: { address: b }, verify: { within: 5s } }
  - { id: c, role: BELL, action: tell, needs: [b], with: { text: hi }, undo: 'none: said', verify: { action: ping, with: { address: b } } }
";

#[test]
fn c3_what_can_be_asked_for_is_asked_for_after_a_crash() {
    let begun = "trigger wired\n ok a\n crash\n";
    for (name, then) in [
        ("present", "present b\n ok c"),
        ("absent", "absent b\n wait 0s\n ok b\n ok c"),
        ("unknown", "unknown b\n retry run-1\n ok b"),
        ("no_answer", "wait 10s\n cancel run-1\n undone b\n undone a"),
        ("crash_again", "crash\n present b\n"),
        ("cancel_while_asked", "cancel run-1\n present b\n undone b\n undone a"),
        ("abandon_while_asked", "abandon run-1\n present b\n wait 1m"),
        ("pause_while_asked", "pause run-1\n absent b\n wait 5s\n resume run-1\n wait 2s\n ok b\n"),
        ("halt_while_asked", "halt\n absent b\n wait 5s\n release\n wait 10s\n ok b\n"),
    ] {
        check(&format!("c3_crash_{name}"), WIRED, &format!("{begun}{then}"));
    }
}

#[test]
fn c3_what_can_be_asked_for_is_asked_for_when_no_answer_came() {
    let begun = "trigger wired\n ok a\n";
    for (name, then) in [
        ("present", "lost b\n present b\n wait 61s\n ok c"),
        ("absent_again", "lost b\n absent b\n wait 61s\n lost b\n absent b\n wait 61s\n undone a"),
        ("unknown", "wait 90s\n unknown b\n retry run-1\n wait 61s\n ok b\n"),
        ("timeout", "wait 90s\n stopped b\n present b\n"),
        ("late_answer", "wait 90s\n ok b\n present b\n present b\n"),
        ("then_crash", "lost b\n crash\n absent b\n wait 61s\n"),
        ("in_a_halt", "halt\n stopped b\n release\n present b\n"),
        ("in_a_drain", "drain\n lost b\n crash\n present b\n wait 61s\n ok c"),
        // It may be done twice, but its attempts are used up.
        ("idempotent", "ok b\n lost c\n present c"),
        ("idempotent_after_a_crash", "ok b\n crash\n ok c"),
    ] {
        check(&format!("c3_lost_{name}"), WIRED, &format!("{begun}{then}"));
    }
}

#[test]
fn c3_an_undo_in_doubt_is_asked_for() {
    let begun = "trigger wired\n ok a\n ok b\n fail c\n";
    for (name, then) in [
        ("crash_absent", "crash\n absent b undone\n undone a"),
        ("crash_present", "crash\n present b undone\n wait 2s\n undone b\n undone a"),
        ("crash_unknown", "crash\n unknown b undone\n undone a\n retry run-1\n undone b"),
        ("lost_absent", "undo-lost b\n absent b undone\n wait 61s\n undone a"),
        ("timed_out", "wait 90s\n present b undone\n wait 1m\n undone b\n undone a"),
        ("halted", "halt\n undo-stopped b\n release\n absent b undone\n undone a"),
        ("abandoned", "undo-lost b\n abandon run-1\n absent b undone\n wait 1m"),
    ] {
        check(&format!("c3_undo_{name}"), WIRED, &format!("{begun}{then}"));
    }
}

#[test]
fn what_was_there_before_is_not_ours_to_undo() {
    check("found_before", WIRED, "trigger wired\n ok a\n found b\n fail c\n undone a");
    // After an attempt that may have acted, what is there may be ours.
    check("found_not_after_doubt", WIRED, "trigger wired\n ok a\n lost b\n absent b\n wait 61s");
}

#[test]
fn what_was_performed_is_verified() {
    for (name, then) in [
        ("yes", "ok a\n present a\n ok b\n present b\n ok c\n present c"),
        ("no", "ok a\n absent a\n undone a\n absent a undone"),
        ("unknown", "ok a\n unknown a\n undone a\n unknown a undone"),
        ("in_time", "ok a\n present a\n ok b\n absent b\n wait 1s\n absent b\n wait 2s\n present b"),
        ("not_in_time", "ok a\n present a\n ok b\n absent b\n wait 2s\n unknown b\n wait 5s\n absent b\n"),
        ("check_says_no", "ok a\n present a\n ok b\n present b\n ok c\n absent c\n"),
        ("no_answer", "ok a\n wait 10s\n"),
        ("crash", "ok a\n crash\n present a\n"),
        ("crash_between_questions", "ok a\n present a\n ok b\n absent b\n crash\n present b"),
        ("cancel", "ok a\n cancel run-1\n present a\n undone a\n absent a undone"),
        ("pause", "ok a\n pause run-1\n present a\n resume run-1\n"),
        ("halt", "halt\n ok a\n wait 1m\n release\n present a\n"),
        ("halt_while_asked", "ok a\n present a\n ok b\n halt\n absent b\n wait 1m\n release\n present b\n"),
        ("abandon", "ok a\n abandon run-1\n present a\n wait 1m"),
        ("answer_after_a_cancel", "cancel run-1\n ok a\n undone a\n absent a undone"),
        (
            "undo_still_there",
            "ok a\n absent a\n undone a\n present a undone\n wait 2s\n undone a\n absent a undone",
        ),
        ("undo_crash", "ok a\n absent a\n undone a\n crash\n absent a undone"),
    ] {
        check(&format!("verify_{name}"), VERIFIED, &format!("trigger verified\n {then}"));
    }
}

#[test]
fn the_deadline_of_a_run_is_not_held_up_by_a_question() {
    let text = VERIFIED.replace("workflow: verified", "workflow: verified\ntimeout: 3s");
    check(
        "verify_deadline_of_the_run",
        &text,
        "trigger verified\n ok a\n wait 5s\n undone a\n absent a undone",
    );
}

#[test]
fn late_answers_are_counted_and_change_nothing() {
    let mut world = World::new(&[WIRED]);
    world.play("trigger wired\n ok a\n lost b\n present b");
    let before = world.records.len();
    world.play("present b\n absent b\n ok b");
    assert_eq!((world.records.len(), world.engine.stale_answers()), (before, 3));
}

/// A run goes on though the agent that is asked has no probe any more.
#[test]
fn who_cannot_be_asked_any_more_leaves_it_to_a_person() {
    let mut world = World::new(&[WIRED]);
    world.play("trigger wired\n ok a");
    let mut changed = (*setup(&[WIRED])).clone();
    for agent in &mut changed.agents {
        agent.actions.values_mut().for_each(|action| action.probe = None);
    }
    world.setup = std::sync::Arc::new(changed);
    world.play("crash");
    let run = world.engine.state().runs().next().unwrap();
    assert_eq!((run.status(), run.steps()[1].status()), (RunStatus::Parked, StepStatus::InDoubt));
    assert!(run.why().unwrap().contains("no agent of this setup has a probe for `wire`"), "{:?}", run.why());
}
