//! The public rule collection: each rule loads, or is refused with the name of what does not act yet.
#![expect(clippy::disallowed_methods, reason = "tests find the real data through the environment")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use quell::model::{Common, Document, LogSource, Map, Mistake, Signal, Timestamp};
use quell::rule;

/// The text files of a tar archive whose names end so.
fn files_of(archive: &Path, ending: &str) -> Vec<(String, String)> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(archive).unwrap()).read_to_end(&mut bytes).unwrap();
    let text = |field: &[u8]| String::from_utf8_lossy(field).trim_end_matches(['\0', ' ']).to_string();
    let mut files = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 512).filter(|header| header[0] != 0) {
        let name = format!("{}/{}", text(&header[345..500]), text(&header[..100]));
        let size = usize::from_str_radix(&text(&header[124..136]), 8).unwrap();
        let body = &bytes[at + 512..at + 512 + size];
        if header[156] == b'0' && name.ends_with(ending) {
            files.push((name, String::from_utf8(body.to_vec()).unwrap()));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

/// The folder of the public rules, or `None` (said, and not in CI).
fn sigma() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("QUELL_TEST_DATA") else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "QUELL_TEST_DATA must be set in CI");
        println!("skipped: QUELL_TEST_DATA is not set");
        return None;
    };
    Some(Path::new(&root).join("sigma"))
}

fn public_rules(folder: &Path) -> Vec<(String, String)> {
    let files = files_of(&folder.join("sigma_rules_8eaafff1.tar.gz"), ".yml");
    assert!(files.len() > 3_000, "{}", files.len());
    files
}

#[test]
fn every_public_rule_loads_or_names_what_does_not_act() {
    let Some(folder) = sigma() else { return };
    let files = public_rules(&folder);
    let (mut loaded, mut refused) = (0, BTreeMap::<String, Vec<Mistake>>::new());
    for file in files {
        match rule::load(std::slice::from_ref(&file)) {
            Ok(set) => loaded += set.rules().len(),
            Err(mistakes) => {
                for mistake in mistakes {
                    refused.entry(mistake.message.clone()).or_default().push(mistake);
                }
            }
        }
    }
    for (message, mistakes) in &refused {
        println!("{:5} {message}   ({})", mistakes.len(), mistakes[0]);
    }
    println!("{loaded} loaded");
    let unexpected: Vec<_> =
        refused.keys().filter(|message| !message.contains("is not supported yet")).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert!(loaded > 3_000, "{loaded}");
}

#[test]
fn public_rules_match_the_records_that_they_must_match() {
    let Some(folder) = sigma() else { return };
    let mut rules = BTreeMap::new();
    for file in public_rules(&folder) {
        if let Ok(set) = rule::load(&[file]) {
            for rule in set.rules() {
                rules.insert(rule.head.id.to_string(), rule.clone());
            }
        }
    }
    let cases = std::fs::read_to_string(folder.join("regression_cases.jsonl")).unwrap();
    let (mut matched, mut without_rule) = (BTreeMap::new(), 0);
    for line in cases.lines() {
        let case: Map = serde_json::from_str(line).unwrap();
        let id = case["id"].as_str().unwrap();
        let Some(rule) = rules.get(id) else {
            without_rule += 1;
            continue;
        };
        let signal = Signal {
            at: Timestamp(0),
            weight: 1,
            origin: LogSource::default(),
            common: Common::default(),
            document: Document::parse(case["ev"].to_string().into()).unwrap(),
            threat: None,
        };
        let hits: &mut bool = matched.entry(rule.head.title.to_string()).or_default();
        *hits |= rule.program.matches(&signal);
    }
    // Some rules have more than one record, of which not each is a match.
    let missed: Vec<_> = matched.iter().filter(|(_, hit)| !**hit).collect();
    assert!(missed.is_empty(), "{missed:?}");
    println!("{} rules matched, {without_rule} records of rules that do not load yet", matched.len());
    assert!(matched.len() >= 30, "{}", matched.len());
}
