use std::sync::Mutex;

use super::*;
use crate::agent::slow::{Cut, Performance};
use crate::agent::tests::task;
use crate::engine::AgentKind;
use crate::model::Failure;
use crate::runtime::inbox::Taken;

/// Notes who comes and goes; performs until it is told to stop, or panics at once.
#[derive(Default)]
struct Steady {
    log: Arc<Mutex<Vec<String>>>,
    clumsy: bool,
}

impl SlowAgent for Steady {
    fn perform(self: Arc<Self>, mut attempt: Attempt) -> Performance {
        let name = format!("{}{}", attempt.task.attempt, if attempt.task.undo { "u" } else { "" });
        self.log.lock().unwrap().push(format!("begin {name}"));
        Box::pin(async move {
            assert!(!self.clumsy, "dropped it");
            let cut = attempt.cut().await;
            // Whoever is told to stop takes its time; somebody else could begin too early.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            self.log.lock().unwrap().push(format!("end {name}"));
            cut.outcome()
        })
    }
}

struct World {
    errands: Errands,
    inbox: Inbox,
    agent: Arc<Steady>,
}

const AGES: Duration = Duration::from_secs(120);

impl World {
    fn new(clumsy: bool) -> Self {
        let inbox = Inbox::default();
        let agent = Arc::new(Steady { clumsy, ..Steady::default() });
        World { errands: Errands::new(inbox.clone()), inbox, agent }
    }

    fn add(&mut self, run: u64, attempt: u32, undo: bool, left: Duration) -> TaskKey {
        let task = Task { run: RunId(run), attempt, undo, ..task(AgentKind::Exec, "x", &[]) };
        let key = key(&task);
        let agent: Arc<dyn SlowAgent> = Arc::clone(&self.agent) as _;
        self.errands.add(Errand::new(agent, task, left));
        self.errands.begin_ready();
        key
    }

    async fn one_ends(&mut self) {
        self.errands.one_ends().await;
        self.errands.begin_ready();
    }

    /// Lets those that begin come to their first rest.
    async fn rest(&self) {
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
    }

    fn log(&self) -> Vec<String> {
        self.agent.log.lock().unwrap().clone()
    }

    fn answers(&self) -> Vec<(u32, Outcome)> {
        let mut taken = Taken::default();
        self.inbox.take(&mut taken, 0, Duration::ZERO);
        let answer = |message| match message {
            Message::Performed { task, reply: Reply::Due { outcome, .. } } => (task.attempt, outcome),
            other => panic!("{other:?}"),
        };
        taken.messages.into_iter().map(answer).collect()
    }
}

fn kind(outcome: &Outcome) -> Option<FailureKind> {
    match outcome {
        Outcome::Failed(Failure { kind, .. }) => Some(*kind),
        _ => None,
    }
}

#[tokio::test]
async fn c4_the_next_attempt_begins_when_the_last_one_is_gone() {
    let mut world = World::new(false);
    let first = world.add(1, 1, false, AGES);
    let second = world.add(1, 2, false, AGES);
    world.add(1, 1, true, AGES);
    world.rest().await;
    assert_eq!(world.log(), ["begin 1"]);
    for attempt in [first, second] {
        world.errands.stop(attempt);
        world.one_ends().await;
        world.rest().await;
    }
    assert_eq!(world.log(), ["begin 1", "end 1", "begin 2", "end 2", "begin 1u"]);
    assert_eq!(world.answers(), [(1, Outcome::Stopped), (2, Outcome::Stopped)]);
}

#[tokio::test]
async fn other_steps_do_not_wait_until_the_limit_is_reached() {
    let mut world = World::new(false);
    let keys: Vec<TaskKey> = (0..AT_ONCE as u64 + 2).map(|run| world.add(run, 1, false, AGES)).collect();
    world.rest().await;
    assert_eq!(world.log().len(), AT_ONCE);
    world.errands.stop(keys[5]);
    world.one_ends().await;
    world.rest().await;
    assert_eq!(world.log().iter().filter(|line| line.starts_with("begin")).count(), AT_ONCE + 1);
}

#[tokio::test]
async fn what_was_never_begun_was_never_sent() {
    let mut world = World::new(false);
    let first = world.add(1, 1, false, AGES);
    let second = world.add(1, 2, false, AGES);
    world.add(1, 3, false, Duration::ZERO);
    world.errands.stop(second);
    world.errands.stop(first);
    world.one_ends().await;
    world.rest().await;
    let answers = world.answers();
    assert_eq!(answers[0], (2, Outcome::NotBegun));
    let kinds: Vec<_> = answers.iter().map(|(attempt, outcome)| (*attempt, kind(outcome))).collect();
    let never = Some(FailureKind::NotSent);
    assert_eq!(kinds, [(2, None), (1, None), (3, never)]);
    assert_eq!(world.log(), ["begin 1", "end 1"]);
}

#[tokio::test]
async fn c34_a_panic_costs_its_step_only() {
    let mut world = World::new(true);
    world.add(1, 1, false, AGES);
    world.one_ends().await;
    let answers = world.answers();
    assert_eq!(kind(&answers[0].1), Some(FailureKind::NoAnswer));
    assert!(format!("{answers:?}").contains("the agent panicked: dropped it"));
    world.agent = Arc::new(Steady::default());
    let next = world.add(1, 2, false, AGES);
    world.rest().await;
    world.errands.stop(next);
    world.one_ends().await;
    assert_eq!(world.answers(), [(2, Outcome::Stopped)]);
}

#[tokio::test]
async fn a_deadline_and_a_stop_are_told_apart() {
    let task = Arc::new(task(AgentKind::Exec, "x", &[]));
    let (mut attempt, _way) = Attempt::new(Arc::clone(&task), Duration::from_millis(1));
    assert_eq!(attempt.cut().await, Cut::Deadline);
    for (wish, want) in [(Wish::Stop, Cut::Stop), (Wish::Quit, Cut::Quit)] {
        let (mut attempt, way) = Attempt::new(Arc::clone(&task), AGES);
        tell(&way, wish);
        tell(&way, Wish::GoOn);
        assert_eq!(attempt.cut().await, want);
    }
    let (mut attempt, way) = Attempt::new(task, AGES);
    drop(way);
    assert_eq!(attempt.cut().await, Cut::Quit, "nobody is there any more");
}
