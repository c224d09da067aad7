//! People ask.

use std::sync::Arc;

use super::check;
use super::world::World;
use crate::engine::{Actor, Answer, Effect, Input, Request, RunStatus};
use crate::model::{RequestId, RunId};

const CHAIN: &str = "
workflow: chain
timeout: 1m
steps:
  - { id: a, role: WALL, action: block, with: { address: a }, retry: { attempts: 2, backoff: 10s, jitter: 0% } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
";

#[test]
fn pause_holds_at_step_boundaries() {
    let script = "
        trigger chain
        pause run-1
        pause run-1
        ok a
        wait 1h
        resume run-1
        resume run-1
        ok b
        pause run-1
        resume run-1";
    check("c13_pause", CHAIN, script);
}

#[test]
fn pause_in_a_retry_delay_keeps_the_remainder() {
    let script = "
        trigger chain
        fail a
        wait 4s
        pause run-1
        wait 5m
        crash
        resume run-1
        wait 5s
        wait 1s
        ok a
        ok b";
    check("c13_pause_in_a_retry_delay_restart_resume", CHAIN, script);
}

#[test]
fn a_paused_run_that_was_parked_goes_on_with_what_was_left_of_its_deadline() {
    let once = CHAIN.replace("action: block, needs", "action: once, needs");
    let script = "
        trigger chain
        ok a
        wait 10s
        pause run-1
        wait 15s
        crash
        wait 2h
        retry run-1
        wait 20s
        ok b";
    check("c13_parked_in_a_pause", &once, script);
}

#[test]
fn a_rollback_is_not_delayed_by_a_pause() {
    check(
        "c13_pause_then_failure",
        CHAIN,
        "trigger chain\n ok a\n pause run-1\n fail b\n undone a\n pause run-1",
    );
}

#[test]
fn what_nobody_knows_is_refused() {
    check("unknown_objects", CHAIN, "pause run-9\n cancel run-9\n retry run-9\n acknowledge inc-9");
}

#[test]
fn a_request_about_something_that_changed_is_refused() {
    let mut world = World::new(&[CHAIN]);
    world.play("trigger chain");
    let seen = world.engine.state().run(RunId(1)).unwrap().changed();
    world.play("pause run-1");
    let request = Request::Cancel { run: RunId(1) };
    let by = Actor(Arc::from("bob"));
    let input = Input::Request { id: RequestId(99), by, seen: Some(seen), request };
    let output = world.engine.handle(input, world.now);
    let at = world.now.clock();
    let refused = format!("run-1 has changed since you looked: it is paused since {at} by ada");
    assert_eq!(output.effects, [Effect::Answer { id: RequestId(99), answer: Answer::Refused(refused) }]);
    assert_eq!(world.engine.state().run(RunId(1)).unwrap().status(), RunStatus::Paused);
    assert_eq!(world.engine.state().counts().refused, 1);
}

#[test]
fn c13_a_delay_that_begins_in_a_pause_is_whole_when_the_run_goes_on() {
    let script = "
        trigger chain
        wait 1s
        pause run-1
        wait 20s
        fail a
        wait 1m
        resume run-1
        wait 9s
        wait 1s
        ok a
        ok b";
    check("c13_a_delay_that_begins_in_a_pause", CHAIN, script);
}
