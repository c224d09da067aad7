//! Which agent takes a step.

use std::sync::Arc;

use super::world::{World, setup};
use crate::engine::{AgentSpec, Setup};
use crate::model::StepIx;

const WALL: &str = "
workflow: wall
inputs: { a: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.a}' } }
";

/// Three agents of one role; they are known in another order than that of their names.
fn three() -> World {
    let mut setup = Setup::clone(&setup(&[WALL]));
    let wall = setup.agents[0].clone();
    for name in ["wall-3", "wall-2"] {
        setup.agents.push(AgentSpec { name: name.into(), ..wall.clone() });
    }
    World::of(Arc::new(setup))
}

/// Starts a run and says who takes its step.
fn taken(world: &mut World, address: &str) -> String {
    world.play(&format!("trigger wall a={address}"));
    let state = world.engine.state();
    let run = state.runs().next_back().unwrap();
    let agent = run.steps()[StepIx(0).index()].agent().unwrap();
    state.agent(agent).unwrap().name().to_owned()
}

#[test]
fn equals_are_taken_by_name_and_whoever_is_idle_before_others() {
    let mut world = three();
    for expected in ["wall-1", "wall-2", "wall-3", "wall-1"] {
        let address = world.records.len().to_string();
        assert_eq!(taken(&mut world, &address), expected);
    }
}

#[test]
fn who_failed_is_taken_after_those_who_did_not() {
    let mut world = three();
    assert_eq!(taken(&mut world, "a"), "wall-1");
    world.play("fail run-1/a");
    assert_eq!(taken(&mut world, "b"), "wall-2");
    world.play("ok run-2/a");
    // It did well, though not as fast as one that never had to.
    assert_eq!(taken(&mut world, "c"), "wall-3");
}

#[test]
fn what_nobody_can_do_is_not_waited_for() {
    let text = WALL.replace("action: block", "action: fly");
    let told = World::new(&[&text]).play("trigger wall a=x");
    assert!(told.contains("no agent may do `fly`"), "{told}");
    let text = WALL.replace("role: WALL", "agent: bell-1");
    let mut world = World::new(&[&text]);
    assert_eq!(taken(&mut world, "x"), "bell-1");
}
