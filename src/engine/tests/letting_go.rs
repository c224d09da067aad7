//! Who let go, gave up or was overtaken: nothing is left to nobody, and nothing is undone for those who
//! do not want it any more.

use super::world::World;
use crate::engine::ObligationStatus::{self, *};
use crate::engine::{RunStatus, StepStatus};
use crate::model::{ObligationId, RunId, StepIx};

/// `tell` keeps the run live.
fn acts(action: &str) -> String {
    format!(
        "
workflow: acts
trigger: {{ rule: scan }}
steps:
  - {{ id: a, role: WALL, action: {action}, with: {{ address: x }}, timeout: 90s,
      retry: {{ attempts: 2, backoff: 1m, jitter: 0% }} }}
  - {{ id: b, role: WALL, action: tell, needs: [a], with: {{ text: '${{run.id}}' }}, undo: 'none: said', timeout: 1h }}
"
    )
}

fn status(world: &World, id: u64) -> ObligationStatus {
    world.engine.state().ledger().get(ObligationId(id)).unwrap().status()
}

fn holders(world: &World, id: u64) -> Vec<String> {
    let obligation = world.engine.state().ledger().get(ObligationId(id)).unwrap();
    obligation.holders().iter().map(|holder| holder.run().to_string()).collect()
}

fn run(world: &World, id: u64) -> RunStatus {
    world.engine.state().run(RunId(id)).unwrap().status()
}

/// A person may let an incident go whose run is at work still.
#[test]
fn who_let_go_undoes_nothing() {
    let mut world = World::new(&[&acts("bolt")]);
    let told = world.play("detect scan one 1\n ok a\n trigger acts\n lift inc-1 enough");
    assert!(told.contains("run-2 a JOINS ob-1"), "{told}");
    assert_eq!(holders(&world, 1), ["run-2"], "{told}");
    let told = world.play("fail run-1/b");
    assert!(told.contains("run-1 a lets go of ob-1: it let go of it before"), "{told}");
    assert_eq!((status(&world, 1), run(&world, 1)), (InForce, RunStatus::RolledBack), "{told}");
}

#[test]
fn an_attempt_after_letting_go_is_owed_again() {
    let text = acts("hold").replace("timeout: 90s", "timeout: 90s, expires: 1h");
    let longer = text.replace("acts", "longer").replace("scan", "more").replace("expires: 1h", "expires: 2h");
    let mut world = World::new(&[&text, &longer]);
    world.play("detect scan one 1\n ok a\n detect more two 1\n lost run-2/a");
    assert_eq!(holders(&world, 1), ["run-1", "run-2"]);
    let told = world.play("lift inc-2 enough");
    assert_eq!(holders(&world, 1), ["run-1"], "{told}");
    let told = world.play("wait 1m\n ok run-2/a");
    assert!(told.contains("run-2 a starts (2)"), "{told}");
    assert_eq!(holders(&world, 1), ["run-1", "run-2"]);
}

/// C11: an undo between two attempts is nobody's once its run is abandoned.
#[test]
fn c11_what_an_abandoned_run_was_undoing_can_be_lifted() {
    let mut world = World::new(&[&acts("block")]);
    let told = world.play("trigger acts\n ok a\n fail b\n undo-fails a");
    assert_eq!(status(&world, 1), Lifting, "{told}");
    world.play("abandon run-1 no");
    assert_eq!(status(&world, 1), LiftFailed);
    let told = world.play("lift ob-1 enough\n ok ob-1");
    assert_eq!(status(&world, 1), Lifted, "{told}");
}

/// What comes of a lift is of no interest once a person has given the effect up.
#[test]
fn what_was_given_up_stays_given_up_and_is_counted_once() {
    let mut world = World::new(&[&acts("wire")]);
    let told = world.play("trigger acts\n ok a\n fail b\n undo-lost a\n unknown a undone");
    assert_eq!(run(&world, 1), RunStatus::Stuck, "{told}");
    let told = world.play("lift ob-1 enough\n settle run-1 a skip it stays\n fail ob-1");
    assert_eq!(status(&world, 1), Waived, "{told}");
    let ledger = world.engine.state().ledger();
    assert_eq!((ledger.standing_count(), ledger.standing().count()), (0, 0));
}

/// S3.5: what a run did is still there when it is tried again and that comes to nothing.
#[test]
fn what_was_done_before_outlives_a_try_again_that_fails() {
    let mut world = World::new(&[&acts("wire")]);
    world.play("trigger acts\n lost a\n unknown a\n abandon run-1");
    assert_eq!((status(&world, 1), holders(&world, 1)), (InDoubt, vec!["run-1".to_owned()]));
    let told = world.play("wait 65s\n retry run-1");
    assert!(told.contains("run-2 a starts (1)"), "{told}");
    let told = world.play("fail run-2/a\n wait 1m\n fail run-2/a");
    assert_eq!((status(&world, 1), holders(&world, 1)), (InDoubt, vec!["run-2".to_owned()]), "{told}");
}

/// C28: waiting in vain for another attempt is no reason to last longer.
#[test]
fn c28_an_attempt_that_never_began_does_not_renew_what_may_be_there() {
    let text = acts("block").replace("timeout: 90s,", "timeout: 90s, expires: 5m,");
    let mut world = World::new(&[&text]);
    world.play("trigger acts\n lost a");
    let until = || world.engine.state().ledger().get(ObligationId(1)).unwrap().until();
    let first = until();
    assert!(first.is_some());
    let told = world.play("wait 30s\n cancel run-1");
    let obligation = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    assert!(obligation.until() == first || obligation.status() == Lifting, "{told}");
    assert_eq!(obligation.holders()[0].until(), first, "{told}");
}

const CHECKED: &str = "
workflow: checked
steps:
  - { id: a, role: WALL, action: wire, with: { address: x }, verify: { within: 60s } }
  - { id: b, role: WALL, action: wire, with: { address: y }, verify: { within: 60s } }
";

/// C16: who waits for a person asks on about what was performed, and so gives its turn back.
#[test]
fn c16_a_parked_run_goes_on_asking_after_a_start() {
    let mut world = World::new(&[CHECKED]);
    let told = world.play("trigger checked\n ok a\n lost b\n unknown b");
    assert_eq!(run(&world, 1), RunStatus::Parked, "{told}");
    let told = world.play("crash");
    assert!(told.contains("→ looks for wire (7.run-1.a)"), "{told}");
    let told = world.play("present a");
    let step = &world.engine.state().run(RunId(1)).unwrap().steps()[0];
    assert_eq!(step.status(), StepStatus::Succeeded, "{told}");
    assert!(world.engine.state().lease("x").is_none());
}

/// What an answer set off may have gone past the other questions that a start puts.
#[test]
fn nothing_is_asked_about_a_step_that_is_being_undone() {
    let mut world = World::new(&[CHECKED]);
    world.play("trigger checked\n ok a\n ok b");
    let setup = std::sync::Arc::make_mut(&mut world.setup);
    for agent in &mut setup.agents {
        agent.actions.values_mut().for_each(|action| action.probe = None);
    }
    let told = world.play("crash");
    assert!(!told.contains("looks for"), "{told}");
    for ix in [0, 1] {
        let step = &world.engine.state().run(RunId(1)).unwrap().steps()[StepIx(ix).index()];
        assert!(!step.is_probing(), "{told}");
    }
}

/// C28: when the one who wants it longest lets go, the others' end counts.
#[test]
fn c28_an_undo_by_hand_leaves_the_end_to_the_others() {
    let forever = acts("block");
    let timed = forever.replace("acts", "timed").replace("scan", "more").replace("90s,", "90s, expires: 5m,");
    let mut world = World::new(&[&forever, &timed]);
    let told = world.play("trigger acts\n ok a\n trigger timed\n fail run-1/b");
    assert!(told.contains("run-1 a lets go of ob-1: held by run-2"), "{told}");
    let mut world = World::new(&[&forever, &timed]);
    let told = world
        .play("trigger acts\n ok a\n fail b\n undo-fails a\n trigger timed\n settle run-1 a done by hand");
    assert!(told.contains("SETTLED"), "{told}");
    world.play("ok run-2/a");
    let told = world.play("wait 6m");
    assert!(told.contains("unblock x") && told.contains("created: lift by quell"), "{told}");
}

/// C13: what is found out in a pause begins nothing before it is over.
#[test]
fn c13_a_paused_lift_does_not_begin_again_when_its_effect_is_found() {
    let mut world = World::new(&[&acts("wire")]);
    world.play("trigger acts\n ok a\n lift ob-1 enough\n crash\n pause run-2");
    let told = world.play("present ob-1");
    assert!(!told.contains("starts (2)"), "{told}");
    let told = world.play("resume run-2");
    assert!(told.contains("starts (2)") || told.contains("→ looks for wire"), "{told}");
}

/// S3.5: what is being undone is not there, whoever saw it before.
#[test]
fn what_is_being_undone_for_another_run_is_not_settled_as_done() {
    let text = acts("wire").replace("timeout: 90s,", "timeout: 90s, expires: 20s,");
    let mut world = World::new(&[&text]);
    world.play("trigger acts\n lost a\n unknown a\n wait 30s\n pause run-2\n trigger acts\n wait 31s");
    let told = world.play("ok run-3/a\n fail run-3/b");
    assert_eq!((run(&world, 1), status(&world, 1)), (RunStatus::Parked, Lifting), "{told}");
    let told = world.play("settle run-1 a done seen");
    assert!(told.contains("run-3 is undoing ob-1"), "{told}");
    assert_eq!((run(&world, 1), status(&world, 1)), (RunStatus::Parked, Lifting), "{told}");
    world.play("undone run-3/a");
    let told = world.play("settle run-1 a done seen");
    assert!(told.contains("SETTLED"), "{told}");
}

/// S3.5: what was found absent is done, not joined, whoever has it on the books.
#[test]
fn what_was_found_absent_is_done_anew() {
    let mut world = World::new(&[&acts("wire")]);
    world.play("trigger acts\n ok a\n fail b\n undo-lost a\n unknown a undone");
    assert_eq!(run(&world, 1), RunStatus::Stuck);
    let told = world.play("wait 61s\n trigger acts\n lost run-2/a");
    assert!(told.contains("looks for wire"), "{told}");
    let told = world.play("settle run-1 a skip it stays\n absent a\n wait 2m");
    assert!(told.contains("run-2 a starts (2)"), "{told}");
    assert!(!told.contains("JOINS"), "{told}");
}

/// C9: a person who has two undos tried again has one at a time.
#[test]
fn c9_two_undos_tried_again_take_turns() {
    let text = "
workflow: two
steps:
  - { id: a, role: WALL, action: wire, with: { address: x } }
  - { id: b, role: WALL, action: wire, needs: [a], with: { address: y } }
  - { id: c, role: WALL, action: tell, needs: [b], with: { text: '${run.id}' }, undo: 'none: said' }
";
    let mut world = World::new(&[text]);
    world.play("trigger two\n ok a\n ok b\n fail c\n undo-lost b\n unknown b undone\n wait 61s\n undo-lost a\n unknown a undone");
    assert_eq!(run(&world, 1), RunStatus::Stuck);
    let told = world.play("settle run-1 a again\n settle run-1 b again\n wait 61s");
    assert!(told.contains("a undo starts (2)") && !told.contains("b undo starts"), "{told}");
    let told = world.play("undone a");
    assert!(told.contains("run-1 b undo starts (2)"), "{told}");
    world.play("undone b");
    assert_eq!(run(&world, 1), RunStatus::RolledBack);
}

/// C3: an answer about a target on which another run acts says nothing of what is there then.
#[test]
fn c3_what_was_found_while_another_run_undid_it_is_asked_again() {
    let mut world = World::new(&[&acts("wire").replace("timeout: 90s,", "timeout: 90s, expires: 20s,")]);
    world.play("trigger acts\n ok a\n lift ob-1 enough\n crash\n unknown ob-1\n trigger acts");
    let told = world.play("halt enough\n stopped run-3/a\n fail run-1/b\n wait 60s\n release");
    assert!(told.contains("run-1 a undo starts (1)") && told.contains("run-3 a is asked for"), "{told}");
    let told = world.play("present a");
    assert!(!told.contains("run-3 a succeeded"), "{told}");
    let told = world.play("undone run-1/a\n wait 5s");
    assert!(told.contains("run-3 a is asked for"), "{told}");
    let told = world.play("absent a\n wait 5s");
    assert!(told.contains("run-3 a starts (2)"), "{told}");
}
