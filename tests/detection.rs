//! The shipped rules over the project's own recordings, and rules over real data whose truth is known.

mod real_data;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use real_data::data;

use quell::detect::{Detector, LATENESS, Stats};
use quell::model::{Detection, Signal};
use quell::rule::{self, RuleSet};
use quell::source::{Decoder, Files, Format, Line, LineReader, Options};

fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn load(files: &[(String, String)]) -> Arc<RuleSet> {
    Arc::new(rule::load(files).unwrap_or_else(|mistakes| {
        let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", all.join("\n"))
    }))
}

fn shipped_rules() -> Arc<RuleSet> {
    let folder = std::fs::read_dir(at_root("config/exercise/rules")).unwrap();
    let mut files: Vec<(String, String)> = folder
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() >= 3);
    load(&files)
}

/// Every detection, and the books of what was read.
struct Replayed {
    found: Vec<Detection>,
    decoded: Vec<Signal>,
    undecodable: Vec<String>,
    stats: Stats,
}

fn replay(input: impl Read, format: Format, options: Options, rules: Arc<RuleSet>) -> Replayed {
    let mut lines = LineReader::new(BufReader::new(input));
    let mut decoder = Decoder::new(format, options);
    let mut detector = Detector::new(rules, LATENESS, 42);
    let (mut found, mut decoded, mut undecodable) = (Vec::new(), Vec::new(), Vec::new());
    while let Some((number, line)) = lines.next_line().unwrap() {
        let Line::Bytes(bytes) = line else {
            undecodable.push(format!("{number}: too long"));
            continue;
        };
        match decoder.decode(bytes) {
            Ok(signal) => {
                detector.observe(&signal, &mut found);
                decoded.push(signal);
            }
            Err(error) => undecodable.push(format!("{number}: {error}")),
        }
    }
    detector.finish(&mut found);
    Replayed { found, decoded, undecodable, stats: detector.stats() }
}

/// Rule and key → (times when each detection was first sent, greatest count).
fn summary(found: &[Detection]) -> BTreeMap<(String, String), (Vec<i64>, u64)> {
    let mut ids = BTreeSet::new();
    let mut summary = BTreeMap::new();
    for detection in found {
        let key = (detection.rule.name.to_string(), detection.key.to_string());
        let (times, count): &mut (Vec<i64>, u64) = summary.entry(key).or_default();
        if ids.insert(detection.id) {
            times.push(detection.at.0);
        }
        *count = detection.count.max(*count);
    }
    summary
}

#[test]
fn the_shipped_rules_find_in_each_recording_what_stands_beside_it() {
    let folder = at_root("fixtures/signals");
    let mut checked = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let expect = entry.unwrap().path();
        let Some(recording) = expect.to_str().and_then(|path| path.strip_suffix(".expect")) else { continue };
        let file = std::fs::File::open(recording).unwrap();
        let replayed = replay(file, Format::Auto, Options::default(), shipped_rules());
        assert_eq!(replayed.undecodable, [] as [&str; 0], "{recording}");
        assert_eq!(replayed.stats.late, 0, "{recording}");
        let start = replayed.decoded.iter().map(|signal| signal.at.0).min().unwrap();
        let mut summary = summary(&replayed.found);
        println!("{recording}: {summary:?}");
        for line in std::fs::read_to_string(&expect).unwrap().lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if line.starts_with('#') || words.is_empty() {
                continue;
            }
            let [rule, key, least, times] = words[..] else { panic!("{line}") };
            let (sent, count) = summary.remove(&(rule.to_string(), key.to_string())).expect(line);
            let (from, to) = times.split_once("..").unwrap();
            let range = from.parse::<i64>().unwrap() * 1_000_000..=to.parse::<i64>().unwrap() * 1_000_000;
            assert_eq!(sent.len(), 1, "one detection: {line}");
            assert!(range.contains(&(sent[0] - start)), "{line}: after {} µs", sent[0] - start);
            assert!(count >= least.parse().unwrap(), "{line}: {count}");
        }
        assert!(summary.is_empty(), "{recording}: not expected: {summary:?}");
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn the_exercise_has_calm_in_between_and_every_format() {
    let file = std::fs::File::open(at_root("fixtures/signals/exercise.log")).unwrap();
    let replayed = replay(file, Format::Auto, Options::default(), shipped_rules());
    let times: Vec<i64> = replayed.decoded.iter().map(|signal| signal.at.0).collect();
    let lasts = (times.iter().max().unwrap() - times.iter().min().unwrap()) / 1_000_000;
    assert!((75..=90).contains(&lasts), "{lasts} s");
    let mut products = BTreeMap::new();
    for signal in &replayed.decoded {
        *products.entry(signal.origin.product.to_string()).or_insert(0) += 1;
    }
    assert!(products.len() == 3 && products.values().all(|count| *count > 15), "{products:?}");
    for detection in &replayed.found {
        let lines = detection.evidence.len();
        assert!((1..=5).contains(&lines), "{detection:?}");
        assert!(detection.fields.contains_key("source_ip") && detection.fields.contains_key("count"));
    }
    let brute = replayed.found.iter().find(|d| &*d.rule.name == "brute-force").unwrap();
    assert_eq!(brute.fields["user"], "deploy");
    assert_eq!(brute.fields["host"], "web-1");
}

/// The two rules of a ground truth: failed passwords per source, or the users that they were for.
fn sshd_rules(kind: &str, timespan: &str, condition: &str) -> Arc<RuleSet> {
    let text = format!(
        "title: Failed password\nname: failed\nlogsource: {{product: linux, service: sshd}}\ndetection:\n  \
         sel: {{message|startswith: 'Failed password '}}\n  condition: sel\n---\ntitle: Truth\nname: truth\n\
         correlation: {{type: {kind}, rules: failed, group-by: source_ip, timespan: {timespan}, condition: {condition}}}\n"
    );
    load(&[("truth.yml".to_string(), text)])
}

fn sshd_truth(kind: &str, timespan: &str, condition: &str) -> Option<BTreeMap<String, u64>> {
    let file = std::fs::File::open(data("openssh/OpenSSH_2k.log")?).unwrap();
    let replayed = replay(file, Format::Sshd, Options::default(), sshd_rules(kind, timespan, condition));
    assert_eq!(
        (replayed.decoded.len(), replayed.undecodable.len()),
        (2_000, 0),
        "{:?}",
        replayed.undecodable
    );
    assert!(replayed.decoded.iter().all(|signal| signal.common.host.as_deref() == Some("LabSZ")));
    let summary = summary(&replayed.found);
    Some(summary.into_iter().map(|((_, key), (_, count))| (key, count)).collect())
}

#[test]
fn failed_logins_in_the_real_log_are_exactly_those_known() {
    const TEN: &str = "103.99.0.122 112.95.230.3 183.62.140.253 187.141.143.180 5.188.10.180";
    for (timespan, condition, sources) in [
        (
            "60s",
            "{gte: 5}",
            "103.99.0.122 106.5.5.195 112.95.230.3 119.4.203.64 123.235.32.19 183.62.140.253 185.190.58.151 \
             187.141.143.180 5.188.10.180 5.36.59.76 60.2.12.12"
                .to_string(),
        ),
        ("60s", "{gte: 10}", TEN.to_string()),
        ("60s", "{gte: 20}", "103.99.0.122 112.95.230.3 183.62.140.253".to_string()),
        ("300s", "{gte: 10}", format!("{TEN} 185.190.58.151")),
    ] {
        let Some(found) = sshd_truth("event_count", timespan, condition) else { return };
        let expected: BTreeSet<&str> = sources.split_whitespace().collect();
        assert_eq!(
            found.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            expected,
            "{condition} in {timespan}"
        );
        assert!(!found.contains_key("119.137.62.142"));
    }
}

#[test]
fn distinct_users_in_the_real_log_are_exactly_those_known() {
    let Some(found) = sshd_truth("value_count", "24h", "{field: user, gte: 5}") else { return };
    let found: Vec<(&str, u64)> = found.iter().map(|(key, count)| (key.as_str(), *count)).collect();
    assert_eq!(
        found,
        [("103.99.0.122", 19), ("183.62.140.253", 10), ("187.141.143.180", 28), ("5.188.10.180", 7)]
    );
}

#[test]
fn the_shipped_rules_find_the_known_sources_in_the_real_log() {
    let Some(path) = data("openssh/OpenSSH_2k.log") else { return };
    let replayed =
        replay(std::fs::File::open(path).unwrap(), Format::Auto, Options::default(), shipped_rules());
    let keys: BTreeSet<_> = replayed.found.iter().map(|d| format!("{} {}", d.rule.name, d.key)).collect();
    let expected = ["103.99.0.122", "112.95.230.3", "183.62.140.253", "187.141.143.180", "5.188.10.180"];
    assert_eq!(keys, expected.iter().map(|source| format!("brute-force {source}")).collect());
    let accepted: Vec<_> =
        replayed.decoded.iter().filter(|s| s.common.outcome.as_deref() == Some("success")).collect();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].common.user.as_deref(), Some("fztu"));
    assert_eq!(accepted[0].common.source_ip.unwrap().to_string(), "119.137.62.142");
}

#[test]
fn good_lines_around_bad_ones_are_still_found() {
    let good = std::fs::read(at_root("fixtures/signals/port-scan.eve.jsonl")).unwrap();
    let mut input = Vec::new();
    let mut bad = 0;
    let long = vec![b'x'; quell::source::LINE_BYTES + 1];
    let deep = format!("{{\"a\":{}", "[".repeat(10_000));
    let junk: [&[u8]; 7] =
        [b"{\"timestamp\":\"2026-", b"\xff\xfe\xfd", b"\x00\x01\x02", b"{}", b"", &long, deep.as_bytes()];
    for (line, junk) in good.split(|b| *b == b'\n').zip(junk.iter().cycle()) {
        input.extend_from_slice(line);
        input.push(b'\n');
        input.extend_from_slice(junk);
        input.extend_from_slice(b"\r\n");
        bad += usize::from(!junk.is_empty());
    }
    let replayed = replay(&input[..], Format::Auto, Options::default(), shipped_rules());
    assert_eq!((replayed.decoded.len(), replayed.undecodable.len()), (70, bad));
    assert_eq!(summary(&replayed.found).len(), 1);
}

#[test]
fn a_stream_of_files_is_the_same_as_their_lines() {
    let names = ["port-scan.eve.jsonl", "exfiltration.eve.jsonl"];
    let paths = names.map(|name| at_root("fixtures/signals").join(name)).to_vec();
    let whole: String = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut files = Files::open(paths).unwrap();
    let mut joined = String::new();
    while let Some((_, _, line)) = files.next_line().unwrap() {
        let Line::Bytes(bytes) = line else { panic!("too long") };
        joined.push_str(std::str::from_utf8(bytes).unwrap());
        joined.push('\n');
    }
    assert_eq!(joined, whole);
}
