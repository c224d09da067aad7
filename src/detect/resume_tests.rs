use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::detect::{Detection, LATENESS};
use crate::model::{Document, LogSource};
use crate::rule::{self, RuleSet};

const RULES: &str = "title: Failed\nname: failed\ndetection: {s: {outcome: failure}, condition: s}\n---
title: many\nname: many\nlevel: high\ncorrelation:\n  type: event_count\n  rules: failed\n  group-by: [source_ip]\n  timespan: 30s\n  condition: {gte: 4}\n---
title: users\nname: users\nlevel: high\ncorrelation:\n  type: value_count\n  rules: failed\n  group-by: [source_ip]\n  timespan: 20s\n  condition: {field: user, gte: 3}\n";

fn rules() -> Arc<RuleSet> {
    Arc::new(rule::load(&[("r.yml".to_owned(), RULES.to_owned())]).unwrap_or_else(|m| panic!("{m:?}")))
}

fn detector(rules: &Arc<RuleSet>) -> Detector {
    Detector::new(Arc::clone(rules), LATENESS, 7)
}

/// A login of a user that failed, at so many seconds, from an address of 192.0.2.0/24.
pub fn failed(n: usize, at: i64, source: u8, user: u8) -> Signal {
    let common = Common {
        source_ip: Some([192, 0, 2, source].into()),
        user: Some(format!("user-{user}").into()),
        outcome: Some("failure".into()),
        ..Common::default()
    };
    Signal {
        at: Timestamp::from_secs(at),
        weight: 1,
        origin: LogSource::default(),
        common,
        document: Document::of_line(format!("{n}").into()),
        threat: None,
    }
}

/// The last count of each finding, with its rule and key.
fn counts(found: &[Detection]) -> BTreeMap<DetectionId, (String, u64)> {
    let mut counts = BTreeMap::new();
    for one in found {
        let entry = counts.entry(one.id).or_insert((format!("{} {}", one.rule.name, one.key), 0));
        entry.1 = entry.1.max(one.count);
    }
    counts
}

/// Stops after `cut` signals and goes on in a new detector, as a restart does: from the first signal
/// that still matters, those before the cut only to fill the windows.
fn interrupted(rules: &Arc<RuleSet>, signals: &[Signal], cuts: &[usize]) -> Vec<Detection> {
    let (mut running, mut found, mut at) = (detector(rules), Vec::new(), 0);
    for cut in cuts.iter().map(|cut| cut % (signals.len() + 1)) {
        let cut = cut.max(at);
        signals[at..cut].iter().for_each(|signal| running.observe(signal, &mut found));
        running.finish(&mut found);
        let kept = serde_json::to_string(&running.checkpoint()).unwrap();
        let horizon = running.horizon();
        let again = signals[..cut].iter().position(|signal| signal.at >= horizon).unwrap_or(cut);
        running = detector(rules);
        running.resume(serde_json::from_str(&kept).unwrap());
        signals[again..cut].iter().for_each(|signal| running.prime(signal));
        at = cut;
    }
    signals[at..].iter().for_each(|signal| running.observe(signal, &mut found));
    running.finish(&mut found);
    found
}

#[test]
fn c5_an_attack_longer_than_its_window_stays_one_finding() {
    let rules = rules();
    let signals: Vec<_> = (0..200).map(|n| failed(n, n as i64 * 2, 1, 1)).collect();
    let undisturbed = counts(&interrupted(&rules, &signals, &[]));
    assert_eq!(undisturbed.len(), 1);
    assert_eq!(undisturbed.values().next().unwrap().1, 200);
    assert_eq!(counts(&interrupted(&rules, &signals, &[100, 150, 151])), undisturbed);
}

#[test]
fn c5_what_was_found_is_not_found_again() {
    let rules = rules();
    let signals: Vec<_> = (0..20).map(|n| failed(n, n as i64, 1, n as u8)).collect();
    let (mut before, mut found) = (detector(&rules), Vec::new());
    signals.iter().for_each(|signal| before.observe(signal, &mut found));
    before.finish(&mut found);
    assert!(!found.is_empty());
    let mut after = detector(&rules);
    after.resume(before.checkpoint());
    signals.iter().for_each(|signal| after.prime(signal));
    found.clear();
    after.finish(&mut found);
    assert_eq!(found, vec![]);
    assert_eq!(after.checkpoint(), before.checkpoint(), "and nothing is forgotten");
}

#[test]
fn what_belongs_to_no_rule_is_left_out() {
    let group = OpenGroup {
        rule: "gone".into(),
        key: vec!["192.0.2.1".to_owned()],
        touched: Timestamp(0),
        episode: None,
        past: None,
        baseline: None,
    };
    let mut detector = detector(&rules());
    detector.resume(Checkpoint { now: None, groups: vec![group], links: Vec::new() });
    assert_eq!(detector.checkpoint(), Checkpoint::default());
    assert_eq!(detector.horizon(), Timestamp::MIN);
    assert_eq!(detector.longest_reach(), Span::from_secs(90));
}

proptest! {
    #[test]
    fn c5_a_restart_anywhere_changes_nothing(
        steps in proptest::collection::vec((0i64..12, -40i64..1, 1u8..4, 0u8..5), 1..120),
        cuts in proptest::collection::vec(0usize..120, 1..4),
    ) {
        let mut clock = 1_000;
        let signal = |(n, (step, back, source, user)): (usize, (i64, i64, u8, u8))| {
            clock += step;
            failed(n, clock + if n % 5 == 0 { back } else { 0 }, source, user)
        };
        let signals: Vec<_> = steps.into_iter().enumerate().map(signal).collect();
        let rules = rules();
        let undisturbed = counts(&interrupted(&rules, &signals, &[]));
        prop_assert_eq!(counts(&interrupted(&rules, &signals, &cuts)), undisturbed);
    }
}
