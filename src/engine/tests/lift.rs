//! What is in force is shared, ends on time, and is lifted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{World, setup};
use super::{check, check_in};
use crate::engine::{
    Effect, EndsBy, Event, Input, Lift, Limits, ObligationStatus, Request, RunStatus, Setup,
};
use crate::model::{Map, ObligationId, Outcome, RunId, Span};

const BLOCK: &str = "
workflow: block-it
inputs: { a: text }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.a}' } }
  - { id: tell, role: BELL, action: tell, needs: [block], with: { text: '${run.id}' }, undo: 'none: it is said' }
";

const FOR_AN_HOUR: &str = "
workflow: hour
inputs: { a: text, for: text }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.a}' }, expires: '${inputs.for}' }
";

const ITSELF: &str = "
workflow: itself
inputs: { a: text, for: text }
steps:
  - { id: hold, role: WALL, action: hold, with: { address: '${inputs.a}' }, expires: '${inputs.for}' }
";

const TWO: &str = "
workflow: two
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: b } }
";

fn status(world: &World, id: u64) -> ObligationStatus {
    world.engine.state().ledger().get(ObligationId(id)).unwrap().status()
}

#[test]
fn two_incidents_block_one_address_one_is_rolled_back() {
    check(
        "two_incidents_block_one_address",
        BLOCK,
        "trigger block-it a=x
         ok block
         trigger block-it a=x
         cancel run-1
         stopped run-1/tell
         fail run-2/tell
         undone run-2/block",
    );
}

#[test]
fn c16_two_runs_take_turns_at_a_target() {
    check(
        "c16_turns",
        BLOCK,
        "trigger block-it a=x
         trigger block-it a=x
         trigger block-it a=y
         fail run-1/block
         ok run-2/block
         cancel run-2
         stopped run-2/tell
         trigger block-it a=x
         undone run-2/block
         ok run-4/block
         ok run-3/block",
    );
}

#[test]
fn c16_who_gave_up_is_not_in_the_way() {
    // `run-2` stands in line behind `run-1`, and is rolled back since another step of it failed.
    let both = "
workflow: both
inputs: { a: text }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.a}' } }
  - { id: other, role: WALL, action: once, with: { address: '${run.id}' } }
";
    for (name, given_up) in
        [("failed", "fail run-2/other"), ("cancelled", "cancel run-2"), ("held", "pause run-2")]
    {
        check(
            &format!("c16_given_up_{name}"),
            both,
            &format!(
                "trigger both a=x\n trigger both a=x\n {given_up}\n ok run-1/block\n cancel run-1
                stopped run-1/other\n undone run-1/other\n undone run-1/block\n trigger both a=x\n ok run-3/block"
            ),
        );
    }
}

#[test]
fn c16_the_epoch_grows_over_restarts() {
    let mut world = World::new(&[BLOCK]);
    let mut epochs = Vec::new();
    for _ in 0..3 {
        world.play("trigger block-it a=x");
        epochs.push(world.last_task().epoch);
        world.play("ok block\n cancel run-1");
        let run = world.engine.state().runs().next_back().unwrap().id();
        world.play(&format!("cancel {run}\n stopped tell"));
        epochs.push(world.last_task().epoch);
        world.play("crash");
        epochs.push(world.last_task().epoch);
        world.play("undone block");
    }
    assert!(epochs.windows(2).all(|pair| pair[0] < pair[1]), "{epochs:?}");
}

#[test]
fn c16_who_waits_too_long_fails() {
    check(
        "c16_waits_too_long",
        BLOCK,
        "trigger block-it a=x\n wait 20s\n trigger block-it a=x\n crash\n wait 9s\n pause run-2\n ok run-1/block\n resume run-2",
    );
}

#[test]
fn c28_what_quell_ends_is_undone_on_time_after_restarts() {
    let mut world = World::new(&[FOR_AN_HOUR]);
    world.play("trigger hour a=x for=1h\n ok block\n wait 30m\n crash\n wait 29m\n crash");
    let obligation = world.engine.state().ledger().get(ObligationId(1)).unwrap();
    assert_eq!((obligation.status(), obligation.ends_by()), (ObligationStatus::InForce, EndsBy::Quell));
    let told = world.play("wait 59s");
    assert!(!told.contains("created"), "not early: {told}");
    let told = world.play("wait 2s\n ok ob-1");
    assert!(told.contains("after 3601s\n    run-2 created: lift by quell"), "{told}");
    assert_eq!(status(&world, 1), ObligationStatus::Lifted);
    assert_eq!(world.engine.next_deadline(), None);
}

#[test]
fn c28_what_ends_by_itself_is_over_on_time() {
    check(
        "c28_ends_by_itself",
        ITSELF,
        "trigger itself a=x for=10m
         ok hold
         wait 5m
         trigger itself a=x for=1m
         trigger itself a=x for=10m
         ok run-3/hold
         wait 5m
         halt
         wait 9m",
    );
}

#[test]
fn c28_expiry_after_restarts_overdue_ones_a_hundred_in_a_second() {
    let mut world = World::new(&[FOR_AN_HOUR]);
    for i in 0..250 {
        world.play(&format!("trigger hour a=x{i} for=1h\n ok block"));
    }
    world.now = world.now + Span::from_secs(7_200);
    world.crash();
    for lifted in [100, 200, 250] {
        world.input(Input::Tick);
        let lifts = world.engine.state().runs().filter(|run| run.is_lift()).count();
        assert_eq!(lifts, lifted);
        world.now = world.now + Span::from_secs(1);
    }
}

#[test]
fn c30_a_halt_holds_expiries_and_not_what_a_person_lifts() {
    check(
        "c30_lifts_in_a_halt",
        FOR_AN_HOUR,
        "trigger hour a=x for=1m
         ok block
         trigger hour a=y for=1h
         ok block
         halt enough
         wait 2m
         lift ob-2 let them in
         ok ob-2
         release
         wait 1s
         ok run-4/ob-1",
    );
}

#[test]
fn longer_wins_and_what_is_wanted_shorter_ends_first() {
    let mut world = World::new(&[FOR_AN_HOUR]);
    let until = |world: &World| world.engine.state().ledger().get(ObligationId(1)).unwrap().until().unwrap();
    world.play("trigger hour a=x for=10m\n ok block");
    let first = until(&world);
    let told = world.play("trigger hour a=x for=1h\n ok block");
    assert!(told.contains("run-2 block starts (1)"), "it is done again: {told}");
    assert!(until(&world) > first);
    let told = world.play("trigger hour a=x for=5m");
    assert!(told.contains("run-3 block JOINS ob-1"), "{told}");
    world.play("lift run-2");
    assert_eq!(until(&world), first, "the others want it for that long");
    let told = world.play("wait 10m");
    assert!(told.contains("lift by quell"), "{told}");
}

#[test]
fn lifting_by_what_is_meant() {
    check(
        "lift_by_what_is_meant",
        BLOCK,
        "trigger block-it a=x
         ok block
         lift run-1
         ok tell
         trigger block-it a=x
         lift ob-9
         lift ob-1 wrong one
         lift ob-1
         ok run-3/ob-1
         lift ob-1
         lift run-2
         fail run-2/tell
         trigger block-it a=z
         ok block
         ok tell
         lift z
         ok run-5/ob-2
         lift all
         lift last-1h",
    );
}

#[test]
fn c9_a_lift_goes_backwards_and_the_undo_has_one_key() {
    let mut world = World::new(&[TWO]);
    world.play("trigger two\n ok a\n ok b\n lift run-1");
    let task = world.last_task();
    assert_eq!((&*task.context.step, &*task.key, task.undo), ("ob-2", "7.run-1.b:undo", false));
    assert!(task.takes_back() && task.passes_halt());
    world.play("fail ob-2\n crash\n wait 5s");
    assert_eq!(&*world.last_task().key, "7.run-1.b:undo");
    world.play("ok ob-2");
    assert_eq!(&*world.last_task().key, "7.run-1.a:undo");
    world.play("ok ob-1");
    assert_eq!(world.engine.state().run(RunId(2)).unwrap().status(), RunStatus::Completed);
}

/// The undo may harm when it is done twice, and somebody can say whether there is anything to undo.
#[test]
fn c3_a_lift_that_was_cut_short_is_asked_for() {
    use ObligationStatus::{InDoubt, Lifted};
    use RunStatus::{Completed, Parked, Running};
    let wired = "
workflow: wired
steps:
  - { id: a, role: WALL, action: wire, with: { address: a }, expires: 1h }
";
    for begun in ["lift ob-1", "wait 1h"] {
        for (then, run, effect, attempts) in [
            ("", Running, InDoubt, 1),
            ("absent ob-1", Completed, Lifted, 1),
            ("present ob-1\n ok ob-1", Completed, Lifted, 2),
            ("unknown ob-1", Parked, InDoubt, 1),
            ("wait 13s", Parked, InDoubt, 1),
            ("crash\n absent ob-1", Completed, Lifted, 1),
            ("crash\n present ob-1\n crash\n present ob-1\n ok ob-1", Completed, Lifted, 3),
        ] {
            let mut world = World::new(&[wired]);
            let told = world.play(&format!("trigger wired\n ok a\n {begun}\n crash\n {then}"));
            let lift = world.engine.state().run(RunId(2)).unwrap();
            assert_eq!(lift.steps()[0].attempt(), attempts, "{begun}\n{told}");
            assert_eq!((lift.status(), status(&world, 1)), (run, effect), "{begun}\n{told}");
        }
    }
}

#[test]
fn c10_an_effect_is_lifted_when_its_workflow_is_gone() {
    let mut world = World::new(&[BLOCK]);
    world.play("trigger block-it a=x\n ok block\n ok tell");
    let gone = Setup { workflows: BTreeMap::new(), ..Setup::clone(&world.setup) };
    world.setup = Arc::new(gone);
    let told = world.play("crash\n lift ob-1\n ok ob-1");
    assert!(told.contains("run-2 COMPLETED"), "{told}");
}

#[test]
fn a_lift_that_fails_waits_for_a_person_and_the_others_go_on() {
    let mut world = World::new(&[TWO]);
    world.play("trigger two\n ok a\n ok b\n lift run-1");
    let mut told = String::new();
    for _ in 0..5 {
        told += &world.play("fail ob-2\n wait 9s");
    }
    told += &world.play("ok ob-1");
    assert!(told.contains("run-2 PARKED: not lifted: ob-2: it said no"), "{told}");
    assert_eq!(
        (status(&world, 1), status(&world, 2)),
        (ObligationStatus::Lifted, ObligationStatus::LiftFailed)
    );
    let told = world.play("lift ob-2\n crash\n retry run-2\n ok ob-2");
    assert!(told.contains("run-2 lifts ob-2: it is parked, retry it"), "{told}");
    assert!(told.contains("run-2 COMPLETED"), "{told}");
    assert_eq!(status(&world, 2), ObligationStatus::Lifted);
}

#[test]
fn a_lift_is_cancelled_and_what_it_did_not_do_stays_in_force() {
    let mut world = World::new(&[TWO]);
    let told = world.play("trigger two\n ok a\n ok b\n lift run-1\n fail ob-2\n cancel run-2");
    assert!(told.contains("run-2 CANCELLED"), "{told}");
    assert_eq!(
        (status(&world, 1), status(&world, 2)),
        (ObligationStatus::InForce, ObligationStatus::InForce)
    );
    let told = world.play("lift run-1\n ok ob-2\n ok ob-1");
    assert!(told.contains("run-3 COMPLETED"), "{told}");
}

#[test]
fn lifted_by_hand_before_its_run_rolls_back() {
    let script = "
        trigger two
        ok a
        lift a
        fail run-1/b
        ok run-2/ob-1";
    check("lifted_before_rollback", TWO, script);
}

#[test]
fn c16_who_waits_for_a_lift_is_not_in_its_way() {
    let script = "
        trigger two
        ok a
        lift a
        fail run-1/b
        fail run-2/ob-1
        wait 2s
        ok run-2/ob-1";
    check("lifted_again_before_rollback", TWO, script);
}

#[test]
fn over_the_limit_nothing_is_added() {
    let mut setup = Setup::clone(&setup(&[BLOCK]));
    setup.limits = Limits { in_force: 2, ..setup.limits };
    let script = "
        trigger block-it a=x
        ok block
        trigger block-it a=y
        ok block
        trigger block-it a=z
        trigger block-it a=x
        lift x
        ok run-5/ob-1
        trigger block-it a=z";
    check_in(World::of(Arc::new(setup)), "limit_in_force", BLOCK, script);
}

/// Each is a small run of its own, and each effect is undone once.
#[test]
fn ten_thousand_effects_are_lifted_each_once() {
    let mut base = Setup::clone(&setup(&[BLOCK]));
    base.agents.iter_mut().for_each(|agent| agent.concurrency = 50);
    base.limits = Limits { finished: 30_000, ..Limits::default() };
    let mut world = World::of(Arc::new(base));
    let answer = |world: &mut World, input: Input| {
        let (mut queue, mut undone) = (vec![input], BTreeMap::<Arc<str>, u32>::new());
        while let Some(input) = queue.pop() {
            let output = world.engine.handle(input, world.now);
            for effect in output.effects {
                let Effect::Perform(task) = effect else { continue };
                if task.takes_back() {
                    *undone.entry(Arc::clone(&task.key)).or_default() += 1;
                }
                let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
                let outcome = Outcome::Succeeded(Map::new());
                queue.push(Input::StepFinished { run, step, attempt, undo, outcome });
            }
            world.records.extend(output.records);
        }
        undone
    };
    let ask = |request| Input::Request {
        id: crate::model::RequestId(1),
        by: crate::engine::Actor("ada".into()),
        seen: None,
        request,
    };
    for i in 0..10_000 {
        let inputs = [("a".to_owned(), format!("x{i}").into())].into_iter().collect();
        answer(&mut world, ask(Request::Trigger { workflow: "block-it".into(), inputs }));
    }
    assert_eq!(world.engine.state().ledger().standing_count(), 10_000);
    let undone = answer(&mut world, ask(Request::Lift { what: Lift::All, reason: String::new() }));
    assert_eq!((undone.len(), undone.values().max()), (10_000, Some(&1)));
    assert_eq!(world.engine.state().ledger().standing_count(), 0);
    let lifts = world.records.iter().filter(|record| match &record.event {
        Event::RunCreated(new) => !new.lifts.is_empty(),
        _ => false,
    });
    assert_eq!(lifts.count(), 10_000);
}
