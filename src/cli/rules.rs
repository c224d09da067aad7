//! `quell rules`: which rules there are, what is wrong with them, and what they cover.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::Rules as Args;
use super::error::Error;
use super::live_rules;
use super::output::print;
use super::setup;
use crate::config;
use crate::model::{Mistake, RuleHead, SafeText};
use crate::rule::{self, Loaded};

/// The deepest nesting of folders that is searched.
const DEPTH: usize = 16;
/// The largest rule file that is read, in bytes; a larger one is refused with its size.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Runs the verb. False if a rule has mistakes.
///
/// # Errors
/// A file or the setup cannot be read, or nobody reads the output.
pub fn run(args: &Args) -> Result<bool, Error> {
    if args.live {
        return live_rules::live(args.state.as_deref(), args.json).map(|()| true);
    }
    if args.lists {
        return live_rules::lists(args.config.as_deref(), args.json).map(|()| true);
    }
    let loaded = match args.rules.as_slice() {
        [] => of_setup(args.config.as_deref())?,
        paths => rule::load_sound(&read(paths)?),
    };
    print(&match (args.check, args.coverage) {
        (true, _) => check(&loaded, args.json),
        (_, true) => coverage(&loaded, args.json),
        _ => list(&loaded, args.json),
    })?;
    Ok(loaded.mistakes.is_empty())
}

fn of_setup(named: Option<&Path>) -> Result<Loaded, Error> {
    let folder = setup::find(named).map_err(|mistakes| Error::mistakes("folder", &mistakes))?;
    Ok(config::sound_rules(&folder))
}

/// The path and text of every rule file, in order of path.
///
/// # Errors
/// One cannot be read, or there is none.
pub fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Error> {
    let mut texts = Vec::new();
    for path in paths {
        let before = texts.len();
        find(path, 0, &mut texts)?;
        if texts.len() == before {
            let what = format!("there is no rule file in {}", SafeText(&path.display().to_string()));
            return Err(Error::usage(what).hint("rule files end in .yml or .yaml"));
        }
    }
    texts.sort();
    texts.dedup();
    Ok(texts)
}

fn find(path: &Path, depth: usize, texts: &mut Vec<(String, String)>) -> Result<(), Error> {
    let shown = path.display().to_string();
    let failed = |error| Error::failed(format!("cannot read {}", SafeText(&shown))).because(error);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_dir() {
        let named = path.extension().is_some_and(|end| end == "yml" || end == "yaml");
        if named || depth == 0 {
            if metadata.len() > FILE_BYTES {
                let what = format!("{} has {} bytes", SafeText(&shown), metadata.len());
                return Err(Error::usage(what).hint(format!("at most {FILE_BYTES} are read")));
            }
            let bytes = std::fs::read(path).map_err(failed)?;
            texts.push((shown, String::from_utf8_lossy(&bytes).into_owned()));
        }
        return Ok(());
    }
    if depth > DEPTH {
        return Err(Error::usage(format!("{} lies more than {DEPTH} folders deep", SafeText(&shown))));
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        find(&entry.map_err(failed)?.path(), depth + 1, texts)?;
    }
    Ok(())
}

fn heads(loaded: &Loaded) -> impl Iterator<Item = (&'static str, &RuleHead)> {
    let rules = loaded.set.rules().iter().map(|rule| ("detection", &*rule.head));
    rules.chain(loaded.set.correlations().iter().map(|rule| ("correlation", &*rule.head)))
}

fn count(loaded: &Loaded) -> usize {
    loaded.set.rules().len() + loaded.set.correlations().len()
}

fn list(loaded: &Loaded, as_json: bool) -> String {
    let mut text = String::new();
    if !as_json {
        let _ = writeln!(text, "{:<13} {:<12} {:<40} TITLE", "LEVEL", "KIND", "NAME");
    }
    for (kind, head) in heads(loaded) {
        if as_json {
            let row = json!({
                "type": "rule", "kind": kind, "id": head.id, "name": head.name, "title": head.title,
                "level": head.level.name(), "author": head.author, "tags": head.tags,
            });
            let _ = writeln!(text, "{row}");
        } else {
            let (name, title) = (SafeText(&head.name).cut(40), SafeText(&head.title).cut(100));
            let _ = writeln!(text, "{:<13} {kind:<12} {name:<40} {title}", head.level.name());
        }
    }
    if !as_json {
        let _ = writeln!(text, "{}", summed_up(loaded));
    }
    text
}

fn check(loaded: &Loaded, as_json: bool) -> String {
    let mut text = String::new();
    for mistake in &loaded.mistakes {
        let Mistake { file, line, column, message, hint } = mistake;
        let row = json!({
            "type": "mistake", "file": file, "line": line, "column": column, "message": message, "hint": hint,
        });
        let _ = if as_json { writeln!(text, "{row}") } else { writeln!(text, "{mistake}") };
    }
    if as_json {
        let row = json!({
            "type": "summary", "sound": count(loaded), "refused": loaded.refused,
            "mistakes": loaded.mistakes.len(),
        });
        let _ = writeln!(text, "{row}");
    } else {
        let _ = writeln!(text, "{}", summed_up(loaded));
    }
    text
}

/// `3752 rules are sound, 2 are refused`
pub fn summed_up(loaded: &Loaded) -> String {
    let (sound, refused) = (count(loaded), loaded.refused);
    let are = |n: usize, what: &str| match n {
        1 => format!("1{what} is"),
        n => format!("{n}{what}{} are", if what.is_empty() { "" } else { "s" }),
    };
    format!("{} sound, {} refused", are(sound, " rule"), are(refused, ""))
}

/// Tags of ATT&CK: `attack.t1059.001` is a technique, `attack.g0016` a group, `attack.s0002` a
/// software, anything else a tactic.
fn coverage(loaded: &Loaded, as_json: bool) -> String {
    let mut tags: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    let mut untagged = 0;
    for (_, head) in heads(loaded) {
        let named = head.tags.iter().filter_map(|tag| tag.strip_prefix("attack."));
        let before: usize = tags.values().sum();
        named.for_each(|tag| *tags.entry(kind_of(tag)).or_default() += 1);
        untagged += usize::from(tags.values().sum::<usize>() == before);
    }
    let mut text = String::new();
    if !as_json {
        let _ = writeln!(text, "{:<10} {:<24} RULES", "KIND", "ATT&CK");
    }
    for ((kind, name), rules) in &tags {
        let _ = match as_json {
            true => writeln!(
                text,
                "{}",
                json!({ "type": "coverage", "kind": kind, "name": name, "rules": rules })
            ),
            false => writeln!(text, "{kind:<10} {:<24} {rules}", SafeText(name).cut(24)),
        };
    }
    let of = |kind: &str| tags.keys().filter(|(known, _)| *known == kind).count();
    let (tactics, techniques) = (of("tactic"), of("technique"));
    let _ = match as_json {
        true => writeln!(
            text,
            "{}",
            json!({
                "type": "summary", "rules": count(loaded), "without_attack": untagged,
                "tactics": tactics, "techniques": techniques,
            })
        ),
        false => writeln!(
            text,
            "{} rules name {tactics} tactics and {techniques} techniques; {untagged} name none",
            count(loaded)
        ),
    };
    text
}

fn kind_of(tag: &str) -> (&'static str, String) {
    let numbered = |letter: char| {
        tag.strip_prefix(letter).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    match tag {
        _ if numbered('t') => ("technique", tag.to_ascii_uppercase()),
        _ if numbered('g') => ("group", tag.to_ascii_uppercase()),
        _ if numbered('s') => ("software", tag.to_ascii_uppercase()),
        _ => ("tactic", tag.replace('_', "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_apart() {
        for (tag, expected) in [
            ("t1059.001", ("technique", "T1059.001")),
            ("credential_access", ("tactic", "credential-access")),
            ("stealth", ("tactic", "stealth")),
            ("g0016", ("group", "G0016")),
            ("s0002", ("software", "S0002")),
        ] {
            assert_eq!(kind_of(tag), (expected.0, expected.1.to_owned()), "{tag}");
        }
    }

    #[test]
    fn sums_are_sentences() {
        let mut loaded = Loaded { refused: 1, ..Loaded::default() };
        assert_eq!(summed_up(&loaded), "0 rules are sound, 1 is refused");
        let text = "title: t\ndetection: {s: {a: x}, condition: s}\n".to_owned();
        loaded = rule::load_sound(&[("r.yml".to_owned(), text)]);
        assert_eq!(summed_up(&loaded), "1 rule is sound, 0 are refused");
    }
}
