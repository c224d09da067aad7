//! A person settles what a lift could not undo.

use super::World;
use super::world::setup;
use crate::engine::{ObligationStatus, RunStatus, Settled, State, StepStatus};
use crate::model::{ObligationId, RunId, StepIx};

const TWO: &str = "
workflow: two
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
";

/// A lift of two effects, both given up: ob-2 is its first step, ob-1 its second.
fn parked() -> World {
    let mut world = World::of(setup(&[TWO]));
    world.play("trigger two\n ok a\n ok b\n lift run-1");
    for step in ["ob-2", "ob-1"] {
        for _ in 0..5 {
            world.play(&format!("fail {step}\n wait 9s"));
        }
    }
    assert_eq!(run(&world), RunStatus::Parked);
    world
}

fn run(world: &World) -> RunStatus {
    world.engine.state().run(RunId(2)).unwrap().status()
}

fn status(world: &World, id: u64) -> ObligationStatus {
    world.engine.state().ledger().get(ObligationId(id)).unwrap().status()
}

#[test]
fn done_skip_and_again_end_a_parked_lift_and_the_ledger_follows() {
    use ObligationStatus::{LiftFailed, Lifted, Waived};
    let reason = |world: &World, id| {
        let ledger = world.engine.state().ledger();
        let obligation = ledger.get(ObligationId(id)).unwrap();
        (obligation.why().map(str::to_owned), obligation.changed_by().map(ToString::to_string))
    };
    for (script, expected, ends) in [
        ("settle run-2 ob-2 done pulled the cable\n settle run-2 ob-1 done so did I", [Lifted, Lifted], true),
        ("settle run-2 ob-2 skip it may stay\n settle run-2 ob-1 done so did I", [Lifted, Waived], true),
        ("settle run-2 ob-2 skip it may stay", [LiftFailed, Waived], false),
        ("settle run-2 ob-2 again\n settle run-2 ob-1 skip let it\n ok ob-2", [Waived, Lifted], true),
        ("settle run-2 ob-2 done pulled\n retry run-2\n ok ob-1", [Lifted, Lifted], true),
    ] {
        let mut world = parked();
        let told = world.play(&format!("as ann {}", script.replace('\n', "\n as ann ")));
        assert_eq!([status(&world, 1), status(&world, 2)], expected, "{script}\n{told}");
        let ended = if ends { RunStatus::Completed } else { RunStatus::Parked };
        assert_eq!(run(&world), ended, "{script}\n{told}");
        if script.contains("may stay") {
            let (why, by) = reason(&world, 2);
            assert_eq!(why.as_deref(), Some("it may stay"));
            assert!(by.is_some_and(|by| by.contains("ann")));
        }
        let mut state = State::new();
        world.records.iter().for_each(|record| state.apply(record).unwrap());
        assert_eq!(state, *world.engine.state(), "{script}");
        // A start changes nothing of it.
        world.play("crash");
        assert_eq!([status(&world, 1), status(&world, 2)], expected, "{script}");
    }
}

#[test]
fn what_may_be_said_of_a_parked_lift() {
    let mut world = parked();
    let of =
        |world: &World, step| world.engine.state().run(RunId(2)).unwrap().may_settle(StepIx(step)).to_vec();
    assert_eq!(of(&world, 0), [Settled::Again, Settled::Done, Settled::Skip]);
    for (line, told) in [
        ("settle run-2 ob-2 done", "needs a reason"),
        ("settle run-2 ob-2 skip", "needs a reason"),
        ("settle run-2 ob-2 failed x", "now: again, done, skip"),
        ("settle run-2 ob-2 undo x", "now: again, done, skip"),
    ] {
        let said = world.play(line);
        assert!(said.contains(told), "{said}");
    }
    world.play("settle run-2 ob-2 done by hand");
    assert_eq!(of(&world, 0), []);
    let step = |world: &World| world.engine.state().run(RunId(2)).unwrap().steps()[0].status();
    assert_eq!(step(&world), StepStatus::Succeeded);
    // It is lifted: nothing lifts it again, and another effect takes its place.
    let told = world.play("lift ob-2\n settle run-2 ob-1 done by hand too\n trigger two\n ok a\n ok b");
    assert!(told.contains("ob-2 is lifted since"), "{told}");
    assert_eq!(world.engine.state().ledger().standing_count(), 2);
}
