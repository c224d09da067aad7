//! An engine for tests of what verbs tell: it is real, and its agents answer as the test says.

use std::sync::Arc;

use crate::config::{self, Folder};
use crate::engine::{Actor, Effect, Engine, Input, Output, Record, Request, Setup, Task};
use crate::model::*;

/// 2026-11-21T14:00:00Z.
const START: Timestamp = Timestamp::from_secs(1_795_269_600);

const AGENTS: &str = "
agents:
  - { name: wall-1, role: WALL, capabilities: [net], kind: KIND, concurrency: 2, actions: &acts { block: { takes: { address: address, expires: duration }, optional: [expires], target: address, idempotent: true, undo: unblock, HOW }, unblock: { takes: { address: address }, target: address, idempotent: true, HOW }, once: { takes: { address: address, expires: duration }, optional: [expires], target: address, undo: unblock, HOW } } }
  - { name: wall-2, role: WALL, capabilities: [net], kind: KIND, concurrency: 2, actions: *acts }
  - { name: bell-1, role: BELL, kind: builtin, actions: { tell: { builtin: log } } }
";

const CONTAIN: &str = "
workflow: contain
trigger: { rule: port-scan, 'severity>=': medium, when: 'detection.count >= 10' }
inputs: { address: { type: address, from: '${detection.source_ip}' } }
dedup: '${inputs.address}'
steps:
  - { id: block, role: WALL, capabilities: [net], action: block, expires: 1h, with: { address: '${inputs.address}' }, retry: { attempts: 3, backoff: 1s, jitter: 0% } }
  - { id: night, role: BELL, action: tell, with: { text: 'at night' }, when: 'detection.count > 1000', needs: [block], undo: 'none: a line' }
  - { id: tell, role: BELL, action: tell, with: { text: 'blocked ${inputs.address}' }, needs: [block], undo: 'none: a line stays a line' }
";

const ONCE: &str = "
workflow: once
inputs: { address: { type: address } }
steps:
  - { id: first, role: WALL, action: block, expires: 1h, with: { address: '${inputs.address}' } }
  - { id: second, role: WALL, action: once, expires: 1h, with: { address: '${inputs.address}' }, needs: [first] }
";

fn setup(exercise: bool) -> Arc<Setup> {
    let (kind, how) = match exercise {
        true => ("drill", "drill: { latency: 1s }"),
        false => ("exec", "run: [/bin/true]"),
    };
    let agents = AGENTS.replace("KIND", kind).replace("HOW", how);
    let settings = format!("setup: test\nexercise: {exercise}\n");
    let texts = [
        ("settings.yaml", settings.as_str()),
        ("agents/a.yaml", agents.as_str()),
        ("workflows/contain.yaml", CONTAIN),
        ("workflows/once.yaml", ONCE),
    ];
    let loaded = config::load(&Folder::from_texts("test", texts)).unwrap_or_else(|mistakes| {
        panic!("{}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    Arc::new(loaded.setup)
}

/// An engine with what it asked for.
pub struct Drive {
    pub engine: Engine,
    pub setup: Arc<Setup>,
    pub records: Vec<Record>,
    tasks: Vec<Task>,
    pub now: Timestamp,
}

impl Drive {
    pub fn new(exercise: bool) -> Drive {
        let setup = setup(exercise);
        let (engine, output) = Engine::new(Arc::clone(&setup), "test", 7, START);
        let mut drive = Drive { engine, setup, records: Vec::new(), tasks: Vec::new(), now: START };
        drive.take(output);
        drive
    }

    fn take(&mut self, output: Output) {
        self.records.extend(output.records);
        for effect in output.effects {
            match effect {
                Effect::Perform(task) => self.tasks.push(task),
                Effect::Answer { answer, .. } => drop(answer),
                _ => {}
            }
        }
    }

    pub fn input(&mut self, input: Input) -> &mut Self {
        let output = self.engine.handle(input, self.now);
        self.take(output);
        self
    }

    pub fn wait(&mut self, millis: u64) -> &mut Self {
        self.now = self.now + Span::from_millis(millis);
        self.input(Input::Tick)
    }

    pub fn ask(&mut self, request: Request) -> &mut Self {
        let by = Actor("ann (uid 1000)".into());
        self.input(Input::Request { id: RequestId(1), by, seen: None, request })
    }

    pub fn detect(&mut self, key: &str, count: u64, evidence: &str) -> &mut Self {
        let rule = RuleHead {
            id: "8f5b5b0e".into(),
            name: "port-scan".into(),
            title: "Port scan".into(),
            level: Severity::High,
            tags: vec!["attack.discovery".into()],
            author: None,
        };
        self.input(Input::Detection(Detection {
            id: DetectionId((key.len() as u64 * 1_000 + count).to_be_bytes()),
            rule: Arc::new(rule),
            at: self.now,
            since: self.now - Span::from_secs(12),
            key: key.into(),
            count,
            fields: [
                ("source_ip".to_owned(), key.split([' ', '\u{1b}']).next().unwrap_or_default().into()),
                ("proven".to_owned(), true.into()),
            ]
            .into_iter()
            .collect(),
            evidence: vec![evidence.into()],
        }))
    }

    pub fn answer(&mut self, outcome: Outcome) -> &mut Self {
        self.now = self.now + Span::from_millis(340);
        let task = self.tasks.remove(0);
        let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
        self.input(Input::StepFinished { run, step, attempt, undo, outcome })
    }

    pub fn ok(&mut self) -> &mut Self {
        self.answer(Outcome::Succeeded([("rule".to_owned(), "drop".into())].into_iter().collect()))
    }

    pub fn fail(&mut self, kind: FailureKind, message: &str) -> &mut Self {
        self.answer(Outcome::Failed(Failure { kind, message: message.to_owned() }))
    }

    pub fn crash(&mut self) -> &mut Self {
        self.tasks.clear();
        let records = self.records.clone();
        let setup = Arc::clone(&self.setup);
        let (engine, output) = Engine::recover(records, setup, "test", self.now).unwrap();
        self.engine = engine;
        self.take(output);
        self
    }
}

pub fn trigger(workflow: &str) -> Request {
    let inputs = [("address".to_owned(), "203.0.113.7".into())].into_iter().collect();
    Request::Trigger { workflow: workflow.into(), inputs }
}
