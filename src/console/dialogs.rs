//! Keys and pasted text while a dialog has them.

use ratatui::crossterm::event::KeyCode;

use super::actions::{ACTIONS, Action, Chord};
use super::field::Field;
use super::model::{Mode, Model, Question};
use super::requests::ask;
use super::theme::Tone;
use super::update::{Todo, try_action};
use super::{Ended, approvals, form, lift, palette, person, settle};
use crate::engine::Request;

/// A key for the dialog that is open.
pub fn on_key(model: &mut Model, chord: Chord) -> Vec<Todo> {
    // Taken out and put back: a dialog that does not put itself back is closed.
    match std::mem::replace(&mut model.mode, Mode::Normal) {
        Mode::Normal => Vec::new(),
        Mode::Help { query, at } => on_help(model, chord, query, at),
        Mode::Palette { query, at } => palette::on_key(model, chord, query, at),
        Mode::Confirm(question) => on_question(model, chord, question),
        Mode::Abandon { run, seen, field } => on_abandon(model, chord, run, seen, field),
        Mode::Release { field } => on_release(model, chord, field),
        Mode::Pick { at } => on_pick(model, chord, at),
        Mode::Form(form) => form::on_key(model, chord, form),
        Mode::Close { incident, seen, nothing, field } => {
            on_close(model, chord, incident, seen, nothing, field)
        }
        Mode::Arm { workflow, field } => person::on_arm(model, chord, workflow, field),
        Mode::Answer { reply, field } => person::on_answer(model, chord, reply, field),
        Mode::Approvals { at, deny } => approvals::on_key(model, chord, at, deny),
        Mode::Settle { settling, field } => settle::on_key(model, chord, settling, field),
        Mode::Filter { pane, field, before } => on_filter(model, chord, pane, field, before),
    }
}

/// Pasted text goes where text is typed, and nowhere else: it never triggers a key.
pub fn on_paste(model: &mut Model, text: &str) {
    let field = match &mut model.mode {
        Mode::Help { query, .. } | Mode::Palette { query, .. } => Some(query),
        Mode::Close { field, .. } | Mode::Filter { field, .. } | Mode::Answer { field, .. } => Some(field),
        Mode::Settle { field, .. } => Some(field),
        Mode::Form(form) => form.fields.get_mut(form.at),
        Mode::Approvals { deny, .. } => deny.as_mut(),
        // What has to be typed is typed.
        Mode::Abandon { .. } | Mode::Arm { .. } | Mode::Release { .. } => None,
        Mode::Normal | Mode::Confirm(_) | Mode::Pick { .. } => None,
    };
    match field {
        Some(field) => {
            field.insert(text);
            if let Mode::Filter { pane, field, .. } = &model.mode {
                model.filters.insert(*pane, field.text().to_owned());
            }
        }
        None => model.say("pasted text is not taken as keys", Tone::Wait),
    }
}

/// The entries of the help that contain what is searched for.
pub fn help_entries(query: &str) -> Vec<&'static Action> {
    let words = query.to_lowercase();
    let has = |action: &&Action| {
        let keys: Vec<String> = action.keys.iter().map(Chord::to_string).collect();
        let text = format!("{} {} {}", action.title, action.help, action.group.title()).to_lowercase();
        words.split_whitespace().all(|word| text.contains(word)) || keys.iter().any(|key| key == query)
    };
    ACTIONS.iter().filter(has).collect()
}

fn on_help(model: &mut Model, chord: Chord, mut query: Field, at: usize) -> Vec<Todo> {
    let entries = help_entries(query.text());
    let last = entries.len().saturating_sub(1);
    let at = match chord.code {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Char('?') if query.text().is_empty() => return Vec::new(),
        KeyCode::Enter => {
            return entries.get(at.min(last)).map_or_else(Vec::new, |action| try_action(model, action));
        }
        KeyCode::Up => at.saturating_sub(1),
        KeyCode::Down => (at + 1).min(last),
        KeyCode::PageUp => at.saturating_sub(10),
        KeyCode::PageDown => (at + 10).min(last),
        code => {
            if query.key(code, chord.ctrl) {
                0
            } else {
                at
            }
        }
    };
    model.mode = Mode::Help { query, at };
    Vec::new()
}

fn on_question(model: &mut Model, chord: Chord, question: Question) -> Vec<Todo> {
    let yes = matches!(chord.code, KeyCode::Char('y' | 'Y')) && !chord.ctrl;
    match (question, yes) {
        (Question::Cancel { run, seen }, true) => {
            ask(model, Some(seen), Request::Cancel { run }, format!("cancel {run}"))
        }
        (Question::Cancel { run, .. }, false) => {
            model.say(format!("{run} was not cancelled"), Tone::Plain);
            Vec::new()
        }
        (Question::Lift { obligation, seen }, true) => lift::send(model, obligation, seen),
        (Question::Lift { obligation, .. }, false) => {
            model.say(format!("{obligation} stays in force"), Tone::Plain);
            Vec::new()
        }
        (Question::LiftOf(incident), true) => lift::send_of(model, incident),
        (Question::LiftOf(incident), false) => {
            model.say(format!("what {incident} caused stays in force"), Tone::Plain);
            Vec::new()
        }
        (Question::Halt, true) => {
            let reason = "from the console".to_owned();
            ask(model, None, Request::Halt { reason }, "halt".to_owned())
        }
        (Question::Halt, false) => {
            model.say("nothing was halted", Tone::Plain);
            Vec::new()
        }
        (Question::Quit, true) => vec![Todo::End(Ended::Quit)],
        (Question::Quit, false) => Vec::new(),
    }
}

/// The word that releases the kill switch.
pub const RELEASE: &str = "release";

fn on_release(model: &mut Model, chord: Chord, mut field: Field) -> Vec<Todo> {
    match chord.code {
        KeyCode::Esc => model.say("everything stays halted", Tone::Plain),
        KeyCode::Enter if field.text().trim() == RELEASE => {
            return ask(model, None, Request::Release, RELEASE.to_owned());
        }
        KeyCode::Enter => {
            model.say(format!("type {RELEASE} to release it, Esc leaves it"), Tone::Wait);
            model.mode = Mode::Release { field };
        }
        code => {
            field.key(code, chord.ctrl);
            model.mode = Mode::Release { field };
        }
    }
    Vec::new()
}

fn on_abandon(
    model: &mut Model,
    chord: Chord,
    run: crate::model::RunId,
    seen: u64,
    mut field: Field,
) -> Vec<Todo> {
    match chord.code {
        KeyCode::Esc => model.say(format!("{run} was not abandoned"), Tone::Plain),
        KeyCode::Enter if field.text().trim() == run.to_string() => {
            return ask(model, Some(seen), Request::Abandon { run }, format!("abandon {run}"));
        }
        KeyCode::Enter => {
            model.say(format!("✗ abandon: type {run} to go on, Esc to leave it"), Tone::Wait);
            model.mode = Mode::Abandon { run, seen, field };
        }
        code => {
            field.key(code, chord.ctrl);
            model.mode = Mode::Abandon { run, seen, field };
        }
    }
    Vec::new()
}

fn on_pick(model: &mut Model, chord: Chord, at: usize) -> Vec<Todo> {
    let last = model.catalogue.workflows.len().saturating_sub(1);
    let at = match chord.code {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Enter => {
            if let Some(offer) = model.catalogue.workflows.get(at) {
                model.mode = Mode::Form(form::blank(at, &offer.inputs));
            }
            return Vec::new();
        }
        KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => (at + 1).min(last),
        KeyCode::Home | KeyCode::PageUp | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::PageDown | KeyCode::Char('G') => last,
        _ => at,
    };
    model.mode = Mode::Pick { at };
    Vec::new()
}

fn on_close(
    model: &mut Model,
    chord: Chord,
    incident: crate::model::IncidentId,
    seen: u64,
    nothing: bool,
    mut field: Field,
) -> Vec<Todo> {
    let mut nothing = nothing;
    match chord.code {
        KeyCode::Esc => {
            model.say(format!("{incident} was not closed"), Tone::Plain);
            return Vec::new();
        }
        KeyCode::Tab | KeyCode::BackTab => nothing = !nothing,
        KeyCode::Enter if field.text().trim().is_empty() => {
            model.say("✗ close: a reason is needed", Tone::Wait);
        }
        KeyCode::Enter => {
            let reason = field.text().trim().to_owned();
            let (request, word) = match nothing {
                true => (Request::Dismiss { incident, reason }, "dismiss"),
                false => (Request::Resolve { incident, reason }, "resolve"),
            };
            let todos = ask(model, Some(seen), request, format!("{word} {incident}"));
            model.requests.dismissing = (nothing && !todos.is_empty()).then_some(incident);
            return todos;
        }
        code => {
            field.key(code, chord.ctrl);
        }
    }
    model.mode = Mode::Close { incident, seen, nothing, field };
    Vec::new()
}

fn on_filter(
    model: &mut Model,
    chord: Chord,
    pane: super::Pane,
    mut field: Field,
    before: String,
) -> Vec<Todo> {
    let text = match chord.code {
        KeyCode::Esc => before,
        KeyCode::Enter => field.text().to_owned(),
        code => {
            field.key(code, chord.ctrl);
            let text = field.text().to_owned();
            model.mode = Mode::Filter { pane, field, before };
            text
        }
    };
    if text.is_empty() {
        model.filters.remove(&pane);
    } else {
        model.filters.insert(pane, text);
    }
    Vec::new()
}
