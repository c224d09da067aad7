//! An engine as real time passes: live, or a recording at its own pace or a multiple of it.
//!
//! The driver has a thread of its own. It takes everything that came in, handles it, cuts one batch,
//! and performs what the journal's writer reports as durable.

use std::time::{Duration, Instant};

use super::clock::{Clock, instant, wall};
use super::dispatcher::Dispatcher;
use super::driver::Driver;
use super::gauges::{Board, Stage};
use super::hands::Hands;
use super::hold::{Hold, OpenJournal, Unacknowledged};
use super::inbox::{Arrived, Inbox, Message, Taken};
use super::live::Live;
use super::meter::{Figures, Meter};
use super::start::{Recipe, Started};
use super::stream::{Reading, Watch};
use super::virtual_time::{Ending, RunError};
use super::wall::WallWatch;
use super::workers::Worker;
use crate::agent::exec::ORPHANS_GRACE;
use crate::agent::halt::Note;
use crate::agent::slow::Wish;
use crate::engine::{Answer, Effect, Input, JournalKind, Probe, Request, StepState, Task};
use crate::journal::{Journal, Writer, Written};
use crate::model::{Detection, Span, Timestamp};

mod reload;
mod sick_disk;

/// Signals handled in one round, so that messages are not kept waiting.
const ROUND_SIGNALS: usize = 256;
/// Records that wait for the disk before no signal is taken any more (C21).
const LAG_RECORDS: u64 = 65_536;
/// With nothing to do, the board gets the time this often.
const IDLE: Duration = Duration::from_secs(1);
/// The file of the kill switch is looked for this often; before each effect besides (C30).
const SWITCH: Duration = Duration::from_millis(250);
/// How long steps in flight may take after a stop was asked for (C18).
pub const GRACE: Duration = Duration::from_secs(30);

/// What ends a real-time engine by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The end of the stream, once no run is live or only waits for a person.
    Settled,
    /// Nothing: somebody says quit.
    Told,
}

/// What a real-time engine is made of, beside what [`Started`] has.
pub struct Parts {
    /// To rebuild the engine from disk.
    pub recipe: Recipe,
    /// To open the journal anew.
    pub open: OpenJournal,
    /// How time passes.
    pub clock: Clock,
    /// Finds things in signals.
    pub watch: Box<dyn Watch>,
    /// What comes in.
    pub inbox: Inbox,
    /// Where figures go.
    pub board: Board,
    /// How far the reading thread is.
    pub reading: Reading,
    /// The live sources, if that is what is read.
    pub live: Option<Live>,
    /// Whether there is a stream that will end.
    pub streaming: bool,
    /// What ends it.
    pub until: Until,
}

/// The loop.
pub struct RealTime {
    driver: Driver,
    hands: Hands,
    writer: Option<Writer>,
    worker: Option<Worker>,
    dispatcher: Option<Dispatcher>,
    recipe: Recipe,
    open: OpenJournal,
    clock: Clock,
    watch: Box<dyn Watch>,
    /// Signals that were too old for the windows of a `watch` before.
    late_before: u64,
    inbox: Inbox,
    meter: Meter,
    reading: Reading,
    live: Option<Live>,
    streaming: bool,
    /// What detection held back was asked for, after the end of the stream.
    finished: bool,
    until: Until,
    hold: Option<Hold>,
    unacknowledged: Unacknowledged,
    found: Vec<Detection>,
    taken: Taken,
    now: Timestamp,
    commits: u64,
    draining: Option<Instant>,
    wall: WallWatch,
    quit: bool,
    interrupted: bool,
}

impl RealTime {
    /// Puts the parts together. Programs that outlived an earlier quell are ended before anything is
    /// performed; that may take [`ORPHANS_GRACE`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(started: Started, journal: Box<dyn Journal>, parts: Parts) -> Result<Self, RunError> {
        let Started { driver, hands, effects, .. } = started;
        let mut real = RealTime {
            now: driver.state().now(),
            commits: journal.commits(),
            driver,
            hands,
            writer: None,
            worker: None,
            dispatcher: None,
            recipe: parts.recipe,
            open: parts.open,
            clock: parts.clock,
            watch: parts.watch,
            late_before: 0,
            inbox: parts.inbox,
            meter: Meter::new(parts.board),
            reading: parts.reading,
            live: parts.live,
            streaming: parts.streaming,
            finished: !parts.streaming,
            until: parts.until,
            hold: None,
            unacknowledged: Unacknowledged::default(),
            found: Vec::new(),
            taken: Taken::default(),
            draining: None,
            wall: WallWatch::default(),
            quit: false,
            interrupted: false,
        };
        real.inbox.connect(real.hands.switch());
        real.connect(journal).map_err(|error| RunError::Thread(error.to_string()))?;
        if real.recipe.setup.kind == JournalKind::Real {
            // What an earlier quell left behind may be at work on the very steps that come next.
            real.recipe.tools.programs.end_orphans(ORPHANS_GRACE);
        }
        real.perform(effects);
        Ok(real)
    }

    /// Starts the writer of a journal, and the threads of the crew.
    fn connect(&mut self, journal: Box<dyn Journal>) -> std::io::Result<()> {
        let inbox = self.inbox.clone();
        let report = move |written| {
            inbox.send(Message::Written(written));
        };
        self.writer = Some(Writer::spawn(journal, report)?);
        self.connect_crew()
    }

    /// Starts the threads of the crew. A worker before finishes what it has in hand.
    fn connect_crew(&mut self) -> std::io::Result<()> {
        self.worker = Some(Worker::spawn(self.hands.crew().clone(), self.clock, self.inbox.clone())?);
        if self.dispatcher.is_none() && self.hands.crew().has_slow() {
            self.dispatcher = Some(Dispatcher::spawn(self.inbox.clone())?);
        }
        Ok(())
    }

    /// Runs until its end.
    pub fn run(mut self) -> Ending {
        loop {
            let patience = self.patience();
            let waits = self.hold.is_some() || self.driver.wants_quiet() || self.driver.lag() > LAG_RECORDS;
            let most = if waits { 0 } else { ROUND_SIGNALS };
            self.inbox.take(&mut self.taken, most, patience);
            self.now = self.now.max(self.clock.now());
            self.take_messages();
            self.try_again();
            self.heed_switch();
            if self.hold.is_none() {
                self.look_at_the_wall();
                self.hands.take_due(&mut self.driver, self.now);
                self.take_signals();
                self.tend_sources();
                self.cut();
            }
            self.refresh(false);
            if self.is_over() {
                return self.finish();
            }
        }
    }

    /// Says when the clock on the wall jumped (C22). A recording has its own time.
    fn look_at_the_wall(&mut self) {
        if !self.clock.is_live() || self.draining.is_some() || !self.wall.is_due(instant()) {
            return;
        }
        let now = self.now.max(self.driver.state().now());
        if let Some((by, ahead)) = self.wall.look(now, wall()) {
            let sign = if by < 0 { "-" } else { "" };
            tracing::warn!("the clock of the machine jumped by {sign}{}", Span(by.unsigned_abs()));
            self.driver.handle(Input::ClockJumped { by, ahead }, self.now);
        }
    }

    /// How long nothing has to be done.
    fn patience(&mut self) -> Duration {
        if let Some(hold) = &self.hold {
            return hold.wait().min(IDLE);
        }
        let (timer, answer) = (self.driver.next_deadline(), self.hands.pending.next_due());
        let due = timer.into_iter().chain(answer).chain(self.watch.next_due()).min();
        let idle = self.live.as_ref().map_or(IDLE, |live| live.patience().min(IDLE));
        let most = if self.hands.switch().has_file() { SWITCH.min(idle) } else { idle };
        due.map_or(most, |due| self.clock.until(due).min(most))
    }

    fn is_over(&self) -> bool {
        if self.quit {
            return true;
        }
        let still = self.hands.in_flight() == 0 && self.driver.is_durable();
        match self.draining {
            Some(since) => {
                instant().duration_since(since) >= GRACE
                    || self.hold.is_some()
                    || (still && self.finished && self.taken.queued == 0 && !self.is_asking())
            }
            None => {
                let settled = self.finished && self.driver.waits_for_people() && self.taken.queued == 0;
                self.until == Until::Settled && settled && still
            }
        }
    }

    /// Whether the answer to a question about an effect is still to come: a step whose effect is asked
    /// for is not finished.
    fn is_asking(&self) -> bool {
        let mut live = self.driver.state().runs().filter(|run| !run.status().is_terminal());
        live.any(|run| run.steps().iter().any(StepState::is_probing))
    }

    fn take_messages(&mut self) {
        for message in std::mem::take(&mut self.taken.messages) {
            match message {
                Message::Request { .. } | Message::Refuse { .. } => self.take_request(message),
                Message::Reload { id, by, fresh, reply } => self.take_setup(&by, *fresh, (reply, id)),
                Message::Performed { task, reply } => {
                    if let Some(next) = self.hands.replied(&task, reply, self.now) {
                        self.begin(next);
                    }
                }
                Message::Probed { of, after, found } => self.hands.probed(of, self.now + after, found),
                Message::Written(Written::Durable { seq, commits }) if self.hold.is_none() => {
                    self.commits = commits;
                    self.unacknowledged.acknowledge(seq);
                    let effects = self.driver.release(seq);
                    self.perform(effects);
                }
                Message::Written(Written::Durable { .. }) => {}
                Message::Written(Written::Failed(error)) => self.go_on_hold(&error.to_string()),
                Message::StreamEnded => {
                    self.streaming = false;
                    self.meter.board().update(|gauges| gauges.ended = true);
                }
                Message::Drain => self.drain(),
                Message::Quit => self.quit = true,
            }
        }
    }

    fn take_request(&mut self, message: Message) {
        match (&self.hold, message) {
            (Some(_), Message::Request { id, by, request: Request::Halt { reason }, reply, .. }) => {
                self.hands.halt(&by, &reason);
                let text = "halted: nothing is begun; the journal takes it when the disk is back";
                self.driver.reply(&reply, id, Answer::Accepted(text.to_owned()));
            }
            (Some(hold), Message::Request { id, reply, .. } | Message::Refuse { id, reply, .. }) => {
                self.driver.reply(&reply, id, on_hold(&hold.why));
            }
            (None, message) => self.driver.ask(message, self.now),
            (Some(_), _) => {}
        }
    }

    fn drain(&mut self) {
        self.interrupted = true;
        if self.draining.is_none() {
            self.driver.handle(Input::Drain, self.now);
        }
        self.draining.get_or_insert_with(instant);
        self.inbox.stop_signals();
        // Nothing more comes in, whatever the reading threads wait for.
        self.streaming = false;
        self.meter.board().update(|gauges| gauges.draining = true);
    }

    fn take_signals(&mut self) {
        for Arrived { signal, at, from } in std::mem::take(&mut self.taken.signals) {
            if let (Some(live), Some(origin)) = (&mut self.live, &from) {
                live.took(origin, &signal);
                if origin.place.known {
                    self.watch.prime(&signal);
                    continue;
                }
            }
            self.watch.observe(&signal, &mut self.found);
            self.meter.processed(self.now);
            if !self.found.is_empty() {
                let detected = instant();
                self.hands.measure(Stage::SignalToDetection, detected.duration_since(at).into());
                self.tell_found(detected);
            }
        }
        if self.watch.next_due().is_some_and(|due| due <= self.now) {
            self.watch.settle(self.now, &mut self.found);
            self.tell_found(instant());
        }
        if !self.streaming && !self.finished && self.taken.queued == 0 && !self.taken.held {
            self.finished = true;
            self.watch.finish(&mut self.found);
            self.tell_found(instant());
        }
    }

    /// Sees to the cursors of live sources (C5).
    fn tend_sources(&mut self) {
        if let Some(live) = &mut self.live {
            live.tend(&self.driver, self.watch.as_mut(), &mut self.found);
            if self.draining.is_none() {
                live.look_out(self.now, self.inbox.oldest(), &mut self.found);
            }
            self.tell_found(instant());
        }
    }

    fn tell_found(&mut self, detected: Instant) {
        for detection in std::mem::take(&mut self.found) {
            self.tell(detection, detected);
        }
    }

    fn tell(&mut self, detection: Detection, detected: Instant) {
        let hands = &mut self.hands;
        let kept = detection.clone();
        self.driver
            .handle_seen(Input::Detection(detection), self.now, |records| hands.detected(records, detected));
        self.unacknowledged.keep(self.driver.state().seq(), kept);
    }

    /// Hands everything that the engine said to the writer, as one transaction.
    fn cut(&mut self) {
        match self.driver.cut() {
            Some(batch) => {
                if let Some(writer) = &self.writer {
                    writer.write(batch);
                }
            }
            // Answers to requests that changed nothing leave without a commit.
            None if self.driver.is_durable() => {
                let effects = self.driver.release(self.driver.state().seq());
                self.perform(effects);
            }
            None => {}
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Perform(task) => self.begin(task),
                Effect::Probe(probe) => self.ask(probe),
                Effect::Stop { run, step, attempt, undo } => {
                    let attempt = (run, step, attempt, undo);
                    if self.hands.stop(attempt, self.now)
                        && let Some(dispatcher) = &self.dispatcher
                    {
                        dispatcher.stop(attempt);
                    }
                }
                Effect::Halt { by, why } => self.hands.halt(&by, &why),
                Effect::Release => self.hands.release(),
                Effect::Answer { id, answer } => self.driver.answer(id, answer),
            }
        }
        self.driver.show();
    }

    /// Tells the engine what the kill switch says, where nobody else did: a file that came or went.
    fn heed_switch(&mut self) {
        if self.driver.state().halt().is_none() && self.hands.switch().is_thrown() {
            // A request that threw it as it came in speaks for itself.
            self.inbox.take(&mut self.taken, 0, Duration::ZERO);
            self.take_messages();
        }
        // What the engine said of it reaches the switch when it is durable.
        if self.hold.is_some() || !self.driver.is_durable() {
            return;
        }
        let (switch, halted) = (self.hands.switch(), self.driver.state().halt().is_some());
        if !halted && switch.is_thrown() {
            let Note { by, why } = switch.thrown_by();
            self.driver.order(by, Request::Halt { reason: why.to_string() }, self.now);
        } else if halted && let Some(by) = switch.taken_away_by() {
            self.driver.order(by, Request::Release, self.now);
        }
    }

    /// Begins a task, on the thread that it needs.
    fn begin(&mut self, task: Task) {
        let Some(task) = self.hands.begin(task, self.now) else { return };
        match (self.hands.crew().slow(task.agent), &self.dispatcher, &self.worker) {
            (Some(agent), Some(dispatcher), _) => {
                let left = self.clock.until(task.deadline);
                dispatcher.begin(agent, task, left);
            }
            (None, _, Some(worker)) => worker.give(task),
            _ => {}
        }
    }

    /// Asks whether an effect is there, on the thread that this needs.
    fn ask(&mut self, probe: Probe) {
        let Some(probe) = self.hands.probe(probe, self.now) else { return };
        match (self.hands.crew().slow(probe.agent), &self.dispatcher, &self.worker) {
            (Some(agent), Some(dispatcher), _) => {
                let left = self.clock.until(probe.deadline);
                dispatcher.ask(agent, probe, left);
            }
            (None, _, Some(worker)) => worker.ask(probe),
            _ => {}
        }
    }

    fn refresh(&mut self, at_once: bool) {
        if at_once || self.meter.is_due(self.hands.measured.len()) {
            let (read, progress) = match &self.live {
                Some(live) => (live.books(), None),
                None => self.reading.get(),
            };
            if let Some(live) = &self.live {
                self.meter.board().update(|gauges| gauges.sources = live.gauges());
            }
            self.meter.refresh_rules(at_once, || self.watch.figures());
            let figures = Figures {
                now: self.now,
                read,
                progress,
                queue: (self.taken.queued, self.inbox.limit()),
                late: self.late_before + self.watch.late(),
                stale_answers: self.driver.stale_answers(),
            };
            self.meter.refresh(figures, &mut self.hands.measured);
        }
    }

    /// Journals what is held in memory only, waits for the writer, and shows the last figures.
    fn finish(mut self) -> Ending {
        self.inbox.stop_signals();
        if self.hold.is_none() {
            if self.live.is_some() {
                self.watch.finish(&mut self.found);
                self.tell_found(instant());
            }
            self.driver.close(self.now);
            self.cut();
            self.writer = None; // waits until everything is written
            self.inbox.take(&mut self.taken, 0, Duration::ZERO);
            for message in std::mem::take(&mut self.taken.messages) {
                match message {
                    Message::Written(Written::Durable { seq, commits }) => {
                        self.commits = commits;
                        // Nothing is begun any more: intents that are left are in doubt at the next start.
                        for effect in self.driver.durable_up_to(seq) {
                            if let Effect::Answer { id, answer } = effect {
                                self.driver.answer(id, answer);
                            }
                        }
                    }
                    Message::Request { id, reply, .. }
                    | Message::Refuse { id, reply, .. }
                    | Message::Reload { id, reply, .. } => {
                        self.driver.reply(&reply, id, Answer::Refused("quell is stopping".to_owned()));
                    }
                    _ => {}
                }
            }
        }
        if let Some(dispatcher) = self.dispatcher.take() {
            // What is left of a drain may end in good order; who quits does not wait for that.
            dispatcher.close(if self.quit { Wish::Quit } else { Wish::Stop });
        }
        self.inbox.close();
        self.refresh(true);
        if let Some(live) = self.live.take().filter(|_| self.hold.is_none() && self.driver.is_durable()) {
            live.finish(self.watch.as_ref());
        }
        Ending { records_hash: None, interrupted: self.interrupted, commits: self.commits }
    }
}

fn on_hold(why: &str) -> Answer {
    Answer::Refused(format!("on hold: {why}"))
}
