//! The thread that reads: it decodes ahead of the driver, at the pace of the recording, and waits
//! where the queue is full.

use std::thread::JoinHandle;
use std::time::Duration;

use super::clock::{Clock, instant};
use super::inbox::{Arrived, Inbox, Message};
use super::stream::{Opened, Reading};
use crate::model::Timestamp;

/// No wait is longer, so that a door that closes is noticed.
const NAP: Duration = Duration::from_secs(60);

/// Starts the thread. Its end, or that of the stream, is told by [`Message::StreamEnded`].
///
/// # Errors
/// The system gives no thread.
pub fn spawn(
    mut stream: Opened,
    clock: Clock,
    inbox: Inbox,
    reading: Reading,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("intake".to_owned()).spawn(move || {
        let mut due = Timestamp::MIN;
        while let Some(signal) = stream.next() {
            reading.set(stream.books(), stream.progress());
            due = due.max(signal.at);
            if !wait_until(due, &clock, &inbox) || !inbox.offer(Arrived { signal, at: instant(), from: None })
            {
                break;
            }
        }
        reading.set(stream.books(), stream.progress());
        inbox.send(Message::StreamEnded);
    })
}

/// Waits until the engine's time is `due`. False if nobody wants signals any more.
fn wait_until(due: Timestamp, clock: &Clock, inbox: &Inbox) -> bool {
    loop {
        let wait = clock.until(due);
        if wait.is_zero() {
            return true;
        }
        if !inbox.pause(wait.min(NAP)) {
            return false;
        }
    }
}
