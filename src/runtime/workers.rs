//! The thread for agents that touch files: the driver never waits for a disk that is not its journal.

use std::sync::mpsc::{Sender, channel};

use super::clock::Clock;
use super::inbox::{Inbox, Message};
use crate::agent::Crew;
use crate::engine::{Probe, Task};

/// One worker: what builtins write is written one after the other anyway. Its thread ends by itself
/// once this is dropped; nobody waits for it, since the disk that it writes to may be the sick one.
#[derive(Debug)]
pub struct Worker {
    queue: Sender<Job>,
}

/// What it does, in order: what is asked about a task comes after it.
enum Job {
    Perform(Box<Task>),
    Probe(Box<Probe>),
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(crew: Crew, clock: Clock, inbox: Inbox) -> std::io::Result<Worker> {
        let (queue, tasks) = channel::<Job>();
        std::thread::Builder::new().name("worker".to_owned()).spawn(move || {
            for job in tasks {
                let message = match job {
                    Job::Perform(task) => {
                        let reply = crew.perform(&task, clock.now());
                        Message::Performed { task, reply }
                    }
                    Job::Probe(probe) => {
                        let (after, found) = crew.probe(&probe, clock.now());
                        Message::Probed { of: probe.of, after, found }
                    }
                };
                if !inbox.send(message) {
                    break;
                }
            }
        })?;
        Ok(Worker { queue })
    }

    /// Hands it a task.
    pub fn give(&self, task: Task) {
        let _ = self.queue.send(Job::Perform(Box::new(task)));
    }

    /// Asks it something.
    pub fn ask(&self, probe: Probe) {
        let _ = self.queue.send(Job::Probe(Box::new(probe)));
    }
}
