//! Agents that run programs, in the real binary: they never outlive it, however it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::run::{quell, text, wait_for};

/// A real setup with one program, and a state folder.
struct Real {
    folder: tempfile::TempDir,
}

/// It ignores TERM, and has a child that left its group.
const STUBBORN: &str = "exec 9> \"$QUELL_STATE/busy\"
flock -n 9 || { echo > \"$QUELL_STATE/overlap\"; exit 9; }
trap '' TERM
setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &
echo > \"$QUELL_STATE/ready\"
while :; do sleep 1; done";

impl Real {
    fn new(program: &str) -> Self {
        let real = Real { folder: tempfile::tempdir().unwrap() };
        for folder in ["setup/agents", "setup/workflows", "state"] {
            fs::create_dir_all(real.path(folder)).unwrap();
        }
        fs::write(real.path("setup/settings.yaml"), "setup: real\nexercise: false\n").unwrap();
        let agents = format!(
            "agents:\n  - name: hand\n    role: HAND\n    kind: exec\n    actions:\n      act: {{ takes: {{ text: text }}, idempotent: true, run: [{}, \"${{text}}\"] }}\n",
            real.path("program").display()
        );
        fs::write(real.path("setup/agents/a.yaml"), agents).unwrap();
        let workflow = "workflow: act\ninputs: { text: { type: text } }\nsteps:\n  - { id: act, role: HAND, action: act, timeout: 1h, with: { text: '${inputs.text}' }, undo: 'none: a test' }\n";
        fs::write(real.path("setup/workflows/w.yaml"), workflow).unwrap();
        real.program(program);
        let mut arm = quell(&["arm", "act", "--state"]);
        let armed = arm.arg(real.path("state")).env("QUELL_CONFIG", real.path("setup")).output().unwrap();
        assert!(armed.status.success(), "{}", text(&armed.stderr));
        real
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn program(&self, script: &str) {
        let path = self.path("program");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn trigger(&self, text: &str) -> Command {
        let mut command = quell(&["trigger", "act", &format!("text={text}"), "--json", "--state"]);
        command.arg(self.path("state")).env("QUELL_CONFIG", self.path("setup"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Triggers, and waits until the program is at work.
    fn at_work(&self) -> Child {
        let child = self.trigger("x").spawn().unwrap();
        wait_for(|| self.path("state/ready").exists());
        assert!(self.alive() >= 2);
        child
    }

    /// Processes that work for this state folder.
    fn alive(&self) -> usize {
        let entry = format!("QUELL_STATE={}", self.path("state").display()).into_bytes();
        let all = fs::read_dir("/proc").unwrap().flatten();
        let environments = all.filter_map(|process| fs::read(process.path().join("environ")).ok());
        environments.filter(|text| text.split(|byte| *byte == 0).any(|found| found == entry)).count()
    }
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_trigger_runs_a_program() {
    let real = Real::new("echo \"{\\\"said\\\": \\\"$1\\\"}\"");
    let output = real.trigger("$(id) `id` ; x").output().unwrap();
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    assert!(out.contains(r#""said":"$(id) `id` ; x""#), "{out}");
    let output = real.trigger("--all").output().unwrap();
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("begins with `-`, as an option does: `--all`"), "{out}");
}

#[test]
fn c18_the_second_signal_kills_programs_as_trees() {
    let real = Real::new(STUBBORN);
    let mut child = real.at_work();
    send(&child, Signal::TERM);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the first one lets it finish");
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(real.alive(), 0);
}

#[test]
fn c8_c33_a_killed_quell_is_cleaned_up_after() {
    let real = Real::new(STUBBORN);
    let mut child = real.at_work();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(real.alive() >= 2, "its programs have outlived it");
    real.program("exec 9> \"$QUELL_STATE/busy\"; flock -n 9 || echo > \"$QUELL_STATE/overlap\"");
    let output = real.trigger("again").output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("outlived the quell that started it"), "{said}");
    let out = text(&output.stdout);
    assert_eq!(out.matches("\"event\":\"step_succeeded\"").count(), 2, "the old run and the new one: {out}");
    assert!(!real.path("state/overlap").exists());
    assert_eq!(real.alive(), 0);
}
