//! Real setups: where they keep state, and that they act only when armed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::run::{quell, text};

const SETTINGS: &str = "setup: real\nexercise: false\n";
const AGENTS: &str = "
agents:
  - name: wall
    role: WALL
    kind: builtin
    concurrency: 4
    actions:
      block: { builtin: blocklist_add, undo: unblock }
      unblock: { builtin: blocklist_remove }
      log: { builtin: log }
";
const BLOCK: &str = "
workflow: block
inputs: { address: { type: address } }
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.address}' } }
  - { id: log, role: WALL, action: log, with: { text: 'blocked ${inputs.address}' }, needs: [block], undo: 'none: a line' }
";

/// A real setup and a home of its own.
struct Real {
    folder: tempfile::TempDir,
}

impl Real {
    fn new() -> Real {
        let real = Real { folder: tempfile::tempdir().unwrap() };
        for (name, text) in
            [("settings.yaml", SETTINGS), ("agents/a.yaml", AGENTS), ("workflows/block.yaml", BLOCK)]
        {
            real.write(name, text);
        }
        real
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path("setup").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        let setup = self.path("setup");
        let mut command = quell(args);
        command.env("QUELL_CONFIG", setup).env("HOME", self.folder.path());
        command.env("XDG_STATE_HOME", self.path("state")).output().unwrap()
    }

    /// Runs, checks the exit code, and gives stdout and stderr.
    fn expect(&self, args: &[&str], code: i32) -> (String, String) {
        let output = self.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        (out, err)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn real_work_is_kept_in_the_state_folder_of_the_platform() {
    let real = Real::new();
    real.expect(&["trigger", "block", "address=192.0.2.7"], 0);
    let state = real.path("state/quell");
    assert_eq!((mode(&state), mode(&state.join("journal.db"))), (0o700, 0o600));
    let (out, _) = real.expect(&["journal", "show", "--state", state.to_str().unwrap()], 0);
    assert!(out.contains(r#"{"kind":"real""#) && !out.contains("DRILL"), "{out}");
    let other = real.path("other");
    real.expect(&["trigger", "block", "address=192.0.2.7", "--state", other.to_str().unwrap()], 0);
    assert!(other.join("journal.db").exists());
}

#[test]
fn the_world_has_a_pace_of_its_own() {
    let (_, err) = Real::new().expect(&["trigger", "block", "address=192.0.2.7", "--speed", "max"], 2);
    assert!(err.contains("--speed is for drills"), "{err}");
}
