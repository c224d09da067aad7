//! Approvals that come late, or to a run that waits for something else.

use super::world::{START, World};
use crate::engine::{Actor, Engine, Event, Input, Record, StepStatus};
use crate::model::{RunId, Span, StepIx};

fn cut(approval: &str) -> String {
    format!(
        "
workflow: cut
steps:
  - {{ id: look, role: WALL, action: block, with: {{ address: first }} }}
  - {{ id: cut, role: WALL, action: block, needs: [look], with: {{ address: x }}, approval: {{ {approval} }} }}
"
    )
}

/// The timer comes later than it should, as it does on a busy machine.
fn tick_after(world: &mut World, span: Span) -> String {
    world.now = world.now + span;
    world.input(Input::Tick)
}

#[test]
fn silence_is_consent_where_the_workflow_says_so_however_many_were_asked() {
    let mut world = World::new(&[&cut("count: 2, timeout: 10m, on_timeout: approve")]);
    world.play("trigger cut\n ok look");
    let step = &world.engine.state().run(RunId(1)).unwrap().steps()[1];
    assert_eq!(step.permission().unwrap().asked_at(), START + Span::from_secs(1));
    let told = world.play("wait 10m");
    assert!(told.contains("cut starts (1)"), "{told}");
}

#[test]
fn a_timer_that_comes_late_tells_the_time_in_whole_seconds_and_asks_again() {
    let mut world = World::new(&[&cut("timeout: 10m")]);
    world.play("trigger cut\n ok look");
    let told = tick_after(&mut world, Span::from_millis(603_700));
    assert!(told.contains("PARKED: expired approval: `cut` had 0 of 1 in 603s\n"), "{told}");
    let told = world.play("wait 1h\n retry run-1");
    assert!(told.contains("cut ASKS 1 for 10m"), "{told}");
}

/// The journal goes on with a record that cannot follow.
fn is_refused(world: &World, event: Event) -> String {
    let mut records = world.records.clone();
    let last = records.last().unwrap();
    records.push(Record { seq: last.seq + 1, at: last.at, event });
    match Engine::recover(records, world.setup.clone(), "test", world.now) {
        Ok(_) => "taken".to_owned(),
        Err(e) => e.to_string(),
    }
}

#[test]
fn c14_what_was_decided_is_not_decided_again() {
    let text = cut("timeout: 10m");
    for (script, why) in [
        ("approve run-1 cut", "was not asked about"),
        ("deny run-1 cut no", "was not asked about"),
        ("wait 1m", "taken"),
    ] {
        let mut world = World::new(&[&text]);
        world.play("trigger cut\n ok look");
        world.play(script);
        let step = &world.engine.state().run(RunId(1)).unwrap().steps()[1];
        let hash = Box::new(step.permission().unwrap().asked().hash);
        let by = Box::new(Actor("eve".into()));
        let given = Event::ApprovalGiven { run: RunId(1), step: StepIx(1), hash, by };
        let told = is_refused(&world, given);
        assert!(told.contains(why), "{script}: {told}");
    }
}

/// The step failed once, and its run goes on: a restart does not let it fail again.
#[test]
fn c8_a_step_that_was_denied_fails_once() {
    let text = cut("timeout: 10m").replace("id: cut,", "id: cut, critical: false,");
    let text = text + "  - { id: b, role: WALL, action: block, needs: [look], with: { address: b } }\n";
    let mut world = World::new(&[&text]);
    let told = world.play("trigger cut\n ok look\n deny run-1 cut no");
    assert!(told.contains("cut failed (NotSent): denied by ada: no"), "{told}");
    let told = world.play("crash");
    assert!(!told.contains("cut failed"), "{told}");
    let told = world.play("ok b");
    assert!(told.contains("run-1 COMPLETED"), "{told}");
}

const BESIDE: &str = "
workflow: beside
steps:
  - { id: a, role: WALL, action: once, with: { address: a } }
  - { id: b, role: WALL, action: block, with: { address: x }, approval: { timeout: 10m } }
";
const BLOCK: &str = "
workflow: block
steps:
  - { id: a, role: WALL, action: block, with: { address: x } }
";

/// What others did in the meantime is no consent either.
#[test]
fn c31_a_run_that_goes_on_does_not_begin_what_is_not_approved_yet() {
    let mut world = World::new(&[BESIDE, BLOCK]);
    let told = world.play("trigger beside\n crash\n trigger block\n ok run-2/a\n retry run-1");
    assert!(told.contains("run-1 PARKED") && told.contains("run-2 COMPLETED"), "{told}");
    assert!(!told.contains("JOINS"), "{told}");
    let step = &world.engine.state().run(RunId(1)).unwrap().steps()[1];
    assert_eq!(step.status(), StepStatus::AwaitingApproval);
    let told = world.play("approve run-1 b");
    assert!(told.contains("b JOINS ob-"), "{told}");
}
