//! `quell serve` as tests run it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::run::{lines, quell, text, wait_for};

pub const SETTINGS: &str = "setup: served\nexercise: true\n";
pub const AGENTS: &str = "
agents:
  - name: wall
    role: WALL
    kind: drill
    concurrency: 4
    actions:
      block: { takes: { address: address }, target: address, idempotent: true, undo: unblock, drill: { latency: 100ms..100ms } }
      unblock: { takes: { address: address }, target: address, idempotent: true, drill: { latency: 50ms..50ms } }
      watch: { takes: { address: address }, idempotent: true, drill: { latency: 20s..20s } }
";
pub const CONTAIN: &str = "
workflow: contain
inputs: { address: { type: address } }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.address}' } }
  - { id: watch, role: WALL, action: watch, with: { address: '${inputs.address}' }, needs: [block], undo: 'none: it only looks' }
";
pub const BRIEF: &str = "
workflow: brief
inputs: { address: { type: address } }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.address}' } }
";

/// `quell serve` in a folder of its own.
pub struct Served {
    pub folder: tempfile::TempDir,
    pub child: Option<Child>,
}

impl Served {
    pub fn new() -> Served {
        let mut served = Served { folder: tempfile::tempdir().unwrap(), child: None };
        for (name, text) in [
            ("settings.yaml", SETTINGS),
            ("agents/a.yaml", AGENTS),
            ("workflows/contain.yaml", CONTAIN),
            ("workflows/brief.yaml", BRIEF),
        ] {
            served.write(name, text);
        }
        served.start();
        served
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join("setup").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = quell(args);
        command.env("QUELL_CONFIG", self.folder.path().join("setup")).arg("--state").arg(self.state());
        command
    }

    pub fn start(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        self.child = Some(self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        wait_for(|| self.log().contains("quell: serving"));
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn expect(&self, args: &[&str], code: i32) -> (String, String) {
        let output = self.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}\n{}", self.log());
        (out, err)
    }

    pub fn runs(&self) -> Vec<Value> {
        lines(&self.expect(&["runs", "--json"], 0).0)
    }

    pub fn status(&self, run: usize) -> String {
        self.runs()[run - 1]["status"].as_str().unwrap().to_owned()
    }

    /// Starts the long workflow and waits until its second step is at work.
    pub fn contain(&self, address: &str) -> Child {
        let before = self.runs().len();
        let mut command = self.command(&["trigger", "contain", address]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(|| self.runs().len() > before && self.runs()[before]["done"] == 1);
        child
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    pub fn ends(&mut self) -> i32 {
        self.child.take().unwrap().wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
