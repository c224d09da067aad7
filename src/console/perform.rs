//! What each action does, once it is known that it may be done.

use super::actions::ActionId;
use super::field::Field;
use super::list::Move;
use super::model::{Detail, Mode, Model, Question, Reply, Subject, WINDOWS};
use super::requests::ask;
use super::sort::Sort;
use super::theme::Tone;
use super::update::Todo;
use super::{Ended, Pane, approvals, lift, may, pane, person, settle, subject};
use crate::engine::{IncidentStatus, Request, RunStatus};
use crate::runtime::gauges::Stage;

/// Does it.
pub fn perform(model: &mut Model, id: ActionId) -> Vec<Todo> {
    use ActionId::*;
    match id {
        Palette => model.mode = Mode::Palette { query: Field::default(), at: 0 },
        Help => model.mode = Mode::Help { query: Field::default(), at: 0 },
        Filter => start_filter(model),
        Open => open(model),
        Back => back(model),
        Freeze => freeze(model),
        Zoom => model.zoom = !model.zoom,
        Log => toggle_log(model),
        Scale => model.latency.log = !model.latency.log,
        WindowMore => model.window = WINDOWS.into_iter().find(|w| *w > model.window).unwrap_or(model.window),
        WindowLess => {
            model.window = WINDOWS.into_iter().rev().find(|w| *w < model.window).unwrap_or(model.window);
        }
        Next => turn(model, 1),
        Previous => turn(model, -1),
        Go(pane) => (model.focus, model.page) = (pane, None),
        NextMatch => go(model, Move::Next),
        PreviousMatch => go(model, Move::Previous),
        SortColumn => {
            sort(model, |sort, columns| *sort = Sort { column: (sort.column + 1) % columns, inverted: false })
        }
        SortInvert => sort(model, |sort, _| sort.inverted = !sort.inverted),
        CopyId => return copy(model, super::copy::id, "id"),
        CopyRow => return copy(model, super::copy::row, "row"),
        Up => go(model, Move::Up),
        Down => go(model, Move::Down),
        PageUp => go(model, Move::PageUp),
        PageDown => go(model, Move::PageDown),
        First => go(model, Move::First),
        Last => go(model, Move::Last),
        Left => change_stage(model, -1),
        Right => change_stage(model, 1),
        Pause => return pause(model),
        Cancel => ask_cancel(model),
        Abandon => ask_abandon(model),
        Halt => ask_halt(model),
        Retry => return retry(model),
        Trigger => model.mode = Mode::Pick { at: 0 },
        Acknowledge => return acknowledge(model),
        Close => start_close(model),
        Answer => start_answer(model),
        Approvals => approvals::open(model),
        Settle => settle::start(model),
        Lift => lift::ask_first(model),
        Arm => return person::arm_selected(model),
        Disarm => return person::disarm_selected(model),
        Rules => model.page = Some(Detail { subject: Subject::Rules, scroll: 0 }),
        Requests => model.page = Some(Detail { subject: Subject::Requests, scroll: 0 }),
        Redraw => return vec![Todo::Redraw],
        Suspend => return vec![Todo::Suspend],
        Quit if may::quit_asks(model) => model.mode = Mode::Confirm(Question::Quit),
        Quit => return vec![Todo::End(Ended::Quit)],
    }
    Vec::new()
}

fn start_filter(model: &mut Model) {
    let before = model.filters.get(&model.focus).cloned().unwrap_or_default();
    model.mode = Mode::Filter { pane: model.focus, field: Field::with(&before), before };
}

fn open(model: &mut Model) {
    let chosen = subject::is_chosen(model);
    if let Ok(found) = subject::opened(model) {
        subject::choose(model, found);
        model.page = Some(Detail { subject: found, scroll: 0 });
        if !chosen {
            let name = super::copy::id(model, found);
            model.say(format!("nothing was selected: this is {name}, the first row"), Tone::Plain);
        }
    }
}

/// One thing at a time: the page, the cursor, the filter, the zoom. Never the console.
fn back(model: &mut Model) {
    if model.page.take().is_some() {
        return;
    }
    let let_go = match model.focus {
        Pane::Agents => model.agents.follow(),
        Pane::Workflows => model.runs.follow(),
        Pane::Incidents => model.incidents.follow(),
        Pane::Ledger => model.obligations.follow(),
        Pane::Log => model.logs.follow(),
        Pane::Latency | Pane::Throughput => false,
    };
    if let_go || model.filters.remove(&model.focus).is_some() {
        return;
    }
    if !model.focus.in_grid() {
        model.focus = Pane::Workflows;
    }
    model.zoom = false;
}

fn freeze(model: &mut Model) {
    model.frozen = match model.frozen.take() {
        Some(_) => None,
        None => Some(Box::new((model.live.clone(), model.live_gauges.clone()))),
    };
}

fn toggle_log(model: &mut Model) {
    model.log = !model.log;
    model.focus = match (model.log, model.focus) {
        (true, _) => Pane::Log,
        (false, Pane::Log) => Pane::Workflows,
        (false, pane) => pane,
    };
}

fn turn(model: &mut Model, by: isize) {
    let panes: Vec<Pane> = model.panes().collect();
    let at = panes.iter().position(|pane| *pane == model.focus).unwrap_or(0) as isize;
    let next = (at + by).rem_euclid(panes.len() as isize) as usize;
    model.focus = panes.get(next).copied().unwrap_or(model.focus);
}

fn go(model: &mut Model, step: Move) {
    let layout = model.layout();
    if let Some(Detail { subject, scroll }) = model.page {
        let page = usize::from(layout.body.height.saturating_sub(3)).max(1);
        let scroll = match step {
            Move::Up | Move::Previous => scroll.saturating_sub(1),
            Move::Down | Move::Next => scroll + 1,
            Move::PageUp => scroll.saturating_sub(page),
            Move::PageDown => scroll + page,
            Move::First => 0,
            // `settle` brings it back to the last page.
            Move::Last => usize::MAX,
        };
        model.page = Some(Detail { subject, scroll });
        return;
    }
    let (rows, now) = (layout.list_rows(model.focus), model.now);
    match model.focus {
        Pane::Agents => model.agents.go(step, rows, now),
        Pane::Workflows => model.runs.go(step, rows, now),
        Pane::Incidents => model.incidents.go(step, rows, now),
        Pane::Ledger => model.obligations.go(step, rows, now),
        Pane::Log => model.logs.go(step),
        Pane::Latency | Pane::Throughput => {}
    }
}

fn change_stage(model: &mut Model, by: isize) {
    if model.focus == Pane::Latency && model.page.is_none() {
        let at = model.latency.stage as isize + by;
        let all = Stage::ALL;
        model.latency.stage = all[at.rem_euclid(all.len() as isize) as usize];
    }
}

fn pause(model: &mut Model) -> Vec<Todo> {
    let Ok(run) = subject::to_pause(model) else { return Vec::new() };
    let (id, seen, paused) = (run.id(), run.changed(), run.status() == RunStatus::Paused);
    subject::choose(model, Subject::Run(id));
    if paused {
        ask(model, Some(seen), Request::Resume { run: id }, format!("resume {id}"))
    } else {
        ask(model, Some(seen), Request::Pause { run: id }, format!("pause {id}"))
    }
}

fn retry(model: &mut Model) -> Vec<Todo> {
    let Ok(run) = subject::to_retry(model) else { return Vec::new() };
    let (id, seen) = (run.id(), run.changed());
    // It acts anew, and nothing asks first: the row has to be seen before.
    if !subject::is_chosen(model) {
        subject::choose(model, Subject::Run(id));
        model.say(format!("{id} is selected: r tries it again"), Tone::Wait);
        return Vec::new();
    }
    ask(model, Some(seen), Request::Retry { run: id }, format!("retry {id}"))
}

fn acknowledge(model: &mut Model) -> Vec<Todo> {
    let Ok(incident) = subject::to_acknowledge(model) else { return Vec::new() };
    let (id, seen) = (incident.id(), incident.changed());
    subject::choose(model, Subject::Incident(id));
    ask(model, Some(seen), Request::Acknowledge { incident: id }, format!("acknowledge {id}"))
}

fn ask_cancel(model: &mut Model) {
    if let Ok(run) = subject::to_cancel(model) {
        let (run, seen) = (run.id(), run.changed());
        subject::choose(model, Subject::Run(run));
        model.mode = Mode::Confirm(Question::Cancel { run, seen });
    }
}

fn ask_halt(model: &mut Model) {
    model.mode = match model.state().halt() {
        Some(_) => Mode::Release { field: Field::default() },
        None => Mode::Confirm(Question::Halt),
    };
}

fn ask_abandon(model: &mut Model) {
    if let Ok(run) = subject::to_abandon(model) {
        model.mode = Mode::Abandon { run: run.id(), seen: run.changed(), field: Field::default() };
    }
}

fn start_close(model: &mut Model) {
    if let Ok(found) = subject::to_close(model) {
        let (incident, seen) = (found.id(), found.changed());
        // What is resolved already can only turn out to have been nothing.
        let nothing = found.status() == IncidentStatus::Resolved;
        subject::choose(model, Subject::Incident(incident));
        model.mode = Mode::Close { incident, seen, nothing, field: Field::default() };
    }
}

fn start_answer(model: &mut Model) {
    let Ok(run) = subject::to_answer(model) else { return };
    let Some(ix) = run.asked_steps().next() else { return };
    let undo = run.steps().get(ix.index()).is_some_and(|step| step.undo_in_flight());
    let reply =
        Reply { run: run.id(), step: run.step_id(ix).into(), undo, seen: run.changed(), failed: false };
    subject::choose(model, Subject::Run(reply.run));
    model.mode = Mode::Answer { reply, field: Field::default() };
}

fn sort(model: &mut Model, change: impl FnOnce(&mut Sort, usize)) {
    let columns = pane::columns(model.focus);
    let sort = model.sorts.entry(model.focus).or_default();
    change(sort, columns.len());
    match model.focus {
        Pane::Agents => model.agents.resort(),
        Pane::Workflows => model.runs.resort(),
        Pane::Incidents => model.incidents.resort(),
        Pane::Ledger => model.obligations.resort(),
        _ => {}
    }
}

fn copy(model: &mut Model, text: impl FnOnce(&Model, Subject) -> String, what: &str) -> Vec<Todo> {
    let Ok(found) = subject::opened(model) else { return Vec::new() };
    let (id, text) = (super::copy::id(model, found), text(model, found));
    model.say(format!("{what} of {id} sent to the clipboard of the terminal"), Tone::Plain);
    vec![Todo::Copy(text)]
}
