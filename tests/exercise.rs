//! The shipped exercise at work: its files, the engine, the crew, and a clock that does not wait.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};

use quell::agent::Tools;
use quell::agent::{Crew, Reply};
use quell::config::{Folder, Loaded, load};
use quell::detect::Detector;
use quell::engine::{Actor, Effect, Engine, Event, Input, Output, Record, Request, RunStatus};
use quell::model::{Detection, DetectionId, Map, RequestId, RuleHead, Severity, Timestamp, Value};
use quell::source::{Decoder, Format, Options};

/// When the recording starts: 2026-03-14T09:00:00Z.
const START: i64 = 1_773_478_800;

/// An exercise under way.
struct Exercise {
    engine: Engine,
    crew: Crew,
    now: Timestamp,
    /// Answers that are due, by time and order.
    due: BTreeMap<(Timestamp, u64), Input>,
    order: u64,
    records: Vec<Record>,
    said: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

fn loaded() -> Loaded {
    load(&Folder::embedded()).unwrap_or_else(|all| panic!("{all:#?}"))
}

impl Exercise {
    fn start() -> Self {
        let loaded = loaded();
        let folder = tempfile::tempdir().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&said);
        let tools = Tools::at(folder.path(), move |line| ears.lock().unwrap().push(line.to_owned()));
        let setup = Arc::new(loaded.setup);
        let seed = loaded.settings.seed.unwrap_or(1);
        let now = Timestamp::from_secs(START);
        let (engine, output) = Engine::new(Arc::clone(&setup), "test", seed, now);
        let joined = engine.state().agents().iter().map(|agent| (agent.id(), agent.name()));
        let crew = Crew::assemble(&setup, joined, seed, &tools);
        let (due, records) = (BTreeMap::new(), Vec::new());
        let mut exercise = Exercise { engine, crew, now, due, order: 0, records, said, folder };
        exercise.perform(output);
        exercise
    }

    fn perform(&mut self, output: Output) {
        self.records.extend(output.records);
        let mut effects: VecDeque<Effect> = output.effects.into();
        while let Some(effect) = effects.pop_front() {
            let Effect::Perform(task) = effect else { continue };
            if let Reply::Due { after, outcome } = self.crew.perform(&task, self.now) {
                let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
                self.order += 1;
                let answer = Input::StepFinished { run, step, attempt, undo, outcome };
                self.due.insert((self.now + after, self.order), answer);
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let output = self.engine.handle(input, self.now);
        self.perform(output);
    }

    /// Lets time pass until `end`, or without it until nothing is in flight and every run has ended.
    fn pass(&mut self, end: Option<Timestamp>) {
        for _ in 0..10_000 {
            let answer = self.due.keys().next().map(|(at, _)| *at);
            let timer = self.engine.next_deadline();
            let live = self.engine.state().runs().any(|run| !run.status().is_terminal());
            let Some(next) = answer.into_iter().chain(timer).min() else { return };
            if end.is_some_and(|end| end < next) || (end.is_none() && answer.is_none() && !live) {
                return;
            }
            self.now = self.now.max(next);
            if timer.is_some_and(|timer| timer <= next) {
                self.handle(Input::Tick);
            } else if let Some((_, input)) = self.due.pop_first() {
                self.handle(input);
            }
        }
        panic!("the exercise does not come to rest");
    }

    fn detect(&mut self, rule: &str, fields: &[(&str, &str)]) {
        let head = RuleHead {
            id: Arc::from(rule),
            name: Arc::from(rule),
            title: Arc::from(rule),
            level: Severity::High,
            tags: Vec::new(),
            author: None,
        };
        let fields: Map =
            fields.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        let key = fields.get("source_ip").and_then(Value::as_str).unwrap_or("?");
        let detection = Detection {
            id: DetectionId([rule.len() as u8; 8]),
            rule: Arc::new(head),
            at: self.now,
            since: self.now,
            key: Arc::from(key),
            count: 20,
            fields: fields.clone(),
            evidence: Vec::new(),
        };
        self.handle(Input::Detection(detection));
        self.pass(None);
    }

    /// The last run of a workflow: how it ended, and each step with how it stands and its attempts.
    fn ended(&self, workflow: &str) -> (RunStatus, Vec<String>) {
        let run = self.engine.state().runs().rfind(|run| run.workflow() == workflow);
        let run = run.unwrap_or_else(|| panic!("{workflow} did not start: {:#?}", self.records.last()));
        let steps = run.plan().steps.iter().zip(run.steps());
        let shown = steps.map(|(plan, step)| format!("{} {:?} {}", plan.id, step.status(), step.attempt()));
        (run.status(), shown.collect())
    }
}

#[test]
fn a_port_scan_is_contained() {
    let mut exercise = Exercise::start();
    exercise.detect("port-scan", &[("source_ip", "203.0.113.50")]);
    let (status, steps) = exercise.ended("contain-port-scan");
    assert_eq!(status, RunStatus::Completed, "{steps:?}");
    assert_eq!(steps[0], "block Succeeded 1");
    let log = std::fs::read_to_string(exercise.folder.path().join("incidents.log")).unwrap();
    assert!(log.contains("port scan from 203.0.113.50, blocked by rule drop-source"), "{log}");
}

#[test]
fn a_brute_force_run_is_rolled_back() {
    let mut exercise = Exercise::start();
    exercise.detect("brute-force", &[("source_ip", "198.51.100.23"), ("user", "deploy")]);
    let (status, steps) = exercise.ended("stop-brute-force");
    assert_eq!(status, RunStatus::RolledBack);
    assert_eq!(steps, ["lock Undone 1", "reset Failed 3", "notify Cancelled 0"]);
    let undone = exercise.records.iter().filter_map(|record| match &record.event {
        Event::UndoStarted { action, .. } => Some((&*action.name, action.args.get("user"))),
        _ => None,
    });
    assert_eq!(undone.collect::<Vec<_>>(), [("unlock_account", Some(&Value::from("deploy")))]);
}

#[test]
fn an_anomaly_is_isolated_after_a_retry() {
    let mut exercise = Exercise::start();
    exercise.detect("anomalous-traffic", &[("source_ip", "10.0.0.12")]);
    let (status, steps) = exercise.ended("isolate-anomaly");
    assert_eq!(status, RunStatus::Completed);
    assert_eq!(steps, ["capture Succeeded 2", "isolate Succeeded 1", "analyse Succeeded 1"]);
}

#[test]
fn a_person_starts_each_workflow() {
    for (workflow, inputs, end) in [
        ("contain-port-scan", vec![("address", "2001:db8::9")], RunStatus::Completed),
        ("stop-brute-force", vec![("user", "alice")], RunStatus::Completed),
        ("stop-brute-force", vec![("user", "deploy")], RunStatus::RolledBack),
        ("isolate-anomaly", vec![("system", "10.0.0.9")], RunStatus::Completed),
        ("block-address", vec![("address", "192.0.2.99"), ("for", "1h")], RunStatus::Completed),
    ] {
        let mut exercise = Exercise::start();
        let inputs: Map =
            inputs.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
        let request = Request::Trigger { workflow: Arc::from(workflow), inputs };
        let by = Actor(Arc::from("tester"));
        exercise.handle(Input::Request { id: RequestId(1), by, seen: None, request });
        exercise.pass(None);
        let (status, steps) = exercise.ended(workflow);
        assert_eq!(status, end, "{workflow}: {steps:?}");
        assert!(exercise.said.lock().unwrap().is_empty());
    }
}

#[test]
fn the_recording_shows_each_playbook_and_a_rollback() {
    let mut exercise = Exercise::start();
    let loaded = loaded();
    let (settings, rules) = (loaded.settings, loaded.rules);
    let mut detector = Detector::new(rules, settings.lateness, settings.seed.unwrap_or(1));
    let mut decoder = Decoder::new(Format::Auto, Options::default());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/signals/exercise.log");
    let mut found = Vec::new();
    for line in std::fs::read(path).unwrap().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let signal = decoder.decode(line).unwrap();
        exercise.pass(Some(signal.at));
        exercise.now = exercise.now.max(signal.at);
        detector.observe(&signal, &mut found);
        for detection in found.drain(..) {
            exercise.handle(Input::Detection(detection));
        }
    }
    exercise.pass(None);
    let runs = exercise.engine.state().runs();
    let ended: Vec<(&str, RunStatus)> = runs.map(|run| (run.workflow(), run.status())).collect();
    assert_eq!(
        ended,
        [
            ("contain-port-scan", RunStatus::Completed),
            ("stop-brute-force", RunStatus::RolledBack),
            ("isolate-anomaly", RunStatus::Completed),
            ("contain-port-scan", RunStatus::Completed),
        ]
    );
}
