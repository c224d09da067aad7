//! Performs what was released: asks the crew, keeps answers until they are due, and measures.

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;

use super::clock::instant;
use super::driver::Driver;
use super::gauges::Stage;
use super::pending::{Pending, finished};
use crate::agent::halt::KillSwitch;
use crate::agent::{Crew, Reply};
use crate::engine::{Actor, AgentKind, Event, Input, Probe, ProbeOf, Record, Task};
use crate::model::{FailureKind, Outcome, Presence, RunId, Span, StepIx, Timestamp};

/// One attempt: run, step, its number, and whether it is an undo.
pub type TaskKey = (RunId, StepIx, u32, bool);
type Keyed<V> = HashMap<TaskKey, V, foldhash::fast::FixedState>;

/// Attempts and runs that are measured at once, at most; more of them go unmeasured.
const MEASURED: usize = 65_536;

pub(super) fn key(task: &Task) -> TaskKey {
    (task.run, task.step, task.attempt, task.undo)
}

/// The crew at work.
#[derive(Default)]
pub struct Hands {
    crew: Crew,
    /// Answers that are known and not due yet.
    pub pending: Pending,
    /// When each attempt in flight was begun.
    begun: Keyed<Instant>,
    /// Attempts that are on another thread.
    away: Keyed<()>,
    /// Those of them that were told to stop, and did not answer yet.
    stopping: Keyed<()>,
    /// Tasks of agents that answer as they are called, whose step still has an attempt that is stopping.
    held: Vec<Task>,
    /// When the detection came that made a run, until the run's first effect.
    answering: HashMap<RunId, Instant, foldhash::fast::FixedState>,
    /// Measurements that were not taken yet.
    pub measured: Vec<(Stage, Span)>,
}

impl Hands {
    /// With this crew.
    pub fn new(crew: Crew) -> Self {
        Hands { crew, ..Hands::default() }
    }

    /// The crew.
    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    /// The kill switch.
    pub fn switch(&self) -> &Arc<KillSwitch> {
        &self.crew.guard().switch
    }

    /// Throws the kill switch for good (C30). It is thrown even if its file cannot be written.
    pub fn halt(&self, by: &Actor, why: &str) {
        if let Err(error) = self.switch().keep_thrown(by, why) {
            tracing::error!(target: "engine", "halted, but the file HALT cannot be written: {error}");
        }
    }

    /// Releases it.
    pub fn release(&self) {
        if let Err(error) = self.switch().release() {
            tracing::error!(target: "engine", "still halted: the file HALT cannot be removed: {error}");
        }
    }

    /// Goes on with another crew; what is in flight is answered by the one that has it.
    pub fn recrew(&mut self, crew: Crew) {
        self.crew = crew;
    }

    /// Attempts that were begun and not answered.
    pub fn in_flight(&self) -> usize {
        self.begun.len() + self.stopping.len() + self.held.len()
    }

    /// Begins a task. It is returned if it needs another thread. If an attempt of the same step is still
    /// stopping, the task waits for its end: an undo never overtakes what it undoes. (Agents that take
    /// their time wait on their own thread.)
    pub fn begin(&mut self, task: Task, now: Timestamp) -> Option<Task> {
        if self.is_stopping(task.run, task.step) && self.crew.slow(task.agent).is_none() {
            self.held.push(task);
            return None;
        }
        let at = instant();
        if let Some(detected) = self.answering.remove(&task.run) {
            self.measure(Stage::DetectionToEffect, at.duration_since(detected).into());
        }
        // A person answers by a request: nothing is in flight here, and a drain does not wait for it.
        if self.begun.len() < MEASURED && task.kind != AgentKind::Manual {
            self.begun.insert(key(&task), at);
        }
        if let Err(message) = self.crew.guard().epochs.admit(&task) {
            return self.replied(&task, Reply::failed(FailureKind::NotSent, message), now);
        }
        if self.crew.is_instant(task.agent) {
            let reply = self.crew.perform(&task, now);
            self.replied(&task, reply, now);
            return None;
        }
        self.away.insert(key(&task), ());
        Some(task)
    }

    /// Asks whether an effect is there. The question is returned if it needs another thread.
    pub fn probe(&mut self, probe: Probe, now: Timestamp) -> Option<Probe> {
        if self.crew.is_instant(probe.agent) {
            let (after, found) = self.crew.probe(&probe, now);
            self.probed(probe.of, now + after, found);
            return None;
        }
        Some(probe)
    }

    /// Takes what was found, to be told at that time.
    pub fn probed(&mut self, of: ProbeOf, at: Timestamp, found: Presence) {
        self.pending.push(at, Input::Probed { of, found });
    }

    /// Takes what an agent said. Returns the task that waited for that, to be begun.
    pub fn replied(&mut self, task: &Task, reply: Reply, now: Timestamp) -> Option<Task> {
        self.away.remove(&key(task));
        self.stopping.remove(&key(task));
        if let Reply::Due { after, outcome } = reply {
            self.pending.push(now + after, finished(task, outcome));
        }
        let next = self.held.iter().position(|held| (held.run, held.step) == (task.run, task.step))?;
        (!self.is_stopping(task.run, task.step)).then(|| self.held.remove(next))
    }

    /// Whether an attempt of a step was told to stop, and did not answer yet.
    fn is_stopping(&self, run: RunId, step: StepIx) -> bool {
        self.stopping.keys().any(|(of, ix, ..)| (*of, *ix) == (run, step))
    }

    /// Stops an attempt. True if it is on another thread: it has to be told there, and answers by
    /// itself. An old answer that comes up later is known to be stale by the engine.
    pub fn stop(&mut self, attempt: TaskKey, now: Timestamp) -> bool {
        let (run, step, number, undo) = attempt;
        self.begun.remove(&attempt);
        if let Some(held) = self.held.iter().position(|held| key(held) == attempt) {
            let answer = finished(&self.held.remove(held), Outcome::NotBegun);
            self.pending.push(now, answer);
            return false;
        }
        if self.away.contains_key(&attempt) {
            self.stopping.insert(attempt, ());
            return true;
        }
        let outcome = Outcome::Stopped;
        self.pending.push(now, Input::StepFinished { run, step, attempt: number, undo, outcome });
        false
    }

    /// Has the engine handle timers and answers that are due, in order of their time; a timer goes
    /// before an answer of the same time.
    pub fn take_due(&mut self, driver: &mut Driver, now: Timestamp) {
        loop {
            let (timer, answer) = (driver.next_deadline(), self.pending.next_due());
            let Some(due) = timer.into_iter().chain(answer).min().filter(|due| *due <= now) else {
                return;
            };
            if timer.is_some_and(|timer| timer <= due) {
                driver.handle(Input::Tick, due);
            } else if let Some((_, answer)) = self.pending.pop_due(due) {
                self.answered(&answer);
                driver.handle(answer, due);
            }
        }
    }

    /// Notes that an answer goes to the engine now.
    pub fn answered(&mut self, answer: &Input) {
        let Input::StepFinished { run, step, attempt, undo, .. } = answer else { return };
        if let Some(begun) = self.begun.remove(&(*run, *step, *attempt, *undo)) {
            let stage = if *undo { Stage::RollbackStep } else { Stage::Step };
            self.measure(stage, instant().duration_since(begun).into());
        }
    }

    /// Notes the runs that a detection made.
    pub fn detected(&mut self, records: &[Record], at: Instant) {
        for record in records {
            if let Event::RunCreated(new) = &record.event
                && self.answering.len() < MEASURED
            {
                self.answering.insert(new.run, at);
            }
        }
    }

    /// Keeps one measurement.
    pub fn measure(&mut self, stage: Stage, took: Span) {
        self.measured.push((stage, took));
    }

    /// The engine is gone: forgets its attempts.
    pub fn drop_everything(&mut self) {
        self.pending.clear();
        self.begun.clear();
        self.away.clear();
        self.stopping.clear();
        self.held.clear();
        self.answering.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Agent;
    use crate::agent::tests::task;
    use crate::model::{AgentId, Map};

    struct Fixed {
        instant: bool,
        reply: Reply,
    }

    impl Agent for Fixed {
        fn perform(&self, _: &Task, _: Timestamp) -> Reply {
            self.reply.clone()
        }
        fn is_instant(&self) -> bool {
            self.instant
        }
    }

    fn hands(instant: bool, reply: Reply) -> Hands {
        let mut crew = Crew::default();
        crew.man(AgentId(0), Arc::new(Fixed { instant, reply }));
        Hands::new(crew)
    }

    fn one() -> Task {
        task(AgentKind::Drill, "x", &[])
    }

    fn outcome(input: Option<(Timestamp, Input)>) -> Option<(i64, Outcome)> {
        match input? {
            (at, Input::StepFinished { outcome, .. }) => Some((at.0, outcome)),
            _ => None,
        }
    }

    #[test]
    fn an_answer_comes_when_it_is_due() {
        let done = Outcome::Succeeded(Map::new());
        let mut hands = hands(true, Reply::Due { after: Span(50), outcome: done.clone() });
        assert!(hands.begin(one(), Timestamp(100)).is_none());
        assert_eq!(hands.in_flight(), 1);
        assert_eq!(hands.pending.pop_due(Timestamp(149)), None);
        let (_, answer) = hands.pending.pop_due(Timestamp(150)).unwrap();
        hands.answered(&answer);
        assert_eq!((hands.in_flight(), hands.measured.len()), (0, 1));
        assert_eq!(outcome(Some((Timestamp(150), answer))), Some((150, done)));
    }

    #[test]
    fn c18_what_a_person_was_asked_is_not_in_flight() {
        let mut hands = hands(true, Reply::Never);
        let asked = task(AgentKind::Manual, "x", &[]);
        assert!(hands.begin(asked.clone(), Timestamp(0)).is_none());
        assert_eq!((hands.in_flight(), hands.pending.next_due()), (0, None));
        hands.stop(key(&asked), Timestamp(7));
        assert_eq!(outcome(hands.pending.pop_due(Timestamp(7))), Some((7, Outcome::Stopped)));
    }

    #[test]
    fn a_stopped_attempt_says_so_at_once() {
        let mut hands = hands(true, Reply::Never);
        hands.begin(one(), Timestamp(0));
        assert!(!hands.stop(key(&one()), Timestamp(7)));
        assert_eq!(outcome(hands.pending.pop_due(Timestamp(7))), Some((7, Outcome::Stopped)));
        assert_eq!(hands.in_flight(), 0);
    }

    #[test]
    fn what_a_worker_has_in_hand_is_not_said_to_be_stopped() {
        let mut hands = hands(false, Reply::Never);
        let task = hands.begin(one(), Timestamp(0)).unwrap();
        assert!(hands.stop(key(&task), Timestamp(7)), "it has to be told");
        assert_eq!(hands.pending.next_due(), None);
        assert_eq!(hands.in_flight(), 1, "until it has answered");
        hands.replied(&task, Reply::now(Outcome::Succeeded(Map::new())), Timestamp(9));
        assert!(matches!(outcome(hands.pending.pop_due(Timestamp(9))), Some((9, Outcome::Succeeded(_)))));
        assert_eq!(hands.in_flight(), 0);
    }

    #[test]
    fn an_undo_does_not_overtake_what_it_undoes() {
        let mut hands = hands(false, Reply::Never);
        let task = hands.begin(one(), Timestamp(0)).unwrap();
        hands.stop(key(&task), Timestamp(1));
        let undo = Task { undo: true, ..one() };
        assert!(hands.begin(undo.clone(), Timestamp(1)).is_none(), "it has to wait");
        let other = Task { run: RunId(2), ..one() };
        assert!(hands.begin(other.clone(), Timestamp(1)).is_some());
        assert_eq!(hands.replied(&other, Reply::Never, Timestamp(2)), None);
        assert_eq!(hands.in_flight(), 3);
        let next = hands.replied(&task, Reply::now(Outcome::Stopped), Timestamp(3)).unwrap();
        assert_eq!(next, undo);
        assert!(hands.begin(next, Timestamp(3)).is_some());

        let again = Task { attempt: 2, ..one() };
        hands.stop(key(&undo), Timestamp(4));
        hands.begin(again.clone(), Timestamp(4));
        while hands.pending.pop_due(Timestamp(4)).is_some() {}
        assert!(!hands.stop(key(&again), Timestamp(5)));
        let answer = outcome(hands.pending.pop_due(Timestamp(5)));
        assert_eq!(answer, Some((5, Outcome::NotBegun)));
    }
}
