//! Agents that pretend: for exercises. A drill acts on nothing, and what it answers is a pure function
//! of seed, key and attempt in integer arithmetic: the same on every machine and every run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Agent, Reply};
use crate::engine::{AgentSpec, DrillProbe, DrillSpec, Means, Probe, ProbeMeans, ProbeOf, Task};
use crate::flow::backoff::mix;
use crate::model::{Failure, FailureKind, Outcome, Presence, Span, Timestamp, Value};

/// A simulated agent.
#[derive(Debug)]
pub struct DrillAgent {
    seed: u64,
    name: Arc<str>,
    actions: BTreeMap<Arc<str>, Drilled>,
}

/// An action, what undoes it, and what is said when its effect is asked for.
#[derive(Debug)]
struct Drilled {
    drill: DrillSpec,
    undo: Option<Arc<str>>,
    probe: Option<DrillProbe>,
}

impl DrillAgent {
    /// The drill of an agent: its actions as its file says, with this seed.
    pub fn new(spec: &AgentSpec, seed: u64) -> Self {
        let drills = spec.actions.iter().filter_map(|(name, action)| match &action.means {
            Means::Drill(drill) => {
                let probe = match action.probe.as_ref().map(|probe| &probe.means) {
                    Some(ProbeMeans::Drill(probe)) => Some(*probe),
                    _ => None,
                };
                let drilled = Drilled { drill: drill.clone(), undo: action.undo.clone(), probe };
                Some((Arc::clone(name), drilled))
            }
            _ => None,
        });
        DrillAgent { seed, name: Arc::clone(&spec.name), actions: drills.collect() }
    }
}

impl Agent for DrillAgent {
    fn perform(&self, task: &Task, _now: Timestamp) -> Reply {
        match self.actions.get(&task.action.name) {
            Some(spec) => pretend(&spec.drill, self.seed, task),
            None => {
                let message = format!("{} has no drill for {}", self.name, task.action.name);
                Reply::failed(FailureKind::NotSent, message)
            }
        }
    }

    fn probe(&self, probe: &Probe, _now: Timestamp) -> (Span, Presence) {
        let Some(spec) = self.actions.get(&probe.action.name) else {
            return (Span::ZERO, Presence::Unknown(super::NO_PROBE.to_owned()));
        };
        let found = match spec.probe {
            Some(DrillProbe::Present) => Presence::Present,
            Some(DrillProbe::Absent) => Presence::Absent,
            Some(DrillProbe::Unknown) => {
                Presence::Unknown("the drill pretends that it cannot say".to_owned())
            }
            Some(DrillProbe::Acted) if self.acted(spec, probe) => Presence::Present,
            Some(DrillProbe::Acted) => Presence::Absent,
            None => Presence::Unknown(super::NO_PROBE.to_owned()),
        };
        (spec.drill.latency_min, found)
    }

    fn is_instant(&self) -> bool {
        true
    }
}

impl DrillAgent {
    /// Whether an effect is there after the attempts so far, each of which has the same outcome whenever
    /// it is worked out.
    fn acted(&self, spec: &Drilled, probe: &Probe) -> bool {
        let ProbeOf::Step { attempt, undo, .. } = probe.of else { return true };
        let task = |attempt, action, key| Task { attempt, action, key, ..probe.as_task() };
        let done = |drill: &DrillSpec, task: &Task| match pretend(drill, self.seed, task) {
            Reply::Due { outcome, .. } => matches!(outcome, Outcome::Succeeded(_)),
            Reply::Never => mix(&[hash_of(self.seed, task), 4]) & 1 == 1,
        };
        if !undo {
            return (1..=attempt)
                .any(|n| done(&spec.drill, &task(n, Arc::clone(&probe.action), Arc::clone(&probe.key))));
        }
        let Some(undo) = spec.undo.as_ref().and_then(|name| self.actions.get(name)) else { return true };
        let key: Arc<str> = Arc::from(format!("{}:undo", probe.key));
        !(1..=attempt).any(|n| done(&undo.drill, &task(n, Arc::clone(&probe.action), Arc::clone(&key))))
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; <http://www.isthe.com/chongo/tech/comp/fnv/>).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A number below `below`, from a uniform hash.
fn scale(hash: u64, below: u64) -> u64 {
    ((u128::from(hash) * u128::from(below)) >> 64) as u64
}

fn hash_of(seed: u64, task: &Task) -> u64 {
    mix(&[seed, fnv1a(task.key.as_bytes()), u64::from(task.attempt)])
}

fn pretend(spec: &DrillSpec, seed: u64, task: &Task) -> Reply {
    let hash = hash_of(seed, task);
    if scale(mix(&[hash, 1]), 1000) < u64::from(spec.hang_permille) {
        return Reply::Never;
    }
    let range = spec.latency_max.0.saturating_sub(spec.latency_min.0);
    let after = Span(spec.latency_min.0 + scale(mix(&[hash, 2]), range.saturating_add(1)));
    let by_chance = scale(mix(&[hash, 3]), 1000) < u64::from(spec.fail_permille);
    let by_plan = task.attempt <= spec.fail_first
        || spec
            .fail_if
            .as_ref()
            .is_some_and(|(arg, value)| task.action.args.get(arg).is_some_and(|found| is(found, value)));
    let outcome = if by_chance || by_plan {
        Outcome::Failed(Failure { kind: FailureKind::Answered, message: spec.message.to_string() })
    } else {
        Outcome::Succeeded(spec.output.clone())
    };
    Reply::Due { after, outcome }
}

/// Whether an argument has the value that the file wrote as text.
fn is(found: &Value, value: &str) -> bool {
    match found {
        Value::String(text) => text == value,
        other => {
            let shown = other.to_string();
            shown == value
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::task;
    use crate::engine::AgentKind;
    use crate::model::Map;

    fn spec() -> DrillSpec {
        DrillSpec {
            latency_min: Span::from_millis(100),
            latency_max: Span::from_millis(300),
            fail_permille: 0,
            hang_permille: 0,
            fail_first: 0,
            fail_if: None,
            message: "refused by the drill".into(),
            output: Map::new(),
        }
    }

    fn try_with(spec: &DrillSpec, key: &str, attempt: u32) -> Reply {
        let mut task = task(AgentKind::Drill, "block", &[("address", "192.0.2.9")]);
        (task.key, task.attempt) = (key.into(), attempt);
        pretend(spec, 1, &task)
    }

    fn failed(reply: &Reply) -> bool {
        matches!(reply, Reply::Due { outcome: Outcome::Failed(_), .. })
    }

    /// Fixed for ever: a change here changes the records of every exercise.
    #[test]
    fn the_answer_is_the_same_everywhere() {
        let latency = |key, attempt| match try_with(&spec(), key, attempt) {
            Reply::Due { after, .. } => after.0,
            Reply::Never => 0,
        };
        let found = [latency("run-1/block", 1), latency("run-1/block", 2), latency("run-2/block", 1)];
        assert_eq!(found, [107_601, 106_392, 189_600]);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn latency_stays_within_its_range() {
        for n in 0..1_000 {
            let Reply::Due { after, .. } = try_with(&spec(), &format!("run-{n}/x"), 1) else { panic!() };
            assert!((100_000..=300_000).contains(&after.0), "{after}");
        }
    }

    #[test]
    fn shares_come_out_as_asked() {
        let flaky = DrillSpec { fail_permille: 200, hang_permille: 100, ..spec() };
        let replies: Vec<_> = (0..10_000).map(|n| try_with(&flaky, &format!("run-{n}/x"), 1)).collect();
        let hung = replies.iter().filter(|reply| **reply == Reply::Never).count();
        let failures = replies.iter().filter(|reply| failed(reply)).count();
        assert!((900..1_100).contains(&hung), "{hung}");
        assert!((1_650..1_950).contains(&failures), "{failures}");
    }

    #[test]
    fn a_drill_finds_what_its_attempts_did() {
        let action = |drill, undo: Option<&str>| crate::engine::ActionSpec {
            takes: vec![],
            optional: vec![],
            target: None,
            idempotent: false,
            lifts: None,
            undo: undo.map(Arc::from),
            means: Means::Drill(drill),
            probe: Some(crate::engine::ProbeSpec {
                means: ProbeMeans::Drill(DrillProbe::Acted),
                timeout: crate::engine::PROBE_TIMEOUT,
            }),
        };
        let second = DrillSpec { fail_first: 1, ..spec() };
        let hangs = DrillSpec { hang_permille: 1000, ..spec() };
        let actions = [
            ("block", action(second.clone(), Some("unblock"))),
            ("unblock", action(second, None)),
            ("hang", action(hangs, None)),
        ];
        let agent = DrillAgent::new(
            &AgentSpec {
                name: "wall-1".into(),
                role: "WALL".into(),
                capabilities: vec![],
                kind: AgentKind::Drill,
                concurrency: 1,
                actions: actions.into_iter().map(|(name, action)| (name.into(), action)).collect(),
            },
            7,
        );
        let ask = |name: &str, key: &str, attempt, undo| {
            let mut probe = Probe::before(&task(AgentKind::Drill, name, &[]));
            probe.key = key.into();
            probe.of =
                ProbeOf::Step { run: crate::model::RunId(1), step: crate::model::StepIx(0), attempt, undo };
            agent.probe(&probe, Timestamp(0)).1
        };
        // The first attempt of each fails, the second is done.
        let found = [0, 1, 2].map(|attempt| ask("block", "k", attempt, false));
        assert_eq!(found, [Presence::Absent, Presence::Absent, Presence::Present]);
        let found = [1, 2].map(|attempt| ask("block", "k", attempt, true));
        assert_eq!(found, [Presence::Present, Presence::Absent]);
        let hung =
            (0..1_000).filter(|n| ask("hang", &format!("k{n}"), 1, false) == Presence::Present).count();
        assert!((400..600).contains(&hung), "{hung}");
    }

    #[test]
    fn failures_can_be_planned() {
        let first = DrillSpec { fail_first: 1, ..spec() };
        assert!(failed(&try_with(&first, "k", 1)) && !failed(&try_with(&first, "k", 2)));
        let address = |value: &str| DrillSpec { fail_if: Some(("address".into(), value.into())), ..spec() };
        assert!(failed(&try_with(&address("192.0.2.9"), "k", 1)));
        assert!(!failed(&try_with(&address("192.0.2.8"), "k", 1)));
    }
}
