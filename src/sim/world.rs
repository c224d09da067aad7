//! A world of agents that fail, hang, lie late and answer twice, of people who change their minds,
//! and of crashes between any two records.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::case::Case;
use super::checks::Violation;
use super::dice::Dice;
use super::fault::{Fault, Happened};
use super::promises::Promises;
use super::report::Report;
use super::setup::setups;
use super::trace::{Trace, note};
use crate::engine::{Engine, Event, Gate, Input, Output, Record, Request, Setup, State};
use crate::model::{RunId, Span, StepIx, Timestamp};
use crate::runtime::hold::Unacknowledged;

mod agenda;
mod agents;
mod approvals;
mod disk;
mod people;
mod probes;
mod reload;
mod stream;

use agenda::{Agenda, Happening};
use disk::Disk;
use stream::Stream;

/// One simulated world.
pub struct World {
    case: Case,
    dice: Dice,
    setup: Arc<Setup>,
    engine: Engine,
    gate: Gate,
    disk: Disk,
    /// Folded from the disk alone.
    replica: State,
    /// What the clock of the machine says.
    now: Timestamp,
    agenda: Agenda,
    stream: Stream,
    /// Findings that the engine was told of and that are not durable.
    unacknowledged: Unacknowledged,
    /// The setups that its files may have.
    setups: Vec<Arc<Setup>>,
    /// A write failed; the engine is of no use any more.
    held: bool,
    /// It is being stopped in good order.
    draining: bool,
    promises: Promises,
    /// What the engine said is wrong.
    wrong: Option<String>,
    trace: Trace,
    crashes: u32,
    happened: Happened,
    /// Whether the effect of each step is there.
    there: BTreeMap<(RunId, StepIx), bool>,
    /// The kill switch, as whoever performs knows it.
    halted: bool,
    faults: bool,
}

const START: Timestamp = Timestamp::from_secs(1_800_000_000);

impl World {
    /// As it begins.
    pub fn new(case: Case) -> Self {
        let seed = case.seed;
        let mut dice = Dice::new(seed);
        let setups = setups(seed, &mut dice);
        let setup = Arc::clone(&setups[0]);
        let mut happened = Happened::default();
        let stream = Stream::new(seed, &mut dice, &mut |fault, chance| {
            let happens = chance && case.faults.has(fault);
            if happens {
                happened.note(fault);
            }
            happens
        });
        let (engine, output) = Engine::new(Arc::clone(&setup), "sim", seed, START);
        let mut gate = Gate::new();
        gate.offer(output);
        World {
            trace: Trace::new(seed, case.traced),
            case,
            dice,
            setup,
            engine,
            gate,
            disk: Disk::default(),
            replica: State::new(),
            now: START,
            agenda: Agenda::default(),
            stream,
            unacknowledged: Unacknowledged::default(),
            promises: Promises::new(&setups),
            setups,
            held: false,
            draining: false,
            wrong: None,
            crashes: 0,
            happened,
            there: BTreeMap::new(),
            halted: false,
            faults: true,
        }
    }

    /// Lives through it. A panic of the engine is a violation like any other.
    ///
    /// # Errors
    /// What was violated.
    pub fn run(mut self) -> Result<Report, Violation> {
        let lived = catch_unwind(AssertUnwindSafe(|| self.live()));
        let what = match lived {
            Ok(Ok(())) => return Ok(self.report()),
            Ok(Err(what)) => what,
            Err(panic) => format!("panic: {}", words_of(&*panic)),
        };
        Err(Violation { case: self.case, what, trace: self.trace.into_lines() })
    }

    /// What its engine works with.
    pub fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup)
    }

    /// Lives through it, and gives every record that became durable.
    ///
    /// # Errors
    /// What was violated.
    pub fn into_records(mut self) -> Result<Vec<Record>, Violation> {
        match self.live() {
            Ok(()) => Ok(self.disk.records),
            Err(what) => Err(Violation { case: self.case, what, trace: self.trace.into_lines() }),
        }
    }

    fn report(self) -> Report {
        let mut runs = BTreeMap::new();
        for run in self.engine.state().runs() {
            *runs.entry(run.status().to_string()).or_default() += 1;
            if !run.mode().is_live() {
                *runs.entry("observed".to_owned()).or_default() += 1;
            }
        }
        let mut settled = BTreeMap::new();
        for record in &self.disk.records {
            if let Event::StepSettled { undo, settled: word, .. } = &record.event {
                let undo = if *undo { "undo " } else { "" };
                *settled.entry(format!("{undo}{}", word.name())).or_default() += 1;
            }
        }
        Report {
            records: self.disk.records.len() as u64,
            crashes: self.crashes,
            runs,
            settled,
            approved: self.promises.witness.consent.begun,
            worlds: 1,
            faults: self.happened,
            writes: self.disk.writes,
            fingerprint: self.trace.hash(),
            trace: self.trace.into_lines(),
        }
    }

    /// Whether a fault happens, in `percent` of 100 cases.
    fn goes_wrong(&mut self, fault: Fault, percent: u64) -> bool {
        let happens = self.dice.chance(percent);
        self.happens(fault, happens)
    }

    /// The same, where chance has spoken already.
    fn happens(&mut self, fault: Fault, chance: bool) -> bool {
        let happens = chance && self.faults && self.case.faults.has(fault);
        if happens {
            self.happened.note(fault);
        }
        happens
    }

    fn live(&mut self) -> Result<(), String> {
        self.schedule_people();
        self.settle()?;
        loop {
            let Some(at) = self.next_time() else {
                // What is left in the gate may set off more.
                self.settle()?;
                if self.next_time().is_none() { break } else { continue }
            };
            if at > START + Span::from_secs(1_200) {
                self.faults = false;
            }
            if at > START + Span::from_secs(86_400) {
                return Err(format!("still busy after a day: {:?}", self.busy()));
            }
            self.now = self.now.max(at);
            self.sleep();
            self.step()?;
            if !self.held {
                self.tend_stream();
            }
            self.wrong.take().map_or(Ok(()), Err)?;
            // Several inputs may share a batch, as they do under load.
            if !self.dice.chance(30) {
                self.settle()?;
            }
        }
        if self.replica != *self.engine.state() {
            return Err("the folded journal is not the state of the engine".to_owned());
        }
        self.promises.at_rest(&self.replica, self.now)?;
        // C5, C19: what detection finds in the file is in the journal, all of it and once.
        self.promises.findings.compare(&self.stream.expected)
    }

    fn busy(&self) -> Vec<String> {
        let live = self.engine.state().runs().filter(|run| !run.status().is_terminal());
        live.map(|run| format!("{} {}", run.id(), run.status())).collect()
    }

    fn next_time(&mut self) -> Option<Timestamp> {
        if self.held {
            return self.agenda.next();
        }
        [self.agenda.next(), self.engine.next_deadline(), self.stream.next_at()].into_iter().flatten().min()
    }

    pub(super) fn at(&mut self, at: Timestamp, input: Input) {
        self.agenda.plan(at, Happening::Input(input));
    }

    /// What is next: timers come before what happens at the same time, signals after it.
    fn step(&mut self) -> Result<(), String> {
        if !self.held && self.engine.next_deadline().is_some_and(|at| at <= self.now) {
            note!(self, "{} > tick", self.now.clock());
            self.handle(Input::Tick);
            return Ok(());
        }
        match self.agenda.take_due(self.now) {
            Some(Happening::Input(input)) if self.held => self.keep_or_refuse(input),
            Some(Happening::Input(input)) => {
                note!(self, "{} > {input:?}", self.now.clock());
                self.handle(input);
            }
            Some(Happening::Written) => return self.write(),
            Some(Happening::TryDisk) => return self.try_disk(),
            Some(Happening::Reload) => self.reload(),
            Some(Happening::Restart) => return self.restart(),
            None if self.held => {}
            None => self.read_signals(),
        }
        Ok(())
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.promises.input(&input);
        let output = self.engine.handle(input, self.now);
        self.offer(output);
    }

    /// Takes what the engine says to something.
    pub(super) fn offer(&mut self, output: Output) {
        if let Err(what) = self.promises.said(&output) {
            self.wrong.get_or_insert(what);
        }
        self.gate.offer(output);
    }

    /// On hold requests are refused, but for the kill switch; what agents say waits.
    fn keep_or_refuse(&mut self, input: Input) {
        match input {
            Input::Request { request: Request::Halt { .. }, .. } => self.halted = true,
            Input::Request { request: Request::Release, .. } => {
                // Somebody asks once more.
                self.at(self.now + Span::from_secs(5), input);
            }
            Input::Request { .. } => {}
            input => {
                let at = self.now + Span::from_millis(self.dice.below(3_000));
                self.at(at, input);
            }
        }
    }

    /// The clock of the machine was set back while nobody ran: what was in the journal was later (C22).
    fn turn_clock_back(&mut self) {
        if self.goes_wrong(Fault::ClockBack, 10) {
            self.now = self.now - Span::from_secs(self.dice.below(300));
        }
    }

    /// The machine slept: everything is due at once.
    fn sleep(&mut self) {
        let chance = self.dice.below(1_000) < 1;
        if self.happens(Fault::Slept, chance) {
            self.now = self.now + Span::from_secs(self.dice.below(600));
            note!(self, "{} ! slept", self.now.clock());
        }
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}
