//! What comes in: threads that wait, each at one place, and hand over to the console's own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event};

use super::session;
use super::update::Msg;
use crate::runtime::feed::{FeedItem, Subscription};

/// How often the queue of the feed is emptied, at least, while it is not handed over.
const SLICE: Duration = Duration::from_millis(20);

/// Hands the feed over at most once for each frame, however many batches came; at once while somebody
/// waits for an answer.
pub struct Feeder {
    hurry: Arc<AtomicBool>,
    thread: Thread,
}

impl Feeder {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives none.
    pub fn start(feed: Subscription, sender: SyncSender<Msg>, frame: Duration) -> io::Result<Feeder> {
        let hurry = Arc::new(AtomicBool::new(false));
        let hurried = Arc::clone(&hurry);
        let hand_over = move || hand_over(&feed, &sender, frame, &hurried);
        let handle = thread::Builder::new().name("console-feed".into()).spawn(hand_over)?;
        Ok(Feeder { hurry, thread: handle.thread().clone() })
    }

    /// Whether somebody waits for what comes next.
    pub fn hurry(&self, on: bool) {
        if self.hurry.swap(on, Ordering::SeqCst) != on && on {
            self.thread.unpark();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the console decides when to draw")]
fn hand_over(feed: &Subscription, sender: &SyncSender<Msg>, frame: Duration, hurry: &AtomicBool) {
    let mut next = Instant::now();
    loop {
        let Some(first) = feed.next_within(Duration::from_secs(3600)) else { continue };
        let mut ended = matches!(first, FeedItem::End);
        let mut items = vec![first];
        while !ended {
            while !ended && let Some(item) = feed.try_next() {
                if matches!(item, FeedItem::Snapshot(_)) {
                    items.clear();
                }
                ended = matches!(item, FeedItem::End);
                items.push(item);
            }
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() || hurry.load(Ordering::SeqCst) {
                break;
            }
            // The queue is short: it is emptied more often than the console is woken.
            thread::park_timeout(SLICE.min(left));
        }
        next = Instant::now() + frame;
        if sender.send(Msg::Feed(items)).is_err() || ended {
            return;
        }
    }
}

/// Hands on what comes by a channel.
pub fn forward<T: Send + 'static>(
    from: Receiver<T>,
    sender: SyncSender<Msg>,
    name: &str,
    wrap: impl Fn(T) -> Msg + Send + 'static,
) -> io::Result<()> {
    let all = move || {
        for item in from {
            if sender.send(wrap(item)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(all)?;
    Ok(())
}

/// Reads keys, pasted text and sizes until the terminal is gone.
pub fn read_keys(sender: SyncSender<Msg>) -> io::Result<()> {
    let read = move || {
        loop {
            let msg = match event::read() {
                Ok(Event::Key(key)) => Msg::Key(key),
                Ok(Event::Paste(text)) => Msg::Paste(text),
                Ok(Event::Resize(width, height)) => Msg::Resize(width, height),
                Ok(Event::Mouse(_) | Event::FocusGained | Event::FocusLost) => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Msg::Lost,
            };
            let lost = matches!(msg, Msg::Lost);
            if sender.send(msg).is_err() || lost {
                return;
            }
        }
    };
    thread::Builder::new().name("console-input".into()).spawn(read)?;
    Ok(())
}

/// Says when the terminal hangs up. It goes on watching when the console has ended: as long as the
/// process lives, the input thread would spin on a terminal that is gone.
pub fn watch_terminal(sender: SyncSender<Msg>) -> io::Result<()> {
    let watch = move || {
        if session::hung_up() {
            session::lose();
            let _ = sender.send(Msg::Lost);
        }
    };
    thread::Builder::new().name("console-watch".into()).spawn(watch)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Event, JournalKind, Record, State};
    use crate::model::Timestamp;
    use crate::runtime::feed::Feed;
    use std::sync::mpsc::sync_channel;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn publish(feed: &mut Feed) {
        let event = Event::JournalOpened { kind: JournalKind::Exercise, version: "0".into(), seed: 1 };
        feed.publish(&Arc::new(vec![Record { seq: 1, at: Timestamp(0), event }]));
    }

    #[test]
    fn news_wait_for_their_frame_unless_somebody_waits_for_them() {
        let (mut feed, (sender, inbox)) = (Feed::default(), sync_channel(8));
        let subscription = feed.subscribe(&State::new());
        let feeder = Feeder::start(subscription, sender, Duration::from_secs(3600)).unwrap();
        let items = |wait| match inbox.recv_timeout(wait) {
            Ok(Msg::Feed(items)) => items.len(),
            _ => 0,
        };
        assert_eq!(items(PATIENCE), 1, "the first one comes at once");
        publish(&mut feed);
        publish(&mut feed);
        assert_eq!(items(Duration::from_millis(100)), 0, "the others wait for the frame");
        feeder.hurry(true);
        assert_eq!(items(PATIENCE), 2);
        publish(&mut feed);
        assert_eq!(items(PATIENCE), 1);
        feeder.hurry(false);
        publish(&mut feed);
        assert_eq!(items(Duration::from_millis(100)), 0);
        drop(feed);
        assert_eq!(items(PATIENCE), 2, "the end does not wait");
    }
}
