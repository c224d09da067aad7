//! Steps that a person does.

use super::check;
use super::world::{World, real};

const CUT: &str = "
workflow: cut
steps:
  - { id: block, role: WALL, action: block, with: { address: a } }
  - { id: unplug, role: HAND, action: unplug, needs: [block], timeout: 10m, with: { host: web-1 } }
  - { id: tell, role: BELL, action: tell, needs: [unplug], with: { text: 'done by ${steps.unplug.output.by}: ${steps.unplug.output.text}' }, undo: 'none: said' }
";

#[test]
fn a_person_is_asked_and_answers() {
    let script = "
        trigger cut
        answer run-1 unplug done too early
        answer run-1 nope done
        answer run-9 unplug done
        answer run-1 block done
        ok block
        answer run-1 unplug done in rack 7
        answer run-1 unplug failed no
        ok tell";
    check("c23_a_person_answers", CUT, script);
}

#[test]
fn a_person_says_no() {
    check(
        "a_person_says_no",
        CUT,
        "trigger cut\n ok block\n answer run-1 unplug failed the door is locked\n undone block",
    );
}

#[test]
fn a_question_stands_after_a_crash_with_the_deadline_that_it_had() {
    let script = "
        trigger cut
        ok block
        wait 4m
        crash
        wait 5m
        crash
        wait 1m
        answer run-1 unplug done
        stopped unplug
        wait 11m
        answer-undo run-1 unplug done
        undone block";
    check("c3_a_question_stands", CUT, script);
}

#[test]
fn an_undo_by_hand_is_asked_and_answered_too() {
    let script = "
        trigger cut
        ok block
        answer run-1 unplug done
        fail tell
        crash
        answer run-1 unplug failed it is not about the step
        answer-undo run-1 unplug failed cannot find the cable
        wait 3s
        answer-undo run-1 unplug done
        answer-undo run-1 unplug done
        undone block";
    check("undo_by_hand", CUT, script);
}

#[test]
fn a_cancelled_question_is_withdrawn() {
    let script = "
        trigger cut
        ok block
        cancel run-1
        stopped unplug
        answer run-1 unplug done
        answer-undo run-1 unplug done";
    check("c12_a_question_is_withdrawn", CUT, script);
}

#[test]
fn c13_a_pause_does_not_hold_an_answer() {
    check(
        "c13_answer_in_a_pause",
        CUT,
        "trigger cut\n ok block\n pause run-1\n answer run-1 unplug done\n resume run-1\n ok tell",
    );
}

#[test]
fn c17_where_people_are_not_asked_any_more_the_question_is_in_doubt() {
    let mut world = World::of(real(&[CUT]));
    world.play("arm cut\n trigger cut\n ok block");
    let mut setup = crate::engine::Setup::clone(&world.setup);
    setup.agents.retain(|agent| &*agent.name != "hand-1");
    world.setup = std::sync::Arc::new(setup);
    let told = world.play("crash");
    assert!(told.contains("run-1 unplug IN DOUBT"), "{told}");
}

#[test]
fn waiting_for_a_person_is_not_work() {
    let mut world = World::new(&[
        CUT,
        &CUT.replace("cut", "other").replace("web-1", "web-2").replace("address: a", "address: b"),
    ]);
    world.play("trigger cut");
    assert!(!world.engine.state().waits_for_people());
    world.play("ok block");
    assert!(world.engine.state().waits_for_people());
    world.play("trigger other");
    assert!(!world.engine.state().waits_for_people(), "the other one works");
    world.play("ok run-2/block\n crash");
    assert!(world.engine.state().waits_for_people());
    world.play("answer run-1 unplug done");
    assert!(!world.engine.state().waits_for_people());
    world.play("ok run-1/tell\n pause run-2");
    assert!(world.engine.state().waits_for_people());
}
