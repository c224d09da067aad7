//! Every type of correlation, chained ones too, against what people would count by hand.

use super::*;
use crate::model::{Common, Document, LogSource, Value};
use crate::rule;

/// Rules `a`, `b`, `c` match records with that `kind`.
fn rules(correlations: &str) -> Arc<RuleSet> {
    let single = |name: &str| {
        format!("title: {name}\nname: {name}\ndetection: {{s: {{kind: {name}}}, condition: s}}\n---\n")
    };
    let text: String = ["a", "b", "c"].map(single).concat() + correlations;
    Arc::new(rule::load(&[("r.yml".to_string(), text)]).unwrap_or_else(|m| panic!("{m:?}")))
}

fn one(correlation: &str) -> Arc<RuleSet> {
    rules(&format!("title: t\nname: t\ncorrelation: {{{correlation}}}\n"))
}

/// A record at a second: `kind`, then `field=value`, numbers as numbers.
fn signal(at: i64, text: &str) -> Signal {
    let mut words = text.split(' ');
    let mut record = serde_json::json!({ "kind": words.next() });
    for (key, value) in words.filter_map(|word| word.split_once('=')) {
        record[key] = value.parse().map_or_else(|_| value.into(), |number: f64| number.into());
    }
    Signal {
        at: Timestamp::from_secs(at),
        weight: 1,
        origin: LogSource::default(),
        common: Common::default(),
        document: Document::parse(record.to_string().into()).unwrap(),
        threat: None,
    }
}

fn found(rules: &Arc<RuleSet>, signals: &[(i64, &str)]) -> Vec<Detection> {
    let (mut detector, mut out) = (Detector::new(rules.clone(), LATENESS, 7), Vec::new());
    signals.iter().for_each(|(at, text)| detector.observe(&signal(*at, text), &mut out));
    detector.finish(&mut out);
    out
}

/// `second rule key` of each detection when it begins.
fn begun(rules: &Arc<RuleSet>, signals: &[(i64, &str)]) -> Vec<String> {
    let mut ids = std::collections::BTreeSet::new();
    let begun = found(rules, signals)
        .into_iter()
        .filter(|found| found.rule.name.len() > 1 || &*found.rule.name == "t");
    let begun = begun.filter(|found| ids.insert(found.id));
    begun.map(|found| format!("{} {} {}", found.at.0 / 1_000_000, found.rule.name, found.key)).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn temporal_needs_every_rule_in_one_window() {
    let temporal = one("type: temporal, rules: [a, b, c], group-by: [h], timespan: 10s");
    assert_eq!(begun(&temporal, &[(0, "c h=x"), (5, "a h=x"), (10, "b h=x")]), ["10 t x"]);
    assert_eq!(begun(&temporal, &[(0, "c h=x"), (5, "a h=x"), (11, "b h=x")]), NOTHING);
    assert_eq!(begun(&temporal, &[(0, "c h=x"), (5, "a h=y"), (6, "b h=x")]), NOTHING);
    assert_eq!(begun(&temporal, &[(0, "a h=x"), (1, "a h=x"), (2, "b h=x")]), NOTHING);
    // Late, but within its window.
    assert_eq!(begun(&temporal, &[(0, "c h=x"), (30, "c h=x"), (5, "a h=x"), (6, "b h=x")]), ["6 t x"]);
    let two = one("type: temporal, rules: [a, b, c], group-by: [h], timespan: 10s, condition: {gte: 2}");
    assert_eq!(begun(&two, &[(0, "c h=x"), (5, "a h=x")]), ["5 t x"]);
    let without = one("type: temporal, rules: [a, b, c], timespan: 10s, condition: 'a and b and not c'");
    assert_eq!(begun(&without, &[(0, "a"), (1, "b")]), ["1 t t"]);
    assert_eq!(begun(&without, &[(0, "c"), (1, "a"), (2, "b")]), NOTHING);
    assert_eq!(begun(&without, &[(0, "c"), (5, "a"), (11, "b")]), ["11 t t"]);
}

#[test]
fn temporal_ordered_needs_them_in_order() {
    let ordered = one("type: temporal_ordered, rules: [a, b, c], group-by: [h], timespan: 10s");
    assert_eq!(begun(&ordered, &[(0, "a h=x"), (5, "b h=x"), (10, "c h=x")]), ["10 t x"]);
    assert_eq!(begun(&ordered, &[(0, "b h=x"), (5, "a h=x"), (10, "c h=x")]), NOTHING);
    assert_eq!(begun(&ordered, &[(0, "a h=x"), (5, "b h=x"), (11, "c h=x")]), NOTHING);
    // The chain that begins last counts.
    assert_eq!(
        begun(&ordered, &[(0, "a h=x"), (1, "b h=x"), (8, "a h=x"), (9, "b h=x"), (15, "c h=x")]),
        ["15 t x"]
    );
    // Late, between the others.
    assert_eq!(begun(&ordered, &[(0, "a h=x"), (8, "c h=x"), (20, "a h=x"), (4, "b h=x")]), ["4 t x"]);
    // One signal is one step only.
    let same = rules(
        "title: a2\nname: a2\ndetection: {s: {kind: a}, condition: s}\n---\n\
         title: t\nname: t\ncorrelation: {type: temporal_ordered, rules: [a, a2], timespan: 10s}\n",
    );
    assert_eq!(begun(&same, &[(0, "a")]), NOTHING);
    assert_eq!(begun(&same, &[(0, "a"), (3, "a")]), ["3 t t"]);
}

#[test]
fn values_are_summed_up_averaged_and_ranked() {
    for (kind, condition, signals, expected) in [
        (
            "value_sum",
            "{field: n, gte: 10}",
            vec![(0, "a n=4"), (1, "a n=5.5"), (2, "a n=0.5")],
            vec!["2 t t"],
        ),
        ("value_sum", "{field: n, gte: 10}", vec![(0, "a n=4"), (11, "a n=6")], vec![]),
        ("value_sum", "{field: n, gte: 10}", vec![(0, "a n=12"), (1, "a n=-5"), (2, "a n=2")], vec!["0 t t"]),
        ("value_sum", "{field: n, gte: 10}", vec![(0, "a n=4"), (1, "a"), (2, "a n=text")], vec![]),
        (
            "value_sum",
            "{field: n, gte: 10}",
            vec![(0, "a n=6"), (30, "b"), (25, "a n=1"), (1, "a n=6")],
            vec!["1 t t"],
        ),
        ("value_avg", "{field: n, gt: 5}", vec![(0, "a n=4"), (1, "a n=6"), (2, "a n=6")], vec!["2 t t"]),
        ("value_avg", "{field: n, lt: 0}", vec![(0, "a n=4"), (1, "a n=-6")], vec!["1 t t"]),
        ("value_avg", "{field: n, neq: 4}", vec![(0, "a n=4"), (1, "a n=4")], vec![]),
        (
            "value_percentile",
            "{field: n, percentile: 90, gte: 9}",
            vec![(0, "a n=1"), (1, "a n=9"), (2, "a n=10"), (3, "a n=10")],
            vec!["2 t t"],
        ),
        ("value_percentile", "{field: n, gte: 5}", vec![(0, "a n=1"), (1, "a n=9")], vec!["1 t t"]),
        ("value_median", "{field: n, gt: 5}", vec![(0, "a n=1"), (1, "a n=9")], vec![]),
        ("event_count", "{neq: 1}", vec![(0, "a"), (1, "a")], vec!["1 t t"]),
        (
            "value_count",
            "{field: [n, m], gte: 2}",
            vec![(0, "a n=1 m=1"), (1, "a n=1"), (2, "a n=1 m=2")],
            vec!["2 t t"],
        ),
    ] {
        let set = one(&format!("type: {kind}, rules: [a], timespan: 10s, condition: {condition}"));
        assert_eq!(begun(&set, &signals), expected, "{kind} {condition} {signals:?}");
    }
    let set = one("type: value_sum, rules: [a], timespan: 10s, condition: {field: n, gte: 10}");
    let last = found(&set, &[(0, "a n=4"), (1, "a n=7.5"), (3, "a n=1")]).pop().unwrap();
    assert_eq!((last.count, last.fields.get("value")), (3, Some(&Value::from(12.5))));
}

#[test]
fn aliases_group_by_different_fields() {
    let set =
        one("type: temporal, rules: [a, b], group-by: [ip], timespan: 10s, aliases: {ip: {a: src, b: dst}}");
    assert_eq!(begun(&set, &[(0, "a src=1 dst=2"), (1, "b src=2 dst=1")]), ["1 t 1"]);
    assert_eq!(begun(&set, &[(0, "a src=1 dst=2"), (1, "b src=1 dst=2")]), NOTHING);
    let found = found(&set, &[(0, "a src=1"), (1, "b dst=1")]);
    assert_eq!(found[0].fields.get("ip"), Some(&Value::from("1")));
}

#[test]
fn an_event_that_matches_two_rules_counts_once() {
    let set = rules(
        "title: any\nname: any\ndetection: {s: {kind: '*'}, condition: s}\n---\n\
         title: t\nname: t\ncorrelation: {type: event_count, rules: [a, any], group-by: [h], timespan: 10s, condition: {gte: 2}}\n",
    );
    assert_eq!(begun(&set, &[(0, "a h=x")]), NOTHING);
    assert_eq!(begun(&set, &[(0, "a h=x"), (1, "b h=x")]), ["1 t x"]);
}

/// Three failures, then a success: the example of the specification.
const CHAIN: &str = "title: t\nname: t\ncorrelation: {type: temporal_ordered, rules: [many, b], group-by: [u], timespan: 10s}\n---\n\
                     title: many\nname: many\ncorrelation: {type: event_count, rules: [a], group-by: [u], timespan: 10s, condition: {gte: 3}}\n";

#[test]
fn correlations_feed_correlations() {
    let failures = [(0, "a u=x"), (1, "a u=x"), (2, "a u=x")];
    let then = |more: &[(i64, &'static str)]| [failures.as_slice(), more].concat();
    let chain = rules(CHAIN);
    assert_eq!(begun(&chain, &then(&[(5, "b u=x")])), ["5 t x"]);
    assert_eq!(begun(&chain, &then(&[(5, "b u=y")])), NOTHING);
    assert_eq!(begun(&chain, &then(&[(13, "b u=x")])), NOTHING);
    // It goes on, so it is still there when the success comes.
    assert_eq!(begun(&chain, &then(&[(9, "a u=x"), (10, "a u=x"), (13, "b u=x")])), ["13 t x"]);
    assert_eq!(begun(&chain, &[(0, "b u=x"), (1, "a u=x"), (2, "a u=x"), (3, "a u=x")]), NOTHING);
    let generating = rules(&CHAIN.replace("timespan: 10s}\n---", "timespan: 10s, generate: true}\n---"));
    assert_eq!(begun(&generating, &then(&[(5, "b u=x")])), ["2 many x", "5 t x"]);
    // Detections are counted, not the signals that they have in common.
    let counting = rules(
        &CHAIN
            .replace("temporal_ordered, rules: [many, b]", "event_count, rules: [many]")
            .replace("timespan: 10s}\n---", "timespan: 60s, condition: {gte: 2}}\n---"),
    );
    assert_eq!(begun(&counting, &then(&[(3, "a u=x"), (4, "a u=x")])), NOTHING);
    assert_eq!(begun(&counting, &then(&[(30, "a u=x"), (31, "a u=x"), (32, "a u=x")])), ["32 t x"]);
}

#[test]
fn c5_a_chain_goes_on_after_a_restart() {
    let signals = [(0, "a u=x"), (1, "a u=x"), (2, "a u=x"), (5, "b u=x")];
    let set = rules(CHAIN);
    let (mut before, mut out) = (Detector::new(set.clone(), LATENESS, 7), Vec::new());
    signals[..3].iter().for_each(|(at, text)| before.observe(&signal(*at, text), &mut out));
    before.finish(&mut out);
    let stored = serde_json::to_string(&before.checkpoint()).unwrap();
    let mut after = Detector::new(set.clone(), LATENESS, 8);
    after.resume(serde_json::from_str(&stored).unwrap());
    signals[..3].iter().for_each(|(at, text)| after.prime(&signal(*at, text)));
    let (at, text) = signals[3];
    after.observe(&signal(at, text), &mut out);
    after.finish(&mut out);
    // The lines that were fed are not read again.
    let bare = |found: Vec<Detection>| -> Vec<_> {
        found.into_iter().map(|found| Detection { evidence: Vec::new(), ..found }).collect()
    };
    assert_eq!(out.len(), 1);
    assert_eq!(bare(out), bare(found(&set, &signals)));
}

#[test]
fn c21_what_is_kept_of_a_chain_is_bounded_and_counted() {
    let limits = Limits { links: 5, ..Limits::default() };
    let (mut detector, mut out) = (Detector::with_limits(rules(CHAIN), LATENESS, 7, limits), Vec::new());
    for n in 0..30 {
        detector.observe(&signal(n, "a u=x"), &mut out);
    }
    assert_eq!((detector.checkpoint().links.len(), detector.stats().evicted), (5, 23));
}

proptest::proptest! {
    /// What a detection counts is the same whether each growth is sent at once or all of them in the end.
    #[test]
    fn c19_what_is_counted_does_not_depend_on_when_it_is_sent(
        stream in proptest::collection::vec((0i64..12, 0i64..60, 0usize..3), 1..60)
    ) {
        let types = [
            "event_count, rules: [a, b], condition: {gte: 3}",
            "value_count, rules: [a, b, c], condition: {field: n, gte: 3}",
            "temporal, rules: [a, b, c]",
            "temporal, rules: [a, b, c], condition: 'a and b and not c'",
            "temporal_ordered, rules: [a, b, c]",
            "value_sum, rules: [a, b, c], condition: {field: n, gte: 9}",
        ];
        let of = |(n, text): (usize, &&str)| {
            format!("title: t{n}\nname: t{n}\ncorrelation: {{group-by: [h], timespan: 9s, type: {text}}}\n")
        };
        let set = rules(&types.iter().enumerate().map(of).collect::<Vec<_>>().join("---\n"));
        let mut clock = 0;
        let signals: Vec<_> = stream.iter().map(|(step, back, kind)| {
            clock += step;
            signal(clock - if back % 2 == 0 { 0 } else { *back }, &format!("{} h=x n={}", ["a", "b", "c"][*kind], back % 7))
        }).collect();
        let counts = |often: bool| {
            let (mut detector, mut out) = (Detector::new(set.clone(), LATENESS, 7), Vec::new());
            for signal in &signals {
                detector.observe(signal, &mut out);
                if often {
                    detector.finish(&mut out);
                }
            }
            detector.finish(&mut out);
            let mut counts = std::collections::BTreeMap::new();
            for Detection { id, count, .. } in out {
                let most: &mut u64 = counts.entry(id).or_default();
                *most = count.max(*most);
            }
            counts
        };
        proptest::prop_assert_eq!(counts(false), counts(true));
    }

    /// Out of order within the lateness or not: the groups that are found are those of a recount.
    #[test]
    fn groups_found_by_temporal_types_are_those_of_a_recount(
        stream in proptest::collection::vec((0i64..58, 0usize..3, 0u8..2), 1..30), span in 1i64..20, ordered: bool
    ) {
        let kind = if ordered { "temporal_ordered" } else { "temporal" };
        let set = one(&format!("type: {kind}, rules: [a, b, c], group-by: [h], timespan: {span}s"));
        let texts: Vec<(i64, String)> =
            stream.iter().map(|(at, kind, host)| (*at, format!("{} h=h{host}", ["a", "b", "c"][*kind]))).collect();
        let signals: Vec<(i64, &str)> = texts.iter().map(|(at, text)| (*at, text.as_str())).collect();
        let groups: std::collections::BTreeSet<_> =
            found(&set, &signals).into_iter().map(|found| found.key.to_string()).collect();
        let mut sorted = stream.clone();
        sorted.sort_by_key(|(at, ..)| *at);
        let mut expected = std::collections::BTreeSet::new();
        for (start, _, host) in &sorted {
            let inside = sorted.iter().filter(|(at, _, h)| h == host && (*start..=start + span).contains(at));
            let kinds: Vec<usize> = inside.map(|(_, kind, _)| *kind).collect();
            let mut next = 0;
            kinds.iter().for_each(|kind| next += usize::from(*kind == next));
            let whole = if ordered { next == 3 } else { (0..3).all(|kind| kinds.contains(&kind)) };
            if whole {
                expected.insert(format!("h{host}"));
            }
        }
        proptest::prop_assert_eq!(groups, expected);
    }
}
