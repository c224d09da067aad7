//! The thread that drives agents that take their time: the driver never waits for them.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::errands::{Errand, Errands, Inquiry};
use super::hands::TaskKey;
use super::inbox::Inbox;
use crate::agent::SlowAgent;
use crate::agent::slow::Wish;
use crate::engine::{Probe, Task};

/// Threads that look through the processes of this machine, at most.
const BLOCKING_THREADS: usize = 4;

/// What the thread is told.
enum Order {
    Begin(Errand),
    Ask(Inquiry),
    Stop(TaskKey),
    /// Stop everything, then end.
    Close(Wish),
}

/// The thread. Dropping it ends everything that runs.
#[derive(Debug)]
pub struct Dispatcher {
    orders: UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Dispatcher {
    /// Starts the thread. Answers go to the inbox.
    ///
    /// # Errors
    /// The system gives no thread, or no way to wait for events.
    pub fn spawn(inbox: Inbox) -> std::io::Result<Dispatcher> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("processes")
            .build()?;
        let (orders, taken) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("agents".to_owned())
            .spawn(move || runtime.block_on(dispatch(taken, Errands::new(inbox))))?;
        Ok(Dispatcher { orders, thread: Some(thread) })
    }

    /// Has a task performed; its deadline is so much real time away.
    pub fn begin(&self, agent: Arc<dyn SlowAgent>, task: Task, left: Duration) {
        let _ = self.orders.send(Order::Begin(Errand::new(agent, task, left)));
    }

    /// Asks whether an effect is there; the answer has so much real time.
    pub fn ask(&self, agent: Arc<dyn SlowAgent>, probe: Probe, left: Duration) {
        let _ = self.orders.send(Order::Ask(Inquiry::new(agent, probe, left)));
    }

    /// Stops an attempt; it answers when it has ended.
    pub fn stop(&self, attempt: TaskKey) {
        let _ = self.orders.send(Order::Stop(attempt));
    }

    /// Ends every attempt and waits for that: in good order, or at once.
    pub fn close(mut self, how: Wish) {
        self.end(how);
    }

    fn end(&mut self, how: Wish) {
        let _ = self.orders.send(Order::Close(how));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "agent", "the thread of the agents panicked");
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end(Wish::Quit);
        }
    }
}

async fn dispatch(mut orders: UnboundedReceiver<Order>, mut errands: Errands) {
    let mut closing = false;
    while !(closing && errands.is_idle()) {
        tokio::select! {
            order = orders.recv(), if !closing => match order {
                Some(Order::Begin(errand)) => errands.add(errand),
                Some(Order::Ask(inquiry)) => errands.ask(inquiry),
                Some(Order::Stop(attempt)) => errands.stop(attempt),
                Some(Order::Close(how)) => {
                    errands.stop_all(how);
                    closing = true;
                }
                None => {
                    errands.stop_all(Wish::Quit);
                    closing = true;
                }
            },
            () = errands.one_ends() => {}
        }
        errands.begin_ready();
    }
}
