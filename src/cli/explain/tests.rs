//! Whole explanations, as people read them. The engine is real; its agents answer as the script says.

use std::sync::Arc;

use super::{Explainer, Explanation, show};
use crate::config::{self, Folder};
use crate::engine::{Actor, Effect, Engine, Input, Output, Record, Request, Setup, Task};
use crate::model::*;

const START: Timestamp = Timestamp::from_secs(1_795_269_600);

const AGENTS: &str = "
agents:
  - { name: wall-1, role: WALL, capabilities: [net], kind: KIND, concurrency: 2, actions: &acts { block: { takes: { address: address, expires: duration }, optional: [expires], target: address, idempotent: true, undo: unblock, HOW }, unblock: { takes: { address: address }, target: address, idempotent: true, HOW }, once: { takes: { address: address }, target: address, undo: unblock, HOW } } }
  - { name: wall-2, role: WALL, capabilities: [net], kind: KIND, concurrency: 2, actions: *acts }
  - { name: bell-1, role: BELL, kind: builtin, actions: { tell: { builtin: log } } }
";

const CONTAIN: &str = "
workflow: contain
trigger: { rule: port-scan, 'severity>=': medium, when: 'detection.count >= 10' }
inputs: { address: { type: address, from: '${detection.source_ip}' } }
dedup: '${inputs.address}'
steps:
  - { id: block, role: WALL, capabilities: [net], action: block, with: { address: '${inputs.address}' }, retry: { attempts: 3, backoff: 1s, jitter: 0% } }
  - { id: night, role: BELL, action: tell, with: { text: 'at night' }, when: 'detection.count > 1000', needs: [block], undo: 'none: a line' }
  - { id: tell, role: BELL, action: tell, with: { text: 'blocked ${inputs.address}' }, needs: [block], undo: 'none: a line stays a line' }
";

const ONCE: &str = "
workflow: once
inputs: { address: { type: address } }
steps:
  - { id: first, role: WALL, action: block, with: { address: '${inputs.address}' } }
  - { id: second, role: WALL, action: once, with: { address: '${inputs.address}' }, needs: [first] }
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
struct Drive {
    engine: Engine,
    setup: Arc<Setup>,
    records: Vec<Record>,
    tasks: Vec<Task>,
    now: Timestamp,
}

impl Drive {
    fn new(exercise: bool) -> Drive {
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

    fn input(&mut self, input: Input) -> &mut Self {
        let output = self.engine.handle(input, self.now);
        self.take(output);
        self
    }

    fn wait(&mut self, millis: u64) -> &mut Self {
        self.now = self.now + Span::from_millis(millis);
        self.input(Input::Tick)
    }

    fn ask(&mut self, request: Request) -> &mut Self {
        let by = Actor("ann (uid 1000)".into());
        self.input(Input::Request { id: RequestId(1), by, seen: None, request })
    }

    fn detect(&mut self, key: &str, count: u64, evidence: &str) -> &mut Self {
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
            fields: [("source_ip".to_owned(), "203.0.113.7".into())].into_iter().collect(),
            evidence: vec![evidence.into()],
        }))
    }

    fn answer(&mut self, outcome: Outcome) -> &mut Self {
        self.now = self.now + Span::from_millis(340);
        let task = self.tasks.remove(0);
        let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
        self.input(Input::StepFinished { run, step, attempt, undo, outcome })
    }

    fn ok(&mut self) -> &mut Self {
        self.answer(Outcome::Succeeded([("rule".to_owned(), "drop".into())].into_iter().collect()))
    }

    fn fail(&mut self, kind: FailureKind, message: &str) -> &mut Self {
        self.answer(Outcome::Failed(Failure { kind, message: message.to_owned() }))
    }

    fn crash(&mut self) -> &mut Self {
        self.tasks.clear();
        let records = self.records.clone();
        let setup = Arc::clone(&self.setup);
        let (engine, output) = Engine::recover(records, setup, "test", self.now).unwrap();
        self.engine = engine;
        self.take(output);
        self
    }

    fn explained(&self, run: u64) -> Explanation {
        let mut explainer = Explainer::of(RunId(run));
        self.records.iter().for_each(|record| explainer.take(record).unwrap());
        explainer.finish().unwrap()
    }

    #[track_caller]
    fn golden(&self, name: &str, run: u64) {
        let text = show::text(&self.explained(run));
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "wider than 80 columns");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("explain_{name}"), text);
        });
    }
}

fn trigger(workflow: &str) -> Request {
    let inputs = [("address".to_owned(), "203.0.113.7".into())].into_iter().collect();
    Request::Trigger { workflow: workflow.into(), inputs }
}

#[test]
fn a_success_with_a_retry_a_skipped_step_and_one_that_joins() {
    let mut drive = Drive::new(true);
    drive.detect("203.0.113.7", 25, "Mar 14 09:00:12 edge kernel: SYN from 203.0.113.7");
    drive.wait(500).detect("203.0.113.7 too", 30, "more of it");
    drive.fail(FailureKind::Answered, "the set is locked").wait(1_000).ok().ok();
    drive.golden("success", 1);
}

#[test]
fn a_failure_that_is_rolled_back() {
    let mut drive = Drive::new(true);
    drive.ask(trigger("once")).ok().fail(FailureKind::TimedOut, "no answer within 30s");
    drive.ok().fail(FailureKind::Answered, "busy").wait(2_000).ok();
    drive.golden("rolled_back", 1);
}

#[test]
fn one_that_only_observes() {
    let mut drive = Drive::new(false);
    drive.detect("203.0.113.7", 25, "SYN from 203.0.113.7");
    drive.golden("observed", 1);
    drive.ask(Request::Arm { workflow: "once".into() }).ask(Request::Disarm { workflow: "once".into() });
    drive.ask(trigger("once"));
    drive.golden("disarmed", 2);
}

#[test]
fn one_that_the_protected_set_refuses() {
    let mut drive = Drive::new(false);
    drive.ask(Request::Arm { workflow: "contain".into() });
    drive.wait(1_000).detect("203.0.113.7", 25, "SYN from 203.0.113.7");
    drive.fail(FailureKind::NotSent, "protected: 203.0.113.0/24 (the office)");
    drive.golden("refused", 1);
}

#[test]
fn one_that_a_person_cancels() {
    let mut drive = Drive::new(true);
    drive.ask(trigger("once")).ok().ask(Request::Pause { run: RunId(1) });
    drive.wait(4_000).ask(Request::Resume { run: RunId(1) }).ask(Request::Retry { run: RunId(1) });
    drive.ask(Request::Cancel { run: RunId(1) }).answer(Outcome::Stopped).ok().ok();
    drive.golden("cancelled", 1);
}

#[test]
fn one_that_is_stuck_after_a_crash() {
    let mut drive = Drive::new(true);
    drive.ask(trigger("once")).ok().crash();
    drive.golden("parked", 1);
    drive.ask(Request::Cancel { run: RunId(1) });
    drive.fail(FailureKind::NotSent, "access refused").ok();
    drive.golden("stuck", 1);
}

#[test]
fn a_run_that_has_left_the_state_is_explained_as_it_was() {
    let mut drive = Drive::new(true);
    let limits = crate::engine::Limits { finished: 1, ..crate::engine::Limits::default() };
    drive.setup = Arc::new(Setup { limits, ..Setup::clone(&drive.setup) });
    drive.crash().detect("203.0.113.7", 25, "SYN").ok().ok();
    let before = show::text(&drive.explained(1));
    for i in 1..4 {
        drive.wait(3_700_000).detect(&"k".repeat(i), 25, "SYN").ok().ok();
    }
    assert!(drive.engine.state().run(RunId(1)).is_none(), "it has to be retired for this test");
    let short = |text: &str| text.split_once("what happened").unwrap().1.to_owned();
    assert_eq!(short(&show::text(&drive.explained(1))), short(&before));
}

#[test]
fn c32_hostile_bytes_are_shown_and_do_nothing() {
    let mut drive = Drive::new(true);
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}gnp\u{200b}\r\n\u{7}\u{1b}]0;x\u{7}漢字";
    drive.detect(&format!("203{hostile}"), 25, hostile);
    drive.fail(FailureKind::Answered, hostile).wait(1_000).fail(FailureKind::NotSent, hostile);
    let explanation = drive.explained(1);
    let (text, json) = (show::text(&explanation), show::json(&explanation));
    assert!(text.contains("\\x1b[2J"), "{text}");
    for c in text.chars().filter(|c| *c != '\n').chain(json.trim_end().chars()) {
        let shown = c.to_string();
        assert_eq!(SafeText(&shown).to_string(), shown);
    }
}
