//! The setup of the simulated world: small, and with one of everything that can go wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::dice::Dice;
use crate::engine::{
    ActionSpec, Acts, AgentKind, AgentSpec, Budget, DrillProbe, DrillSpec, JournalKind, Limits, Means,
    PROBE_TIMEOUT, ProbeMeans, ProbeSpec, Question, Setup,
};
use crate::model::{Span, ValueType};
use crate::workflow::{self, Workflow};

/// Runs that are live at once.
pub const LIVE_RUNS: usize = 12;
/// Effects that are in force or owed at once.
pub const IN_FORCE: usize = 30;
/// How often `act` is begun in an hour without asking anybody.
const ACT_PER_HOUR: u64 = 24;
const FEW_PER_HOUR: u64 = 5;

const WORKFLOWS: [&str; 7] = [
    "
workflow: diamond
trigger: { rule: alpha }
dedup: '${detection.key}'
steps:
  - { id: a, role: LEFT, action: act, with: { x: '${detection.key}' } }
  - { id: b, role: LEFT, action: act, needs: [a], with: { x: b }, expires: 3m, confirm: 40s, retry: { attempts: 3, backoff: 2s } }
  - { id: c, role: RIGHT, action: act, needs: [a], with: { x: c }, critical: false }
  - { id: d, role: RIGHT, action: act, needs: [b, c], with: { x: '${steps.a.output.key}' }, approval: { timeout: 2m, on_timeout: deny } }
",
    "
workflow: chain
trigger: { rule: beta }
dedup: '${detection.key}'
timeout: 2m
on_failure: afterwards
steps:
  - { id: a, role: LEFT, action: act, with: { x: a } }
  - { id: b, role: RIGHT, action: once, needs: [a], with: { x: b }, timeout: 10s }
  - { id: c, role: LEFT, action: tell, needs: [b], with: { x: c }, undo: 'none: it cannot be unsaid' }
  - { id: d, role: RIGHT, action: act, needs: [c], with: { x: d }, on_failure: retry_once, confirm: 1m }
  - { id: e, role: LEFT, action: hold, needs: [d], with: { x: b }, expires: 90s, approval: { timeout: 1m, on_timeout: approve } }
",
    "
workflow: wide
trigger: { rule: gamma, when: 'detection.count >= 2' }
steps:
  - { id: a, role: LEFT, action: act, with: { x: a } }
  - { id: b, role: LEFT, action: hold, with: { x: b }, expires: 4m }
  - { id: c, role: RIGHT, action: act, with: { x: c }, approval: { count: 2, timeout: 3m } }
  - { id: d, role: RIGHT, action: act, needs: [a, b, c], with: { x: d }, when: 'steps.c.status == \"succeeded\"' }
  - { id: e, role: LEFT, action: act, needs: [d], with: { x: e }, on_failure: stop }
",
    "
workflow: probed
trigger: { rule: gamma }
steps:
  - { id: a, role: LEFT, action: wire, with: { x: a }, retry: { attempts: 2, backoff: 2s } }
  - { id: b, role: RIGHT, action: wire, needs: [a], with: { x: b }, verify: true }
  - { id: c, role: LEFT, action: bolt, needs: [a], with: { x: c }, verify: { within: 20s }, retry: { attempts: 2 } }
  - { id: d, role: RIGHT, action: tell, needs: [b, c], with: { x: d }, undo: 'none: said', verify: { action: tell, with: { x: d } } }
",
    "
workflow: by-hand
trigger: { rule: beta, when: 'detection.count >= 2' }
steps:
  - { id: a, role: LEFT, action: act, with: { x: a } }
  - { id: b, role: HAND, action: turn, needs: [a], timeout: 2m, with: { x: b }, retry: { attempts: 2 } }
  - { id: c, role: HAND, action: turn, needs: [a], timeout: 3m, with: { x: '${steps.a.output.key}' }, critical: false }
  - { id: d, role: RIGHT, action: act, needs: [b, c], with: { x: d }, when: 'steps.b.output.by != \"bob\"' }
",
    "
workflow: guarded
trigger: { rule: delta }
dedup: '${detection.key}'
steps:
  - { id: a, role: LEFT, action: hold, with: { x: '${detection.key}' }, expires: 5m, confirm: 40s }
  - { id: b, role: RIGHT, action: act, needs: [a], with: { x: b }, confirm: 30s, critical: false }
  - { id: c, role: RIGHT, action: bolt, needs: [a], with: { x: c }, confirm: 1m, expires: 50s }
",
    "
workflow: afterwards
steps:
  - { id: a, role: RIGHT, action: tell, with: { x: a }, undo: 'none: it cannot be unsaid' }
",
];

/// As somebody edited them: the same names, other steps.
const EDITED: [&str; 2] = [
    "
workflow: diamond
trigger: { rule: alpha }
dedup: '${detection.key}'
steps:
  - { id: a, role: RIGHT, action: hold, with: { x: '${detection.key}' }, expires: 2m }
  - { id: d, role: LEFT, action: hold, needs: [a], with: { x: d }, expires: 1m }
  - { id: c, role: RIGHT, action: hold, needs: [d], with: { x: c }, expires: 3m }
",
    "
workflow: wide
trigger: { rule: gamma }
steps:
  - { id: a, role: RIGHT, action: hold, with: { x: b }, expires: 1m }
  - { id: e, role: LEFT, action: tell, needs: [a], with: { x: e }, undo: 'none: said' }
",
];

type Workflows = BTreeMap<Arc<str>, Arc<Workflow>>;

fn parsed<T: AsRef<str>>(texts: &[T]) -> Workflows {
    let parse = |text: &T| match workflow::parse("simulated.yaml", text.as_ref()) {
        Ok(parsed) => (Arc::clone(&parsed.name), Arc::new(parsed)),
        Err(mistakes) => panic!("the simulated workflows are wrong: {mistakes:?}"),
    };
    texts.iter().map(parse).collect()
}

static PLAIN: LazyLock<Workflows> = LazyLock::new(|| parsed(&WORKFLOWS));
/// The same with long delays between attempts.
static SLOW: LazyLock<Workflows> =
    LazyLock::new(|| parsed(&WORKFLOWS.map(|text| text.replace("backoff: 2s", "backoff: 25s"))));
static CHANGED: LazyLock<Workflows> = LazyLock::new(|| parsed(&EDITED));

fn action(idempotent: bool, undo: Option<&str>) -> ActionSpec {
    ActionSpec {
        lifts: None,
        takes: vec![(Arc::from("x"), ValueType::Text)],
        optional: vec![],
        target: Some(Arc::from("x")),
        idempotent,
        undo: undo.map(Arc::from),
        means: Means::Drill(DrillSpec::default()),
        probe: None,
    }
}

/// It can be asked for. The world says what it finds.
fn probed(spec: ActionSpec) -> ActionSpec {
    let means = ProbeMeans::Drill(DrillProbe::Acted);
    ActionSpec { probe: Some(ProbeSpec { means, timeout: PROBE_TIMEOUT }), ..spec }
}

/// What ends by itself when its time is over.
fn ends_itself() -> ActionSpec {
    let mut spec = action(true, Some("unact"));
    spec.takes.push((Arc::from("expires"), ValueType::Duration));
    spec
}

pub(super) fn agent(name: &str, role: &str, concurrency: u32) -> AgentSpec {
    let actions = [
        ("act", action(true, Some("unact"))),
        ("unact", action(true, None)),
        ("hold", ends_itself()),
        ("once", action(false, Some("unonce"))),
        ("unonce", action(false, None)),
        ("tell", action(true, None)),
        ("wire", probed(action(false, Some("unwire")))),
        ("unwire", action(false, None)),
        ("bolt", probed(action(true, Some("unact")))),
    ];
    AgentSpec {
        name: Arc::from(name),
        role: Arc::from(role),
        capabilities: vec![],
        kind: AgentKind::Drill,
        concurrency,
        actions: actions.into_iter().map(|(name, spec)| (Arc::from(name), spec)).collect(),
    }
}

/// A person, or several.
pub(super) fn hand(concurrency: u32) -> AgentSpec {
    let asks = |text: &str, undo: Option<&str>| match Question::parse(text) {
        Ok(question) => ActionSpec { means: Means::Manual(question), ..action(true, undo) },
        Err(why) => panic!("the simulated question is wrong: {why}"),
    };
    let actions = [("turn", asks("Turn ${x}", Some("unturn"))), ("unturn", asks("Turn ${x} back", None))];
    AgentSpec {
        kind: AgentKind::Manual,
        actions: actions.into_iter().map(|(name, spec)| (Arc::from(name), spec)).collect(),
        ..agent("hand-1", "HAND", concurrency)
    }
}

/// Agents in number and concurrency, and whether it is for real, by the dice; the workflows are always
/// the same; in one world of four few effects may be had without asking, and delays are long. The first setup is the one that it begins with; the others are what people make of it.
pub fn setups(seed: u64, dice: &mut Dice) -> Vec<Arc<Setup>> {
    let tight = seed % 4 == 3;
    let mut agents = Vec::new();
    for role in ["LEFT", "RIGHT"] {
        for i in 0..=dice.below(3) {
            let name = format!("{}-{}", role.to_lowercase(), i + 1);
            agents.push(agent(&name, role, 1 + dice.below(4) as u32));
        }
    }
    agents.push(hand(1 + dice.below(3) as u32));
    let kind = if dice.chance(50) { JournalKind::Real } else { JournalKind::Exercise };
    let budget = Budget {
        action: Arc::from("act"),
        per_hour: Some(if tight { FEW_PER_HOUR } else { ACT_PER_HOUR }),
        ..Budget::default()
    };
    let limits = Limits {
        finished: 20,
        live_runs: LIVE_RUNS,
        in_force: IN_FORCE,
        agent_recovery: Span::from_secs(30),
        budgets: vec![budget],
        ..Limits::default()
    };
    let first = Setup {
        kind,
        acts: Acts::of(kind),
        agents,
        workflows: if tight { SLOW.clone() } else { PLAIN.clone() },
        limits,
        own: Arc::default(),
        protected: Arc::default(),
    };
    let others = [edited(&first), fewer(&first), crowded(&first, dice)];
    std::iter::once(first).chain(others).map(Arc::new).collect()
}

/// Other texts under the same names.
fn edited(setup: &Setup) -> Setup {
    let mut edited = setup.clone();
    edited.workflows.extend(CHANGED.iter().map(|(name, text)| (Arc::clone(name), Arc::clone(text))));
    edited
}

/// Nobody answers questions any more, and nobody can do `wire`.
fn fewer(setup: &Setup) -> Setup {
    let mut fewer = setup.clone();
    fewer.agents.retain(|agent| agent.kind != AgentKind::Manual);
    fewer.workflows.retain(|name, _| !matches!(&**name, "by-hand" | "probed"));
    for agent in &mut fewer.agents {
        agent.actions.retain(|name, _| !matches!(&**name, "wire" | "unwire"));
    }
    fewer
}

/// Other agents: one is new, the last is gone, and all do more at once, or less.
fn crowded(setup: &Setup, dice: &mut Dice) -> Setup {
    let mut crowded = setup.clone();
    for agent in &mut crowded.agents {
        agent.concurrency = 1 + dice.below(4) as u32;
    }
    crowded.agents.insert(0, agent("left-9", "LEFT", 2));
    crowded
}
