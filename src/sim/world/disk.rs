//! The simulated disk of the journal, and what the driver does when it fails: what `append` has reported
//! is there for ever, of what it has not reported a beginning may be there.

use std::collections::VecDeque;
use std::sync::Arc;

use super::World;
use super::agenda::Happening;
use crate::engine::{Actor, Engine, Event, Gate, Input, Record, State};
use crate::model::{Seq, Span};
use crate::sim::case::{Crashes, Moment};
use crate::sim::fault::Fault;
use crate::sim::trace::note;

/// How long a disk that failed is left alone.
const RETRY: Span = Span::from_secs(1);

/// The journal, and what is under way to it.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// What a reader finds.
    pub records: Vec<Record>,
    /// Batches that were handed to it and are not written.
    queue: VecDeque<Arc<Vec<Record>>>,
    /// The last record that it has reported as written.
    reported: Seq,
    /// It reports when it has time.
    slow: bool,
    /// Writes that were begun.
    pub writes: u64,
    /// The next write is the first after a start.
    starting: bool,
}

impl Disk {
    /// The last record that is durable and known to be.
    pub fn reported(&self) -> Seq {
        self.reported
    }
}

/// How one write ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Written,
    Gone(Fault),
    Failed(Fault),
}

impl World {
    /// Hands over what the gate has, lets the disk write, and performs what is released.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        if self.on_hold() {
            return Ok(());
        }
        if let Some(batch) = self.gate.cut() {
            self.disk.queue.push_back(batch);
            // The disk has not answered yet: nothing of this batch may leave.
            let early = self.gate.durable_up_to(self.disk.reported);
            self.perform(early.effects)?;
        }
        if self.disk.queue.is_empty() {
            let released = self.gate.durable_up_to(self.disk.reported);
            return self.perform(released.effects);
        }
        if self.disk.slow {
            return Ok(());
        }
        if !self.disk.starting && self.goes_wrong(Fault::SlowDisk, 5) {
            self.disk.slow = true;
            let at = self.now + Span::from_millis(self.dice.below(4_000));
            self.agenda.plan(at, Happening::Written);
            return Ok(());
        }
        self.write()
    }

    /// Everything that is under way reaches the disk, unless something happens to it.
    pub(super) fn write(&mut self) -> Result<(), String> {
        self.disk.slow = false;
        while let Some(batch) = self.disk.queue.pop_front() {
            self.disk.writes += 1;
            match self.fate() {
                Fate::Gone(Fault::CrashBefore) => {
                    self.disk.queue.clear();
                    return self.crash("before a write");
                }
                Fate::Failed(Fault::SyncFailed) if self.dice.chance(50) => {
                    // It says that it failed, and it is there.
                    self.append(&batch)?;
                    return self.hold("a sync failed, after all was written");
                }
                Fate::Failed(fault) => return self.hold(fault.name()),
                Fate::Gone(Fault::CrashAfter) => {
                    self.append(&batch)?;
                    return self.crash("after a write, before its effects");
                }
                fate => {
                    self.append(&batch)?;
                    self.disk.reported = self.disk.records.len() as Seq;
                    self.unacknowledged.acknowledge(self.disk.reported);
                    let released = self.gate.durable_up_to(self.disk.reported);
                    self.perform(released.effects)?;
                    self.look_at(fate == Fate::Written)?;
                    if fate != Fate::Written {
                        return self.crash("after the effects of a write");
                    }
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, batch: &[Record]) -> Result<(), String> {
        for record in batch {
            note!(self, "{} {} {:?}", record.seq, record.at.clock(), record.event);
            self.promises.record(record, &mut self.replica)?;
            self.disk.records.push(record.clone());
            self.people_notice(&record.event);
            self.people_decide(&record.event);
        }
        Ok(())
    }

    /// What must hold of the state once a write is done.
    fn look_at(&mut self, calm: bool) -> Result<(), String> {
        self.promises.state(&self.replica, &self.setup, self.draining)?;
        // Any prefix of the journal folds to the state that the engine had there.
        let whole = calm && self.disk.queue.is_empty() && !self.gate.is_holding();
        if whole && self.dice.chance(10) && self.replica != *self.engine.state() {
            return Err("the folded journal is not the state of the engine".to_owned());
        }
        let busy = self.draining
            || self.engine.state().seq() != self.replica.seq()
            || self.engine.next_deadline().is_some_and(|at| at <= self.now);
        if whole && !busy { self.promises.caught_up(self.now) } else { Ok(()) }
    }

    /// What becomes of a write.
    fn fate(&mut self) -> Fate {
        let starting = std::mem::take(&mut self.disk.starting);
        if let Some(fault) = self.crash_now(starting) {
            if starting {
                self.happened.note(Fault::CrashRecovery);
            }
            return Fate::Gone(fault);
        }
        for (fault, permille) in [(Fault::NoSpace, 4), (Fault::SyncFailed, 4)] {
            let chance = self.dice.below(1_000) < permille;
            if self.happens(fault, chance) {
                return Fate::Failed(fault);
            }
        }
        Fate::Written
    }

    /// Whether the process is gone at this write, and where in it.
    fn crash_now(&mut self, starting: bool) -> Option<Fault> {
        let fault = match self.case.crashes {
            Crashes::Never => None,
            Crashes::ByChance => {
                let (chance, place) = (self.dice.below(100), self.dice.below(4));
                let places = [Fault::CrashBefore, Fault::CrashBefore, Fault::CrashAfter, Fault::CrashLater];
                (chance < if starting { 10 } else { 2 }).then_some(places[place as usize])
            }
            Crashes::At { write, moment, again } => {
                let writes = self.disk.writes;
                let here = writes == write || (again && starting && writes == write + 1);
                here.then_some(match moment {
                    Moment::Before => Fault::CrashBefore,
                    Moment::After => Fault::CrashAfter,
                })
            }
        };
        fault.filter(|fault| self.happens(*fault, true))
    }

    /// Whether the engine was thrown away, and the disk is not back.
    pub(super) fn on_hold(&self) -> bool {
        self.held
    }

    /// The process is gone.
    pub(super) fn crash(&mut self, when: &str) -> Result<(), String> {
        self.crashes += 1;
        note!(self, "{} ! crash {when}", self.now.clock());
        self.written_partly()?;
        // Agents are children of the engine: what they were doing is cut off, their answers are lost.
        let dice = &mut self.dice;
        self.agenda.forget_answers(|| dice.chance(20));
        self.promises.gone();
        self.gate = Gate::new();
        self.held = false;
        self.unacknowledged = Default::default();
        self.now = self.now + Span::from_secs(self.dice.below(20));
        self.turn_clock_back();
        // Whoever performs asks the journal at its start.
        self.halted = false;
        self.stream_restarts();
        self.edit_while_down();
        self.start()
    }

    /// Of what was under way a beginning may be on disk, whole batches only (C7).
    fn written_partly(&mut self) -> Result<(), String> {
        let queue = std::mem::take(&mut self.disk.queue);
        let kept = self.dice.below(queue.len() as u64 + 1) as usize;
        for batch in queue.iter().take(kept) {
            self.happened.note(Fault::Unreported);
            self.append(batch)?;
        }
        Ok(())
    }

    /// A write failed: nothing more leaves, the engine is thrown away (C6).
    fn hold(&mut self, why: &str) -> Result<(), String> {
        note!(self, "{} ! on hold: {why}", self.now.clock());
        for repeat in self.engine.held_repeats().chain(self.gate.undurable_repeats()) {
            self.unacknowledged.keep(Seq::MAX, repeat.clone());
        }
        self.promises.gone();
        self.gate.failed();
        self.disk.queue.clear();
        self.disk.slow = false;
        self.stream_holds();
        self.held = true;
        self.agenda.plan(self.now + RETRY, Happening::TryDisk);
        Ok(())
    }

    /// On hold: perhaps the disk is back. What agents have in hand they go on with.
    pub(super) fn try_disk(&mut self) -> Result<(), String> {
        if !self.held {
            return Ok(());
        }
        if self.goes_wrong(Fault::ReadError, 20) {
            self.agenda.plan(self.now + RETRY, Happening::TryDisk);
            return Ok(());
        }
        self.held = false;
        self.gate = Gate::new();
        // Not to be taken for durable: they have the numbers of an engine that is gone.
        let again: Vec<_> = self.unacknowledged.take().collect();
        let crashes = self.crashes;
        self.start()?;
        if self.crashes != crashes {
            return Ok(());
        }
        for detection in again {
            match self.held {
                true => self.unacknowledged.keep(Seq::MAX, detection),
                false => self.tell(detection),
            }
        }
        self.settle()
    }

    /// Starting is recovering (C8): reads the journal, and writes what the engine says at its start.
    fn start(&mut self) -> Result<(), String> {
        while self.goes_wrong(Fault::CrashReading, 5) {
            self.now = self.now + Span::from_secs(self.dice.below(5));
        }
        self.draining = false;
        self.disk.starting = true;
        self.disk.reported = self.disk.records.len() as Seq;
        if self.disk.records.is_empty() {
            let (engine, output) = Engine::new(Arc::clone(&self.setup), "sim", self.case.seed, self.now);
            self.engine = engine;
            self.offer(output);
            return self.settle();
        }
        self.agree_on_halt()?;
        let mut state = State::new();
        for record in &self.disk.records {
            state.apply(record).map_err(|illegal| format!("recovery: {illegal}"))?;
        }
        if state != self.replica {
            return Err("the journal folds to another state than before".to_owned());
        }
        let started = Engine::resume(state, Arc::clone(&self.setup), "sim", self.now);
        let (engine, output) = started.map_err(|error| format!("recovery: {error}"))?;
        self.engine = engine;
        self.offer(output);
        self.settle()
    }

    /// What is halted by the journal is halted at whoever performs, and the other way round.
    fn agree_on_halt(&mut self) -> Result<(), String> {
        if self.replica.halt().is_some() {
            self.halted = true;
        } else if self.halted {
            let (by, why) = (Actor(Arc::from("ada")), Arc::from("thrown while it was on hold"));
            let at = self.now.max(self.replica.now());
            let record = Record { seq: self.replica.seq() + 1, at, event: Event::Halted { by, why } };
            self.append(&[record])?;
            self.disk.reported += 1;
        }
        Ok(())
    }

    /// It is stopped in good order: what is held in memory only is written, and the sources say how far
    /// they are (C18).
    pub(super) fn restart(&mut self) -> Result<(), String> {
        if self.held || !self.goes_wrong(Fault::Restart, 100) {
            return Ok(());
        }
        note!(self, "{} ! stop", self.now.clock());
        self.draining = true;
        self.handle(Input::Drain);
        self.finish_stream();
        let output = self.engine.close(self.now);
        self.offer(output);
        let before = self.crashes;
        self.disk.slow = false;
        self.settle()?;
        self.write()?;
        if self.held || self.crashes != before {
            return Ok(());
        }
        self.keep_last_cursor();
        self.crash("in good order")
    }
}
