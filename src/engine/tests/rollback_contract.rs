//! What is promised of rollbacks (C9 to C13), clause by clause, where a person or a crash comes between.

use super::check;
use super::world::World;
use crate::engine::{Event, RunStatus, StepStatus};
use crate::model::{RunId, StepIx};

const CHAIN: &str = "
workflow: chain
inputs: { who: { type: text, default: nobody } }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.who}' } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b }, retry: { attempts: 2, backoff: 10s, jitter: 0% } }
  - { id: c, role: WALL, action: once, needs: [b], with: { address: c } }
";

const FAN: &str = "
workflow: fan
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, with: { address: b } }
  - { id: c, role: WALL, action: block, with: { address: c } }
  - { id: d, role: WALL, action: block, needs: [a, b, c], with: { address: d } }
";

/// The undos of a story, in the order in which they start.
fn undone(world: &World) -> Vec<u16> {
    let started = |event: &Event| match event {
        Event::UndoStarted { step, .. } => Some(step.0),
        _ => None,
    };
    world.records.iter().filter_map(|record| started(&record.event)).collect()
}

fn status(world: &World) -> RunStatus {
    world.engine.state().run(RunId(1)).unwrap().status()
}

#[test]
fn c9_the_order_is_that_of_completion_not_of_the_file() {
    for (done, expected) in [("b c a", [0, 2, 1]), ("c b a", [0, 1, 2]), ("a c b", [1, 2, 0])] {
        let mut world = World::new(&[FAN]);
        world.play("trigger fan");
        for step in done.split(' ') {
            world.play(&format!("ok {step}"));
        }
        world.play("fail d");
        for step in expected {
            assert_eq!(undone(&world).last(), Some(&step), "{done}");
            world.play(&format!("undone {}", ["a", "b", "c"][usize::from(step)]));
        }
        assert_eq!((undone(&world), status(&world)), (expected.to_vec(), RunStatus::RolledBack));
    }
}

#[test]
fn c9_one_undo_at_a_time_even_over_a_crash() {
    let mut world = World::new(&[FAN]);
    world.play("trigger fan\n ok a\n ok b\n ok c\n fail d");
    for step in ["c", "b", "a"] {
        let in_flight = |world: &World| {
            let run = world.engine.state().run(RunId(1)).unwrap();
            run.steps().iter().filter(|step| step.undo_in_flight()).count()
        };
        assert_eq!(in_flight(&world), 1);
        world.play("crash");
        assert_eq!(in_flight(&world), 1);
        world.play(&format!("undone {step}"));
    }
    assert_eq!((undone(&world), status(&world)), (vec![2, 2, 1, 1, 0, 0], RunStatus::RolledBack));
}

#[test]
fn c10_what_an_undo_needs_is_captured_before_the_step_acts() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain who=203.0.113.7");
    let captured = |world: &World| {
        let run = world.engine.state().run(RunId(1)).unwrap();
        run.steps()[0].undo().cloned().unwrap()
    };
    let before = captured(&world);
    assert_eq!((&*before.name, before.target.as_deref()), ("unblock", Some("203.0.113.7")));
    // What the step answers, and what the file says later, changes nothing about it.
    world.play("ok a address=198.51.100.1");
    world.setup = super::world::setup(&[&CHAIN.replace("'${inputs.who}'", "elsewhere")]);
    world.play("crash\n cancel run-1\n stopped b\n undone b");
    let undo = world.records.iter().rev().find_map(|record| match &record.event {
        Event::UndoStarted { step: StepIx(0), action, .. } => Some((**action).clone()),
        _ => None,
    });
    assert_eq!(undo, Some(before));
}

#[test]
fn c11_four_of_five_attempts_to_undo_then_a_crash_then_the_fifth() {
    let script = "
        trigger chain
        ok a
        fail b
        wait 10s
        fail b
        undo-fails a
        wait 2s
        undo-fails a
        wait 3s
        undo-fails a
        wait 5s
        undo-fails a
        crash
        wait 9s
        undo-fails a
        crash
        settle run-1 a skip it ends by itself tomorrow";
    check("c11_four_of_five_then_a_crash", CHAIN, script);
}

#[test]
fn c11_a_stuck_run_is_stuck_after_a_crash_and_its_settlements_are_kept() {
    let mut world = World::new(&[FAN]);
    world.play("trigger fan\n ok a\n ok b\n ok c\n fail d");
    for step in ["c", "b"] {
        for _ in 0..5 {
            world.play(&format!("undo-fails {step}\n wait 1m"));
        }
    }
    world.play("undone a");
    assert_eq!(status(&world), RunStatus::Stuck);
    world.play("crash\n settle run-1 c skip gone\n crash");
    assert_eq!(status(&world), RunStatus::Stuck);
    let run = world.engine.state().run(RunId(1)).unwrap();
    assert_eq!(run.skipped_undos().collect::<Vec<_>>(), [StepIx(2)]);
    // A retry of the run does not touch what was skipped.
    world.play("retry run-1\n undone b");
    assert_eq!(status(&world), RunStatus::RolledBack);
    assert_eq!(undone(&world).iter().filter(|step| **step == 2).count(), 5);
}

#[test]
fn c12_a_cancel_during_an_undo_is_recorded_and_changes_nothing() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain\n ok a\n ok b\n fail c");
    let told = world.play("cancel run-1");
    assert!(
        told.contains("refused: run-1 is being rolled back already: it is rolling back since "),
        "{told}"
    );
    let recorded = world.records.last().map(|record| matches!(record.event, Event::RequestRefused { .. }));
    assert_eq!(recorded, Some(true));
    world.play("undone b\n undone a");
    // By the failure, not by the cancel that came too late.
    assert_eq!((undone(&world), status(&world)), (vec![1, 0], RunStatus::RolledBack));
}

#[test]
fn c12_only_an_abandon_stops_a_rollback() {
    let mut world = World::new(&[CHAIN]);
    world.play(
        "trigger chain\n ok a\n ok b\n fail c\n pause run-1\n cancel run-1\n resume run-1\n retry run-1",
    );
    assert_eq!(status(&world), RunStatus::RollingBack);
    let told = world.play("abandon run-1");
    assert!(told.contains("→ stop b of run-1") && told.contains("2 of its effects stay in force"), "{told}");
    world.play("undone b\n wait 10m\n crash\n wait 10m");
    assert_eq!((undone(&world), status(&world)), (vec![1], RunStatus::Abandoned));
}

#[test]
fn c12_a_cancel_in_a_retry_delay_and_in_a_pause_starts_nothing_new() {
    for hold in ["wait 3s", "pause run-1", "pause run-1\n crash"] {
        let mut world = World::new(&[CHAIN]);
        world.play(&format!("trigger chain\n ok a\n fail b\n {hold}\n cancel run-1"));
        let run = world.engine.state().run(RunId(1)).unwrap();
        assert_eq!(run.steps()[1].status(), StepStatus::Cancelled, "{hold}");
        world.play("undone a\n wait 5m");
        assert_eq!((undone(&world), status(&world)), (vec![0], RunStatus::Cancelled), "{hold}");
    }
}

#[test]
fn c13_to_pause_or_resume_twice_is_once() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain");
    for (verb, records) in [("pause", 1), ("pause", 0), ("resume", 1), ("resume", 0)] {
        let before = world.records.len();
        world.play(&format!("{verb} run-1"));
        assert_eq!(world.records.len() - before, records, "{verb}");
    }
}

#[test]
fn c13_a_pause_never_delays_a_rollback() {
    // A run that is held fails or is cancelled: its rollback begins at once, and is not held later.
    for how in ["fail b\n fail b", "cancel run-1\n stopped b"] {
        let retry_less = CHAIN.replace("attempts: 2", "attempts: 1");
        let mut world = World::new(&[&retry_less]);
        world.play("trigger chain\n ok a\n pause run-1");
        world.play(how.lines().next().unwrap());
        assert_eq!(status(&world), RunStatus::RollingBack, "{how}");
        if how.contains("stopped") {
            world.play("stopped b\n undone b");
        }
        let told = world.play("pause run-1");
        assert!(told.contains("refused: run-1: a run that is rolling_back cannot become paused"), "{told}");
        world.play("undone a");
        assert!(status(&world).is_terminal(), "{how}");
    }
}

#[test]
fn c13_an_undo_that_waits_is_not_frozen_by_a_pause() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain\n ok a\n ok b\n fail c\n undo-fails b\n pause run-1\n wait 2s");
    assert_eq!(undone(&world), [1, 1]);
}

#[test]
fn c9_what_waited_for_an_agent_is_not_undone_before_its_turn() {
    let text = "
workflow: two
steps:
  - { id: a, role: BELL, action: block, with: { address: a }, retry: { attempts: 2, backoff: 5m, jitter: 0% } }
  - { id: b, role: BELL, action: block, with: { address: b }, timeout: 20m }
";
    let script = "
        trigger two
        lost a
        wait 5m
        cancel run-1
        stopped b
        undo-fails b
        wait 2s
        undone b
        undone a";
    check("c9_waited_for_an_agent", text, script);
}
