//! The ledger at its edges: what is listed, who goes on when another one gives up, and what ends when
//! nobody could undo it.

use std::sync::Arc;

use super::world::World;
use crate::engine::{ObligationStatus, RunStatus, Setup};
use crate::model::{IncidentId, ObligationId, RunId};

const TWO: &str = "
workflow: two
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: b } }
";
const FOUND: &str = "
workflow: scan
trigger: { rule: scan }
inputs: { a: { type: text, from: '${detection.source_ip}' } }
steps:
  - { id: a, role: WALL, action: once, with: { address: '${inputs.a}' } }
";

fn status(world: &World, id: u64) -> ObligationStatus {
    world.engine.state().ledger().get(ObligationId(id)).unwrap().status()
}

#[test]
fn what_an_incident_caused_is_what_can_be_taken_back() {
    let ends = FOUND.replace("action: once,", "action: hold, expires: 1h, undo: 'none: it ends',");
    for (text, script, listed) in [
        (FOUND, "", false),
        (FOUND, "ok a", true),
        (FOUND, "lost a", true),
        (FOUND, "fail a", false),
        (FOUND, "ok a\n lift ob-1", false),
        (FOUND, "ok a\n lift ob-1\n ok ob-1", false),
        (&ends, "ok a", false),
    ] {
        let mut world = World::new(&[text]);
        world.play("detect scan 192.0.2.1 1");
        let told = world.play(script);
        let found = world.engine.state().ledger().of_incident(IncidentId(1));
        let found: Vec<u64> = found.map(|o| o.id().0).collect();
        assert_eq!(found == [1], listed, "{script}: {told}");
        assert_eq!(
            world.engine.state().ledger().get(ObligationId(1)).unwrap().target().unwrap(),
            &"192.0.2.1".into()
        );
    }
}

#[test]
fn an_effect_is_of_who_caused_it_and_of_who_holds_it() {
    let mut world = World::new(&[TWO]);
    world.play("trigger two\n ok a\n ok b\n trigger two\n lift run-1");
    let of = |run| world.engine.state().ledger().of_run(RunId(run)).map(|o| o.id().0).collect::<Vec<_>>();
    // It let go of both, and is who caused them.
    assert_eq!((of(1), of(2), of(3)), (vec![1, 2], vec![1, 2], vec![]));
}

/// C9, C11: who waits until another run has lifted what it is to undo goes on when that one gives up.
#[test]
fn c11_whoever_gives_up_lets_those_go_on_who_waited_for_it() {
    for (script, ends) in [
        ("ok run-2/ob-1", RunStatus::RolledBack),
        ("fail run-2/ob-1\n cancel run-2\n undone run-1/a", RunStatus::RolledBack),
        ("fail run-2/ob-1\n abandon run-2\n undone run-1/a", RunStatus::RolledBack),
        ("lost run-2/ob-1\n cancel run-2\n wait 1m\n undone run-1/a", RunStatus::RolledBack),
        ("cancel run-2\n stopped run-2/ob-1\n undone run-1/a", RunStatus::RolledBack),
        ("fail run-2/ob-1", RunStatus::RollingBack),
        ("fail run-2/ob-1\n wait 2s", RunStatus::RollingBack),
    ] {
        let mut world = World::new(&[TWO]);
        let told = world.play("trigger two\n ok a\n lift a\n fail run-1/b");
        assert!(!told.contains("a undo starts"), "{told}");
        let told = world.play(script);
        assert_eq!(world.engine.state().run(RunId(1)).unwrap().status(), ends, "{script}: {told}");
    }
}

/// C28: its time was over while it was being undone, and then nobody could undo it.
#[test]
fn c28_what_ended_while_it_could_not_be_undone_is_over() {
    let timed = |action: &str| {
        format!(
            "
workflow: timed
steps:
  - {{ id: a, role: WALL, action: {action}, with: {{ address: x }}, expires: 10m }}
  - {{ id: b, role: WALL, action: tell, with: {{ text: hi }}, needs: [a], timeout: 590s }}
"
        )
    };
    let given_up = "undo-fails a\n wait 2s\n undo-fails a\n wait 3s\n undo-fails a\n wait 5s\n undo-fails a\n wait 9s\n undo-fails a";
    let lift = given_up.replace("undo-fails a", "fail ob-1");
    for (action, begun, script, ended) in [
        // It ended by itself.
        ("hold", "wait 585s\n fail b", given_up, true),
        ("hold", "ok b\n wait 585s\n lift ob-1", &lift, true),
        // quell would have to undo it, and cannot: a person is needed.
        ("block", "wait 585s\n fail b", given_up, false),
        ("block", "ok b\n wait 585s\n lift ob-1", &lift, false),
    ] {
        let mut world = World::new(&[&timed(action)]);
        world.play("trigger timed\n ok a");
        world.play(begun);
        let told = world.play(script);
        assert!(!told.contains("EXPIRED"), "not while it is being undone: {told}");
        assert_eq!(status(&world, 1), ObligationStatus::LiftFailed, "{action} {begun}: {told}");
        let told = world.play("wait 1s");
        let then = if ended { ObligationStatus::Expired } else { ObligationStatus::LiftFailed };
        assert_eq!(status(&world, 1), then, "{action} {begun}: {told}");
    }
}

/// C3: one question at a time; the end of what may be there does not ask a second one.
#[test]
fn c3_what_is_asked_for_is_not_asked_for_again_at_its_end() {
    let text = "
workflow: wired
steps:
  - { id: a, role: WALL, action: wire, with: { address: x }, expires: 5s }
";
    let mut world = World::new(&[text]);
    let told = world.play("trigger wired\n crash");
    assert_eq!(told.matches("→ looks for wire").count(), 1, "{told}");
    let told = world.play("wait 7s");
    assert_eq!(told.matches("→ looks for wire").count(), 0, "{told}");
}

/// C9: one effect after the other, also after a restart in which the agents are busy.
#[test]
fn c9_a_lift_that_waits_for_an_agent_lifts_nothing_else_meanwhile() {
    let busy = "
workflow: busy
inputs: { a: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.a}' }, timeout: 1h }
";
    let both = TWO.replace("once", "block");
    let mut world = World::new(&[busy, &both]);
    world.play(
        "trigger two\n ok a\n ok b\n trigger busy a=1\n trigger busy a=2\n trigger busy a=3\n lift run-1",
    );
    // There is less room after the restart: the lift that was cut short waits for an agent.
    let mut setup = Setup::clone(&world.setup);
    setup.agents[0].concurrency = 3;
    world.setup = Arc::new(setup);
    let told = world.play("crash\n pause run-5\n resume run-5");
    assert!(told.contains("run-5 ob-2 IN DOUBT") && !told.contains("run-5 ob-2 starts"), "{told}");
    let told = world.play("ok run-2/a\n ok run-3/a\n ok run-4/a");
    assert!(told.contains("run-5 ob-2 starts (2)") && !told.contains("ob-1 starts"), "{told}");
    let told = world.play("ok run-5/ob-2\n ok run-5/ob-1");
    assert!(told.contains("run-5 ob-1 starts (1)") && told.contains("run-5 COMPLETED"), "{told}");
}

/// C16: who is next at a target is who is more urgent, not who is there already.
#[test]
fn c16_who_waits_for_a_target_comes_before_those_who_ask_later() {
    let low = "
workflow: low
steps:
  - { id: a, role: WALL, action: block, with: { address: x } }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: x } }
";
    for (priority, first) in [("urgent", "run-2 a starts (1)"), ("low", "run-1 b starts (1)")] {
        let high = format!(
            "
workflow: high
priority: {priority}
steps:
  - {{ id: a, role: WALL, action: wire, with: {{ address: x }} }}
"
        );
        let mut world = World::new(&[low, &high]);
        world.play("trigger low\n trigger high");
        let told = world.play("ok run-1/a");
        assert!(told.contains(first), "{priority}: {told}");
        assert_eq!(told.matches("starts (1)").count(), 1, "{priority}: {told}");
    }
}

/// C15: what sets off the same workflow for the same key joins the run that is live.
#[test]
fn c15_an_incident_joins_the_run_that_is_live_for_its_key() {
    let text = FOUND.replace("trigger:", "dedup: one\ntrigger:");
    let mut world = World::new(&[&text]);
    let told = world.play("detect scan 192.0.2.1 1\n detect scan 192.0.2.2 1\n detect scan#2 192.0.2.2 1");
    assert_eq!(told.matches("created").count(), 1, "{told}");
    assert_eq!(told.matches("run-1 joined by inc-2").count(), 1, "{told}");
    let joined = world.engine.state().incident(IncidentId(2)).unwrap();
    assert_eq!(joined.runs(), [RunId(1)]);
}

/// A run that ends says nothing of an incident that is closed.
#[test]
fn a_closed_incident_stays_as_it_is_when_its_run_ends() {
    for close in ["dismiss inc-1 it was us", "resolve inc-1 enough"] {
        let mut world = World::new(&[FOUND]);
        world.play("detect scan 192.0.2.1 1");
        world.play(close);
        let before = world.engine.state().incident(IncidentId(1)).unwrap().status();
        let told = world.play("ok run-1/a");
        assert!(told.contains("run-1 COMPLETED"), "{told}");
        assert_eq!(world.engine.state().incident(IncidentId(1)).unwrap().status(), before, "{told}");
        assert!(!told.contains("inc-1"), "{told}");
    }
}

/// C3: an undo that may be done twice is done again after a crash; nobody has to be asked first.
#[test]
fn c3_an_undo_that_may_be_done_twice_is_not_asked_for() {
    let text = "
workflow: bolted
steps:
  - { id: a, role: WALL, action: bolt, with: { address: x } }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: '${run.id}' }, undo: 'none: said' }
";
    let mut world = World::new(&[text]);
    world.play("trigger bolted\n ok a\n cancel run-1\n stopped b");
    let told = world.play("crash");
    assert!(told.contains("a undo starts (2)") && !told.contains("looks for"), "{told}");
}

/// C11: a person may say that an effect is undone while another run is to try again to lift it.
#[test]
fn c11_what_is_undone_by_hand_needs_nobody_who_waits_to_lift_it() {
    let mut world = World::new(&[TWO]);
    world.play("trigger two\n ok a\n lift a\n fail run-1/b\n fail run-2/ob-1");
    assert_eq!(status(&world, 1), ObligationStatus::Lifting);
    let told = world.play("settle run-1 a done I took it out");
    assert!(told.contains("SETTLED"), "{told}");
    assert_eq!(world.engine.state().run(RunId(1)).unwrap().status(), RunStatus::RolledBack, "{told}");
    let told = world.play("wait 2s");
    assert!(told.contains("run-2 ob-1 skipped: it ended before"), "{told}");
}

/// C11: what a person leaves as it is, and nobody does anew after all, is given up.
#[test]
fn c11_what_may_stay_and_is_not_done_anew_is_given_up() {
    let delicate = "
workflow: delicate
steps:
  - { id: x, role: WALL, action: block, with: { address: x }, undo: { action: once, with: { address: x } } }
  - { id: z, role: BELL, action: tell, needs: [x], with: { text: '${run.id}' }, undo: 'none: it is said' }
";
    let other = "workflow: other\nsteps: [{ id: q, role: WALL, action: block, with: { address: x } }]";
    let mut world = World::new(&[delicate, other]);
    let told = world.play("trigger delicate\n ok x\n fail z\n crash\n crash\n trigger other");
    assert!(told.contains("run-2 q starts (1)"), "{told}");
    assert_ne!(status(&world, 1), ObligationStatus::InForce);
    world.play("settle run-1 x skip it may stay");
    assert_eq!(status(&world, 1), ObligationStatus::InForce);
    world.play("fail run-2/q");
    assert_eq!(status(&world, 1), ObligationStatus::Waived);
}

/// What surely did nothing, and was to be tried again when its run was cancelled, is not undone.
#[test]
fn c9_what_did_nothing_is_no_part_of_a_rollback() {
    let text = "
workflow: again
steps:
  - { id: a, role: WALL, action: block, with: { address: x } }
  - { id: b, role: WALL, action: block, needs: [a], with: { address: y }, retry: { attempts: 2, backoff: 1m } }
";
    let mut world = World::new(&[text]);
    let told = world.play("trigger again\n ok a\n fail b\n cancel run-1\n undone a");
    let run = world.engine.state().run(RunId(1)).unwrap();
    assert_eq!((run.status(), run.completed().len()), (RunStatus::Cancelled, 1), "{told}");
    assert!(!told.contains("lets go"), "{told}");
}
