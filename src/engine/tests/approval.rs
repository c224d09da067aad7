//! People approve what a step would do, or do not.

use std::sync::Arc;

use super::world::{World, real, setup};
use super::{check, check_in};
use crate::engine::{Actor, Answer, Effect, Engine, Event, Input, Request, RunStatus, StepStatus};
use crate::model::{RequestId, RunId};

const TWO: &str = "
workflow: two
timeout: 2h
inputs: { address: { type: text } }
steps:
  - { id: look, role: WALL, action: block, with: { address: first } }
  - id: cut
    role: WALL
    action: block
    needs: [look]
    with: { address: '${inputs.address}' }
    approval: { count: 2, timeout: 10m, reason: it hurts }
  - { id: tell, role: BELL, action: tell, needs: [cut], with: { text: done }, undo: 'none: said' }
";

/// The same with other words about the approval.
fn one(approval: &str) -> String {
    TWO.replace("count: 2, timeout: 10m, reason: it hurts", approval)
}

const ASKED: &str = "trigger two address=192.0.2.7\n ok look";

#[test]
fn two_different_people_approve_and_that_is_what_is_done() {
    let script = "
        trigger two address=192.0.2.7
        approve run-1 cut
        ok look
        as ann_(uid_7) approve run-1 cut
        as root_(uid_7) approve run-1 cut
        as uid_7 approve run-1 cut
        as bob_(uid_8) approve run-1 cut
        as eve_(uid_9) approve run-1 cut
        ok cut
        ok tell
        as eve_(uid_9) approve run-1 cut";
    check("approval_by_two", TWO, script);
}

#[test]
fn who_starts_a_run_is_one_of_those_who_approve_and_never_all_of_two() {
    let mut world = World::new(&[TWO]);
    world.play(ASKED);
    assert!(world.play("approve run-1 cut").contains("one more person has to"));
    assert!(world.play("approve run-1 cut").contains("you approved `cut` of run-1 already"));
    assert!(world.play("as bob approve run-1 cut").contains("cut starts (1): block 192.0.2.7"));
}

#[test]
fn a_denied_step_fails_and_the_run_is_rolled_back() {
    let script = "
        trigger two address=192.0.2.7
        ok look
        as bob approve run-1 cut
        as ann deny run-1 cut
        as ann deny run-1 cut the host is ours
        as bob deny run-1 cut
        as bob approve run-1 cut
        undone look";
    check("approval_denied", TWO, script);
}

#[test]
fn an_approval_that_nobody_gives_parks_denies_or_goes_on() {
    for (name, approval, script) in [
        (
            "approval_parks",
            "count: 2, timeout: 10m",
            "as bob approve run-1 cut\n wait 10m\n as ann approve run-1 cut\n wait 1h\n retry run-1\n \
             as ann approve run-1 cut\n as bob approve run-1 cut",
        ),
        ("approval_denies", "timeout: 10m, on_timeout: deny", "wait 9m\n wait 1m\n undone look"),
        ("approval_after_objections", "timeout: 10m, on_timeout: approve", "wait 10m\n ok cut"),
        (
            "approval_objected",
            "timeout: 10m, on_timeout: approve",
            "deny run-1 cut no\n undone look\n wait 20m",
        ),
    ] {
        let text = one(approval);
        check(name, &text, &format!("{ASKED}\n{script}"));
    }
}

/// Named case: the list of what is to be approved has changed under the cursor.
#[test]
fn approve_on_a_list_that_re_sorted() {
    let text = one("timeout: 10m");
    let mut world = World::new(&[&text]);
    world.play(ASKED);
    world.play("trigger two address=198.51.100.1\n ok run-2/look");
    let hash = |run: u64| {
        let run = world.engine.state().run(RunId(run)).unwrap();
        run.steps()[1].permission().unwrap().asked().hash.to_string()
    };
    let (first, second) = (hash(1), hash(2));
    assert_ne!(first, second, "another target is another hash");
    let waiting: Vec<RunId> = world.engine.state().approvals().map(|(run, _)| run).collect();
    assert_eq!(waiting, [RunId(1), RunId(2)]);
    let told = world.play(&format!("approve run-1 cut {second}"));
    assert!(told.contains("has changed since you looked") && told.contains(&first[..8]), "{told}");
    assert!(world.play("approve run-1 cut abc").contains("a hash has at least 8 digits"));
    let told = world.play(&format!("approve run-1 cut {}", first[..8].to_uppercase()));
    assert!(told.contains("run-1 cut starts (1): block 192.0.2.7"), "{told}");
    let waiting: Vec<RunId> = world.engine.state().approvals().map(|(run, _)| run).collect();
    assert_eq!(waiting, [RunId(2)]);
}

/// Named case: of two who decide at once the second is told what the first did.
#[test]
fn approve_by_one_while_another_cancels() {
    let seen_by = |world: &mut World, who: &str, seen: u64, request: Request| {
        let by = Actor(Arc::from(who));
        let input = Input::Request { id: RequestId(99), by, seen: Some(seen), request };
        let output = world.engine.handle(input, world.now);
        let answer = output.effects.iter().find_map(|effect| match effect {
            Effect::Answer { answer: Answer::Accepted(text) | Answer::Refused(text), .. } => {
                Some(text.clone())
            }
            _ => None,
        });
        world.take(output);
        answer.unwrap()
    };
    let approve =
        || Request::Approve { run: RunId(1), step: "cut".into(), hash: String::new(), groups: Box::new([]) };
    let text = one("timeout: 10m");
    for (first, second) in
        [(approve(), Request::Cancel { run: RunId(1) }), (Request::Cancel { run: RunId(1) }, approve())]
    {
        let mut world = World::new(&[&text]);
        world.play(ASKED);
        let seen = world.engine.state().run(RunId(1)).unwrap().changed();
        seen_by(&mut world, "ann", seen, first.clone());
        let told = seen_by(&mut world, "bob", seen, second);
        assert!(told.starts_with("run-1 has changed since you looked") && told.contains("by ann"), "{told}");
        let run = world.engine.state().run(RunId(1)).unwrap();
        let cancelled = matches!(first, Request::Cancel { .. });
        let (status, cut) = (run.status(), run.steps()[1].status());
        match cancelled {
            true => assert_eq!((status, cut), (RunStatus::RollingBack, StepStatus::Cancelled)),
            false => assert_eq!((status, cut), (RunStatus::Running, StepStatus::Running)),
        }
    }
    // Without having looked, the second is told as well.
    let mut world = World::new(&[&text]);
    world.play(ASKED);
    let told = world.play("as ann cancel run-1\n as bob approve run-1 cut");
    assert!(told.contains("too late: `cut` is cancelled, run-1 is rolling_back, by ann"), "{told}");
}

#[test]
fn pause_halt_and_restart_keep_what_was_approved_and_what_was_left() {
    // Each run looks at an address of its own: the second does not join what the first did.
    let text = one("timeout: 10m").replace("address: first", "address: 'by ${inputs.address}'");
    let script = format!(
        "{ASKED}
        wait 4m
        pause run-1
        wait 1h
        approve run-1 cut
        crash
        resume run-1
        ok cut
        ok tell
        trigger two address=198.51.100.1
        ok run-2/look
        wait 4m
        halt enough
        wait 1h
        crash
        release
        wait 5m
        approve run-2 cut
        cancel run-2
        stopped run-2/cut"
    );
    check("approval_in_pause_and_halt", &text, &script);
}

#[test]
fn an_approval_given_in_a_halt_counts_when_it_is_over() {
    let text = one("timeout: 10m");
    let mut world = World::new(&[&text]);
    world.play(ASKED);
    let told = world.play("halt enough\n approve run-1 cut");
    assert!(told.contains("it begins when the halt is over") && !told.contains("starts"), "{told}");
    let told = world.play("as bob deny run-1 cut no");
    assert!(told.contains("Refused(\"`cut` of run-1 is approved, by ada"), "{told}");
    assert!(world.play("release").contains("run-1 cut starts (1)"));
}

/// Whatever record the journal ends with, the step is not started without the approvals, and is with them.
#[test]
fn c8_a_restart_at_any_record_neither_forgets_nor_invents_an_approval() {
    for script in ["approve run-1 cut\n as bob approve run-1 cut", "deny run-1 cut no"] {
        let mut world = World::new(&[TWO]);
        world.play(ASKED);
        world.play(script);
        for cut in 1..=world.records.len() {
            let records = world.records[..cut].to_vec();
            let given = records.iter().filter(|r| matches!(r.event, Event::ApprovalGiven { .. })).count();
            let denied = records.iter().any(|r| matches!(r.event, Event::ApprovalDenied { .. }));
            let setup = Arc::clone(&world.setup);
            let (engine, _) = Engine::recover(records, setup, "test", world.now).unwrap();
            let Some(run) = engine.state().run(RunId(1)) else { continue };
            let step = &run.steps()[1];
            assert_eq!(step.attempt() > 0, given == 2, "{cut}: {}", step.status());
            if denied {
                assert_eq!(
                    (step.status(), run.status()),
                    (StepStatus::Failed, RunStatus::RollingBack),
                    "{cut}"
                );
            }
            let waits = step.awaits_approval();
            assert_eq!(engine.state().approvals().len(), usize::from(waits));
            assert_eq!(run.waits_for_person(), waits);
            assert_eq!(engine.state().waits_for_people(), waits, "{cut}");
        }
    }
}

#[test]
fn what_was_approved_is_what_is_done_though_the_setup_changes() {
    let text = one("timeout: 10m");
    let mut world = World::of(real(&[&text]));
    world.play("arm two");
    world.play(ASKED);
    let hash = world.engine.state().run(RunId(1)).unwrap().steps()[1].permission().unwrap().asked().hash;
    // The agent's `block` would now be another action.
    let mut changed = crate::engine::Setup::clone(&world.setup);
    for agent in &mut changed.agents {
        if let Some(block) = agent.actions.get_mut("block") {
            block.idempotent = false;
        }
    }
    world.setup = Arc::new(changed);
    world.play("crash");
    let told = world.play("approve run-1 cut");
    assert!(told.contains("run-1 cut starts (1): block 192.0.2.7"), "{told}");
    let step = &world.engine.state().run(RunId(1)).unwrap().steps()[1];
    assert!(step.action().unwrap().idempotent, "the frozen action is performed");
    assert_eq!(step.permission().unwrap().asked().hash, hash);
}

#[test]
fn only_those_who_are_named_decide() {
    let text = one("from: [{ user: ann }, { group: soc }]");
    let mut world = World::new(&[&text]);
    world.play(ASKED);
    let told = world.play("as eve_(uid_9) approve run-1 cut\n as eve_(uid_9) deny run-1 cut no");
    assert_eq!(told.matches("Refused(\"eve (uid 9) may not decide").count(), 2, "{told}");
    let groups = Box::new([Arc::from("soc")]);
    let request = Request::Approve { run: RunId(1), step: "cut".into(), hash: String::new(), groups };
    // Who takes a request says the groups: nobody claims them.
    let sent = serde_json::to_string(&request).unwrap();
    let came: Request = serde_json::from_str(&sent).unwrap();
    assert_ne!(came, request, "{sent}");
    assert!(world.ask(came).contains("may not decide"));
    assert!(world.ask(request).contains("run-1 cut starts (1)"));
}

#[test]
fn a_retried_attempt_is_not_asked_again() {
    let text = one("timeout: 10m")
        .replace("needs: [look]", "needs: [look]\n    retry: { attempts: 2, backoff: 5s, jitter: 0% }");
    let mut world = World::new(&[&text]);
    world.play(ASKED);
    let told = world.play("approve run-1 cut\n fail cut\n wait 5s\n ok cut\n ok tell");
    assert_eq!(told.matches("ASKS").count(), 0, "{told}");
    assert!(told.contains("cut starts (2)") && told.contains("run-1 COMPLETED"), "{told}");
}

#[test]
fn a_workflow_with_approvals_is_armed_and_asks() {
    let mut world = World::of(real(&[TWO]));
    let told = world.play("trigger two address=a\n arm two\n trigger two address=b\n ok run-2/look");
    assert!(told.contains("run-1 cut ASSUMED") && told.contains("two ARMED"), "{told}");
    assert!(told.contains("run-2 cut ASKS 2 for 10m: block b: it hurts"), "{told}");
}

#[test]
fn a_step_that_waited_for_an_agent_asks_when_it_is_its_turn() {
    let bells = "
workflow: bells
steps:
  - { id: a, role: BELL, action: tell, with: { text: a }, undo: 'none: said' }
  - { id: b, role: BELL, action: tell, with: { text: b }, undo: 'none: said', approval: true }
";
    check_in(
        World::of(setup(&[bells])),
        "approval_after_a_wait",
        bells,
        "trigger bells\n ok a\n approve run-1 b\n ok b",
    );
}
