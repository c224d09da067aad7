//! The setups that benchmarks run: small agents that pretend at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::BenchError;
use crate::engine::{ActionSpec, Acts, AgentKind, AgentSpec, DrillSpec, JournalKind, Limits, Means, Setup};
use crate::model::ValueType;
use crate::workflow;

/// An action that is pretended; with the name of what undoes it.
pub fn action(undo: Option<&str>, drill: DrillSpec) -> ActionSpec {
    ActionSpec {
        takes: vec![],
        optional: vec![],
        target: None,
        idempotent: true,
        lifts: None,
        undo: undo.map(Arc::from),
        means: Means::Drill(drill),
        probe: None,
    }
}

/// `act`, which `unact` undoes, `block` and `unblock`, which take an address, and `fail`, which fails.
pub fn actions() -> BTreeMap<Arc<str>, ActionSpec> {
    let fail = DrillSpec { fail_permille: 1_000, message: "as planned".into(), ..DrillSpec::default() };
    [
        ("act", action(Some("unact"), DrillSpec::default())),
        ("unact", action(None, DrillSpec::default())),
        ("block", ActionSpec { undo: Some("unblock".into()), ..on_address() }),
        ("unblock", on_address()),
        ("fail", action(None, fail)),
    ]
    .map(|(name, spec)| (Arc::from(name), spec))
    .into()
}

fn on_address() -> ActionSpec {
    let address: Arc<str> = "address".into();
    ActionSpec {
        takes: vec![(Arc::clone(&address), ValueType::Address)],
        target: Some(address),
        ..action(None, DrillSpec::default())
    }
}

/// Agents `hand-1` to `hand-N` of the role `HAND`, each with so many steps at once.
pub fn hands(count: u32, concurrency: u32) -> Vec<AgentSpec> {
    let hand = |i: u32| AgentSpec {
        name: Arc::from(format!("hand-{i}")),
        role: Arc::from("HAND"),
        capabilities: vec![],
        kind: AgentKind::Drill,
        concurrency,
        actions: actions(),
    };
    (1..=count).map(hand).collect()
}

/// A setup of these agents and these workflows, as text.
///
/// # Errors
/// A workflow has a mistake.
pub fn setup(agents: Vec<AgentSpec>, workflows: &[String]) -> Result<Arc<Setup>, BenchError> {
    let parse = |text: &String| match workflow::parse("bench.yaml", text) {
        Ok(workflow) => Ok((Arc::clone(&workflow.name), Arc::new(workflow))),
        Err(mistakes) => Err(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    let workflows = workflows.iter().map(parse).collect::<Result<_, _>>()?;
    Ok(Arc::new(Setup {
        kind: JournalKind::Exercise,
        acts: Acts::Always,
        agents,
        workflows,
        // Nothing is ever lifted: what a benchmark does stays in force.
        limits: Limits { in_force: usize::MAX, ..Limits::default() },
        own: Arc::default(),
        protected: Arc::default(),
    }))
}

/// A workflow of steps one after the other; the last one is this action, the others `act`.
pub fn chain(name: &str, steps: u32, last: &str) -> String {
    let mut text = format!("workflow: {name}\nsteps:\n");
    for i in 1..=steps {
        let action = if i == steps { last } else { "act" };
        let undo = if action == "fail" { ", undo: 'none: it never happens'" } else { "" };
        let needs = if i > 1 { format!(", needs: [s{}]", i - 1) } else { String::new() };
        text.push_str(&format!("  - {{ id: s{i}, role: HAND, action: {action}{undo}{needs} }}\n"));
    }
    text
}
