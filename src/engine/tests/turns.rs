//! Who has a target, and that it is given back (C16).

use super::world::World;

/// Can be asked for, and may not be done twice.
const WIRE: &str = "
workflow: wire
steps:
  - { id: a, role: WALL, action: wire, with: { address: x }, timeout: 90s }
";
const BLOCK: &str = "
workflow: block
steps:
  - { id: a, role: WALL, action: block, with: { address: x }, timeout: 1h }
";

fn free(world: &World) -> bool {
    world.engine.state().lease("x").is_none()
}

#[test]
fn c16_nobody_acts_on_a_target_while_it_is_asked_what_became_of_it() {
    for (script, freed) in [
        ("present a", true),
        ("unknown a", true),
        ("absent a", true),
        ("wait 9s", false),
        ("wait 10s", true),
        ("abandon run-1", true),
        ("cancel run-1", false),
        ("cancel run-1\n undone a", true),
        ("pause run-1", false),
    ] {
        let mut world = World::new(&[WIRE, BLOCK]);
        world.play("trigger wire\n crash");
        let lease = *world.engine.state().lease("x").unwrap();
        assert!(lease.epoch() > 0 && lease.run().to_string() == "run-1");
        let told = world.play("trigger block");
        assert!(told.contains("run-2 a waits for Lease"), "{told}");
        let of_first = if script.contains("undone") {
            script.replace("undone a", "undone run-1/a")
        } else {
            script.into()
        };
        let told = world.play(&of_first);
        assert_eq!(told.contains("run-2 a starts (1)"), freed, "{script}: {told}");
        assert!(!free(&world));
    }
}

/// Two steps of one run act on one target: it is free when both have answered.
#[test]
fn c16_a_target_is_given_back_with_the_last_outcome() {
    let both = "
workflow: both
steps:
  - { id: a, role: WALL, action: once, with: { address: x } }
  - { id: b, role: WALL, action: wire, with: { address: x } }
";
    for answers in [["ok run-1/a", "ok run-1/b"], ["ok run-1/b", "ok run-1/a"]] {
        let mut world = World::new(&[both, BLOCK]);
        let told = world.play("trigger both\n trigger block");
        assert!(told.contains("run-1 b starts (1)") && told.contains("run-2 a waits for Lease"), "{told}");
        let told = world.play(answers[0]);
        assert!(!told.contains("run-2 a starts"), "{told}");
        let told = world.play(answers[1]);
        assert!(told.contains("run-2 a starts (1)"), "{told}");
        world.play("ok run-2/a");
        assert!(free(&world));
    }
}

/// The undo was performed, and it is asked whether it worked: a person need not wait for the answer.
#[test]
fn c16_a_person_who_skips_an_undo_gives_its_target_back() {
    let text = "
workflow: verified
steps:
  - { id: a, role: WALL, action: wire, with: { address: x }, verify: true }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: x }, undo: 'none: said' }
";
    let mut world = World::new(&[text]);
    let told = world.play("trigger verified\n ok a\n present a\n cancel run-1\n stopped b\n undone a");
    assert!(told.contains("a undo performed, to be verified") && !free(&world), "{told}");
    let told = world.play("settle run-1 a skip it may stay");
    assert!(told.contains("SETTLED") && free(&world), "{told}");
    let entry = world.engine.state().ledger().iter().next().unwrap();
    assert_eq!(entry.status(), crate::engine::ObligationStatus::Waived);
}

/// Whatever becomes of a run, it leaves no target behind.
#[test]
fn c16_a_run_that_has_ended_has_no_target() {
    for script in [
        "ok a",
        "fail a",
        "lost a\n abandon run-1",
        "lost a\n unknown a\n cancel run-1\n wait 61s\n undone a",
        "crash\n cancel run-1\n undone a",
        "crash\n abandon run-1",
        "cancel run-1\n wait 10m",
        "wait 90s\n wait 10s\n abandon run-1",
    ] {
        let mut world = World::new(&[WIRE]);
        world.play("trigger wire");
        let told = world.play(script);
        assert!(free(&world), "{script}: {told}");
    }
}

/// What was asked for when its run turned round, and cannot be undone, is nobody's any more.
#[test]
fn c16_a_question_that_nobody_waits_for_keeps_no_target() {
    let text = WIRE.replace("timeout: 90s", "timeout: 90s, undo: 'none: it stays'");
    for script in ["cancel run-1", "abandon run-1"] {
        let mut world = World::new(&[&text, BLOCK]);
        world.play("trigger wire\n crash");
        assert!(!free(&world));
        let told = world.play(script);
        assert!(free(&world), "{script}: {told}");
        let told = world.play("trigger block");
        assert!(told.contains("run-2 a starts (1)"), "{told}");
    }
}

/// What runs when its run turns round has its target until it has answered.
#[test]
fn c16_what_is_being_stopped_has_its_target_still() {
    let mut world = World::new(&[WIRE, BLOCK]);
    world.play("trigger wire\n trigger block");
    let told = world.play("cancel run-1");
    assert!(!told.contains("run-2 a starts"), "{told}");
    assert_eq!(world.engine.state().lease("x").unwrap().run().to_string(), "run-1");
    let told = world.play("stopped run-1/a");
    assert!(told.contains("run-1 a undo starts (1)") && !told.contains("run-2 a starts"), "{told}");
    let told = world.play("undone run-1/a");
    assert!(told.contains("run-2 a starts (1)"), "{told}");
}

/// A person lifts in a halt what is in doubt: whose question comes later leaves the target to the lift.
#[test]
fn c16_a_question_takes_no_target_from_who_acts_on_it() {
    let mut world = World::new(&[WIRE]);
    world.play("trigger wire\n halt\n stopped a\n lift ob-1");
    assert_eq!(world.engine.state().lease("x").unwrap().run().to_string(), "run-2");
    let told = world.play("release");
    assert!(told.contains("run-1 a is asked for"), "{told}");
    assert_eq!(world.engine.state().lease("x").unwrap().run().to_string(), "run-2");
    let told = world.play("present a");
    assert_eq!(world.engine.state().lease("x").unwrap().run().to_string(), "run-2", "{told}");
}

fn size(world: &World, of: &str) -> usize {
    world.engine.sizes().into_iter().find(|size| size.of == of).unwrap().count
}

/// Nothing is left of those who waited, however they stopped waiting.
#[test]
fn who_waits_for_a_turn_is_counted_and_leaves_with_it() {
    let sizes = |world: &World| {
        ["lines at targets", "those who wait for a turn", "targets that became free"]
            .map(|of| size(world, of))
    };
    let short = BLOCK.replace("timeout: 1h", "timeout: 20s");
    let waiting = "trigger wire\n trigger block\n trigger block";
    for (script, left) in [
        ("", [1, 2, 0]),
        ("wait 20s", [0, 0, 0]),
        ("cancel run-2", [1, 1, 0]),
        ("cancel run-2\n abandon run-3", [0, 0, 0]),
        ("ok run-1/a", [1, 1, 0]),
        ("fail run-1/a\n fail run-2/a\n ok run-3/a", [0, 0, 0]),
    ] {
        let mut world = World::new(&[WIRE, &short]);
        assert_eq!(sizes(&world), [0, 0, 0]);
        world.play(waiting);
        let told = world.play(script);
        assert_eq!(sizes(&world), left, "{script}: {told}");
    }
}

/// Who is called and takes nothing lets the next one in.
#[test]
fn c16_who_joins_what_is_in_force_lets_the_next_one_in() {
    let other = "
workflow: other
steps:
  - { id: a, role: WALL, action: once, with: { address: x } }
";
    let mut world = World::new(&[BLOCK, other]);
    let told = world.play("trigger block\n trigger block\n trigger other");
    assert!(told.contains("run-2 a waits for Lease") && told.contains("run-3 a waits for Lease"), "{told}");
    let told = world.play("ok run-1/a");
    assert!(told.contains("run-2 a JOINS ob-1") && told.contains("run-3 a starts (1)"), "{told}");
}
