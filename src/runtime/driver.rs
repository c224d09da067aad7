//! The loop's inner part, without threads and without a clock: engine, gate and feed. Real time,
//! virtual time and measurements are thin shells around it.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use hashbrown::HashMap;

use super::feed::{Feed, Subscription};
use super::hash::RecordsHash;
use super::inbox::Message;
use super::link::Answered;
use super::reload::Fresh;
use crate::engine::{Actor, Answer, Effect, Engine, Gate, Input, Output, Record, Request, State};
use crate::journal::{Journal, JournalError};
use crate::model::{Detection, Digest, RequestId, Seq, Timestamp};

/// Where an answer goes, and under which number.
pub type Asker = (Sender<Answered>, RequestId);

/// An engine behind its gate.
pub struct Driver {
    engine: Engine,
    gate: Gate,
    feed: Feed,
    durable: Seq,
    /// On disk, and not shown yet.
    unshown: Vec<Arc<Vec<Record>>>,
    hash: Option<RecordsHash>,
    askers: HashMap<RequestId, Asker, foldhash::fast::FixedState>,
    asked: u64,
}

impl Driver {
    /// Takes an engine, what it said at its start, and the hash of the records
    /// before that, if it is wanted (it costs a microsecond for each record).
    pub fn new(engine: Engine, output: Output, hash: Option<RecordsHash>) -> Self {
        let mut driver = Driver {
            durable: 0,
            unshown: Vec::new(),
            hash,
            engine,
            gate: Gate::new(),
            feed: Feed::default(),
            askers: HashMap::default(),
            asked: 0,
        };
        driver.durable = driver.engine.state().seq() - output.records.len() as Seq;
        driver.gate.offer(output);
        driver
    }

    /// Shows its records on this feed, whose subscribers are at the state before them.
    pub fn with_feed(self, feed: Feed) -> Self {
        Driver { feed, ..self }
    }

    /// The state that the engine is in. It may be ahead of the journal: show it to nobody.
    pub fn state(&self) -> &State {
        self.engine.state()
    }

    /// Handles one input. What comes of it is held back until it is durable.
    pub fn handle(&mut self, input: Input, now: Timestamp) {
        let output = self.engine.handle(input, now);
        self.gate.offer(output);
    }

    /// Handles one input and looks at the records that it made.
    pub fn handle_seen(&mut self, input: Input, now: Timestamp, see: impl FnOnce(&[Record])) {
        let output = self.engine.handle(input, now);
        see(&output.records);
        self.gate.offer(output);
    }

    /// Handles a request; its answer goes to `reply` under the asker's own number.
    pub fn ask(&mut self, message: Message, now: Timestamp) {
        match message {
            Message::Request { id, by, seen, request, reply } => {
                let id = self.asked_by((reply, id));
                self.handle(Input::Request { id, by, seen, request }, now);
            }
            Message::Refuse { id, by, request, why, reply } => {
                let id = self.asked_by((reply, id));
                self.handle(Input::Refuse { id, by, request, why }, now);
            }
            _ => {}
        }
    }

    /// Several askers count from 1 each; the engine sees numbers that are unique.
    fn asked_by(&mut self, asker: Asker) -> RequestId {
        self.asked += 1;
        let id = RequestId(self.asked);
        self.askers.insert(id, asker);
        id
    }

    /// Goes on with another setup, if the engine takes it. The answer goes to `asker`.
    pub fn reload(&mut self, by: &Actor, fresh: &Fresh, asker: Asker, now: Timestamp) -> bool {
        let id = self.asked_by(asker);
        let (taken, output) = self.engine.reload(id, by, Arc::clone(&fresh.setup), fresh.digest, now);
        self.gate.offer(output);
        taken
    }

    /// Handles a request that nobody waits for the answer of.
    pub fn order(&mut self, by: Actor, request: Request, now: Timestamp) {
        self.handle(Input::Request { id: RequestId(0), by, seen: None, request }, now);
    }

    /// Delivers an answer, after what it is about was shown.
    pub fn answer(&mut self, id: RequestId, answer: Answer) {
        self.show();
        if let Some((reply, theirs)) = self.askers.remove(&id) {
            self.reply(&reply, theirs, answer);
        }
    }

    /// Answers a request that the engine never saw. A closed door is nobody's loss.
    pub fn reply(&self, to: &Sender<Answered>, id: RequestId, answer: Answer) {
        let _ = to.send(Answered { id, seq: self.durable, answer });
    }

    /// When the engine wants to be called, if nothing else happens.
    pub fn next_deadline(&mut self) -> Option<Timestamp> {
        self.engine.next_deadline()
    }

    /// What has to be appended next, as one transaction; `None` if there is nothing.
    pub fn cut(&mut self) -> Option<Arc<Vec<Record>>> {
        self.gate.cut()
    }

    /// Everything up to `seq` is on disk: shows it, and returns what may be performed now.
    pub fn durable_up_to(&mut self, seq: Seq) -> Vec<Effect> {
        let effects = self.release(seq);
        self.show();
        effects
    }

    /// Everything up to `seq` is on disk: returns what may be performed now. Call [`Driver::show`] once
    /// that is under way: to wake those who watch takes longer than to begin.
    pub fn release(&mut self, seq: Seq) -> Vec<Effect> {
        let released = self.gate.durable_up_to(seq);
        self.durable = self.durable.max(seq);
        self.unshown.extend(released.batches);
        released.effects
    }

    /// Shows what is on disk.
    pub fn show(&mut self) {
        for batch in self.unshown.drain(..) {
            if let Some(hash) = &mut self.hash {
                batch.iter().for_each(|record| hash.add(record));
            }
            self.feed.publish(&batch);
        }
        if self.feed.is_behind() && self.is_durable() {
            self.feed.catch_up(self.engine.state());
        }
    }

    /// Appends what is held back, shows it, and returns what may be performed now.
    ///
    /// # Errors
    /// The journal refused; nothing was shown, and nothing may be performed (C6).
    pub fn commit(&mut self, journal: &mut dyn Journal) -> Result<Vec<Effect>, JournalError> {
        if let Some(batch) = self.gate.cut() {
            journal.append(&[batch])?;
        }
        Ok(self.durable_up_to(journal.last()))
    }

    /// Whether everything that the engine said is on disk.
    pub fn is_durable(&self) -> bool {
        self.engine.state().seq() == self.durable
    }

    /// As [`Engine::stale_answers`].
    pub fn stale_answers(&self) -> u64 {
        self.engine.stale_answers()
    }

    /// As [`Engine::repeats_mark`].
    pub fn repeats_mark(&self) -> u64 {
        self.engine.repeats_mark()
    }

    /// As [`Engine::holds_repeats_before`].
    pub fn holds_repeats_before(&self, mark: u64) -> bool {
        self.engine.holds_repeats_before(mark)
    }

    /// Repeats that are held back in memory, or not durable yet.
    pub fn held_repeats(&self) -> Vec<Detection> {
        let flushed = self.gate.undurable_repeats();
        self.engine.held_repeats().chain(flushed).cloned().collect()
    }

    /// The number up to which everything is on disk.
    pub fn durable(&self) -> Seq {
        self.durable
    }

    /// Records that wait for the disk.
    pub fn lag(&self) -> Seq {
        self.engine.state().seq() - self.durable
    }

    /// Whether the loop should let the journal catch up before it takes more, so that a screen that
    /// fell behind can get a state that is durable.
    pub fn wants_quiet(&self) -> bool {
        self.feed.is_behind() && !self.is_durable()
    }

    /// Adds a screen; see [`Feed::subscribe`]. Only while everything is durable.
    pub fn subscribe(&mut self) -> Subscription {
        debug_assert!(self.is_durable());
        self.show();
        self.feed.subscribe(self.engine.state())
    }

    /// An append failed: nothing more leaves. Those who asked are told (C6).
    pub fn fail(&mut self, why: &str) {
        self.gate.failed();
        let waiting: Vec<RequestId> = self.askers.keys().copied().collect();
        for id in waiting {
            self.answer(id, Answer::Refused(why.to_owned()));
        }
    }

    /// Goes on with an engine that was rebuilt from disk, and whose first commit is done: the screens
    /// begin anew.
    pub fn replace(&mut self, rebuilt: Driver) {
        let feed = std::mem::take(&mut self.feed);
        *self = rebuilt;
        self.feed = feed;
        self.feed.restart(self.engine.state());
    }

    /// The hash of every durable record, if one is kept.
    pub fn records_hash(&self) -> Option<Digest> {
        self.hash.as_ref().map(RecordsHash::digest)
    }

    /// Before a clean stop: journals what is held in memory only.
    pub fn close(&mut self, now: Timestamp) {
        let output = self.engine.close(now);
        self.gate.offer(output);
    }

    /// Whether those who are live wait for people only: for an answer, a resume, a retry, or for the release
    /// of a halt.
    pub fn waits_for_people(&self) -> bool {
        let state = self.engine.state();
        state.halt().is_some() || state.waits_for_people()
    }

    /// Whether nothing will happen by itself any more, not even a deadline: no run is live, or those that are wait for a
    /// person.
    pub fn is_settled(&self) -> bool {
        let (counts, halted) = (self.engine.state().counts(), self.engine.state().halt().is_some());
        halted || counts.live_runs == counts.paused + counts.parked + counts.stuck
    }
}
