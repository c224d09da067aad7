//! Effects that are done again: what fails meanwhile, what a person said meanwhile, and who asks whom.

use std::sync::Arc;

use super::world::{World, setup};
use crate::engine::obligation::HOLDERS;
use crate::engine::{EndsBy, ObligationStatus, ProbeOf, RunStatus, Setup};
use crate::model::{AgentId, ObligationId, RunId, Span};

/// `b` keeps the run live.
const FOR: &str = "
workflow: for
inputs: { for: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: x }, expires: '${inputs.for}' }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: '${run.id}' }, undo: 'none: said', timeout: 1h }
";
const ONCE: &str = "
workflow: once
steps:
  - { id: a, role: WALL, action: once, with: { address: x } }
";
const STOP: &str = "
workflow: stop
steps:
  - { id: a, role: WALL, action: block, with: { address: x } }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: b }, on_failure: stop }
";

fn status(world: &World, id: u64) -> ObligationStatus {
    world.engine.state().ledger().get(ObligationId(id)).unwrap().status()
}

fn holders(world: &World, id: u64) -> Vec<u64> {
    let entry = world.engine.state().ledger().get(ObligationId(id)).unwrap();
    entry.holders().iter().map(|holder| holder.run().0).collect()
}

/// C11: while a second run does the same for longer, a person says what became of the first one's. Then the
/// second one fails: nobody holds it, and what the person said is the last word.
#[test]
fn c11_what_a_person_said_stays_when_nobody_does_it_again_after_all() {
    let begun = "trigger for for=10m\n ok a\n trigger for for=1h\n cancel run-1\n stopped run-1/b";
    for (said, then) in [
        ("settle run-1 a skip it may stay", ObligationStatus::Waived),
        ("settle run-1 a done I took it out", ObligationStatus::Lifted),
    ] {
        let mut world = World::new(&[FOR]);
        let told = world.play(begun);
        assert!(told.contains("run-2 a starts (1)") && !told.contains("undo starts"), "{told}");
        let told = world.play(said);
        assert!(told.contains("SETTLED"), "{told}");
        assert_eq!(holders(&world, 1), [2], "{said}");
        let mut again = World::new(&[FOR]);
        again.play(&format!("{begun}\n {said}\n ok run-2/a"));
        assert_eq!((status(&again, 1), holders(&again, 1)), (ObligationStatus::InForce, vec![2]), "{said}");
        let told = world.play("fail run-2/a");
        assert_eq!((status(&world, 1), holders(&world, 1)), (then, vec![]), "{said}: {told}");
        assert!(world.engine.state().ledger().of_effect("block", "x").is_none());
    }
}

/// A run that is tried again and fails again owes nothing for what it tried in vain, and keeps what it took over.
#[test]
fn a_second_try_that_fails_leaves_nothing_owed() {
    let mut world = World::new(&[STOP]);
    world.play("trigger stop\n ok a\n fail b\n retry run-1\n fail run-2/b");
    let all = world.engine.state().ledger().iter().map(|o| (o.id().0, o.status())).collect::<Vec<_>>();
    use ObligationStatus::{InForce, Void};
    assert_eq!(all, [(1, InForce), (2, Void), (3, Void)]);
    assert_eq!(holders(&world, 1), [2]);
}

/// What a run takes over counts as done in it.
#[test]
fn a_second_try_is_done_with_what_it_took_over() {
    let mut world = World::new(&[STOP]);
    world.play("trigger stop\n ok a\n fail b\n retry run-1");
    let run = |world: &World| {
        let run = world.engine.state().run(RunId(2)).unwrap();
        (run.progress(), run.completed().len(), run.status())
    };
    assert_eq!(run(&world), ((1, 2), 1, RunStatus::Running));
    world.play("ok run-2/b");
    assert_eq!(run(&world), ((2, 2), 2, RunStatus::Completed));
}

/// C28: an attempt that may have acted once more begins the time of its effect anew.
#[test]
fn c28_each_attempt_that_may_have_acted_begins_its_time_anew() {
    let text = "
workflow: again
steps:
  - { id: a, role: WALL, action: block, with: { address: x }, expires: 1h, timeout: 10s,
      retry: { attempts: 3, backoff: 10m, jitter: 0% } }
";
    let mut world = World::new(&[text]);
    world.play("trigger again");
    let hour = Span::from_secs(3_600);
    let until = |world: &World| world.engine.state().ledger().get(ObligationId(1)).unwrap().until();
    assert_eq!(until(&world), None, "nothing acted yet");
    world.play("lost a");
    let first = world.now + hour;
    assert_eq!(until(&world), Some(first));
    world.play("wait 10m\n lost a");
    assert_eq!(until(&world), Some(world.now + hour), "it may have acted just now");
    // One that surely did nothing changes nothing.
    let second = world.now + hour;
    world.play("wait 10m\n fail a");
    assert_eq!(until(&world), Some(second));
}

/// C16: that another run does something else to the same target is no reason to keep an effect.
#[test]
fn what_others_do_to_the_same_target_does_not_hold_an_effect() {
    let wired = FOR.replace("action: block", "action: wire").replace(", expires: '${inputs.for}'", "");
    let mut world = World::new(&[&wired, ONCE]);
    world.play(
        "trigger for for=x\n ok a\n cancel run-1\n stopped b\n crash\n unknown a undone\n trigger once",
    );
    assert_eq!(world.engine.state().lease("x").unwrap().run(), RunId(2));
    let told = world.play("settle run-1 a done I took it out");
    assert_eq!(status(&world, 1), ObligationStatus::Lifted, "{told}");
    assert_eq!(world.engine.state().run(RunId(1)).unwrap().status(), RunStatus::Cancelled, "{told}");
}

/// A run that failed can be tried again, which takes over what it did: it stays a holder however many come.
#[test]
fn who_may_be_tried_again_is_not_forgotten_among_many() {
    let many = FOR.replace(", expires: '${inputs.for}'", "").replace("workflow: for", "workflow: many");
    let mut base = Setup::clone(&setup(&[STOP, &many]));
    base.limits.finished = 10_000;
    let mut world = World::of(Arc::new(base));
    world.play("trigger stop\n ok a\n fail b");
    for _ in 0..HOLDERS + 5 {
        world.play("trigger many for=x\n ok b");
    }
    let kept = holders(&world, 1);
    assert_eq!((kept.len(), kept[0], kept[1]), (HOLDERS, 1, 8), "the oldest that completed went");
    world.play("retry run-1");
    assert!(!holders(&world, 1).contains(&1));
    assert_eq!(holders(&world, 1).len(), HOLDERS);
}

/// C29: what ends by itself in an hour and was to be confirmed within a minute is taken back after a minute.
#[test]
fn c29_what_is_not_confirmed_is_undone_though_it_would_end_by_itself_later() {
    let text = "
workflow: hold
steps:
  - { id: a, role: WALL, action: hold, with: { address: x }, expires: 1h, confirm: 60s }
";
    let mut world = World::new(&[text]);
    world.play("trigger hold\n ok a");
    let entry = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    assert_eq!((entry.ends_by(), entry.until()), (EndsBy::Quell, Some(world.now + Span::from_secs(60))));
    assert_eq!(entry.ends_itself_at(), Some(world.now + Span::from_secs(3_600)));
    let told = world.play("wait 60s");
    assert!(told.contains("unblock x") && !told.contains("EXPIRED"), "{told}");
    // Confirmed, it ends by itself.
    let mut world = World::new(&[text]);
    world.play("trigger hold\n ok a\n confirm run-1 a");
    let entry = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    assert_eq!(entry.ends_by(), EndsBy::Itself);
    let told = world.play("wait 1h");
    assert!(told.contains("ob-1 EXPIRED"), "{told}");
}

/// C3: who performed an effect is asked for it, not just anybody who could.
#[test]
fn c3_who_did_it_is_asked_for_it() {
    let text = "
workflow: wired
inputs: { a: text }
steps:
  - { id: a, role: WALL, action: wire, with: { address: '${inputs.a}' } }
";
    let mut base = Setup::clone(&setup(&[text]));
    let mut second = base.agents[0].clone();
    second.name = Arc::from("wall-2");
    base.agents.push(second);
    base.agents[0].concurrency = 1;
    let mut world = World::of(Arc::new(base));
    world.play("trigger wired a=x\n trigger wired a=y\n ok run-1/a\n ok run-2/a");
    let did = |world: &World, id| world.engine.state().ledger().get(ObligationId(id)).unwrap().agent();
    assert_ne!(did(&world, 1), did(&world, 2));
    // After a start everything in force is asked for; a lift that was cut short, too.
    world.crash();
    let asked: Vec<AgentId> = world.asked().map(|probe| probe.agent).collect();
    assert_eq!(asked, [did(&world, 1), did(&world, 2)]);
    world.play("lift ob-2\n crash");
    let by_lift = world.asked().find(|probe| matches!(probe.of, ProbeOf::Step { .. })).unwrap();
    assert_eq!(by_lift.agent, did(&world, 2));
}

/// The same steps of a lift again and again: each delay is twice the one before, and a person who tries again
/// begins with the first.
#[test]
fn c11_the_delays_of_a_lift_grow_and_begin_anew_with_a_person() {
    let mut world = World::new(&[ONCE]);
    world.play("trigger once\n ok a\n lift ob-1");
    for round in 0..2 {
        for expected in [1_000, 2_000, 4_000, 8_000] {
            let told = world.play("fail ob-1");
            let (_, delay) = told.split_once("again in ").unwrap();
            let delay: u64 = delay.split_once("ms").unwrap().0.parse().unwrap();
            assert!(delay.abs_diff(expected) <= expected / 10, "{round}: {told}");
            world.play("wait 9s");
        }
        let told = world.play("fail ob-1");
        assert!(told.contains("PARKED"), "{told}");
        world.play("retry run-2");
    }
}

/// C3: of a lift the step that was cut short is asked for, not one that was given up before.
#[test]
fn c3_the_step_of_a_lift_that_is_in_doubt_is_asked_for() {
    let two = "
workflow: two
steps:
  - { id: a, role: WALL, action: wire, with: { address: a } }
  - { id: b, role: WALL, action: wire, needs: [a], with: { address: b } }
";
    let mut world = World::new(&[two]);
    let told = world.play("trigger two\n ok a\n ok b\n lift run-1\n ".to_owned().as_str());
    assert!(told.contains("run-2 ob-2 starts (1)"), "{told}");
    for _ in 0..5 {
        world.play("fail ob-2\n wait 9s");
    }
    let told = world.play("crash");
    assert!(told.contains("run-2 ob-1 IN DOUBT") && told.contains("run-2 ob-1 is asked for"), "{told}");
    let told = world.play("absent ob-1");
    assert!(told.contains("run-2 PARKED: not lifted: ob-2: it said no"), "{told}");
    assert_eq!(
        (status(&world, 1), status(&world, 2)),
        (ObligationStatus::Lifted, ObligationStatus::LiftFailed)
    );
}

/// C11, C16: an effect that another run is undoing, and will try again, is not lifted beside it.
#[test]
fn c16_what_another_run_is_undoing_is_not_lifted_beside_it() {
    let two = "
workflow: two
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
";
    let joins = "
workflow: joins
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: '${run.id}' }, undo: 'none: said', timeout: 1h }
";
    let mut world = World::new(&[two, joins]);
    let told = world.play("trigger two\n ok a\n ok b\n trigger joins\n lift run-1");
    assert!(told.contains("run-2 a JOINS ob-1") && told.contains("run-1 a lets go"), "{told}");
    // ob-2 is being lifted. A person wants both lifted, and who is left of ob-1 has it undone, which fails.
    let told = world.play("fail run-3/ob-2\n cancel run-3\n lift all");
    assert!(told.contains("run-4 ob-2 starts (1)"), "{told}");
    let told = world.play("cancel run-2\n stopped run-2/b\n undo-fails run-2/a\n ok run-4/ob-2");
    assert!(told.contains("run-2 a undo starts (1)") && !told.contains("ob-1 starts"), "{told}");
    // However often that one tries, the lift waits.
    let told = world.play("wait 2s\n undo-fails run-2/a\n pause run-4\n resume run-4\n wait 3s");
    assert!(told.contains("run-2 a undo starts (3)") && !told.contains("ob-1 starts"), "{told}");
    let told = world.play("undone run-2/a");
    assert!(
        told.contains("run-4 ob-1 skipped: it ended before") && told.contains("run-4 COMPLETED"),
        "{told}"
    );
    assert_eq!((status(&world, 1), status(&world, 2)), (ObligationStatus::Lifted, ObligationStatus::Lifted));
}
