//! Attempts of agents that take their time: those that run, and those that wait for their turn.
//!
//! Two attempts of one step never run at once, forward or undo: the next one begins when nothing of the
//! last one is left (C4). A wait counts towards the deadline, which the journal has promised: an attempt
//! whose time is over before its turn comes is never begun, and says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::hands::{TaskKey, key};
use super::inbox::{Inbox, Message};
use crate::agent::slow::{Attempt, Wish, until};
use crate::agent::{Reply, SlowAgent, perform_slowly, probe_slowly};
use crate::engine::{Probe, ProbeOf, Task};
use crate::model::{FailureKind, Outcome, Presence, RunId, Span, StepIx};

/// Attempts that run at once, at most; the concurrency of agents usually is the tighter limit. More of
/// them wait, in order. Each takes up to five file descriptors.
pub(super) const AT_ONCE: usize = 128;

/// Attempts of one step, forward or undo.
type Lane = (RunId, StepIx);

/// A task for an agent that takes its time.
pub(super) struct Errand {
    agent: Arc<dyn SlowAgent>,
    task: Arc<Task>,
    deadline: Instant,
}

impl Errand {
    pub(super) fn new(agent: Arc<dyn SlowAgent>, task: Task, left: Duration) -> Self {
        Errand { agent, task: Arc::new(task), deadline: until(left) }
    }

    fn lane(&self) -> Lane {
        (self.task.run, self.task.step)
    }
}

/// A question to an agent that takes its time. It changes nothing, but comes after the attempt that it
/// is about.
pub(super) struct Inquiry {
    agent: Arc<dyn SlowAgent>,
    probe: Arc<Probe>,
    deadline: Instant,
}

impl Inquiry {
    pub(super) fn new(agent: Arc<dyn SlowAgent>, probe: Probe, left: Duration) -> Self {
        Inquiry { agent, probe: Arc::new(probe), deadline: until(left) }
    }

    fn lane(&self) -> Option<Lane> {
        match self.probe.of {
            ProbeOf::Step { run, step, .. } => Some((run, step)),
            ProbeOf::Obligation(_) => None,
        }
    }
}

/// What ended.
enum Ended {
    Attempt(Arc<Task>, Outcome),
    Inquiry(ProbeOf, Presence),
}

/// All of them.
pub(super) struct Errands {
    inbox: Inbox,
    waiting: VecDeque<Errand>,
    questions: VecDeque<Inquiry>,
    /// Questions at work.
    asking: Vec<AbortHandle>,
    running: BTreeMap<TaskKey, watch::Sender<Wish>>,
    lanes: BTreeSet<Lane>,
    set: JoinSet<Ended>,
}

impl Errands {
    pub(super) fn new(inbox: Inbox) -> Self {
        Errands {
            inbox,
            waiting: VecDeque::new(),
            questions: VecDeque::new(),
            asking: Vec::new(),
            running: BTreeMap::new(),
            lanes: BTreeSet::new(),
            set: JoinSet::new(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.set.is_empty()
    }

    pub(super) fn add(&mut self, errand: Errand) {
        self.waiting.push_back(errand);
    }

    pub(super) fn ask(&mut self, inquiry: Inquiry) {
        self.questions.push_back(inquiry);
    }

    fn ask_ready(&mut self) {
        while self.set.len() < AT_ONCE {
            let free = |inquiry: &Inquiry| inquiry.lane().is_none_or(|lane| !self.lanes.contains(&lane));
            let Some(Inquiry { agent, probe, deadline }) =
                self.questions.iter().position(free).and_then(|next| self.questions.remove(next))
            else {
                return;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let look = async move {
                let of = probe.of;
                Ended::Inquiry(of, probe_slowly(agent, probe, left).await)
            };
            self.asking.retain(|asking| !asking.is_finished());
            self.asking.push(self.set.spawn(look));
        }
    }

    /// Begins those whose turn it is.
    pub(super) fn begin_ready(&mut self) {
        self.ask_ready();
        while self.set.len() < AT_ONCE {
            let Some(next) = self.waiting.iter().position(|errand| !self.lanes.contains(&errand.lane()))
            else {
                return;
            };
            if let Some(errand) = self.waiting.remove(next) {
                self.begin(errand);
            }
        }
    }

    fn begin(&mut self, errand: Errand) {
        let left = errand.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return self.never_begun(&errand.task, "its time was over before its turn came");
        }
        self.lanes.insert(errand.lane());
        let Errand { agent, task, .. } = errand;
        let (attempt, wish) = Attempt::new(Arc::clone(&task), left);
        self.running.insert(key(&task), wish);
        self.set.spawn(async move {
            let outcome = perform_slowly(agent, attempt).await;
            Ended::Attempt(task, outcome)
        });
    }

    pub(super) fn stop(&mut self, attempt: TaskKey) {
        if let Some(wish) = self.running.get(&attempt) {
            tell(wish, Wish::Stop);
        } else if let Some(at) = self.waiting.iter().position(|errand| key(&errand.task) == attempt)
            && let Some(errand) = self.waiting.remove(at)
        {
            self.answer(&errand.task, Outcome::NotBegun);
        }
    }

    pub(super) fn stop_all(&mut self, how: Wish) {
        self.running.values().for_each(|wish| tell(wish, how));
        // Nobody waits for an answer any more.
        self.questions.clear();
        self.asking.drain(..).for_each(|asking| asking.abort());
        for errand in std::mem::take(&mut self.waiting) {
            self.never_begun(&errand.task, "it was stopped before its turn came");
        }
    }

    /// Waits until one that runs has ended, and passes its answer on.
    pub(super) async fn one_ends(&mut self) {
        match self.set.join_next().await {
            None => pending().await,
            Some(Ok(Ended::Inquiry(of, found))) => {
                self.inbox.send(Message::Probed { of, after: Span::ZERO, found });
            }
            Some(Err(error)) if error.is_cancelled() => {}
            Some(Ok(Ended::Attempt(task, outcome))) => {
                self.running.remove(&key(&task));
                self.lanes.remove(&(task.run, task.step));
                self.answer(&task, outcome);
            }
            // A panic of an agent is contained.
            Some(Err(error)) => tracing::error!(target: "agent", "an attempt was lost: {error}"),
        }
    }

    fn never_begun(&self, task: &Arc<Task>, why: &str) {
        let failure = crate::model::Failure { kind: FailureKind::NotSent, message: why.to_owned() };
        self.answer(task, Outcome::Failed(failure));
    }

    fn answer(&self, task: &Arc<Task>, outcome: Outcome) {
        let task = Box::new(Task::clone(task));
        self.inbox.send(Message::Performed { task, reply: Reply::now(outcome) });
    }
}

/// A wish is never taken back.
fn tell(wish: &watch::Sender<Wish>, new: Wish) {
    wish.send_if_modified(|wish| {
        let more = new > *wish;
        *wish = new.max(*wish);
        more
    });
}

#[cfg(test)]
#[path = "errands_tests.rs"]
mod tests;
