//! `quell explain` on a journal that a replay left behind, and beside an engine at work.

use std::fs;

use crate::run::{SIGNALS, expect, lines, within};

/// A state folder with the journal of the exercise.
fn played() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let state = within(folder.path(), "state");
    expect(&["replay", SIGNALS, "--state", &state], 0);
    (folder, state)
}

#[test]
fn a_run_is_explained_from_its_journal_as_the_readme_shows_it() {
    let (_folder, state) = played();
    let (out, _) = expect(&["explain", "run-2", "--state", &state], 0);
    for told in [
        "DRILL run-2 stop-brute-force: rolled back",
        "the trigger of `stop-brute-force` fits: rule: brute-force",
        "another attempt in 1.1 s",
    ] {
        assert!(out.contains(told), "{told}\n{out}");
    }
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, shown) = readme.split_once("`quell explain run-2 --state work/` ends so:\n\n```\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert!(out.ends_with(shown), "the README shows:\n{shown}\nand it is:\n{out}");

    let (json, _) = expect(&["explain", "2", "--state", &state, "--json"], 0);
    let value = lines(&json).remove(0);
    assert_eq!((&value["type"], &value["id"]), (&"explanation".into(), &"run-2".into()));
    assert_eq!(value["began"]["incident"], "inc-2");
    let undone = value["course"].as_array().unwrap().iter().rev().nth(1).unwrap();
    assert_eq!((&undone["step"], &undone["what"]), (&"lock".into(), &"undone after 2.1 s".into()));
    // Its journal says the same in its own words.
    let (records, _) = expect(&["journal", "show", "--json", "--state", &state], 0);
    let record = lines(&records).into_iter().find(|record| record["seq"] == undone["seq"]).unwrap();
    assert_eq!((&record["event"], &record["id"]), (&"undo_succeeded".into(), &"run-2/lock".into()));
}

#[test]
fn what_cannot_be_explained_is_said() {
    let (folder, state) = played();
    for (what, code, told) in
        [("contain-port-scan", 2, "only runs are explained so far"), ("run-99", 1, "run-99 is in no record")]
    {
        let (out, err) = expect(&["explain", what, "--state", &state], code);
        assert!(out.is_empty() && err.contains(told) && err.contains("quell runs"), "{err}");
    }
    let nothing = within(folder.path(), "nothing");
    let (_, err) = expect(&["explain", "run-1", "--state", &nothing], 1);
    assert!(err.contains("there is no journal"), "{err}");
}

#[test]
fn a_report_is_of_what_was_true_then() {
    let (_folder, state) = played();
    let report = |args: &[&str]| {
        let (out, _) = expect(&[&["report", "--json", "--state", &state], args].concat(), 0);
        lines(&out).remove(0)
    };
    let all = report(&[]);
    assert_eq!((&all["incidents_opened"], &all["in_force"]["count"]), (&4.into(), &4.into()));
    let early = report(&["--since", "1m", "--until", "2026-03-14T09:00:40Z"]);
    assert_eq!((&early["incidents_opened"], &early["in_force"]["count"]), (&2.into(), &2.into()));
    assert_eq!(early["runs_live"]["latest"][0]["id"], "run-2");
    let (_, err) = expect(&["report", "--since", "2099-01-01T00:00:00Z", "--state", &state], 2);
    assert!(err.contains("is not before --until"), "{err}");
    let (out, _) = expect(&["report", "--state", &state], 0);
    assert!(out.starts_with("DRILL report from 2026-03-13 21:01:11 to 2026-03-14 09:01:11\n"), "{out}");
}
