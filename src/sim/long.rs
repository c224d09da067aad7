//! A day under load: nothing that the engine or detection keeps may grow with time.
//!
//! Attackers come and go, agents fail and fall silent, people answer, close, lift, pause and settle, now and
//! then the process dies. Every collection is measured each minute; what has no named limit has to be about
//! as large in the last hours as it was in the third and fourth.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::dice::Dice;
use super::long_setup::{attacks, rules, setup};
use crate::detect::{Detector, LATENESS};
use crate::engine::{
    Actor, AgentKind, Effect, Engine, Gate, Input, Lift, Obligation, Request, RunStatus, Settled, Setup,
    Size, State, StepStatus, Task,
};
use crate::model::{
    Failure, FailureKind, Map, ObligationId, Outcome, Presence, RequestId, RunId, Signal, Span, Timestamp,
};
use crate::rule::RuleSet;

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOUR: i64 = 3_600;
/// Hours that are compared with the last two: by then everything that is kept for an hour is there.
const EARLY: std::ops::Range<usize> = 2..4;
/// What is few anyway may be more by so much.
const SLACK: usize = 48;

/// Targets that are held all day begin with it.
const HELD: &str = "held-";

/// What a day came to.
#[derive(Debug, Clone, Default)]
pub struct Day {
    /// Signals that were looked at.
    pub signals: u64,
    /// Records that became durable.
    pub records: u64,
    /// Runs that ended.
    pub runs: u64,
    /// Crashes survived.
    pub crashes: u32,
    /// The most of each collection in each hour.
    pub most: BTreeMap<&'static str, Vec<usize>>,
    limits: BTreeMap<&'static str, usize>,
}

/// A collection that grew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// What it holds.
    pub of: &'static str,
    /// The most of it in each hour.
    pub most: Vec<usize>,
    /// Its named limit.
    pub limit: Option<usize>,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} grew: {:?}", self.of, self.most)?;
        self.limit.map_or(Ok(()), |limit| write!(f, ", beyond the limit of {limit}"))
    }
}

impl Day {
    fn take(&mut self, hour: usize, size: Size) {
        let most = self.most.entry(size.of).or_default();
        most.resize(hour.max(most.len().saturating_sub(1)) + 1, 0);
        if let Some(most) = most.get_mut(hour) {
            *most = size.count.max(*most);
        }
        if let Some(limit) = size.limit {
            self.limits.insert(size.of, limit);
        }
    }

    /// What grew.
    pub fn growth(&self) -> Vec<Growth> {
        let grew = self.most.iter().filter_map(|(of, most)| {
            let limit = self.limits.get(of).copied();
            let early = most.get(EARLY).unwrap_or_default().iter().max().copied().unwrap_or(0);
            let late = most.iter().rev().take(2).max().copied().unwrap_or(0);
            let allowed = limit.unwrap_or(early + early / 2 + SLACK);
            (late > allowed).then(|| Growth { of, most: most.clone(), limit })
        });
        grew.collect()
    }
}

/// The world of a day.
struct Long {
    dice: Dice,
    setup: Arc<Setup>,
    rules: Arc<RuleSet>,
    seed: u64,
    engine: Engine,
    gate: Gate,
    /// What is on disk, folded.
    replica: State,
    detector: Detector,
    attacks: Vec<Signal>,
    now: Timestamp,
    agenda: BinaryHeap<Reverse<(Timestamp, u64)>>,
    inputs: BTreeMap<u64, Input>,
    number: u64,
    day: Day,
}

/// Lives through so many hours.
///
/// # Errors
/// The folded journal is not the state of the engine, or a record does not fold.
pub fn run(seed: u64, hours: u32) -> Result<Day, String> {
    let mut dice = Dice::new(seed);
    let (setup, rules) = (setup(), rules());
    let (engine, output) = Engine::new(Arc::clone(&setup), "sim", seed, START);
    let mut gate = Gate::new();
    gate.offer(output);
    let attacks = attacks();
    dice.roll();
    let mut long = Long {
        detector: Detector::new(Arc::clone(&rules), LATENESS, seed),
        dice,
        setup,
        rules,
        seed,
        engine,
        gate,
        replica: State::new(),
        attacks,
        now: START,
        agenda: BinaryHeap::new(),
        inputs: BTreeMap::new(),
        number: 0,
        day: Day::default(),
    };
    long.settle()?;
    let mut found = Vec::new();
    for minute in 0..i64::from(hours) * 60 {
        let begins = START + Span::from_secs(minute as u64 * 60);
        long.people(minute);
        for _ in 0..10 + long.dice.below(20) {
            let at = begins + Span::from_millis(long.dice.below(60_000));
            long.number += 1;
            long.agenda.push(Reverse((at, long.number)));
        }
        long.pass_until(begins + Span::from_secs(60), &mut found)?;
        long.measure((minute * 60 / HOUR) as usize);
        if long.dice.below(240) == 0 {
            long.crash()?;
        }
    }
    long.day.runs = long.engine.state().counts().ended();
    Ok(long.day)
}

impl Long {
    fn pass_until(
        &mut self,
        until: Timestamp,
        found: &mut Vec<crate::model::Detection>,
    ) -> Result<(), String> {
        loop {
            let due = self.agenda.peek().map(|Reverse((at, _))| *at);
            let deadline = self.engine.next_deadline();
            let Some(at) = due.into_iter().chain(deadline).min().filter(|at| *at < until) else {
                self.now = until;
                return Ok(());
            };
            self.now = self.now.max(at);
            if deadline.is_some_and(|deadline| deadline <= self.now) {
                self.handle(Input::Tick)?;
                continue;
            }
            let Some(Reverse((_, number))) = self.agenda.pop() else { continue };
            match self.inputs.remove(&number) {
                Some(input) => self.handle(input)?,
                None => {
                    self.signal(found);
                    for detection in found.drain(..) {
                        self.handle(Input::Detection(detection))?;
                    }
                }
            }
        }
    }

    fn handle(&mut self, input: Input) -> Result<(), String> {
        let output = self.engine.handle(input, self.now);
        self.gate.offer(output);
        self.settle()
    }

    /// A signal by one of the attackers of this quarter of an hour, or by one who is always there.
    fn signal(&mut self, found: &mut Vec<crate::model::Detection>) {
        self.day.signals += 1;
        let which = self.dice.below(self.attacks.len() as u64) as usize;
        let Some(signal) = self.attacks.get(which) else { return };
        let mut signal = signal.clone();
        let quarter = self.now.since(START).0 / 900_000_000;
        let source = match self.dice.chance(20) {
            true => self.dice.below(5) as u32,
            false => 0x100 + quarter as u32 * 16 + self.dice.below(16) as u32,
        };
        signal.common.source_ip = Some(Ipv4Addr::from_bits(0x0a00_0000 + source).into());
        signal.at = self.now - Span::from_millis(self.dice.below(20_000));
        self.detector.observe(&signal, found);
    }

    fn at(&mut self, at: Timestamp, input: Input) {
        self.number += 1;
        self.agenda.push(Reverse((at, self.number)));
        self.inputs.insert(self.number, input);
    }

    fn ask(&mut self, request: Request) {
        let at = self.now + Span::from_millis(self.dice.below(60_000));
        let by = Actor(Arc::from(["ada", "bob", "eve"][self.dice.below(3) as usize]));
        self.at(at, Input::Request { id: RequestId(self.number), by, seen: None, request });
    }

    /// Appends what the gate holds, and performs what it releases.
    fn settle(&mut self) -> Result<(), String> {
        loop {
            let batch = self.gate.cut();
            for record in batch.iter().flat_map(|batch| batch.iter()) {
                self.day.records += 1;
                self.replica.apply(record).map_err(|illegal| illegal.to_string())?;
            }
            let effects = self.gate.durable_up_to(self.replica.seq()).effects;
            if batch.is_none() && effects.is_empty() {
                return Ok(());
            }
            effects.into_iter().for_each(|effect| self.perform(effect));
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Perform(task) => self.answer(&task),
            Effect::Probe(probe) => {
                let found = match self.dice.below(10) {
                    0 => Presence::Unknown("no answer".to_owned()),
                    1..=5 => Presence::Present,
                    _ => Presence::Absent,
                };
                let at = self.now + Span::from_millis(self.dice.below(2_000));
                self.at(at, Input::Probed { of: probe.of, found });
            }
            Effect::Stop { run, step, attempt, undo } => {
                let outcome = Outcome::Stopped;
                self.at(self.now, Input::StepFinished { run, step, attempt, undo, outcome });
            }
            Effect::Halt { .. } | Effect::Release | Effect::Answer { .. } => {}
        }
    }

    /// An agent answers, soon, badly or never; a person answers later, or not.
    fn answer(&mut self, task: &Task) {
        let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
        if task.kind == AgentKind::Manual {
            let Some(named) = self.engine.state().run(run) else { return };
            let step = Arc::from(named.step_id(step));
            let (done, text) = (self.dice.chance(90), "by hand".to_owned());
            if self.dice.chance(80) {
                self.ask(Request::Answer { run, step, undo, done, text });
            }
            return;
        }
        let failed = |kind, message: &str| Outcome::Failed(Failure { kind, message: message.to_owned() });
        let outcome = match self.dice.below(100) {
            0..=4 => failed(FailureKind::Answered, "no"),
            5 => failed(FailureKind::NoAnswer, "gone"),
            6 => return,
            _ => Outcome::Succeeded(Map::new()),
        };
        let at = self.now + Span::from_millis(self.dice.below(4_000));
        self.at(at, Input::StepFinished { run, step, attempt, undo, outcome });
    }

    /// What people do in a minute: nothing that is left to them stays for ever.
    fn people(&mut self, minute: i64) {
        let state = self.engine.state();
        let old = |at: Timestamp| self.now.since(at) > Span::from_secs(600);
        let mut asked = Vec::new();
        for incident in state.incidents().filter(|i| i.status().is_open() && old(i.opened_at())) {
            let (incident, reason) = (incident.id(), "over".to_owned());
            asked.push(Request::Resolve { incident, reason });
        }
        for (run, step) in state.approvals() {
            let Some(found) = state.run(run) else { continue };
            let permission = found.steps().get(step.index()).and_then(|step| step.permission());
            if let Some(permission) = permission {
                let (step, hash) = (Arc::from(found.step_id(step)), permission.asked().hash.to_string());
                asked.push(Request::Approve { run, step, hash, groups: Box::new([]) });
            }
        }
        for run in state.runs().filter(|run| !run.status().is_terminal()) {
            let id = run.id();
            match run.status() {
                RunStatus::Paused => asked.push(Request::Resume { run: id }),
                RunStatus::Parked | RunStatus::Stuck => {
                    for (i, step) in run.steps().iter().enumerate() {
                        use StepStatus::{InDoubt, UndoFailed, UndoInDoubt};
                        if matches!(step.status(), InDoubt | UndoInDoubt | UndoFailed) {
                            let step = Arc::from(run.step_id(crate::model::StepIx(i as u16)));
                            let (as_, reason) = (Settled::Done, "seen".to_owned());
                            asked.push(Request::Settle { run: id, step, as_, reason });
                        }
                    }
                    if run.status() == RunStatus::Parked {
                        asked.push(Request::Resume { run: id });
                    }
                }
                _ => {}
            }
        }
        let old = |at: Timestamp| self.now.since(at) > Span::from_secs(1_800);
        let held = |target: &Arc<str>| target.starts_with(HELD);
        let tidy = |o: &&Obligation| o.status().can_be_lifted() && !o.target().is_some_and(held);
        let stands = state.ledger().standing().filter(tidy).filter(|o| old(o.since()));
        let stale: Vec<ObligationId> = stands.map(|o| o.id()).take(20).collect();
        let reason = || "tidied up".to_owned();
        asked.extend(stale.into_iter().map(|id| Request::Lift { what: Lift::One(id), reason: reason() }));
        let latest = state.runs().next_back().map_or(RunId(1), |run| run.id());
        for request in asked {
            // Some forget, and come back to it.
            if self.dice.chance(70) {
                self.ask(request);
            }
        }
        // The same few targets are held again and again, before they are let go of.
        let target = format!("{HELD}{}", minute % 3);
        let inputs: Map = Map::from_iter([("target".to_owned(), target.into())]);
        self.ask(Request::Trigger { workflow: Arc::from("hold"), inputs });
        match self.dice.below(8) {
            0 => self.ask(Request::Pause { run: latest }),
            1 => self.ask(Request::Cancel { run: latest }),
            2 => self.ask(Request::Retry { run: latest }),
            _ => {}
        }
    }

    fn measure(&mut self, hour: usize) {
        let mut sizes = self.engine.state().sizes(&self.setup);
        sizes.extend(self.engine.sizes());
        let stats = self.detector.stats();
        let of = |of, count, limit| Size { of, count, limit };
        sizes.push(of("groups", stats.groups, None));
        sizes.push(of("entries of groups", stats.entries, None));
        sizes.push(of("groups to send", stats.due, None));
        sizes.push(of("links", stats.links, None));
        sizes.into_iter().for_each(|size| self.day.take(hour, size));
    }

    /// The process dies and starts again.
    fn crash(&mut self) -> Result<(), String> {
        if self.replica != *self.engine.state() {
            return Err("the folded journal is not the state of the engine".to_owned());
        }
        self.day.crashes += 1;
        let answers = |input: &Input| matches!(input, Input::StepFinished { .. } | Input::Probed { .. });
        self.inputs.retain(|_, input| !answers(input));
        let numbers: std::collections::BTreeSet<u64> = self.inputs.keys().copied().collect();
        self.agenda.retain(|Reverse((_, number))| numbers.contains(number));
        let (setup, state) = (Arc::clone(&self.setup), self.replica.clone());
        let (engine, output) = Engine::resume(state, setup, "sim", self.now).map_err(|e| e.to_string())?;
        (self.engine, self.gate) = (engine, Gate::new());
        self.detector = Detector::new(Arc::clone(&self.rules), LATENESS, self.seed);
        self.gate.offer(output);
        self.settle()
    }
}
