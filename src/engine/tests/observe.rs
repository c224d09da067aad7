//! Real setups: observe, arm, disarm.

use std::sync::Arc;

use super::check_in;
use super::world::{World, real};
use crate::engine::{Acts, Engine, JournalKind, RunMode, RunStatus, Setup, StepStatus};
use crate::model::RunId;

const CHAIN: &str = "
workflow: chain
trigger: { rule: scan }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${detection.source_ip}' } }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: '${steps.a.output.next}' } }
  - { id: c, role: BELL, action: tell, needs: [a], with: { text: 'saw ${steps.a.output.next}' }, undo: 'none: said' }
  - { id: d, role: WALL, action: block, needs: [b], when: 'steps.b.output.x == \"1\"', with: { address: d } }
  - { id: e, role: WALL, action: block, needs: [b], when: 'steps.b.output.x != \"1\"', with: { address: e } }
  - { id: f, role: WALL, action: block, needs: [d], when: 'steps.d.status == \"failed\"', with: { address: f } }
  - { id: g, role: HAND, action: unplug, needs: [e], timeout: 10m, with: { host: web-1 } }
";
const PLAIN: &str = "
workflow: plain
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
";

#[test]
fn c31_an_observing_run_says_what_would_be_done_and_does_nothing() {
    let mut world = World::of(real(&[CHAIN]));
    world.play("detect scan 192.0.2.7 1");
    let run = world.engine.state().run(RunId(1)).unwrap();
    assert_eq!((run.mode(), run.status()), (RunMode::Observe, RunStatus::Completed));
    assert_eq!(run.completed(), [], "nothing is owed");
    let step = |id: usize| &run.steps()[id];
    assert!(step(0).is_assumed() && step(0).action().unwrap().target.as_deref() == Some("192.0.2.7"));
    // What nobody knows keeps its place, in the undo as well.
    let unknown = Some("${steps.a.output.next}");
    assert_eq!(step(1).action().unwrap().target.as_deref(), unknown);
    assert_eq!(step(1).undo().unwrap().target.as_deref(), unknown);
    assert_eq!(step(2).action().unwrap().args.get("text").unwrap(), "saw ${steps.a.output.next}");
    assert_eq!(step(3).undecided(), Some("steps.b.output.x == \"1\""));
    assert_eq!((step(1).undecided(), step(2).undecided()), (None, None));
    assert_eq!(step(5).status(), StepStatus::Skipped, "a status is known");
    assert_eq!(step(6).action().unwrap().question.as_deref(), Some("Unplug web-1 from its switch"));
    assert!(!step(6).is_asked(), "nobody is asked");
    assert!(world.engine.state().agents().iter().all(|agent| agent.in_flight() == 0));
    assert_eq!(world.engine.state().counts().observed, 1);
    check_in(World::of(real(&[CHAIN])), "c31_observe", CHAIN, "detect scan 192.0.2.7 1");
}

#[test]
fn c31_what_a_live_run_would_be_refused_an_observing_one_is_too() {
    let nobody = PLAIN.replace("WALL", "NOBODY");
    check_in(World::of(real(&[&nobody])), "c31_nobody_offers_it", &nobody, "trigger plain");
    let wrong = PLAIN.replace("action: block, with: { address: a }", "action: block, with: { no: a }");
    check_in(World::of(real(&[&wrong])), "c31_bad_argument", &wrong, "trigger plain");
}

#[test]
fn c31_arming_lets_runs_act_and_a_run_keeps_its_mode() {
    let script = "
        trigger plain
        arm plain
        arm plain
        trigger plain
        disarm plain
        disarm plain
        trigger plain
        ok run-2/a
        arm nope
        disarm nope
        arm plain
        crash
        trigger plain";
    check_in(World::of(real(&[PLAIN])), "c31_arm_and_disarm", PLAIN, script);
}

#[test]
fn c31_an_edit_disarms() {
    let mut world = World::of(real(&[PLAIN]));
    world.play("arm plain\n trigger plain");
    world.setup = real(&[&PLAIN.replace("address: a", "address: other")]);
    let told = world.play("crash\n ok run-1/a\n trigger plain\n arm plain\n trigger plain");
    assert!(told.contains("plain disarmed by quell: its file was edited after it was armed"), "{told}");
    assert!(told.contains("run-1 COMPLETED"), "a run under way keeps its mode\n{told}");
    assert!(told.contains("run-2 a ASSUMED") && told.contains("run-3 a starts"), "{told}");
    world.setup = real(&[CHAIN]);
    let told = world.play("crash");
    assert!(told.contains("plain disarmed by quell: it is not in the setup any more"), "{told}");
}

/// A request to a journal that nobody works on sets nothing off.
#[test]
fn c31_arming_beside_an_engine_at_rest_starts_nothing() {
    let mut world = World::of(real(&[PLAIN]));
    world.play("arm plain\n trigger plain");
    let state = world.engine.state().clone();
    let (mut engine, output) = Engine::attend(state, Arc::clone(&world.setup), world.now).unwrap();
    assert_eq!((output.records, output.effects), (vec![], vec![]));
    std::mem::swap(&mut engine, &mut world.engine);
    assert_eq!(
        world.play("disarm plain"),
        "disarm plain\n    plain disarmed by ada: a person asked for it\n    → Accepted(\"`plain` is disarmed: \
         new runs only observe; runs under way go on as they are\")\n"
    );
    let told = world.play("crash");
    assert!(told.contains("run-1 a IN DOUBT") && told.contains("run-1 a starts (2)"), "{told}");
}

#[test]
fn c31_in_an_exercise_there_is_nothing_to_arm() {
    let mut world = World::new(&[PLAIN]);
    let told = world.play("arm plain\n disarm plain\n trigger plain");
    assert!(told.contains("drills always act") && told.contains("run-1 a starts"), "{told}");
}

fn replayed(setup: &Setup) -> Arc<Setup> {
    Arc::new(Setup { kind: JournalKind::Exercise, acts: Acts::Never, ..setup.clone() })
}

#[test]
fn a_replay_of_a_real_setup_touches_nothing() {
    let mut world = World::of(replayed(&real(&[CHAIN])));
    let told = world.play("detect scan 192.0.2.7 1\n arm chain");
    assert!(told.contains("a ASSUMED") && told.contains("a replay touches nothing"), "{told}");
    // Not even what an exercise in the same journal has begun.
    let mut world = World::new(&[PLAIN]);
    world.play("trigger plain");
    world.setup = replayed(&world.setup);
    let told = world.play("crash");
    assert!(told.contains("a failed (NotSent): step `a` is not started: a replay"), "{told}");
    assert!(told.contains("undo failed: a replay of a real setup touches nothing"), "{told}");
}

#[test]
fn what_follows_an_observing_run_observes_and_a_live_retry_does_all_steps() {
    let bad = "
workflow: bad
on_failure: plain
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: NOBODY, action: block, needs: [a], with: { address: b } }
";
    let mut world = World::of(real(&[bad, PLAIN]));
    let told = world.play("arm plain\n trigger bad");
    assert!(
        told.contains("run-1 FAILED") && told.contains("run-2 created: plain by quell, observes"),
        "{told}"
    );
    let told = world.play("arm bad\n retry run-1");
    assert!(told.contains("run-3 a starts (1)"), "{told}");
}
