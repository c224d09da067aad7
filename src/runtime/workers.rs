//! The thread for agents that touch files: the driver never waits for a disk that is not its journal.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::clock::Clock;
use super::inbox::{Inbox, Message};
use crate::agent::Crew;
use crate::engine::Task;

/// One worker: what builtins write is written one after the other anyway.
#[derive(Debug)]
pub struct Worker {
    queue: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(crew: Crew, clock: Clock, inbox: Inbox) -> std::io::Result<Worker> {
        let (queue, tasks) = channel::<Task>();
        let thread = std::thread::Builder::new().name("worker".to_owned()).spawn(move || {
            for task in tasks {
                let reply = crew.perform(&task, clock.now());
                if !inbox.send(Message::Performed { task: Box::new(task), reply }) {
                    break;
                }
            }
        })?;
        Ok(Worker { queue: Some(queue), thread: Some(thread) })
    }

    /// Hands it a task.
    pub fn give(&self, task: Task) {
        if let Some(queue) = &self.queue {
            let _ = queue.send(task);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
