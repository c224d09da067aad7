//! The thread for agents that touch files: the driver never waits for a disk that is not its journal.

use std::sync::mpsc::{Sender, channel};

use super::clock::Clock;
use super::inbox::{Inbox, Message};
use crate::agent::Crew;
use crate::engine::Task;

/// One worker: what builtins write is written one after the other anyway. Its thread ends by itself
/// once this is dropped; nobody waits for it, since the disk that it writes to may be the sick one.
#[derive(Debug)]
pub struct Worker {
    queue: Sender<Task>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(crew: Crew, clock: Clock, inbox: Inbox) -> std::io::Result<Worker> {
        let (queue, tasks) = channel::<Task>();
        std::thread::Builder::new().name("worker".to_owned()).spawn(move || {
            for task in tasks {
                let reply = crew.perform(&task, clock.now());
                if !inbox.send(Message::Performed { task: Box::new(task), reply }) {
                    break;
                }
            }
        })?;
        Ok(Worker { queue })
    }

    /// Hands it a task.
    pub fn give(&self, task: Task) {
        let _ = self.queue.send(task);
    }
}
