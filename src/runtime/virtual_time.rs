//! A recording as fast as it can be read: nothing waits, and two replays give identical records.
//!
//! The engine's now is the running maximum of signal time, and of the times at which timers fire and
//! answers are due. What happens at one time is settled in the order timer, answer, signal, then by
//! sequence. One thread; the journal is written where the rule of order asks for it.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use super::clock::instant;
use super::driver::Driver;
use super::gauges::{Board, Stage};
use super::hands::Hands;
use super::inbox::{Inbox, Message, Taken};
use super::meter::{Figures, Meter};
use super::start::Started;
use super::stream::{Opened, Watch};
use crate::engine::{Answer, Effect, Input};
use crate::journal::{Journal, JournalError};
use crate::model::{Detection, Digest, Signal, Timestamp};

/// Signals without a finding between two looks at the clock and the inbox.
const STRIDE: u32 = 1024;

/// How an engine's work ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// Hash of every record, in virtual time.
    pub records_hash: Option<Digest>,
    /// Somebody stopped it before the end of the stream.
    pub interrupted: bool,
    /// Commits to the journal.
    pub commits: u64,
}

/// Why work could not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// The journal refused.
    Journal(JournalError),
    /// The system gave no thread.
    Thread(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Journal(error) => error.fmt(f),
            RunError::Thread(why) => write!(f, "cannot start a thread: {why}"),
        }
    }
}

impl std::error::Error for RunError {}

impl From<JournalError> for RunError {
    fn from(error: JournalError) -> Self {
        RunError::Journal(error)
    }
}

/// A replay on virtual time.
pub struct VirtualReplay {
    driver: Driver,
    hands: Hands,
    journal: Box<dyn Journal>,
    stream: Opened,
    watch: Box<dyn Watch>,
    inbox: Inbox,
    meter: Meter,
    now: Timestamp,
    effects: VecDeque<Effect>,
    found: Vec<Detection>,
    taken: Taken,
    stop: bool,
    quit: bool,
}

impl VirtualReplay {
    /// Puts the parts together. `now` is when the engine was started.
    pub fn new(
        started: Started,
        journal: Box<dyn Journal>,
        stream: Opened,
        watch: Box<dyn Watch>,
        (inbox, board): (Inbox, Board),
        now: Timestamp,
    ) -> Self {
        VirtualReplay {
            driver: started.driver,
            hands: started.hands,
            journal,
            stream,
            watch,
            inbox,
            meter: Meter::new(board),
            now,
            effects: started.effects.into(),
            found: Vec::new(),
            taken: Taken::default(),
            stop: false,
            quit: false,
        }
    }

    /// Runs to the end of the stream, and until nothing will happen by itself any more. With `stay`,
    /// requests are then served until somebody says quit.
    ///
    /// # Errors
    /// The journal refused. What it has is a state to resume from.
    pub fn run(mut self, stay: bool) -> Result<Ending, RunError> {
        self.perform_all()?;
        self.inbox.take(&mut self.taken, 0, Duration::ZERO);
        self.serve()?;
        let mut interrupted = self.read_stream()?;
        self.settle()?;
        self.close()?;
        self.meter.board().update(|gauges| gauges.ended = true);
        while stay && !self.stop && !self.quit {
            self.inbox.take(&mut self.taken, 0, Duration::from_secs(3600));
            self.serve()?;
            self.settle()?;
            self.refresh();
        }
        interrupted &= !stay;
        self.close()?;
        self.inbox.close();
        Ok(Ending { records_hash: self.driver.records_hash(), interrupted, commits: self.journal.commits() })
    }

    /// Reads the stream. True if somebody stopped it before its end.
    fn read_stream(&mut self) -> Result<bool, RunError> {
        let mut due = self.next_event();
        let mut stride = 0_u32;
        loop {
            let read = instant();
            let Some(signal) = self.stream.next() else {
                self.watch.finish(&mut self.found);
                self.tell(read)?;
                return Ok(false);
            };
            let at = self.now.max(signal.at);
            // A timer and an answer come before a signal of the same time.
            while due.is_some_and(|due| due <= at) {
                self.fire(due)?;
                due = self.next_event();
            }
            self.now = at;
            stride += 1;
            if self.observe(&signal, read)? {
                due = self.next_event();
                stride = 0;
            }
            if stride.is_multiple_of(STRIDE) {
                self.inbox.take(&mut self.taken, 0, Duration::ZERO);
                if !self.taken.messages.is_empty() {
                    self.serve()?;
                    due = self.next_event();
                }
                if self.stop || self.quit {
                    return Ok(true);
                }
                if self.meter.is_due(self.hands.measured.len()) {
                    self.refresh();
                }
            }
        }
    }

    /// Has a signal looked at. True if the engine was told of something.
    fn observe(&mut self, signal: &Signal, read: Instant) -> Result<bool, RunError> {
        self.watch.observe(signal, &mut self.found);
        self.meter.processed(self.now);
        self.tell(read)
    }

    /// Tells the engine what was found. True if there was something.
    fn tell(&mut self, read: Instant) -> Result<bool, RunError> {
        if self.found.is_empty() {
            return Ok(false);
        }
        let detected = instant();
        self.hands.measure(Stage::SignalToDetection, detected.duration_since(read).into());
        for detection in std::mem::take(&mut self.found) {
            let hands = &mut self.hands;
            let see = |records: &[_]| hands.detected(records, detected);
            self.driver.handle_seen(Input::Detection(detection), self.now, see);
        }
        self.perform_all()?;
        Ok(true)
    }

    /// When the next timer fires or the next answer is due.
    fn next_event(&mut self) -> Option<Timestamp> {
        let (timer, answer) = (self.driver.next_deadline(), self.hands.pending.next_due());
        timer.into_iter().chain(answer).min()
    }

    /// Handles the timer, else the answer, that is due at `due`.
    fn fire(&mut self, due: Option<Timestamp>) -> Result<(), RunError> {
        let Some(due) = due else { return Ok(()) };
        self.now = self.now.max(due);
        if self.driver.next_deadline().is_some_and(|timer| timer <= due) {
            self.driver.handle(Input::Tick, self.now);
        } else if let Some((_, answer)) = self.hands.pending.pop_due(due) {
            self.hands.answered(&answer);
            self.driver.handle(answer, self.now);
        }
        self.perform_all()
    }

    /// Lets time pass until nothing will happen by itself any more.
    fn settle(&mut self) -> Result<(), RunError> {
        let mut events = 0_u32;
        let over = |me: &Self| me.quit || (me.driver.is_settled() && me.hands.in_flight() == 0);
        while !over(self) {
            let due = self.next_event();
            if due.is_none() {
                tracing::error!(target: "engine", "a run is live, and nothing is left to happen to it");
                break;
            }
            self.fire(due)?;
            events += 1;
            if events.is_multiple_of(64) {
                self.inbox.take(&mut self.taken, 0, Duration::ZERO);
                self.serve()?;
                if self.meter.is_due(self.hands.measured.len()) {
                    self.refresh();
                }
            }
        }
        Ok(())
    }

    /// Commits what the engine said and performs what was released, until there is nothing more.
    fn perform_all(&mut self) -> Result<(), RunError> {
        self.effects.extend(self.driver.commit(self.journal.as_mut())?);
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Perform(task) => {
                    // Files are written at once: a builtin takes no time of its own.
                    if let Some(task) = self.hands.begin(task, self.now) {
                        let reply = self.hands.crew().perform(&task, self.now);
                        self.hands.replied(&task, reply, self.now);
                    }
                }
                Effect::Probe(probe) => {
                    if let Some(probe) = self.hands.probe(probe, self.now) {
                        let (after, found) = self.hands.crew().probe(&probe, self.now);
                        self.hands.probed(probe.of, self.now + after, found);
                    }
                }
                Effect::Stop { run, step, attempt, undo } => {
                    // Everything was performed as it was begun: nobody else has to be told.
                    self.hands.stop((run, step, attempt, undo), self.now);
                }
                Effect::Halt { by, why } => self.hands.halt(&by, &why),
                Effect::Release => self.hands.release(),
                Effect::Answer { id, answer } => self.driver.answer(id, answer),
            }
        }
        Ok(())
    }

    /// Handles the messages that were taken.
    fn serve(&mut self) -> Result<(), RunError> {
        for message in std::mem::take(&mut self.taken.messages) {
            match message {
                Message::Request { .. } | Message::Refuse { .. } => {
                    self.driver.ask(message, self.now);
                    self.perform_all()?;
                }
                Message::Reload { id, reply, .. } => {
                    let why = "a replay in virtual time keeps the setup that it began with";
                    self.driver.reply(&reply, id, Answer::Refused(why.to_owned()));
                }
                Message::Drain => self.stop = true,
                Message::Quit => self.quit = true,
                Message::Performed { .. }
                | Message::Probed { .. }
                | Message::Written(_)
                | Message::StreamEnded => {}
            }
        }
        Ok(())
    }

    /// Journals what is held in memory only, and shows the last figures.
    fn close(&mut self) -> Result<(), RunError> {
        self.driver.close(self.now);
        self.perform_all()?;
        self.meter.refresh_rules(true, || self.watch.figures());
        self.refresh();
        Ok(())
    }

    fn refresh(&mut self) {
        self.meter.refresh_rules(false, || self.watch.figures());
        let figures = Figures {
            now: self.now,
            read: self.stream.books(),
            progress: self.stream.progress(),
            queue: (0, self.inbox.limit()),
            late: self.watch.late(),
            stale_answers: self.driver.stale_answers(),
        };
        self.meter.refresh(figures, &mut self.hands.measured);
    }
}
