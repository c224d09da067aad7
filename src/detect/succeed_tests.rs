use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::detect::resume::tests::failed;
use crate::detect::{Detection, Detector, LATENESS};
use crate::model::{DetectionId, Signal};
use crate::rule::{self, RuleSet};

const RULES: &str = "title: Failed\nname: failed\ndetection: {s: {outcome: failure}, condition: s}\n---
title: many\nname: many\nlevel: high\ncorrelation: {type: event_count, rules: failed, group-by: [source_ip], timespan: 30s, condition: {gte: 4}}\n---
title: users\nname: users\nlevel: high\ncorrelation: {type: value_count, rules: failed, group-by: [source_ip], timespan: 20s, condition: {field: user, gte: 3}}\n---
title: waves\nname: waves\nlevel: high\ncorrelation: {type: event_count, rules: many, timespan: 90s, generate: true, condition: {gte: 2}}\n";
const MORE: &str =
    "title: First\nname: first\nlevel: low\ndetection: {s: {outcome: nothing}, condition: s}\n---\n";

fn rules(text: &str) -> Arc<RuleSet> {
    Arc::new(rule::load(&[("r.yml".to_owned(), text.to_owned())]).unwrap_or_else(|m| panic!("{m:?}")))
}

/// The last of each finding.
fn last(found: Vec<Detection>) -> BTreeMap<DetectionId, Detection> {
    found.into_iter().map(|one| (one.id, one)).collect()
}

/// Looks at the signals; before those of these numbers, the rules change to the text.
fn watched(signals: &[Signal], changes: &[(usize, String)]) -> Vec<Detection> {
    let (mut detector, mut found) = (Detector::new(rules(RULES), LATENESS, 7), Vec::new());
    for (n, signal) in signals.iter().enumerate() {
        for (_, text) in changes.iter().filter(|(at, _)| *at == n) {
            detector.finish(&mut found);
            let before = std::mem::replace(&mut detector, Detector::new(rules(text), LATENESS, 7));
            detector.succeed(before);
        }
        detector.observe(signal, &mut found);
    }
    detector.finish(&mut found);
    found
}

#[test]
fn c17_half_a_brute_force_is_found_over_a_reload() {
    let signals: Vec<Signal> = (0..5).map(|n| failed(n, n as i64, 1, 0)).collect();
    let with_more = format!("{MORE}{RULES}");
    let changed = RULES.replace("gte: 4", "gte: 3");
    for (text, expected) in [(RULES, Some(5)), (&with_more, Some(5)), (&changed, Some(3))] {
        let found = last(watched(&signals, &[(2, text.to_owned())]));
        let many = found.values().find(|one| &*one.rule.name == "many");
        assert_eq!(many.map(|one| one.count), expected, "{text}");
    }
    let evidence = last(watched(&signals, &[(2, with_more)]));
    let lines = evidence.values().find(|one| &*one.rule.name == "many").map(|one| one.evidence.len());
    assert_eq!(lines, Some(5), "also the lines of before");
}

#[test]
fn what_goes_is_told_and_forgotten() {
    let signals: Vec<Signal> = (0..9).map(|n| failed(n, n as i64, 1, 0)).collect();
    let gone = RULES.split("---").next().unwrap().to_owned();
    let found = last(watched(&signals, &[(6, gone.clone())]));
    let many = found.values().find(|one| &*one.rule.name == "many");
    assert_eq!(many.map(|one| one.count), Some(6), "with what was held back");
    // Away and back: windows begin empty.
    let found = last(watched(&signals, &[(3, gone), (6, RULES.to_owned())]));
    assert!(!found.values().any(|one| &*one.rule.name == "many"));
}

proptest! {
    /// Rules that change nothing about a correlation change nothing that it finds.
    #[test]
    fn other_rules_leave_no_trace(
        steps in proptest::collection::vec((0i64..12, 0u8..3, 0u8..5, 0i64..70), 1..80),
        at in 0usize..80,
        back in 0usize..80,
    ) {
        let mut now = 0;
        let signals: Vec<Signal> = steps.iter().enumerate().map(|(n, (gap, source, user, late))| {
            now += gap;
            let at = if *late < 15 { now - late } else { now };
            failed(n, at, *source, *user)
        }).collect();
        let changes = [(at, format!("{MORE}{RULES}")), (back, RULES.to_owned())];
        let (with, without) = (last(watched(&signals, &changes)), last(watched(&signals, &[])));
        let counts = |found: &BTreeMap<DetectionId, Detection>| -> Vec<_> {
            found.values().map(|one| (one.id, one.rule.name.clone(), one.key.clone(), one.count)).collect()
        };
        prop_assert_eq!(counts(&with), counts(&without));
    }
}
