//! `quell init`: what it writes is a setup, and nothing is written over.

use std::fs;

use crate::run::expect;

#[test]
fn what_it_writes_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for (like, workflow) in [("linux", "contain-port-scan"), ("exercise", "block-address")] {
        let setup = folder.path().join(like).display().to_string();
        let (out, _) = expect(&["init", &setup, "--like", like], 0);
        assert!(out.contains(&format!("quell check {setup}")), "{out}");
        let (checked, _) = expect(&["check", &setup], 0);
        assert!(checked.contains(workflow) || checked.contains("workflow"), "{checked}");
        let (_, error) = expect(&["init", &setup, "--like", like], 1);
        assert!(error.contains("is not empty: nothing was written"), "{error}");
    }
    let (linux, _) = expect(&["init", &folder.path().join("new/deep").display().to_string()], 0);
    assert!(linux.contains("nothing acts before `quell arm WORKFLOW"), "{linux}");
    assert!(
        fs::read_to_string(folder.path().join("new/deep/settings.yaml")).unwrap().contains("exercise: false")
    );
}

#[test]
fn it_plays_the_exercise_that_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let setup = folder.path().join("drills").display().to_string();
    expect(&["init", &setup, "--like", "exercise"], 0);
    let (out, error) = expect(&["--headless", "--config", &setup], 0);
    assert!(out.contains("incidents") || error.contains("incidents"), "{out}{error}");
}

#[test]
fn what_cannot_be_written_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (_, error) = expect(&["init", &file.display().to_string()], 1);
    assert!(error.contains("cannot write"), "{error}");
}
