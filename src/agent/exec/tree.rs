//! The processes of one attempt: a program, what it started, and what these started (C33).
//!
//! Where this process adopts orphans, they are what descends from the program, and what came to this
//! process when its parent died ([`super::adopted`]). Elsewhere they are known by their process group;
//! those that left it by `QUELL_KEY` in their environment and by descent. A process that left the group,
//! wiped its environment and lost its parent before anybody looked cannot be told from a stranger there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::time::{sleep, timeout};

use super::adopted::Children;
use super::procs::{Process, Wanted, find};

/// Rounds of killing: what forks while it is killed is met in the next one.
const ROUNDS: u32 = 30;
/// The longest pause between two of them.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// A program and everything that it started.
#[derive(Debug)]
pub(super) struct Tree {
    leader: Option<Pid>,
    children: Arc<Children>,
    wanted: Mutex<Wanted>,
}

impl Tree {
    /// The tree of a program that was just started, whose environment has these entries.
    pub(super) fn of(leader: u32, environment: Vec<Vec<u8>>, children: Arc<Children>) -> Tree {
        let leader = i32::try_from(leader).ok().and_then(Pid::from_raw);
        let pid = leader.map(|pid| pid.as_raw_nonzero().get());
        // What started before the program cannot be part of its tree.
        let looked = pid.filter(|_| !children.are_adopted());
        let since = looked.and_then(Process::read).map_or(0, |process| process.started);
        Tree {
            leader,
            children,
            wanted: Mutex::new(Wanted { environment, group: pid, since, after: pid, ..Wanted::default() }),
        }
    }

    /// The number of the program.
    pub(super) fn leader(&self) -> Option<i32> {
        self.leader.map(|pid| pid.as_raw_nonzero().get())
    }

    /// Says which programs belong to other attempts, so that they are not looked at.
    pub(super) fn spare(&self, others: BTreeSet<i32>) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).others = others;
    }

    /// Whether nothing can be left of it, once its program has ended.
    pub(super) fn is_gone(&self) -> bool {
        self.children.are_adopted() && !self.children.may_be_there()
    }

    /// Sends a signal to all of them. Returns how many there were.
    pub(super) fn signal(&self, signal: Signal) -> usize {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        // Before anybody hears: who descends from one that is dead is not seen any more.
        let found: BTreeSet<Process> = match self.leader() {
            Some(leader) if self.children.are_adopted() => self.children.of(leader),
            _ => find(&wanted),
        };
        let of_group = |process: &Process| wanted.group == Some(process.group);
        // Nobody of the group is left to be seen: by now its number may be a stranger's.
        let empty = self.children.are_adopted() && !found.iter().any(of_group);
        if let Some(leader) = self.leader.filter(|_| !empty) {
            let _ = kill_process_group(leader, signal);
        }
        for process in &found {
            wanted.known.insert((process.pid, process.started));
            // Its group has heard already.
            if wanted.group != Some(process.group) {
                process.signal(signal);
            }
        }
        found.len()
    }

    /// Ends all of them at once, on this thread. False if some are left.
    pub(super) fn kill_now(&self) -> bool {
        (0..ROUNDS).any(|round| {
            let none = self.signal(Signal::KILL) == 0;
            if !none {
                std::thread::sleep(pause(round));
            }
            none
        })
    }

    /// Asks all of them to end, and waits until `leader` is done and the group is gone, for `grace` at
    /// most, and no longer than `hurry` takes.
    pub(super) async fn terminate(
        self: &Arc<Self>,
        grace: Duration,
        leader: impl Future<Output = ()>,
        hurry: impl Future<Output = ()>,
    ) {
        self.signal_aside(Signal::TERM).await;
        // One that is stopped hears nothing else.
        self.signal_aside(Signal::CONT).await;
        let gone = async {
            leader.await;
            let mut round = 2;
            while self.group_is_there() {
                sleep(pause(round)).await;
                round += 1;
            }
        };
        tokio::select! {
            _ = timeout(grace, gone) => {}
            () = hurry => {}
        }
    }

    /// Ends all of them.
    pub(super) async fn kill(self: &Arc<Self>) {
        let mut left = 0;
        for round in 0..ROUNDS {
            left = self.signal_aside(Signal::KILL).await;
            if left == 0 {
                return;
            }
            sleep(pause(round)).await;
        }
        tracing::error!(target: "agent", "{left} processes of a step could not be killed");
    }

    /// Looking through every process takes a while: the thread that drives attempts does not wait for it.
    async fn signal_aside(self: &Arc<Self>, signal: Signal) -> usize {
        let tree = Arc::clone(self);
        tokio::task::spawn_blocking(move || tree.signal(signal)).await.unwrap_or(0)
    }

    fn group_is_there(&self) -> bool {
        self.leader.is_some_and(|leader| test_kill_process_group(leader) != Err(Errno::SRCH))
    }
}

/// 1, 2, 4 ms and so on.
fn pause(round: u32) -> Duration {
    Duration::from_millis(1 << round.min(7)).min(LONGEST_PAUSE)
}
