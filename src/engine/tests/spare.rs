//! What is protected is spared: what is in force against it is lifted (C27).

use std::sync::Arc;

use super::World;
use super::world::{real, setup};
use crate::engine::protect::{Entry, Guarded, Origin, Protected};
use crate::engine::{Actor, Event, ObligationStatus, Request, Setup, State};
use crate::model::{Digest, IncidentId, ObligationId, RequestId, RunId, Timestamp};

const BLOCK: &str = "
workflow: block-it
inputs: { a: text }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.a}' } }
";
const ANSWER: &str = "
workflow: answer
trigger: { rule: scan }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${detection.source_ip}' } }
  - { id: other, role: WALL, action: once, needs: [block], with: { address: '192.0.2.200' } }
";

fn protecting(base: &Setup, what: &str, until: Option<Timestamp>) -> Arc<Setup> {
    let (origin, reason) = (Origin::Settings, Arc::from("the office"));
    let entry = Entry { what: Guarded::Net(what.parse().unwrap()), origin, reason, until };
    Arc::new(Setup { protected: Arc::new(Protected::new([entry])), ..base.clone() })
}

fn reload(world: &mut World, with: Arc<Setup>) -> String {
    world.setup = Arc::clone(&with);
    let by = Actor(Arc::from("ann"));
    let (_, output) = world.engine.reload(RequestId(77), &by, with, Digest([7; 32]), world.now);
    world.take(output)
}

fn status(world: &World, id: u64) -> ObligationStatus {
    world.engine.state().ledger().get(ObligationId(id)).unwrap().status()
}

fn replayed(world: &World) -> State {
    let mut state = State::new();
    world.records.iter().for_each(|record| state.apply(record).unwrap());
    state
}

/// Three effects, two of them against what is going to be protected, one of these held by two runs.
fn blocked() -> World {
    let mut world = World::new(&[BLOCK]);
    for address in ["10.0.0.5", "10.0.0.5", "192.0.2.1", "::ffff:10.0.0.6"] {
        world.play(&format!("trigger block-it a={address}"));
        if !world.engine.state().runs().next_back().unwrap().status().is_terminal() {
            world.play("ok block");
        }
    }
    world
}

#[test]
fn c27_protecting_lifts_what_is_in_force() {
    let mut world = blocked();
    let with = protecting(&world.setup, "10.0.0.0/24", None);
    let told = reload(&mut world, Arc::clone(&with));
    assert!(told.contains("2 effects are lifted: their targets are protected now"), "{told}");
    let lifts: Vec<_> = world.engine.state().runs().filter(|run| run.is_lift()).collect();
    let reasons: Vec<_> = lifts.iter().map(|run| run.inputs()["reason"].as_str().unwrap()).collect();
    let why = |target: &str| format!("{target} is protected now: the office");
    assert_eq!(reasons, [why("10.0.0.5"), why("::ffff:10.0.0.6")]);
    assert!(lifts.iter().all(|run| *run.by() == Actor::engine()));
    world.play("ok run-5/ob-1\n ok run-6/ob-3");
    let statuses = [1, 2, 3].map(|id| status(&world, id));
    use ObligationStatus::{InForce, Lifted};
    assert_eq!(statuses, [Lifted, InForce, Lifted], "although two runs hold the first");
    assert_eq!(replayed(&world), *world.engine.state());
    // Taken again, there is nothing left to lift.
    assert!(!reload(&mut world, with).contains("lifted"));
}

#[test]
fn c27_a_setup_that_changed_while_stopped_lifts_at_the_start() {
    let mut world = blocked();
    world.setup = protecting(&world.setup, "10.0.0.5", None);
    world.play("crash");
    assert_eq!(status(&world, 1), ObligationStatus::Lifting);
    // Its lift goes on after another start, and is no second one.
    let told = world.play("crash\n ok ob-1");
    assert!(told.contains("COMPLETED"), "{told}");
    assert_eq!(status(&world, 1), ObligationStatus::Lifted);
    assert_eq!(world.engine.state().runs().filter(|run| run.is_lift()).count(), 1);
    assert_eq!(replayed(&world), *world.engine.state());
}

#[test]
fn c27_what_is_under_way_is_lifted_when_it_is_done() {
    let mut world = World::new(&[BLOCK]);
    world.play("trigger block-it a=10.0.0.5");
    let with = protecting(&world.setup, "10.0.0.5", None);
    let told = reload(&mut world, with);
    assert!(!told.contains("lifted"), "{told}");
    let told = world.play("ok block\n ok ob-1");
    assert!(told.contains("lift by quell"), "{told}");
    assert_eq!(status(&world, 1), ObligationStatus::Lifted);
}

#[test]
fn c30_a_halt_holds_what_is_lifted_for_the_protected_set() {
    let mut world = blocked();
    world.play("halt enough");
    let with = protecting(&world.setup, "10.0.0.5", None);
    reload(&mut world, with);
    assert_eq!(status(&world, 1), ObligationStatus::InForce);
    world.play("release\n ok ob-1");
    assert_eq!(status(&world, 1), ObligationStatus::Lifted);
}

#[test]
fn an_entry_that_is_over_or_taken_out_again_lifts_nothing() {
    let mut world = blocked();
    let over = protecting(&world.setup, "10.0.0.5", Some(world.now));
    assert!(!reload(&mut world, over).contains("lifted"));
    world.play("halt enough");
    let (before, with) = (Arc::clone(&world.setup), protecting(&world.setup, "10.0.0.5", None));
    reload(&mut world, with);
    reload(&mut world, Arc::new(Setup { protected: Arc::default(), ..Setup::clone(&before) }));
    let told = world.play("release");
    assert!(told.contains("it is wanted for longer"), "{told}");
    assert_eq!(status(&world, 1), ObligationStatus::InForce);
}

#[test]
fn c31_an_observing_run_says_that_its_target_is_protected() {
    let mut world = World::of(protecting(&real(&[ANSWER]), "192.0.2.128/25", None));
    world.play("detect scan 192.0.2.7 1");
    let protected = |world: &World, step: usize| {
        world.engine.state().run(RunId(1)).unwrap().steps()[step].protected().map(str::to_owned)
    };
    assert_eq!(protected(&world, 0), None);
    assert_eq!(protected(&world, 1).as_deref(), Some("192.0.2.128/25 (the office)"));
    assert_eq!(replayed(&world), *world.engine.state());
    let said = world.records.iter().filter_map(|record| match &record.event {
        Event::StepAssumed { .. } => Some(serde_json::to_value(&record.event).unwrap()),
        _ => None,
    });
    let said: Vec<_> = said.map(|event| event["step_assumed"].get("protected").cloned()).collect();
    assert_eq!(said, [None, Some("192.0.2.128/25 (the office)".into())]);
}

#[test]
fn dismissing_offers_to_lift_what_the_incident_caused() {
    let mut world = World::of(setup(&[ANSWER]));
    world.play("detect scan 192.0.2.7 1\n ok block\n ok other");
    let dismiss = Request::Dismiss { incident: IncidentId(1), reason: "known".to_owned() };
    let told = world.ask(dismiss);
    assert!(
        told.contains(
            "inc-1 is dismissed; 2 effects are in force because of it: quell lift --incident inc-1"
        ),
        "{told}"
    );
    world.play("lift inc-1\n ok ob-2\n ok ob-1");
    assert_eq!(world.engine.state().ledger().standing_count(), 0);
    // Nothing is left that could be lifted, and a resolved one offers nothing.
    world.play("detect scan 192.0.2.8 1\n ok block");
    let told = world.ask(Request::Resolve { incident: IncidentId(2), reason: "over".to_owned() });
    assert!(told.contains("inc-2 is resolved") && !told.contains("lift"), "{told}");
}
