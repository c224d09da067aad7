//! The engine: whatever reaches it, in whatever order, it never panics, its records alone fold to its state,
//! and every place at which it may be lost can be recovered from.

use std::sync::{Arc, OnceLock};

use quell::config::{Folder, load};
use quell::engine::{
    Actor, Effect, Engine, Input, Lift, Output, Probe, Record, Request, Settled, Setup, State, Task,
};
use quell::journal::codec;
use quell::model::{
    Detection, DetectionId, Digest, Failure, FailureKind, IncidentId, Map, ObligationId, Outcome, Presence,
    RequestId, RuleHead, RunId, Severity, Span, StepIx, Timestamp,
};
use serde_json::json;

use super::bytes::Bytes;

/// The bytes are decisions about what happens next.
pub fn run(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut world = World::new(setups()[bytes.below(2)].clone());
    for _ in 0..400 {
        if bytes.is_empty() {
            break;
        }
        world.next(&mut bytes);
        world.check();
    }
    world.recover();
    world.check();
}

const AGENTS: &str = "
agents:
  - name: wall-1
    role: WALL
    kind: KIND
    concurrency: 2
    actions:
      block: { takes: { address: address, expires: duration }, optional: [expires], target: address, idempotent: true, undo: unblock, MEANS }
      unblock: { takes: { address: address }, target: address, idempotent: true, MEANS }
      once: { takes: { host: host }, target: host, undo: unonce, MEANS }
      unonce: { takes: { host: host }, target: host, MEANS }
      wire: { takes: { host: host }, target: host, undo: unwire, MEANS, PROBE }
      unwire: { takes: { host: host }, target: host, idempotent: true, MEANS }
      tell: { takes: { text: text }, idempotent: true, MEANS }
  - { name: wall-2, role: WALL, kind: KIND, actions: { tell: { takes: { text: text }, idempotent: true, MEANS } } }
  - name: hand-1
    role: HAND
    kind: manual
    actions:
      turn: { takes: { host: host }, target: host, ask: 'Turn ${host}', undo: unturn }
      unturn: { takes: { host: host }, target: host, ask: 'Turn ${host} back' }
";

const WORKFLOWS: [&str; 6] = [
    "
workflow: diamond
trigger: { rule: alpha }
dedup: '${detection.key}'
inputs: { ip: { type: address, from: '${detection.source_ip}' } }
steps:
  - { id: a, role: WALL, action: block, with: { address: '${inputs.ip}' }, expires: 3m }
  - { id: b, role: WALL, action: once, needs: [a], with: { host: 192.0.2.1 }, retry: { attempts: 3, backoff: 2s } }
  - { id: c, role: WALL, action: tell, needs: [a], with: { text: hi }, critical: false, undo: 'none: it was said' }
  - { id: d, role: WALL, action: wire, needs: [b, c], with: { host: 192.0.2.2 }, approval: { timeout: 2m, on_timeout: deny } }
",
    "
workflow: chain
trigger: { rule: beta }
dedup: '${detection.key}'
timeout: 2m
on_failure: afterwards
steps:
  - { id: a, role: WALL, action: wire, with: { host: 192.0.2.3 }, verify: true }
  - { id: b, role: WALL, action: once, needs: [a], with: { host: 192.0.2.1 }, timeout: 10s }
  - { id: c, role: WALL, action: block, needs: [b], expires: 5m, with: { address: 192.0.2.4 }, on_failure: retry_once, confirm: 90s }
  - { id: d, role: WALL, action: block, needs: [c], with: { address: 192.0.2.1 }, expires: 90s, approval: { timeout: 1m, on_timeout: approve } }
",
    "
workflow: wide
trigger: { rule: gamma, when: 'detection.count >= 2' }
steps:
  - { id: a, role: WALL, action: block, expires: 5m, with: { address: 192.0.2.5 } }
  - { id: b, role: WALL, action: block, with: { address: 192.0.2.5 }, expires: 4m, confirm: 1m }
  - { id: c, role: WALL, action: once, with: { host: 192.0.2.6 }, approval: { count: 2, timeout: 3m } }
  - { id: d, role: WALL, action: tell, needs: [a, b, c], with: { text: x }, when: 'steps.c.status == \"succeeded\"', undo: 'none: said' }
  - { id: e, role: WALL, action: wire, needs: [d], with: { host: 192.0.2.5 }, on_failure: stop, verify: { within: 20s } }
",
    "
workflow: by-hand
trigger: { rule: gamma }
inputs: { host: { type: host, default: web-1 } }
steps:
  - { id: a, role: HAND, action: turn, timeout: 2m, with: { host: '${inputs.host}' }, retry: { attempts: 2 } }
  - { id: b, role: WALL, action: tell, needs: [a], with: { text: '${steps.a.output.by}' }, undo: 'none: said' }
  - { id: c, role: HAND, action: turn, needs: [a], timeout: 3m, with: { host: h }, critical: false }
  - { id: d, role: WALL, action: block, needs: [b, c], expires: 5m, with: { address: 192.0.2.7 }, when: 'steps.a.output.by != \"bob\"' }
",
    "
workflow: afterwards
steps:
  - { id: a, role: WALL, action: tell, with: { text: x }, undo: 'none: it cannot be unsaid' }
",
    // Only in the second setup.
    "
workflow: chain
trigger: { rule: beta }
steps:
  - { id: a, role: WALL, action: block, with: { address: 192.0.2.3 }, expires: 30s }
",
];

const RULE: &str = "title: T\nname: NAME\nlevel: high\ndetection: { s: { a: b }, condition: s }\n";

/// For exercise and for real; each with what it is after its files changed.
fn setups() -> &'static [[Arc<Setup>; 2]; 2] {
    static SETUPS: OnceLock<[[Arc<Setup>; 2]; 2]> = OnceLock::new();
    SETUPS.get_or_init(|| [[read(true, false), read(true, true)], [read(false, false), read(false, true)]])
}

fn read(exercise: bool, changed: bool) -> Arc<Setup> {
    let (kind, means, probe) = match exercise {
        true => ("drill", "drill: { latency: 1s..2s }", "probe: acted"),
        false => ("exec", "run: [/bin/true]", "probe: [/bin/true]"),
    };
    let agents = AGENTS.replace("KIND", kind).replace("MEANS", means).replace("PROBE", probe);
    let agents = if changed { agents.replace("wall-2", "wall-3") } else { agents };
    let budgets = "budgets: [{ action: block, per_hour: 6, total: 4 }]";
    let protected = if changed { "protected: [{ address: 192.0.2.4, reason: ours }]" } else { "" };
    let limits = "limits: { finished: 3, live_runs: 12, reopen: 1m }";
    let settings = format!("setup: fuzz\nexercise: {exercise}\n{limits}\n{budgets}\n{protected}\n");
    let mut files = vec![("settings.yaml".to_owned(), settings), ("agents/all.yaml".to_owned(), agents)];
    for (n, text) in WORKFLOWS.iter().enumerate().filter(|(n, _)| *n != if changed { 1 } else { 5 }) {
        files.push((format!("workflows/{n}.yaml"), (*text).to_owned()));
    }
    for rule in RULES {
        files.push((format!("rules/{rule}.yml"), RULE.replace("NAME", rule)));
    }
    let texts = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let loaded = load(&Folder::from_texts("fuzz", texts));
    Arc::new(loaded.unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).setup)
}

const RULES: [&str; 3] = ["alpha", "beta", "gamma"];
const STEPS: [&str; 6] = ["a", "b", "c", "d", "e", "?"];
const NAMES: [&str; 7] = ["diamond", "chain", "wide", "by-hand", "afterwards", "missing", ""];
const START: Timestamp = Timestamp::from_secs(1_800_000_000);

struct World {
    setups: [Arc<Setup>; 2],
    now_used: usize,
    engine: Engine,
    records: Vec<Record>,
    /// How many records were there before the last output.
    before: usize,
    /// Folded from the bytes of the records alone.
    replica: State,
    folded: usize,
    tasks: Vec<Task>,
    probes: Vec<Probe>,
    now: Timestamp,
    requests: u64,
}

impl World {
    fn new(setups: [Arc<Setup>; 2]) -> World {
        let (engine, output) = Engine::new(Arc::clone(&setups[0]), "fuzz", 7, START);
        let mut world = World {
            setups,
            now_used: 0,
            engine,
            records: vec![],
            before: 0,
            replica: State::new(),
            folded: 0,
            tasks: vec![],
            probes: vec![],
            now: START,
            requests: 0,
        };
        world.take(output);
        world.before = world.records.len();
        world
    }

    fn take(&mut self, output: Output) {
        self.before = self.records.len();
        self.records.extend(output.records);
        for effect in output.effects {
            match effect {
                Effect::Perform(task) => self.tasks.push(task),
                Effect::Probe(probe) => self.probes.push(probe),
                Effect::Stop { .. } | Effect::Halt { .. } | Effect::Release | Effect::Answer { .. } => {}
            }
        }
        self.tasks.truncate(64);
        self.probes.truncate(64);
    }

    fn check(&mut self) {
        for record in &self.records[self.folded..] {
            let mut body = Vec::new();
            codec::encode(record, &mut body).expect("a record is written");
            let read = codec::decode(record.seq, codec::JSON, &body).expect("and read");
            // Compared as it is stored: the groups of an asker are not.
            let mut again = Vec::new();
            codec::encode(&read, &mut again).expect("what was read is written");
            assert_eq!(again, body, "{record:?}");
            self.replica.apply(&read).unwrap_or_else(|illegal| panic!("{illegal}: {:?}", record.event));
        }
        self.folded = self.records.len();
        assert!(self.replica == *self.engine.state(), "the folded records are not the state of the engine");
        if let Some(at) = self.engine.next_deadline() {
            assert!(at > Timestamp::MIN);
        }
    }

    fn input(&mut self, input: Input) {
        let output = self.engine.handle(input, self.now);
        self.take(output);
    }

    fn next(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(16) {
            0 | 1 => self.detect(bytes),
            2..=5 => self.answer(bytes),
            6 => self.probed(bytes),
            7..=9 => self.ask(bytes),
            10 | 11 => {
                if let Some(at) = self.engine.next_deadline() {
                    self.now = self.now.max(at);
                }
                self.input(Input::Tick);
            }
            12 => {
                self.now = self.now + Span::from_millis(u64::from(bytes.byte()) * 250);
                self.input(Input::Tick);
            }
            13 => self.stray(bytes),
            14 => self.rare(bytes),
            // Time stands still, or comes back from a clock that was set.
            _ => self.now = Timestamp(self.now.0 - i64::from(bytes.byte()) * 1_000),
        }
    }

    fn detect(&mut self, bytes: &mut Bytes<'_>) {
        let (rule, key) = (*bytes.pick(&RULES), bytes.below(3) as u8);
        let name: Arc<str> = Arc::from(rule);
        let mut fields = Map::new();
        if !bytes.rarely(5) {
            let address = *bytes.pick(&["192.0.2.9", "192.0.2.4", "2001:db8::1", "not one"]);
            fields.insert("source_ip".into(), address.into());
        }
        self.input(Input::Detection(Detection {
            id: DetectionId([rule.as_bytes()[0], key, bytes.below(3) as u8, 0, 0, 0, 0, 0]),
            rule: Arc::new(RuleHead {
                id: Arc::clone(&name),
                name: Arc::clone(&name),
                title: name,
                level: Severity::High,
                tags: vec![],
                author: None,
            }),
            at: self.now,
            since: self.now,
            key: Arc::from(["k0", "k1", "k2"][usize::from(key)]),
            count: 1 + bytes.below(4) as u64,
            fields,
            evidence: vec![],
        }));
    }

    fn outcome(bytes: &mut Bytes<'_>) -> Outcome {
        use FailureKind::*;
        let output = || match json!({ "by": "bob", "n": 1 }) {
            serde_json::Value::Object(map) => map,
            _ => Map::new(),
        };
        match bytes.below(10) {
            0..=3 => Outcome::Succeeded(output()),
            4 => Outcome::Found(Map::new()),
            5 => Outcome::Stopped,
            6 => Outcome::NotBegun,
            _ => {
                let kind = *bytes.pick(&[Answered, NoAnswer, TimedOut, NotSent, Unverified, Unreachable]);
                Outcome::Failed(Failure { kind, message: "no".into() })
            }
        }
    }

    /// What was asked of an agent, answered; sometimes more than once.
    fn answer(&mut self, bytes: &mut Bytes<'_>) {
        if self.tasks.is_empty() {
            return;
        }
        let at = bytes.below(self.tasks.len());
        let outcome = World::outcome(bytes);
        let Task { run, step, attempt, undo, .. } = self.tasks[at];
        if !bytes.rarely(6) {
            self.tasks.swap_remove(at);
        }
        self.input(Input::StepFinished { run, step, attempt, undo, outcome });
    }

    fn probed(&mut self, bytes: &mut Bytes<'_>) {
        if self.probes.is_empty() {
            return;
        }
        let at = bytes.below(self.probes.len());
        let of = self.probes.swap_remove(at).of;
        let found =
            bytes.pick(&[Presence::Present, Presence::Absent, Presence::Unknown("who knows".into())]).clone();
        self.input(Input::Probed { of, found });
    }

    /// Answers that nobody asked for.
    fn stray(&mut self, bytes: &mut Bytes<'_>) {
        let (run, step) = (World::run(bytes), StepIx(bytes.below(8) as u16));
        let (attempt, undo) = (bytes.below(4) as u32, bytes.rarely(2));
        if bytes.rarely(3) {
            let found = bytes.pick(&[Presence::Present, Presence::Absent]).clone();
            let of = match bytes.rarely(2) {
                true => quell::engine::ProbeOf::Obligation(ObligationId(bytes.below(8) as u64)),
                false => quell::engine::ProbeOf::Step { run, step, attempt, undo },
            };
            return self.input(Input::Probed { of, found });
        }
        let outcome = World::outcome(bytes);
        self.input(Input::StepFinished { run, step, attempt, undo, outcome });
    }

    fn run(bytes: &mut Bytes<'_>) -> RunId {
        RunId(bytes.below(9) as u64)
    }

    fn ask(&mut self, bytes: &mut Bytes<'_>) {
        let run = World::run(bytes);
        let incident = IncidentId(bytes.below(5) as u64);
        let step: Arc<str> = Arc::from(*bytes.pick(&STEPS));
        let workflow: Arc<str> = Arc::from(*bytes.pick(&NAMES));
        let reason = (*bytes.pick(&["why not", "", "\u{1b}[2J"])).to_owned();
        let groups: Box<[Arc<str>]> = [Arc::from("soc")].into();
        let request = match bytes.below(26) {
            0 | 1 => {
                let value = bytes.pick(&[json!("192.0.2.8"), json!("web-2"), json!(7), json!(null)]).clone();
                let name = (*bytes.pick(&["ip", "host", "x"])).to_owned();
                Request::Trigger { workflow, inputs: [(name, value)].into_iter().collect() }
            }
            2 => Request::Pause { run },
            3 => Request::Resume { run },
            4 | 5 => Request::Cancel { run },
            6 => Request::Retry { run },
            7 => Request::Abandon { run },
            8 => Request::Acknowledge { incident },
            9 => Request::Resolve { incident, reason },
            10 => Request::Dismiss { incident, reason },
            11 => Request::Halt { reason },
            12 => Request::Release,
            13 => Request::Reload,
            14 | 15 => Request::Arm { workflow },
            16 => Request::Disarm { workflow },
            17 | 18 => {
                Request::Answer { run, step, undo: bytes.rarely(2), done: bytes.rarely(2), text: reason }
            }
            19 => Request::Approve { run, step, hash: String::new(), groups },
            20 => Request::Approve { run, step, hash: "00".into(), groups },
            21 => Request::Deny { run, step, reason, groups },
            22 => Request::Confirm { run, step },
            23 => Request::Lift { what: World::lift(bytes, run, incident), reason },
            _ => {
                use Settled::*;
                Request::Settle { run, step, as_: *bytes.pick(&[Again, Undo, Done, Failed, Skip]), reason }
            }
        };
        let by = Actor(Arc::from(*bytes.pick(&["ann (uid 1000)", "bob (uid 1001)"])));
        let seen = bytes.rarely(4).then(|| bytes.byte().into());
        self.requests += 1;
        let id = RequestId(self.requests);
        match bytes.rarely(12) {
            true => self.input(Input::Refuse { id, by, request, why: "it may not".into() }),
            false => self.input(Input::Request { id, by, seen, request }),
        }
    }

    fn lift(bytes: &mut Bytes<'_>, run: RunId, incident: IncidentId) -> Lift {
        match bytes.below(6) {
            0 => Lift::One(ObligationId(bytes.below(8) as u64)),
            1 => Lift::Run(run),
            2 => Lift::Incident(incident),
            3 => Lift::Since(START + Span::from_secs(bytes.byte().into())),
            4 => Lift::Target(Arc::from(*bytes.pick(&["192.0.2.1", "192.0.2.5", "nothing"]))),
            _ => Lift::All,
        }
    }

    fn rare(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(8) {
            0 => self.input(Input::Drain),
            1 | 2 => {
                let taken = 1 - self.now_used;
                let (id, by) = (RequestId(0), Actor("ann (uid 1000)".into()));
                let digest = Digest([taken as u8; 32]);
                let (done, output) =
                    self.engine.reload(id, &by, Arc::clone(&self.setups[taken]), digest, self.now);
                if done {
                    self.now_used = taken;
                }
                self.take(output);
            }
            3 => {
                // The last output did not reach the disk.
                self.records.truncate(self.before);
                self.recover();
            }
            4 => {
                self.now_used = 1 - self.now_used;
                self.recover();
            }
            _ => self.recover(),
        }
    }

    /// The engine is lost, and with it everything that agents were doing.
    fn recover(&mut self) {
        self.tasks.clear();
        self.probes.clear();
        self.replica = State::new();
        self.folded = 0;
        let setup = Arc::clone(&self.setups[self.now_used]);
        let (engine, output) = Engine::recover(self.records.clone(), setup, "fuzz", self.now)
            .unwrap_or_else(|error| panic!("recovery: {error}"));
        self.engine = engine;
        self.take(output);
        self.now = self.now.max(self.engine.state().now());
    }
}
