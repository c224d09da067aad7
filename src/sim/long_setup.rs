//! The setup of a long day: with an end for everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::setup::{agent, hand};
use crate::engine::{Acts, Budget, JournalKind, Limits, Setup};
use crate::model::{Signal, Span};
use crate::rule::{self, RuleSet};
use crate::source::decode::{Decoder, Format, Options};
use crate::workflow;

/// Finished runs and closed incidents that are kept: a day has many more.
const FINISHED: usize = 200;

const WORKFLOWS: [&str; 4] = [
    "
workflow: block
trigger: { rule: single }
dedup: '${detection.key}'
timeout: 10m
steps:
  - { id: a, role: LEFT, action: hold, with: { x: '${detection.key}' }, expires: 10m, retry: { attempts: 3, backoff: 2s } }
  - { id: b, role: RIGHT, action: act, needs: [a], with: { x: '${detection.key} b' }, expires: 5m }
  - { id: c, role: RIGHT, action: tell, needs: [b], with: { x: c }, undo: 'none: it cannot be unsaid' }
",
    "
workflow: ask
trigger: { rule: many }
dedup: '${detection.key}'
timeout: 20m
steps:
  - { id: a, role: LEFT, action: act, with: { x: '${detection.key}' }, approval: { timeout: 5m, on_timeout: deny }, expires: 15m }
  - { id: b, role: HAND, action: turn, needs: [a], timeout: 5m, with: { x: '${detection.key} hand' }, critical: false }
  - { id: c, role: RIGHT, action: wire, needs: [b], with: { x: '${detection.key} wire' }, timeout: 10s, verify: true }
",
    "
workflow: wide
trigger: { rule: distinct }
timeout: 10m
steps:
  - { id: a, role: LEFT, action: once, with: { x: '${detection.key} a' }, timeout: 10s }
  - { id: b, role: LEFT, action: hold, with: { x: '${detection.key} b' }, expires: 4m }
  - { id: c, role: RIGHT, action: act, with: { x: common }, expires: 2m }
  - { id: d, role: RIGHT, action: bolt, needs: [a, b, c], with: { x: '${detection.key} d' }, on_failure: stop }
",
    "
workflow: hold
inputs:
  target: { type: text }
timeout: 10m
steps:
  - { id: a, role: LEFT, action: act, with: { x: '${inputs.target}' }, expires: 20m }
",
];

const RULES: &str = "
title: Single
id: 00000000-0000-4000-8000-000000000001
name: single
level: high
logsource: { product: sim }
detection:
  it: { kind: attack }
  condition: it
---
title: Login
id: 00000000-0000-4000-8000-000000000002
name: login
level: low
logsource: { product: sim }
detection:
  it: { kind: login }
  condition: it
---
title: Probe
id: 00000000-0000-4000-8000-000000000003
name: probe
level: low
logsource: { product: sim }
detection:
  it: { kind: probe }
  condition: it
---
title: Many logins
id: 00000000-0000-4000-8000-000000000004
name: many
level: high
correlation:
  type: event_count
  rules: [login]
  group-by: [source_ip]
  timespan: 10m
  condition: { gte: 4 }
---
title: Distinct ports
id: 00000000-0000-4000-8000-000000000005
name: distinct
level: high
correlation:
  type: value_count
  rules: [probe]
  group-by: [source_ip]
  timespan: 10m
  condition: { field: destination_port, gte: 3 }
---
title: Probes, then logins
id: 00000000-0000-4000-8000-000000000006
name: chained
level: medium
correlation:
  type: temporal
  rules: [many, distinct]
  group-by: [source_ip]
  timespan: 30m
";

/// The rules.
pub fn rules() -> Arc<RuleSet> {
    match rule::load(&[("rules/long.yml".to_owned(), RULES.to_owned())]) {
        Ok(rules) => Arc::new(rules),
        Err(mistakes) => panic!("the simulated rules are wrong: {mistakes:?}"),
    }
}

/// One signal of each kind; time and source are to be set.
pub fn attacks() -> Vec<Signal> {
    let line = |kind: &str, port: u32| {
        format!(
            r#"{{"timestamp":"2026-03-14T09:00:00Z","product":"sim","kind":"{kind}","source_ip":"192.0.2.1","destination_port":{port}}}"#
        )
    };
    let mut lines = vec![line("attack", 22), line("none", 22), line("none", 23)];
    lines.extend([line("login", 22), line("login", 22), line("login", 22)]);
    lines.extend((1..=6).map(|port| line("probe", port)));
    let mut decoder = Decoder::new(Format::Json, Options::default());
    let decoded = lines.iter().map(|line| decoder.decode(line.as_bytes()));
    decoded.collect::<Result<_, _>>().unwrap_or_else(|why| panic!("a simulated signal is wrong: {why}"))
}

/// Agents, workflows and limits.
pub fn setup() -> Arc<Setup> {
    let agents = vec![
        agent("left-1", "LEFT", 4),
        agent("left-2", "LEFT", 4),
        agent("right-1", "RIGHT", 4),
        agent("right-2", "RIGHT", 2),
        hand(8),
    ];
    let mut workflows = BTreeMap::new();
    for text in WORKFLOWS {
        match workflow::parse("long.yaml", text) {
            Ok(parsed) => workflows.insert(Arc::clone(&parsed.name), Arc::new(parsed)),
            Err(mistakes) => panic!("the simulated workflows are wrong: {mistakes:?}"),
        };
    }
    let budget = Budget { action: Arc::from("act"), per_hour: Some(300), ..Budget::default() };
    let limits = Limits {
        finished: FINISHED,
        reopen: Span::from_secs(1_800),
        budgets: vec![budget],
        ..Limits::default()
    };
    Arc::new(Setup {
        kind: JournalKind::Exercise,
        acts: Acts::Always,
        agents,
        workflows,
        limits,
        own: Arc::default(),
        protected: Arc::default(),
    })
}
