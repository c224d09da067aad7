//! A state with a bit of everything, built from records.

use std::sync::Arc;

use serde_json::json;

use crate::engine::{
    Actor, AgentKind, Event, IncidentStatus, JournalKind, NewRun, Record, RollbackCause, State,
};
use crate::model::{
    Action, AgentId, Detection, DetectionId, Digest, Failure, FailureKind, IncidentId, Map, RuleHead, RunId,
    Severity, Span, StepIx, Timestamp,
};
use crate::workflow::{Plan, PlanStep};

/// 2026-11-21T14:00:00Z.
pub const START: Timestamp = Timestamp::from_secs(1_795_269_600);

/// Records in the making.
pub struct Script {
    pub records: Vec<Record>,
    pub at: Timestamp,
}

impl Script {
    pub fn new() -> Self {
        Script { records: Vec::new(), at: START }
    }

    pub fn say(&mut self, event: Event) -> &mut Self {
        let seq = self.records.len() as u64 + 1;
        self.records.push(Record { seq, at: self.at, event });
        self
    }

    pub fn wait(&mut self, millis: u64) -> &mut Self {
        self.at = self.at + Span::from_millis(millis);
        self
    }

    pub fn state(&self) -> State {
        let mut state = State::new();
        for record in &self.records {
            state.apply(record).unwrap();
        }
        state
    }

    pub fn open(&mut self, kind: JournalKind) -> &mut Self {
        self.say(Event::JournalOpened { kind, version: "0.1.0".into(), seed: 7 });
        let names = [
            ("fortress-1", "FORTRESS"),
            ("aegis-1", "AEGIS"),
            ("cipher-1", "CIPHER"),
            ("phantom-1", "PHANTOM"),
            ("oracle-1", "ORACLE"),
            ("sentinel-1", "SENTINEL"),
            ("herald-1", "HERALD"),
        ];
        for (i, (name, role)) in names.into_iter().enumerate() {
            let agent = AgentId(i as u32);
            self.say(Event::AgentJoined {
                agent,
                name: name.into(),
                role: role.into(),
                kind: AgentKind::Drill,
                concurrency: 2,
            });
            let to = crate::engine::AgentStatus::Idle;
            self.say(Event::AgentChanged { agent, to, why: "ready".into() });
        }
        self
    }

    pub fn incident(
        &mut self,
        id: u64,
        rule: &str,
        level: Severity,
        key: &str,
        evidence: &[&str],
    ) -> &mut Self {
        let detection = Detection {
            id: DetectionId([id as u8; 8]),
            rule: Arc::new(RuleHead {
                id: "8f5b5b0e-0000-4000-8000-000000000001".into(),
                name: rule.into(),
                title: format!("Title of {rule}").into(),
                level,
                tags: vec!["attack.discovery".into()],
                author: Some("quell".into()),
            }),
            at: self.at,
            since: self.at - Span::from_secs(12),
            key: key.into(),
            count: 25,
            fields: object(json!({"source_ip": key, "distinct_ports": 25})),
            evidence: evidence.iter().map(|text| Arc::from(*text)).collect(),
        };
        self.say(Event::IncidentOpened { incident: IncidentId(id), detection: Arc::new(detection) })
    }

    pub fn run(&mut self, id: u64, workflow: &str, steps: &[&str], incident: Option<u64>) -> &mut Self {
        let plan = Plan {
            steps: steps
                .iter()
                .enumerate()
                .map(|(i, step)| PlanStep {
                    id: (*step).into(),
                    name: None,
                    needs: (i > 0).then(|| StepIx(i as u16 - 1)).into_iter().collect(),
                    critical: true,
                    approval: None,
                    confirm: None,
                })
                .collect(),
        };
        self.say(Event::RunCreated(Box::new(NewRun {
            run: RunId(id),
            workflow: workflow.into(),
            hash: Digest([0; 32]),
            plan: Arc::new(plan),
            inputs: Arc::new(object(json!({"address": "10.0.7.21"}))),
            by: Actor::engine(),
            incident: incident.map(IncidentId),
            detection: None,
            dedup: None,
            severity: Some(Severity::High),
            deadline: None,
            retry_of: None,
            takes_over: Vec::new(),
            lifts: Box::default(),
            mode: crate::engine::RunMode::Live,
        })))
    }

    pub fn start(&mut self, run: u64, step: u16, attempt: u32, agent: u32) -> &mut Self {
        let action = |name: &str| {
            Arc::new(Action {
                name: name.into(),
                args: object(json!({"address": "10.0.7.21"})).into(),
                target: Some("10.0.7.21".into()),
                idempotent: true,
                probe: false,
                question: None,
                expires: None,
            })
        };
        let deadline = self.at + Span::from_secs(30);
        self.say(Event::StepStarted {
            run: RunId(run),
            step: StepIx(step),
            attempt,
            agent: AgentId(agent),
            kind: AgentKind::Drill,
            action: action("block_source_ip"),
            undo: (step <= 1).then(|| action("unblock_source_ip")),
            deadline,
        })
    }

    pub fn succeed(&mut self, run: u64, step: u16) -> &mut Self {
        let output = object(json!({"rule": format!("r-{step}")}));
        self.say(Event::StepSucceeded {
            run: RunId(run),
            step: StepIx(step),
            attempt: 1,
            output,
            found: false,
        })
    }

    pub fn fail(&mut self, run: u64, step: u16, attempt: u32, kind: FailureKind, retry: bool) -> &mut Self {
        let retry_at = retry.then(|| self.at + Span::from_secs(4));
        let failure = Arc::new(Failure { kind, message: "connection refused".to_owned() });
        self.say(Event::StepFailed { run: RunId(run), step: StepIx(step), attempt, failure, retry_at })
    }

    pub fn roll_back(&mut self, run: u64, cause: RollbackCause) -> &mut Self {
        let why = "step alert failed: connection refused".into();
        self.say(Event::RollbackStarted { run: RunId(run), cause, why, by: Actor::engine() })
    }

    pub fn undo(&mut self, run: u64, step: u16, agent: u32) -> &mut Self {
        let deadline = self.at + Span::from_secs(30);
        let action = Action {
            name: "unblock_source_ip".into(),
            args: Map::new().into(),
            target: Some("10.0.7.21".into()),
            idempotent: true,
            probe: false,
            question: None,
            expires: None,
        };
        self.say(Event::UndoStarted {
            run: RunId(run),
            step: StepIx(step),
            attempt: 1,
            agent: AgentId(agent),
            kind: AgentKind::Drill,
            action: Arc::new(action),
            deadline,
        })
    }
}

pub fn object(value: serde_json::Value) -> Map {
    match value {
        serde_json::Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

/// Runs that complete, run, wait, are paused and are rolled back; incidents of every standing.
pub fn busy() -> Script {
    let mut s = Script::new();
    s.open(JournalKind::Exercise);
    s.wait(60_000).incident(1, "port-scan", Severity::Medium, "10.0.7.21", &["{\"proto\":\"TCP\"}"]);
    s.run(1, "contain-scan", &["block", "alert", "log"], Some(1));
    s.start(1, 0, 1, 0).wait(120).succeed(1, 0).start(1, 1, 1, 3).wait(80).succeed(1, 1);
    s.start(1, 2, 1, 6).wait(10).succeed(1, 2).say(Event::RunCompleted { run: RunId(1) });
    let contained = IncidentStatus::Contained;
    s.say(Event::IncidentChanged {
        incident: IncidentId(1),
        to: contained,
        by: Actor::engine(),
        reason: None,
    });

    s.wait(30_000).incident(
        2,
        "ssh-brute-force",
        Severity::High,
        "198.51.100.4",
        &["Failed password for root"],
    );
    s.run(2, "stop-brute-force", &["block", "alert", "log"], Some(2));
    s.start(2, 0, 1, 0).wait(200).succeed(2, 0).start(2, 1, 1, 2).wait(50);
    s.fail(2, 1, 1, FailureKind::NoAnswer, false).roll_back(2, RollbackCause::Failure);
    s.wait(20).undo(2, 1, 3).wait(90);
    s.say(Event::UndoSucceeded { run: RunId(2), step: StepIx(1), attempt: 1 }).wait(10).undo(2, 0, 0);

    s.wait(20_000).incident(
        3,
        "anomalous-traffic",
        Severity::Critical,
        "10.0.7.21 → 198.51.100.4",
        &[
            "{\"event_type\":\"flow\",\"bytes_toserver\":9000000}",
            "evil \u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}gpj.exe",
        ],
    );
    s.run(3, "isolate-host", &["snapshot", "isolate", "notify", "verify"], Some(3));
    s.start(3, 0, 1, 1).wait(400).succeed(3, 0).start(3, 1, 1, 4).wait(60);
    s.fail(3, 1, 1, FailureKind::Answered, true);
    s.run(4, "contain-scan", &["block", "alert", "log"], None);
    s.start(4, 0, 1, 0).wait(100).succeed(4, 0);
    s.say(Event::RunPaused { run: RunId(4), by: Actor("alice (uid 1000)".into()) });
    s.run(5, "contain-scan", &["block", "alert", "log"], None).start(5, 0, 1, 0);
    s.incident(4, "port-scan", Severity::Low, "10.0.9.9", &[]);
    let by = Actor("alice (uid 1000)".into());
    let to = IncidentStatus::Acknowledged;
    s.say(Event::IncidentChanged { incident: IncidentId(2), to, by: by.clone(), reason: None });
    let reason = Some("a scanner of ours".into());
    s.say(Event::IncidentChanged { incident: IncidentId(4), to: IncidentStatus::Dismissed, by, reason });
    s.wait(1_000);
    s
}
