//! Starting is recovering.

use std::sync::Arc;

use super::check;
use super::world::{START, World, setup};
use crate::engine::{Acts, Engine, JournalKind, ReplayError, Run, RunStatus, Setup, State};
use crate::model::Timestamp;

const CHAIN: &str = "
workflow: chain
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
  - { id: c, role: WALL, action: once, needs: [b], with: { address: c } }
";

#[test]
fn checkpoint_recovery() {
    check("c8_completed_steps_are_not_done_again", CHAIN, "trigger chain\n ok a\n crash\n ok b\n ok c");
}

#[test]
fn c3_in_doubt_and_not_idempotent_waits_for_a_person() {
    check("c3_parked", CHAIN, "trigger chain\n ok a\n ok b\n crash\n retry run-1\n ok c");
    check(
        "c3_parked_then_cancelled",
        CHAIN,
        "trigger chain\n ok a\n ok b\n crash\n cancel run-1\n undone c\n undone b\n undone a",
    );
}

#[test]
fn rollback_fails_then_crash() {
    check(
        "rollback_fails_then_crash",
        CHAIN,
        "trigger chain\n ok a\n ok b\n fail c\n undo-fails b\n crash\n wait 2s\n undone b\n crash\n undone a",
    );
}

#[test]
fn c18_a_drain_starts_nothing_new_and_the_next_start_goes_on() {
    check(
        "c18_drain",
        CHAIN,
        "trigger chain\n drain\n ok a\n trigger chain\n crash\n ok run-1/b\n ok run-1/c",
    );
    check(
        "c18_drain_in_rollback",
        CHAIN,
        "trigger chain\n ok a\n ok b\n fail c\n drain\n undone b\n crash\n undone a",
    );
    check(
        "c18_drain_in_retry",
        CHAIN,
        "trigger chain\n ok a\n ok b\n fail c\n undo-fails b\n drain\n wait 1m\n crash\n wait 1s\n undone b\n undone a",
    );
}

#[test]
fn c17_a_run_keeps_the_text_that_it_began_with() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain\n ok a");
    world.setup = setup(&[&CHAIN.replace("address: b", "address: other")]);
    world.play("crash\n ok b\n ok c");
    let run = world.engine.state().runs().next().unwrap();
    assert_eq!(run.steps()[1].action().unwrap().target.as_deref(), Some("b"));
}

/// Cuts the journal at every record: the fold is the state that the engine had, and it can go on.
#[test]
fn any_prefix_can_be_taken_up() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain\n ok a\n ok b\n fail c\n undo-fails b\n wait 2s\n undone b\n undone a\n trigger chain\n cancel run-2");
    for cut in 1..=world.records.len() {
        let records = world.records[..cut].to_vec();
        let (mut engine, _) = Engine::recover(records, Arc::clone(&world.setup), "test", START)
            .unwrap_or_else(|e| panic!("{cut}: {e}"));
        let mut folded = State::new();
        world.records[..cut].iter().for_each(|record| folded.apply(record).unwrap());
        assert_eq!(folded.seq(), cut as u64);
        let waits = |run: &Run| run.status().is_terminal() || run.status().waits_for_person();
        assert!(engine.next_deadline().is_some() || engine.state().runs().all(waits), "cut at {cut}");
    }
}

/// Two steps in doubt, and a setup in which nobody can do them: the first one turns the run round.
#[test]
fn c3_a_run_that_turned_round_repeats_nothing_that_is_in_doubt() {
    const BOTH: &str = "
workflow: both
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, with: { address: b } }
";
    let mut world = World::new(&[BOTH]);
    world.play("trigger both");
    let mut without = Setup::clone(&world.setup);
    without.agents.retain(|agent| &*agent.role != "WALL");
    world.setup = Arc::new(without);
    world.play("crash");
    let run = world.engine.state().runs().next().unwrap();
    assert_eq!(run.status(), RunStatus::Stuck);
    assert_eq!(run.steps().iter().map(|step| step.attempt()).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_journal_is_for_exercise_or_for_real_for_ever() {
    let world = World::new(&[CHAIN]);
    let real = Arc::new(Setup { kind: JournalKind::Real, acts: Acts::Armed, ..Setup::clone(&world.setup) });
    let refused = Engine::recover(world.records.clone(), real, "test", START).err();
    assert_eq!(refused.unwrap().to_string(), "the journal is for exercise, the setup for real");
    let empty = Engine::recover([], Arc::clone(&world.setup), "test", START).err();
    assert_eq!(empty, Some(ReplayError::Empty));
}

#[test]
fn a_damaged_journal_is_refused_and_the_record_named() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain\n ok a");
    let last = world.records.pop().unwrap();
    let gone = world.records.pop().unwrap();
    assert!(last.seq == gone.seq + 1);
    world.records.push(last);
    let refused =
        Engine::recover(world.records.clone(), Arc::clone(&world.setup), "test", Timestamp(0)).err();
    assert_eq!(
        refused.unwrap().to_string(),
        format!("record {}: expected record {}", gone.seq + 1, gone.seq)
    );
}
