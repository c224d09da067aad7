//! 6 In force: the rows, the page, and what other screens say of the ledger.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;

use super::super::field::Field;
use super::super::layout::Pane;
use super::super::model::{Detail, Mode, Model, Question, Subject};
use super::super::theme::Theme;
use super::super::update::{Msg, Todo, update};
use super::figures::model;
use super::keys::toast;
use super::scenario::{Script, busy, object};
use super::{picture, press, seen};
use crate::engine::{
    Actor, AgentKind, Answer, Event, IncidentStatus, JournalKind, Lift, Request, RollbackCause,
};
use crate::model::{
    Action, AgentId, Failure, FailureKind, IncidentId, ObligationId, RequestId, RunId, Span, StepIx,
};
use crate::runtime::feed::FeedItem;
use crate::runtime::link::Answered;

/// A target that would clear the screen.
const HOSTILE: &str = "evil\u{1b}[2J\u{202e}.example";

struct Effect<'a> {
    action: &'a str,
    target: &'a str,
    /// The action ends by itself; else quell ends it.
    itself: bool,
    expires: Option<u64>,
    undo: bool,
}

fn effect<'a>(action: &'a str, target: &'a str) -> Effect<'a> {
    Effect { action, target, itself: false, expires: None, undo: true }
}

impl Script {
    fn acts(&mut self, run: u64, step: u16, agent: u32, effect: &Effect<'_>) -> &mut Self {
        let named = |name: &str| {
            let mut args = json!({"address": effect.target});
            if effect.itself {
                args["expires"] = json!("1h");
            }
            Arc::new(Action {
                name: name.into(),
                args: object(args).into(),
                target: Some(effect.target.into()),
                idempotent: true,
                probe: false,
                question: None,
                expires: effect.expires.map(Span::from_secs),
            })
        };
        let deadline = self.at + Span::from_secs(30);
        self.say(Event::StepStarted {
            run: RunId(run),
            step: StepIx(step),
            attempt: 1,
            agent: AgentId(agent),
            kind: AgentKind::Drill,
            action: named(effect.action),
            undo: effect.undo.then(|| named(&format!("un{}", effect.action))),
            deadline,
        })
    }
}

/// ob-1 ends by itself and has two holders; ob-2 is stuck; ob-3 ends by quell; ob-4 has no end; ob-5 is
/// owed; ob-6 was lifted.
pub fn in_force() -> Script {
    let mut s = Script::new();
    s.open(JournalKind::Exercise);
    s.incident(1, "port-scan", crate::model::Severity::High, "10.0.7.21", &[]);
    s.run(1, "contain-scan", &["block"], Some(1));
    let block = Effect { itself: true, expires: Some(3_600), ..effect("block_source_ip", "10.0.7.21") };
    s.acts(1, 0, 0, &block).wait(200).succeed(1, 0).say(Event::RunCompleted { run: RunId(1) });
    s.wait(60_000).run(2, "isolate-host", &["isolate", "verify"], None);
    s.acts(2, 0, 3, &effect("isolate_system", "web-1")).wait(300).succeed(2, 0).start(2, 1, 1, 4).wait(10);
    s.fail(2, 1, 1, FailureKind::Answered, false).roll_back(2, RollbackCause::Failure).undo(2, 0, 3);
    let failure = Arc::new(Failure { kind: FailureKind::Answered, message: "no route to web-1".to_owned() });
    s.say(Event::UndoFailed { run: RunId(2), step: StepIx(0), attempt: 1, failure, retry_at: None });
    s.say(Event::RunStuck { run: RunId(2), why: "the undo of isolate failed".into() });
    s.wait(5_000).run(3, "contain-scan", &["block"], Some(1));
    s.acts(3, 0, 0, &block).wait(100).succeed(3, 0).say(Event::RunCompleted { run: RunId(3) });
    s.run(4, "hold-account", &["lock", "tell"], None);
    let lock = Effect { expires: Some(900), ..effect("lock_account", "deploy") };
    s.acts(4, 0, 1, &lock).wait(50).succeed(4, 0).acts(4, 1, 6, &effect("hold_mail", HOSTILE));
    s.wait(20).succeed(4, 1).say(Event::RunCompleted { run: RunId(4) });
    s.run(5, "contain-scan", &["block"], None).acts(5, 0, 0, &effect("block_source_ip", "198.51.100.4"));
    s.run(6, "contain-scan", &["block"], None).acts(6, 0, 0, &effect("block_source_ip", "192.0.2.9"));
    s.wait(40).succeed(6, 0).roll_back(6, RollbackCause::Cancel).undo(6, 0, 0).wait(70);
    s.say(Event::UndoSucceeded { run: RunId(6), step: StepIx(0), attempt: 1 });
    s.say(Event::RollbackCompleted { run: RunId(6) });
    s
}

pub fn of(script: &Script, width: u16, height: u16) -> Model {
    let mut model = model(script, width, height);
    press(&mut model, "6");
    model
}

fn everywhere(script: &Script, keys: &str) -> String {
    let mut text = String::new();
    for ascii in [false, true] {
        for (width, height) in [(120, 40), (80, 24), (60, 16)] {
            let mut model = of(script, width, height);
            press(&mut model, keys);
            let screen = picture(&model, &Theme { colour: true, ascii });
            assert!(!ascii || screen.is_ascii());
            assert!(!screen.contains('\u{1b}') && !screen.contains('\u{202e}'));
            let _ = writeln!(text, "== {width}x{height}{}", if ascii { " ascii" } else { "" });
            text.push_str(&screen);
        }
    }
    text
}

#[test]
fn the_ledger_at_every_size() {
    insta::assert_snapshot!("ledger", everywhere(&in_force(), "j"));
    insta::assert_snapshot!("obligation", everywhere(&in_force(), "jj<Enter>"));
}

#[test]
fn an_empty_ledger_says_so() {
    let mut script = Script::new();
    script.open(JournalKind::Exercise);
    for (width, height) in [(120, 40), (80, 24), (60, 16)] {
        let screen = seen(&of(&script, width, height));
        assert!(screen.contains("6 In force 0") && screen.contains("Nothing is in force."), "{screen}");
        assert!(!screen.lines().next().unwrap().contains("in force"), "zero is not told all the time");
    }
}

#[test]
fn what_ends_first_comes_first_and_what_has_ended_last() {
    let mut model = of(&in_force(), 120, 40);
    let order = |model: &Model| model.obligations.order().iter().map(|id| id.0).collect::<Vec<_>>();
    assert_eq!(order(&model), [3, 1, 2, 4, 5, 6]);
    for (keys, wanted) in [("o", vec![1, 2, 3, 4, 5, 6]), ("O", vec![6, 5, 4, 3, 2, 1])] {
        press(&mut model, keys);
        assert_eq!(order(&model), wanted, "after {keys}");
    }
    let mut model = of(&in_force(), 120, 40);
    for (filter, wanted) in [
        ("198.51", vec![5]),
        ("run-3", vec![1]),
        ("inc-1", vec![1]),
        ("lift failed", vec![2]),
        ("aegis", vec![3]),
    ] {
        press(&mut model, &format!("/{filter}<Enter>"));
        assert_eq!(order(&model), wanted, "{filter}");
        press(&mut model, "<Esc>");
    }
}

#[test]
fn esc_goes_back_one_thing_at_a_time() {
    let mut model = of(&in_force(), 120, 40);
    assert_eq!(model.layout().panes.len(), 1, "it lies over the grid");
    press(&mut model, "j<Enter>");
    let subject = Subject::Obligation(ObligationId(3));
    assert_eq!(model.page, Some(Detail { subject, scroll: 0 }));
    press(&mut model, "<Esc>");
    assert_eq!((model.page, model.obligations.selected()), (None, Some(ObligationId(3))));
    press(&mut model, "<Esc>");
    assert_eq!((model.focus, model.obligations.selected()), (Pane::Ledger, None));
    press(&mut model, "<Esc>");
    assert_eq!(model.focus, Pane::Workflows);
    assert_eq!(model.layout().panes.len(), 5);
}

#[test]
fn its_id_and_its_row_are_copied() {
    let mut model = of(&in_force(), 120, 40);
    press(&mut model, "G");
    let todos = press(&mut model, "/evil<Enter>gY");
    assert!(toast(&model).contains("row of ob-4"), "{}", toast(&model));
    let [Todo::Copy(row)] = &todos[..] else { panic!("{todos:?}") };
    let row: serde_json::Value = serde_json::from_str(row).unwrap();
    assert_eq!(row["obligation"], "ob-4");
    assert_eq!(row["target"], "evil\\x1b[2J\\u{202e}.example");
    assert_eq!((&row["ends"], &row["holders"]), (&json!("when lifted"), &json!(["run-4"])));
}

#[test]
fn other_screens_say_what_is_in_force() {
    let mut model = model(&in_force(), 120, 40);
    let header = seen(&model).lines().next().unwrap().to_owned();
    assert!(header.contains("3 in force, 1 STUCK"), "{header}");
    model.runs.select(RunId(3));
    press(&mut model, "<Enter>");
    let screen = seen(&model);
    assert!(
        screen.contains("ob-1 in force until 15:") && screen.contains("ends by itself; run-1 too"),
        "{screen}"
    );
    press(&mut model, "<Esc>3<Enter>");
    let screen = seen(&model);
    assert!(screen.contains("In force because of it") && screen.contains("ob-1"), "{screen}");
}

#[test]
fn c30_a_halt_tells_which_ends_it_holds() {
    let mut script = in_force();
    let mut before = of(&script, 120, 40);
    press(&mut before, "!");
    let screen = seen(&before);
    for part in ["Half done: 0; owed: 5.", "1 effect ends by quell only", "ob-3  lock_account deploy"] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    script.say(Event::Halted { by: Actor("ann (uid 1000)".into()), why: "wrong list".into() });
    let mut halted = of(&script, 120, 40);
    let screen = seen(&halted);
    assert!(screen.lines().next().unwrap().contains("1 end held"), "{screen}");
    let row = screen.lines().find(|line| line.contains("ob-3")).unwrap().to_owned();
    assert!(row.contains("held") && !row.contains("by quell"), "{row}");
    let itself = screen.lines().find(|line| line.contains("ob-1")).unwrap().to_owned();
    assert!(itself.contains("by itself"), "a halt does not hold what ends by itself: {itself}");
    press(&mut halted, "j<Enter>");
    assert!(seen(&halted).contains("it does not end before the release"));
    press(&mut halted, "<Esc>!");
    assert!(seen(&halted).contains("held until the release"), "{}", seen(&halted));
}

#[test]
fn tabs_keep_their_figures_where_room_is_short() {
    let mut model = model(&busy(), 80, 24);
    press(&mut model, "L");
    let screen = seen(&model);
    let tabs = screen.lines().nth(1).unwrap();
    for part in ["1 Agents 7", "2 Workflows", "3 Incidents 3", " 4 ", " 5 ", "6 In force 1", "L Log"] {
        assert!(tabs.contains(part), "{part} in {tabs}");
    }
}

#[test]
fn u_asks_names_what_is_at_stake_and_means_no() {
    let mut model = of(&in_force(), 120, 40);
    press(&mut model, "jj");
    let id = ObligationId(1);
    let seen_then = model.state().ledger().get(id).unwrap().changed();
    assert_eq!(press(&mut model, "u"), []);
    let question = Question::Lift { obligation: id, seen: seen_then };
    assert_eq!(model.mode, Mode::Confirm(question));
    let screen = seen(&model);
    for part in [
        "Lift ob-1?",
        "in force  block_source_ip 10.0.7.21",
        "Several want it to last",
        "Held by run-1 for inc-1, ordered by quell",
        "Held by run-3 for inc-1",
        "Would be done: unblock_source_ip 10.0.7.21",
    ] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    for no in ["<Enter>", "n", "<Esc>", "u", " "] {
        model.mode = Mode::Confirm(question);
        assert_eq!(press(&mut model, no), [], "{no}");
        assert_eq!((&model.mode, toast(&model)), (&Mode::Normal, "ob-1 stays in force"));
    }
    // The question is about its id, wherever the cursor has gone since.
    model.mode = Mode::Confirm(question);
    model.obligations.select(ObligationId(3));
    let request = Request::Lift { what: Lift::One(id), reason: String::new() };
    let sent = Todo::Send { seen: Some(seen_then), request, what: "lift ob-1".to_owned() };
    assert_eq!(press(&mut model, "y"), [sent]);
}

#[test]
fn u_refuses_what_cannot_be_lifted_and_says_why() {
    for (row, why) in [(5, "ob-5 is owed: wait for its outcome"), (6, "ob-6 is lifted since")] {
        let mut model = of(&in_force(), 120, 40);
        model.obligations.select(ObligationId(row));
        assert_eq!(press(&mut model, "u"), []);
        assert!(toast(&model).contains(why), "{}", toast(&model));
        assert_eq!(model.mode, Mode::Normal);
    }
    let mut grid = model(&in_force(), 120, 40);
    press(&mut grid, "u");
    assert!(toast(&grid).contains("press 6"), "{}", toast(&grid));
}

#[test]
fn the_question_of_a_lift_fits_every_size() {
    insta::assert_snapshot!("lift", everywhere(&in_force(), "jju"));
}

/// Dismisses an incident, and has it accepted.
fn dismiss(script: &mut Script, model: &mut Model, incident: IncidentId) {
    model.incidents.select(incident);
    model.mode = Mode::Close { incident, seen: 0, nothing: true, field: Field::default() };
    let Some(Todo::Send { request, what, .. }) = press(model, "known<Enter>").pop() else {
        panic!("not sent")
    };
    assert!(matches!(request, Request::Dismiss { .. }), "{request:?}");
    update(model, Msg::Sent(Some(RequestId(9)), what));
    let before = script.records.len();
    let (by, reason) = (Actor("you".into()), Some("known".into()));
    script.say(Event::IncidentChanged { incident, to: IncidentStatus::Dismissed, by, reason });
    let answer = Answer::Accepted(format!("{incident} is dismissed"));
    let seq = script.records.len() as u64;
    update(model, Msg::Answer(Answered { id: RequestId(9), seq, answer }));
    assert_eq!(model.mode, Mode::Normal, "not before the records are here");
    update(model, Msg::Feed(vec![FeedItem::Records(Arc::new(script.records[before..].to_vec()))]));
}

#[test]
fn a_dismissed_incident_offers_to_lift_what_it_caused() {
    let incident = IncidentId(1);
    let question = Mode::Confirm(Question::LiftOf(incident));
    let mut script = in_force();
    let mut model = of(&script, 120, 40);
    dismiss(&mut script, &mut model, incident);
    assert_eq!(model.mode, question);
    let screen = seen(&model);
    for part in [
        "inc-1 is dismissed. Lift what it caused?",
        "because of inc-1:",
        "ob-1  block_source_ip 10.0.7.21",
        "y undo it · N leave it in force",
    ] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    for no in ["<Enter>", "n", "<Esc>", " "] {
        model.mode = question.clone();
        assert_eq!(press(&mut model, no), [], "{no}");
        assert_eq!((&model.mode, toast(&model)), (&Mode::Normal, "what inc-1 caused stays in force"));
    }
    model.mode = question;
    let request = Request::Lift { what: Lift::Incident(incident), reason: "inc-1 is dismissed".to_owned() };
    let what = "lift what inc-1 caused".to_owned();
    assert_eq!(press(&mut model, "y"), [Todo::Send { seen: None, request, what }]);
}

#[test]
fn an_incident_that_caused_nothing_offers_nothing() {
    let mut script = in_force();
    script.incident(2, "port-scan", crate::model::Severity::Low, "10.0.7.22", &[]);
    let mut model = of(&script, 120, 40);
    dismiss(&mut script, &mut model, IncidentId(2));
    assert_eq!(model.mode, Mode::Normal);
}
