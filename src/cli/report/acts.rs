//! What people did, one sentence each.

use crate::engine::{Actor, Event, Request, RollbackCause, State};
use crate::model::{RunId, StepIx};

/// Who did what, if it was a person. `state` is the state before.
pub fn act(event: &Event, state: &State) -> Option<(Actor, String)> {
    let (by, what) = said(event, state)?;
    (*by != Actor::engine()).then(|| (by.clone(), what))
}

fn said<'a>(event: &'a Event, state: &State) -> Option<(&'a Actor, String)> {
    let named = |run: &RunId| match state.run(*run) {
        Some(run) => format!("{} ({})", run.id(), run.workflow()),
        None => run.to_string(),
    };
    let because = |why: &str| if why.is_empty() { String::new() } else { format!(": {why}") };
    Some(match event {
        Event::SetupLoaded { by, .. } => (by, "read the setup anew".to_owned()),
        Event::WorkflowArmed { workflow, hash, by } => {
            let hash: String = hash.to_string().chars().take(12).collect();
            (by, format!("armed {workflow}, with the text {hash}"))
        }
        Event::WorkflowDisarmed { workflow, by, why } => (by, format!("disarmed {workflow}{}", because(why))),
        Event::Halted { by, why } => (by, format!("halted everything{}", because(why))),
        Event::Released { by } => (by, "released the halt".to_owned()),
        Event::IncidentChanged { incident, to, by, reason } => {
            (by, format!("{incident}: {to}{}", because(reason.as_deref().unwrap_or_default())))
        }
        Event::RunCreated(new) => match new.retry_of {
            Some(run) => (&new.by, format!("tried {run} again, as {} ({})", new.run, new.workflow)),
            None => (&new.by, format!("started {} ({})", new.run, new.workflow)),
        },
        Event::RunPaused { run, by } => (by, format!("paused {}", named(run))),
        Event::RunResumed { run, by } => (by, format!("resumed {}", named(run))),
        Event::RunUnparked { run, by } => (by, format!("had {} go on", named(run))),
        Event::RollbackStarted { run, cause: RollbackCause::Cancel, by, .. } => {
            (by, format!("cancelled {}", named(run)))
        }
        Event::RollbackStarted { run, by, .. } => (by, format!("had {} rolled back", named(run))),
        Event::RunAbandoned { run, by } => (by, format!("gave up {}", named(run))),
        Event::StepAnswered { run, step, undo, done, text, by, .. } => {
            let undo = if *undo { "the undo of " } else { "" };
            let done = if *done { "done" } else { "not done" };
            (by, format!("{undo}{}: {done}{}", of_step(*run, *step, state), because(text)))
        }
        Event::ApprovalGiven { run, step, by, .. } => {
            (by, format!("approved {}", of_step(*run, *step, state)))
        }
        Event::ApprovalDenied { run, step, by, reason, .. } => {
            (by, format!("denied {}{}", of_step(*run, *step, state), because(reason)))
        }
        Event::StepSettled { run, step, undo, settled, reason, by, .. } => {
            let undo = if *undo { "the undo of " } else { "" };
            (
                by,
                format!(
                    "settled {undo}{}: {}{}",
                    of_step(*run, *step, state),
                    settled.name(),
                    because(reason)
                ),
            )
        }
        _ => return None,
    })
}

/// `run-7/block`.
fn of_step(run: RunId, step: StepIx, state: &State) -> String {
    format!("{run}/{}", state.run(run).map_or("?", |run| run.step_id(step)))
}

/// The word of a request, and what it was about.
pub fn asked(request: &Request) -> String {
    let stored = serde_json::to_value(request).unwrap_or_default();
    // A request without fields is stored as its word alone.
    let word = stored.as_str().or_else(|| stored.as_object()?.keys().next().map(String::as_str));
    let word = word.unwrap_or_default().replace('_', " ");
    let about = request.run().map(|run| run.to_string());
    let about = about.or_else(|| request.incident().map(|incident| incident.to_string()));
    let about = about.or_else(|| match request {
        Request::Trigger { workflow, .. } | Request::Arm { workflow } | Request::Disarm { workflow } => {
            Some(workflow.to_string())
        }
        _ => None,
    });
    about.map_or(word.clone(), |about| format!("{word} {about}"))
}
