//! Agents that take their time: a program, a request over a network.
//!
//! Such an agent is asked for a future, which is driven on a thread of its own, many at a time. It is
//! told when it has to end, and ends what it began before it answers: when it has answered, nothing of
//! the attempt is left.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::NO_PROBE;
use crate::engine::{Probe, Task};
use crate::model::{Failure, FailureKind, Outcome, Presence};

/// One that performs actions and takes its time.
pub trait SlowAgent: Send + Sync {
    /// Performs one attempt. The future never blocks its thread. It watches [`Attempt::cut`] while it
    /// works, and answers only when nothing of the attempt goes on any more. Dropping it ends the
    /// attempt at once.
    fn perform(self: Arc<Self>, attempt: Attempt) -> Performance;

    /// Says whether the effect of an action is there, within so much real time. Changes nothing. Dropping
    /// the future ends what it began at once.
    fn probe(self: Arc<Self>, _: Arc<Probe>, _left: Duration) -> Look {
        Box::pin(ready(Presence::Unknown(NO_PROBE.to_owned())))
    }
}

/// A look at the world.
pub type Look = Pin<Box<dyn Future<Output = Presence> + Send>>;

/// An attempt at work.
pub type Performance = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What the engine wants of an attempt; later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// That it goes on.
    GoOn,
    /// That it ends in good order.
    Stop,
    /// That it ends at once: quell is leaving.
    Quit,
}

/// Why an attempt has to end before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its deadline has passed.
    Deadline,
    /// The engine wants it stopped.
    Stop,
    /// Quell is leaving: there is no time for good order.
    Quit,
}

impl Cut {
    /// What comes of an attempt that was cut short.
    pub fn outcome(self) -> Outcome {
        match self {
            Cut::Deadline => {
                let message = "it was not done before its deadline, and was stopped".to_owned();
                Outcome::Failed(Failure { kind: FailureKind::TimedOut, message })
            }
            Cut::Stop | Cut::Quit => Outcome::Stopped,
        }
    }
}

/// A task, and the way to hear that it has to end.
#[derive(Debug)]
pub struct Attempt {
    /// What to do.
    pub task: Arc<Task>,
    deadline: Instant,
    wish: watch::Receiver<Wish>,
}

impl Attempt {
    /// One that has so much real time, and the way to stop it. If the way is dropped, it has to quit.
    /// To be called where a tokio runtime is entered.
    pub fn new(task: Arc<Task>, left: Duration) -> (Attempt, watch::Sender<Wish>) {
        let (sender, wish) = watch::channel(Wish::GoOn);
        (Attempt { task, deadline: until(left), wish }, sender)
    }

    /// How much real time is left.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits until it has to end. May be dropped and called again.
    pub async fn cut(&mut self) -> Cut {
        let stopped = self.wish.wait_for(|wish| *wish > Wish::GoOn);
        tokio::select! {
            biased;
            wish = stopped => match wish.as_deref() {
                Ok(Wish::Stop | Wish::GoOn) => Cut::Stop,
                Ok(Wish::Quit) | Err(_) => Cut::Quit,
            },
            () = sleep_until(self.deadline) => Cut::Deadline,
        }
    }

    /// Waits until there is no time left, not even for good order. May be dropped and called again.
    pub async fn quit(&mut self) {
        let _ = self.wish.wait_for(|wish| *wish == Wish::Quit).await;
    }
}

/// So much from now; a time out of reach is in thirty years.
pub fn until(left: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    Instant::now() + left.min(FAR)
}
