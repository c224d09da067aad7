//! An answer that nobody waits for changes nothing, and is counted.

use super::world::World;
use crate::engine::{Input, ProbeOf};
use crate::model::{Map, Outcome, Presence, RunId, StepIx};

/// Twice if need be; `tell` keeps the run live.
const BLOCK: &str = "
workflow: late
steps:
  - { id: a, role: WALL, action: block, with: { address: x }, retry: { attempts: 3, backoff: 1s, jitter: 0% } }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: x }, undo: 'none: said', timeout: 1h }
";
const WIRE: &str = "
workflow: late
steps:
  - { id: a, role: WALL, action: wire, with: { address: x }, verify: { within: 5s } }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: x }, undo: 'none: said', timeout: 1h }
";

fn ignored(world: &mut World, input: Input, case: &str) {
    let (records, stale) = (world.records.len(), world.engine.stale_answers());
    let told = world.input(input);
    assert_eq!((told.as_str(), world.records.len()), ("", records), "{case}");
    assert_eq!(world.engine.stale_answers(), stale + 1, "{case}");
}

#[test]
fn an_answer_to_an_earlier_attempt_is_not_taken_for_one_to_the_last() {
    let undoing = "trigger late\n ok a\n cancel run-1\n stopped b\n";
    for (script, attempt, undo) in [
        ("trigger late\n crash", 1, false),
        ("trigger late\n fail a\n wait 1s", 1, false),
        ("trigger late\n lost a", 1, false),
        ("trigger late\n ok a", 1, false),
        ("trigger late", 2, false),
        ("trigger late\n ok a", 1, true),
        (&format!("{undoing} undo-fails a\n wait 2s"), 1, true),
        (&format!("{undoing} undo-lost a"), 1, true),
        (undoing, 0, true),
        (undoing, 1, false),
        (&format!("{undoing} undone a"), 1, true),
    ] {
        for outcome in [Outcome::Succeeded(Map::new()), Outcome::Stopped, Outcome::NotBegun] {
            let mut world = World::new(&[BLOCK]);
            let told = world.play(script);
            let again = script.ends_with("crash") || script.ends_with("fail a\n wait 1s");
            assert_eq!(told.contains("a starts (2)"), again, "{told}");
            let (run, step) = (RunId(1), StepIx(0));
            let case = format!("{script}: {outcome:?} to attempt {attempt}, undo: {undo}");
            ignored(&mut world, Input::StepFinished { run, step, attempt, undo, outcome }, &case);
        }
    }
}

#[test]
fn an_answer_about_what_is_not_known_is_not_taken_either() {
    for (run, step) in [(1, 9), (9, 0)] {
        let mut world = World::new(&[BLOCK]);
        world.play("trigger late");
        let (run, step, outcome) = (RunId(run), StepIx(step), Outcome::Stopped);
        let finished = Input::StepFinished { run, step, attempt: 1, undo: false, outcome };
        ignored(&mut world, finished, "an outcome");
        let of = ProbeOf::Step { run, step, attempt: 1, undo: false };
        ignored(&mut world, Input::Probed { of, found: Presence::Present }, "a finding");
    }
}

#[test]
fn c3_what_is_found_about_an_earlier_attempt_says_nothing_about_the_last() {
    let undoing = "trigger late\n ok a\n present a\n cancel run-1\n stopped b\n";
    for (script, attempt, undo) in [
        ("trigger late\n crash", 2, false),
        ("trigger late\n crash", 1, true),
        ("trigger late\n ok a", 2, false),
        ("trigger late\n ok a", 1, true),
        ("trigger late\n ok a\n present a", 1, false),
        (undoing, 1, true),
        (&format!("{undoing} undone a"), 2, true),
        (&format!("{undoing} undone a"), 1, false),
        (&format!("{undoing} crash"), 2, true),
        (&format!("{undoing} crash"), 1, false),
    ] {
        for found in [Presence::Present, Presence::Absent] {
            let mut world = World::new(&[WIRE]);
            world.play(script);
            let of = ProbeOf::Step { run: RunId(1), step: StepIx(0), attempt, undo };
            let case = format!("{script}: {found:?} of attempt {attempt}, undo: {undo}");
            ignored(&mut world, Input::Probed { of, found }, &case);
        }
    }
}
