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
