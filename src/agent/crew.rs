//! The agents of one engine, by the number under which they joined its journal.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::builtin::BuiltinAgent;
use super::contain::contain;
use super::drill::DrillAgent;
use super::exec::ExecAgent;
use super::http::HttpAgent;
use super::manual::ManualAgent;
use super::protect::{Guard, Guarded};
use super::slow::{Attempt, SlowAgent};
use super::{Agent, Reply, Tools};
use crate::engine::{AgentKind, JournalKind, Probe, Setup, Task};
use crate::model::{AgentId, Failure, FailureKind, Map, Outcome, Presence, Span, Timestamp, Value};

/// Whom to ask.
#[derive(Clone, Default)]
pub struct Crew {
    members: Vec<Option<Member>>,
    guard: Arc<Guard>,
}

/// One of them.
#[derive(Clone)]
enum Member {
    /// It answers as it is called.
    Prompt(Arc<dyn Agent>),
    /// It takes its time.
    Slow(Arc<dyn SlowAgent>),
    /// It acts on the world, and may not here: this is an exercise, or a replay.
    Held,
}

impl Crew {
    /// Builds the agents that joined: `joined` is their numbers and names. One that the setup no
    /// longer has stays unmanned.
    pub fn assemble<'a>(
        setup: &Setup,
        joined: impl IntoIterator<Item = (AgentId, &'a str)>,
        seed: u64,
        tools: &Tools,
    ) -> Self {
        let mut crew = Crew { guard: Arc::clone(&tools.guard), ..Crew::default() };
        for (id, name) in joined {
            if let Some(spec) = setup.agents.iter().find(|spec| *spec.name == *name) {
                let guarded = |agent: Arc<dyn SlowAgent>| {
                    Member::Slow(Arc::new(Guarded::new(agent, spec, Arc::clone(&tools.guard))))
                };
                let member = match spec.kind {
                    AgentKind::Drill => Member::Prompt(Arc::new(DrillAgent::new(spec, seed))),
                    AgentKind::Builtin => {
                        Member::Prompt(Arc::new(BuiltinAgent::new(spec, Arc::clone(&tools.desk))))
                    }
                    AgentKind::Exec | AgentKind::Http if setup.kind == JournalKind::Exercise => Member::Held,
                    AgentKind::Manual => Member::Prompt(Arc::new(ManualAgent)),
                    AgentKind::Exec => guarded(Arc::new(ExecAgent::new(spec, tools.programs.clone()))),
                    AgentKind::Http => guarded(Arc::new(HttpAgent::new(spec, tools.secrets.clone()))),
                };
                crew.put(id, member);
            }
        }
        crew
    }

    /// Gives a number its agent.
    pub fn man(&mut self, id: AgentId, agent: Arc<dyn Agent>) {
        self.put(id, Member::Prompt(agent));
    }

    /// Gives a number its agent, one that takes its time.
    pub fn man_slow(&mut self, id: AgentId, agent: Arc<dyn SlowAgent>) {
        self.put(id, Member::Slow(agent));
    }

    fn put(&mut self, id: AgentId, member: Member) {
        if self.members.len() <= id.index() {
            self.members.resize(id.index() + 1, None);
        }
        self.members[id.index()] = Some(member);
    }

    fn member(&self, id: AgentId) -> Option<&Member> {
        self.members.get(id.index())?.as_ref()
    }

    /// Whether the agent of a task answers at once; see [`Agent::is_instant`].
    pub fn is_instant(&self, agent: AgentId) -> bool {
        match self.member(agent) {
            Some(Member::Prompt(agent)) => agent.is_instant(),
            Some(Member::Slow(_)) => false,
            Some(Member::Held) | None => true,
        }
    }

    /// An agent, if it is one that takes its time.
    pub fn slow(&self, agent: AgentId) -> Option<Arc<dyn SlowAgent>> {
        match self.member(agent) {
            Some(Member::Slow(agent)) => Some(Arc::clone(agent)),
            _ => None,
        }
    }

    /// Whether an agent takes its time.
    pub fn has_slow(&self) -> bool {
        self.members.iter().any(|member| matches!(member, Some(Member::Slow(_))))
    }

    /// What is looked at before each effect.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    /// Performs a task of an agent that answers as it is called. One that takes its time performs
    /// nothing here: virtual time passes without the world (see [`perform_slowly`]). A panic of the agent is a failure of the task, and leaves its effect in doubt.
    pub fn perform(&self, task: &Task, now: Timestamp) -> Reply {
        // A question to a person is no effect.
        if !task.passes_halt() && self.guard.switch.is_thrown() {
            return Reply::now(Outcome::NotBegun);
        }
        let agent = match self.member(task.agent) {
            Some(Member::Prompt(agent)) => agent,
            Some(Member::Slow(_) | Member::Held) => {
                let message = "an exercise or a replay touches nothing: this agent acts on the world";
                return Reply::failed(FailureKind::NotSent, message);
            }
            None => {
                let message = "the agent is not part of the setup any more";
                return Reply::failed(FailureKind::NotSent, message);
            }
        };
        let perform = || match task.probe_first.then(|| agent.probe(&Probe::before(task), now)) {
            Some((after, Presence::Present)) => Reply::Due { after, outcome: found() },
            // Where nobody can say, it is performed: what is there already is the rarer case.
            Some(_) | None => agent.perform(task, now),
        };
        contain(perform).unwrap_or_else(|message| Reply::now(panicked(&task.key, &message)))
    }

    /// Asks an agent that answers as it is called whether an effect is there, as [`Crew::perform`]
    /// performs.
    pub fn probe(&self, probe: &Probe, now: Timestamp) -> (Span, Presence) {
        if probe.check {
            return match self.perform(&probe.as_task(), now) {
                Reply::Due { after, outcome } => (after, checked(outcome)),
                Reply::Never => (probe.deadline.since(now), Presence::Unknown("no answer".to_owned())),
            };
        }
        let unknown = |why: &str| (Span::ZERO, Presence::Unknown(why.to_owned()));
        match self.member(probe.agent) {
            Some(Member::Prompt(agent)) => {
                contain(|| agent.probe(probe, now)).unwrap_or_else(|message| unknown(&message))
            }
            Some(Member::Slow(_) | Member::Held) => unknown("an exercise or a replay looks at nothing real"),
            None => unknown("the agent is not part of the setup any more"),
        }
    }
}

/// Performs a task of an agent that takes its time. A panic of the agent is a failure of the task (C34).
pub async fn perform_slowly(agent: Arc<dyn SlowAgent>, attempt: Attempt) -> Outcome {
    let key = Arc::clone(&attempt.task.key);
    let mut performance = match contain(|| agent.perform(attempt)) {
        Ok(performance) => performance,
        Err(message) => return panicked(&key, &message),
    };
    poll_fn(|context| match contain(|| performance.as_mut().poll(context)) {
        Ok(poll) => poll,
        Err(message) => Poll::Ready(panicked(&key, &message)),
    })
    .await
}

/// Asks an agent that takes its time whether an effect is there, or has it perform a check.
pub async fn probe_slowly(agent: Arc<dyn SlowAgent>, probe: Arc<Probe>, left: Duration) -> Presence {
    if probe.check {
        let (attempt, wish) = Attempt::new(Arc::new(probe.as_task()), left);
        let outcome = perform_slowly(agent, attempt).await;
        drop(wish);
        return checked(outcome);
    }
    let unknown = |message: String| Presence::Unknown(format!("the agent panicked: {message}"));
    let mut look = match contain(|| agent.probe(probe, left)) {
        Ok(look) => look,
        Err(message) => return unknown(message),
    };
    poll_fn(|context| match contain(|| look.as_mut().poll(context)) {
        Ok(poll) => poll,
        Err(message) => Poll::Ready(unknown(message)),
    })
    .await
}

/// What the outcome of a check says about what is checked.
fn checked(outcome: Outcome) -> Presence {
    match outcome {
        Outcome::Succeeded(_) | Outcome::Found(_) => Presence::Present,
        Outcome::Failed(Failure { kind: FailureKind::Answered, .. }) => Presence::Absent,
        Outcome::Failed(Failure { message, .. }) => Presence::Unknown(message),
        Outcome::Stopped => Presence::Unknown("the check was stopped".to_owned()),
        Outcome::NotBegun => Presence::Unknown("the check was held back".to_owned()),
    }
}

/// What comes of a task whose effect was there before.
pub(super) fn found() -> Outcome {
    Outcome::Found(Map::from_iter([("found".to_owned(), Value::from(true))]))
}

/// What is left of a task whose agent panicked: its effect is in doubt.
fn panicked(key: &str, message: &str) -> Outcome {
    tracing::error!(target: "agent", "panic while performing {key}: {message}");
    let message = format!("the agent panicked: {message}");
    Outcome::Failed(Failure { kind: FailureKind::NoAnswer, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::task;

    struct Clumsy;

    impl Agent for Clumsy {
        fn perform(&self, _: &Task, _: Timestamp) -> Reply {
            panic!("dropped it")
        }
        fn is_instant(&self) -> bool {
            true
        }
    }

    #[test]
    fn c34_a_panic_costs_its_step_only() {
        let mut crew = Crew::default();
        crew.man(AgentId(0), Arc::new(Clumsy));
        let reply = crew.perform(&task(AgentKind::Drill, "x", &[]), Timestamp(0));
        let Reply::Due { outcome: Outcome::Failed(failure), .. } = reply else { panic!("{reply:?}") };
        assert_eq!(
            (failure.kind, &*failure.message),
            (FailureKind::NoAnswer, "the agent panicked: dropped it")
        );
    }

    #[test]
    fn an_agent_that_left_answers_not_sent() {
        let reply = Crew::default().perform(&task(AgentKind::Drill, "x", &[]), Timestamp(0));
        let Reply::Due { outcome: Outcome::Failed(failure), .. } = reply else { panic!("{reply:?}") };
        assert_eq!(failure.kind, FailureKind::NotSent);
    }
}
