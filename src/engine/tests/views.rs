//! What is told of runs, steps and incidents to whoever looks.

use super::world::{START, World, detection, real};
use crate::engine::{
    Actor, Answer, Effect, EndsBy, Input, Lift, RUN, Request, RunMode, RunStatus, StepStatus,
};
use crate::model::{IncidentId, ObligationId, RequestId, RunId, Severity, Span, StepIx};

const CONTAIN: &str = "
workflow: contain
trigger: { rule: scan }
dedup: '${detection.source_ip}'
steps:
  - { id: a, role: WALL, action: block, with: { address: '${detection.source_ip}' } }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: x }, undo: 'none: said', critical: false }
";

#[test]
fn an_incident_tells_how_long_each_part_took() {
    let mut world = World::new(&[CONTAIN]);
    world.play("halt a moment");
    let mut found = detection("scan", "192.0.2.1", 3, world.now);
    found.since = world.now - Span::from_secs(5);
    world.input(Input::Detection(found));
    world.play("wait 7s\n release\n ok a\n ok b");
    let told = |world: &World| {
        let incident = world.engine.state().incident(IncidentId(1)).unwrap();
        let spans = [Some(incident.time_to_detect()), incident.time_to_respond(), incident.time_to_contain()];
        (spans.map(|span| span.map(|span| span.as_secs_f64())), incident.opened_at(), incident.since())
    };
    assert_eq!(told(&world), ([Some(5.0), Some(7.0), Some(9.0)], START, START + Span::from_secs(9)));
    world.play("wait 1s\n as bob resolve inc-1 all clear");
    let incident = world.engine.state().incident(IncidentId(1)).unwrap();
    assert_eq!((incident.key(), incident.reason()), ("192.0.2.1", Some("all clear")));
    assert_eq!(incident.changed_by().map(ToString::to_string).as_deref(), Some("bob"));
    assert_eq!(incident.changed(), world.records.last().unwrap().seq);
    // Who did not see that is told who did it.
    let before = incident.changed() - 1;
    for (seen, stale) in [(before, true), (before + 1, false)] {
        let request = Request::Dismiss { incident: IncidentId(1), reason: "no".to_owned() };
        let told = seen_by(&mut world, seen, request);
        assert_eq!(
            told.contains("inc-1 has changed since you looked: it is resolved since"),
            stale,
            "{told}"
        );
        assert_eq!(told.contains("by bob"), stale, "{told}");
    }
}

fn seen_by(world: &mut World, seen: u64, request: Request) -> String {
    let by = Actor("ann".into());
    let output =
        world.engine.handle(Input::Request { id: RequestId(99), by, seen: Some(seen), request }, world.now);
    let answer = output.effects.iter().find_map(|effect| match effect {
        Effect::Answer { answer: Answer::Accepted(text) | Answer::Refused(text), .. } => Some(text.clone()),
        _ => None,
    });
    world.take(output);
    answer.unwrap()
}

#[test]
fn c23_a_lift_says_what_it_saw() {
    for (older, stale) in [(1, true), (0, false)] {
        let mut world = World::new(&[CONTAIN]);
        world.play("detect scan 192.0.2.1 1\n ok a");
        let changed = world.engine.state().ledger().get(ObligationId(1)).unwrap().changed();
        let request = Request::Lift { what: Lift::One(ObligationId(1)), reason: "enough".to_owned() };
        let told = seen_by(&mut world, changed - older, request);
        assert_eq!(told.contains("ob-1 has changed since you looked: it is in force since"), stale, "{told}");
    }
}

#[test]
fn a_run_tells_whence_it_comes_and_what_failed() {
    let mut world = World::new(&[CONTAIN]);
    world.play("wait 3s\n detect scan 192.0.2.1 1\n ok a\n fail b");
    let run = world.engine.state().run(RunId(1)).unwrap();
    assert_eq!(
        (run.dedup(), run.severity(), run.retry_of()),
        (Some("192.0.2.1"), Some(Severity::High), None)
    );
    assert_eq!((run.created_at(), run.ended_at()), (START + Span::from_secs(3), Some(world.now)));
    assert_eq!(run.failed_steps().collect::<Vec<_>>(), [StepIx(1)]);
    let step = &run.steps()[0];
    assert_eq!(step.started_at(), Some(START + Span::from_secs(3)));
    assert_eq!((step.ended_at(), step.undo_started_at()), (Some(START + Span::from_secs(4)), None));
    assert_eq!(world.engine.state().now(), world.now);
    assert_eq!(world.engine.state().kept(), (1, 1));

    world.play("detect scan 192.0.2.2 1\n cancel run-2\n stopped a\n undone a\n retry run-2");
    let run = world.engine.state().run(RunId(2)).unwrap();
    assert_eq!(
        (run.ended_at(), run.steps()[0].undo_started_at()),
        (Some(world.now), Some(world.now - Span::from_secs(1)))
    );
    assert_eq!(run.failed_steps().count(), 0, "what was undone has not failed");
    assert_eq!(world.engine.state().run(RunId(3)).unwrap().retry_of(), Some(RunId(2)));
    // Nor has what is tried again.
    let again = "workflow: again\nsteps: [{ id: a, role: WALL, action: block, with: { address: q }, retry: { attempts: 2, backoff: 1m } }]";
    let mut tried = World::new(&[again]);
    tried.play("trigger again\n fail a");
    let run = tried.engine.state().run(RunId(1)).unwrap();
    assert_eq!((run.steps()[0].failure().is_some(), run.failed_steps().count()), (true, 0));
    let counts = world.engine.state().counts();
    assert_eq!((counts.completed, counts.cancelled, counts.ended()), (1, 1, 2));
}

const ENDS: &str = "
workflow: ends
inputs: { n: text }
steps:
  - { id: a, role: WALL, action: block, with: { address: 'a${inputs.n}' } }
  - { id: b, role: WALL, action: once, needs: [a], with: { address: 'b${inputs.n}' }, on_failure: rollback }
";

#[test]
fn runs_are_counted_by_their_end() {
    let stop =
        ENDS.replace("workflow: ends", "workflow: stop").replace("on_failure: rollback", "on_failure: stop");
    let mut world = World::new(&[ENDS, &stop]);
    let cancel = "cancel run-N\n stopped b\n undone b\n undone a";
    let ends = [
        ("ends", "ok b"),
        ("stop", "fail b"),
        ("ends", "fail b\n undone a"),
        ("ends", cancel),
        ("ends", cancel),
        ("ends", "abandon run-N"),
    ];
    for (n, (workflow, end)) in (1..).zip(ends) {
        let end = end.replace("run-N", &format!("run-{n}"));
        let told = world.play(&format!("trigger {workflow} n={n}\n ok a\n {end}"));
        assert_eq!(world.engine.state().counts().ended(), n, "{told}");
    }
}

const WIRED: &str = "
workflow: wired
steps:
  - { id: a, role: WALL, action: wire, with: { address: a }, verify: { within: 5s }, timeout: 90s }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: b }, undo: 'none: said', timeout: 1h }
";

#[test]
fn a_step_says_what_is_asked_about_it() {
    for (script, note, asks) in [
        ("wait 1s", None, None),
        (
            "ok a",
            Some("performed; its effect is asked for"),
            Some("step `a`: performed; its effect is asked for"),
        ),
        ("ok a\n absent a", Some("performed; its effect is absent"), None),
        ("halt\n ok a", Some("performed; its effect is still to be asked for"), None),
        ("ok a\n present a", None, None),
        ("found a", Some("found present: nothing was done, and nothing is owed"), None),
        (
            "crash",
            Some("in doubt: its effect is asked for"),
            Some("step `a`: in doubt: its effect is asked for"),
        ),
        ("crash\n unknown a", Some("its effect is not known: it cannot say"), None),
        (
            "ok a\n present a\n cancel run-1\n stopped b\n undone a",
            Some("undone; its effect is asked for"),
            Some("step `a`: undone; its effect is asked for"),
        ),
    ] {
        let mut world = World::new(&[WIRED]);
        world.play("trigger wired");
        world.play(script);
        let run = world.engine.state().run(RunId(1)).unwrap();
        let step = &run.steps()[0];
        assert_eq!((step.note().as_deref(), run.asks_for().as_deref()), (note, asks), "{script}");
        assert_eq!(step.was_found(), script == "found a", "{script}");
    }
}

#[test]
fn it_is_known_what_waits_for_people_and_what_for_agents() {
    let bells = "
workflow: bells
steps:
  - { id: a, role: BELL, action: tell, with: { text: a }, undo: 'none: said' }
  - { id: b, role: BELL, action: tell, with: { text: b }, undo: 'none: said' }
  - { id: c, role: HAND, action: unplug, with: { host: web-1 }, timeout: 1h }
";
    let mut world = World::new(&[bells]);
    world.play("trigger bells");
    let told = |world: &World| {
        let state = world.engine.state();
        let run = state.run(RunId(1)).unwrap();
        (run.waits_for_person(), state.waits_for_people(), run.steps()[1].waits_for_agent())
    };
    assert_eq!(told(&world), (false, false, true), "an agent works, a step waits for it");
    world.play("ok a");
    assert_eq!(told(&world), (false, false, false));
    world.play("ok b");
    assert_eq!(told(&world), (true, true, false), "only the question is left");
    world.play("pause run-1");
    assert_eq!(told(&world), (true, true, false));
    let mut world = World::new(&[bells, WIRED]);
    world.play("trigger wired\n crash");
    let run = |world: &World| world.engine.state().run(RunId(1)).unwrap().waits_for_person();
    assert!(!run(&world) && !world.engine.state().waits_for_people(), "it is asked");
    world.play("unknown a");
    assert!(run(&world) && world.engine.state().waits_for_people(), "it is parked");
    world.play("trigger bells\n ok run-2/a\n ok run-2/b");
    assert!(world.engine.state().waits_for_people(), "one is parked, one asks");
}

#[test]
fn arming_and_halting_are_told_with_time_and_reason() {
    let mut world = World::of(real(&[WIRED]));
    world.play("wait 5s\n as bob arm wired");
    let arming = world.engine.state().arming("wired").unwrap();
    assert_eq!((arming.at(), arming.why()), (START + Span::from_secs(5), None));
    let told = world.play("wait 1s\n as bob disarm wired");
    let arming = world.engine.state().arming("wired").unwrap();
    let why = arming.why().unwrap();
    assert!(!why.is_empty() && told.contains(&format!("wired disarmed by bob: {why}")), "{told}");
    assert_eq!(arming.at(), START + Span::from_secs(6));

    let told = world.play("halt too much at once");
    assert!(!told.contains("owed"), "nothing is: {told}");
    let halt = world.engine.state().halt().unwrap();
    assert_eq!((halt.why(), halt.at()), ("too much at once", START + Span::from_secs(6)));
}

#[test]
fn the_ledger_is_counted_by_where_it_stands() {
    let many = "
workflow: many
steps:
  - { id: a, role: WALL, action: block, with: { address: a }, expires: 1h }
  - { id: b, role: WALL, action: wire, with: { address: b } }
  - { id: c, role: WALL, action: wire, with: { address: c }, expires: 2h }
";
    let mut world = World::new(&[many]);
    let told = |world: &World| {
        let tally = world.engine.state().ledger().tally();
        let parts: Vec<String> = tally.parts().map(|(n, word)| format!("{n} {word}")).collect();
        (tally.standing(), tally.by_quell, parts.join(", "))
    };
    assert_eq!(told(&world), (0, 0, "0 in force".to_owned()));
    world.play("trigger many");
    assert_eq!(told(&world), (3, 0, "0 in force, 3 owed".to_owned()));
    world.play("ok a\n crash");
    assert_eq!(told(&world), (3, 2, "1 in force, 2 in doubt".to_owned()));
    world.play("present b\n unknown c\n lift ob-1");
    assert_eq!(told(&world), (3, 2, "1 in force, 1 lifting, 1 in doubt".to_owned()));
    world.play("ok ob-1\n abandon run-1\n crash\n absent ob-2");
    assert_eq!(told(&world), (2, 1, "0 in force, 1 in doubt, 1 drifted".to_owned()));
    let entry = world.engine.state().ledger().get(ObligationId(2)).unwrap();
    assert_eq!((entry.ends_by(), entry.ends_by().name()), (EndsBy::Nobody, "when lifted"));
}

#[test]
fn before_it_stops_it_journals_what_it_holds_back() {
    let mut world = World::new(&[CONTAIN]);
    world.play("detect other x 1");
    let mark = world.engine.repeats_mark();
    // The clock goes back: what is told is after the mark all the same.
    world.now = world.now - Span::from_secs(120);
    let told = world.play("detect other x 2\n detect other x 4");
    assert_eq!(world.engine.held_repeats().count(), 1, "{told}");
    assert!(!world.engine.holds_repeats_before(mark));
    let mark = world.engine.repeats_mark();
    assert!(world.engine.holds_repeats_before(mark));
    let now = world.now;
    let output = world.engine.close(now);
    let told = world.take(output);
    assert!(told.contains("inc-1 repeated: 4"), "{told}");
    assert!(!world.engine.holds_repeats_before(mark));
}

#[test]
fn words_are_as_they_are_written() {
    assert_eq!([RunMode::Live, RunMode::Observe].map(RunMode::name), ["live", "observe"]);
    let kinds = World::new(&[]).setup.agents.iter().map(|agent| agent.kind.name()).collect::<Vec<_>>();
    assert_eq!(kinds, ["drill", "drill", "manual"]);
    let ends = [EndsBy::Itself, EndsBy::Quell, EndsBy::Nobody].map(EndsBy::name);
    assert_eq!(ends, ["by itself", "by quell", "when lifted"]);
}

const PAIR: &str = "
workflow: pair
steps:
  - { id: a, role: WALL, action: block, with: { address: a } }
  - { id: b, role: BELL, action: tell, needs: [a], with: { text: b }, undo: 'none: said' }
";

#[test]
fn where_an_undo_stands_is_told_in_words() {
    let fails = "undo-fails a\n wait 2s\n undo-fails a\n wait 3s\n undo-fails a\n wait 5s\n undo-fails a\n wait 9s\n undo-fails a";
    let stuck = format!("cancel run-1\n stopped b\n {fails}");
    for (script, told) in [
        ("wait 1s".to_owned(), None),
        ("cancel run-1".to_owned(), Some("its turn comes")),
        ("cancel run-1\n stopped b".to_owned(), Some("attempt 1 of 5 is in flight")),
        ("cancel run-1\n stopped b\n undone a".to_owned(), Some("undone")),
        ("cancel run-1\n stopped b\n undo-fails a".to_owned(), Some("attempt 2 of 5 at ")),
        (stuck.clone(), Some("given up after attempt 5: it said no")),
        (format!("{stuck}\n retry run-1"), Some("attempt 6 of 10 is in flight")),
        (format!("{stuck}\n settle run-1 a skip leave it"), Some("not undone: skipped by ada at ")),
        (format!("{stuck}\n settle run-1 a done by hand"), Some("undone by hand by ada at ")),
        ("cancel run-1\n stopped b\n abandon run-1".to_owned(), Some("in doubt: attempt 1 was cut short")),
        ("cancel run-1\n abandon run-1".to_owned(), Some("not undone")),
    ] {
        let mut world = World::new(&[PAIR]);
        world.play("trigger pair\n ok a");
        world.play(&script);
        let run = world.engine.state().run(RunId(1)).unwrap();
        let is = run.undo_told(StepIx(0));
        let exact = told.is_some_and(|told| told.ends_with(' '));
        match told {
            Some(told) if exact => {
                assert!(is.as_ref().is_some_and(|is| is.starts_with(told)), "{script}: {is:?}")
            }
            _ => assert_eq!(is.as_deref(), told, "{script}"),
        }
        assert!(
            !matches!(run.status(), RunStatus::Created) && run.steps()[0].status() != StepStatus::Pending
        );
    }
}

/// A run of which a step waits for people while another one still works waits for nobody yet.
#[test]
fn a_run_waits_for_a_person_only_when_nothing_of_it_goes_on() {
    let text = |action: &str, verify: &str| {
        format!(
            "
workflow: mixed
steps:
  - {{ id: a, role: WALL, action: {action}, with: {{ address: x }}, timeout: 90s, retry: {{ attempts: 2, backoff: 5m }}{verify} }}
  - {{ id: b, role: HAND, action: unplug, with: {{ host: web-1 }}, timeout: 1h }}
"
        )
    };
    let (plain, verified) = (text("wire", ""), text("wire", ", verify: { within: 5m }"));
    for (workflow, script, waits) in [
        (&plain, "", false),
        (&plain, "fail a", false),
        (&plain, "crash", false),
        (&verified, "ok a", false),
        (&verified, "ok a\n present a", true),
        (&plain, "ok a", true),
    ] {
        let mut world = World::new(&[workflow]);
        world.play("trigger mixed");
        let told = world.play(script);
        let run = world.engine.state().run(RunId(1)).unwrap();
        assert_eq!(run.waits_for_person(), waits, "{script}: {told}");
    }
}

/// The machine itself refuses to end a run of which steps are left, whoever asks it to.
#[test]
fn c14_a_run_with_steps_left_cannot_complete() {
    let mut world = World::new(&[CONTAIN]);
    world.play("detect scan 192.0.2.1 1\n ok a");
    let check = |world: &World| {
        let run = world.engine.state().run(RunId(1)).unwrap();
        let checked = RUN.check(run.status(), RunStatus::Completed, world.now, run, &mut Vec::new());
        (run.progress(), checked.map_err(|refusal| refusal.to_string()))
    };
    let (progress, checked) = check(&world);
    assert_eq!(progress, (1, 2));
    assert!(checked.unwrap_err().contains("steps are left"));
}

#[test]
fn runs_are_counted_by_what_became_of_them() {
    let mut world = World::new(&[CONTAIN]);
    let counted = |world: &World| {
        let counts = world.engine.state().counts();
        [counts.live_runs, counts.paused, counts.rolling_back, counts.parked, counts.stuck]
    };
    for (script, expected) in [
        ("detect scan 192.0.2.1 1\n detect scan 192.0.2.2 1", [2, 0, 0, 0, 0]),
        ("pause run-1\n cancel run-2", [2, 1, 1, 0, 0]),
        ("resume run-1\n stopped run-2/a\n undone run-2/a", [1, 0, 0, 0, 0]),
        ("ok run-1/a\n ok run-1/b", [0, 0, 0, 0, 0]),
    ] {
        let told = world.play(script);
        assert_eq!(counted(&world), expected, "{script}: {told}");
    }
}

#[test]
fn what_is_known_of_a_step_without_an_effect_and_of_one_that_is_approved() {
    let text = CONTAIN.replace("critical: false }", "critical: false, approval: true }");
    let mut world = World::new(&[&text]);
    world.play("detect scan 192.0.2.1 1");
    let step = |world: &World, i: usize| world.engine.state().run(RunId(1)).unwrap().steps()[i].clone();
    world.play("ok a");
    assert_eq!((step(&world, 0).obligation(), step(&world, 1).obligation()), (Some(ObligationId(1)), None));
    assert!(step(&world, 1).awaits_approval() && !step(&world, 1).is_approved());
    // It is decided, and does not start: the run is held.
    world.play("pause run-1\n approve run-1 b");
    assert!(!step(&world, 1).awaits_approval() && step(&world, 1).is_approved());
    world.play("resume run-1\n ok b");
    assert_eq!(step(&world, 1).obligation(), None, "it is said, and nothing is to be undone");
}
