use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::{Common, Document, LogSource, Severity, Threat, Value};
use crate::rule;

const BASE: &str = "title: Failed\nname: failed\ndetection: {s: {outcome: failure}, condition: s}\n---\n";

fn rules(text: &str) -> Arc<RuleSet> {
    Arc::new(rule::load(&[("r.yml".to_string(), text.to_string())]).unwrap_or_else(|m| panic!("{m:?}")))
}

fn correlation(kind: &str, group_by: &str, span: &str, condition: &str) -> Arc<RuleSet> {
    rules(&format!(
        "{BASE}title: c\nname: c\nlevel: high\ncorrelation:\n  type: {kind}\n  rules: failed\n  group-by: [{group_by}]\n  timespan: {span}\n  condition: {condition}\n"
    ))
}

/// A failed login at a second, from the source `192.0.2.SOURCE`, as a user.
fn failed(at: i64, source: u8, user: &str) -> Signal {
    let common = Common {
        source_ip: Some([192, 0, 2, source].into()),
        user: Some(user.into()),
        outcome: Some("failure".into()),
        ..Common::default()
    };
    let document = Document::of_line(format!("{at} {source} {user}").into());
    Signal {
        at: Timestamp::from_secs(at),
        weight: 1,
        origin: LogSource::default(),
        common,
        document,
        threat: None,
    }
}

fn detector(rules: Arc<RuleSet>) -> Detector {
    Detector::new(rules, LATENESS, 7)
}

fn run(rules: Arc<RuleSet>, signals: &[Signal]) -> Vec<Detection> {
    let (mut detector, mut out) = (detector(rules), Vec::new());
    signals.iter().for_each(|signal| detector.observe(signal, &mut out));
    detector.finish(&mut out);
    out
}

/// `at key count` of each detection.
fn brief(found: &[Detection]) -> Vec<String> {
    found.iter().map(|d| format!("{} {} {}", d.at.0 / 1_000_000, d.key, d.count)).collect()
}

#[test]
fn a_detection_is_sent_at_the_threshold_and_as_it_grows() {
    let signals: Vec<_> = (0..8).map(|n| failed(n * 2, 1, "root")).collect();
    let found = run(correlation("event_count", "source_ip", "60s", "{gte: 5}"), &signals);
    assert_eq!(brief(&found), ["8 192.0.2.1 5", "10 192.0.2.1 6", "12 192.0.2.1 7", "14 192.0.2.1 8"]);
    let first = &found[0];
    assert_eq!((&*first.rule.name, first.rule.level, first.since), ("c", Severity::High, Timestamp(0)));
    assert!(found.iter().all(|d| d.id == first.id && d.since == first.since));
    assert_eq!(
        first.evidence.iter().map(|l| &**l).collect::<Vec<_>>(),
        ["0 1 root", "2 1 root", "4 1 root", "6 1 root", "8 1 root"]
    );
    assert_eq!(
        serde_json::to_string(&first.fields).unwrap(),
        r#"{"count":5,"outcome":"failure","source_ip":"192.0.2.1","user":"root"}"#
    );
}

#[test]
fn c19_updates_come_at_most_once_a_second_and_lose_no_count() {
    let mut signals: Vec<_> = (0..100).map(|_| failed(10, 1, "root")).collect();
    let rules = correlation("event_count", "source_ip", "60s", "{gte: 5}");
    assert_eq!(brief(&run(rules.clone(), &signals)), ["10 192.0.2.1 5", "10 192.0.2.1 100"]);
    // Anybody's signal a second later brings the rest out.
    signals.push(failed(11, 2, "other"));
    let (mut detector, mut out) = (detector(rules), Vec::new());
    signals.iter().for_each(|signal| detector.observe(signal, &mut out));
    assert_eq!(brief(&out), ["10 192.0.2.1 5", "10 192.0.2.1 100"]);
}

#[test]
fn c19_what_a_silent_source_held_back_makes_nothing_late() {
    let rules = correlation("event_count", "source_ip", "2m", "{gte: 2}");
    let (mut detector, mut out) = (detector(rules), Vec::new());
    [100, 100, 100].iter().for_each(|at| detector.observe(&failed(*at, 1, "root"), &mut out));
    let due = detector.next_due().unwrap();
    assert_eq!(due, Timestamp::from_secs(101));
    detector.send_held(due, &mut out);
    detector.observe(&failed(40, 1, "root"), &mut out);
    detector.finish(&mut out);
    assert_eq!(brief(&out), ["100 192.0.2.1 2", "100 192.0.2.1 3", "40 192.0.2.1 4"]);
    assert_eq!(detector.stats().late, 0);
}

#[test]
fn c19_what_was_held_back_is_sent_before_a_late_signal_begins_another_detection() {
    // Late signals grow the first detection to 5, the last of it held back; then others fill a window
    // between the two, and the first one can no longer be added to.
    let at = [0, 10, 20, 55, 89, 35, 35, 80, 80];
    let signals: Vec<_> = at.map(|at| failed(at, 1, "root")).to_vec();
    let found = run(correlation("event_count", "source_ip", "30s", "{gte: 3}"), &signals);
    let sent = ["20 192.0.2.1 3", "35 192.0.2.1 4", "35 192.0.2.1 5", "80 192.0.2.1 3"];
    assert_eq!(brief(&found), sent);
    assert!(found[..3].iter().all(|sent| sent.id == found[0].id) && found[3].id != found[0].id);
}

#[test]
fn a_quiet_group_ends_its_detection() {
    let at = [0, 1, 2, 100, 101, 102, 103];
    let signals: Vec<_> = at.map(|at| failed(at, 1, "root")).to_vec();
    let found = run(correlation("event_count", "source_ip", "10s", "{gte: 3}"), &signals);
    assert_eq!(brief(&found), ["2 192.0.2.1 3", "102 192.0.2.1 3", "103 192.0.2.1 4"]);
    assert_ne!(found[0].id, found[1].id);
    assert_eq!(found[1].id, found[2].id);
}

#[test]
fn one_heavy_signal_after_a_pause_is_a_new_detection() {
    let heavy = |at| Signal { weight: 5, ..failed(at, 1, "root") };
    let found = run(correlation("event_count", "source_ip", "10s", "{gte: 5}"), &[heavy(0), heavy(100)]);
    assert_eq!(brief(&found), ["0 192.0.2.1 5", "100 192.0.2.1 5"]);
    assert_ne!(found[0].id, found[1].id);
}

#[test]
fn distinct_values_count_once() {
    let users = ["a", "b", "a", "c", "c", "d"];
    let signals: Vec<_> = users.iter().enumerate().map(|(n, user)| failed(n as i64 * 2, 1, user)).collect();
    let found = run(correlation("value_count", "source_ip", "60s", "{field: user, gte: 3}"), &signals);
    assert_eq!(brief(&found), ["6 192.0.2.1 3", "10 192.0.2.1 4"]);
}

#[test]
fn a_signal_without_a_group_field_or_value_does_not_count() {
    let mut signals: Vec<_> = (0..6).map(|n| failed(n, 1, "root")).collect();
    signals.iter_mut().take(3).for_each(|signal| signal.common.user = None);
    for kind in ["event_count", "value_count"] {
        let (group, condition) = if kind == "event_count" {
            ("source_ip, user", "{gte: 4}")
        } else {
            ("source_ip", "{field: user, gte: 2}")
        };
        assert_eq!(brief(&run(correlation(kind, group, "60s", condition), &signals)), [] as [&str; 0]);
    }
    let found = run(correlation("event_count", "source_ip, user", "60s", "{gte: 3}"), &signals);
    assert_eq!(brief(&found), ["5 192.0.2.1 root 3"]);
}

#[test]
fn late_signals_fill_the_windows_that_they_belong_to() {
    let rules = correlation("event_count", "source_ip", "10s", "{gte: 3}");
    // 0, 5 and 9 make a window, though 40 came before the last of them.
    let found = run(rules.clone(), &[0, 5, 40, 9].map(|at| failed(at, 1, "root")));
    assert_eq!(brief(&found), ["9 192.0.2.1 3"]);
    // Older than the lateness: by itself only.
    let (mut detector, mut out) = (detector(rules), Vec::new());
    for at in [0, 5, 100, 9] {
        detector.observe(&failed(at, 1, "root"), &mut out);
    }
    detector.finish(&mut out);
    assert_eq!((brief(&out).len(), detector.stats().late), (0, 1));
}

#[test]
fn rules_that_feed_a_correlation_are_silent_unless_generated() {
    let text = |generate: bool| {
        format!(
            "{BASE}title: c\nname: c\ncorrelation: {{type: event_count, rules: failed, group-by: [user], timespan: 5s, condition: {{gte: 2}}, generate: {generate}}}\n"
        )
    };
    let signals = [failed(0, 1, "root"), failed(100, 1, "root")];
    assert_eq!(run(rules(&text(false)), &signals), []);
    assert_eq!(brief(&run(rules(&text(true)), &signals)), ["0 192.0.2.1 1", "100 192.0.2.1 1"]);
}

#[test]
fn lt_and_eq_hold_when_a_signal_arrives() {
    let signals: Vec<_> = (0..4).map(|n| failed(n, 1, "root")).collect();
    let counts = |condition: &str| -> Vec<String> {
        brief(&run(correlation("event_count", "source_ip", "60s", condition), &signals))
    };
    assert_eq!(counts("{eq: 3}"), ["2 192.0.2.1 3"]);
    assert_eq!(counts("{gt: 1, lt: 3}"), ["1 192.0.2.1 2"]);
    assert_eq!(counts("{lte: 2}"), ["0 192.0.2.1 1", "1 192.0.2.1 2"]);
}

#[test]
fn ready_made_threats_are_detections() {
    let document = Document::parse(
        r#"{"event_type":"port_scan","severity":"high","source_ip":"192.0.2.1","note":"x"}"#.into(),
    )
    .unwrap();
    let signal = Signal {
        threat: Some(Threat { name: "port-scan".into(), level: Severity::High }),
        document,
        ..failed(5, 1, "root")
    };
    let found = run(Arc::new(RuleSet::default()), std::slice::from_ref(&signal));
    assert_eq!(brief(&found), ["5 192.0.2.1 1"]);
    assert_eq!((&*found[0].rule.name, found[0].rule.level), ("port-scan", Severity::High));
    assert_eq!(found[0].fields.get("note"), Some(&Value::from("x")));
    assert_eq!(
        found,
        run(Arc::new(RuleSet::default()), std::slice::from_ref(&signal)),
        "the same signal has the same id"
    );
}

#[test]
fn c21_groups_and_entries_are_bounded_and_counted() {
    let limits =
        Limits { groups_per_rule: 10, entries_per_rule: 1_000, entries_per_group: 16, routes: 1, links: 5 };
    for kind in ["event_count", "value_count"] {
        let condition = if kind == "event_count" { "{gte: 20}" } else { "{field: user, gte: 3}" };
        let rules = correlation(kind, "source_ip", "1h", condition);
        let mut detector = Detector::with_limits(rules, LATENESS, 7, limits.clone());
        let mut out = Vec::new();
        for n in 0..100 {
            detector.observe(&failed(n, n as u8, "a"), &mut out);
        }
        assert_eq!((detector.stats().groups, detector.stats().evicted), (10, 90));
        for n in 0..100 {
            detector.observe(&failed(100 + n, 250, &n.to_string()), &mut out);
        }
        assert!(detector.stats().evicted > 90);
        assert_eq!(out.first().map(|d| d.key.to_string()), Some("192.0.2.250".to_string()), "{kind}");
    }
}

#[test]
fn groups_without_signals_are_forgotten() {
    let mut detector = detector(correlation("event_count", "source_ip", "10s", "{gte: 3}"));
    let mut out = Vec::new();
    for n in 0..200 {
        detector.observe(&failed(n, n as u8, "a"), &mut out);
    }
    let stats = detector.stats();
    assert!(stats.groups <= 72, "{stats:?}");
    assert_eq!(stats.evicted, 0);
}

#[test]
fn the_seed_changes_nothing_that_is_found() {
    let signals: Vec<_> =
        (0..300i64).map(|n| failed(n / 3, (n * n % 7) as u8, &(n % 5).to_string())).collect();
    let rules = correlation("value_count", "source_ip", "20s", "{field: user, gte: 3}");
    let with_seed = |seed| {
        let (mut detector, mut out) = (Detector::new(rules.clone(), LATENESS, seed), Vec::new());
        signals.iter().for_each(|signal| detector.observe(signal, &mut out));
        detector.finish(&mut out);
        out
    };
    let first = with_seed(1);
    assert!(!first.is_empty());
    assert_eq!(first, with_seed(2));
}

proptest! {
    /// Whatever the order in which signals come, within the lateness: the same groups are found as
    /// by recounting every window.
    #[test]
    fn what_is_found_equals_a_naive_recount(
        stream in proptest::collection::vec((0i64..58, 0u8..4, 0u8..4), 1..60), span in 1i64..20, least in 2usize..5,
        values in any::<bool>()
    ) {
        let condition = if values { format!("{{field: user, gte: {least}}}") } else { format!("{{gte: {least}}}") };
        let kind = if values { "value_count" } else { "event_count" };
        let rules = correlation(kind, "source_ip", &format!("{span}s"), &condition);
        let signals: Vec<_> = stream.iter().map(|(at, source, user)| failed(*at, *source, &user.to_string())).collect();
        let found: BTreeSet<String> = run(rules, &signals).iter().map(|d| d.key.to_string()).collect();
        let mut expected = BTreeSet::new();
        for (end, source, _) in &stream {
            let inside = stream.iter().filter(|(at, s, _)| s == source && (end - span..=*end).contains(at));
            let users: Vec<u8> = inside.map(|(_, _, user)| *user).collect();
            let count = if values { users.iter().collect::<BTreeSet<_>>().len() } else { users.len() };
            if count >= least {
                expected.insert(format!("192.0.2.{source}"));
            }
        }
        prop_assert_eq!(found, expected);
    }

    /// In order, the times and counts of the first message of each detection are those of a recount.
    #[test]
    fn detections_begin_when_a_recount_says_so(
        stream in proptest::collection::vec((0i64..8, 0u8..2), 1..60), span in 1i64..20, least in 2usize..5
    ) {
        let rules = correlation("event_count", "source_ip", &format!("{span}s"), &format!("{{gte: {least}}}"));
        let mut clock = 0;
        let stream: Vec<(i64, u8)> = stream.iter().map(|(step, source)| { clock += step; (clock, *source) }).collect();
        let signals: Vec<_> = stream.iter().map(|(at, source)| failed(*at, *source, "root")).collect();
        let mut ids = BTreeSet::new();
        let begun: Vec<String> = run(rules, &signals)
            .iter().filter(|d| ids.insert(d.id)).map(|d| format!("{} {}", d.at.0 / 1_000_000, d.key)).collect();
        let mut expected = Vec::new();
        let mut over = [false; 2];
        for (n, (end, source)) in stream.iter().enumerate() {
            let before = |(at, s): &&(i64, u8)| s == source && *at >= end - span;
            let count = stream[..=n].iter().filter(before).count();
            let slot = &mut over[usize::from(*source)];
            *slot &= count > 1 && count >= least;
            if count >= least && !std::mem::replace(slot, true) {
                expected.push(format!("{end} 192.0.2.{source}"));
            }
        }
        prop_assert_eq!(begun, expected);
    }
}

/// A finding is of a proven source if any signal of its window that came from there was proven.
#[test]
fn c28_one_proven_signal_from_its_source_proves_a_finding() {
    let with = |at, source, proven| {
        let mut signal = failed(at, source, "root");
        signal.common.proven = proven;
        signal
    };
    for (group_by, signals, wants) in [
        ("source_ip", vec![(0, 1, None), (1, 1, None), (2, 1, None)], None),
        ("source_ip", vec![(0, 1, Some(false)), (1, 1, None), (2, 1, Some(false))], Some(false)),
        ("source_ip", vec![(0, 1, Some(true)), (1, 1, Some(false)), (2, 1, Some(false))], Some(true)),
        ("source_ip", vec![(0, 1, Some(false)), (1, 1, Some(false)), (2, 1, Some(true))], Some(true)),
        // It was proven too long ago.
        (
            "source_ip",
            vec![(0, 1, Some(true)), (70, 1, Some(false)), (71, 1, Some(false)), (72, 1, Some(false))],
            Some(false),
        ),
        // Somebody else was.
        ("user", vec![(0, 2, Some(true)), (1, 1, Some(false)), (2, 1, Some(false))], Some(false)),
        ("user", vec![(0, 1, Some(true)), (1, 2, Some(false)), (2, 1, Some(false))], Some(true)),
    ] {
        let rules = correlation("event_count", group_by, "60s", "{gte: 3}");
        let signals: Vec<_> =
            signals.into_iter().map(|(at, source, proven)| with(at, source, proven)).collect();
        let found = run(rules, &signals);
        let proven = found.last().unwrap().fields.get("proven").and_then(|proven| proven.as_bool());
        assert_eq!(proven, wants, "{signals:?}");
    }
}
