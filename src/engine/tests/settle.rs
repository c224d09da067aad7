//! A person settles what the engine cannot know (C3, C11).

use super::check;
use super::world::{START, World};
use crate::engine::{
    Actor, Answer, Effect, Input, ObligationStatus, Request, RunStatus, Settled, StepStatus,
};
use crate::model::{RequestId, RunId, StepIx};

const CHAIN: &str = "
workflow: chain
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
  - { id: c, role: WALL, action: once, needs: [b], with: { address: c } }
  - { id: d, role: WALL, action: block, needs: [c], with: { address: d } }
";

const PAIR: &str = "
workflow: pair
steps:
  - { id: x, role: WALL, action: once, with: { address: x } }
  - { id: y, role: WALL, action: once, with: { address: y }, critical: false, on_failure: continue }
  - { id: z, role: BELL, action: tell, needs: [x, y], with: { text: z }, undo: 'none: it is said' }
";

/// `c` is in doubt after a crash: the run is parked.
const PARKED: &str = "trigger chain\n ok a\n ok b\n crash\n";
/// Both are in doubt.
const BOTH: &str = "trigger pair\n crash\n";
/// `b` could not be undone: the run is stuck.
const STUCK: &str =
    "trigger chain\n ok a\n ok b\n cancel run-1\n stopped c\n undone c\n undo-fails b\n wait 2s
    undo-fails b\n wait 3s\n undo-fails b\n wait 5s\n undo-fails b\n wait 9s\n undo-fails b\n undone a\n";

#[test]
fn c3_a_step_in_doubt_is_settled_by_a_person() {
    for (word, after) in [
        ("again because it is safe", "ok c\n ok d"),
        ("done seen in the firewall", "ok d"),
        ("failed", "undone b\n undone a"),
        ("undo", "undone c\n undone b\n undone a"),
    ] {
        let name = format!("c3_settled_{}", word.split(' ').next().unwrap());
        check(&name, CHAIN, &format!("{PARKED} settle run-1 c {word}\n {after}"));
    }
}

#[test]
fn c3_a_run_goes_on_when_everything_in_doubt_is_settled() {
    check(
        "c3_settled_one_by_one",
        PAIR,
        &format!("{BOTH} settle run-1 x again\n settle run-1 y done it is there\n ok x\n ok z"),
    );
    check(
        "c3_settled_failed_goes_on",
        PAIR,
        &format!("{BOTH} settle run-1 y failed\n settle run-1 x done it is\n ok z"),
    );
    check("c3_settled_failed_rolls_back", PAIR, &format!("{BOTH} settle run-1 x failed\n undone y"));
}

#[test]
fn c3_what_is_to_be_performed_again_is_so_over_a_halt_and_a_crash() {
    let script = format!(
        "{PARKED} halt wait\n settle run-1 c again\n release\n crash\n halt wait\n settle run-1 c again\n crash\n release\n ok c\n ok d"
    );
    check("c3_settled_again_in_a_halt", CHAIN, &script);
}

#[test]
fn c11_an_undo_that_was_given_up_is_settled_by_a_person() {
    for (word, after) in [
        ("again", "undone b"),
        ("done removed by hand", "settle run-1 b done removed by hand"),
        ("skip the host is gone", "retry run-1"),
    ] {
        let name = format!("c11_settled_{}", word.split(' ').next().unwrap());
        check(&name, CHAIN, &format!("{STUCK} settle run-1 b {word}\n {after}"));
    }
}

/// Undos that may not be repeated: one that is cut short is given up.
const DELICATE: &str = "
workflow: delicate
steps:
  - { id: x, role: WALL, action: block, with: { address: x }, undo: { action: once, with: { address: x } } }
  - { id: y, role: WALL, action: block, needs: [x], with: { address: y }, undo: { action: once, with: { address: y } } }
  - { id: z, role: BELL, action: tell, needs: [y], with: { text: z }, undo: 'none: it is said' }
";

#[test]
fn c11_several_undos_are_settled_one_by_one() {
    let script = "
        trigger delicate
        ok x
        ok y
        fail z
        crash
        crash
        settle run-1 x again
        settle run-1 y skip it is harmless
        crash
        settle run-1 y again
        undone y
        settle run-1 x done pulled the plug";
    check("c11_settled_one_by_one", DELICATE, script);
}

#[test]
fn c11_what_was_skipped_and_done_anew_for_others_is_left_to_them() {
    let other = "workflow: other\nsteps: [{ id: q, role: WALL, action: block, with: { address: y } }]";
    let mut world = World::new(&[DELICATE, other]);
    world.play("trigger delicate\n ok x\n ok y\n fail z\n crash\n crash\n settle run-1 y skip why");
    let told = world.play("trigger other\n ok run-2/q");
    assert!(told.contains("run-2 q starts"), "{told}");
    let told = world.play("settle run-1 y again");
    assert!(told.contains("y lets go of ob-2") && !told.contains("undo starts"), "{told}");
    let of_y = world.engine.state().ledger().of_effect("block", "y").map(|o| (o.id().0, o.status()));
    assert_eq!(of_y, Some((3, ObligationStatus::InForce)));
}

/// What a person says of the world is said of one run: another one may be doing it anew at that moment.
#[test]
fn c11_what_is_undone_by_hand_while_others_do_it_anew_is_theirs() {
    let other = "workflow: other\nsteps: [{ id: q, role: WALL, action: block, with: { address: y } }]";
    for word in ["done", "skip"] {
        let mut world = World::new(&[DELICATE, other]);
        world.play("trigger delicate\n ok x\n ok y\n fail z\n crash\n crash");
        let told = world.play("trigger other");
        assert!(told.contains("run-2 q starts"), "{told}");
        world.play(&format!("settle run-1 y {word} by hand\n ok run-2/q"));
        let of_y = world.engine.state().ledger().of_effect("block", "y").unwrap();
        let holders: Vec<RunId> = of_y.holders().iter().map(|holder| holder.run()).collect();
        assert_eq!((of_y.status(), holders), (ObligationStatus::InForce, vec![RunId(2)]), "{word}");
    }
}

#[test]
fn c11_a_rollback_that_runs_is_steered() {
    let script = "
        trigger chain
        ok a
        ok b
        ok c
        fail d
        settle run-1 c done too early
        undo-fails c
        settle run-1 c skip the host is gone
        undo-fails b
        settle run-1 b again
        settle run-1 a done by hand
        undo-fails b
        settle run-1 b done by hand";
    check("c11_settled_while_it_runs", CHAIN, script);
}

#[test]
fn c11_what_waits_for_an_agent_can_be_skipped() {
    let mut world = World::new(&[CHAIN]);
    let told = world.play("trigger chain\n ok a\n ok b\n lost c\n settle run-1 c skip gone");
    assert!(told.contains("c undo SETTLED"), "{told}");
    let told = world.play("settle run-1 b done by hand\n settle run-1 a done by hand\n wait 5m");
    assert!(told.contains("run-1 ROLLED_BACK") && !told.contains("undo starts"), "{told}");
}

#[test]
fn c11_an_undo_of_which_it_is_asked_whether_it_took_effect_is_settled() {
    let verified = "
workflow: verified
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: wire, needs: [a], with: { address: b }, verify: true }
  - { id: c, role: BELL, action: tell, needs: [b], with: { text: c }, undo: 'none: it is said' }
";
    for (word, then) in [
        ("skip the host is gone", "undone a"),
        ("done seen in the firewall", "undone a"),
        ("again", "undone b\n absent b undone\n undone a"),
    ] {
        let first = word.split(' ').next().unwrap();
        // The answer is still to come, or it is about to be asked for once more.
        for (name, told) in [("asked", ""), ("between", "present b undone\n")] {
            let script = format!(
                "trigger verified\n ok a\n ok b\n present b\n cancel run-1\n stopped c\n undone b\n {told}
                settle run-1 b {word}\n {then}\n wait 40s"
            );
            check(&format!("c11_settled_{first}_{name}"), verified, &script);
        }
    }
}

#[test]
fn c11_what_was_skipped_stays_known() {
    let mut world = World::new(&[CHAIN]);
    world.play(&format!("{STUCK} settle run-1 b skip the host is gone"));
    let run = world.engine.state().run(RunId(1)).unwrap();
    assert_eq!(run.status(), RunStatus::Cancelled);
    assert_eq!(run.skipped_undos().collect::<Vec<_>>(), [StepIx(1)]);
    assert_eq!(run.rollback().map(|rollback| (rollback.done, rollback.total)), Some((2, 3)));
    let settled = run.steps()[1].undo_settled().unwrap();
    assert_eq!(
        (&*settled.by.0, &*settled.reason, settled.settled),
        ("ada", "the host is gone", Settled::Skip)
    );
    let told = run.undo_told(StepIx(1)).unwrap();
    assert!(
        told.starts_with("not undone: skipped by ada at ") && told.ends_with(": the host is gone"),
        "{told}"
    );
}

#[test]
fn c11_where_an_undo_stands_is_told() {
    let mut world = World::new(&[CHAIN]);
    let mut told = |script: &str| {
        world.play(script);
        let run = world.engine.state().run(RunId(1)).unwrap();
        (0..3).map(|i| run.undo_told(StepIx(i)).unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(told("trigger chain\n ok a\n ok b\n ok c"), ["", "", ""]);
    assert_eq!(told("fail d"), ["its turn comes", "its turn comes", "attempt 1 of 5 is in flight"]);
    let waits = told("undo-fails c").remove(2);
    assert!(
        waits.starts_with("attempt 2 of 5 at ") && waits.ends_with(", the last one failed: it said no"),
        "{waits}"
    );
    assert_eq!(told("wait 2s\n undone c")[1..], ["attempt 1 of 5 is in flight", "undone"]);
}

#[test]
fn a_wrong_settlement_is_refused_with_what_is_possible() {
    for (script, why) in [
        (
            format!("{PARKED} settle run-1 c skip why"),
            "`c` of run-1 cannot be settled as skip; now: again, undo, done, failed",
        ),
        (
            format!("{PARKED} settle run-1 c done"),
            "`done` needs a reason: how do you know, and what was decided?",
        ),
        (format!("{PARKED} settle run-1 e done x"), "run-1 has no step `e`; there are: a, b, c, d"),
        (format!("{PARKED} settle run-9 c done x"), "run-9 is not known"),
        (
            format!("{PARKED} settle run-1 a done x"),
            "there is nothing to settle about `a` of run-1: it is succeeded; to be settled: `c`",
        ),
        (
            format!("{STUCK} settle run-1 b failed"),
            "`b` of run-1 cannot be settled as failed; now: again, done, skip",
        ),
        (
            format!("{STUCK} settle run-1 b skip"),
            "`skip` needs a reason: how do you know, and what was decided?",
        ),
        (
            "trigger chain\n settle run-1 a done x".to_owned(),
            "there is nothing to settle about `a` of run-1: it is running; the run is running",
        ),
        (
            "trigger chain\n ok a\n cancel run-1\n stopped b\n settle run-1 b skip x".to_owned(),
            "the undo of `b` of run-1 is in flight, attempt 1: wait for its answer",
        ),
    ] {
        let mut world = World::new(&[CHAIN]);
        let told = world.play(&script);
        assert!(told.contains(&format!("refused: {why}\n")), "{told}");
    }
    let none = CHAIN.replace("address: c }", "address: c }, undo: 'none: it stays'");
    let told = World::new(&[&none]).play(&format!("{PARKED} settle run-1 c undo"));
    assert!(told.contains("settled as undo: it has no undo; now: again, done, failed"), "{told}");
}

#[test]
fn c23_two_people_settle_at_once_and_the_second_is_told() {
    let mut world = World::new(&[CHAIN]);
    world.play(PARKED);
    let seen = world.engine.state().run(RunId(1)).unwrap().changed();
    world.play("settle run-1 c done it is there");
    let step = &world.engine.state().run(RunId(1)).unwrap().steps()[2];
    assert_eq!(step.status(), StepStatus::Succeeded);
    let request =
        Request::Settle { run: RunId(1), step: "c".into(), as_: Settled::Again, reason: String::new() };
    for (seen, why) in [
        (Some(seen), "run-1 has changed since you looked: it is running since "),
        (None, "`c` of run-1 was settled already: done, by ada at "),
    ] {
        let (by, request) = (Actor("bob".into()), request.clone());
        let input = Input::Request { id: RequestId(9), by, seen, request };
        let output = world.engine.handle(input, world.now.max(START));
        let [Effect::Answer { answer: Answer::Refused(told), .. }] = &output.effects[..] else {
            panic!("{:?}", output.effects)
        };
        assert!(told.starts_with(why), "{told}");
    }
}

#[test]
fn what_is_settled_is_settled_on_the_ledger() {
    use ObligationStatus::*;
    for (script, expected) in [
        (format!("{PARKED} settle run-1 c done it is there"), [InForce, InForce, InForce]),
        (format!("{PARKED} settle run-1 c failed"), [InForce, Lifting, Void]),
        (format!("{STUCK} settle run-1 b done by hand"), [Lifted, Lifted, Lifted]),
        (format!("{STUCK} settle run-1 b skip the host is gone"), [Lifted, Waived, Lifted]),
        (
            format!(
                "{PARKED} settle run-1 c undo\n undo-fails c\n settle run-1 c skip gone\n settle run-1 a skip why"
            ),
            [InForce, Lifting, Waived],
        ),
        (
            format!(
                "{PARKED} settle run-1 c undo\n undo-fails c\n settle run-1 c skip gone\n settle run-1 c again"
            ),
            [InForce, Lifting, LiftFailed],
        ),
        (format!("{PARKED} settle run-1 c undo\n settle run-1 a done by hand"), [Lifted, InForce, Lifting]),
    ] {
        let mut world = World::new(&[CHAIN]);
        world.play(&script);
        let state = world.engine.state();
        let of = |step: u16| {
            let step = state.run(RunId(1)).unwrap().steps()[usize::from(step)].obligation();
            state.ledger().get(step.unwrap()).unwrap()
        };
        assert_eq!([0, 1, 2].map(|step| of(step).status()), expected, "{script}");
        if expected == [Lifted, Waived, Lifted] {
            assert_eq!(of(1).why(), Some("the host is gone"));
        }
    }
}
