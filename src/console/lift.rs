//! `u`: what is in force is undone. Asks first, by id; bound to what was seen of it.

use super::model::{Mode, Model, Question};
use super::requests::ask;
use super::subject;
use super::update::Todo;
use crate::engine::{Lift, Obligation, Request};
use crate::model::{IncidentId, ObligationId, Seq};

/// Asks about the effect of the page, or under the cursor.
pub fn ask_first(model: &mut Model) {
    if let Ok(found) = subject::to_lift(model) {
        let (obligation, seen) = (found.id(), found.changed());
        subject::choose(model, super::model::Subject::Obligation(obligation));
        model.mode = Mode::Confirm(Question::Lift { obligation, seen });
    }
}

/// It was meant.
pub fn send(model: &mut Model, obligation: ObligationId, seen: Seq) -> Vec<Todo> {
    let request = Request::Lift { what: Lift::One(obligation), reason: String::new() };
    ask(model, Some(seen), request, format!("lift {obligation}"))
}

/// An incident was dismissed: asks whether what it caused is undone, unless something else is being
/// typed or asked.
pub fn offer(model: &mut Model, incident: IncidentId) {
    let caused = model.state().ledger().of_incident(incident).next().is_some();
    if caused && matches!(model.mode, Mode::Normal) {
        model.mode = Mode::Confirm(Question::LiftOf(incident));
    }
}

/// It was meant.
pub fn send_of(model: &mut Model, incident: IncidentId) -> Vec<Todo> {
    let request =
        Request::Lift { what: Lift::Incident(incident), reason: format!("{incident} is dismissed") };
    ask(model, None, request, format!("lift what {incident} caused"))
}

/// Whether it can be undone now, and if not, why.
pub fn may_lift(obligation: &Obligation) -> Result<(), String> {
    let (id, status) = (obligation.id(), obligation.status());
    let word = super::glyph::word(&status.to_string(), false);
    let by = obligation.lifted_by().map_or(String::new(), |run| format!(", by {run}"));
    if status.is_ended() {
        return Err(format!("{id} is {word} since {}{by}", obligation.since().clock()));
    }
    if !status.can_be_lifted() {
        return Err(format!("{id} is {word}{by}: wait for its outcome"));
    }
    match obligation.undo() {
        Some(_) => Ok(()),
        None => Err(format!("nothing undoes {id}: it ends by itself")),
    }
}
