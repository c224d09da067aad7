//! What people may say of a rollback, step by step, and what they are told of it.

use std::sync::Arc;

use super::world::World;
use crate::engine::{ObligationStatus, RunStatus, Settled, Setup};
use crate::model::{ObligationId, RunId, StepIx};

const CHAIN: &str = "
workflow: chain
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
  - { id: c, role: WALL, action: once, needs: [b], with: { address: c } }
  - { id: d, role: WALL, action: block, needs: [c], with: { address: d } }
";
const BEGUN: &str = "trigger chain\n ok a\n ok b\n cancel run-1\n stopped c\n undone c";
const GIVEN_UP: &str = "undo-fails b\n wait 2s\n undo-fails b\n wait 3s\n undo-fails b\n wait 5s\n undo-fails b\n wait 9s\n undo-fails b";

fn stuck() -> String {
    format!("{BEGUN}\n {GIVEN_UP}\n undone a")
}

fn told(world: &World, step: u16) -> Option<String> {
    world.engine.state().run(RunId(1)).unwrap().undo_told(StepIx(step))
}

#[test]
fn what_is_told_of_each_undo_and_what_may_be_said_of_it() {
    use Settled::{Again, Done, Skip};
    let stuck = stuck();
    let stuck = |more: &str| format!("{stuck}\n {more}");
    type Row<'a> = (String, u16, Option<&'a str>, &'a [Settled]);
    let rows: Vec<Row> = vec![
        ("trigger chain\n ok a".into(), 0, None, &[]),
        (BEGUN.into(), 0, Some("its turn comes"), &[Done, Skip]),
        (BEGUN.into(), 1, Some("attempt 1 of 5 is in flight"), &[]),
        (BEGUN.into(), 2, Some("undone"), &[]),
        (BEGUN.into(), 3, None, &[]),
        (format!("{BEGUN}\n undo-fails b"), 1, Some("attempt 2 of 5 at "), &[Again, Done, Skip]),
        (format!("{BEGUN}\n abandon run-1"), 0, Some("not undone"), &[]),
        (stuck(""), 0, Some("undone"), &[]),
        (stuck(""), 1, Some("given up after attempt 5: it said no"), &[Again, Done, Skip]),
        (stuck(""), 3, None, &[]),
        // Nothing begins in a halt: it is to be tried again, and may still be settled otherwise.
        (stuck("halt\n settle run-1 b again"), 1, Some("to be tried again"), &[Done, Skip]),
        (stuck("settle run-1 b again"), 1, Some("attempt 6 of 10 is in flight"), &[]),
        (stuck("settle run-1 b again\n undone b"), 1, Some("undone"), &[]),
        (stuck("settle run-1 b done I did"), 1, Some("undone by hand by ada at "), &[]),
        (stuck("settle run-1 b skip gone"), 1, Some("not undone: skipped by ada at "), &[]),
        // What was skipped may be tried again as long as the rollback goes on.
        (
            format!("{BEGUN}\n undo-fails b\n settle run-1 b skip gone"),
            1,
            Some("not undone: skipped by ada"),
            &[Again, Done],
        ),
        (
            format!("{BEGUN}\n settle run-1 a skip gone"),
            0,
            Some("not undone: skipped by ada"),
            &[Again, Done],
        ),
        (format!("{BEGUN}\n settle run-1 a done gone"), 0, Some("undone by hand by ada"), &[]),
    ];
    for (script, step, expected, may) in rows {
        let mut world = World::new(&[CHAIN]);
        world.play(&script);
        let found = told(&world, step);
        let fits = match (&found, expected) {
            (Some(found), Some(expected)) if expected.ends_with(' ') || expected.ends_with("ada") => {
                found.starts_with(expected)
            }
            (found, expected) => found.as_deref() == expected,
        };
        assert!(fits, "{script} step {step}: {found:?}, not {expected:?}");
        let run = world.engine.state().run(RunId(1)).unwrap();
        assert_eq!(run.may_settle(StepIx(step)), may, "{script} step {step}");
    }
}

/// The agents that could undo it are gone: nothing was tried, and that is what is told.
#[test]
fn an_undo_that_nobody_can_do_was_not_given_up_after_attempts() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain\n ok a\n ok b");
    let mut without = Setup::clone(&world.setup);
    without.agents.remove(0);
    world.setup = Arc::new(without);
    world.play("crash\n cancel run-1");
    assert_eq!(world.engine.state().run(RunId(1)).unwrap().status(), RunStatus::Stuck);
    assert_eq!(told(&world, 1).unwrap(), "not undone: no agent of this setup can undo it");
}

/// What was there before is no part of a rollback.
#[test]
fn what_was_found_is_not_ours_to_undo() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain\n found a\n ok b\n cancel run-1\n stopped c\n undone c\n undone b");
    let run = world.engine.state().run(RunId(1)).unwrap();
    assert_eq!(run.status(), RunStatus::Cancelled);
    assert_eq!((told(&world, 0), told(&world, 1).as_deref()), (None, Some("undone")));
    let entry = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    assert_eq!(
        (entry.status(), entry.holders().len(), entry.in_force_since()),
        (ObligationStatus::Void, 0, None)
    );
}

#[test]
fn whoever_settles_one_is_told_what_is_left() {
    let delicate = "
workflow: chain
steps:
  - { id: x, role: WALL, action: block, with: { address: x }, undo: { action: once, with: { address: x } } }
  - { id: y, role: WALL, action: block, needs: [x], with: { address: y }, undo: { action: once, with: { address: y } } }
  - { id: z, role: BELL, action: tell, needs: [y], with: { text: z }, undo: 'none: it is said' }
";
    let mut world = World::new(&[delicate]);
    world.play("trigger chain\n ok x\n ok y\n fail z\n crash\n crash");
    let told = world.play("settle run-1 x done pulled");
    assert!(
        told.contains("the undo of `x` is settled as done; the run stays stuck: `y` is to be settled"),
        "{told}"
    );
    let told = world.play("settle run-1 y done pulled");
    assert!(told.contains("the undo of `y` is settled as done; the run is rolled back"), "{told}");
    let told = world.play("settle run-1 q done pulled");
    assert!(told.contains("run-1 has no step `q`; there are: x, y, z"), "{told}");
}

/// C23: what a person decided and why is in the record that follows.
#[test]
fn the_reason_of_a_person_is_in_what_follows() {
    let mut world = World::new(&[CHAIN]);
    let told = world.play("trigger chain\n ok a\n ok b\n crash\n settle run-1 c undo to be sure");
    assert!(
        told.contains("run-1 ROLLING BACK: step `c` may have happened; ada has it undone: to be sure"),
        "{told}"
    );
    let mut world = World::new(&[CHAIN]);
    let told = world.play("trigger chain\n ok a\n ok b\n crash\n settle run-1 c failed");
    assert!(told.contains("run-1 c failed (Answered): it did not happen, says ada\n"), "{told}");
}

/// C11, C23: who settles what a lift could not undo, and why, is on the ledger; not who ordered the lift.
#[test]
fn c23_the_ledger_names_who_settled_it() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain\n ok a\n ok b\n ok c\n ok d\n lift ob-1");
    let entry = |world: &World| {
        let entry = world.engine.state().ledger().get(ObligationId(1)).unwrap();
        let by = entry.changed_by().map(ToString::to_string);
        (entry.status(), entry.why().map(str::to_owned), by)
    };
    for _ in 0..5 {
        world.play("fail ob-1\n wait 9s");
    }
    let failed = (ObligationStatus::LiftFailed, Some("it said no".to_owned()), Some("ada".to_owned()));
    assert_eq!(entry(&world), failed);
    world.play("as bob settle run-2 ob-1 done pulled the plug");
    let lifted = (ObligationStatus::Lifted, Some("pulled the plug".to_owned()), Some("bob".to_owned()));
    assert_eq!(entry(&world), lifted);
}
