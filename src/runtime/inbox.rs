//! What reaches the driver from other threads: one lock for a whole batch, no wake for each input.
//!
//! Signals have a bounded queue, and those who offer them wait (C21). Messages are never dropped:
//! they are bounded by what people ask and by the steps in flight.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::link::Answered;
use super::reload::Fresh;
use crate::agent::Reply;
use crate::agent::halt::KillSwitch;
use crate::engine::{Actor, ProbeOf, Request, Task};
use crate::journal::Written;
use crate::model::{Presence, RequestId, Seq, Signal, Span};
use crate::source::follow::Place;

/// Signals that wait for the driver, at most, unless the setup says otherwise.
pub const SIGNAL_QUEUE: usize = 1024;

/// What the signals that wait take in memory, in bytes, at most, beside one that takes more than that.
pub const SIGNAL_BYTES: usize = 32 * 1024 * 1024;
/// What is taken of them in one go, in bytes, likewise.
const ROUND_BYTES: usize = 2 * 1024 * 1024;

/// What other threads tell the driver.
#[derive(Debug)]
pub enum Message {
    /// Somebody asks.
    Request {
        /// Echoed in the answer.
        id: RequestId,
        /// Who.
        by: Actor,
        /// What they saw (C23).
        seen: Option<Seq>,
        /// What.
        request: Request,
        /// Where the answer goes.
        reply: Sender<Answered>,
    },
    /// Somebody asks for what they may not: it is recorded and answered (C23).
    Refuse {
        /// Echoed in the answer.
        id: RequestId,
        /// Who.
        by: Actor,
        /// What they asked.
        request: Request,
        /// What they are told.
        why: String,
        /// Where the answer goes.
        reply: Sender<Answered>,
    },
    /// Somebody asks to go on with a setup that was read anew (C17).
    Reload {
        /// Echoed in the answer.
        id: RequestId,
        /// Who.
        by: Actor,
        /// The setup, checked.
        fresh: Box<Fresh>,
        /// Where the answer goes.
        reply: Sender<Answered>,
    },
    /// A worker is done with a task.
    Performed {
        /// Which.
        task: Box<Task>,
        /// How the agent answered.
        reply: Reply,
    },
    /// Whether an effect is there, as was asked.
    Probed {
        /// What was asked for.
        of: ProbeOf,
        /// How much of the engine's time it took besides.
        after: Span,
        /// What was found.
        found: Presence,
    },
    /// The journal's writer reports.
    Written(Written),
    /// The stream has ended: no more signals.
    StreamEnded,
    /// Stop: intake ends, steps in flight finish (C18).
    Drain,
    /// Stop at once: the screen is gone, or nobody wants the rest.
    Quit,
}

/// A signal and when it arrived, for measuring.
#[derive(Debug)]
pub struct Arrived {
    /// The signal.
    pub signal: Signal,
    /// When it was read.
    pub at: Instant,
    /// The line of a live source that it was.
    pub from: Option<Origin>,
}

/// Where a signal of a live source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The source, by number.
    pub source: usize,
    /// Its line.
    pub place: Place,
}

/// The door to a driver; clones are the same door.
#[derive(Debug, Clone)]
pub struct Inbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queues: Mutex<Queues>,
    limit: usize,
    /// Something came in.
    filled: Condvar,
    /// There is room for signals, or the door was closed.
    drained: Condvar,
    /// Thrown as a halt comes in: it does not wait for those before it.
    switch: OnceLock<Arc<KillSwitch>>,
}

#[derive(Debug, Default)]
struct Queues {
    messages: VecDeque<Message>,
    signals: VecDeque<Arrived>,
    /// What these take in memory.
    bytes: usize,
    /// Sources that still hand on what they have, also when no signal is taken any more.
    held: usize,
    /// No signal is taken any more.
    stopped: bool,
    /// Nothing is taken any more.
    closed: bool,
}

/// What the driver takes in one go; reused.
#[derive(Debug, Default)]
pub struct Taken {
    /// Messages, in order.
    pub messages: Vec<Message>,
    /// Signals, in order.
    pub signals: Vec<Arrived>,
    /// Signals left behind.
    pub queued: usize,
    /// Whether there are sources that hand on what they have, whatever was said to them.
    pub held: bool,
}

/// Lets a source hand on what it has received when no more signals are taken: nobody can read it again.
#[derive(Debug)]
pub struct Held(Inbox);

impl Held {
    /// Adds a signal; waits while the queue is full. False if the driver is gone.
    pub fn offer(&self, arrived: Arrived) -> bool {
        self.0.put(arrived, |queues| queues.closed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().held -= 1;
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox::new(SIGNAL_QUEUE)
    }
}

impl Inbox {
    /// With room for `limit` signals.
    pub fn new(limit: usize) -> Self {
        let (filled, drained) = (Condvar::new(), Condvar::new());
        let (queues, switch) = (Mutex::default(), OnceLock::new());
        Inbox(Arc::new(Shared { queues, limit: limit.max(1), filled, drained, switch }))
    }

    /// Signals that it has room for.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a request for a halt throw this switch as it comes in (C30).
    pub fn connect(&self, switch: &Arc<KillSwitch>) {
        let _ = self.0.switch.set(Arc::clone(switch));
    }

    /// Leaves a message. False if the driver is gone.
    pub fn send(&self, message: Message) -> bool {
        let mut queues = self.lock();
        // Within the lock: who sees it thrown finds the message that says why.
        if let Message::Request { by, request: Request::Halt { reason }, .. } = &message
            && let Some(switch) = self.0.switch.get()
        {
            switch.throw(by, reason);
        }
        if queues.closed {
            return false;
        }
        queues.messages.push_back(message);
        drop(queues);
        self.0.filled.notify_one();
        true
    }

    /// Keeps the door open for one source until what comes of this is dropped.
    pub fn hold(&self) -> Held {
        self.lock().held += 1;
        Held(self.clone())
    }

    /// Adds a signal; waits while the queue is full. False if the driver takes none any more.
    pub fn offer(&self, arrived: Arrived) -> bool {
        self.put(arrived, |queues| queues.stopped)
    }

    fn put(&self, arrived: Arrived, over: impl Fn(&Queues) -> bool) -> bool {
        let mut queues = self.lock();
        let bytes = arrived.signal.document.memory();
        let full = |queues: &Queues| {
            let waiting = queues.signals.len();
            waiting >= self.0.limit || (waiting > 0 && queues.bytes + bytes > SIGNAL_BYTES)
        };
        while full(&queues) && !over(&queues) {
            queues = self.0.drained.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
        if over(&queues) {
            return false;
        }
        queues.bytes += bytes;
        queues.signals.push_back(arrived);
        drop(queues);
        self.0.filled.notify_one();
        true
    }

    /// Waits for `patience`, or until no signal is wanted any more. False if that is so.
    pub fn pause(&self, patience: Duration) -> bool {
        let queues = self.lock();
        let wanted = |queues: &mut Queues| !queues.stopped;
        let result = self.0.drained.wait_timeout_while(queues, patience, wanted);
        !result.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    /// Takes every message and up to `most` signals, fewer if they are long; waits up to `patience` if there is nothing.
    pub fn take(&self, taken: &mut Taken, most: usize, patience: Duration) {
        let nothing =
            |queues: &mut Queues| queues.messages.is_empty() && (queues.signals.is_empty() || most == 0);
        let mut queues = self.lock();
        if !patience.is_zero() && nothing(&mut queues) {
            let waited = self.0.filled.wait_timeout_while(queues, patience, nothing);
            queues = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        taken.messages.extend(queues.messages.drain(..));
        let (mut count, mut bytes) = (0, 0);
        for arrived in queues.signals.iter().take(most) {
            if bytes >= ROUND_BYTES {
                break;
            }
            count += 1;
            bytes += arrived.signal.document.memory();
        }
        taken.signals.extend(queues.signals.drain(..count));
        queues.bytes -= bytes;
        taken.queued = queues.signals.len();
        taken.held = queues.held > 0;
        drop(queues);
        if count > 0 {
            self.0.drained.notify_all();
        }
    }

    /// The signal that has waited for the longest time: since when, and from which live source.
    pub fn oldest(&self) -> Option<(Instant, Option<usize>)> {
        let queues = self.lock();
        queues.signals.front().map(|oldest| (oldest.at, oldest.from.map(|from| from.source)))
    }

    /// Whether signals are still taken.
    pub fn takes_signals(&self) -> bool {
        !self.lock().stopped
    }

    /// Takes no more signals; those in the queue stay.
    pub fn stop_signals(&self) {
        self.lock().stopped = true;
        self.0.drained.notify_all();
    }

    /// Ends it: nobody waits here any more.
    pub fn close(&self) {
        let mut queues = self.lock();
        (queues.stopped, queues.closed) = (true, true);
        drop(queues);
        self.0.drained.notify_all();
        self.0.filled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::instant;

    fn signal() -> Arrived {
        Arrived { signal: crate::runtime::tests::signal(0), at: instant(), from: None }
    }

    #[test]
    fn c21_those_who_offer_wait_for_room() {
        let inbox = Inbox::default();
        let reader = std::thread::spawn({
            let inbox = inbox.clone();
            move || (0..3 * SIGNAL_QUEUE).filter(|_| inbox.offer(signal())).count()
        });
        let mut taken = Taken::default();
        while taken.signals.len() < 3 * SIGNAL_QUEUE {
            inbox.take(&mut taken, 100, Duration::from_secs(5));
            assert!(taken.queued <= SIGNAL_QUEUE);
        }
        assert_eq!(reader.join().unwrap(), 3 * SIGNAL_QUEUE);
    }

    #[test]
    fn c21_long_lines_wait_for_room_in_memory() {
        let inbox = Inbox::default();
        // Half a mebibyte that takes sixteen times as much.
        let line = format!(r#"{{"time":1,"a":[{}0]}}"#, "0,".repeat(256 * 1024));
        let mut decoder = crate::source::decode::Decoder::new(Default::default(), Default::default());
        let long = decoder.decode(line.as_bytes()).unwrap();
        let bytes = long.document.memory();
        assert!(bytes > 8 * line.len(), "{bytes}");
        let most = 1 + SIGNAL_BYTES / bytes;
        let reader = std::thread::spawn({
            let inbox = inbox.clone();
            move || {
                let arrived = || Arrived { signal: long.clone(), at: instant(), from: None };
                (0..3 * most).filter(|_| inbox.offer(arrived())).count()
            }
        });
        let (mut taken, mut seen) = (Taken::default(), 0);
        while seen < 3 * most {
            inbox.take(&mut taken, 100, Duration::from_secs(5));
            assert!(taken.queued < most && taken.signals.len() <= 1 + ROUND_BYTES / bytes);
            assert!(inbox.lock().bytes <= SIGNAL_BYTES);
            seen += taken.signals.drain(..).count();
        }
        assert_eq!((reader.join().unwrap(), inbox.lock().bytes), (3 * most, 0));
    }

    #[test]
    fn a_closed_door_lets_everybody_go() {
        let inbox = Inbox::default();
        let reader = std::thread::spawn({
            let inbox = inbox.clone();
            move || (0..2 * SIGNAL_QUEUE).take_while(|_| inbox.offer(signal())).count()
        });
        let mut taken = Taken::default();
        while taken.queued < SIGNAL_QUEUE {
            inbox.take(&mut taken, 0, Duration::ZERO);
        }
        inbox.close();
        assert_eq!(reader.join().unwrap(), SIGNAL_QUEUE);
        assert!(!inbox.send(Message::Drain));
        assert!(!inbox.pause(Duration::from_secs(60)));
    }

    #[test]
    fn c18_what_was_received_is_still_handed_on() {
        let inbox = Inbox::default();
        let held = inbox.hold();
        inbox.stop_signals();
        assert!(!inbox.offer(signal()) && held.offer(signal()));
        let mut taken = Taken::default();
        inbox.take(&mut taken, 10, Duration::from_secs(5));
        assert_eq!((taken.signals.len(), taken.held), (1, true));
        drop(held);
        inbox.take(&mut taken, 10, Duration::ZERO);
        assert!(!taken.held);
        let held = inbox.hold();
        inbox.close();
        assert!(!held.offer(signal()));
    }

    #[test]
    fn messages_pass_signals() {
        let inbox = Inbox::default();
        inbox.offer(signal());
        inbox.send(Message::Drain);
        let mut taken = Taken::default();
        inbox.take(&mut taken, 0, Duration::from_secs(5));
        assert!(matches!(taken.messages[..], [Message::Drain]));
        assert_eq!((taken.signals.len(), taken.queued), (0, 1));
    }
}
