//! What only a person decides: arming, and answers.

use std::sync::Arc;

use super::super::model::Mode;
use super::super::update::{Msg, Todo, update};
use super::figures::model;
use super::keys::{on_run, toast};
use super::scenario::{Script, object};
use super::{press, seen};
use crate::engine::{Actor, AgentKind, Event, JournalKind, NewRun, Record, Request, RunMode};
use crate::model::{Action, AgentId, Digest, RunId, StepIx};
use serde_json::json;

fn sent(todos: &[Todo]) -> Option<&Request> {
    todos.iter().find_map(|todo| match todo {
        Todo::Send { request, .. } => Some(request),
        _ => None,
    })
}

/// Real work: run-1 observed, run-2 asks a person.
fn real() -> Script {
    let mut s = Script::new();
    s.open(JournalKind::Real);
    s.run(1, "isolate-host", &["block", "unplug"], None);
    if let Some(Record { event: Event::RunCreated(new), .. }) = s.records.last_mut() {
        let observing = NewRun { mode: RunMode::Observe, ..NewRun::clone(new) };
        **new = observing;
    }
    let action = |name: &str, question: Option<&str>| {
        Arc::new(Action {
            name: name.into(),
            args: object(json!({"host": "web-1"})).into(),
            target: Some("web-1".into()),
            idempotent: true,
            probe: false,
            question: question.map(Into::into),
            expires: None,
        })
    };
    for (i, undecided) in [(0, None), (1, Some("steps.block.output.deep == true"))] {
        s.say(Event::StepAssumed {
            run: RunId(1),
            step: StepIx(i),
            agent: AgentId(0),
            action: action("isolate", None),
            undo: Some(action("join", None)),
            undecided: undecided.map(|when: &str| Box::new(when.into())),
            protected: None,
        });
    }
    s.say(Event::RunCompleted { run: RunId(1) });
    s.run(2, "contain-scan", &["unplug", "log"], None);
    let deadline = s.at + crate::model::Span::from_secs(600);
    s.say(Event::StepStarted {
        run: RunId(2),
        step: StepIx(0),
        attempt: 1,
        agent: AgentId(6),
        kind: AgentKind::Manual,
        action: action("unplug", Some("Unplug web-1\u{1b}[2J from its switch")),
        undo: None,
        deadline,
    });
    let armed = Event::WorkflowArmed {
        workflow: "contain-scan".into(),
        hash: Box::new(Digest([0; 32])),
        by: Actor("ada (uid 7)".into()),
    };
    s.say(armed);
    s
}

#[test]
fn c31_what_only_observed_is_told_apart() {
    let mut model = model(&real(), 120, 40);
    let screen = seen(&model);
    assert!(screen.contains("◇ observed") && screen.contains("asks a person"), "{screen}");
    press(&mut model, "G<Enter>");
    let screen = seen(&model);
    for part in [
        "only observes: nothing is done; W arms isolate-host; its file asks to be live",
        "assumed",
        "would do",
        "steps.block.output.deep == true",
    ] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    press(&mut model, "<Esc>t");
    let screen = seen(&model);
    for part in ["armed", "asks to be live", "observes"] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
}

#[test]
fn c31_arming_wants_the_name() {
    let mut model = model(&real(), 120, 40);
    press(&mut model, "W");
    assert!(toast(&model).contains("no run is selected"), "{}", toast(&model));
    press(&mut model, "GWy<Enter>");
    assert!(toast(&model).contains("type isolate-host"), "{}", toast(&model));
    assert!(seen(&model).contains("Arm isolate-host?") && seen(&model).contains("asks to be live"));
    update(&mut model, Msg::Paste("isolate-host".to_owned()));
    assert_eq!(press(&mut model, "<BS><Enter>"), [], "a name that was pasted was not typed");
    let todos = press(&mut model, "isolate-host<Enter>");
    assert_eq!(sent(&todos), Some(&Request::Arm { workflow: "isolate-host".into() }));
    press(&mut model, "Wisolate-host<Esc>");
    assert_eq!(model.mode, Mode::Normal);
    press(&mut model, "w");
    assert!(toast(&model).contains("isolate-host is not armed"), "{}", toast(&model));
    model.runs.select(RunId(2));
    let todos = press(&mut model, "w");
    assert_eq!(sent(&todos), Some(&Request::Disarm { workflow: "contain-scan".into() }));
}

#[test]
fn c31_the_palette_takes_a_name() {
    let mut model = model(&real(), 120, 40);
    press(&mut model, ":arm all-h");
    assert!(seen(&model).contains("no run is selected"), "{}", seen(&model));
    press(&mut model, "<Enter>");
    assert!(toast(&model).contains("there are: contain-scan, isolate-host, all-hands"), "{}", toast(&model));
    let todos = press(&mut model, ":arm all-hands<Enter>all-hands<Enter>");
    assert_eq!(sent(&todos), Some(&Request::Arm { workflow: "all-hands".into() }));
    let todos = press(&mut model, ":disarm all-hands<Enter>");
    assert_eq!(sent(&todos), Some(&Request::Disarm { workflow: "all-hands".into() }));
}

#[test]
fn in_an_exercise_there_is_nothing_to_arm() {
    for keys in ["W", "w", ":arm contain-scan<Enter>"] {
        let mut model = on_run(1);
        assert_eq!(press(&mut model, keys), [], "{keys}");
        assert!(toast(&model).contains("drills always act"), "{}", toast(&model));
        assert_eq!(model.mode, Mode::Normal);
    }
}

#[test]
fn c23_a_person_answers_for_what_was_asked() {
    let mut model = model(&real(), 120, 40);
    let changed = model.state().run(RunId(2)).unwrap().changed();
    press(&mut model, "d");
    let screen = seen(&model);
    for part in ["Answer for unplug of run-2", "Unplug web-1", "from its switch", "[done]"] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    assert!(!screen.contains('\u{1b}'));
    let todos = press(&mut model, "in rack 7<Enter>");
    let answer = |done, text: &str| Request::Answer {
        run: RunId(2),
        step: "unplug".into(),
        undo: false,
        done,
        text: text.to_owned(),
    };
    let what = "answer run-2 unplug".to_owned();
    let request = answer(true, "in rack 7");
    assert_eq!(todos, [Todo::Send { seen: Some(changed), request, what }]);
    let todos = press(&mut model, "d<Tab>locked<Enter>");
    assert_eq!(sent(&todos), Some(&answer(false, "locked")));
    assert_eq!(press(&mut model, "dnever mind<Esc>"), []);
    press(&mut model, "g<Enter>");
    assert!(seen(&model).contains("from its switch (d answers)"), "{}", seen(&model));
    let mut model = on_run(1);
    press(&mut model, "d");
    assert!(toast(&model).contains("nobody is asked to do anything for run-1"), "{}", toast(&model));
}
