//! What a person says of a step in doubt, or of an undo that failed: which step, as what, and why.

use ratatui::crossterm::event::KeyCode;

use super::actions::Chord;
use super::field::Field;
use super::model::{Mode, Model, Settling, Subject};
use super::requests::ask;
use super::subject;
use super::theme::Tone;
use super::update::Todo;
use crate::engine::{Request, Settled};
use crate::model::StepIx;

/// `s`: asks about the first step that can be settled.
pub fn start(model: &mut Model) {
    let Ok(run) = subject::to_settle(model) else { return };
    let Some(step) = run.to_settle().next() else { return };
    let settling = Settling { run: run.id(), step, seen: run.changed(), picked: None };
    subject::choose(model, Subject::Run(settling.run));
    model.mode = Mode::Settle { settling, field: Field::default() };
}

/// As what it may be settled, as far as is known here.
pub fn options(model: &Model, settling: &Settling) -> &'static [Settled] {
    model.state().run(settling.run).map_or(&[], |run| run.may_settle(settling.step))
}

/// A key while it is settled.
pub fn on_key(model: &mut Model, chord: Chord, mut settling: Settling, mut field: Field) -> Vec<Todo> {
    let id = settling.run;
    match chord.code {
        KeyCode::Esc => return left(model, &settling),
        KeyCode::Tab => settling.picked = turned(options(model, &settling), settling.picked, 1),
        KeyCode::BackTab => settling.picked = turned(options(model, &settling), settling.picked, -1),
        KeyCode::Up | KeyCode::Down => {
            settling.step = other(model, &settling, chord.code == KeyCode::Down);
            settling.picked = None;
        }
        KeyCode::Enter => match settling.picked {
            None => return left(model, &settling),
            Some(word) if word.needs_reason() && field.text().trim().is_empty() => {
                model.say(format!("✗ settle: {} needs a reason", word.name()), Tone::Wait);
            }
            Some(as_) => {
                let step = name(model, &settling);
                let what = format!("settle {id} {step}");
                let reason = field.text().trim().to_owned();
                let request = Request::Settle { run: id, step: step.as_str().into(), as_, reason };
                return ask(model, Some(settling.seen), request, what);
            }
        },
        code => {
            field.key(code, chord.ctrl);
        }
    }
    model.mode = Mode::Settle { settling, field };
    Vec::new()
}

fn left(model: &mut Model, settling: &Settling) -> Vec<Todo> {
    model.say(format!("{} of {} was left as it is", name(model, settling), settling.run), Tone::Plain);
    Vec::new()
}

/// The id of the step.
pub fn name(model: &Model, settling: &Settling) -> String {
    let run = model.state().run(settling.run);
    run.map_or_else(|| "?".to_owned(), |run| run.step_id(settling.step).to_owned())
}

/// The next choice; to leave it is one of them.
fn turned(options: &[Settled], picked: Option<Settled>, by: isize) -> Option<Settled> {
    let at = picked.and_then(|word| options.iter().position(|option| *option == word));
    let at = at.map_or(0, |at| at as isize + 1);
    let next = (at + by).rem_euclid(options.len() as isize + 1) as usize;
    next.checked_sub(1).and_then(|i| options.get(i).copied())
}

/// The next step that can be settled, or the one before.
fn other(model: &Model, settling: &Settling, down: bool) -> StepIx {
    let Some(run) = model.state().run(settling.run) else { return settling.step };
    let found = match down {
        true => run.to_settle().find(|step| *step > settling.step),
        false => run.to_settle().filter(|step| *step < settling.step).last(),
    };
    found.unwrap_or(settling.step)
}
