//! What has to be confirmed is taken back by itself, unless somebody confirms it (C29).

use super::world::{World, setup};

const CUT: &str = "
workflow: cut
steps:
  - { id: cut, role: WALL, action: block, confirm: 60s, with: { address: '192.0.2.7' } }
  - { id: tell, role: BELL, action: tell, needs: [cut], with: { text: cut }, undo: 'none: said' }
";

fn cut() -> World {
    let mut world = World::of(setup(&[CUT]));
    let told = world.play("trigger cut\n ok cut\n ok tell");
    assert!(told.contains("run-1 COMPLETED"), "{told}");
    assert_eq!(world.engine.state().unconfirmed().len(), 1);
    world
}

#[test]
fn c29_an_effect_that_nobody_confirms_is_taken_back_after_its_run_has_ended() {
    for crash in [false, true] {
        let mut world = cut();
        if crash {
            world.play("wait 20s\n crash");
        }
        let told = world.play("wait 70s");
        assert!(told.contains("unblock"), "{told}");
        assert_eq!(world.engine.state().unconfirmed().len(), 0);
        let told = world.play("confirm run-1 cut");
        assert!(told.contains("too late: `cut` of run-1 was to be confirmed until"), "{told}");
    }
}

#[test]
fn c29_what_is_confirmed_in_time_stays() {
    let mut world = cut();
    let told = world.play("wait 50s\n as bob confirm run-1 cut\n confirm run-1 cut\n crash\n wait 1h");
    assert!(told.contains("cut confirmed by bob") && told.contains("it lasts until it is lifted"), "{told}");
    assert!(told.contains("was confirmed already, by bob"), "{told}");
    assert!(!told.contains("unblock"), "{told}");
    assert_eq!(world.engine.state().unconfirmed().len(), 0);
}

#[test]
fn c29_in_a_halt_it_is_held_and_can_still_be_confirmed() {
    let mut world = cut();
    let told = world.play("halt enough\n wait 10m");
    assert!(!told.contains("unblock"), "{told}");
    assert_eq!(world.engine.state().unconfirmed().len(), 1, "held, and listed");
    let told = world.play("confirm run-1 cut\n release\n wait 1h");
    assert!(told.contains("cut confirmed by ada") && !told.contains("unblock"), "{told}");
}

#[test]
fn c29_only_what_waits_is_confirmed() {
    let mut world = cut();
    let told = world.play("confirm run-1 tell\n confirm run-1 none\n confirm run-9 cut");
    for part in ["nothing of `tell` of run-1 is in force", "run-1 has no step `none`", "run-9 is not known"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn c29_too_late_is_when_the_time_is_over_and_when_it_is_being_taken_back() {
    // The time is over, though nobody has looked at the clock yet.
    let mut world = cut();
    world.now = world.now + crate::model::Span::from_secs(60);
    let told = world.play("confirm run-1 cut");
    assert!(told.contains("too late") && told.contains("it is in_force"), "{told}");
    let mut world = cut();
    let told = world.play("lift run-1 it was wrong\n confirm run-1 cut");
    assert!(told.contains("too late") && told.contains("it is lifting"), "{told}");
}
