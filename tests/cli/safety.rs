//! Nobody is locked out, and everything can be halted: with real programs, from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

use crate::run::{lines, quell, text, wait_for};

/// A real setup whose only agent runs a program that writes down that it ran.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(protected: &str) -> World {
        let world = World { folder: tempfile::tempdir().unwrap() };
        let program = world.path("program");
        let ran = world.path("ran");
        fs::create_dir_all(world.path("setup/agents")).unwrap();
        fs::create_dir_all(world.path("setup/workflows")).unwrap();
        let script =
            format!("#!/bin/sh\necho \"$@\" >> {}\ncase $1 in slow) sleep 60;; esac\n", ran.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let program = program.display();
        let write = |name: &str, text: String| fs::write(world.path("setup").join(name), text).unwrap();
        write("settings.yaml", format!("setup: real\nexercise: false\n{protected}"));
        write(
            "agents/a.yaml",
            format!(
                "agents:\n  - name: wall\n    role: WALL\n    kind: exec\n    actions:\n      \
                 block: {{ takes: {{ address: prefix }}, target: address, idempotent: true, undo: unblock, run: [{program}, block, '${{address}}'] }}\n      \
                 unblock: {{ takes: {{ address: prefix }}, target: address, idempotent: true, lifts: true, run: [{program}, unblock, '${{address}}'] }}\n      \
                 slow: {{ takes: {{ address: prefix }}, idempotent: true, run: [{program}, slow] }}\n"
            ),
        );
        let step = |action: &str| {
            format!(
                "workflow: {action}\ninputs: {{ address: {{ type: prefix }} }}\nsteps:\n  - {{ id: it, role: WALL, action: {action}, \
                 with: {{ address: '${{inputs.address}}' }}, undo: \"none: it is a test\" }}\n"
            )
        };
        for action in ["block", "unblock", "slow"] {
            write(&format!("workflows/{action}.yaml"), step(action));
            world.says(&["arm", action], 0);
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = quell(args);
        command.env("QUELL_CONFIG", self.path("setup")).arg("--state").arg(self.path("state"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn says(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        out + &err
    }

    fn trigger(&self, workflow: &str, address: &str, code: i32) -> String {
        self.says(&["trigger", workflow, &format!("address={address}"), "--json"], code)
    }

    fn background(&self, workflow: &str) -> Child {
        let args = ["trigger", workflow, "address=203.0.113.9", "--json"];
        self.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn c27_a_program_is_not_run_against_what_is_protected() {
    if !cfg!(target_os = "linux") {
        return println!("skipped: only Linux says who is connected");
    }
    let world = World::new("protected:\n  - { address: 198.51.100.0/24, reason: the office }\n");
    for (address, why) in [
        ("198.51.100.7", "protected: 198.51.100.0/24 (the office)"),
        ("198.51.0.0/16", "protected: 198.51.100.0/24 (the office)"),
        ("127.0.0.1", "protected: 127.0.0.0/8 (own address)"),
        ("::ffff:127.0.0.1", "protected: 127.0.0.0/8 (own address)"),
        ("0.0.0.0/0", "protected: 0.0.0.0/0 (every address)"),
    ] {
        let told = world.trigger("block", address, 1);
        assert!(told.contains(why), "{address}: {told}");
    }
    assert_eq!(world.ran(), Vec::<String>::new());
    world.trigger("block", "203.0.113.9", 0);
    // What only lifts is for protected ones as well.
    world.trigger("unblock", "198.51.100.7", 0);
    assert_eq!(world.ran(), ["block 203.0.113.9", "unblock 198.51.100.7"]);
}

#[test]
fn c27_the_set_can_be_looked_at() {
    if !cfg!(target_os = "linux") {
        return println!("skipped: only Linux says who is connected");
    }
    let world = World::new("protected: [{ user: alice, reason: on call, until: 2099-01-01T00:00:00Z }]\n");
    let run = |args: &[&str]| quell(args).env("QUELL_CONFIG", world.path("setup")).output().unwrap();
    let table = text(&run(&["protected"]).stdout);
    let row = |words: &[&str]| table.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(row(&["user", "settings", "alice", "on call (until 2099-01-01T"]), "{table}");
    assert!(row(&["user", "machine", "root"]) && row(&["address", "127.0.0.0/8", "own address"]), "{table}");
    let json = lines(&text(&run(&["protected", "--json"]).stdout));
    assert!(json.iter().any(|entry| entry["what"] == "alice" && entry["origin"] == "settings"), "{json:?}");
}

#[test]
fn c30_halted_nothing_is_run_until_it_is_released() {
    let world = World::new("");
    let told = world.says(&["halt", "--reason", "wrong list"], 3);
    assert!(told.contains("halted: nothing is begun any more"), "{told}");
    assert!(world.path("state/HALT").exists());
    let told = world.trigger("block", "203.0.113.9", 3);
    assert!(!told.contains("step_started"), "{told}");
    assert_eq!(world.ran(), Vec::<String>::new());
    // Removing the file while nothing runs is no release: the journal knows.
    fs::remove_file(world.path("state/HALT")).unwrap();
    world.trigger("block", "203.0.113.10", 3);
    assert_eq!(world.ran(), Vec::<String>::new());
    assert!(world.path("state/HALT").exists());
    world.says(&["release"], 0);
    assert!(!world.path("state/HALT").exists());
    world.trigger("block", "203.0.113.11", 0);
    let mut ran = world.ran();
    ran.sort();
    assert_eq!(ran, ["block 203.0.113.10", "block 203.0.113.11", "block 203.0.113.9"], "what waited went on");
    let told = world.says(&["release"], 0);
    assert!(told.contains("nothing is halted"), "{told}");
}

#[test]
fn c30_a_file_made_by_hand_stops_what_runs() {
    let world = World::new("");
    let running = world.background("slow");
    wait_for(|| world.ran() == ["slow"]);
    fs::write(world.path("state/HALT"), "").unwrap();
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    let told = text(&output.stdout);
    assert!(told.contains("halted") && told.contains("step_in_doubt"), "half done: {told}");
}

#[test]
fn c30_a_running_engine_is_halted_from_outside() {
    let world = World::new("");
    let running = world.background("slow");
    wait_for(|| world.ran() == ["slow"]);
    let told = world.says(&["halt", "--reason", "enough"], 3);
    assert!(told.contains("nothing is begun any more; stopped in flight: 1"), "{told}");
    let output = running.wait_with_output().unwrap();
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("enough") && told.contains("uid"), "who and why: {told}");
}

/// Ends a child that a failed test leaves behind.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn c27_a_reload_changes_what_is_protected() {
    if !cfg!(target_os = "linux") {
        return println!("skipped: only Linux says who is connected");
    }
    let world = World::new("");
    let serving = world.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _serving = Ended(serving);
    wait_for(|| world.run(&["runs"]).status.success() && world.path("state/control.sock").exists());
    world.trigger("block", "198.51.100.7", 0);
    let protected = "protected: [{ address: 198.51.100.0/24, reason: the office }]\n";
    let settings = format!("setup: real\nexercise: false\n{protected}");
    fs::write(world.path("setup/settings.yaml"), settings).unwrap();
    world.says(&["reload"], 0);
    let told = world.trigger("block", "198.51.100.7", 1);
    assert!(told.contains("protected: 198.51.100.0/24 (the office)"), "{told}");
    assert_eq!(world.ran(), ["block 198.51.100.7"]);
}
