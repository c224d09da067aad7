//! What a run begins and what it leaves alone, and when an attempt is followed by another.

use super::world::World;
use crate::engine::{RunStatus, StepStatus};

/// Plays a script; says the rest of the lines in which a word stands.
fn lines(workflows: &[&str], script: &str, word: &str) -> Vec<String> {
    let told = World::new(workflows).play(script);
    told.lines().filter(|line| line.contains(word)).map(|line| line.trim().to_owned()).collect()
}

const SLOW: &str = "
workflow: slow
steps:
  - { id: a, role: WALL, action: once, with: { address: x }, timeout: 60s }
";
const FAST: &str = "
workflow: fast
steps:
  - { id: a, role: WALL, action: once, with: { address: x }, timeout: 10s }
";

#[test]
fn c16_a_step_that_never_got_its_turn_says_so() {
    let told = lines(&[SLOW, FAST], "trigger slow\n trigger fast\n wait 10s", "failed");
    let why = "run-2 a failed (NotSent): another run acted on its target until the step's deadline";
    assert_eq!(told[0], why, "{told:?}");
}

/// What was performed and could not be verified is done again where it is absent, or may be done twice.
#[test]
fn c3_what_is_not_verified_is_tried_again_where_that_is_safe() {
    for (action, found, again) in [
        ("wire", "absent", true),
        ("wire", "unknown", false),
        ("bolt", "absent", true),
        ("bolt", "unknown", true),
    ] {
        let text = format!(
            "
workflow: careful
steps:
  - {{ id: a, role: WALL, action: {action}, with: {{ address: x }}, verify: true,
      retry: {{ attempts: 2, backoff: 1s, jitter: 0% }} }}
"
        );
        let told = lines(&[&text], &format!("trigger careful\n ok a\n {found} a\n wait 1s"), "starts (2)");
        assert_eq!(told.len(), usize::from(again), "{action} {found}: {told:?}");
    }
}

const BRANCH: &str = "
workflow: branch
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b }, on_failure: stop, when: 'steps.a.output.level == \"high\"' }
  - { id: c, role: WALL, action: block, needs: [a], with: { address: c } }
";

#[test]
fn c30_in_a_halt_not_even_a_condition_is_asked() {
    let mut world = World::new(&[BRANCH]);
    let told = world.play("trigger branch\n halt\n ok a level=low");
    assert!(!told.contains("skipped") && !told.contains("b failed"), "{told}");
    let told = world.play("release");
    assert!(told.contains("b skipped") && told.contains("c starts (1)"), "{told}");
}

/// Two steps become ready at once, and the first of them ends the run.
#[test]
fn a_run_that_ended_begins_nothing_more() {
    let mut world = World::new(&[BRANCH]);
    let told = world.play("trigger branch\n ok a");
    assert!(told.contains("run-1 FAILED: step `b` failed"), "{told}");
    let run = world.engine.state().runs().next().unwrap();
    assert_eq!((run.status(), run.steps()[2].attempt()), (RunStatus::Failed, 0), "{told}");
}

const TWO: &str = "
workflow: two
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: BELL, action: tell, with: { text: b }, undo: 'none: said' }
";

#[test]
fn an_agent_keeps_count_of_what_it_did() {
    let mut world = World::new(&[TWO]);
    world.play("trigger two\n ok a\n fail b\n undone a\n trigger two\n ok run-2/a\n");
    let state = world.engine.state();
    let of = |name: &str| state.agents().iter().find(|agent| agent.name() == name).unwrap();
    assert_eq!(of("wall-1").totals(), (3, 0), "an undo counts too");
    assert_eq!(of("bell-1").totals(), (0, 1));
    assert_eq!(of("wall-1").last_run().unwrap().to_string(), "run-2");
    assert_eq!(of("hand-1").last_run(), None);
    let bell = of("bell-1");
    assert_eq!((bell.in_flight(), bell.success_rate()), (1, 0.0));
    assert_eq!(bell.mean_response().as_secs_f64(), 2.0);
    let run = state.runs().next_back().unwrap();
    assert_eq!(run.steps()[1].status(), StepStatus::Running);
}

#[test]
fn what_may_be_ours_is_not_looked_for_first() {
    let unowed = "
workflow: unowed
steps:
  - { id: a, role: WALL, action: wire, with: { address: x }, timeout: 90s, undo: 'none: it is kept',
      retry: { attempts: 2, backoff: 1s, jitter: 0% } }
";
    // No entry of the ledger says so: the attempt before does.
    let mut world = World::new(&[unowed]);
    let told = world.play("trigger unowed\n lost a\n absent a\n wait 61s");
    assert!(told.contains("a starts (2)"), "{told}");
    assert_eq!(told.matches("looks for it first").count(), 1, "{told}");
    // The ledger says so.
    let short = "
workflow: short
inputs: { for: text }
steps:
  - { id: a, role: WALL, action: bolt, with: { address: x }, expires: '${inputs.for}' }
";
    let mut world = World::new(&[short]);
    world.play("trigger short for=10m\n ok a");
    let told = world.play("trigger short for=20m");
    assert!(told.contains("run-2 a starts (1)") && !told.contains("looks for it first"), "{told}");
}
