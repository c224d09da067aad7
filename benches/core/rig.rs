//! An engine behind its driver, with agents that answer at once, in the next batch.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use quell::engine::{
    ActionSpec, Actor, Acts, AgentKind, AgentSpec, DrillSpec, Effect, Engine, Event, Input, JournalKind,
    Limits, Means, Record, Request, Setup,
};
use quell::journal::{Journal, JournalError, MemoryJournal};
use quell::model::{Map, Outcome, RequestId, RunId, Seq, Timestamp, ValueType};
use quell::runtime::driver::Driver;
use quell::workflow;

/// The loop of every case.
pub struct Rig<J> {
    pub driver: Driver,
    pub journal: J,
    pub now: Timestamp,
    /// What reaches the engine in the next turn.
    pub inputs: Vec<Input>,
    /// Latencies of whole workflows in nanoseconds, if they are wanted.
    pub latency: Option<Histogram<u64>>,
    begun: VecDeque<(RunId, Instant)>,
    asked: u64,
    given: Map,
}

fn setup(workflow: &str, agents: u32, concurrency: u32) -> Arc<Setup> {
    let action = |undo: Option<&str>| ActionSpec {
        lifts: None,
        takes: vec![(Arc::from("target"), ValueType::Text)],
        optional: vec![Arc::from("target")],
        target: Some(Arc::from("target")),
        idempotent: true,
        undo: undo.map(Arc::from),
        means: Means::Drill(DrillSpec::default()),
    };
    let agent = |i: u32| AgentSpec {
        name: Arc::from(format!("hand-{i}")),
        role: Arc::from("HAND"),
        capabilities: vec![],
        kind: AgentKind::Drill,
        concurrency,
        actions: [("act", action(Some("unact"))), ("unact", action(None))]
            .map(|(name, spec)| (Arc::from(name), spec))
            .into(),
    };
    let workflow = Arc::new(workflow::parse("work.yaml", workflow).expect("the workflow is right"));
    Arc::new(Setup {
        kind: JournalKind::Exercise,
        acts: Acts::Always,
        agents: (0..agents).map(agent).collect(),
        workflows: [(Arc::clone(&workflow.name), workflow)].into(),
        limits: Limits::default(),
    })
}

impl<J: Journal> Rig<J> {
    /// Workflows of `steps` steps, each of which needs the one before.
    pub fn new(steps: usize, agents: u32, concurrency: u32, journal: J) -> Self {
        let mut text = "workflow: work\ntrigger: { severity>=: low }\nsteps:\n".to_owned();
        for i in 0..steps {
            let needs = i.checked_sub(1).map(|before| format!(", needs: [s{before}]")).unwrap_or_default();
            let _ = writeln!(text, "  - {{ id: s{i}, role: HAND, action: act{needs} }}");
        }
        Rig::with(&text, agents, concurrency, journal)
    }

    /// The same, and every step takes an argument from the inputs of its run, as its undo does.
    pub fn with_inputs(steps: usize, agents: u32, concurrency: u32, journal: J) -> Self {
        let mut text = "workflow: work\ninputs: { target: text }\nsteps:\n".to_owned();
        for i in 0..steps {
            let needs = i.checked_sub(1).map(|before| format!(", needs: [s{before}]")).unwrap_or_default();
            let with = "with: { target: \"${inputs.target}\" }";
            let _ = writeln!(text, "  - {{ id: s{i}, role: HAND, action: act, {with}{needs} }}");
        }
        let mut rig = Rig::with(&text, agents, concurrency, journal);
        rig.given.insert("target".to_owned(), "192.0.2.7".into());
        rig
    }

    /// Workflows of one step for each agent, none of which needs another.
    pub fn parallel(agents: u32, concurrency: u32, journal: J) -> Self {
        let mut text = "workflow: work\nsteps:\n".to_owned();
        for i in 0..agents {
            let _ = writeln!(text, "  - {{ id: s{i}, agent: hand-{i}, action: act }}");
        }
        Rig::with(&text, agents, concurrency, journal)
    }

    fn with(workflow: &str, agents: u32, concurrency: u32, mut journal: J) -> Self {
        let now = Timestamp(1_800_000_000_000_000);
        let setup = setup(workflow, agents, concurrency);
        let (engine, output) = Engine::new(setup, "bench", 1, now);
        let mut driver = Driver::new(engine, output, None);
        driver.commit(&mut journal).expect("the journal does not fail");
        Rig {
            driver,
            journal,
            now,
            inputs: Vec::new(),
            latency: None,
            begun: VecDeque::new(),
            asked: 0,
            given: Map::new(),
        }
    }

    /// Asks for `count` workflows in the next turn.
    pub fn ask(&mut self, count: u64) {
        for _ in 0..count {
            self.asked += 1;
            let request = Request::Trigger { workflow: Arc::from("work"), inputs: self.given.clone() };
            let (id, by) = (RequestId(self.asked), Actor(Arc::from("bench")));
            self.inputs.push(Input::Request { id, by, seen: None, request });
        }
    }

    /// One batch: what waits is handled, committed and performed.
    pub fn turn(&mut self) {
        self.now.0 += 10;
        let (begun, mut ended) = (Instant::now(), Vec::new());
        for input in self.inputs.drain(..) {
            match (&self.latency, &input) {
                (None, _) => self.driver.handle(input, self.now),
                (Some(_), _) => self.driver.handle_seen(input, self.now, |records| {
                    for record in records {
                        match &record.event {
                            Event::RunCreated(new) => self.begun.push_back((new.run, begun)),
                            Event::RunCompleted { run } => ended.push(*run),
                            _ => {}
                        }
                    }
                }),
            }
        }
        let effects = self.driver.commit(&mut self.journal).expect("the journal does not fail");
        for run in ended {
            let place = self.begun.iter().position(|(begun, _)| *begun == run);
            let begun = place.and_then(|place| self.begun.remove(place));
            if let (Some(latency), Some((_, begun))) = (&mut self.latency, begun) {
                latency.saturating_record(begun.elapsed().as_nanos() as u64);
            }
        }
        for effect in effects {
            if let Effect::Perform(task) = effect {
                let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
                let outcome = Outcome::Succeeded(Map::new());
                self.inputs.push(Input::StepFinished { run, step, attempt, undo, outcome });
            }
        }
    }

    /// Turns until nothing is left to do.
    pub fn drain(&mut self) {
        while !self.inputs.is_empty() {
            self.turn();
        }
    }

    /// Runs `total` workflows to their end, `in_flight` at once.
    pub fn run(&mut self, total: u64, in_flight: u64) {
        loop {
            let live = self.driver.state().counts().live_runs as u64;
            self.ask((in_flight - live.min(in_flight)).min(total - self.asked));
            if self.inputs.is_empty() {
                break;
            }
            self.turn();
        }
        assert_eq!(self.driver.state().counts().completed, total, "every run completed");
    }
}

/// A journal in memory that keeps every batch.
#[derive(Default)]
pub struct Capture {
    pub batches: Vec<Arc<Vec<Record>>>,
    journal: MemoryJournal,
}

impl Journal for Capture {
    fn append(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<Seq, JournalError> {
        self.batches.extend(batches.iter().cloned());
        self.journal.append(batches)
    }
    fn read(&mut self, from: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
        self.journal.read(from, limit)
    }
    fn last(&self) -> Seq {
        self.journal.last()
    }
    fn commits(&self) -> u64 {
        self.journal.commits()
    }
}

/// Peak memory of this process, as the kernel has it.
pub fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
