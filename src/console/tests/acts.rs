//! Keys that change something: what they act on, what they ask, what they send.

use super::super::model::{Mode, Question, Subject};
use super::super::update::{Msg, Todo, update};
use super::figures::model;
use super::keys::{grid, on_incident, on_run, toast};
use super::scenario::busy;
use super::{press, seen};
use crate::engine::Request;
use crate::model::{IncidentId, RunId};
use serde_json::json;

fn sent(todos: &[Todo]) -> Option<&Request> {
    todos.iter().find_map(|todo| match todo {
        Todo::Send { request, .. } => Some(request),
        _ => None,
    })
}

#[test]
fn with_nothing_selected_keys_take_the_first_row_that_they_apply_to() {
    let mut model = grid();
    assert_eq!(sent(&press(&mut model, "p")), Some(&Request::Pause { run: RunId(5) }));
    assert_eq!(model.runs.selected(), Some(RunId(5)));
    assert_eq!(toast(&model), "pause run-5: sent");

    let mut model = grid();
    assert_eq!(press(&mut model, "x"), []);
    assert!(matches!(model.mode, Mode::Confirm(Question::Cancel { run: RunId(5), .. })));
    assert!(seen(&model).contains("Cancel run-5?"));

    // What acts anew without a question is shown first.
    let mut script = busy();
    script.say(crate::engine::Event::RunAbandoned { run: RunId(4), by: crate::engine::Actor::engine() });
    let mut model = super::figures::model(&script, 120, 40);
    assert_eq!(press(&mut model, "r"), []);
    assert_eq!(
        (model.runs.selected(), toast(&model)),
        (Some(RunId(4)), "run-4 is selected: r tries it again")
    );
    assert_eq!(sent(&press(&mut model, "r")), Some(&Request::Retry { run: RunId(4) }));

    let mut model = grid();
    let todos = press(&mut model, "3a");
    assert_eq!(sent(&todos), Some(&Request::Acknowledge { incident: IncidentId(3) }), "the newest open one");
    let mut model = grid();
    press(&mut model, "3c");
    assert!(seen(&model).contains("Close inc-3"), "inc-4 is dismissed");

    for (keys, subject) in [
        ("<Enter>", Subject::Run(RunId(5))),
        ("3<Enter>", Subject::Incident(IncidentId(4))),
        ("1<Enter>", Subject::Agent(crate::model::AgentId(0))),
    ] {
        let mut model = grid();
        press(&mut model, keys);
        assert_eq!(model.page.map(|page| page.subject), Some(subject));
        assert!(toast(&model).contains("nothing was selected: this is"), "{}", toast(&model));
    }
}

#[test]
fn where_a_key_applies_to_nothing_it_says_so() {
    for (keys, why) in [
        ("X", "no run is selected"),
        ("r", "no run here can be tried again now"),
        ("a", "press 3"),
        ("3p", "press 2"),
        ("4<Enter>", "no rows in this pane"),
        ("/zzz<Enter>p", "no run here can be paused now"),
        ("/zzz<Enter><Enter>", "there is no row here yet"),
    ] {
        let mut model = grid();
        assert_eq!(press(&mut model, keys), [], "{keys}");
        assert!(toast(&model).starts_with('✗') && toast(&model).contains(why), "{keys}: {}", toast(&model));
        assert_eq!(model.mode, Mode::Normal);
    }
}

#[test]
fn p_pauses_and_resumes() {
    let mut model = on_run(5);
    assert_eq!(sent(&press(&mut model, "p")), Some(&Request::Pause { run: RunId(5) }));
    let mut model = on_run(4);
    assert_eq!(sent(&press(&mut model, "p")), Some(&Request::Resume { run: RunId(4) }));
    assert!(seen(&model).contains("p resume"));
    let mut model = on_run(2);
    assert_eq!(press(&mut model, "p"), []);
    assert!(toast(&model).contains("a rollback is never held"));
    let mut model = on_run(1);
    press(&mut model, "p");
    assert!(toast(&model).contains("run-1 is completed"));
}

#[test]
fn x_asks_names_what_is_at_stake_and_means_no() {
    let mut model = on_run(4);
    let seen_then = model.state().run(RunId(4)).unwrap().changed();
    assert_eq!(press(&mut model, "x"), []);
    let question = Question::Cancel { run: RunId(4), seen: seen_then };
    assert_eq!(model.mode, Mode::Confirm(question));
    let screen = seen(&model);
    for part in ["Cancel run-4?", "contain-scan", "paused", "1/3 steps", "unblock_source_ip 10.0.7.21"] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    for no in ["<Enter>", "n", "<Esc>", "x", " ", "<Tab>"] {
        model.mode = Mode::Confirm(question);
        assert_eq!(press(&mut model, no), [], "{no}");
        assert_eq!(model.mode, Mode::Normal);
    }
    // The question is about its run, wherever the cursor has gone since.
    model.mode = Mode::Confirm(question);
    model.runs.select(RunId(5));
    let todos = press(&mut model, "y");
    let request = Request::Cancel { run: RunId(4) };
    assert_eq!(todos, [Todo::Send { seen: Some(seen_then), request, what: "cancel run-4".to_owned() }]);
}

#[test]
fn x_refuses_what_cannot_be_cancelled() {
    for (run, why) in [(2, "being rolled back already"), (1, "has ended: completed")] {
        let mut model = on_run(run);
        press(&mut model, "x");
        assert!(toast(&model).contains(why), "{}", toast(&model));
        assert_eq!(model.mode, Mode::Normal);
    }
}

#[test]
fn abandon_wants_the_id() {
    let mut model = on_run(2);
    press(&mut model, "Xy<Enter>");
    assert!(matches!(model.mode, Mode::Abandon { .. }));
    assert!(toast(&model).contains("type run-2"));
    update(&mut model, Msg::Paste("run-2".to_owned()));
    assert_eq!(press(&mut model, "<BS><Enter>"), [], "an id that was pasted was not typed");
    let todos = press(&mut model, "run-2<Enter>");
    assert_eq!(sent(&todos), Some(&Request::Abandon { run: RunId(2) }));
    press(&mut model, "Xrun-2<Esc>");
    assert_eq!(model.mode, Mode::Normal);
}

#[test]
fn r_tries_again_what_ended_badly() {
    let mut script = busy();
    script.say(crate::engine::Event::RunAbandoned { run: RunId(5), by: crate::engine::Actor::engine() });
    let mut model = model(&script, 120, 40);
    model.runs.select(RunId(5));
    assert_eq!(sent(&press(&mut model, "r")), Some(&Request::Retry { run: RunId(5) }));
    for run in [1, 3] {
        model.runs.select(RunId(run));
        assert_eq!(press(&mut model, "r"), []);
        assert!(toast(&model).contains("nothing to try again"));
    }
}

#[test]
fn t_picks_a_workflow_and_checks_its_inputs() {
    let mut model = grid();
    press(&mut model, "t");
    assert!(seen(&model).contains("Block a scanner and tell people"));
    press(&mut model, "<Enter>");
    assert!(seen(&model).contains("address, needed"), "{}", seen(&model));
    assert_eq!(press(&mut model, "not an address<Enter>22<Enter><Enter><Enter>"), []);
    let Mode::Form(form) = &model.mode else { panic!("{:?}", model.mode) };
    assert_eq!(form.at, 0, "the cursor is on what is wrong");
    assert!(seen(&model).contains("expected an IP address"));
    let todos = press(&mut model, "<C-u>192.0.2.7<Tab><Tab><Tab><Enter>");
    let inputs = super::scenario::object(json!({"address": "192.0.2.7", "port": 22, "for": "1h"}));
    assert_eq!(sent(&todos), Some(&Request::Trigger { workflow: "contain-scan".into(), inputs }));

    let todos = press(&mut model, "tG<Enter><Enter>");
    let inputs = crate::model::Map::new();
    assert_eq!(sent(&todos), Some(&Request::Trigger { workflow: "all-hands".into(), inputs }));
    press(&mut model, "t<Enter><Esc><Esc>");
    assert_eq!(model.mode, Mode::Normal);
}

#[test]
fn optional_inputs_may_be_empty_and_ports_are_checked() {
    let mut model = grid();
    let todos = press(&mut model, "t<Enter>::1<Tab><Tab><C-u><Tab><Enter>");
    let inputs = super::scenario::object(json!({"address": "::1"}));
    assert_eq!(sent(&todos), Some(&Request::Trigger { workflow: "contain-scan".into(), inputs }));
    assert_eq!(press(&mut model, "t<Enter>::1<Tab>70000<Tab><Tab><Enter>"), []);
    assert!(seen(&model).contains("expected a port"));
    press(&mut model, "<Esc><Esc>");
    assert_eq!(press(&mut model, "t<Enter><Tab><Tab><Tab><Enter>"), []);
    assert!(seen(&model).contains("it is needed"));
}

#[test]
fn incidents_are_acknowledged_and_closed() {
    let mut model = on_incident(3);
    let todos = press(&mut model, "a");
    assert_eq!(sent(&todos), Some(&Request::Acknowledge { incident: IncidentId(3) }));
    press(&mut model, "c<Enter>");
    assert!(toast(&model).contains("a reason is needed"));
    let todos = press(&mut model, "it is over<Enter>");
    let reason = "it is over".to_owned();
    assert_eq!(sent(&todos), Some(&Request::Resolve { incident: IncidentId(3), reason }));
    let todos = press(&mut model, "c<Tab>ours<Enter>");
    let reason = "ours".to_owned();
    assert_eq!(sent(&todos), Some(&Request::Dismiss { incident: IncidentId(3), reason }));
    assert_eq!(press(&mut model, "cnever mind<Esc>"), []);
    let mut model = on_incident(2);
    press(&mut model, "a");
    assert!(toast(&model).contains("inc-2 is acknowledged already"));
}

#[test]
fn c30_the_kill_switch_asks_and_its_release_is_typed() {
    let mut model = grid();
    assert_eq!(press(&mut model, "!"), []);
    assert!(seen(&model).contains("Halt everything?"));
    assert_eq!(press(&mut model, "n"), []);
    assert_eq!(toast(&model), "nothing was halted");
    let halt = Request::Halt { reason: "from the console".to_owned() };
    assert_eq!(sent(&press(&mut model, "!y")), Some(&halt));

    let mut script = busy();
    let by = crate::engine::Actor(std::sync::Arc::from("ann"));
    script.say(crate::engine::Event::Halted { by, why: "wrong list".into() });
    let mut model = super::figures::model(&script, 120, 40);
    let shown = seen(&model);
    assert!(shown.contains("HALTED"), "{shown}");
    press(&mut model, "!");
    let shown = seen(&model);
    assert!(shown.contains("Halted by ann at") && shown.contains("wrong list"), "{shown}");
    assert_eq!(press(&mut model, "yes<Enter>"), []);
    assert_eq!(press(&mut model, "<Esc>"), []);
    assert_eq!(toast(&model), "everything stays halted");
    assert_eq!(sent(&press(&mut model, "!release<Enter>")), Some(&Request::Release));
}
