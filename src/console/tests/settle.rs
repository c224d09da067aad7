//! Steps in doubt, and undos that failed, are settled by a person.

use super::super::model::Mode;
use super::super::update::{Msg, Todo, update};
use super::figures::model;
use super::keys::{on_run, toast};
use super::scenario::Script;
use super::{press, seen};
use crate::engine::{Event, JournalKind, Request, RollbackCause, RunStatus, Settled};
use crate::model::{FailureKind, RunId, Span, StepIx};

/// run-1 is parked with `alert` in doubt; run-2 is stuck, `block` and `alert` could not be undone.
fn script() -> Script {
    let mut s = Script::new();
    s.open(JournalKind::Exercise);
    s.run(1, "contain-scan", &["block", "alert", "log"], None);
    s.start(1, 0, 1, 0).wait(120).succeed(1, 0).start(1, 1, 1, 3).wait(80);
    s.say(Event::StepInDoubt { run: RunId(1), step: StepIx(1), attempt: 1, failure: None });
    s.say(Event::RunParked { run: RunId(1), why: "step `alert` is in doubt".into() });
    s.run(2, "stop-brute-force", &["block", "alert", "log"], None);
    s.start(2, 0, 1, 0).wait(200).succeed(2, 0).start(2, 1, 1, 3).wait(50).succeed(2, 1);
    s.start(2, 2, 1, 6).wait(50).fail(2, 2, 1, FailureKind::Answered, false);
    s.roll_back(2, RollbackCause::Failure);
    for (step, agent) in [(1, 3), (0, 0)] {
        s.undo(2, step, agent).wait(90);
        let failure = std::sync::Arc::new(crate::model::Failure {
            kind: FailureKind::Answered,
            message: "no route\u{1b}[2J".to_owned(),
        });
        let (run, step) = (RunId(2), StepIx(step));
        s.say(Event::UndoFailed { run, step, attempt: 1, failure, retry_at: None });
    }
    s.say(Event::RunStuck { run: RunId(2), why: "the undo of alert, block failed".into() });
    s
}

fn on(id: u64) -> super::Model {
    let mut model = model(&script(), 120, 40);
    model.runs.select(RunId(id));
    model.settle();
    model
}

fn settle(run: u64, step: &str, as_: Settled, reason: &str) -> Request {
    Request::Settle { run: RunId(run), step: step.into(), as_, reason: reason.to_owned() }
}

#[test]
fn c3_a_step_in_doubt_is_settled_with_a_word_and_a_reason() {
    let mut model = on(1);
    let changed = model.state().run(RunId(1)).unwrap().changed();
    press(&mut model, "s");
    let screen = seen(&model);
    for part in [
        "Settle alert of run-1",
        "[leave it] again  undo  done  failed",
        "Nothing changes.",
        "in doubt, attempt 1 was cut short",
    ] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    press(&mut model, "<Tab><Tab><Tab>");
    assert!(seen(&model).contains("[done]") && seen(&model).contains("It happened"), "{}", seen(&model));
    assert_eq!(press(&mut model, "<Enter>"), [], "done needs a reason");
    assert!(toast(&model).contains("done needs a reason"), "{}", toast(&model));
    update(&mut model, Msg::Paste("seen in ".to_owned()));
    let todos = press(&mut model, "the log<Enter>");
    let what = "settle run-1 alert".to_owned();
    let request = settle(1, "alert", Settled::Done, "seen in the log");
    assert_eq!(todos, [Todo::Send { seen: Some(changed), request, what }]);
    assert_eq!(model.mode, Mode::Normal);
}

#[test]
fn nothing_is_settled_by_chance() {
    for keys in ["s<Enter>", "s<Esc>", "s<Tab><S-Tab><Enter>", "syes<Enter>", "s<Tab>because<Esc>"] {
        let mut model = on(1);
        assert_eq!(press(&mut model, keys), [], "{keys}");
        assert!(toast(&model).contains("alert of run-1 was left as it is"), "{keys}: {}", toast(&model));
    }
    let mut model = on_run(1);
    press(&mut model, "s");
    assert!(toast(&model).contains("there is nothing to settle about run-1"), "{}", toast(&model));
}

#[test]
fn c11_each_undo_that_failed_is_settled_apart() {
    let mut model = on(2);
    press(&mut model, "s");
    let screen = seen(&model);
    for part in ["Settle block of run-2", "1 more to settle", "given up after attempt 1: no route", "skip"] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    assert!(!screen.contains('\u{1b}'), "{screen}");
    press(&mut model, "<Down>");
    assert!(seen(&model).contains("Settle alert of run-2"), "{}", seen(&model));
    press(&mut model, "<Down><Up>");
    assert!(seen(&model).contains("Settle block of run-2"), "{}", seen(&model));
    let todos = press(&mut model, "<S-Tab>the host is gone<Enter>");
    let [Todo::Send { request, .. }] = &todos[..] else { panic!("{todos:?}") };
    assert_eq!(*request, settle(2, "block", Settled::Skip, "the host is gone"));
}

#[test]
fn what_a_run_offers_and_where_its_undos_stand_is_on_its_page() {
    let mut s = script();
    s.say(Event::StepSettled {
        run: RunId(2),
        step: StepIx(1),
        attempt: 1,
        undo: true,
        settled: Settled::Skip,
        reason: "the host is gone".into(),
        by: Box::new(crate::engine::Actor("ada (uid 7)".into())),
    });
    let mut model = model(&s, 120, 60);
    model.runs.select(RunId(2));
    press(&mut model, "<Enter>");
    let screen = seen(&model);
    for part in [
        "s settles an undo: again, done by hand, skip; r tries all of it again; X abandons it",
        "0 of 2 undone, 1 skipped",
        "not undone: skipped by ada (uid 7) at",
        "given up after attempt 1: no route",
        "undo skip, by ada (uid 7) at",
    ] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    press(&mut model, "<Esc>");
    model.runs.select(RunId(1));
    press(&mut model, "<Enter>");
    let screen = seen(&model);
    assert!(screen.contains("s settles what is in doubt; r does it again; x cancels"), "{screen}");
    assert!(screen.contains("s settle"), "the line of hints has it:\n{screen}");
}

#[test]
fn c11_a_rollback_that_waits_says_when_it_goes_on() {
    let mut s = script();
    s.run(3, "contain-scan", &["block", "log"], None);
    s.start(3, 0, 1, 0).wait(200).succeed(3, 0).start(3, 1, 1, 6);
    s.fail(3, 1, 1, FailureKind::Answered, false).roll_back(3, RollbackCause::Failure).undo(3, 0, 0);
    let failure = std::sync::Arc::new(crate::model::Failure {
        kind: FailureKind::Answered,
        message: "busy".to_owned(),
    });
    let (run, step, retry_at) = (RunId(3), StepIx(0), Some(s.at + Span::from_secs(4)));
    s.say(Event::UndoFailed { run, step, attempt: 1, failure, retry_at });
    let mut model = model(&s, 120, 60);
    assert_eq!(model.state().run(run).unwrap().status(), RunStatus::RollingBack);
    model.runs.select(run);
    press(&mut model, "<Enter>");
    let screen = seen(&model);
    for part in ["attempt 2 of 5 at ", "the last one failed: busy", "s settles an undo that waits"] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
}
