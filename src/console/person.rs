//! What only a person decides: whether a workflow acts, and what came of a step done by hand.

use std::sync::Arc;

use ratatui::crossterm::event::KeyCode;

use super::actions::Chord;
use super::field::Field;
use super::may::arming_matters;
use super::model::{Mode, Model, Reply};
use super::requests::ask;
use super::subject;
use super::theme::Tone;
use super::update::Todo;
use crate::engine::Request;

/// `W`: asks for the name of the workflow of the run under the cursor.
pub fn arm_selected(model: &mut Model) -> Vec<Todo> {
    if let Ok(run) = subject::to_arm(model) {
        model.mode = Mode::Arm { workflow: Arc::from(run.workflow()), field: Field::default() };
    }
    Vec::new()
}

/// `w`: what only observes does no harm, so nothing asks first.
pub fn disarm_selected(model: &mut Model) -> Vec<Todo> {
    match subject::to_arm(model).map(|run| Arc::from(run.workflow())) {
        Ok(workflow) => disarm(model, workflow),
        Err(_) => Vec::new(),
    }
}

fn disarm(model: &mut Model, workflow: Arc<str>) -> Vec<Todo> {
    let what = format!("disarm {workflow}");
    ask(model, None, Request::Disarm { workflow }, what)
}

/// `:arm NAME` and `:disarm NAME`; `None` if the line is neither.
pub fn command(model: &mut Model, line: &str) -> Option<Vec<Todo>> {
    let (verb, name) = line.trim().split_once(char::is_whitespace)?;
    let arm = match verb {
        "arm" => true,
        "disarm" => false,
        _ => return None,
    };
    if let Err(why) = arming_matters(model) {
        model.say(format!("✗ {verb}: {why}"), Tone::Wait);
        return Some(Vec::new());
    }
    let workflows = model.catalogue.workflows.iter().map(|offer| &offer.name);
    let Some(workflow) = workflows.clone().find(|known| ***known == *name.trim()).cloned() else {
        let known: Vec<&str> = workflows.map(AsRef::as_ref).collect();
        let known = known.join(", ");
        model.say(format!("✗ {verb}: there is no workflow of that name; there are: {known}"), Tone::Wait);
        return Some(Vec::new());
    };
    if !arm {
        return Some(disarm(model, workflow));
    }
    model.mode = Mode::Arm { workflow, field: Field::default() };
    Some(Vec::new())
}

/// A key while the name has to be typed.
pub fn on_arm(model: &mut Model, chord: Chord, workflow: Arc<str>, mut field: Field) -> Vec<Todo> {
    match chord.code {
        KeyCode::Esc => {
            model.say(format!("{workflow} was not armed"), Tone::Plain);
            return Vec::new();
        }
        KeyCode::Enter if field.text().trim() == &*workflow => {
            let what = format!("arm {workflow}");
            return ask(model, None, Request::Arm { workflow }, what);
        }
        KeyCode::Enter => model.say(format!("✗ arm: type {workflow} to go on, Esc to leave it"), Tone::Wait),
        code => {
            field.key(code, chord.ctrl);
        }
    }
    model.mode = Mode::Arm { workflow, field };
    Vec::new()
}

/// A key while an answer is written.
pub fn on_answer(model: &mut Model, chord: Chord, mut reply: Reply, mut field: Field) -> Vec<Todo> {
    match chord.code {
        KeyCode::Esc => {
            model.say(format!("{} was not answered", reply.step), Tone::Plain);
            return Vec::new();
        }
        KeyCode::Tab | KeyCode::BackTab => reply.failed = !reply.failed,
        KeyCode::Enter => {
            let Reply { run, step, undo, seen, failed } = reply;
            let what = format!("answer {run} {step}");
            let request =
                Request::Answer { run, step, undo, done: !failed, text: field.text().trim().to_owned() };
            return ask(model, Some(seen), request, what);
        }
        code => {
            field.key(code, chord.ctrl);
        }
    }
    model.mode = Mode::Answer { reply, field };
    Vec::new()
}
