//! A world of one test: agents that answer when the script says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::engine::*;
use crate::flow::machine::Status;
use crate::model::*;
use crate::workflow;

pub struct World {
    pub engine: Engine,
    pub setup: Arc<Setup>,
    pub records: Vec<Record>,
    pub now: Timestamp,
    /// Who asks.
    pub by: Arc<str>,
    tasks: Vec<Task>,
    probes: Vec<Probe>,
    requests: u64,
}

pub const START: Timestamp = Timestamp::from_secs(1_800_000_000);

fn action(takes: &[&str], idempotent: bool, undo: Option<&str>) -> ActionSpec {
    ActionSpec {
        lifts: None,
        takes: takes.iter().map(|name| (Arc::from(*name), ValueType::Text)).collect(),
        optional: vec![],
        target: takes.first().map(|name| Arc::from(*name)),
        idempotent,
        undo: undo.map(Arc::from),
        means: Means::Drill(DrillSpec::default()),
        probe: None,
    }
}

/// It can be asked for.
fn probed(spec: ActionSpec) -> ActionSpec {
    let means = ProbeMeans::Drill(DrillProbe::Acted);
    ActionSpec { probe: Some(ProbeSpec { means, timeout: PROBE_TIMEOUT }), ..spec }
}

/// What ends by itself when its time is over.
fn ends_itself() -> ActionSpec {
    let mut spec = action(&["address"], true, Some("unblock"));
    spec.takes.push((Arc::from("expires"), ValueType::Duration));
    spec
}

fn agent(name: &str, role: &str, concurrency: u32) -> AgentSpec {
    let actions = [
        ("block", action(&["address"], true, Some("unblock"))),
        ("unblock", action(&["address"], true, None)),
        ("once", action(&["address"], false, Some("unblock"))),
        ("tell", action(&["text"], true, None)),
        ("wire", probed(action(&["address"], false, Some("unwire")))),
        ("unwire", action(&["address"], false, None)),
        ("bolt", probed(action(&["address"], true, Some("unblock")))),
        ("ping", action(&["address"], true, None)),
        ("hold", ends_itself()),
        ("clamp", probed(ends_itself())),
        ("shut", action(&["address", "port"], true, Some("unblock"))),
    ];
    AgentSpec {
        name: Arc::from(name),
        role: Arc::from(role),
        capabilities: vec![Arc::from("net")],
        kind: AgentKind::Drill,
        concurrency,
        actions: actions.into_iter().map(|(name, spec)| (Arc::from(name), spec)).collect(),
    }
}

/// A person.
fn hand() -> AgentSpec {
    let asks = |question: &str, undo: Option<&str>| ActionSpec {
        takes: vec![(Arc::from("host"), ValueType::Host)],
        target: Some(Arc::from("host")),
        means: Means::Manual(Question::parse(question).unwrap()),
        ..action(&[], true, undo)
    };
    let actions = [
        ("unplug", asks("Unplug ${host} from its switch", Some("plug"))),
        ("plug", asks("Plug ${host} in again", None)),
    ];
    AgentSpec {
        actions: actions.into_iter().map(|(name, spec)| (Arc::from(name), spec)).collect(),
        kind: AgentKind::Manual,
        ..agent("hand-1", "HAND", 2)
    }
}

/// The same for real work.
pub fn real(workflows: &[&str]) -> Arc<Setup> {
    let setup = setup(workflows);
    Arc::new(Setup { kind: JournalKind::Real, acts: Acts::Armed, ..Setup::clone(&setup) })
}

pub fn setup(workflows: &[&str]) -> Arc<Setup> {
    let parsed = workflows.iter().map(|text| {
        let parsed = workflow::parse("test.yaml", text).unwrap_or_else(|m| panic!("{m:?}"));
        (Arc::clone(&parsed.name), Arc::new(parsed))
    });
    Arc::new(Setup {
        kind: JournalKind::Exercise,
        acts: Acts::Always,
        agents: vec![agent("wall-1", "WALL", 4), agent("bell-1", "BELL", 1), hand()],
        workflows: parsed.collect::<BTreeMap<_, _>>(),
        limits: Limits { finished: 3, ..Limits::default() },
        own: Arc::default(),
        protected: Arc::default(),
    })
}

impl World {
    pub fn new(workflows: &[&str]) -> World {
        World::of(setup(workflows))
    }

    pub fn of(setup: Arc<Setup>) -> World {
        let (engine, output) = Engine::new(Arc::clone(&setup), "test", 7, START);
        let mut world = World {
            engine,
            setup,
            records: vec![],
            now: START,
            by: "ada".into(),
            tasks: vec![],
            probes: vec![],
            requests: 0,
        };
        world.take(output);
        world
    }

    pub fn take(&mut self, output: Output) -> String {
        let mut told = String::new();
        for record in &output.records {
            let line = self.brief(&record.event);
            if !line.is_empty() {
                writeln!(told, "    {line}").unwrap();
            }
        }
        self.records.extend(output.records);
        for effect in output.effects {
            match effect {
                Effect::Perform(task) => {
                    if let Some(question) = &task.action.question {
                        writeln!(told, "    → asks ({}, {}): {question}", task.attempt, task.key).unwrap();
                    }
                    if task.probe_first {
                        writeln!(told, "    → looks for it first").unwrap();
                    }
                    self.tasks.push(task);
                }
                Effect::Probe(probe) => {
                    let how = if probe.check { "checks" } else { "looks for" };
                    let (action, key) = (&probe.action.name, &probe.key);
                    writeln!(told, "    → {how} {action} ({key})").unwrap();
                    self.probes.push(probe);
                }
                Effect::Stop { run, step, .. } => {
                    writeln!(told, "    → stop {} of {run}", self.step(run, step)).unwrap();
                }
                Effect::Halt { by, why } => {
                    writeln!(told, "    → the kill switch is thrown by {by}: {why}").unwrap()
                }
                Effect::Release => writeln!(told, "    → the kill switch is released").unwrap(),
                Effect::Answer { answer, .. } => writeln!(told, "    → {answer:?}").unwrap(),
            }
        }
        told
    }

    pub fn input(&mut self, input: Input) -> String {
        let output = self.engine.handle(input, self.now);
        self.take(output)
    }

    /// Loses the engine, as a crash does, and takes up the journal again.
    pub fn crash(&mut self) -> String {
        self.tasks.clear();
        self.probes.clear();
        let records = self.records.clone();
        let (engine, output) = Engine::recover(records, Arc::clone(&self.setup), "test", self.now).unwrap();
        self.engine = engine;
        self.take(output)
    }

    /// One line of script each: what happens, then what became true.
    pub fn play(&mut self, script: &str) -> String {
        let mut told = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(told, "{line}").unwrap();
            told += &self.line(line);
        }
        told
    }

    fn line(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["trigger", workflow, ref inputs @ ..] => {
                let inputs = inputs.iter().map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap();
                    (name.to_owned(), value.into())
                });
                let inputs = inputs.collect();
                self.ask(Request::Trigger { workflow: Arc::from(workflow), inputs })
            }
            ["detect", rule, key, count] => {
                let detection = detection(rule, key, count.parse().unwrap(), self.now);
                self.input(Input::Detection(detection))
            }
            ["ok", step] => self.answer(step, false, Outcome::Succeeded(Map::new())),
            ["ok", step, pair] => {
                let (name, value) = pair.split_once('=').unwrap();
                self.answer(
                    step,
                    false,
                    Outcome::Succeeded([(name.to_owned(), value.into())].into_iter().collect()),
                )
            }
            ["found", step] => self.answer(step, false, Outcome::Found(Map::new())),
            [verb @ ("present" | "absent" | "unknown"), step] => self.probed(step, false, verb),
            [verb @ ("present" | "absent" | "unknown"), step, "undone"] => self.probed(step, true, verb),
            ["undo-lost", step] => self.answer(step, true, failed(FailureKind::NoAnswer)),
            ["fail", step] => self.answer(step, false, failed(FailureKind::Answered)),
            ["lost", step] => self.answer(step, false, failed(FailureKind::NoAnswer)),
            ["not-begun", step] => self.answer(step, false, Outcome::NotBegun),
            ["undo-not-begun", step] => self.answer(step, true, Outcome::NotBegun),
            ["undo-stopped", step] => self.answer(step, true, Outcome::Stopped),
            ["halt", ref reason @ ..] => self.ask(Request::Halt { reason: reason.join(" ") }),
            ["release"] => self.ask(Request::Release),
            ["stopped", step] => self.answer(step, false, Outcome::Stopped),
            ["undone", step] => self.answer(step, true, Outcome::Succeeded(Map::new())),
            ["undo-fails", step] => self.answer(step, true, failed(FailureKind::Answered)),
            ["wait", span] => self.wait(span.parse().unwrap()),
            [verb @ ("answer" | "answer-undo"), run, step, word, ref text @ ..] => {
                self.ask(Request::Answer {
                    run: run.parse().unwrap(),
                    step: Arc::from(step),
                    undo: verb == "answer-undo",
                    done: word == "done",
                    text: text.join(" "),
                })
            }
            ["settle", run, step, word, ref reason @ ..] => self.ask(Request::Settle {
                run: run.parse().unwrap(),
                step: Arc::from(step),
                as_: Settled::ALL.into_iter().find(|settled| settled.name() == word).unwrap(),
                reason: reason.join(" "),
            }),
            ["lift", what, ref reason @ ..] => {
                let what = match what.split_once('-') {
                    _ if what == "all" => Lift::All,
                    Some(("ob", _)) => Lift::One(what.parse().unwrap()),
                    Some(("run", _)) => Lift::Run(what.parse().unwrap()),
                    Some(("inc", _)) => Lift::Incident(what.parse().unwrap()),
                    Some(("last", span)) => Lift::Since(self.now - span.parse().unwrap()),
                    _ => Lift::Target(Arc::from(what)),
                };
                self.ask(Request::Lift { what, reason: reason.join(" ") })
            }
            ["arm", workflow] => self.ask(Request::Arm { workflow: Arc::from(workflow) }),
            ["disarm", workflow] => self.ask(Request::Disarm { workflow: Arc::from(workflow) }),
            ["as", who, ref rest @ ..] => {
                let before = std::mem::replace(&mut self.by, Arc::from(who.replace('_', " ")));
                let told = self.line(&rest.join(" "));
                self.by = before;
                told
            }
            ["approve", run, step, ref hash @ ..] => self.ask(Request::Approve {
                run: run.parse().unwrap(),
                step: Arc::from(step),
                hash: hash.join(""),
                groups: Box::new([]),
            }),
            ["confirm", run, step] => {
                self.ask(Request::Confirm { run: run.parse().unwrap(), step: Arc::from(step) })
            }
            ["deny", run, step, ref reason @ ..] => self.ask(Request::Deny {
                run: run.parse().unwrap(),
                step: Arc::from(step),
                reason: reason.join(" "),
                groups: Box::new([]),
            }),
            ["crash"] => self.crash(),
            ["drain"] => self.input(Input::Drain),
            [verb, id] => self.ask(request(verb, id, "")),
            [verb, id, ref reason @ ..] => self.ask(request(verb, id, &reason.join(" "))),
            _ => panic!("what is `{line}`?"),
        }
    }

    /// What was wished last.
    pub fn last_task(&self) -> &Task {
        self.tasks.last().unwrap()
    }

    /// What was asked, since the last crash.
    pub fn asked(&self) -> impl Iterator<Item = &Probe> {
        self.probes.iter()
    }

    pub fn ask(&mut self, request: Request) -> String {
        self.requests += 1;
        let (id, by) = (RequestId(self.requests), Actor(Arc::clone(&self.by)));
        self.input(Input::Request { id, by, seen: None, request })
    }

    /// Lets time pass, stopping at every deadline on the way.
    fn wait(&mut self, span: Span) -> String {
        let end = self.now + span;
        let mut told = String::new();
        while let Some(at) = self.engine.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let tick = self.input(Input::Tick);
            if !tick.is_empty() {
                write!(told, "  after {}\n{tick}", self.now.since(START)).unwrap();
            }
        }
        self.now = end;
        told
    }

    /// The last task of a step is answered; `step` may be `run-2/a`, else it is of the latest run.
    fn answer(&mut self, step: &str, undo: bool, outcome: Outcome) -> String {
        let (run, step) = match step.split_once('/') {
            Some((run, step)) => (run.parse().unwrap(), step),
            None => (self.engine.state().runs().next_back().unwrap().id(), step),
        };
        let found = self
            .tasks
            .iter()
            .rposition(|task| task.run == run && task.undo == undo && self.step(run, task.step) == step);
        let Some(found) = found else {
            let run = self.engine.state().run(run).unwrap();
            let ix = run.plan().steps.iter().position(|plan| &*plan.id == step).unwrap();
            assert!(run.steps()[ix].attempt() == 0, "no task for {step}");
            return "    (nobody was asked)\n".to_owned();
        };
        let task = self.tasks[found].clone();
        self.now = self.now + Span::from_secs(1);
        let (step, attempt) = (task.step, task.attempt);
        self.input(Input::StepFinished { run, step, attempt, undo, outcome })
    }

    /// The last question about a step, about its undo, or about an entry of the ledger (`ob-1`) is answered.
    fn probed(&mut self, step: &str, undo: bool, word: &str) -> String {
        let about = |probe: &&Probe| match probe.of {
            ProbeOf::Step { run, step: ix, undo: of_undo, .. } => {
                of_undo == undo && self.step(run, ix) == step
            }
            ProbeOf::Obligation(id) => id.to_string() == step,
        };
        let of = self.probes.iter().rev().find(about).unwrap_or_else(|| panic!("nobody asks for {step}")).of;
        self.now = self.now + Span::from_secs(1);
        let found = match word {
            "present" => Presence::Present,
            "absent" => Presence::Absent,
            _ => Presence::Unknown("it cannot say".to_owned()),
        };
        self.input(Input::Probed { of, found })
    }

    fn step(&self, run: RunId, step: StepIx) -> String {
        self.engine.state().run(run).map_or("?".to_owned(), |run| run.step_id(step).to_owned())
    }

    fn brief(&self, event: &Event) -> String {
        use Event::*;
        let step = |run: &RunId, step: &StepIx| format!("{run} {}", self.step(*run, *step));
        match event {
            JournalOpened { .. } | AgentJoined { .. } | WorkflowRecorded { .. } => String::new(),
            AgentChanged { to: AgentStatus::Idle, why, .. } if &**why == "ready" => String::new(),
            Recovered { .. } => "recovered".to_owned(),
            Halted { by, why } => format!("HALTED by {by}: {why}"),
            Released { by } => format!("RELEASED by {by}"),
            ClockJumped { by, .. } => format!("clock jumped {}s", by / 1_000_000),
            SetupLoaded { by, .. } => format!("setup loaded by {by}"),
            AgentChanged { agent, to, why } => {
                format!("{} {}: {why}", self.engine.state().agent(*agent).unwrap().name(), to.name())
            }
            IncidentOpened { incident, detection } => {
                format!("{incident} opened: {} {} x{}", detection.rule.name, detection.key, detection.count)
            }
            IncidentRepeated { incident, count, .. } => format!("{incident} repeated: {count}"),
            IncidentChanged { incident, to, by, reason } => {
                format!(
                    "{incident} {to} by {by}{}",
                    reason.as_ref().map_or(String::new(), |r| format!(": {r}"))
                )
            }
            EchoHeard { incident, workflow, echo } => {
                format!("{incident} echo, {workflow} not started: {}", echo.told())
            }
            RunCreated(new) => {
                let NewRun { run, workflow, by, retry_of, mode, .. } = &**new;
                let mode = if mode.is_live() { "" } else { ", observes" };
                let again = retry_of.map_or(String::new(), |run| format!(", again for {run}"));
                format!("{run} created: {workflow} by {by}{again}{mode}")
            }
            WorkflowArmed { workflow, by, .. } => format!("{workflow} ARMED by {by}"),
            WorkflowDisarmed { workflow, by, why } => format!("{workflow} disarmed by {by}: {why}"),
            StepAssumed { run, step: s, agent, action, undo, undecided, .. } => {
                let agent = self.engine.state().agent(*agent).unwrap().name();
                let undo = undo.as_ref().map_or("no undo".to_owned(), |undo| format!("undo {}", undo.name));
                let target = action.target.as_deref().unwrap_or("-");
                let unless = undecided.as_ref().map_or(String::new(), |when| format!(", if `{when}`"));
                format!("{} ASSUMED on {agent}: {} {target}, {undo}{unless}", step(run, s), action.name)
            }
            StepAnswered { run, step: s, undo, done, text, by, .. } => {
                let undo = if *undo { " undo" } else { "" };
                format!("{}{undo} answered by {by}: {done} `{text}`", step(run, s))
            }
            ApprovalAsked(asked) => {
                let AskedApproval { run, step: s, action, count, until, why, .. } = &**asked;
                let target = action.target.as_deref().unwrap_or("-");
                let span = until.since(self.now);
                format!("{} ASKS {count} for {span}: {} {target}: {why}", step(run, s), action.name)
            }
            EffectConfirmed { run, step: s, by } => format!("{} confirmed by {by}", step(run, s)),
            ApprovalGiven { run, step: s, by, .. } => format!("{} approved by {by}", step(run, s)),
            ApprovalDenied { run, step: s, by, reason, .. } => {
                format!("{} DENIED by {by}: {reason}", step(run, s))
            }
            StepSettled { run, step: s, undo, settled, reason, by, .. } => {
                let undo = if *undo { " undo" } else { "" };
                format!("{}{undo} SETTLED by {by}: {} `{reason}`", step(run, s), settled.name())
            }
            RunJoined { run, incident } => format!("{run} joined by {incident}"),
            RunPaused { run, .. } => format!("{run} paused"),
            RunResumed { run, .. } => format!("{run} resumed"),
            RunParked { run, why } => format!("{run} PARKED: {why}"),
            RunUnparked { run, .. } => format!("{run} unparked"),
            RollbackStarted { run, why, .. } => format!("{run} ROLLING BACK: {why}"),
            RunCompleted { run } => format!("{run} COMPLETED"),
            RunFailed { run, why } => format!("{run} FAILED: {why}"),
            RollbackCompleted { run } => {
                format!("{run} {}", self.engine.state().run(*run).unwrap().status().name().to_uppercase())
            }
            RunStuck { run, why } => format!("{run} STUCK: {why}"),
            RunAbandoned { run, .. } => format!("{run} ABANDONED"),
            StepStarted { run, step: s, attempt, action, undo, .. } => {
                let undo = undo.as_ref().map_or("no undo".to_owned(), |undo| format!("undo {}", undo.name));
                let target = action.target.as_deref().unwrap_or("-");
                format!("{} starts ({attempt}): {} {target}, {undo}", step(run, s), action.name)
            }
            StepSucceeded { run, step: s, found, .. } => {
                format!("{} succeeded{}", step(run, s), if *found { ": it was there before" } else { "" })
            }
            StepFailed { run, step: s, failure, retry_at, .. } => {
                let then = retry_at
                    .map_or(String::new(), |at| format!(", again in {}ms", at.since(self.now).0 / 1000));
                format!("{} failed ({:?}): {}{then}", step(run, s), failure.kind, failure.message)
            }
            StepWaiting { run, step: s, wait, .. } => format!("{} waits for {wait:?}", step(run, s)),
            StepSkipped { run, step: s, why } => format!("{} skipped: {why}", step(run, s)),
            StepCancelled { run, step: s, in_doubt } => {
                format!("{} cancelled{}", step(run, s), if *in_doubt { ", in doubt" } else { "" })
            }
            StepInDoubt { run, step: s, failure, .. } => {
                let why = failure.as_ref().map_or(String::new(), |failure| format!(": {}", failure.message));
                format!("{} IN DOUBT{why}", step(run, s))
            }
            StepPerformed { run, step: s, .. } => format!("{} performed, to be verified", step(run, s)),
            UndoPerformed { run, step: s, .. } => format!("{} undo performed, to be verified", step(run, s)),
            StepProbing { run, step: s, undo, .. } => {
                format!("{} is asked for{}", step(run, s), if *undo { " after its undo" } else { "" })
            }
            StepProbed { run, step: s, found, again_at, .. } => {
                let then = again_at
                    .map_or(String::new(), |at| format!(", again in {}ms", at.since(self.now).0 / 1000));
                format!("{} is {found}{then}", step(run, s))
            }
            UndoStarted { run, step: s, attempt, action, .. } => {
                format!("{} undo starts ({attempt}): {}", step(run, s), action.name)
            }
            UndoSucceeded { run, step: s, .. } => format!("{} undone", step(run, s)),
            UndoFailed { run, step: s, failure, retry_at, .. } => {
                let then = if retry_at.is_some() { ", again later" } else { ", given up" };
                format!("{} undo failed: {}{then}", step(run, s), failure.message)
            }
            UndoInDoubt { run, step: s, failure, .. } => {
                let why = failure.as_ref().map_or(String::new(), |failure| format!(": {}", failure.message));
                format!("{} undo IN DOUBT{why}", step(run, s))
            }
            RequestRefused { why, .. } => format!("refused: {why}"),
            ObligationsRetired { .. } => String::new(),
            StepJoined { run, step: s, obligation, .. } => format!("{} JOINS {obligation}", step(run, s)),
            LetGo { run, step: s, obligation, why, .. } => {
                format!("{} lets go of {obligation}: {why}", step(run, s))
            }
            ObligationExpired { obligation } => format!("{obligation} EXPIRED"),
            ObligationProbed { obligation, found } => format!("{obligation} found {}", found.name()),
            Retired { runs, incidents } => {
                format!("retired: {} runs, {} incidents", runs.len(), incidents.len())
            }
        }
    }
}

fn failed(kind: FailureKind) -> Outcome {
    Outcome::Failed(Failure { kind, message: "it said no".to_owned() })
}

fn request(verb: &str, id: &str, reason: &str) -> Request {
    let (run, incident) = (id.parse().unwrap_or(RunId(0)), id.parse().unwrap_or(IncidentId(0)));
    let reason = reason.to_owned();
    match verb {
        "pause" => Request::Pause { run },
        "resume" => Request::Resume { run },
        "cancel" => Request::Cancel { run },
        "retry" => Request::Retry { run },
        "abandon" => Request::Abandon { run },
        "acknowledge" => Request::Acknowledge { incident },
        "resolve" => Request::Resolve { incident, reason },
        "dismiss" => Request::Dismiss { incident, reason },
        other => panic!("what is `{other}`?"),
    }
}

pub fn detection(rule: &str, key: &str, count: u64, at: Timestamp) -> Detection {
    let (name, window) = rule.split_once('#').unwrap_or((rule, "0"));
    let head = RuleHead {
        id: Arc::from(name),
        name: Arc::from(name),
        title: Arc::from(name),
        level: Severity::High,
        tags: vec![],
        author: None,
    };
    let bytes =
        format!("{name}{key}{window}").bytes().fold(0u64, |h, b| crate::flow::backoff::mix(&[h, b.into()]));
    Detection {
        id: DetectionId(bytes.to_be_bytes()),
        rule: Arc::new(head),
        at,
        since: at,
        key: Arc::from(key),
        count,
        fields: [("source_ip".to_owned(), Value::from(key))].into_iter().collect(),
        evidence: vec![],
    }
}
