//! The kill switch.

use super::check;
use super::world::World;

const CHAIN: &str = "
workflow: chain
timeout: 1h
steps:
  - { id: a, role: WALL, action: block, with: { address: a }, retry: { attempts: 3, backoff: 10m } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
  - { id: c, role: WALL, action: once, needs: [b], with: { address: c } }
";

#[test]
fn c30_nothing_is_begun_and_what_waits_goes_on() {
    check(
        "c30_halt",
        CHAIN,
        "trigger chain\n halt enough\n halt again\n stopped a\n trigger chain\n wait 2h\n release\n release\n ok run-1/a\n ok run-2/a\n ok run-2/b",
    );
    check(
        "c30_an_answer_counts",
        CHAIN,
        "trigger chain\n halt enough\n ok a\n wait 1h\n release\n ok b\n ok c",
    );
    check("c30_release_before_it_stopped", CHAIN, "trigger chain\n halt enough\n release\n stopped a\n ok a");
}

#[test]
fn c30_half_done_and_not_idempotent_waits_for_a_person() {
    check(
        "c30_half_done",
        CHAIN,
        "trigger chain\n ok a\n ok b\n halt enough\n stopped c\n wait 1h\n release\n retry run-1\n ok c",
    );
}

#[test]
fn c30_a_rollback_is_held_too() {
    check(
        "c30_halt_in_rollback",
        CHAIN,
        "trigger chain\n ok a\n ok b\n fail c\n halt enough\n undo-stopped b\n wait 1h\n release\n undone b\n undone a",
    );
    check(
        "c30_cancel_in_a_halt",
        CHAIN,
        "trigger chain\n ok a\n halt enough\n stopped b\n cancel run-1\n wait 1h\n release\n undone b\n undone a",
    );
}

#[test]
fn c30_it_survives_a_crash() {
    check(
        "c30_crash",
        CHAIN,
        "trigger chain\n ok a\n halt enough\n crash\n wait 1h\n crash\n release\n ok b\n ok c",
    );
}

#[test]
fn c30_delays_stand_still() {
    check(
        "c30_delays",
        CHAIN,
        "trigger chain\n fail a\n wait 2m\n halt enough\n wait 50m\n pause run-1\n wait 50m\n resume run-1\n wait 50m\n release\n wait 7m\n wait 2m\n ok a",
    );
}

#[test]
fn c30_what_the_performer_held_back_is_tried_again() {
    check(
        "c30_not_begun",
        CHAIN,
        "trigger chain\n not-begun a\n halt enough\n wait 10s\n release\n wait 2s\n ok a\n ok b\n fail c\n undo-not-begun b\n wait 2s\n undone b\n undone a",
    );
}

/// C30: what a person lifts in a halt is not cut short by it, nor by its end: it is not performed twice at once.
#[test]
fn c30_a_lift_that_is_under_way_is_not_begun_again_when_the_halt_is_over() {
    for action in ["block", "once", "wire"] {
        let text = format!(
            "
workflow: held
steps:
  - {{ id: a, role: WALL, action: {action}, with: {{ address: x }} }}
"
        );
        let mut world = World::new(&[&text]);
        world.play("trigger held\n ok a\n halt\n lift ob-1");
        let told = world.play("release");
        assert!(!told.contains("ob-1"), "{action}: {told}");
        let told = world.play("ok ob-1");
        assert!(told.contains("run-2 COMPLETED"), "{action}: {told}");
        assert_eq!(world.engine.stale_answers(), 0);
    }
}
