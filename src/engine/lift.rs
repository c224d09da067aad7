//! Lifting: what is in force is undone by a run of its own (S1.3). Its steps are entries of the ledger,
//! last completed first, one after the other; what it does was worked out before the effect was caused,
//! so that no workflow has to be known any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::advance::key;
use super::answer::MAX_TEXT;
use super::choose::{Choice, best_match};
use super::rollback::{UNDO_ATTEMPTS, UNDO_BACKOFF};
use super::timers::TimerKey;
use super::{
    Actor, Acts, Effect, Engine, Event, NewRun, Obligation, ObligationStatus, Run, RunMode, RunStatus,
    StepStatus, Task,
};
use crate::flow::backoff::mix;
use crate::model::{
    AgentId, Digest, Failure, FailureKind, IncidentId, Map, ObligationId, Presence, RunId, StepIx, Timestamp,
    Value,
};
use crate::workflow::{Plan, PlanStep};

/// What a lift is called where others have the name of a workflow.
pub const LIFT: &str = "lift";
/// Effects of one run that one lift takes; more of them are lifted by more runs.
pub(super) const STEPS_AT_MOST: usize = 1_000;

/// What is to be lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lift {
    /// One effect, whoever holds it.
    One(ObligationId),
    /// What a run holds; what others hold too stays for them.
    Run(RunId),
    /// What the runs of an incident hold; what others hold too stays for them.
    Incident(IncidentId),
    /// What came into force at this time or later, whoever holds it.
    Since(Timestamp),
    /// What is in force against a target, whoever holds it.
    Target(Arc<str>),
    /// Everything.
    All,
}

impl Lift {
    /// Whether a holder asks for itself, so that others keep what they hold.
    fn is_of(&self, run: RunId, incident: Option<IncidentId>) -> bool {
        match self {
            Lift::Run(id) => *id == run,
            Lift::Incident(id) => Some(*id) == incident,
            _ => false,
        }
    }

    fn means(&self, obligation: &Obligation) -> bool {
        match self {
            Lift::One(id) => obligation.id() == *id,
            Lift::Run(_) | Lift::Incident(_) => {
                obligation.holders().iter().any(|h| self.is_of(h.run(), h.incident()))
            }
            Lift::Since(at) => obligation.in_force_since().is_some_and(|since| since >= *at),
            Lift::Target(target) => obligation.target() == Some(target),
            Lift::All => true,
        }
    }
}

impl Engine {
    pub(super) fn on_lift(&mut self, what: &Lift, reason: &str, by: &Actor) -> Result<String, String> {
        let reason = reason.trim();
        if reason.len() > MAX_TEXT {
            return Err(format!("the reason has {} bytes, at most {MAX_TEXT} are taken", reason.len()));
        }
        self.may_lift(what)?;
        let meant: Vec<ObligationId> =
            self.state.ledger().standing().filter(|o| what.means(o)).map(Obligation::id).collect();
        let (mut lifted, mut held, mut left, mut told) = (BTreeMap::new(), 0, 0, String::new());
        for id in meant {
            let Some(obligation) = self.state.ledger().get(id) else { continue };
            if self.cannot_lift(obligation).is_some() || self.is_being_shared(what, obligation) {
                left += 1;
            } else if self.others_keep(what, id, reason, by) {
                held += 1;
            } else if let Some(obligation) = self.state.ledger().get(id) {
                let runs =
                    obligation.holders().iter().filter(|h| h.holds_at(self.now)).map(|h| h.run().to_string());
                told = runs.collect::<Vec<_>>().join(", ");
                lifted
                    .entry(obligation.origin().0)
                    .or_insert_with(Vec::new)
                    .push((obligation.done_seq(), id));
            }
        }
        if lifted.is_empty() && held == 0 {
            return Err(match left {
                0 => "nothing of that is in force".to_owned(),
                n => format!("nothing of that can be lifted now: {n} are under way, or nothing undoes them"),
            });
        }
        let count: usize = lifted.values().map(Vec::len).sum();
        let mut runs = Vec::new();
        for (_, mut entries) in lifted {
            entries.sort_unstable_by(|a, b| b.cmp(a));
            for part in entries.chunks(STEPS_AT_MOST) {
                runs.push(self.launch_lift(part.iter().map(|(_, id)| *id).collect(), reason, by));
            }
        }
        let mut text = match (&runs[..], count) {
            ([], _) => "nothing is undone".to_owned(),
            ([run], 1) if told.is_empty() => format!("{run} lifts 1 effect"),
            ([run], 1) => format!("{run} lifts 1 effect, held by {told}"),
            ([run], n) => format!("{run} lifts {n} effects"),
            ([first, .., last], n) => format!("{} runs, {first} to {last}, lift {n} effects", runs.len()),
        };
        if held > 0 {
            text += &format!("; {held} stay in force: others hold them");
        }
        if left > 0 {
            text += &format!("; {left} cannot be lifted now");
        }
        Ok(text)
    }

    /// Why what is meant cannot be lifted as a whole.
    fn may_lift(&self, what: &Lift) -> Result<(), String> {
        match what {
            Lift::One(id) => {
                let obligation = self.state.ledger().get(*id).ok_or_else(|| format!("{id} is not known"))?;
                self.cannot_lift(obligation).map_or(Ok(()), Err)
            }
            Lift::Run(id) => match self.state.run(*id) {
                Some(run) if run.is_lift() => Err(format!("{id} is a lift itself")),
                Some(run) if !run.status().is_terminal() => {
                    Err(format!("{id} is {}: cancel it, and it is rolled back", run.status()))
                }
                _ => Ok(()),
            },
            Lift::Incident(id) => {
                self.state.incident(*id).map(|_| ()).ok_or_else(|| format!("{id} is not known"))
            }
            _ => Ok(()),
        }
    }

    /// Why one effect cannot be lifted now.
    pub(super) fn cannot_lift(&self, obligation: &Obligation) -> Option<String> {
        let (id, status) = (obligation.id(), obligation.status());
        let by = obligation.lifted_by().map_or(String::new(), |run| format!(", by {run}"));
        if status.is_ended() {
            return Some(format!("{id} is {status} since {}{by}", obligation.since().clock()));
        }
        if let Some(run) = self.lift_of(obligation) {
            let parked = self.state.run(run).is_some_and(|run| run.status() == RunStatus::Parked);
            let hint = if parked { ": it is parked, retry it" } else { " already" };
            return Some(format!("{run} lifts {id}{hint}"));
        }
        if !status.can_be_lifted() {
            let word = status.to_string().replace('_', " ");
            return Some(format!("{id} is {word}{by}: wait for its outcome"));
        }
        if obligation.undo().is_none() {
            let until = obligation.until().map_or(String::new(), |at| format!(" at {at}"));
            return Some(format!("nothing undoes {id}: it ends by itself{until}"));
        }
        None
    }

    /// The live run that lifts an effect, or is going to.
    pub(super) fn lift_of(&self, obligation: &Obligation) -> Option<RunId> {
        let run = obligation.lifted_by().and_then(|run| self.state.run(run))?;
        let lifts = run.lifts().contains(&obligation.id()) && !run.status().is_terminal();
        lifts.then_some(run.id())
    }

    /// Whether a holder that is meant is still at it, and others hold it too: it cannot let go of what it
    /// performs anew or asks for, since its outcome is to come.
    fn is_being_shared(&self, what: &Lift, obligation: &Obligation) -> bool {
        use StepStatus::{InDoubt, Running, Verifying};
        if !matches!(what, Lift::Run(_) | Lift::Incident(_)) || obligation.holders().len() < 2 {
            return false;
        }
        let meant = obligation.holders().iter().filter(|h| what.is_of(h.run(), h.incident()));
        let mut steps = meant.filter_map(|h| self.state.run(h.run())?.steps().get(h.step().index()));
        steps.any(|step| matches!(step.status(), Running | Verifying | InDoubt))
    }

    /// Whether others hold what a run or an incident wants lifted: then that holder lets go.
    fn others_keep(&mut self, what: &Lift, id: ObligationId, reason: &str, by: &Actor) -> bool {
        let Some(obligation) = self.state.ledger().get(id) else { return false };
        if !matches!(what, Lift::Run(_) | Lift::Incident(_)) {
            return false;
        }
        let is_meant = |h: &&super::Holder| what.is_of(h.run(), h.incident());
        let (meant, others): (Vec<_>, Vec<_>) = obligation.holders().iter().partition(is_meant);
        if !others.iter().any(|holder| holder.holds_at(self.now)) {
            return false;
        }
        let why: Arc<str> = Arc::from(if reason.is_empty() { "lifted by a person" } else { reason });
        let steps: Vec<_> = meant.iter().map(|holder| (holder.run(), holder.step())).collect();
        for (run, step) in steps {
            self.let_go(run, step, id, Arc::clone(&why), by);
            // If it is being rolled back, this may have been what it waited for.
            self.roll_on(run);
        }
        true
    }

    /// A run that lifts these, in this order.
    pub(super) fn launch_lift(&mut self, lifts: Vec<ObligationId>, reason: &str, by: &Actor) -> RunId {
        let run = RunId(self.state.runs.next());
        let ledger = self.state.ledger();
        let step = |id: &ObligationId| PlanStep {
            id: Arc::from(id.to_string()),
            name: ledger.get(*id).map(|o| match o.target() {
                Some(target) => Arc::from(format!("{} {target}", o.action().name)),
                None => Arc::clone(&o.action().name),
            }),
            needs: Vec::new(),
            critical: true,
            approval: None,
            confirm: None,
        };
        let plan = Plan { steps: lifts.iter().map(step).collect() };
        let incident = lifts.first().and_then(|id| ledger.get(*id)?.incident());
        let incident = incident.filter(|id| self.state.incident(*id).is_some());
        let mut inputs = Map::new();
        if !reason.is_empty() {
            inputs.insert("reason".to_owned(), Value::from(reason));
        }
        self.emit(Event::RunCreated(Box::new(NewRun {
            run,
            workflow: Arc::from(LIFT),
            hash: Digest([0; 32]),
            plan: Arc::new(plan),
            inputs: Arc::new(inputs),
            by: by.clone(),
            incident,
            detection: None,
            dedup: None,
            severity: None,
            deadline: None,
            retry_of: None,
            takes_over: Vec::new(),
            lifts: lifts.into(),
            mode: RunMode::Live,
        })));
        self.lift_on(run);
        run
    }

    /// The next effect, or the end of a lift.
    pub(super) fn lift_on(&mut self, id: RunId) {
        loop {
            let Some(run) = self.state.run(id).filter(|run| run.status() == RunStatus::Running) else {
                return;
            };
            let busy = |status| matches!(status, StepStatus::Running | StepStatus::Waiting);
            let queued = |i: usize| {
                let step = StepIx(i as u16);
                self.waiting.is_waiting(id, step) || self.turns.is_waiting(id, step)
            };
            let in_doubt =
                |(i, step): (usize, &super::StepState)| step.status() == StepStatus::InDoubt && queued(i);
            if run.steps().iter().any(|step| busy(step.status()) || step.is_probing())
                || run.steps().iter().enumerate().any(in_doubt)
            {
                return;
            }
            let next = run.steps().iter().position(|step| step.status() == StepStatus::Pending);
            match next {
                Some(i) => {
                    if !self.start_lift(id, StepIx(i as u16)) {
                        return;
                    }
                }
                None => return self.end_lift(id),
            }
        }
    }

    /// Everything had its turn. What could not be lifted is left to a person.
    fn end_lift(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let left = run.steps().iter().enumerate().filter_map(|(i, step)| {
            let why = match (step.status(), step.failure()) {
                (StepStatus::Failed, Some(failure)) => failure.message.as_str(),
                (StepStatus::InDoubt, _) => "it was cut short, and doing it twice may harm",
                _ => return None,
            };
            Some(format!("{}: {why}", run.step_id(StepIx(i as u16))))
        });
        let left = left.collect::<Vec<_>>().join("; ");
        if left.is_empty() {
            return self.complete(id);
        }
        let why = Arc::from(format!("not lifted: {left}"));
        self.emit(Event::RunParked { run: id, why });
    }

    /// Starts an attempt to lift an effect. True if there is nothing to do about it after all.
    pub(super) fn start_lift(&mut self, id: RunId, ix: StepIx) -> bool {
        if self.holds(id) {
            return false;
        }
        let not_sent = |message: &str| Failure { kind: FailureKind::NotSent, message: message.to_owned() };
        let lifted = self.state.run(id).and_then(|run| run.lifts().get(ix.index()).copied());
        let Some(entry) = lifted else { return false };
        let by_hand = self.state.run(id).is_some_and(Run::is_lift_by_hand);
        let found = self.state.ledger().get(entry).filter(|o| !o.status().is_ended());
        let wanted = |o: &&Obligation| {
            !by_hand && self.spares(o).is_none() && o.holders().iter().any(|h| h.holds_at(self.now))
        };
        let wanted_still = found.filter(wanted).is_some();
        let Some(obligation) = found.filter(|_| !wanted_still) else {
            self.waiting.remove(id, ix);
            self.turns.remove(id, ix);
            let why = Arc::from(if wanted_still { "it is wanted for longer" } else { "it ended before" });
            self.emit(Event::StepSkipped { run: id, step: ix, why });
            return true;
        };
        let (target, action) = (obligation.target().cloned(), obligation.undo().cloned());
        let Some(action) = action else {
            self.on_lift_failed(id, ix, not_sent("nothing undoes it"));
            return false;
        };
        if self.setup.acts == Acts::Never {
            self.on_lift_failed(id, ix, not_sent("a replay of a real setup touches nothing"));
            return false;
        }
        let elsewhere =
            obligation.status() == ObligationStatus::Lifting && obligation.lifted_by() != Some(id);
        let (lift_key, timeout) = (obligation.lift_key(), obligation.timeout);
        let (origin, step) = obligation.origin();
        let key = key(self.state.seed(), origin, step, true);
        let agent = match best_match(&self.state, &self.lifters(obligation)) {
            Choice::Agent(agent) => agent,
            Choice::Later => {
                self.turns.remove(id, ix);
                self.enqueue(id, ix, true);
                return false;
            }
            Choice::Never => {
                self.on_lift_failed(id, ix, not_sent("no agent of this setup can undo it"));
                return false;
            }
        };
        if !self.takes_turn(id, ix, true, target.as_ref()) {
            return false;
        }
        if elsewhere {
            self.wait_for_lift(id, ix, lift_key);
            return false;
        }
        self.waiting.remove(id, ix);
        let Some(kind) = self.state.agent(agent).map(|agent| agent.kind()) else { return false };
        let attempt = self.state.run(id).map_or(0, |run| run.steps()[ix.index()].attempt()) + 1;
        let deadline = self.now + timeout;
        let started = Event::StepStarted {
            run: id,
            step: ix,
            attempt,
            agent,
            kind,
            action: Arc::clone(&action),
            undo: None,
            deadline,
        };
        self.emit(started);
        self.timers.arm(deadline, TimerKey::Step(id, ix));
        self.wish(Effect::Perform(Task {
            run: id,
            step: ix,
            attempt,
            undo: false,
            agent,
            kind,
            key,
            epoch: self.state.epoch_of(id, ix, &action),
            action,
            deadline,
            probe_first: false,
            context: self.context(id, ix, agent),
        }));
        false
    }

    /// Another attempt, or this one is given up and the others still run (C11).
    pub(super) fn on_lift_failed(&mut self, id: RunId, ix: StepIx, failure: Failure) {
        self.waiting.remove(id, ix);
        self.turns.remove(id, ix);
        let Some(run) = self.state.run(id) else { return };
        let step = &run.steps()[ix.index()];
        let attempt = step.attempt();
        let agent = step.agent().filter(|_| failure.kind.impairs_agent());
        let again = match failure.kind {
            FailureKind::NotSent => false,
            FailureKind::Answered | FailureKind::Unreachable => true,
            FailureKind::NoAnswer | FailureKind::TimedOut | FailureKind::Unverified => {
                step.action().is_some_and(|action| action.idempotent)
            }
        };
        let left = !attempt.is_multiple_of(UNDO_ATTEMPTS) && run.status() != RunStatus::RollingBack;
        let hash = mix(&[self.state.seed(), id.0, u64::from(ix.0), u64::from(attempt), 1]);
        let delay = UNDO_BACKOFF.delay(attempt % UNDO_ATTEMPTS, hash);
        let retry_at = (again && left).then(|| self.now + delay);
        let failure = Arc::new(failure);
        self.emit(Event::StepFailed { run: id, step: ix, attempt, failure, retry_at });
        if let Some(agent) = agent {
            self.watch_agent(agent);
        }
        match retry_at {
            Some(_) => self.watch_step(id, ix),
            None => self.go_on(id),
        }
    }

    /// After a start or a halt: what was cut short is done again where that does no harm, and asked for
    /// where somebody can say whether its effect is there still.
    pub(super) fn settle_lift(&mut self, id: RunId) {
        self.watch_run(id);
        let Some(run) = self.state.run(id).filter(|run| run.status() == RunStatus::Running) else { return };
        let again = run.steps().iter().position(|step| {
            let harmless = step.action().is_some_and(|action| action.idempotent) || step.is_settled_again();
            step.status() == StepStatus::InDoubt && harmless
        });
        if let Some(i) = again {
            return self.start_and_go_on(id, StepIx(i as u16));
        }
        match self.to_ask_for(run) {
            Some(step) => self.ask(id, step, false),
            None => self.lift_on(id),
        }
    }

    /// The step of a lift that was cut short, unless nobody could say whether its effect is there.
    fn to_ask_for(&self, run: &Run) -> Option<StepIx> {
        let can = |entry: &ObligationId| {
            let found = self.state.ledger().get(*entry).filter(|o| !o.status().is_ended());
            found.is_some_and(|obligation| obligation.action().probe && self.prober(obligation).is_some())
        };
        let mut steps = run.steps().iter().zip(run.lifts());
        let asked = steps.position(|(step, entry)| {
            let unknown = matches!(step.found(), Some(Presence::Unknown(_)));
            step.status() == StepStatus::InDoubt && !unknown && can(entry)
        });
        asked.map(|i| StepIx(i as u16))
    }

    /// Whether the run that lifts an effect asks for it.
    pub(super) fn lift_asks_for(&self, obligation: &Obligation) -> bool {
        let run = self.lift_of(obligation).and_then(|run| self.state.run(run));
        run.is_some_and(|run| run.steps().iter().any(|step| step.is_probing()))
    }

    /// An effect whose lift is in doubt was asked for: absent, it is lifted; present, it is lifted again;
    /// else a person says.
    pub(super) fn settle_lift_by(&mut self, id: RunId, ix: StepIx, found: &Presence) {
        self.found(id, ix, false, found, None);
        let entry = self.state.run(id).and_then(|run| run.lifted_by_step(ix));
        let stands = entry.and_then(|id| self.state.ledger().get(id)).is_some_and(|o| !o.status().is_ended());
        match found {
            Presence::Absent if stands => {
                let attempt = self.state.run(id).map_or(0, |run| run.steps()[ix.index()].attempt());
                let output = Map::new();
                self.emit(Event::StepSucceeded { run: id, step: ix, attempt, output, found: false });
                self.go_on(id);
            }
            // Nothing begins in a pause; it is asked anew when the lift is resumed.
            Presence::Present | Presence::Absent
                if self.state.run(id).is_some_and(|run| run.status() == RunStatus::Paused) => {}
            // One that has ended meanwhile is left alone.
            Presence::Present | Presence::Absent => self.start_and_go_on(id, ix),
            Presence::Unknown(_) => self.lift_on(id),
        }
    }

    /// The agents that can undo an effect: of the role of the one that performed it, else any.
    pub(super) fn lifters(&self, obligation: &Obligation) -> Vec<AgentId> {
        let role = self.state.agent(obligation.agent()).map_or("", |agent| agent.role());
        obligation.undo().map_or_else(Vec::new, |undo| self.library.of_role(&undo.name, role))
    }

    /// The agent that can be asked for an effect: the one that performed it, else one that could.
    pub(super) fn prober(&self, obligation: &Obligation) -> Option<AgentId> {
        let role = self.state.agent(obligation.agent()).map_or("", |agent| agent.role());
        let able = self.library.of_role(&obligation.action().name, role);
        let same = able.iter().find(|agent| **agent == obligation.agent());
        same.or_else(|| able.first()).copied()
    }
}

impl Run {
    /// The entry of the ledger that a step of a lift is about.
    pub fn lifted_by_step(&self, step: StepIx) -> Option<ObligationId> {
        self.lifts().get(step.index()).copied()
    }
}
