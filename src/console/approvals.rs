//! `A`: what people have to decide, one after the other. The cursor is on a step and on what that step
//! would do: a list that changes under it never turns a yes into a yes to something else.

use ratatui::crossterm::event::KeyCode;

use super::actions::Chord;
use super::field::Field;
use super::model::{Mode, Model};
use super::requests::ask;
use super::theme::Tone;
use super::update::Todo;
use crate::engine::{Permission, Request};
use crate::model::{Digest, RunId, StepIx};

/// What is decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepIx,
    /// What it would do, as it was when it was chosen.
    pub hash: Digest,
}

/// Everything that waits, with what was asked.
pub fn waiting(model: &Model) -> Vec<(Chosen, &Permission)> {
    let state = model.state();
    let asked = state.approvals().filter_map(|(run, step)| {
        let permission = state.run(run)?.steps().get(step.index())?.permission()?;
        Some((Chosen { run, step, hash: permission.asked().hash }, permission))
    });
    asked.collect()
}

/// The list, with the cursor on what the run under the cursor waits for, else on the first.
pub fn open(model: &mut Model) {
    let waiting: Vec<Chosen> = waiting(model).into_iter().map(|(chosen, _)| chosen).collect();
    let run = super::subject::opened(model).ok().and_then(|subject| match subject {
        super::model::Subject::Run(run) if super::subject::is_chosen(model) => Some(run),
        _ => None,
    });
    let at = waiting.iter().find(|chosen| Some(chosen.run) == run).or(waiting.first()).copied();
    model.mode = Mode::Approvals { at, deny: None };
}

/// A key while the list is open.
pub fn on_key(model: &mut Model, chord: Chord, at: Option<Chosen>, deny: Option<Field>) -> Vec<Todo> {
    match deny {
        Some(field) => on_reason(model, chord, at, field),
        None => on_list(model, chord, at),
    }
}

fn on_list(model: &mut Model, chord: Chord, at: Option<Chosen>) -> Vec<Todo> {
    let all: Vec<Chosen> = waiting(model).into_iter().map(|(chosen, _)| chosen).collect();
    let place = all.iter().position(|chosen| Some(*chosen) == at);
    let near = |step: isize| match place {
        Some(place) => all.get(place.saturating_add_signed(step).min(all.len() - 1)).copied(),
        None => all.first().copied(),
    };
    let next = match chord.code {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Up | KeyCode::Char('k') => near(-1),
        KeyCode::Down | KeyCode::Char('j') => near(1),
        KeyCode::Char('y') if !chord.ctrl => match at.filter(|_| place.is_some()) {
            Some(chosen) => {
                model.mode = Mode::Approvals { at, deny: None };
                return decide(model, chosen, None);
            }
            None => {
                model.say("✗ approve: nothing is chosen, or it is decided already", Tone::Wait);
                at
            }
        },
        KeyCode::Char('n') if place.is_some() => {
            model.mode = Mode::Approvals { at, deny: Some(Field::default()) };
            return Vec::new();
        }
        _ => at,
    };
    model.mode = Mode::Approvals { at: next, deny: None };
    Vec::new()
}

fn on_reason(model: &mut Model, chord: Chord, at: Option<Chosen>, mut field: Field) -> Vec<Todo> {
    match chord.code {
        KeyCode::Esc => {
            model.mode = Mode::Approvals { at, deny: None };
            return Vec::new();
        }
        KeyCode::Enter if field.text().trim().is_empty() => {
            model.say("✗ deny: a reason is needed", Tone::Wait);
        }
        KeyCode::Enter => {
            model.mode = Mode::Approvals { at, deny: None };
            let reason = field.text().trim().to_owned();
            return at.map_or_else(Vec::new, |chosen| decide(model, chosen, Some(reason)));
        }
        code => {
            field.key(code, chord.ctrl);
        }
    }
    model.mode = Mode::Approvals { at, deny: Some(field) };
    Vec::new()
}

/// Sends a yes, or a no with its reason. The hash says what was seen, so nothing else has to.
fn decide(model: &mut Model, chosen: Chosen, reason: Option<String>) -> Vec<Todo> {
    let Chosen { run, step, hash } = chosen;
    let Some(step) = model.state().run(run).map(|run| std::sync::Arc::from(run.step_id(step))) else {
        return Vec::new();
    };
    let groups = Box::new([]);
    let (word, request) = match reason {
        None => ("approve", Request::Approve { run, step, hash: hash.to_string(), groups }),
        Some(reason) => ("deny", Request::Deny { run, step, reason, groups }),
    };
    ask(model, None, request, format!("{word} {run}"))
}
