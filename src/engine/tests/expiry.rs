//! What has a time ends on time, and what can be asked for is asked for.

use std::sync::Arc;

use super::world::{START, World, setup};
use crate::engine::{Input, ObligationStatus, RunStatus, Setup};
use crate::model::{Map, ObligationId, Outcome, RunId, Span, StepIx};

/// `clamp` ends by itself and can be asked for, `hold` only ends by itself.
fn timed(action: &str) -> String {
    format!(
        "
workflow: timed
inputs: {{ a: text }}
steps:
  - {{ id: a, role: WALL, action: {action}, with: {{ address: '${{inputs.a}}' }}, expires: 10m }}
"
    )
}

fn status(world: &World, id: u64) -> ObligationStatus {
    world.engine.state().ledger().get(ObligationId(id)).unwrap().status()
}

/// Puts so many effects in force at one moment.
fn many(workflow: &str, count: u64) -> World {
    let mut setup = Setup::clone(&setup(&[workflow]));
    setup.limits.finished = 10_000;
    let mut world = World::of(Arc::new(setup));
    for n in 1..=count {
        world.play(&format!("trigger timed a={n}"));
        let outcome = Outcome::Succeeded(Map::new());
        world.input(Input::StepFinished { run: RunId(n), step: StepIx(0), attempt: 1, undo: false, outcome });
    }
    assert_eq!(world.engine.state().ledger().standing_count(), count as usize);
    world
}

#[test]
fn c28_what_should_have_ended_is_asked_for_and_undone_unless_it_is_absent() {
    let undone = timed("clamp");
    let kept = undone.replace("expires: 10m", "expires: 10m, undo: 'none: it ends'");
    for (text, script, then) in [
        (&undone, "absent ob-1", ObligationStatus::Expired),
        (&undone, "present ob-1", ObligationStatus::Lifting),
        (&undone, "unknown ob-1", ObligationStatus::Lifting),
        (&undone, "wait 9s", ObligationStatus::InForce),
        (&undone, "wait 10s", ObligationStatus::Lifting),
        (&kept, "absent ob-1", ObligationStatus::Expired),
        (&kept, "present ob-1", ObligationStatus::Expired),
        (&kept, "wait 10s", ObligationStatus::Expired),
    ] {
        let mut world = World::new(&[text]);
        let told = world.play("trigger timed a=x\n ok a\n wait 10m");
        assert!(told.contains("→ looks for clamp"), "{told}");
        let told = world.play(script);
        assert_eq!(status(&world, 1), then, "{script}: {told}");
        let probed = script.starts_with("present") || then == ObligationStatus::Lifting;
        assert_eq!(told.contains("ob-1 found "), probed || script == "wait 10s", "{script}: {told}");
        // It is asked once, and what comes late is counted.
        let stale = world.engine.stale_answers();
        let before = world.records.len();
        if script != "wait 9s" {
            world.play("present ob-1");
            assert_eq!((world.records.len(), world.engine.stale_answers()), (before, stale + 1), "{script}");
        }
    }
}

#[test]
fn c28_what_was_lifted_while_it_was_asked_for_is_over() {
    let mut world = World::new(&[&timed("clamp")]);
    world.play("trigger timed a=x\n ok a\n wait 10m\n lift ob-1 enough\n ok ob-1");
    assert_eq!(status(&world, 1), ObligationStatus::Lifted);
    let told = world.play("present ob-1");
    assert!(!told.contains("found"), "{told}");
}

#[test]
fn what_is_in_force_is_compared_with_the_world_at_a_start_a_hundred_in_a_second() {
    let text = timed("clamp").replace(", expires: 10m", ", expires: 10h");
    let mut world = many(&text, 150);
    let told = world.play("crash");
    assert_eq!(told.matches("→ looks for clamp").count(), 100);
    let asked = |world: &World| {
        let sizes = world.engine.sizes();
        let of = |of: &str| sizes.iter().find(|size| size.of == of).unwrap().count;
        (of("obligations that are asked for"), of("obligations to ask for"))
    };
    assert_eq!(asked(&world), (100, 50));
    let told = world.play("wait 999ms");
    assert_eq!(told.matches("→ looks for clamp").count(), 0, "{told}");
    let told = world.play("wait 1ms");
    assert_eq!(told.matches("→ looks for clamp").count(), 50);
    let told = world.play("present ob-1\n absent ob-2\n unknown ob-3");
    assert!(!told.contains("created"), "nothing is to be lifted: {told}");
    assert_eq!(asked(&world), (147, 0));
    use ObligationStatus::{Drifted, InForce};
    assert_eq!([1, 2, 3, 4].map(|id| status(&world, id)), [InForce, Drifted, InForce, InForce]);
    // What came back by itself is in force again.
    let told = world.play("crash\n present ob-2");
    assert_eq!((status(&world, 2), told.matches("EXPIRED").count()), (InForce, 0));
}

/// C3: what nobody lives to settle is asked for as well.
#[test]
fn c3_an_effect_in_doubt_of_a_run_that_has_ended_is_asked_for() {
    let text = timed("wire").replace(", expires: 10m", "");
    let mut world = World::new(&[&text]);
    world.play("trigger timed a=x\n lost a\n unknown a\n abandon run-1");
    assert_eq!(status(&world, 1), ObligationStatus::InDoubt);
    let told = world.play("crash\n present ob-1");
    assert!(told.contains("→ looks for wire"), "{told}");
    assert_eq!(status(&world, 1), ObligationStatus::InForce);
}

#[test]
fn c22_what_is_overdue_ends_a_hundred_in_a_second() {
    let until = START + Span::from_secs(600);
    for (late, first) in
        [(Span::ZERO, 150), (Span::from_secs(1), 150), (Span(1_000_001), 100), (Span::from_secs(3_600), 100)]
    {
        let mut world = many(&timed("hold"), 150);
        world.now = until + late;
        let told = world.input(Input::Tick);
        assert_eq!(told.matches("EXPIRED").count(), first, "{late} late");
        let told = world.play("wait 999ms");
        assert_eq!(told.matches("EXPIRED").count(), 0, "{late} late");
        let told = world.play("wait 1ms");
        assert_eq!(told.matches("EXPIRED").count(), 150 - first, "{late} late");
    }
    // The same after a start.
    let mut world = many(&timed("hold"), 150);
    world.now = until + Span::from_secs(3_600);
    world.crash();
    for (wait, count) in [("wait 0s", 100), ("wait 999ms", 0), ("wait 1ms", 50)] {
        assert_eq!(world.play(wait).matches("EXPIRED").count(), count, "{wait}");
    }
}

#[test]
fn what_somebody_does_again_does_not_end_meanwhile() {
    let text = timed("hold").replace("inputs: { a: text }", "inputs: { a: text, for: text }");
    let text = text.replace("expires: 10m", "expires: '${inputs.for}'");
    let mut world = World::new(&[&text]);
    let told =
        world.play("trigger timed a=x for=10s\n ok a\n wait 5s\n trigger timed a=x for=10m\n wait 10s");
    assert!(told.contains("run-2 a starts (1)") && !told.contains("EXPIRED"), "{told}");
    assert_eq!(status(&world, 1), ObligationStatus::InForce);
    let told = world.play("ok run-2/a\n wait 9m");
    assert!(!told.contains("EXPIRED"), "{told}");
    let told = world.play("wait 1m");
    assert!(told.contains("ob-1 EXPIRED"), "{told}");
}

/// Who held it longest lets go: it ends when the other wants it to.
#[test]
fn c28_an_effect_ends_with_those_who_are_left() {
    let text = "
workflow: timed
inputs: { a: text, for: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.a}' }, expires: '${inputs.for}' }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: '${run.id}' } }
";
    let mut world = World::new(&[text]);
    let told = world.play("trigger timed a=x for=1h\n ok a\n trigger timed a=x for=10m\n ok run-2/b");
    assert!(told.contains("run-2 a JOINS ob-1"), "{told}");
    let told = world.play("fail run-1/b");
    assert!(told.contains("run-1 a lets go of ob-1: held by run-2"), "{told}");
    let told = world.play("wait 9m");
    assert!(!told.contains("unblock"), "{told}");
    let told = world.play("wait 1m");
    assert!(told.contains("unblock x"), "{told}");
}

/// What differs in more than its time is another effect.
#[test]
fn only_the_same_is_joined() {
    let text = "
workflow: shut
inputs: { port: text }
steps:
  - { id: a, role: WALL, action: shut, with: { address: x, port: '${inputs.port}' } }
";
    for (port, joins) in [("22", true), ("80", false)] {
        let mut world = World::new(&[text]);
        world.play("trigger shut port=22\n ok a");
        let told = world.play(&format!("trigger shut port={port}"));
        assert_eq!(told.contains("JOINS"), joins, "{told}");
    }
}

/// A lift that could not be done waits for a person, also when the time of the effect is over.
#[test]
fn c11_what_a_lift_could_not_undo_is_not_lifted_by_another_one() {
    let text = timed("block");
    let mut world = World::new(&[&text]);
    let fails = "fail ob-1\n wait 10s\n ".repeat(5);
    let told = world.play(&format!("trigger timed a=x\n ok a\n lift ob-1\n {fails} wait 20m"));
    assert!(told.contains("run-2 PARKED: not lifted: ob-1"), "{told}");
    assert!(!told.contains("run-3 created"), "{told}");
}

/// What is given up while it may be there ends like what was done: after its time, or after the time in which
/// it would have had to be confirmed.
#[test]
fn c28_what_is_in_doubt_ends_on_time_too() {
    for (time, script) in [
        ("expires: 10m", "lost a\n wait 10m"),
        ("confirm: 10m", "lost a\n wait 10m"),
        ("expires: 10m", "crash\n wait 11m"),
        // Another run does the same while the first waits for its next attempt, and is never resumed.
        (
            "expires: 10m, retry: { attempts: 2, backoff: 1m }",
            "lost a\n pause run-1\n wait 1m\n trigger timed a=x\n ok a\n wait 10m",
        ),
    ] {
        let text =
            timed("block").replace("expires: 10m", &format!("{time}, critical: false, on_failure: continue"));
        let mut world = World::new(&[&text]);
        let told = world.play("trigger timed a=x");
        assert!(told.contains("starts (1): block x"), "{told}");
        let told = world.play(script);
        assert!(
            !matches!(status(&world, 1), ObligationStatus::Owed | ObligationStatus::InDoubt),
            "{time}: {told}"
        );
    }
}

/// C28: an undo that was given up, or is tried, is no reason to be in force for ever.
#[test]
fn c28_what_could_not_be_undone_ends_by_itself_all_the_same() {
    let text = timed("hold")
        + "  - { id: b, role: WALL, action: tell, with: { text: hi }, needs: [a], timeout: 590s }\n";
    let attempts = [2, 3, 5, 9, 0].map(|pause| format!("\n undo-fails a\n wait {pause}s")).concat();
    let given_up = format!("trigger timed a=x\n ok a\n fail b{attempts}");
    let mut world = World::new(&[&text]);
    let told = world.play(&given_up);
    assert_eq!(status(&world, 1), ObligationStatus::LiftFailed, "{told}");
    let told = world.play("wait 10m");
    assert!(told.contains("ob-1 EXPIRED"), "{told}");
    assert_eq!(status(&world, 1), ObligationStatus::Expired);
    // It is over while nothing may be done: then there is nothing to undo any more.
    let mut world = World::new(&[&text]);
    world.play(&given_up);
    let told = world.play("halt\n settle run-1 a again\n wait 10m\n release");
    assert!(told.contains("ob-1 EXPIRED") && !told.contains("undo starts"), "{told}");
    assert_eq!(world.engine.state().run(RunId(1)).unwrap().status(), RunStatus::RolledBack, "{told}");
    // While an undo is under way it does not end; what comes of the undo is the last word.
    let mut world = World::new(&[&text]);
    let told = world.play("trigger timed a=x\n ok a\n wait 585s\n fail b\n wait 20s");
    assert_eq!((status(&world, 1), told.contains("EXPIRED")), (ObligationStatus::Lifting, false), "{told}");
    let told = world.play("undone a");
    assert_eq!((status(&world, 1), told.contains("EXPIRED")), (ObligationStatus::Lifted, false), "{told}");
}

/// C28: a question that nobody answers, put while there was no end in sight, does not hold the end up.
#[test]
fn c28_what_was_asked_for_long_before_its_end_ends() {
    let text = "
workflow: timed
inputs: { a: text, for: text }
steps:
  - { id: a, role: WALL, action: clamp, with: { address: '${inputs.a}' }, expires: '${inputs.for}' }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: '${run.id}' } }
";
    let mut world = World::new(&[text]);
    world.play(
        "trigger timed a=x for=1h\n pause run-1\n ok a\n trigger timed a=x for=10m\n ok run-2/b\n wait 595s",
    );
    let told = world.play("crash\n wait 1s\n cancel run-1");
    assert!(told.contains("→ looks for clamp") && told.contains("run-1 a lets go of ob-1"), "{told}");
    let told = world.play("wait 5s");
    assert!(!told.contains("unblock"), "{told}");
    let told = world.play("wait 6s");
    assert!(told.contains("unblock x"), "{told}");
}

/// C3: what is asked for is not undone before the answer, and what was not found is not undone at all.
#[test]
fn c3_the_end_of_what_may_be_there_waits_for_what_is_found() {
    let text = timed("wire").replace("expires: 10m", "expires: 5s, retry: { attempts: 3, backoff: 1m }");
    let mut world = World::new(&[&text]);
    let told = world.play("trigger timed a=x\n crash\n wait 7s");
    assert!(told.contains("→ looks for wire") && !told.contains("lift"), "{told}");
    let told = world.play("absent a");
    assert_eq!(status(&world, 1), ObligationStatus::Void, "{told}");
    let told = world.play("wait 1ms\n ok a");
    assert_eq!(
        (status(&world, 1), status(&world, 2)),
        (ObligationStatus::Void, ObligationStatus::InForce),
        "{told}"
    );
    // Nobody knows: it is asked for once more before it is undone.
    let mut world = World::new(&[&text]);
    world.play("trigger timed a=x\n crash\n unknown a");
    let told = world.play("wait 5s");
    assert!(told.contains("→ looks for wire") && !told.contains("unwire"), "{told}");
    let told = world.play("absent ob-1");
    assert_eq!(status(&world, 1), ObligationStatus::Expired, "{told}");
}
