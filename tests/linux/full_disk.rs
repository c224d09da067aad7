//! A disk without room under the state folder of `quell serve` (C6): it holds, and goes on when there is
//! room.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::wait_for;

const SETUP: [(&str, &str); 4] = [
    (
        "settings.yaml",
        "setup: full\nexercise: false\nsources: [{ follow: HERE/log.json, format: json, from: start }]\n",
    ),
    (
        "agents/a.yaml",
        "
agents:
  - name: marker
    role: MARKER
    kind: exec
    actions:
      mark:
        takes: { address: address }
        target: address
        run: [HERE/mark, '${address}']
",
    ),
    (
        "workflows/w.yaml",
        "
workflow: mark
trigger: { rule: found }
inputs: { address: { type: address, from: '${detection.source_ip}' } }
dedup: '${inputs.address}'
steps:
  - { id: mark, role: MARKER, action: mark, with: { address: '${inputs.address}' }, undo: 'none: a line' }
",
    ),
    (
        "rules/r.yml",
        "
title: Found
name: found
id: 5f2bb1a0-58f8-4b0e-9d0f-0a8a4a4f0002
logsource: { product: any }
detection:
  it: { event_type: found }
  condition: it
level: high
",
    ),
];

/// A service whose state folder is a disk of 2 MiB.
struct Service {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Service {
    /// `None` if there can be no such disk here.
    fn new() -> Option<Self> {
        let service = Service { folder: tempfile::tempdir().unwrap(), child: None };
        let here = service.folder.path().display().to_string();
        for (name, text) in SETUP {
            let path = service.at("setup").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("HERE", &here)).unwrap();
        }
        fs::write(service.at("mark"), format!("#!/bin/sh\necho \"$1\" >>{here}/marks\n")).unwrap();
        fs::set_permissions(service.at("mark"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(service.at("marks"), "").unwrap();
        fs::write(service.at("log.json"), "").unwrap();
        fs::create_dir(service.at("state")).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=700", "quell-test"]).arg(service.at("state"));
        mount.output().is_ok_and(|output| output.status.success()).then_some(service)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn quell(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quell"));
        command.args(args).arg("--state").arg(self.at("state")).stdin(Stdio::null());
        command.env("QUELL_CONFIG", self.at("setup"));
        command
    }

    fn ask(&self, args: &[&str]) -> Output {
        self.quell(args).output().unwrap()
    }

    fn start(&mut self) {
        let said = fs::File::create(self.at("said")).unwrap();
        let mut serve = self.quell(&["serve"]);
        self.child = Some(serve.stdout(Stdio::null()).stderr(said).spawn().unwrap());
        wait_for("the service", || self.said().contains("quell: serving"));
    }

    fn said(&self) -> String {
        fs::read_to_string(self.at("said")).unwrap()
    }

    fn signal(&self, source: u8) {
        let mut log = fs::File::options().append(true).open(self.at("log.json")).unwrap();
        writeln!(log, "{{\"event_type\":\"found\",\"source_ip\":\"192.0.2.{source}\"}}").unwrap();
    }

    /// Whose addresses the agent was sent to, in order of their numbers.
    fn marks(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("marks")).unwrap();
        let mut marks: Vec<_> = text.lines().map(str::to_owned).collect();
        marks.sort();
        marks
    }

    /// Why it is on hold, if it is.
    fn on_hold(&self) -> Option<String> {
        let output = self.ask(&["metrics", "--json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let figures: Value = serde_json::from_str(text.lines().next()?).unwrap();
        figures["on_hold"].as_str().map(str::to_owned)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = Command::new("umount").arg("--lazy").arg(self.at("state")).output();
    }
}

/// Takes all the room that there is.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

#[test]
fn c6_a_full_disk_holds_everything_until_there_is_room() {
    let Some(mut service) = Service::new() else {
        println!("skipped: it needs root and `mount`, to make a small disk");
        return;
    };
    service.start();
    assert!(service.ask(&["arm", "mark"]).status.success());
    service.signal(1);
    wait_for("the first mark", || service.marks() == ["192.0.2.1"]);
    let completed = || {
        let output = service.ask(&["runs", "--json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter(|line| line.contains("\"status\":\"completed\"")).count()
    };
    wait_for("the first run", || completed() == 1);

    let filler = service.at("state/filler");
    fill(&filler);
    (2..=6).for_each(|source| service.signal(source));
    wait_for("the hold", || service.on_hold().is_some());
    let refused = service.ask(&["trigger", "mark", "address=192.0.2.99"]);
    assert!(!refused.status.success());
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("on hold"), "{why}");
    assert_eq!(service.marks(), ["192.0.2.1"], "{:?}", service.on_hold());
    assert!(service.said().contains("on hold"), "{}", service.said());

    fs::remove_file(filler).unwrap();
    let all: Vec<_> = (1..=6).map(|source| format!("192.0.2.{source}")).collect();
    wait_for("all marks", || service.marks() == all);
    wait_for("all runs", || completed() == 6);
    assert_eq!(service.on_hold(), None);
    let verified = service.ask(&["journal", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    assert_eq!(service.marks(), all, "each once");
}
