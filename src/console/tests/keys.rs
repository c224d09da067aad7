//! Every key does what the table says.

use super::super::Pane;
use super::super::actions::{ACTIONS, ActionId};
use super::super::model::{Mode, Question, Subject};
use super::super::update::{Msg, Todo, update};
use super::scenario::{busy, gauges, model};
use super::{press, seen};
use crate::engine::Request;
use crate::model::{IncidentId, RunId, Span};
use crate::runtime::feed::FeedItem;
use serde_json::json;

pub fn grid() -> super::Model {
    model(&busy(), 120, 40)
}

/// Puts the cursor of the workflows on a run.
pub fn on_run(id: u64) -> super::Model {
    let mut model = grid();
    model.runs.select(RunId(id));
    model.settle();
    model
}

fn on_incident(id: u64) -> super::Model {
    let mut model = grid();
    press(&mut model, "3");
    model.incidents.select(IncidentId(id));
    model.settle();
    model
}

pub fn toast(model: &super::Model) -> &str {
    model.toast.as_ref().map_or("", |toast| &toast.text)
}

fn sent(todos: &[Todo]) -> Option<&Request> {
    todos.iter().find_map(|todo| match todo {
        Todo::Send { request, .. } => Some(request),
        _ => None,
    })
}

#[test]
fn panes_are_reached_by_number_and_by_tab() {
    let mut model = grid();
    for (key, pane) in [
        ("1", Pane::Agents),
        ("2", Pane::Workflows),
        ("3", Pane::Incidents),
        ("4", Pane::Latency),
        ("5", Pane::Throughput),
        ("<Tab>", Pane::Agents),
        ("<S-Tab>", Pane::Throughput),
        ("L", Pane::Log),
        ("<Tab>", Pane::Agents),
        ("<S-Tab>", Pane::Log),
        ("L", Pane::Workflows),
    ] {
        press(&mut model, key);
        assert_eq!(model.focus, pane, "{key}");
    }
}

#[test]
fn the_cursor_moves_and_lets_go() {
    let mut model = grid();
    assert_eq!(model.runs.order().iter().map(|id| id.0).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    for (keys, run) in [
        ("j", Some(5)),
        ("<Down>", Some(4)),
        ("k", Some(5)),
        ("<Up>", Some(5)),
        ("G", Some(1)),
        ("g", Some(5)),
        ("<End>", Some(1)),
        ("<Home>", Some(5)),
        ("<PgDn>", Some(1)),
        ("<PgUp>", Some(5)),
        ("<Esc>", None),
    ] {
        press(&mut model, keys);
        assert_eq!(model.runs.selected().map(|id| id.0), run, "{keys}");
    }
}

#[test]
fn moving_up_in_the_incidents_stops_following_and_g_resumes() {
    let mut model = grid();
    press(&mut model, "3k");
    assert_eq!(model.incidents.selected(), Some(IncidentId(4)));
    press(&mut model, "k");
    assert_eq!(model.incidents.selected(), Some(IncidentId(3)));
    assert!(!seen(&model).contains("FOLLOW"));
    press(&mut model, "G");
    assert!(model.incidents.follows() && seen(&model).contains("FOLLOW"));
}

#[test]
fn enter_opens_and_esc_goes_back_but_never_quits() {
    let mut model = on_run(2);
    press(&mut model, "<Enter>");
    assert_eq!(model.page.map(|page| page.subject), Some(Subject::Run(RunId(2))));
    assert!(seen(&model).contains("Rollback  1 of 2 undone"), "{}", seen(&model));
    press(&mut model, "<Esc>");
    assert_eq!((model.page, model.runs.selected()), (None, Some(RunId(2))));
    assert_eq!(press(&mut model, "<Esc><Esc><Esc><Esc>"), []);

    let mut model = on_incident(3);
    press(&mut model, "<Enter>");
    assert_eq!(model.page.map(|page| page.subject), Some(Subject::Incident(IncidentId(3))));
    press(&mut model, "1<Down><Enter>");
    assert!(seen(&model).contains("FORTRESS") && seen(&model).contains("History"));
}

#[test]
fn nothing_selected_nothing_done() {
    let mut model = grid();
    for key in ["p", "x", "X", "r", "<Enter>", "a", "c"] {
        assert_eq!(press(&mut model, key), [], "{key}");
        assert!(toast(&model).starts_with('✗'), "{key}: {}", toast(&model));
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
fn f_holds_the_picture_and_catches_up() {
    let mut script = busy();
    let mut model = model(&script, 120, 40);
    let before = script.records.len();
    press(&mut model, "f");
    let frozen = seen(&model);
    assert!(frozen.contains("FROZEN"));
    script.run(6, "contain-scan", &["block"], None);
    let news = std::sync::Arc::new(script.records[before..].to_vec());
    update(&mut model, Msg::Feed(vec![FeedItem::Records(news)]));
    let later = script.at + Span::from_secs(60);
    update(&mut model, Msg::Gauges(Box::new(gauges(later))));
    model.settle();
    assert_eq!(seen(&model), frozen);
    press(&mut model, "f");
    assert!(seen(&model).contains("run-6") && !seen(&model).contains("FROZEN"));
}

#[test]
fn the_view_is_set() {
    let mut model = grid();
    press(&mut model, "z");
    assert_eq!(model.layout().panes.len(), 1);
    press(&mut model, "z");
    assert_eq!(model.layout().panes.len(), 5);
    assert!(model.latency.log);
    press(&mut model, "4=");
    assert!(!model.latency.log);
    let stage = model.latency.stage;
    press(&mut model, "<Right>");
    assert_ne!(model.latency.stage, stage);
    press(&mut model, "h");
    assert_eq!(model.latency.stage, stage);
    press(&mut model, "5++++++++");
    assert_eq!(model.window, 600);
    press(&mut model, "--------");
    assert_eq!(model.window, 30);
}

#[test]
fn filters_hide_rows_and_esc_brings_them_back() {
    let mut model = grid();
    press(&mut model, "/brute");
    assert_eq!(model.runs.order(), [RunId(2)]);
    press(&mut model, "<Enter>");
    assert!(seen(&model).contains("filter: brute"));
    press(&mut model, "/<C-u>!brute<Enter>");
    assert_eq!(model.runs.order().len(), 4);
    press(&mut model, "/<C-u>zzz<Esc>");
    assert_eq!(model.runs.order().len(), 4, "Esc brings the filter from before");
    press(&mut model, "/<C-u>zzz<Enter>");
    assert!(seen(&model).contains("No row passes the filter"));
    press(&mut model, "<Esc>");
    assert_eq!(model.runs.order().len(), 5);
}

#[test]
fn help_is_searched_and_runs_its_entry() {
    let mut model = grid();
    press(&mut model, "?");
    assert!(seen(&model).contains("Search:"));
    press(&mut model, "zoom<Enter>");
    assert!(model.zoom && model.mode == Mode::Normal);
    press(&mut model, "?nothing of the kind");
    assert!(seen(&model).contains("No key does that"));
    press(&mut model, "<Esc>");
    press(&mut model, "?<PgDn><Down><Up><PgUp>?");
    assert_eq!(model.mode, Mode::Normal);
}

#[test]
fn every_action_is_in_the_help() {
    let mut model = model(&busy(), 200, 100);
    press(&mut model, "?");
    let screen = seen(&model);
    for action in ACTIONS {
        assert!(screen.contains(action.help.split('.').next().unwrap()), "{}", action.title);
    }
}

#[test]
fn unknown_keys_point_to_the_help() {
    let mut model = grid();
    press(&mut model, "w");
    assert!(toast(&model).contains("? shows the keys"));
    assert!(ACTIONS.iter().any(|action| action.id == ActionId::Help));
}
