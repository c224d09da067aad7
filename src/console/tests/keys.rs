//! Every key does what the table says.

use super::super::Pane;
use super::super::actions::{ACTIONS, ActionId};
use super::super::model::{Mode, Subject};
use super::super::update::{Msg, Todo, update};
use super::figures::{gauges, model};
use super::scenario::busy;
use super::{press, seen};
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

pub fn on_incident(id: u64) -> super::Model {
    let mut model = grid();
    press(&mut model, "3");
    model.incidents.select(IncidentId(id));
    model.settle();
    model
}

pub fn toast(model: &super::Model) -> &str {
    model.toast.as_ref().map_or("", |toast| &toast.text)
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
        ("6", Pane::Ledger),
        ("<S-Tab>", Pane::Throughput),
        ("6", Pane::Ledger),
        ("<Tab>", Pane::Agents),
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
    press(&mut model, "b");
    assert!(toast(&model).contains("? shows the keys"));
    assert!(ACTIONS.iter().any(|action| action.id == ActionId::Help));
}

#[test]
fn o_sorts_and_the_cursor_stays_with_its_id() {
    let runs = |model: &super::Model| model.runs.order().iter().map(|id| id.0).collect::<Vec<_>>();
    let mut model = on_run(3);
    press(&mut model, "o");
    assert_eq!((runs(&model), model.runs.selected()), (vec![1, 2, 3, 4, 5], Some(RunId(3))));
    assert!(seen(&model).contains("sort id ▲"));
    press(&mut model, "O");
    assert_eq!((runs(&model), model.runs.selected()), (vec![5, 4, 3, 2, 1], Some(RunId(3))));
    press(&mut model, "o");
    assert_eq!(runs(&model).first(), Some(&5), "all-hands");
    press(&mut model, "oooo");
    assert_eq!(runs(&model), [5, 4, 3, 2, 1], "the order of the pane comes again");
    assert!(!seen(&model).contains("sort live"));
    press(&mut model, "3o");
    let first = model.incidents.order()[0];
    assert_eq!(model.state().incident(first).unwrap().severity(), crate::model::Severity::Critical);
    assert_eq!(model.incidents.offset(), 0, "a sorted list is looked at from its top");
    press(&mut model, "ooooo1oO");
    assert_eq!(model.agent_name(model.agents.order()[0]), "sentinel-1");
    press(&mut model, "4o");
    assert!(toast(&model).contains("no rows"));
}

#[test]
fn n_goes_through_the_matches_of_a_filter() {
    let mut model = grid();
    press(&mut model, "n");
    assert!(toast(&model).contains("/ sets one"));
    press(&mut model, "/contain-scan<Enter>");
    let all = model.runs.order().to_vec();
    assert!(all.len() > 1);
    for (key, at) in [("n", 0), ("n", 1), ("N", 0)] {
        press(&mut model, key);
        assert_eq!(model.runs.selected(), Some(all[at]));
    }
    press(&mut model, "gN");
    assert_eq!(model.runs.selected(), all.last().copied());
    press(&mut model, "n");
    assert_eq!(model.runs.selected(), all.first().copied());
}

#[test]
fn y_copies_what_is_safe_to_paste() {
    assert_eq!(press(&mut on_run(3), "y"), [Todo::Copy("run-3".to_owned())]);
    let Some(Todo::Copy(row)) = press(&mut on_run(2), "Y").pop() else { panic!("nothing was copied") };
    let row: serde_json::Value = serde_json::from_str(&row).unwrap();
    assert_eq!((&row["run"], &row["state"]), (&json!("run-2"), &json!("rolling_back")));
    let mut script = super::scenario::Script::new();
    script.open(crate::engine::JournalKind::Exercise);
    script.incident(1, "x", crate::model::Severity::High, "\u{1b}[2J\u{202e}", &[]);
    let mut model = model(&script, 120, 40);
    let Some(Todo::Copy(row)) = press(&mut model, "3Y").pop() else { panic!("nothing was copied") };
    assert!(row.contains("\\\\x1b[2J\\\\u{202e}"), "{row}");
    assert!(toast(&model).contains("row of inc-1"));
    let bytes = super::super::session::clipboard("run-3");
    assert_eq!(bytes, b"\x1b]52;c;cnVuLTM=\x1b\\");
}

#[test]
fn the_palette_does_what_is_found() {
    let mut model = grid();
    press(&mut model, ":");
    assert!(seen(&model).contains("Command"));
    press(&mut model, "zm<Enter>");
    assert!(model.zoom && model.mode == Mode::Normal);
    press(&mut model, ":xxx<Enter>");
    assert_eq!(model.mode, Mode::Normal);
    press(&mut model, ":<Down><Up><BS>");
    assert_eq!(model.mode, Mode::Normal);
    press(&mut model, ":abandon<Enter>");
    assert!(toast(&model).contains("no run is selected"));
}
