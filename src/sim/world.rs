//! A world of agents that fail, hang, lie late and answer twice, of people who change their minds,
//! and of crashes between any two records.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use super::checks::{Violation, Witness};
use super::dice::Dice;
use super::ledger::LedgerWitness;
use super::setup::setup;
use crate::engine::{AgentKind, Effect, Engine, Event, Gate, Input, Record, Setup, State, Task};
use crate::model::{
    Detection, DetectionId, Failure, FailureKind, Map, Outcome, RuleHead, RunId, Severity, Span, StepIx,
    Timestamp,
};

mod approvals;
mod people;
mod probes;

/// What a seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Records that became durable.
    pub records: u64,
    /// Crashes survived.
    pub crashes: u32,
    /// Runs, by the word of their last status; those that observe once more as `observed`.
    pub runs: BTreeMap<String, u64>,
    /// What people settled, by its word; of undos with `undo ` before it.
    pub settled: BTreeMap<String, u64>,
    /// Steps that were begun after people approved them.
    pub approved: u64,
    /// A fingerprint of everything that happened, for determinism.
    pub fingerprint: u64,
}

/// One simulated world.
pub struct World {
    seed: u64,
    dice: Dice,
    setup: Arc<Setup>,
    engine: Engine,
    gate: Gate,
    disk: Vec<Record>,
    /// Folded from the disk alone.
    replica: State,
    now: Timestamp,
    agenda: BinaryHeap<Reverse<(Timestamp, u64)>>,
    inputs: BTreeMap<u64, Input>,
    number: u64,
    witness: Witness,
    ledger: LedgerWitness,
    trace: Vec<String>,
    crashes: u32,
    /// Whether the effect of each step is there.
    there: BTreeMap<(RunId, StepIx), bool>,
    /// The kill switch, as whoever performs knows it.
    halted: bool,
    faults: bool,
    fingerprint: u64,
}

const START: Timestamp = Timestamp::from_secs(1_800_000_000);

impl World {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let setup = setup(&mut dice);
        let (engine, output) = Engine::new(Arc::clone(&setup), "sim", seed, START);
        let mut gate = Gate::new();
        gate.offer(output);
        World {
            seed,
            dice,
            setup,
            engine,
            gate,
            disk: Vec::new(),
            replica: State::new(),
            now: START,
            agenda: BinaryHeap::new(),
            inputs: BTreeMap::new(),
            number: 0,
            witness: Witness::default(),
            ledger: LedgerWitness::default(),
            trace: Vec::new(),
            crashes: 0,
            there: BTreeMap::new(),
            halted: false,
            faults: true,
            fingerprint: seed,
        }
    }

    /// Lives through it.
    ///
    /// # Errors
    /// What was violated.
    pub fn run(mut self) -> Result<Report, Violation> {
        match self.live() {
            Ok(()) => Ok(self.report()),
            Err(what) => Err(Violation { seed: self.seed, what, trace: self.trace }),
        }
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
            Ok(()) => Ok(self.disk),
            Err(what) => Err(Violation { seed: self.seed, what, trace: self.trace }),
        }
    }

    fn report(&self) -> Report {
        let mut runs = BTreeMap::new();
        for run in self.engine.state().runs() {
            *runs.entry(run.status().to_string()).or_default() += 1;
            if !run.mode().is_live() {
                *runs.entry("observed".to_owned()).or_default() += 1;
            }
        }
        let mut settled = BTreeMap::new();
        for record in &self.disk {
            if let Event::StepSettled { undo, settled: word, .. } = &record.event {
                let undo = if *undo { "undo " } else { "" };
                *settled.entry(format!("{undo}{}", word.name())).or_default() += 1;
            }
        }
        let (records, fingerprint) = (self.disk.len() as u64, self.fingerprint);
        Report {
            records,
            crashes: self.crashes,
            runs,
            settled,
            approved: self.witness.consent.begun,
            fingerprint,
        }
    }

    fn live(&mut self) -> Result<(), String> {
        self.schedule_signals();
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
            let input = self.take_due().unwrap_or(Input::Tick);
            self.note(format!("{} > {}", self.now.clock(), brief(&input)));
            if let Input::Probed { of, found } = &input {
                self.witness.told(*of, found);
            }
            let output = self.engine.handle(input, self.now);
            self.gate.offer(output);
            // Several inputs may share a batch, as they do under load.
            if !self.dice.chance(30) {
                self.settle()?;
            }
        }
        if self.replica != *self.engine.state() {
            return Err("the folded journal is not the state of the engine".to_owned());
        }
        Witness::at_rest(self.engine.state())
    }

    fn busy(&self) -> Vec<String> {
        let live = self.engine.state().runs().filter(|run| !run.status().is_terminal());
        live.map(|run| format!("{} {}", run.id(), run.status())).collect()
    }

    fn note(&mut self, line: String) {
        for byte in line.bytes() {
            self.fingerprint = (self.fingerprint ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.trace.push(line);
    }

    fn next_time(&mut self) -> Option<Timestamp> {
        let happening = self.agenda.peek().map(|Reverse((at, _))| *at);
        let deadline = self.engine.next_deadline();
        match (happening, deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Timers come before what happens at the same time.
    fn take_due(&mut self) -> Option<Input> {
        if self.engine.next_deadline().is_some_and(|at| at <= self.now) {
            return None;
        }
        let Reverse((at, number)) = *self.agenda.peek()?;
        if at > self.now {
            return None;
        }
        self.agenda.pop();
        self.inputs.remove(&number)
    }

    fn at(&mut self, at: Timestamp, input: Input) {
        self.number += 1;
        self.agenda.push(Reverse((at, self.number)));
        self.inputs.insert(self.number, input);
    }

    /// Appends what the gate holds, perhaps crashes, and performs what it releases.
    fn settle(&mut self) -> Result<(), String> {
        let Some(batch) = self.gate.cut() else {
            let released = self.gate.durable_up_to(self.disk.len() as u64);
            return self.perform(released.effects);
        };
        // The disk has not answered yet: nothing of this batch may leave.
        let early = self.gate.durable_up_to(self.disk.len() as u64);
        self.perform(early.effects)?;
        let crash = self.faults && self.dice.chance(2);
        if crash && self.dice.chance(50) {
            return self.crash("before the append");
        }
        for record in batch.iter() {
            self.note(format!("{} {} {:?}", record.seq, record.at.clock(), record.event));
            self.disk.push(record.clone());
            Witness::nothing_answers_itself(record, &self.replica)?;
            self.ledger.record(record, &self.replica)?;
            self.replica.apply(record).map_err(|illegal| illegal.to_string())?;
            self.witness.record(record)?;
            self.people_notice(&record.event);
            self.people_decide(&record.event);
        }
        // Any prefix of the journal folds to the state that the engine had there.
        if self.dice.chance(10) && self.replica != *self.engine.state() {
            return Err("the folded journal is not the state of the engine".to_owned());
        }
        if crash && self.dice.chance(50) {
            return self.crash("after the append, before the effects");
        }
        let released = self.gate.durable_up_to(self.disk.len() as u64);
        let effects = released.effects;
        self.perform(effects)?;
        Witness::state(self.engine.state())?;
        self.ledger.state(&self.replica)?;
        if crash { self.crash("after the effects") } else { Ok(()) }
    }

    fn crash(&mut self, when: &str) -> Result<(), String> {
        self.crashes += 1;
        self.note(format!("{} ! crash {when}", self.now.clock()));
        // Agents are children of the engine: what they were doing is cut off, their answers are lost.
        let lost: Vec<u64> = self.inputs.iter().filter(|(_, i)| is_answer(i)).map(|(n, _)| *n).collect();
        for number in lost {
            self.inputs.insert(number, Input::Tick);
        }
        self.gate = Gate::new();
        self.now = self.now + Span::from_secs(self.dice.below(20));
        if self.disk.is_empty() {
            let (engine, output) = Engine::new(Arc::clone(&self.setup), "sim", self.seed, self.now);
            self.engine = engine;
            self.gate.offer(output);
            return self.settle();
        }
        let records = self.disk.iter().cloned();
        let recovered = Engine::recover(records, Arc::clone(&self.setup), "sim", self.now);
        let (engine, output) = recovered.map_err(|error| format!("recovery: {error}"))?;
        self.engine = engine;
        // Whoever performs asks the journal at its start.
        self.halted = self.replica.halt().is_some();
        self.gate.offer(output);
        self.settle()
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), String> {
        for effect in effects {
            match effect {
                Effect::Perform(task) if self.halted && !task.passes_halt() => {
                    let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
                    let outcome = Outcome::NotBegun;
                    self.at(self.now, Input::StepFinished { run, step, attempt, undo, outcome });
                }
                Effect::Halt { .. } => self.halted = true,
                Effect::Release => self.halted = false,
                Effect::Perform(task) => {
                    self.witness.effect(&task)?;
                    self.ledger.effect(&task, &self.replica)?;
                    self.answer(&task);
                }
                Effect::Probe(probe) => self.look(&probe),
                Effect::Stop { run, step, attempt, undo } if self.dice.chance(90) => {
                    let at = self.now + Span::from_millis(self.dice.below(2_000));
                    let outcome = Outcome::Stopped;
                    self.at(at, Input::StepFinished { run, step, attempt, undo, outcome });
                }
                Effect::Stop { .. } => {}
                Effect::Answer { id, answer } => self.note(format!("{} = {answer:?}", id)),
            }
        }
        Ok(())
    }

    /// An agent answers: soon, late, twice, badly or never.
    fn answer(&mut self, task: &Task) {
        if task.kind == AgentKind::Manual {
            return self.person_answers(task);
        }
        let roll = if self.faults { self.dice.below(100) } else { 99 };
        if task.probe_first && self.dice.chance(8) {
            self.there.insert((task.run, task.step), true);
            let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
            let outcome = Outcome::Found(Map::new());
            return self.at(self.now, Input::StepFinished { run, step, attempt, undo, outcome });
        }
        let failed = |kind, message: &str| Outcome::Failed(Failure { kind, message: message.to_owned() });
        let mut output = Map::new();
        output.insert("key".to_owned(), task.key.to_string().into());
        let outcome = match roll {
            0..=7 => failed(FailureKind::Answered, "no"),
            8..=9 => failed(FailureKind::NoAnswer, "gone"),
            10..=12 => return self.act(task, None),
            _ => Outcome::Succeeded(output),
        };
        self.act(task, Some(&outcome));
        let delay = if self.dice.chance(5) { 45_000 } else { 3_000 };
        let at = self.now + Span::from_millis(self.dice.below(delay));
        let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
        let input = Input::StepFinished { run, step, attempt, undo, outcome };
        if self.dice.chance(5) {
            self.at(at + Span::from_millis(self.dice.clone().below(5_000)), input.clone());
        }
        self.at(at, input);
    }

    fn schedule_signals(&mut self) {
        for _ in 0..4 + self.dice.below(12) {
            let at = START + Span::from_millis(self.dice.below(600_000));
            let rule = ["alpha", "beta", "gamma"][self.dice.below(3) as usize];
            let key = ["k1", "k2", "k3"][self.dice.below(3) as usize];
            let count = 1 + self.dice.below(4);
            let window = self.dice.below(200);
            let detection = detection(rule, key, window, count, at);
            self.at(at, Input::Detection(detection.clone()));
            if self.dice.chance(30) {
                self.at(at + Span::from_millis(self.dice.clone().below(3_000)), Input::Detection(detection));
            }
        }
    }
}

fn is_answer(input: &Input) -> bool {
    matches!(input, Input::StepFinished { .. } | Input::Probed { .. })
}

fn brief(input: &Input) -> String {
    match input {
        Input::Detection(d) => format!("detection {} {} {} x{}", d.rule.name, d.key, d.id, d.count),
        other => format!("{other:?}"),
    }
}

fn detection(rule: &str, key: &str, window: u64, count: u64, at: Timestamp) -> Detection {
    let head = RuleHead {
        id: Arc::from(rule),
        name: Arc::from(rule),
        title: Arc::from(rule),
        level: Severity::High,
        tags: vec![],
        author: None,
    };
    let hash = crate::flow::backoff::mix(&[rule.len() as u64, rule.as_bytes()[0].into(), window])
        ^ crate::flow::backoff::mix(&[key.as_bytes()[1].into()]);
    Detection {
        id: DetectionId(hash.to_be_bytes()),
        rule: Arc::new(head),
        at,
        since: at,
        key: Arc::from(key),
        count,
        fields: Map::new(),
        evidence: vec![],
    }
}
