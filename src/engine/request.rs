//! What people ask, and what they are answered.

use std::sync::Arc;

use super::bound::Bound;
use super::launch::{Launch, Launched};
use super::{
    Actor, Answer, Effect, Engine, Event, INCIDENT, Incident, IncidentStatus, RUN, Request, RollbackCause,
    Run, RunStatus, StepStatus,
};
use crate::flow::machine::Status;
use crate::model::planted::{Bug, planted};
use crate::model::{IncidentId, Map, RequestId, RunId, Seq, StepIx, Timestamp};

/// What was set off, or why not.
type Verdict = Result<String, String>;

impl Engine {
    pub(super) fn on_request(&mut self, id: RequestId, by: &Actor, seen: Option<Seq>, request: Request) {
        let verdict = self.fresh(&request, seen).and_then(|()| self.obey(&request, by));
        match verdict {
            Ok(text) => self.wish(Effect::Answer { id, answer: Answer::Accepted(text) }),
            Err(why) => self.refuse(id, by.clone(), request, why),
        }
    }

    /// Records that something was refused, and says so.
    pub(super) fn refuse(&mut self, id: RequestId, by: Actor, request: Request, why: String) {
        let recorded = Arc::from(why.as_str());
        self.emit(Event::RequestRefused { by, request: Box::new(request), why: recorded });
        self.wish(Effect::Answer { id, answer: Answer::Refused(why) });
    }

    /// Refuses what was asked about an object that has changed since the asker looked (C23).
    fn fresh(&self, request: &Request, seen: Option<Seq>) -> Result<(), String> {
        let Some(seen) = seen.filter(|_| !planted(Bug::SeenIgnored)) else { return Ok(()) };
        if let Request::Lift { what: super::Lift::One(id), .. } = request
            && let Some(obligation) = self.state.ledger().get(*id).filter(|o| o.changed() > seen)
        {
            let now = told(obligation.status().name(), obligation.since(), obligation.changed_by());
            return Err(format!("{id} has changed since you looked: it is {now}"));
        }
        let run = request.run().and_then(|id| self.state.run(id));
        let incident = request.incident().and_then(|id| self.state.incident(id));
        let (name, changed, now) = match (run, incident) {
            (Some(run), _) => (run.id().to_string(), run.changed(), run.told()),
            (None, Some(incident)) => (incident.id().to_string(), incident.changed(), incident.told()),
            (None, None) => return Ok(()),
        };
        if changed > seen {
            return Err(format!("{name} has changed since you looked: it is {now}"));
        }
        Ok(())
    }

    fn obey(&mut self, request: &Request, by: &Actor) -> Verdict {
        if self.draining
            && matches!(request, Request::Trigger { .. } | Request::Retry { .. } | Request::Lift { .. })
        {
            return Err("quell is stopping and starts nothing new".to_owned());
        }
        match request {
            Request::Trigger { workflow, inputs } => self.on_trigger(workflow, inputs, by),
            Request::Pause { run } => self.on_pause(*run, by),
            Request::Resume { run } => self.on_resume(*run, by),
            Request::Cancel { run } => self.on_cancel(*run, by),
            Request::Retry { run } => self.on_retry(*run, by),
            Request::Abandon { run } => self.on_abandon(*run, by),
            Request::Acknowledge { incident } => {
                self.on_incident(*incident, IncidentStatus::Acknowledged, None, by)
            }
            Request::Resolve { incident, reason } => {
                self.on_incident(*incident, IncidentStatus::Resolved, Some(reason), by)
            }
            Request::Dismiss { incident, reason } => {
                self.on_incident(*incident, IncidentStatus::Dismissed, Some(reason), by)
            }
            Request::Halt { reason } => Ok(self.on_halt(reason, by)),
            Request::Release => Ok(self.on_release(by)),
            Request::Reload => Err("the setup of this engine cannot be read anew".to_owned()),
            Request::Arm { workflow } => self.on_arm(workflow, by),
            Request::Disarm { workflow } => self.on_disarm(workflow, by),
            Request::Answer { run, step, undo, done, text } => {
                self.on_answer(*run, (step, *undo), *done, text, by)
            }
            Request::Approve { run, step, hash, groups } => self.on_approve(*run, step, hash, groups, by),
            Request::Confirm { run, step } => self.on_confirm(*run, step, by),
            Request::Deny { run, step, reason, groups } => self.on_deny(*run, step, reason, groups, by),
            Request::Lift { what, reason } => self.on_lift(what, reason, by),
            Request::Settle { run, step, as_, reason } => self.on_settle(*run, step, *as_, reason, by),
        }
    }

    fn on_trigger(&mut self, workflow: &str, inputs: &Map, by: &Actor) -> Verdict {
        let bound = self.present(workflow)?;
        let inputs = bound.workflow.inputs_given(inputs)?;
        let launched = self.launch(&bound, Launch { inputs, ..Launch::default() }, by)?;
        Ok(match launched {
            Launched::Started(run) if self.observes(run) => {
                format!("{run} only observes: `{workflow}` is not armed")
            }
            Launched::Started(run) if self.state.halt().is_some() && !self.observes(run) => {
                format!("{run} is created; it begins when the halt is over")
            }
            Launched::Started(run) => format!("{run} started"),
            Launched::Joined(run) => format!("{run} is live for the same key; it takes this too"),
        })
    }

    /// The workflow of a name, as the setup has it now.
    pub(super) fn present(&self, name: &str) -> Result<Arc<Bound>, String> {
        self.library.named(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = self.library.present().map(|bound| &*bound.workflow.name).collect();
            format!("there is no workflow `{name}`; there are: {}", names.join(", "))
        })
    }

    pub(super) fn known(&self, id: RunId) -> Result<&Run, String> {
        self.state.run(id).ok_or_else(|| format!("{id} is not known"))
    }

    /// Whether the table lets a run go there now.
    fn permits(&self, id: RunId, to: RunStatus) -> Result<(), String> {
        let run = self.known(id)?;
        let mut emitted = Vec::new();
        let checked = RUN.check(run.status(), to, self.now, run, &mut emitted);
        checked.map_err(|refusal| format!("{id}: {refusal}"))
    }

    fn on_pause(&mut self, id: RunId, by: &Actor) -> Verdict {
        if self.known(id)?.status() == RunStatus::Paused {
            return Ok(format!("{id} was paused before: it is {}", self.known(id)?.told()));
        }
        self.permits(id, RunStatus::Paused)?;
        self.emit(Event::RunPaused { run: id, by: by.clone() });
        Ok(format!("{id} is paused; what runs will finish"))
    }

    fn on_resume(&mut self, id: RunId, by: &Actor) -> Verdict {
        match self.known(id)?.status() {
            RunStatus::Running => {
                return Ok(format!("{id} was not paused: it is {}", self.known(id)?.told()));
            }
            RunStatus::Paused => {}
            other => return Err(format!("{id} is {other}, not paused")),
        }
        self.emit(Event::RunResumed { run: id, by: by.clone() });
        self.watch_run(id);
        self.requeue(id);
        self.again_in_doubt(id);
        self.advance(id);
        Ok(format!("{id} goes on"))
    }

    fn on_cancel(&mut self, id: RunId, by: &Actor) -> Verdict {
        if self.known(id)?.status() == RunStatus::RollingBack {
            return Err(format!("{id} is being rolled back already: it is {}", self.known(id)?.told()));
        }
        self.permits(id, RunStatus::RollingBack)?;
        if self.known(id)?.status() == RunStatus::Stuck {
            return Err(format!("{id} is stuck in its rollback; retry, settle or abandon it"));
        }
        let why = format!("cancelled by {by}");
        self.start_rollback(id, RollbackCause::Cancel, &why, by);
        let total = self.known(id)?.rollback().map_or(0, |rollback| rollback.total);
        Ok(match total {
            0 => format!("{id}: cancel accepted, nothing to undo"),
            1 => format!("{id}: cancel accepted, rolling back 1 step"),
            n => format!("{id}: cancel accepted, rolling back {n} steps"),
        })
    }

    fn on_retry(&mut self, id: RunId, by: &Actor) -> Verdict {
        match self.known(id)?.status() {
            RunStatus::Parked => {
                self.unpark(id, by);
                Ok(format!("{id} goes on"))
            }
            RunStatus::Stuck => {
                let rollback = self.known(id)?.rollback();
                let cause = rollback.map_or(RollbackCause::Failure, |rollback| rollback.cause);
                let why = rollback.map_or_else(|| Arc::from("retried"), |r| Arc::clone(&r.why));
                self.emit(Event::RollbackStarted { run: id, cause, why, by: by.clone() });
                self.roll_on(id);
                Ok(format!("{id}: the rollback is tried again"))
            }
            status if status.is_terminal() && status != RunStatus::Completed => {
                Ok(match self.launch_again(id, by)? {
                    Launched::Started(run) => format!("{run} tries {id} again"),
                    Launched::Joined(run) => format!("{run} is live for the same key"),
                })
            }
            status => Err(format!("{id} is {status}; only a parked, stuck or badly ended run is retried")),
        }
    }

    /// Performs the steps in doubt again, under the same key; one that can be asked for and was not is
    /// asked for.
    pub(super) fn again_in_doubt(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let in_doubt = run.steps().iter().enumerate();
        let in_doubt =
            in_doubt.filter(|(_, step)| step.status() == StepStatus::InDoubt && !step.is_probing());
        let in_doubt = in_doubt.map(|(i, step)| (StepIx(i as u16), step.is_still_to_be_asked_for()));
        for (ix, asked) in in_doubt.collect::<Vec<_>>() {
            match asked {
                _ if !self.is_in_doubt(id, ix) => {}
                true => self.ask(id, ix, false),
                false => self.start_and_go_on(id, ix),
            }
        }
    }

    fn on_abandon(&mut self, id: RunId, by: &Actor) -> Verdict {
        self.permits(id, RunStatus::Abandoned)?;
        self.stop_steps(id, true);
        let run = self.known(id)?;
        let owed = run.completed().iter().filter(|ix| {
            let step = &run.steps()[ix.index()];
            step.undo().is_some() && step.status() != StepStatus::Undone
        });
        let owed = owed.count();
        self.emit(Event::RunAbandoned { run: id, by: by.clone() });
        Ok(match owed {
            0 => format!("{id} is abandoned; nothing was in force"),
            n => format!("{id} is abandoned; {n} of its effects stay in force"),
        })
    }

    fn on_incident(
        &mut self,
        id: IncidentId,
        to: IncidentStatus,
        reason: Option<&String>,
        by: &Actor,
    ) -> Verdict {
        let incident = self.state.incident(id).ok_or_else(|| format!("{id} is not known"))?;
        if incident.status() == to {
            return Ok(match incident.owner() {
                Some(owner) if to == IncidentStatus::Acknowledged => {
                    format!("{id} is acknowledged already, by {owner}")
                }
                _ => format!("{id} is {} already", incident.told()),
            });
        }
        if reason.is_some_and(|reason| reason.trim().is_empty()) {
            return Err("a reason is needed".to_owned());
        }
        let mut emitted = Vec::new();
        let checked = INCIDENT.check(incident.status(), to, self.now, incident, &mut emitted);
        checked.map_err(|refusal| format!("{id}: {refusal}"))?;
        let reason = reason.map(|reason| Arc::from(reason.as_str()));
        self.emit(Event::IncidentChanged { incident: id, to, by: by.clone(), reason });
        Ok(format!("{id} is {to}{}", self.offer(id, to)))
    }

    /// What a dismissed incident caused may be undone (S1.7).
    fn offer(&self, id: IncidentId, to: IncidentStatus) -> String {
        if to != IncidentStatus::Dismissed {
            return String::new();
        }
        match self.state.ledger().of_incident(id).count() {
            0 => String::new(),
            1 => format!("; 1 effect is in force because of it: quell lift --incident {id}"),
            n => format!("; {n} effects are in force because of it: quell lift --incident {id}"),
        }
    }

    /// Arms the timers of a run: its own deadline, and those of its steps.
    pub(super) fn watch_run(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        if let Some(at) = run.deadline() {
            self.timers.arm(at, super::timers::TimerKey::Run(id));
        }
        for i in 0..run.steps().len() {
            self.watch_step(id, StepIx(i as u16));
        }
    }
}

/// `paused since 14:03:22 by ann (uid 1000)`: what the loser of a race is told.
fn told(status: &str, since: Timestamp, by: Option<&Actor>) -> String {
    let by = by.map_or(String::new(), |by| format!(" by {by}"));
    format!("{} since {}{by}", status.replace('_', " "), since.clock())
}

impl Run {
    fn told(&self) -> String {
        told(self.status().name(), self.since(), self.changed_by())
    }
}

impl Incident {
    fn told(&self) -> String {
        told(self.status().name(), self.since(), self.changed_by())
    }
}

impl Request {
    /// The run that it is about.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Request::Pause { run }
            | Request::Resume { run }
            | Request::Cancel { run }
            | Request::Retry { run }
            | Request::Abandon { run }
            | Request::Answer { run, .. }
            | Request::Approve { run, .. }
            | Request::Confirm { run, .. }
            | Request::Deny { run, .. }
            | Request::Settle { run, .. } => Some(*run),
            _ => None,
        }
    }

    /// The incident that it is about.
    pub fn incident(&self) -> Option<IncidentId> {
        match self {
            Request::Acknowledge { incident }
            | Request::Resolve { incident, .. }
            | Request::Dismiss { incident, .. } => Some(*incident),
            _ => None,
        }
    }
}
