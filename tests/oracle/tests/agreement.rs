//! Every public rule on every real record: what quell finds is what `rsigma-eval` finds, but for the
//! differences in the table, each with the sentence of the specification that decides it.
#![expect(clippy::disallowed_methods, reason = "tests find the real data through the environment")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use quell::detect::{Matcher, Routing};
use quell::rule;
use quell::source::{Decoder, Format, Options};
use rsigma_eval::Engine;
use rsigma_eval::event::JsonEvent;
use serde_json::Value;

/// Why the two differ on a rule.
struct Ruling {
    /// The file of the rule, and how many records quell finds that the oracle does not, and the other
    /// way round.
    rule: &'static str,
    more: usize,
    fewer: usize,
    /// What the specification says.
    _why: &'static str,
}

const RULINGS: &[Ruling] = &[];

fn data(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("QUELL_TEST_DATA");
    if root.is_none() {
        println!("skipped: QUELL_TEST_DATA is not set");
    }
    Some(Path::new(&root?).join(path))
}

fn rules() -> Option<Vec<(String, String)>> {
    let archive = data("sigma/sigma_rules_8eaafff1.tar.gz")?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(std::fs::File::open(archive).unwrap()));
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if path.ends_with(".yml") {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            files.push((path, text));
        }
    }
    assert_eq!(files.len(), 3_754);
    Some(files)
}

fn lines(path: &str) -> Option<Vec<String>> {
    let file = std::fs::File::open(data(path)?).unwrap();
    // The oracle asks every rule of every record: without optimisation that takes half an hour.
    let step = std::env::var("ORACLE_STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(1);
    Some(BufReader::new(MultiGzDecoder::new(file)).lines().map(Result::unwrap).step_by(step).collect())
}

type Found = BTreeSet<(usize, String)>;

fn by_quell(rules: &[(String, String)], lines: &[String]) -> Found {
    let set = Arc::new(rule::load_sound(rules).set);
    let mut matcher = Matcher::new(set.clone(), Routing::Off, 8, 7);
    let mut decoder = Decoder::new(Format::Auto, Options::default());
    let (mut all, mut found) = (Found::new(), Vec::new());
    for (number, line) in lines.iter().enumerate() {
        matcher.find(&decoder.decode(line.as_bytes()).unwrap(), &mut found);
        all.extend(found.iter().map(|rule| (number, set.rules()[*rule as usize].head.id.to_string())));
    }
    all
}

fn by_oracle(rules: &[(String, String)], lines: &[String]) -> Found {
    let mut engine = Engine::new();
    for (file, text) in rules {
        let parsed = rsigma_parser::parse_sigma_yaml(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        if let Err(error) = engine.add_collection(&parsed) {
            println!("the oracle refuses {file}: {error}");
        }
    }
    let mut all = Found::new();
    for (number, line) in lines.iter().enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        let found = engine.evaluate(&JsonEvent::borrow(&event));
        all.extend(found.into_iter().filter_map(|found| Some((number, found.header.rule_id?))));
    }
    all
}

#[test]
fn quell_finds_what_the_oracle_finds() {
    let Some(rules) = rules() else { return };
    let mut differing: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let file_of = |id: &str| {
        let line = format!("id: {id}");
        let file = rules.iter().find(|(_, text)| text.lines().any(|text| text.trim_end() == line));
        file.map_or(id.to_owned(), |(file, _)| file.clone())
    };
    for path in ["windows/otrf_sample.jsonl.gz", "zeek/apt29_day1.jsonl.gz"] {
        let Some(lines) = lines(path) else { return };
        let (ours, theirs) = (by_quell(&rules, &lines), by_oracle(&rules, &lines));
        println!("{path}: quell {} matches, the oracle {}", ours.len(), theirs.len());
        assert!(!ours.is_empty(), "{path}");
        for (number, id) in ours.difference(&theirs) {
            let file = file_of(id);
            println!("only quell: {file} line {}", number + 1);
            differing.entry(file).or_default().0 += 1;
        }
        for (number, id) in theirs.difference(&ours) {
            let file = file_of(id);
            println!("only the oracle: {file} line {}", number + 1);
            differing.entry(file).or_default().1 += 1;
        }
    }
    let expected: BTreeMap<String, (usize, usize)> =
        RULINGS.iter().map(|ruling| (ruling.rule.to_owned(), (ruling.more, ruling.fewer))).collect();
    assert_eq!(differing, expected);
}
