//! People settle what nobody else can know: steps in doubt, and undos that failed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use crate::run::{lines, quell, text, wait_for};

const AGENTS: &str = "
agents:
  - name: hand
    role: HAND
    kind: exec
    actions:
      act: { takes: { text: text }, idempotent: false, run: [PROGRAM, \"${text}\"], undo: unact }
      unact: { takes: { text: text }, run: [PROGRAM, \"${text}\"] }
";
const WORKFLOW: &str = "
workflow: act
steps:
  - { id: act, role: HAND, action: act, timeout: 1h, with: { text: forward }, undo: { action: unact, with: { text: undo } } }
";

const ASKS: &str = "
agents:
  - name: people
    role: HAND
    kind: manual
    concurrency: 4
    actions:
      unplug: { takes: { host: host }, target: host, ask: 'Unplug ${host}', undo: plug }
      plug: { takes: { host: host }, target: host, ask: 'Plug ${host} in again' }
";
const CUT: &str = "
workflow: cut
steps:
  - { id: unplug, role: HAND, action: unplug, timeout: 1m, with: { host: web-1 } }
  - { id: again, role: HAND, action: unplug, timeout: 1m, needs: [unplug], with: { host: web-2 } }
";

/// A setup and a state folder.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(settings: &str, agents: &str, workflow: &str) -> Self {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        for folder in ["setup/agents", "setup/workflows"] {
            fs::create_dir_all(place.path(folder)).unwrap();
        }
        let agents = agents.replace("PROGRAM", place.path("program").to_str().unwrap());
        fs::write(place.path("setup/settings.yaml"), settings).unwrap();
        fs::write(place.path("setup/agents/a.yaml"), agents).unwrap();
        fs::write(place.path("setup/workflows/w.yaml"), workflow).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = quell(args);
        command.arg("--state").arg(self.path("state")).env("QUELL_CONFIG", self.path("setup"));
        command
    }

    fn expect(&self, args: &[&str], code: i32) -> (String, String) {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let (out, err) = (text(&stdout), text(&stderr));
        assert_eq!(status.code(), Some(code), "{args:?}\n{out}\n{err}");
        (out, err)
    }
}

/// quell is killed while a program that may not be repeated is at work: what it did, a person says.
fn killed() -> Place {
    let place = Place::new("setup: real\nexercise: false\n", AGENTS, WORKFLOW);
    let script =
        "#!/bin/sh\necho \"$1\" >> \"$QUELL_STATE/said\"\n[ -e \"$QUELL_STATE/quick\" ] || sleep 60\n";
    fs::write(place.path("program"), script).unwrap();
    fs::set_permissions(place.path("program"), fs::Permissions::from_mode(0o755)).unwrap();
    place.expect(&["arm", "act"], 0);
    let mut trigger = place.command(&["trigger", "act"]);
    let mut child = trigger.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(|| place.path("state/said").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    fs::write(place.path("state/quick"), "").unwrap();
    place
}

fn said(place: &Place) -> String {
    fs::read_to_string(place.path("state/said")).unwrap()
}

#[test]
fn c3_what_a_kill_left_in_doubt_is_settled_by_a_person() {
    let place = killed();
    let (_, err) = place.expect(&["settle", "run-1", "act", "done"], 2);
    assert!(err.contains("--reason"), "{err}");
    let (_, err) = place.expect(&["settle", "run-1", "act", "skip", "--reason", "no"], 1);
    assert!(err.contains("cannot be settled as skip; now: again, undo, done, failed"), "{err}");
    let (out, _) = place.expect(&["runs", "run-1"], 0);
    for part in
        ["run-1  act  parked", "in doubt", "quell settle run-1 act again|undo|done|failed --reason TEXT"]
    {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    let (out, _) = place.expect(&["settle", "run-1", "act", "done", "--reason", "seen on the host"], 0);
    assert!(out.contains("`act` is settled as done; the run is completed"), "{out}");
    let (_, err) = place.expect(&["settle", "run-1", "act", "again"], 1);
    assert!(err.contains("`act` of run-1 was settled already: done, by "), "{err}");
    let (out, _) = place.expect(&["runs", "run-1", "--json"], 0);
    let run = &lines(&out)[0];
    assert_eq!((&run["type"], &run["status"]), (&"run".into(), &"completed".into()));
    assert_eq!(run["steps"][0]["settled"]["reason"], "seen on the host");
    assert!(run["steps"][0]["settled"]["by"].as_str().unwrap().contains("uid"));
    assert_eq!(said(&place), "forward\n", "nothing was performed again");
}

#[test]
fn c3_what_may_have_happened_is_undone_or_done_again() {
    for (word, program, status) in
        [("again", "forward\nforward\n", "completed"), ("undo", "forward\nundo\n", "cancelled")]
    {
        let place = killed();
        place.expect(&["settle", "run-1", "act", word], 0);
        let (out, _) = place.expect(&["runs", "run-1", "--json"], 0);
        assert_eq!((said(&place).as_str(), &lines(&out)[0]["status"]), (program, &status.into()));
    }
}

#[test]
fn c11_a_stuck_rollback_ends_when_everything_is_settled() {
    let place = Place::new("setup: drill\nexercise: true\n", ASKS, CUT);
    // On virtual time nobody comes, neither for the step nor for its undo.
    place.expect(&["trigger", "cut", "--speed", "max"], 3);
    let (out, _) = place.expect(&["runs", "run-1"], 0);
    for part in ["run-1  cut  stuck", "given up after attempt", "quell settle run-1 unplug again|done|skip"] {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    let (out, _) = place.expect(&["settle", "run-1", "unplug", "skip", "--reason", "web-1 is gone"], 0);
    assert!(out.contains("the undo of `unplug` is settled as skip; the run is rolled back"), "{out}");
    let (out, _) = place.expect(&["runs", "run-1", "--json"], 0);
    let run = &lines(&out)[0];
    let rollback = &run["rollback"];
    assert_eq!(
        (&rollback["done"], &rollback["skipped"], &run["status"]),
        (&0.into(), &1.into(), &"rolled_back".into())
    );
    assert_eq!(run["steps"][0]["undo_settled"]["reason"], "web-1 is gone");
    let stands = run["steps"][0]["undo_stands"].as_str().unwrap();
    assert!(stands.starts_with("not undone: skipped by ") && stands.ends_with(": web-1 is gone"), "{stands}");
    let (out, _) = place.expect(&["explain", "run-1"], 0);
    assert!(out.contains("its undo is settled as skip by "), "{out}");
    let (_, err) = place.expect(&["runs", "run-7"], 1);
    assert!(err.contains("run-7 is not known"), "{err}");
}

#[test]
fn c12_an_abandon_is_typed() {
    let place = Place::new("setup: drill\nexercise: true\n", ASKS, CUT);
    place.expect(&["trigger", "cut", "--speed", "max"], 3);
    for args in [&["abandon", "run-1"][..], &["abandon", "run-1", "--confirm", "run-2"]] {
        place.expect(args, 2);
    }
    let (out, _) = place.expect(&["abandon", "run-1", "--confirm", "run-1"], 0);
    assert!(out.contains("run-1 is abandoned; 1 of its effects stay in force"), "{out}");
    let (out, _) = place.expect(&["runs", "run-1"], 0);
    assert!(out.contains("given up after attempt"), "what is owed stays visible:\n{out}");
}
