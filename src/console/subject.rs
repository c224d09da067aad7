//! What keys act on: the thing of the page, else the row under the cursor. Without a cursor it is the
//! first row that the key applies to, from the end where the newest are.

use super::Pane;
use super::lift::may_lift;
use super::list::List;
use super::model::{Detail, Model, Subject};
use crate::engine::{Incident, IncidentStatus, Obligation, Run, RunStatus};
use crate::model::{IncidentId, ObligationId, RunId};

/// Whether a key applies to a thing, and if not, why.
type Fits<T> = fn(&T) -> Result<(), String>;

/// What Enter opens, and what is copied.
pub fn opened(model: &Model) -> Result<Subject, String> {
    if let Some(Detail { subject, .. }) = model.page {
        return Ok(subject);
    }
    fn at_hand<Id: Copy + Eq>(list: &List<Id>) -> Option<Id> {
        list.selected().or_else(|| list.newest_first().next())
    }
    let found = match model.focus {
        Pane::Agents => at_hand(&model.agents).map(Subject::Agent),
        Pane::Workflows => at_hand(&model.runs).map(Subject::Run),
        Pane::Incidents => at_hand(&model.incidents).map(Subject::Incident),
        Pane::Ledger => at_hand(&model.obligations).map(Subject::Obligation),
        _ => return Err("there are no rows in this pane: press 1, 2, 3 or 6".to_owned()),
    };
    found.ok_or_else(|| "there is no row here yet".to_owned())
}

/// Whether a page or a cursor says what keys act on.
pub fn is_chosen(model: &Model) -> bool {
    model.page.is_some()
        || match model.focus {
            Pane::Agents => !model.agents.follows(),
            Pane::Workflows => !model.runs.follows(),
            Pane::Incidents => !model.incidents.follows(),
            Pane::Ledger => !model.obligations.follows(),
            _ => false,
        }
}

/// Puts the cursor on a thing.
pub fn choose(model: &mut Model, subject: Subject) {
    match subject {
        Subject::Agent(id) => model.agents.select(id),
        Subject::Run(id) => model.runs.select(id),
        Subject::Incident(id) => model.incidents.select(id),
        Subject::Obligation(id) => model.obligations.select(id),
        Subject::Rules | Subject::Requests => {}
    }
}

/// The run that `p` holds or lets go on.
pub fn to_pause(model: &Model) -> Result<&Run, String> {
    run(model, "paused", |run| match run.status() {
        RunStatus::Running | RunStatus::Paused => Ok(()),
        RunStatus::RollingBack => Err(format!("{} is being rolled back: a rollback is never held", run.id())),
        status => Err(format!("{} is {}: only a running run can be paused", run.id(), status)),
    })
}

/// The run that `x` stops.
pub fn to_cancel(model: &Model) -> Result<&Run, String> {
    run(model, "cancelled", may_cancel)
}

/// The run that `X` gives up: only one that was chosen.
pub fn to_abandon(model: &Model) -> Result<&Run, String> {
    if !is_chosen(model) {
        return Err("no run is selected: choose one with the arrow keys".to_owned());
    }
    run(model, "abandoned", |run| match run.status() {
        status if status.is_terminal() => Err(format!("{} has ended: {status}", run.id())),
        _ => Ok(()),
    })
}

/// The run that `r` tries again.
pub fn to_retry(model: &Model) -> Result<&Run, String> {
    run(model, "tried again", |run| match run.status() {
        RunStatus::Parked | RunStatus::Stuck => Ok(()),
        status if status.is_terminal() && status != RunStatus::Completed => Ok(()),
        status => Err(format!("{} is {status}: there is nothing to try again", run.id())),
    })
}

/// The effect that `u` undoes.
pub fn to_lift(model: &Model) -> Result<&Obligation, String> {
    let chosen = match (&model.page, model.focus) {
        (Some(Detail { subject: Subject::Obligation(id), .. }), _) => Some(*id),
        (None, Pane::Ledger) => model.obligations.selected(),
        _ => return Err("nothing in force is selected: press 6 and choose it".to_owned()),
    };
    let find = |id: ObligationId| model.state().ledger().get(id);
    match chosen {
        Some(id) => {
            let obligation = find(id).ok_or_else(|| format!("{id} is no longer kept here"))?;
            may_lift(obligation).map(|()| obligation)
        }
        None => {
            let mut all = model.obligations.newest_first().filter_map(find);
            let found = all.find(|obligation| may_lift(obligation).is_ok());
            found.ok_or_else(|| "nothing here can be lifted now".to_owned())
        }
    }
}

/// The run of which a person is asked something.
pub fn to_answer(model: &Model) -> Result<&Run, String> {
    run(model, "answered for", |run| match run.asked_steps().next() {
        Some(_) => Ok(()),
        None => Err(format!("nobody is asked to do anything for {}", run.id())),
    })
}

/// The run of which a step, or an undo, is to be settled.
pub fn to_settle(model: &Model) -> Result<&Run, String> {
    run(model, "settled", |run| match run.to_settle().next() {
        Some(_) => Ok(()),
        None => Err(format!("there is nothing to settle about {}: it is {}", run.id(), run.status())),
    })
}

/// A run of the workflow that `W` arms.
pub fn to_arm(model: &Model) -> Result<&Run, String> {
    if !is_chosen(model) {
        return Err("no run is selected: choose one with the arrow keys, or say `:arm NAME`".to_owned());
    }
    run(model, "armed", |_| Ok(()))
}

/// The incident that `a` is about.
pub fn to_acknowledge(model: &Model) -> Result<&Incident, String> {
    incident(model, "acknowledged", |incident| match incident.status() {
        IncidentStatus::Open => Ok(()),
        status => Err(format!("{} is {status} already", incident.id())),
    })
}

/// The incident that `c` closes.
pub fn to_close(model: &Model) -> Result<&Incident, String> {
    // Without a cursor nobody means one that is closed already.
    let open: Fits<Incident> = |incident| match incident.status().is_open() {
        true => Ok(()),
        false => Err(String::new()),
    };
    let any: Fits<Incident> = |incident| match incident.status() {
        IncidentStatus::Dismissed => Err(format!("{} is dismissed already", incident.id())),
        _ => Ok(()),
    };
    incident(model, "closed", if is_chosen(model) { any } else { open })
}

/// Whether a run can still be stopped by a person.
pub fn may_cancel(run: &Run) -> Result<(), String> {
    use RunStatus::*;
    let id = run.id();
    match run.status() {
        Created | Queued | Running | Paused | Parked => Ok(()),
        RollingBack => Err(format!("{id} is being rolled back already; X abandons it")),
        Stuck => Err(format!("{id} is stuck in its rollback: s settles it, r tries again, X abandons it")),
        status => Err(format!("{id} has ended: {}", super::glyph::word(&status.to_string(), false))),
    }
}

fn run<'m>(model: &'m Model, deed: &str, fits: Fits<Run>) -> Result<&'m Run, String> {
    let chosen = match (&model.page, model.focus) {
        (Some(Detail { subject: Subject::Run(id), .. }), _) => Some(*id),
        (None, Pane::Workflows) => model.runs.selected(),
        _ => return Err("no run is selected: press 2 and choose one".to_owned()),
    };
    let find = |id: RunId| model.state().run(id);
    match chosen {
        Some(id) => {
            let run = find(id).ok_or_else(|| format!("{id} is no longer kept here"))?;
            fits(run).map(|()| run)
        }
        None => {
            let mut runs = model.runs.newest_first().filter_map(find);
            runs.find(|run| fits(run).is_ok()).ok_or_else(|| format!("no run here can be {deed} now"))
        }
    }
}

fn incident<'m>(model: &'m Model, deed: &str, fits: Fits<Incident>) -> Result<&'m Incident, String> {
    let chosen = match (&model.page, model.focus) {
        (Some(Detail { subject: Subject::Incident(id), .. }), _) => Some(*id),
        (None, Pane::Incidents) => model.incidents.selected(),
        _ => return Err("no incident is selected: press 3 and choose one".to_owned()),
    };
    let find = |id: IncidentId| model.state().incident(id);
    match chosen {
        Some(id) => {
            let incident = find(id).ok_or_else(|| format!("{id} is no longer kept here"))?;
            fits(incident).map(|()| incident)
        }
        None => {
            let mut incidents = model.incidents.newest_first().filter_map(find);
            let found = incidents.find(|incident| fits(incident).is_ok());
            found.ok_or_else(|| format!("no incident here can be {deed} now"))
        }
    }
}
