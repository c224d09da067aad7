//! What is in force.

use super::world::World;
use crate::engine::{ObligationStatus, RunMode, State, StepStatus};
use crate::flow::machine::Status;
use crate::model::{ObligationId, RunId};

const BLOCK: &str = "
workflow: block-it
inputs: { a: text }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.a}' }, retry: { attempts: 2, backoff: 1s, jitter: 0% } }
  - { id: once, role: WALL, action: once, needs: [block], with: { address: '${inputs.a}' } }
  - { id: tell, role: BELL, action: tell, needs: [once], with: { text: x }, undo: 'none: it is said' }
";

/// `ob-1 in_force block x: run-1/block`, one line each.
fn shown(world: &World) -> Vec<String> {
    let each = world.engine.state().ledger().iter().map(|obligation| {
        let holders = obligation.holders().iter().map(|h| format!("{}/{}", h.run(), h.step_id()));
        let (action, target) = (&obligation.action().name, obligation.target().unwrap());
        let holders = holders.collect::<Vec<_>>().join(", ");
        format!("{} {} {action} {target}: {holders}", obligation.id(), obligation.status().name())
    });
    each.collect()
}

fn after(script: &str) -> Vec<String> {
    let mut world = World::new(&[BLOCK]);
    world.play(script);
    let mut folded = State::new();
    world.records.iter().for_each(|record| folded.apply(record).unwrap());
    assert_eq!(folded.ledger(), world.engine.state().ledger(), "{script}");
    shown(&world)
}

#[test]
fn an_effect_is_owed_before_it_is_done_and_in_force_after_it() {
    for (script, expected) in [
        ("trigger block-it a=x", &["ob-1 owed block x: run-1/block"][..]),
        ("trigger block-it a=x\n fail block", &["ob-1 owed block x: run-1/block"]),
        ("trigger block-it a=x\n fail block\n wait 1s\n fail block", &["ob-1 void block x: "]),
        ("trigger block-it a=x\n fail block\n cancel run-1", &["ob-1 void block x: "]),
        ("trigger block-it a=x\n lost block\n cancel run-1", &["ob-1 in_doubt block x: run-1/block"]),
        (
            "trigger block-it a=x\n ok block",
            &["ob-1 in_force block x: run-1/block", "ob-2 owed once x: run-1/once"],
        ),
        (
            "trigger block-it a=x\n ok block\n crash",
            &["ob-1 in_force block x: run-1/block", "ob-2 in_doubt once x: run-1/once"],
        ),
        (
            "trigger block-it a=x\n ok block\n lost once",
            &["ob-1 in_force block x: run-1/block", "ob-2 in_doubt once x: run-1/once"],
        ),
        (
            "trigger block-it a=x\n ok block\n ok once\n ok tell",
            &["ob-1 in_force block x: run-1/block", "ob-2 in_force once x: run-1/once"],
        ),
        (
            "trigger block-it a=x\n ok block\n ok once\n fail tell",
            &["ob-1 in_force block x: run-1/block", "ob-2 lifting once x: run-1/once"],
        ),
        (
            "trigger block-it a=x\n ok block\n ok once\n fail tell\n undone once\n crash",
            &["ob-1 lifting block x: run-1/block", "ob-2 lifted once x: run-1/once"],
        ),
        (
            "trigger block-it a=x\n ok block\n ok once\n abandon run-1",
            &["ob-1 in_force block x: run-1/block", "ob-2 in_force once x: run-1/once"],
        ),
    ] {
        assert_eq!(after(script), expected, "{script}");
    }
}

#[test]
fn an_undo_that_is_given_up_is_said_on_the_ledger() {
    let mut world = World::new(&[BLOCK]);
    world.play("trigger block-it a=x\n ok block\n fail once");
    for _ in 0..5 {
        world.play("undo-fails block\n wait 70s");
    }
    let obligation = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    assert_eq!((obligation.status(), obligation.why()), (ObligationStatus::LiftFailed, Some("it said no")));
    world.play("retry run-1\n undone block");
    let obligation = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    assert_eq!((obligation.status(), obligation.lifted_by()), (ObligationStatus::Lifted, Some(RunId(1))));
}

#[test]
fn what_is_taken_over_changes_hands() {
    const STOP: &str = "
workflow: stop
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b }, on_failure: stop }
";
    let mut world = World::new(&[STOP]);
    world.play("trigger stop\n ok a\n fail b\n retry run-1");
    let expected = ["ob-1 in_force block a: run-2/a", "ob-2 void block b: ", "ob-3 owed block b: run-2/b"];
    assert_eq!(shown(&world), expected);
}

#[test]
fn what_is_only_observed_is_not_in_force() {
    let mut world = World::of(super::world::real(&[BLOCK]));
    world.play("trigger block-it a=x");
    assert_eq!(world.engine.state().runs().next().unwrap().mode(), RunMode::Observe);
    assert!(world.engine.state().ledger().is_empty());
}

#[test]
fn what_ended_leaves_the_state_and_what_stands_stays() {
    let mut world = World::new(&[BLOCK]);
    world.play("trigger block-it a=stays\n ok block");
    for i in 0..10 {
        world.play(&format!("trigger block-it a={i}\n fail block\n wait 1s\n fail block"));
    }
    let ledger = world.engine.state().ledger();
    assert_eq!((ledger.standing_count(), ledger.len()), (2, 5));
    assert_eq!(ledger.of_effect("block", "stays").unwrap().id(), ObligationId(1));
}

/// A run that is tried again twice: the second retry holds what it relies on too.
#[test]
fn c9_what_an_earlier_retry_took_over_is_joined_by_the_next() {
    const STOPS: &str = "
workflow: stops
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b }, on_failure: stop }
";
    let mut world = World::new(&[STOPS]);
    world.play("trigger stops\n ok a\n fail b\n retry run-1\n fail run-2/b\n retry run-1");
    let state = world.engine.state();
    let holders: Vec<_> = state.ledger().of_effect("block", "a").unwrap().holders().iter().collect();
    let holders: Vec<RunId> = holders.into_iter().map(|holder| holder.run()).collect();
    assert_eq!(holders, [RunId(2), RunId(3)]);
    assert_eq!(state.run(RunId(3)).unwrap().steps()[0].status(), StepStatus::Succeeded);
}
