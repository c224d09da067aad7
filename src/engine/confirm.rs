//! Commit-confirmed (C29): an effect whose step says `confirm: 60s` lasts that long, unless a person
//! confirms it. Until then its step holds it for that time only, so that it ends as everything does whose
//! time is over: by the ledger, also when its run has ended, also after a restart.

use super::{Actor, Engine, Event, Holder, Obligation, ObligationStatus, State};
use crate::model::{RunId, StepIx};

impl State {
    /// The steps whose effects end soon unless a person confirms them, by run.
    pub fn unconfirmed(&self) -> impl ExactSizeIterator<Item = (RunId, StepIx)> + '_ {
        self.unconfirmed.iter().copied()
    }

    /// The effect of a step that waits to be confirmed, and the step as its holder.
    pub fn unconfirmed_of(&self, run: RunId, step: StepIx) -> Option<(&Obligation, &Holder)> {
        let obligation = self.obligation_of(run, step)?;
        let holder = obligation.holders().iter().find(|h| (h.run(), h.step()) == (run, step))?;
        let waits = holder.unconfirmed_until().is_some() && obligation.status() == ObligationStatus::InForce;
        waits.then_some((obligation, holder))
    }
}

impl Engine {
    pub(super) fn on_confirm(&mut self, id: RunId, name: &str, by: &Actor) -> Result<String, String> {
        let run = self.state.run(id).ok_or_else(|| format!("{id} is not known"))?;
        let Some(place) = run.plan().steps.iter().position(|step| *step.id == *name) else {
            let known: Vec<&str> = run.plan().steps.iter().map(|step| &*step.id).collect();
            return Err(format!("{id} has no step `{name}`; there are: {}", known.join(", ")));
        };
        let ix = StepIx(place as u16);
        let status = run.steps().get(place).map(|step| step.status());
        let Some(obligation) = self.state.obligation_of(id, ix) else {
            return Err(format!("nothing of `{name}` of {id} is in force"));
        };
        let holder = obligation.holders().iter().find(|h| (h.run(), h.step()) == (id, ix));
        if let Some((first, at)) = holder.and_then(Holder::confirmed) {
            return Ok(format!("`{name}` of {id} was confirmed already, by {first} at {at}"));
        }
        let Some(until) = holder.and_then(Holder::unconfirmed_until) else {
            let status = status.map_or("?".to_owned(), |status| status.to_string());
            return Err(format!("`{name}` of {id} needs no confirmation: it is {status}"));
        };
        // In a halt nothing is taken back, so that there is still time.
        let late = until <= self.now && self.state.halt().is_none();
        if late || obligation.status() != ObligationStatus::InForce {
            let status = obligation.status();
            return Err(format!(
                "too late: `{name}` of {id} was to be confirmed until {until}; it is {status}"
            ));
        }
        self.emit(Event::EffectConfirmed { run: id, step: ix, by: Box::new(by.clone()) });
        let until = self.state.obligation_of(id, ix).and_then(Obligation::until);
        let lasts = until.map_or("until it is lifted".to_owned(), |until| format!("until {until}"));
        Ok(format!("`{name}` of {id} is confirmed: it lasts {lasts}"))
    }
}
