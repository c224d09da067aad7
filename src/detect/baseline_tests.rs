use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::detect::{Detection, Detector, LATENESS};
use crate::model::{Common, Document, LogSource, Signal};
use crate::rule::{RuleSet, load};

fn rules(timespan: &str, condition: &str, baseline: &str) -> Arc<RuleSet> {
    let text = format!(
        "title: Base\nname: base\ndetection: {{s: {{kind: flow}}, condition: s}}\n---\ntitle: Odd\nname: odd\nlevel: high\ncorrelation:\n  type: quell.anomaly\n  rules: base\n  group-by: [host]\n  timespan: {timespan}\n  condition: {condition}\n  baseline: {baseline}\n"
    );
    Arc::new(load(&[("r.yml".to_owned(), text)]).unwrap_or_else(|wrong| panic!("{wrong:?}")))
}

fn signal(at: i64, host: &str, value: i64) -> Signal {
    Signal {
        at: Timestamp::from_secs(at),
        weight: 1,
        origin: LogSource::default(),
        common: Common::default(),
        document: Document::parse(format!(r#"{{"kind":"flow","host":"{host}","value":{value}}}"#).into())
            .unwrap(),
        threat: None,
    }
}

fn found(rules: &Arc<RuleSet>, signals: &[Signal]) -> Vec<Detection> {
    let (mut detector, mut found) = (Detector::new(Arc::clone(rules), LATENESS, 7), Vec::new());
    signals.iter().for_each(|signal| detector.observe(signal, &mut found));
    detector.finish(&mut found);
    found
}

#[test]
fn s4_3_a_value_far_from_the_usual_is_found() {
    let rules = rules("1m", "{field: value, gte: 6}", "{memory: 50, warm-up: 20}");
    let usual = |n: i64| 100 + (n * 7) % 13;
    let mut signals: Vec<Signal> = (0..40).map(|n| signal(n * 120, "a", usual(n))).collect();
    assert_eq!(self::found(&rules, &signals), [], "what is usual is not found");
    signals.push(signal(5_000, "a", 200));
    signals.push(signal(5_000, "b", 200));
    let found = self::found(&rules, &signals);
    assert_eq!(found.len(), 1, "the other host warms up");
    let fields = &found[0].fields;
    let number = |key: &str| fields[key].as_f64().unwrap();
    assert_eq!((found[0].key.as_ref(), number("observed")), ("a", 200.0));
    assert!((number("usual") - 106.0).abs() < 2.0 && number("value") >= 6.0, "{fields:?}");
    // Too early: nothing is known yet.
    let early: Vec<Signal> = signals[..10].iter().cloned().chain([signal(5_000, "a", 200)]).collect();
    assert_eq!(self::found(&rules, &early), []);
}

#[test]
fn s4_3_a_rate_far_above_the_usual_is_found_once() {
    let rules = rules("1m", "{gte: 5}", "{memory: 30, warm-up: 10}");
    let mut signals = Vec::new();
    for minute in 0..30i64 {
        let count = if minute == 28 || minute == 29 { 60 } else { 4 + minute % 3 };
        signals.extend((0..count).map(|n| signal(minute * 60 + n, "a", 0)));
    }
    let found = self::found(&rules, &signals);
    let ids: std::collections::BTreeSet<_> = found.iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), 1, "one detection, also over the end of a bucket");
    let first = found.first().unwrap();
    assert!(first.at < Timestamp::from_secs(28 * 60 + 15), "while the bucket fills: {}", first.at);
    // Silence is counted as well: three a minute are much after two hours without any.
    let quiet: Vec<Signal> =
        signals[..100].iter().cloned().chain((0..9).map(|n| signal(9_000 + n, "a", 0))).collect();
    assert_eq!(
        self::found(&rules, &quiet).iter().map(|one| one.id).collect::<std::collections::BTreeSet<_>>().len(),
        1
    );
}

#[test]
fn s4_3_what_is_usual_survives_a_restart() {
    let rules = rules("1m", "{field: value, gte: 6}", "{memory: 50, warm-up: 20}");
    let signals: Vec<Signal> = (0..30).map(|n| signal(n * 10, "a", 100 + n % 5)).collect();
    let (mut before, mut found) = (Detector::new(Arc::clone(&rules), LATENESS, 7), Vec::new());
    signals.iter().for_each(|signal| before.observe(signal, &mut found));
    before.finish(&mut found);
    let kept = serde_json::to_string(&before.checkpoint()).unwrap();
    let goes_on = |rules: &Arc<RuleSet>| {
        let mut after = Detector::new(Arc::clone(rules), LATENESS, 7);
        after.resume(serde_json::from_str(&kept).unwrap());
        // Read again to fill windows: it is not learned twice.
        signals.iter().for_each(|signal| after.prime(signal));
        let mut found = Vec::new();
        after.observe(&signal(310, "a", 900), &mut found);
        (found, after.checkpoint())
    };
    let mut whole = Vec::new();
    before.observe(&signal(310, "a", 900), &mut whole);
    let (found, after) = goes_on(&rules);
    assert_eq!((found.len(), &found[0].fields), (1, &whole[0].fields));
    assert_eq!(after.groups[0].baseline, before.checkpoint().groups[0].baseline);
    let other = self::rules("1m", "{field: value, gte: 6}", "{memory: 51, warm-up: 20}");
    assert_eq!(goes_on(&other).0, [], "one that learns otherwise warms up");
}

/// By the definition: the weight of each value is what all later ones leave of it.
fn two_pass(values: &[f64], memory: u32) -> (f64, f64) {
    let mut weights = vec![0.0; values.len()];
    for n in 0..values.len() {
        let share = (1.0 / (n as f64 + 1.0)).max(2.0 / (f64::from(memory) + 1.0));
        weights[..n].iter_mut().for_each(|weight| *weight *= 1.0 - share);
        weights[n] = share;
    }
    let mean: f64 = values.iter().zip(&weights).map(|(value, weight)| value * weight).sum();
    let variance = values.iter().zip(&weights).map(|(value, weight)| weight * (value - mean).powi(2)).sum();
    (mean, variance)
}

fn learned(values: &[f64], rule: &Correlation) -> Baseline {
    let mut baseline = Baseline::default();
    for (n, value) in values.iter().enumerate() {
        let item = Item { weight: 1, number: (value * 1e6) as i128, ..Item::default() };
        baseline.insert(Timestamp::from_secs(n as i64), &item, rule);
    }
    baseline
}

proptest! {
    #[test]
    fn mean_and_variance_are_those_of_two_passes(
        values in proptest::collection::vec(-1_000i32..1_000, 1..200),
        memory in 2u32..60,
    ) {
        // So far away that nothing is beyond it.
        let rules = rules("1m", "{field: value, gte: 1000000000}", &format!("{{memory: {memory}, warm-up: 2, floor: 1}}"));
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let baseline = learned(&values, &rules.correlations()[0]);
        let (mean, variance) = two_pass(&values, memory);
        prop_assert!((baseline.mean - mean).abs() < 1e-6, "{} {}", baseline.mean, mean);
        prop_assert!((baseline.variance - variance).abs() < 1e-3, "{} {}", baseline.variance, variance);
    }

    /// Whatever comes, what is beyond the threshold moves what is usual no more than the threshold would.
    #[test]
    fn an_attack_is_not_usual_at_once(size in 1_000i32..1_000_000_000) {
        let rules = rules("1m", "{field: value, gte: 6}", "{memory: 50, warm-up: 20}");
        let mut values: Vec<f64> = (0..50).map(|n| 100.0 + f64::from(n % 5)).collect();
        let before = learned(&values, &rules.correlations()[0]);
        values.push(f64::from(size));
        let after = learned(&values, &rules.correlations()[0]);
        let most = 6.0 * before.variance.sqrt().max(before.mean / 20.0) * 2.0 / 51.0;
        prop_assert!(after.mean - before.mean <= most + 1e-9);
        prop_assert!(after.usual().unwrap().deviations() > 6.0);
    }
}
