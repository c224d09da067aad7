//! One effect, several who want it: who holds it, who lets go, and what is owed anew.

use super::world::World;
use crate::engine::ObligationStatus::{self, *};
use crate::model::ObligationId;

/// `tell` keeps the run live.
fn wired(action: &str) -> String {
    format!(
        "
workflow: wired
inputs: {{ for: {{ type: text, default: '' }} }}
steps:
  - {{ id: a, role: WALL, action: {action}, with: {{ address: x }}, timeout: 90s }}
  - {{ id: b, role: BELL, action: tell, needs: [a], with: {{ text: '${{run.id}}' }}, undo: 'none: said', timeout: 1h }}
"
    )
}

const FOR: &str = "
workflow: for
inputs: { for: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: x }, expires: '${inputs.for}', timeout: 90s,
      retry: { attempts: 2, backoff: 5m, jitter: 0% } }
";

fn ledger(world: &World) -> Vec<(ObligationStatus, Vec<String>)> {
    let each = world.engine.state().ledger().iter();
    each.map(|o| (o.status(), o.holders().iter().map(|h| h.run().to_string()).collect())).collect()
}

fn entry(status: ObligationStatus, holders: &[&str]) -> (ObligationStatus, Vec<String>) {
    (status, holders.iter().map(|run| run.to_string()).collect())
}

#[test]
fn who_may_have_acted_holds_it_too() {
    for (second, stays) in [("lost run-2/a", true), ("fail run-2/a", false), ("ok run-2/a", true)] {
        let mut world = World::new(&[FOR]);
        world.play("trigger for for=10m\n ok a\n trigger for for=1h");
        world.play(second);
        let told = world.play("lift run-1");
        assert_eq!(told.contains("1 stay in force: others hold them"), stays, "{second}: {told}");
        assert_eq!(told.contains("run-3 created"), !stays, "{second}: {told}");
    }
}

#[test]
fn who_fails_leaves_it_to_those_who_may_have_acted() {
    let text = wired("wire");
    let mut world = World::new(&[&text]);
    world.play("trigger wired\n crash\n unknown a");
    assert_eq!(ledger(&world), [entry(InDoubt, &["run-1"])]);
    let told = world.play("trigger wired");
    assert!(told.contains("run-2 a starts (1)"), "{told}");
    assert_eq!(ledger(&world), [entry(InDoubt, &["run-1", "run-2"])]);
    world.play("fail run-2/a");
    assert_eq!(ledger(&world), [entry(InDoubt, &["run-1"])]);
    // Alone, what never happened is void.
    let mut world = World::new(&[&text]);
    world.play("trigger wired\n fail a");
    assert_eq!(ledger(&world), [entry(Void, &[])]);
}

#[test]
fn what_was_lifted_in_doubt_and_was_done_all_the_same_is_owed_anew() {
    let text = wired("wire");
    let mut world = World::new(&[&text]);
    world.play("trigger wired\n crash\n unknown a\n lift ob-1 to be sure\n ok ob-1");
    assert_eq!(ledger(&world)[0].0, Lifted);
    world.play("settle run-1 a done I saw it");
    assert_eq!(ledger(&world)[1..], [entry(InForce, &["run-1"])]);
    let entry = world.engine.state().ledger().get(ObligationId(2)).unwrap();
    assert_eq!((entry.target().map(|target| &**target), entry.undo().is_some()), (Some("x"), true));
}

/// An undo in doubt was done, says a person; another run is doing the effect anew meanwhile.
#[test]
fn what_others_do_anew_is_not_undone_with_the_first() {
    let text = wired("wire");
    for (before, after) in
        [("", Lifted), ("trigger wired\n", InDoubt), ("trigger wired\n ok run-2/a\n", InForce)]
    {
        let mut world = World::new(&[&text]);
        world.play("trigger wired\n ok a\n cancel run-1\n stopped b\n crash\n unknown a undone");
        let told = world.play(before);
        assert_eq!(told.contains("run-2 a starts (1)"), !before.is_empty(), "{told}");
        let told = world.play("settle run-1 a done I saw it");
        assert!(told.contains("SETTLED"), "{told}");
        let (status, holders) = ledger(&world).remove(0);
        let status = if status == LiftFailed { InDoubt } else { status };
        assert_eq!(status, after, "{before}: {told}");
        assert_eq!(holders.contains(&"run-2".to_owned()), !before.is_empty(), "{holders:?}");
        if !before.is_empty() {
            assert!(!holders.contains(&"run-1".to_owned()), "{holders:?}");
        }
    }
}

const STOP: &str = "
workflow: stop
steps:
  - { id: a, role: WALL, action: block, with: { address: x } }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: b }, on_failure: stop }
";

#[test]
fn who_tries_a_run_again_takes_its_effects_over() {
    let mut world = World::new(&[STOP]);
    world.play("trigger stop\n ok a\n fail b\n as bob retry run-1");
    let entry = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    let holders: Vec<_> = entry.holders().iter().map(|h| (h.run().to_string(), h.by().to_string())).collect();
    assert_eq!(holders, [("run-2".to_owned(), "bob".to_owned())]);
}

#[test]
fn who_let_go_is_named_if_it_was_a_person() {
    let text = wired("block");
    // A person: the run is over, and what it holds is lifted.
    let mut world = World::new(&[&text]);
    world.play("trigger wired\n ok a\n ok b\n trigger wired\n as bob lift run-1");
    let first = |world: &World| world.engine.state().ledger().get(ObligationId(1)).unwrap().clone();
    assert_eq!(first(&world).changed_by().map(ToString::to_string).as_deref(), Some("bob"));
    assert_eq!(ledger(&world), [entry(InForce, &["run-2"])]);
    // The engine: the run is rolled back, and counts as undone.
    let mut world = World::new(&[&text]);
    world.play("trigger wired\n ok a\n trigger wired\n cancel run-1\n stopped run-1/b");
    assert_eq!(first(&world).changed_by(), None);
    assert_eq!(
        first(&world).changed(),
        world.engine.state().ledger().get(ObligationId(1)).unwrap().changed()
    );
    let run = world.engine.state().runs().next().unwrap();
    let rollback = run.rollback().unwrap();
    assert_eq!((run.status().to_string().as_str(), rollback.done, rollback.total), ("cancelled", 1, 1));
}

#[test]
fn what_is_known_of_an_effect() {
    let mut world = World::new(&[&wired("wire")]);
    world.play("trigger wired\n ok a port=22");
    let state = world.engine.state();
    let entry = state.ledger().get(ObligationId(1)).unwrap();
    assert_eq!(entry.in_force_since(), Some(world.now));
    assert_eq!(entry.output().unwrap().get("port").unwrap(), "22");
    assert_eq!(entry.done_seq(), entry.changed());
    let done = world.records.iter().find(|record| record.seq == entry.done_seq()).unwrap();
    assert!(matches!(done.event, crate::engine::Event::StepSucceeded { .. }), "{done:?}");
    assert_eq!(entry.probed(), None);
    world.play("ok b\n crash\n absent ob-1");
    let entry = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    assert_eq!(entry.probed().unwrap(), &(crate::model::Presence::Absent, world.now));
    assert_eq!(world.engine.state().ledger().of_run(crate::model::RunId(1)).count(), 1);
    assert_eq!(world.engine.state().ledger().of_run(crate::model::RunId(2)).count(), 0);
    assert!(!world.engine.state().ledger().is_empty());
}
