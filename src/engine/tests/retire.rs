//! What is over leaves the state: over its number, and with age.

use std::sync::Arc;

use super::world::{World, setup};
use crate::engine::{Limits, Setup};
use crate::model::Span;

const BLOCK: &str = "
workflow: block
inputs: { a: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.a}' } }
";

/// Keeps so many, for an hour.
fn keeping(finished: usize) -> World {
    let mut setup = Setup::clone(&setup(&[BLOCK]));
    setup.limits = Limits {
        finished,
        reopen: Span::from_secs(60),
        finished_for: Span::from_secs(3_600),
        ..Limits::default()
    };
    World::of(Arc::new(setup))
}

/// So many runs, each of which takes back what it did, and as many incidents.
fn ended(world: &mut World, count: usize) {
    for n in 0..count {
        let key = format!("{}.{n}", world.records.len());
        world.play(&format!("trigger block a={key}\n ok a"));
        let effect = world.engine.state().ledger().iter().next_back().unwrap().id();
        world.play(&format!("lift {effect} over\n ok {effect}\n detect scan {key} 1"));
        let incident = world.engine.state().incidents().next_back().unwrap().id();
        world.play(&format!("resolve {incident} done"));
    }
}

#[test]
fn what_is_over_leaves_in_parts_of_a_tenth() {
    // Of 40 that are kept, a part is 4: from 44 on, 40 are left.
    let mut world = keeping(40);
    let count = |world: &World| {
        let state = world.engine.state();
        (state.runs().count(), state.incidents().count(), state.ledger().len())
    };
    ended(&mut world, 21);
    assert_eq!(count(&world), (42, 21, 21));
    ended(&mut world, 1);
    assert_eq!(count(&world), (40, 22, 22), "runs and lifts: 44 were over");
    ended(&mut world, 21);
    assert_eq!(count(&world).1, 43);
    ended(&mut world, 1);
    let (_, incidents, effects) = count(&world);
    assert_eq!((incidents, effects), (40, 40));
}

#[test]
fn what_is_old_leaves_too_a_hundred_at_a_time() {
    let mut world = keeping(1_000);
    ended(&mut world, 2);
    let kept = |world: &World| {
        let state = world.engine.state();
        (state.runs().count(), state.incidents().count(), state.ledger().len())
    };
    assert_eq!(kept(&world), (4, 2, 2));
    // As old as they may be, and a microsecond older.
    let ended_at = world.engine.state().runs().next().unwrap().ended_at().unwrap();
    world.now = ended_at + Span::from_secs(3_600);
    world.input(crate::engine::Input::Tick);
    assert_eq!(kept(&world), (4, 2, 2));
    world.now = world.now + Span(1);
    world.input(crate::engine::Input::Tick);
    assert_eq!(kept(&world).0, 3, "the first run is too old now");
    world.now = world.now + Span::from_secs(60);
    world.input(crate::engine::Input::Tick);
    assert_eq!(kept(&world), (0, 0, 0));

    ended(&mut world, 75);
    world.now = world.now + Span::from_secs(7_200);
    world.input(crate::engine::Input::Tick);
    assert_eq!(kept(&world), (50, 0, 0), "150 runs, of which 100 leave with one record");
    world.input(crate::engine::Input::Tick);
    assert_eq!(kept(&world), (0, 0, 0));
}

#[test]
fn an_incident_that_leaves_does_not_take_the_next_of_its_key_along() {
    let mut world = keeping(2);
    world.play("detect scan 192.0.2.1 1\n resolve inc-1 done\n wait 10m\n detect scan#2 192.0.2.1 1");
    let open = world.engine.state().incidents().next_back().unwrap().id();
    for n in 3..9 {
        world.play(&format!("detect scan 192.0.2.{n} 1"));
        let incident = world.engine.state().incidents().next_back().unwrap().id();
        world.play(&format!("resolve {incident} done"));
    }
    assert!(world.engine.state().incidents().all(|incident| incident.id().to_string() != "inc-1"));
    let told = world.play("detect scan#3 192.0.2.1 1\n wait 10s");
    assert!(!told.contains("opened"), "{told}");
    assert_eq!(world.engine.state().incident(open).unwrap().count(), 2, "{told}");
}

/// Effects that ended leave at their own age, and a hundred at a time too.
#[test]
fn what_ended_on_the_ledger_leaves_when_it_is_old() {
    let mut world = keeping(1_000);
    world.play("trigger block a=x\n ok a\n lift ob-1 over\n ok ob-1");
    let ended = world.engine.state().ledger().get(crate::model::ObligationId(1)).unwrap().since();
    let kept = |world: &World| world.engine.state().ledger().len();
    for (age, left) in [(Span::from_secs(3_600), 1), (Span(3_600_000_001), 0)] {
        world.now = ended + age;
        world.input(crate::engine::Input::Tick);
        assert_eq!(kept(&world), left, "{age}");
    }
    ended_effects(&mut world, 120);
    world.now = world.now + Span::from_secs(7_200);
    world.input(crate::engine::Input::Tick);
    assert_eq!(kept(&world), 20);
    world.input(crate::engine::Input::Tick);
    assert_eq!(kept(&world), 0);
}

fn ended_effects(world: &mut World, count: usize) {
    for n in 0..count {
        world.play(&format!("trigger block a={n}\n fail a"));
    }
}
