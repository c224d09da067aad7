//! Another setup while the engine runs (C17).

use std::sync::Arc;

use super::world::{World, setup};
use crate::engine::*;
use crate::model::{Digest, RequestId, RunId};

const CHAIN: &str = "
workflow: chain
steps:
  - { id: a, role: WALL, action: block, with: { address: one } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: two } }
";

/// Has a world take a setup, and gives what it was told.
fn reload(world: &mut World, with: Arc<Setup>) -> String {
    let by = Actor(Arc::from("ann"));
    let (_, output) = world.engine.reload(RequestId(77), &by, with, Digest([7; 32]), world.now);
    world.take(output)
}

fn replayed(world: &World) -> State {
    let mut state = State::new();
    world.records.iter().for_each(|record| state.apply(record).unwrap());
    state
}

#[test]
fn c17_a_run_goes_on_with_the_text_that_it_began_with() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain");
    let before = world.engine.state().run(RunId(1)).unwrap().hash();
    let told = reload(&mut world, setup(&[&CHAIN.replace("address: two", "address: three")]));
    assert!(told.contains("setup loaded by ann"), "{told}");
    assert!(told.contains("agents 0 new, 0 changed, 0 gone; workflows 0 new, 1 changed, 0 gone"), "{told}");
    world.play("ok a");
    let arg = |world: &World, run| {
        let step = &world.engine.state().run(RunId(run)).unwrap().steps()[1];
        step.action().unwrap().args.get("address").unwrap().clone()
    };
    assert_eq!(arg(&world, 1), "two");
    world.play("ok b\n trigger chain\n ok a");
    assert_eq!(arg(&world, 2), "three");
    let runs = world.engine.state();
    assert_eq!(runs.run(RunId(1)).unwrap().hash(), before);
    assert_ne!(runs.run(RunId(2)).unwrap().hash(), before);
    assert_eq!(replayed(&world), *world.engine.state());
}

#[test]
fn agents_come_change_and_go_and_keep_what_they_have_in_hand() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain");
    let busy = world.engine.state().run(RunId(1)).unwrap().steps()[0].agent().unwrap();
    let mut other = Setup::clone(&world.setup);
    let name = Arc::clone(&other.agents[busy.index()].name);
    other.agents[busy.index()].concurrency += 3;
    let mut new = other.agents[busy.index()].clone();
    new.name = "new-1".into();
    other.agents.push(new);
    let told = reload(&mut world, Arc::new(other.clone()));
    assert!(told.contains("agents 1 new, 1 changed, 0 gone"), "{told}");
    let agent = world.engine.state().agent(busy).unwrap();
    assert_eq!((agent.in_flight(), agent.status()), (1, AgentStatus::Executing));

    other.agents.retain(|agent| agent.name != name);
    let told = reload(&mut world, Arc::new(other));
    assert!(told.contains("0 changed, 1 gone"), "{told}");
    assert_eq!(world.engine.state().agent(busy).unwrap().status(), AgentStatus::ShuttingDown);
    // What it had in hand ends there; the next step is done by another one.
    world.play("ok a");
    let step = world.engine.state().run(RunId(1)).unwrap().steps()[1].agent();
    assert!(step.is_some_and(|agent| agent != busy), "{step:?}");
    assert_eq!(replayed(&world), *world.engine.state());
}

#[test]
fn a_setup_of_the_other_kind_is_refused_and_recorded() {
    let mut world = World::new(&[CHAIN]);
    let mut other = Setup::clone(&world.setup);
    other.kind = match other.kind {
        JournalKind::Exercise => JournalKind::Real,
        JournalKind::Real => JournalKind::Exercise,
    };
    let told = reload(&mut world, Arc::new(other));
    assert!(told.contains("they never mix"), "{told}");
    assert_eq!(world.engine.state().counts().refused, 1);
    assert!(!told.contains("setup loaded"), "{told}");
}

#[test]
fn c11_what_nobody_can_undo_may_be_tried_again_while_nobody_can() {
    let mut world = World::new(&[CHAIN]);
    let before = Arc::clone(&world.setup);
    world.play("trigger chain\n ok a");
    let mut other = Setup::clone(&before);
    other.agents.retain(|agent| &*agent.role != "WALL");
    reload(&mut world, Arc::new(other));
    world.play("cancel run-1\n stopped b");
    let status = |world: &World| world.engine.state().run(RunId(1)).unwrap().status();
    assert_eq!(status(&world), RunStatus::Stuck);
    world.play("settle run-1 a again\n retry run-1");
    assert_eq!(status(&world), RunStatus::Stuck);
    reload(&mut world, before);
    world.play("retry run-1\n undone b\n undone a");
    assert_eq!(status(&world), RunStatus::Cancelled);
    assert_eq!(replayed(&world), *world.engine.state());
}

#[test]
fn c17_nobody_waits_in_silence_for_agents_that_are_gone() {
    let text = "
workflow: rung
inputs: { a: text }
steps:
  - { id: a, role: BELL, action: block, with: { address: '${inputs.a}' } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: '${inputs.a}.b' } }
";
    let other = "
workflow: other
steps:
  - { id: z, role: BELL, action: block, with: { address: y } }
";
    let mut world = World::new(&[text, other]);
    // The only agent that could undo it is busy with another run.
    let told = world.play("trigger rung a=x\n ok a\n trigger other\n fail run-1/b");
    let status = world.engine.state().run(RunId(1)).unwrap().status();
    assert_eq!(status, RunStatus::RollingBack, "{told}");
    let mut fewer = Setup::clone(&world.setup);
    fewer.agents.retain(|agent| &*agent.role != "BELL");
    let told = reload(&mut world, Arc::new(fewer));
    assert_eq!(world.engine.state().run(RunId(1)).unwrap().status(), RunStatus::Stuck, "{told}");
    assert!(told.contains("no agent of this setup can undo it"), "{told}");
}
