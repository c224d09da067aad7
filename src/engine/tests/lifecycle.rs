//! Runs go forward: needs, joins, conditions, retries, timeouts, results.

use super::check;
use super::world::World;
use crate::engine::RunStatus;

const DIAMOND: &str = "
workflow: diamond
inputs: { address: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.address}' } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b } }
  - { id: c, role: WALL, action: block, needs: [a], with: { address: '${steps.a.output.port}' } }
  - { id: d, role: BELL, action: tell, needs: [b, c], with: { text: done }, undo: 'none: it is said' }
";

#[test]
fn sequential_and_parallel_run() {
    check("diamond", DIAMOND, "trigger diamond address=203.0.113.7\n ok a port=22\n ok c\n ok b\n ok d");
}

#[test]
fn inputs_are_checked() {
    check("inputs", DIAMOND, "trigger diamond\n trigger diamond address=x colour=red\n trigger nothing");
}

#[test]
fn context_passing() {
    let mut world = World::new(&[DIAMOND]);
    world.play("trigger diamond address=x\n ok a port=22\n ok b\n ok c n=1\n ok d");
    let run = world.engine.state().runs().next().unwrap();
    assert_eq!(run.status(), RunStatus::Completed);
    assert_eq!(run.steps()[2].action().unwrap().target.as_deref(), Some("22"));
    assert_eq!(serde_json::to_string(&run.results()).unwrap(), r#"{"a":{"port":"22"},"c":{"n":"1"}}"#);
    assert_eq!(run.progress(), (4, 4));
    assert_eq!(run.duration(world.now).as_secs_f64(), 4.0);
}

const BRANCHES: &str = "
workflow: branches
steps:
  - { id: probe, role: BELL, action: tell, with: { text: x }, undo: 'none: it is said' }
  - { id: hot, role: WALL, action: block, needs: [probe], with: { address: hot }, when: 'steps.probe.output.level == \"high\"' }
  - { id: cold, role: WALL, action: block, needs: [probe], with: { address: cold }, when: 'steps.probe.output.level != \"high\"' }
  - { id: join, role: WALL, action: block, needs: [hot, cold], with: { address: join } }
";

#[test]
fn a_join_waits_for_the_branch_that_is_taken() {
    check("branches", BRANCHES, "trigger branches\n ok probe level=high\n ok hot\n ok join");
}

#[test]
fn a_condition_without_a_value_fails_its_step() {
    check("condition_without_value", BRANCHES, "trigger branches\n ok probe");
}

const PATIENT: &str = "
workflow: patient
steps:
  - id: a
    role: WALL
    action: block
    with: { address: a }
    timeout: 10s
    retry: { attempts: 3, backoff: 2s, factor: 2, jitter: 0% }
";

#[test]
fn retry() {
    check("retry", PATIENT, "trigger patient\n fail a\n wait 2s\n fail a\n wait 4s\n ok a");
    check("retry_exhausted", PATIENT, "trigger patient\n fail a\n wait 2s\n fail a\n wait 4s\n fail a");
}

#[test]
fn a_timeout_puts_the_agent_in_error_until_it_recovers() {
    check("timeout", PATIENT, "trigger patient\n wait 15s\n wait 90s");
}

#[test]
fn a_late_answer_from_an_old_attempt_is_ignored() {
    let mut world = World::new(&[PATIENT]);
    world.play("trigger patient\n wait 11s");
    let before = world.engine.state().clone();
    world.play("ok a");
    assert_eq!(world.engine.stale_answers(), 1);
    assert_eq!(*world.engine.state(), before);
}

const BELLS: &str = "
workflow: bells
steps:
  - { id: a, role: BELL, action: tell, with: { text: a }, undo: 'none: it is said' }
  - { id: b, role: BELL, action: tell, with: { text: b }, undo: 'none: it is said', timeout: 20s }
";

#[test]
fn a_step_waits_for_an_agent_until_its_deadline() {
    check("waits_for_agent", BELLS, "trigger bells\n ok a\n ok b");
    check("no_agent_came", BELLS, "trigger bells\n wait 25s");
}

const DEADLINE: &str = "
workflow: deadline
timeout: 30s
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: b }, timeout: 5m }
";

#[test]
fn a_run_has_a_deadline_of_its_own() {
    check("run_deadline", DEADLINE, "trigger deadline\n ok a\n wait 40s\n stopped b\n undone b\n undone a");
}

#[test]
fn the_state_is_bounded() {
    let mut world = World::new(&[PATIENT]);
    for _ in 0..20 {
        world.play("trigger patient\n ok a");
        assert!(world.engine.state().kept().0 <= 4);
    }
    assert_eq!(world.engine.state().counts().completed, 20);
}
