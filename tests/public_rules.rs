//! The public rule collection: each rule loads, or is refused with the name of what does not act yet.
#![expect(clippy::disallowed_methods, reason = "tests find the real data through the environment")]

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quell::detect::{Matcher, Routing};
use quell::model::{Map, Mistake};
use quell::rule;
use quell::source::{Decoder, Format, Options};

/// The text files of a tar archive whose names end so.
fn files_of(archive: &Path, ending: &str) -> Vec<(String, String)> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(archive).unwrap()).read_to_end(&mut bytes).unwrap();
    let text = |field: &[u8]| String::from_utf8_lossy(field).trim_end_matches(['\0', ' ']).to_string();
    let mut files = Vec::new();
    // A name that is too long for its header stands in a record before it.
    let mut long = None;
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 512).filter(|header| header[0] != 0) {
        let short = || format!("{}/{}", text(&header[345..500]), text(&header[..100]));
        let size = usize::from_str_radix(&text(&header[124..136]), 8).unwrap();
        let body = &bytes[at + 512..at + 512 + size];
        if header[156] == b'L' {
            long = Some(text(body));
        } else {
            let name = long.take().unwrap_or_else(short);
            if header[156] == b'0' && name.ends_with(ending) {
                files.push((name, String::from_utf8(body.to_vec()).unwrap()));
            }
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
    assert_eq!(files.len(), 3_754);
    files
}

/// Documents that are refused, with the reason: the values of their placeholder are for each place to
/// give, and Sigma has a tool that lacks them reject the rule.
const REFUSED: &[(&str, &str)] = &[
    ("win_security_adcs_certighost_cdc_chase_request.yml:57:37", "placeholder `%known_cdcs%`"),
    ("win_security_adcs_certighost_cert_issued_via_chase.yml:44:37", "placeholder `%known_cdcs%`"),
];

/// Records that lie beside those that the rule is for, in one recording: they name `service.conf`, the
/// rule `user.conf` and `system.conf`.
const NO_MATCH: &[(&str, u64)] =
    &[("0b9ad457-2554-44c1-82c2-d56a99c42377", 14_961), ("0b9ad457-2554-44c1-82c2-d56a99c42377", 14_963)];

#[test]
fn every_public_rule_loads() {
    let Some(folder) = sigma() else { return };
    let files = public_rules(&folder);
    let loaded = rule::load_sound(&files);
    let told: Vec<String> = loaded.mistakes.iter().map(Mistake::to_string).collect();
    assert_eq!(told.len(), REFUSED.len(), "{told:#?}");
    for (file, why) in REFUSED {
        assert!(told.iter().any(|told| told.contains(file) && told.contains(why)), "{file}: {told:#?}");
    }
    assert_eq!(loaded.set.rules().len(), 3_754 - REFUSED.len());
    let given = "placeholders: {known_cdcs: [dc1, 'dc2*']}\n".to_owned();
    let files: Vec<_> = files.into_iter().chain([("placeholders.yml".to_owned(), given)]).collect();
    assert_eq!(rule::load(&files).map(|set| set.rules().len()), Ok(3_754));
    let without_author = loaded.set.rules().iter().filter(|rule| rule.head.author.is_none()).count();
    assert_eq!(without_author, 0, "a match shows the rule's author");
}

/// Every record, routed as its channel and event id say, is found by the rule that it is for.
#[test]
fn public_rules_match_the_records_that_they_must_match() {
    let Some(folder) = sigma() else { return };
    let rules = Arc::new(rule::load_sound(&public_rules(&folder)).set);
    let cases = std::fs::read_to_string(folder.join("regression_cases.jsonl")).unwrap();
    let mut missed = Vec::new();
    let (mut records, mut ids) = (0, BTreeSet::new());
    for routing in [Routing::Auto, Routing::Off] {
        let mut matcher = Matcher::new(rules.clone(), routing, 1_024, 7);
        let mut decoder = Decoder::new(Format::Json, Options::default());
        for line in cases.lines() {
            let case: Map = serde_json::from_str(line).unwrap();
            let id = case["id"].as_str().unwrap();
            let mut event = case["ev"].as_object().unwrap().clone();
            event.entry("timestamp").or_insert_with(|| 0.into());
            let signal = decoder.decode(serde_json::to_string(&event).unwrap().as_bytes()).unwrap();
            let mut found = Vec::new();
            matcher.find(&signal, &mut found);
            let hit = found.iter().any(|number| &*rules.rules()[*number as usize].head.id == id);
            if !hit {
                missed.push((routing, id.to_owned(), event["EventRecordID"].as_u64().unwrap()));
            }
            records += 1;
            ids.insert(id.to_owned());
        }
    }
    let expected = |routing| NO_MATCH.iter().map(move |(id, record)| (routing, id.to_string(), *record));
    let expected: Vec<_> = expected(Routing::Auto).chain(expected(Routing::Off)).collect();
    assert_eq!(missed, expected);
    assert_eq!((records, ids.len()), (2 * 44, 40));
}
