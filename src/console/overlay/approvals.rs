//! `A`: what people have to decide, what the chosen step would do, and what was acted on unasked.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::approvals::{Chosen, waiting};
use super::super::field::Field;
use super::super::model::Model;
use super::super::paint::{Pen, Row, dialog, highlight, rows as paint_rows};
use super::super::text::{cut, grouped};
use super::super::theme::{Theme, Tone};
use crate::engine::Permission;
use crate::model::{SafeText, Value};

/// Entries that are shown at once.
const ROWS: usize = 6;
/// Accounts that are shown.
const ACCOUNTS: usize = 4;

/// Draws it.
pub fn render(
    model: &Model,
    theme: &Theme,
    area: Rect,
    at: Option<Chosen>,
    deny: Option<&Field>,
    buffer: &mut Buffer,
) {
    let width = 100.min(area.width.saturating_sub(4));
    let room = usize::from(width);
    let all = waiting(model);
    let place = all.iter().position(|(chosen, _)| Some(*chosen) == at);
    let skip = (place.unwrap_or(0) + 1).saturating_sub(ROWS);
    let mut rows: Vec<Row> = all
        .iter()
        .skip(skip)
        .take(ROWS)
        .map(|(chosen, permission)| entry(model, *chosen, permission))
        .collect();
    if rows.is_empty() {
        rows.push(Row::new().dim("Nothing has to be approved."));
    }
    let marked = place.map(|place| (place - skip) as u16);
    rows.push(Row::new());
    match place.and_then(|place| all.get(place)) {
        Some((chosen, permission)) => rows.extend(about(model, *chosen, permission, room)),
        None if at.is_some() => rows.push(Row::new().add("It is decided already.", Tone::Wait)),
        None => {}
    }
    if deny.is_none() {
        rows.extend(unconfirmed(model));
        rows.extend(spent(model));
    }
    let line = rows.len() as u16;
    let height = line + u16::from(deny.is_some());
    let foot = match (deny.is_some(), place.is_some()) {
        (true, _) => "Enter deny · Esc back",
        (false, true) => "↑↓ choose · y approve · n deny · Esc",
        (false, false) => "↑↓ choose · Esc",
    };
    let inner = dialog(buffer, theme, area, (width, height), "Approvals", foot);
    paint_rows(buffer, theme, inner, &rows);
    if let Some(marked) = marked {
        highlight(buffer, inner, marked, theme.style(Tone::Cursor));
    }
    if let Some(field) = deny {
        let mut pen = Pen::at(buffer, theme, inner, line.min(inner.height.saturating_sub(1)));
        pen.text("Why not: ", Tone::Key);
        super::field(&mut pen, field, true);
    }
}

fn entry(model: &Model, chosen: Chosen, permission: &Permission) -> Row {
    let run = model.state().run(chosen.run);
    let step = run.map_or("?", |run| run.step_id(chosen.step));
    let asked = permission.asked();
    let target = asked.action.target.as_deref().unwrap_or("");
    let until = run.and_then(|run| run.steps().get(chosen.step.index())?.until());
    Row::new()
        .add(format!("{:<8} ", chosen.run), Tone::Strong)
        .plain(format!("{:<14} ", cut(step, 14)))
        .plain(format!("{:<36} ", cut(&format!("{} {}", asked.action.name, SafeText(target)), 36)))
        .add(format!("{} of {} ", permission.given().len(), asked.count), Tone::Wait)
        .dim(until.map_or(String::new(), |until| format!("until {}", until.clock())))
}

/// What it would do, why somebody is asked, and who has said yes.
fn about(model: &Model, chosen: Chosen, permission: &Permission, room: usize) -> Vec<Row> {
    let asked = permission.asked();
    let entry = |label: &str, text: &str, tone: Tone| {
        Row::new().dim(format!("{label:<9}")).add(SafeText(text).cut(room.saturating_sub(9)), tone)
    };
    let args: Vec<String> = asked
        .action
        .args
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    let run = model.state().run(chosen.run);
    let workflow = run.map_or("?", |run| run.workflow());
    let incident = run.and_then(|run| run.incident()).map_or(String::new(), |id| format!(" for {id}"));
    let undo = asked.undo.as_ref().map_or("nothing", |undo| &undo.name);
    let mut rows = vec![
        entry(
            "does",
            &format!("{} {}  ({})", asked.action.name, args.join(" "), permission.short_hash()),
            Tone::Strong,
        ),
        entry("why", &asked.why, Tone::Wait),
        entry("for", &format!("{workflow}{incident}, undone by {undo}"), Tone::Plain),
    ];
    if !asked.from.is_empty() {
        let from: Vec<String> = asked.from.iter().map(ToString::to_string).collect();
        rows.push(entry("from", &from.join(", "), Tone::Plain));
    }
    if !permission.given().is_empty() {
        let given: Vec<String> =
            permission.given().iter().map(|(by, at)| format!("{by} at {}", at.clock())).collect();
        rows.push(entry("approved", &given.join(", "), Tone::Good));
    }
    rows
}

/// What is taken back soon, unless somebody confirms it.
fn unconfirmed(model: &Model) -> Vec<Row> {
    let state = model.state();
    let all = state.unconfirmed().filter_map(|(run, step)| {
        let (obligation, holder) = state.unconfirmed_of(run, step)?;
        let target = obligation.target().map_or("", |target| &**target);
        let what = cut(&format!("{} {}", obligation.action().name, SafeText(target)), 30);
        let until = holder.unconfirmed_until()?.clock();
        let how = format!("quell confirm {run} {}", holder.step_id());
        Some(Row::new().add(format!("{what} is taken back at {until} unless: {how}"), Tone::Wait))
    });
    let rows: Vec<Row> = all.take(ROWS).collect();
    if rows.is_empty() { rows } else { std::iter::once(Row::new()).chain(rows).collect() }
}

/// What was acted on, to compare with the budgets.
fn spent(model: &Model) -> Vec<Row> {
    let now = model.engine_now();
    let accounts = model.state().accounts().filter_map(|(name, account)| {
        let (hour, in_force) = (account.last_hour(now), model.state().targets_in_force(name, now));
        let row = Row::new().dim(format!(
            "{:<36} {} in the last hour, {} in force",
            cut(name, 36),
            grouped(hour),
            grouped(in_force)
        ));
        (hour > 0 || in_force > 0).then_some(row)
    });
    let rows: Vec<Row> = accounts.take(ACCOUNTS).collect();
    if rows.is_empty() { rows } else { std::iter::once(Row::new()).chain(rows).collect() }
}
