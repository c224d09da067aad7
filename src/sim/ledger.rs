//! What must hold of effects that are shared, end and are lifted, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::{Event, Obligation, ObligationStatus, Record, Settled, State, StepStatus, Task};
use crate::model::{Action, ObligationId, Presence, RunId, Seq, Span, StepIx, Timestamp};

mod ends;

type Place = (RunId, StepIx);

/// What two steps share if it is equal: an action and its target.
type Effect = (Arc<str>, Option<Arc<str>>);

/// Keeps books of its own about what is in force.
#[derive(Debug, Default)]
pub struct LedgerWitness {
    /// What each step did last.
    actions: BTreeMap<Place, Arc<Action>>,
    /// Who wants each effect, and until when.
    holders: BTreeMap<Effect, BTreeMap<Place, Option<Timestamp>>>,
    /// Effects that may be there.
    present: BTreeSet<Effect>,
    /// Steps without an outcome, by target.
    acting: BTreeMap<Arc<str>, BTreeSet<Place>>,
    /// What lifts are about, and the run that each tries again.
    lifts: BTreeMap<RunId, Vec<(ObligationId, Effect)>>,
    retries: BTreeMap<RunId, RunId>,
    /// Steps that were performed and are looked at: nothing acts any more.
    looked_at: BTreeSet<Place>,
    /// Steps of which a person said that they are undone.
    by_hand: BTreeSet<Place>,
    /// Steps that may have acted: nobody knows.
    maybe: BTreeSet<Place>,
    /// Effects that a person keeps from being lifted although their time is over.
    kept: BTreeSet<ObligationId>,
    /// Steps that let go.
    let_go: BTreeSet<Place>,
    /// The last turn at each target, and whose it was.
    turns: BTreeMap<Arc<str>, (Seq, RunId)>,
    /// How long each step has to be confirmed, and how long its effect lasts once it is.
    confirm: BTreeMap<Place, Span>,
    lasts: BTreeMap<Place, Option<Timestamp>>,
    /// The one key of the undo of each effect on the ledger.
    keys: BTreeMap<ObligationId, Arc<str>>,
}

fn effect(action: &Action) -> Effect {
    (Arc::clone(&action.name), action.target.clone())
}

impl LedgerWitness {
    /// Whether another run is doing what a step did.
    fn is_done_anew(&self, run: RunId, place: Place) -> bool {
        let Some(wanted) = self.actions.get(&place).map(|action| effect(action)) else { return false };
        let same = |place: &&Place| self.actions.get(place).is_some_and(|action| effect(action) == wanted);
        self.acting.values().flatten().filter(|place| place.0 != run).any(|place| same(&place))
    }

    /// A record became durable; `before` is the state that it was folded into.
    pub fn record(&mut self, record: &Record, before: &State) -> Result<(), String> {
        self.nothing_ends_early(record, before)?;
        match &record.event {
            Event::RunCreated(new) => {
                let of = |id: &ObligationId| before.ledger().get(*id).map(|o| (*id, effect(o.action())));
                for (i, step) in new.plan.steps.iter().enumerate() {
                    self.confirm.extend(step.confirm.map(|span| ((new.run, StepIx(i as u16)), span)));
                }
                self.lifts.insert(new.run, new.lifts.iter().filter_map(of).collect());
                if let Some(earlier) = new.retry_of {
                    self.retries.insert(new.run, earlier);
                    new.takes_over.iter().for_each(|step| self.take_over(earlier, new.run, *step));
                }
            }
            Event::StepStarted { run, step, action, undo, .. } => {
                let place = (*run, *step);
                self.looked_at.remove(&place);
                self.let_go.remove(&place);
                self.takes_turn(place, action.target.as_ref())?;
                if let Some((id, effect)) = self.lifted(place).cloned() {
                    if !self.present.contains(&effect) {
                        return Err(format!("S3.5: {run} lifts {id}, which is not there any more"));
                    }
                } else if undo.is_some() || action.expires.is_some() {
                    self.actions.insert(place, Arc::clone(action));
                    // Who tries a run again takes over what it may have done.
                    if let Some(earlier) = self.retries.get(run) {
                        self.forget((*earlier, *step));
                    }
                    // It may be there from now on: its outcome may be lost.
                    self.present.insert(effect(action));
                }
            }
            // It was there before, and is not ours to undo.
            Event::StepSucceeded { run, step, found: true, .. } if self.lifted((*run, *step)).is_none() => {
                self.ends_turn((*run, *step));
                if let Some(effect) = self.actions.remove(&(*run, *step)).map(|action| effect(&action))
                    && self.holders.get(&effect).is_none_or(BTreeMap::is_empty)
                {
                    self.gone(&effect);
                }
            }
            Event::StepSucceeded { run, step, .. } => {
                self.ends_turn((*run, *step));
                // What is not on the ledger any more was done anew by others, if it is there.
                let stands = |id| before.ledger().get(id).is_some_and(|o| !o.status().is_ended());
                if self.lifted((*run, *step)).is_none_or(|(id, _)| stands(*id)) {
                    self.done((*run, *step), false, record.at);
                }
            }
            // What was in doubt is not there.
            Event::StepProbed { run, step, undo: false, found, .. } if **found == Presence::Absent => {
                let of = before.run(*run).and_then(|run| run.steps().get(step.index()));
                let doubted = of.filter(|step| step.status() == StepStatus::InDoubt);
                let action = doubted.and_then(|_| self.actions.get(&(*run, *step)));
                if let Some(effect) = action.map(|action| effect(action)).filter(|effect| {
                    let other = |place: &&Place| **place != (*run, *step);
                    !self.holders.get(effect).is_some_and(|holders| holders.keys().any(|p| other(&p)))
                        && !self.may_be_of_others(*run, effect, before)
                }) {
                    self.gone(&effect);
                }
            }
            Event::StepJoined { run, step, action, .. } => {
                let place = (*run, *step);
                if !self.present.contains(&effect(action)) {
                    return Err(format!("S3.5: step {} of {run} joins what is not there", step.0));
                }
                self.let_go.remove(&place);
                self.actions.insert(place, Arc::clone(action));
                self.done(place, true, record.at);
            }
            Event::StepFailed { run, step, failure, .. } => {
                self.ends_turn((*run, *step));
                if failure.kind.in_doubt() {
                    self.maybe.insert((*run, *step));
                }
            }
            Event::StepCancelled { run, step, .. } | Event::StepInDoubt { run, step, .. } => {
                self.ends_turn((*run, *step));
                self.maybe.insert((*run, *step));
            }
            Event::UndoFailed { run, step, .. } | Event::UndoInDoubt { run, step, .. } => {
                self.ends_turn((*run, *step))
            }
            Event::StepPerformed { run, step, .. } | Event::UndoPerformed { run, step, .. } => {
                self.looked_at.insert((*run, *step));
            }
            Event::RollbackStarted { run, by, .. } if &*by.0 != "quell" => self.keeps(*run),
            Event::RunAbandoned { run, .. } => {
                self.keeps(*run);
                let of_run = self.looked_at.iter().filter(|(other, _)| other == run);
                of_run.copied().collect::<Vec<_>>().into_iter().for_each(|place| self.ends_turn(place));
            }
            Event::UndoStarted { run, step, .. } => {
                let place = (*run, *step);
                self.looked_at.remove(&place);
                let Some(action) = self.actions.get(&place).cloned() else { return Ok(()) };
                self.takes_turn(place, action.target.as_ref())?;
                return self.may_undo(place, &effect(&action), record.at);
            }
            Event::UndoSucceeded { run, step, .. } => {
                self.ends_turn((*run, *step));
                let Some(effect) = self.actions.get(&(*run, *step)).map(|action| effect(action)) else {
                    return Ok(());
                };
                self.forget((*run, *step));
                // A person may say that it is undone while others hold it, or do it anew: then only this
                // one lets go.
                let held = self.holders.get(&effect).is_some_and(|holders| !holders.is_empty())
                    || self.may_be_of_others(*run, &effect, before);
                let anew = self.is_done_anew(*run, (*run, *step));
                if !((held || anew) && self.by_hand.remove(&(*run, *step))) {
                    self.gone(&effect);
                }
            }
            Event::StepSettled { run, step, undo: true, settled: Settled::Done, .. } => {
                self.by_hand.insert((*run, *step));
            }
            // It is there still, says a person.
            Event::StepSettled { run, step, undo: true, settled: Settled::Again, .. } => {
                let again = self.actions.get(&(*run, *step)).map(|action| effect(action));
                self.present.extend(again);
            }
            Event::StepSettled { run, step, undo: true, settled: Settled::Skip, .. } => {
                self.ends_turn((*run, *step));
                // If no undo was begun, and nobody else wants it, it is in force as before.
                let o = before.obligation_of(*run, *step);
                let as_before = o.filter(|o| o.status() == ObligationStatus::InForce);
                let others = |o: &Obligation| o.other_holders(*run, *step, record.at).next().is_some();
                if as_before.is_none_or(others) || self.is_done_anew(*run, (*run, *step)) {
                    self.forget((*run, *step));
                }
            }
            // What a lift could not undo, and that is undone by hand or accepted, is not on the ledger any more.
            Event::StepSettled { run, step, undo: false, settled: Settled::Skip | Settled::Done, .. } => {
                let stands = |id| before.ledger().get(id).is_some_and(|o| !o.status().is_ended());
                if let Some((_, effect)) = self.lifted((*run, *step)).filter(|(id, _)| stands(*id)).cloned() {
                    self.gone(&effect);
                }
            }
            Event::LetGo { run, step, .. } => {
                self.forget((*run, *step));
                self.let_go.insert((*run, *step));
            }
            Event::EffectConfirmed { run, step, .. } => {
                let place = (*run, *step);
                let lasts = self.lasts.get(&place).copied().flatten();
                let holders = self.holders.values_mut();
                holders.filter_map(|holders| holders.get_mut(&place)).for_each(|until| *until = lasts);
            }
            Event::ObligationExpired { obligation } => {
                if let Some(obligation) = before.ledger().get(*obligation) {
                    self.gone(&effect(obligation.action()));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a step of another run may have done the same: nobody knows what came of it.
    fn may_be_of_others(&self, run: RunId, effect: &Effect, state: &State) -> bool {
        let same =
            self.actions.iter().filter(|(place, action)| place.0 != run && self::effect(action) == *effect);
        same.map(|(place, _)| place).any(|(run, step)| {
            let step = state.run(*run).and_then(|run| run.steps().get(step.index()));
            step.is_some_and(|step| {
                step.status() == StepStatus::InDoubt
                    || (step.in_doubt() && step.status() != StepStatus::Undone)
            })
        })
    }

    fn keeps(&mut self, lift: RunId) {
        let lifted = self.lifts.get(&lift).into_iter().flatten();
        self.kept.extend(lifted.map(|(id, _)| *id));
    }

    fn lifted(&self, (run, step): Place) -> Option<&(ObligationId, Effect)> {
        self.lifts.get(&run)?.get(step.index())
    }

    /// C28: what has a time ends when the last holder's time is over, and not before.
    fn nothing_ends_early(&self, record: &Record, before: &State) -> Result<(), String> {
        let ended = match &record.event {
            Event::ObligationExpired { obligation } => vec![*obligation],
            Event::RunCreated(new) if &*new.by.0 == "quell" => new.lifts.to_vec(),
            _ => return Ok(()),
        };
        for id in ended {
            let Some(obligation) = before.ledger().get(id) else { return Err(format!("{id} is not known")) };
            let holders = self.holders.get(&effect(obligation.action()));
            let early = holders.into_iter().flatten().any(|(_, until)| until.is_none_or(|at| at > record.at));
            let itself = obligation.ends_itself_at().is_some_and(|at| at <= record.at);
            if early && !itself {
                return Err(format!("C28: {id} ends early"));
            }
        }
        Ok(())
    }

    /// C16: two runs never act on one target at once.
    fn takes_turn(&mut self, place: Place, target: Option<&Arc<str>>) -> Result<(), String> {
        let Some(target) = target else { return Ok(()) };
        let acting = self.acting.entry(Arc::clone(target)).or_default();
        if let Some((other, _)) = acting.iter().find(|(run, _)| *run != place.0) {
            return Err(format!("C16: {} and {other} act on {target} at once", place.0));
        }
        acting.insert(place);
        Ok(())
    }

    fn ends_turn(&mut self, place: Place) {
        self.acting.values_mut().for_each(|acting| {
            acting.remove(&place);
        });
    }

    fn done(&mut self, place: Place, joined: bool, at: Timestamp) {
        if let Some((_, effect)) = self.lifted(place).cloned() {
            return self.gone(&effect);
        }
        let Some(action) = self.actions.get(&place) else { return };
        let (effect, lasts) = (effect(action), action.expires.map(|span| at + span));
        // Until somebody confirms it, it lasts no longer than that takes (C29).
        let confirm = self.confirm.get(&place).filter(|_| !joined).map(|span| at + *span);
        self.lasts.insert(place, lasts);
        let until = lasts.into_iter().chain(confirm).min();
        let holders = self.holders.entry(effect.clone()).or_default();
        if let Some(earlier) = self.retries.get(&place.0) {
            holders.remove(&(*earlier, place.1));
        }
        holders.insert(place, until);
        self.present.insert(effect);
    }

    fn take_over(&mut self, earlier: RunId, later: RunId, step: StepIx) {
        let Some(action) = self.actions.get(&(earlier, step)).cloned() else { return };
        if let Some(holders) = self.holders.get_mut(&effect(&action))
            && let Some(until) = holders.remove(&(earlier, step))
        {
            holders.insert((later, step), until);
        }
        if let Some(lasts) = self.lasts.remove(&(earlier, step)) {
            self.lasts.insert((later, step), lasts);
        }
        self.actions.insert((later, step), action);
    }

    fn forget(&mut self, place: Place) {
        self.holders.values_mut().for_each(|holders| {
            holders.remove(&place);
        });
    }

    fn gone(&mut self, effect: &Effect) {
        self.present.remove(effect);
        self.holders.remove(effect);
    }

    /// Nothing is undone that another still holds, and nothing twice.
    fn may_undo(&self, place: Place, effect: &Effect, at: Timestamp) -> Result<(), String> {
        let (run, step) = (place.0, place.1.0);
        if !self.present.contains(effect) {
            return Err(format!("S3.5: {run} undoes step {step}, which is undone already"));
        }
        let holders = self.holders.get(effect).into_iter().flatten();
        let mut others =
            holders.filter(|(other, until)| **other != place && until.is_none_or(|end| end > at));
        match others.next() {
            Some(((other, _), _)) => Err(format!("S3.5: {run} undoes step {step}, and {other} holds it")),
            None => Ok(()),
        }
    }

    /// An effect reaches the world.
    pub fn effect(&mut self, task: &Task, state: &State) -> Result<(), String> {
        if let Some(target) = task.action.target.as_ref().filter(|_| task.epoch > 0) {
            let turn = self.turns.entry(Arc::clone(target)).or_insert((task.epoch, task.run));
            if task.epoch < turn.0 || (task.epoch == turn.0 && task.run != turn.1) {
                return Err(format!(
                    "C16: {} acts on {target} in turn {} after {}",
                    task.run, task.epoch, turn.0
                ));
            }
            *turn = (task.epoch, task.run);
        } else if task.action.target.is_some() && !task.undo {
            return Err(format!("C16: {} acts on a target without a turn", task.run));
        }
        let undone = match task.context.lifts {
            Some(lifts) => Some(lifts.obligation),
            None if task.undo => state.obligation_of(task.run, task.step).map(|o| o.id()),
            None => None,
        };
        let Some(id) = undone else { return Ok(()) };
        let known = self.keys.entry(id).or_insert_with(|| Arc::clone(&task.key));
        if **known != *task.key {
            return Err(format!("C4: the undo of {id} has the key {}, and had {known} before", task.key));
        }
        Ok(())
    }

    /// Every step that succeeded and can be undone has its entry, and holds it until it lets go.
    pub fn state(&self, state: &State) -> Result<(), String> {
        for run in state.runs().filter(|run| !run.is_lift()) {
            for (i, step) in run.steps().iter().enumerate() {
                let place = (run.id(), StepIx(i as u16));
                let taken_over = self.retries.values().any(|earlier| *earlier == run.id());
                let concerns = step.status() == StepStatus::Succeeded && step.undo().is_some();
                if !concerns || step.is_assumed() || taken_over || self.let_go.contains(&place) {
                    continue;
                }
                let Some(id) = step.obligation() else {
                    return Err(format!("S3.5: step {i} of {} is not on the ledger", run.id()));
                };
                let Some(obligation) = state.ledger().get(id).filter(|o| !o.status().is_ended()) else {
                    continue;
                };
                let held = obligation.holders().iter().filter(|h| (h.run(), h.step()) == place).count();
                if held != 1 {
                    return Err(format!("S3.5: step {i} of {} holds {id} {held} times", run.id()));
                }
            }
        }
        let (counted, stand) = (state.ledger().standing_count(), state.ledger().standing().count());
        if counted != stand {
            return Err(format!("S3.5: {stand} effects stand, and {counted} are counted"));
        }
        let standing = state.ledger().standing();
        let lost = standing.filter(|o| {
            o.holders().is_empty() && !self.lifts.values().flatten().any(|(id, _)| *id == o.id())
        });
        match lost.map(|o| (o.id(), o.status())).next() {
            Some((id, status)) => Err(format!("S3.5: {id} stands as {status}, and nobody holds it")),
            None => Ok(()),
        }
    }
}
