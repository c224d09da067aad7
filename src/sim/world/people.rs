//! People of the simulated world: they change their minds, arm and disarm, and answer when they like.

use std::sync::Arc;

use super::agenda::Happening;
use super::{START, World};
use crate::engine::{Actor, Event, Input, Lift, Request, Settled, Task};
use crate::model::{IncidentId, Map, ObligationId, RequestId, RunId, Seq, Span, StepIx, Timestamp};

const WORKFLOWS: [&str; 7] = ["diamond", "chain", "wide", "by-hand", "probed", "afterwards", "guarded"];

impl World {
    pub(super) fn schedule_people(&mut self) {
        for i in 0..self.dice.below(20) {
            let at = START + Span::from_millis(self.dice.below(900_000));
            let run = RunId(1 + self.dice.below(12));
            let incident = IncidentId(1 + self.dice.below(6));
            let workflow = Arc::from(WORKFLOWS[self.dice.below(7) as usize]);
            let reason = String::new();
            let request = match self.dice.below(19) {
                14 | 15 => Request::Lift { what: Lift::One(ObligationId(1 + self.dice.below(30))), reason },
                16 => Request::Lift { what: Lift::Run(run), reason },
                17 => Request::Lift { what: self.many(incident, at), reason },
                11 => Request::Halt { reason: "enough".to_owned() },
                12 | 13 => Request::Release,
                18 => Request::Dismiss { incident, reason: "it was nothing".to_owned() },
                9 => Request::Arm { workflow },
                10 => Request::Disarm { workflow },
                0 => Request::Pause { run },
                1 | 2 => Request::Resume { run },
                3 => Request::Cancel { run },
                4 | 5 => Request::Retry { run },
                6 => Request::Acknowledge { incident },
                7 => Request::Resolve { incident, reason: "over".to_owned() },
                _ => Request::Trigger { workflow: Arc::from("afterwards"), inputs: Map::new() },
            };
            let request = if self.dice.chance(5) { Request::Abandon { run } } else { request };
            let by = self.person();
            // Whoever saw it long ago is told so.
            let seen = self.dice.chance(10).then(|| self.dice.below(40));
            self.at(at, Input::Request { id: RequestId(i), by, seen, request });
        }
        for (what, most) in [(Happening::Reload, 3), (Happening::Restart, 2)] {
            for _ in 0..self.dice.below(most) {
                let at = START + Span::from_millis(self.dice.below(900_000));
                self.agenda.plan(at, what.clone());
            }
        }
        // Somebody releases what is halted in the end, when no crash takes the request.
        let (by, request) = (self.person(), Request::Release);
        let release = Input::Request { id: RequestId(99), by, seen: None, request };
        self.at(START + Span::from_secs(1_300), release);
        // Most of what is real is armed before the first signal comes.
        for workflow in WORKFLOWS {
            if self.dice.chance(80) {
                let (by, request) = (self.person(), Request::Arm { workflow: Arc::from(workflow) });
                self.at(START, Input::Request { id: RequestId(100), by, seen: None, request });
            }
        }
    }

    /// A person answers what was asked: once, twice, for the wrong thing, too late or never.
    pub(super) fn person_answers(&mut self, task: &Task) {
        let Some(run) = self.engine.state().run(task.run) else { return };
        let step = Arc::from(run.step_id(task.step));
        for _ in 0..self.dice.below(3) {
            let at = self.now + Span::from_millis(self.dice.below(200_000));
            let (id, by) = (RequestId(self.agenda.number()), self.person());
            let (done, text) = (self.dice.chance(80), "by hand".to_owned());
            let undo = task.undo != self.dice.chance(5);
            let request = Request::Answer { run: task.run, step: Arc::clone(&step), undo, done, text };
            self.at(at, Input::Request { id, by, seen: None, request });
        }
    }

    /// What somebody saw of a run: most look just now, some looked a while ago.
    pub(super) fn seen(&mut self, run: RunId) -> Option<Seq> {
        let now = self.replica.run(run).map(|run| run.changed());
        match self.dice.below(10) {
            0 => now,
            1 => now.map(|seq| seq.saturating_sub(1 + self.dice.below(5))),
            _ => None,
        }
    }

    /// Somebody confirms an effect that ends soon otherwise: in time, too late, twice or never.
    fn people_confirm(&mut self, run: RunId, step: StepIx) {
        let Some(plan) = self.replica.run(run).and_then(|run| run.plan().steps.get(step.index())) else {
            return;
        };
        let (step, Some(_)) = (Arc::clone(&plan.id), plan.confirm) else { return };
        for _ in 0..self.dice.below(3) {
            let at = self.now + Span::from_millis(self.dice.below(80_000));
            let (id, by) = (RequestId(self.agenda.number()), self.person());
            let request = Request::Confirm { run, step: Arc::clone(&step) };
            self.at(at, Input::Request { id, by, seen: None, request });
        }
    }

    /// Somebody settles what is parked or stuck, or what a rollback waits for: as they like, in any
    /// order, wrongly, twice, or never.
    pub(super) fn people_notice(&mut self, event: &Event) {
        let run = match event {
            Event::RunParked { run, .. } | Event::RunStuck { run, .. } => *run,
            Event::UndoFailed { run, retry_at: Some(_), .. } if self.dice.chance(10) => *run,
            Event::StepSucceeded { run, step, .. } => return self.people_confirm(*run, *step),
            _ => return,
        };
        let Some(steps) = self.replica.run(run).map(|run| run.plan().steps.clone()) else { return };
        for step in &steps {
            if self.dice.chance(15) {
                continue;
            }
            let at = self.now + Span::from_millis(self.dice.below(100_000));
            let as_ = Settled::ALL[self.dice.below(5) as usize];
            let reason = if self.dice.chance(90) { "seen" } else { "" }.to_owned();
            let (id, by) = (RequestId(self.agenda.number()), self.person());
            let request = Request::Settle { run, step: Arc::clone(&step.id), as_, reason };
            let seen = self.seen(run);
            self.at(at, Input::Request { id, by, seen, request });
        }
    }

    fn many(&mut self, incident: IncidentId, at: Timestamp) -> Lift {
        match self.dice.below(4) {
            0 => Lift::All,
            1 => Lift::Since(at - Span::from_secs(self.dice.below(300))),
            2 => Lift::Target(Arc::from(["a", "b", "k1"][self.dice.below(3) as usize])),
            _ => Lift::Incident(incident),
        }
    }

    pub(super) fn person(&mut self) -> Actor {
        Actor(Arc::from(["ada", "bob"][self.dice.below(2) as usize]))
    }
}
