//! A person answers: the step, or the undo, that the person was asked to do is done or is not.

use std::sync::Arc;

use super::{Actor, Engine, Event, StepStatus};
use crate::model::{Failure, FailureKind, Map, Outcome, RunId, StepIx, Value};

/// Bytes of what a person says at most.
pub(super) const MAX_TEXT: usize = 4_096;

impl Engine {
    pub(super) fn on_answer(
        &mut self,
        id: RunId,
        (name, undo): (&str, bool),
        done: bool,
        text: &str,
        by: &Actor,
    ) -> Result<String, String> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(format!("the text has {} bytes, at most {MAX_TEXT} are taken", text.len()));
        }
        let (ix, attempt) = self.asked(id, name, undo)?;
        let answered = Event::StepAnswered {
            run: id,
            step: ix,
            attempt,
            undo,
            done,
            text: Arc::from(text),
            by: Box::new(by.clone()),
        };
        self.emit(answered);
        let outcome = match done {
            true => {
                let said = [("text", text.to_owned()), ("by", by.to_string())];
                let said = said.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
                Outcome::Succeeded(said.collect::<Map>())
            }
            false => {
                let message = if text.is_empty() { "a person said so" } else { text };
                let message = format!("{message} ({by})");
                Outcome::Failed(Failure { kind: FailureKind::Answered, message })
            }
        };
        self.on_step_finished(id, ix, attempt, undo, outcome);
        let (what, word) = (if undo { "the undo of " } else { "" }, if done { "is done" } else { "failed" });
        Ok(format!("{id}: {what}`{name}` {word}"))
    }

    /// The question that stands about a step, if one does.
    fn asked(&self, id: RunId, name: &str, undo: bool) -> Result<(StepIx, u32), String> {
        let ix = self.step_named(id, name)?;
        let step = &self.known(id)?.steps()[ix.index()];
        if step.is_asked() {
            if let Some(until) = step.until().filter(|until| *until <= self.now) {
                return Err(format!("too late: `{name}` of {id} was to be answered until {until}"));
            }
            let undoing = step.status() == StepStatus::Undoing;
            if undoing != undo {
                let (asked, other) = if undoing { ("the undo of ", "the step") } else { ("", "its undo") };
                return Err(format!("the question is about {asked}`{name}` of {id} now, not about {other}"));
            }
            let attempt = if undo { step.undo_attempt() } else { step.attempt() };
            return Ok((ix, attempt));
        }
        if let Some(first) = step.answered() {
            let word = if first.done { "done" } else { "failed" };
            return Err(format!(
                "`{name}` of {id} was answered already: {word}, by {} at {}",
                first.by, first.at
            ));
        }
        let by_hand = step.action().is_some_and(|action| action.question.is_some());
        let status = step.status();
        match by_hand {
            true => Err(format!("too late: nobody is asked for `{name}` of {id} any more, it is {status}")),
            false => Err(format!("no person is asked to do `{name}` of {id}: it is {status}")),
        }
    }
}
