//! Real setups: where they keep state, and that they act only when armed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::run::{PORT_SCAN, lines, quell, text};

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
  - name: people
    role: HAND
    kind: manual
    concurrency: 4
    actions:
      unplug: { takes: { host: host }, target: host, ask: 'Unplug ${host} from its switch', undo: plug }
      plug: { takes: { host: host }, target: host, ask: 'Plug ${host} in again' }
";
const CUT: &str = "
workflow: cut
mode: live
inputs: { host: { type: host } }
steps:
  - { id: unplug, role: HAND, action: unplug, timeout: 10m, with: { host: '${inputs.host}' } }
  - { id: log, role: WALL, action: log, with: { text: 'by ${steps.unplug.output.by}: ${steps.unplug.output.text}' }, needs: [unplug], undo: 'none: a line' }
";
pub const BLOCK: &str = "
workflow: block
inputs: { address: { type: address } }
steps:
  - { id: block, role: WALL, action: block, expires: 1h, with: { address: '${inputs.address}' } }
  - { id: log, role: WALL, action: log, with: { text: 'blocked ${inputs.address}' }, needs: [block], undo: 'none: a line' }
";

/// A real setup and a home of its own.
pub struct Real {
    folder: tempfile::TempDir,
}

impl Real {
    pub fn new() -> Real {
        let real = Real { folder: tempfile::tempdir().unwrap() };
        for (name, text) in [
            ("settings.yaml", SETTINGS),
            ("agents/a.yaml", AGENTS),
            ("workflows/block.yaml", BLOCK),
            ("workflows/cut.yaml", CUT),
        ] {
            real.write(name, text);
        }
        real
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
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
    pub fn expect(&self, args: &[&str], code: i32) -> (String, String) {
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

const TRIGGER: [&str; 3] = ["trigger", "block", "address=192.0.2.7"];

/// C31: observe, arm, act, edit, observe again.
#[test]
fn c31_a_workflow_acts_only_while_it_is_armed_as_it_is() {
    let real = Real::new();
    let list = real.path("state/quell/blocklist");
    let (out, _) = real.expect(&TRIGGER, 0);
    for part in ["1 only observed", "◇ block", "block 192.0.2.7", "would be done", "in force 0"] {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    assert!(!list.exists() && !real.path("state/quell/incidents.log").exists(), "nothing was done");
    let (out, _) = real.expect(&["runs"], 0);
    assert!(out.contains("completed (observed)"), "{out}");
    let (out, _) = real.expect(&["arm", "block"], 0);
    assert!(out.contains("`block` is armed"), "{out}");
    let (out, _) = real.expect(&["arm", "block"], 0);
    assert!(out.contains("is armed already, by "), "{out}");
    let (out, _) = real.expect(&TRIGGER, 0);
    assert!(out.contains("in force 1") && out.contains("✓ block"), "{out}");
    assert!(fs::read_to_string(&list).unwrap().starts_with("192.0.2.7 "));

    real.write("workflows/block.yaml", &BLOCK.replace("'blocked ", "'now blocked "));
    let (out, _) = real.expect(&["trigger", "block", "address=192.0.2.8", "--json"], 0);
    let records = lines(&out);
    let disarmed = records.iter().find(|line| line["event"] == "workflow_disarmed").unwrap();
    assert_eq!(
        (&disarmed["id"], &disarmed["armed"], &disarmed["by"]),
        (&"block".into(), &false.into(), &"quell".into())
    );
    let assumed: Vec<&Value> = records.iter().filter(|line| line["event"] == "step_assumed").collect();
    assert_eq!(assumed.len(), 2);
    assert_eq!(
        (&assumed[0]["assumed"], &assumed[0]["action"]["target"]),
        (&true.into(), &"192.0.2.8".into())
    );
    assert_eq!(assumed[0]["undo"]["name"], "unblock");
    assert!(records.iter().any(|line| line["event"] == "run_completed" && line["mode"] == "observe"));
    assert!(!fs::read_to_string(&list).unwrap().contains("192.0.2.8"));

    let (out, _) = real.expect(&["arm", "block", "--json"], 0);
    let armed = lines(&out).into_iter().find(|line| line["event"] == "workflow_armed").unwrap();
    assert_eq!((&armed["id"], &armed["armed"]), (&"block".into(), &true.into()));
    assert!(armed["by"].as_str().unwrap().contains("uid"), "{armed}");
    let (out, _) = real.expect(&["disarm", "block"], 0);
    assert!(out.contains("`block` is disarmed"), "{out}");
    let (_, err) = real.expect(&["arm", "nope"], 1);
    assert!(err.contains("there is no workflow `nope`; there are: block, cut"), "{err}");
}

#[test]
fn c31_an_exercise_is_not_armed() {
    let real = Real::new();
    let (out, _) = real.expect(&["check"], 0);
    assert!(out.contains("cut asks to be live: `quell arm cut`"), "{out}");
    real.write("settings.yaml", "setup: real\nexercise: true\n");
    let (_, err) = real.expect(&["arm", "block"], 2);
    assert!(err.contains("an exercise keeps nothing"), "{err}");
    let state = real.path("exercise");
    let (_, err) = real.expect(&["arm", "block", "--state", state.to_str().unwrap()], 1);
    assert!(err.contains("drills always act"), "{err}");
}

/// C23: a person is asked, answers, and the run goes on; a second answer learns who was first.
#[test]
fn c23_a_step_by_hand_waits_for_its_answer() {
    let real = Real::new();
    real.expect(&["arm", "cut"], 0);
    let (out, _) = real.expect(&["trigger", "cut", "host=web-1"], 3);
    // Arming another workflow starts nothing, and loses nothing.
    real.expect(&["arm", "block"], 0);
    let question = "asks: Unplug web-1 from its switch";
    assert!(out.contains(question) && out.contains("quell answer run-1 unplug done"), "{out}");
    let (_, err) = real.expect(&["answer", "run-1", "log", "done"], 1);
    assert!(err.contains("no person is asked to do `log` of run-1: it is pending"), "{err}");
    let (out, _) = real.expect(&["answer", "run-1", "unplug", "done", "--text", "rack 7", "--json"], 0);
    let records = lines(&out);
    let event = |name: &str| records.iter().find(|line| line["event"] == name).unwrap();
    assert!(event("step_answered")["by"].as_str().unwrap().contains("uid"));
    assert_eq!(event("step_succeeded")["output"]["text"], "rack 7");
    assert_eq!(event("run_completed")["status"], "completed");
    assert!(!out.contains("step_in_doubt"), "a question is never in doubt");
    assert!(fs::read_to_string(real.path("state/quell/incidents.log")).unwrap().contains("rack 7"));
    let (_, err) = real.expect(&["answer", "run-1", "unplug", "failed"], 1);
    assert!(err.contains("was answered already: done, by "), "{err}");
    let (out, _) = real.expect(&["trigger", "cut", "host=web-2", "--json"], 3);
    let asked = lines(&out).into_iter().find(|line| line["event"] == "step_started").unwrap();
    assert_eq!(asked["question"], "Unplug web-2 from its switch");
    let (_, err) = real.expect(&["answer", "run-2", "unplug", "failed", "--text", "locked"], 1);
    assert!(err.contains("run-2 did not complete: it is failed"), "{err}");
}

/// On virtual time nobody comes: the question runs into its timeout.
#[test]
fn on_virtual_time_a_question_runs_into_its_timeout() {
    let real = Real::new();
    real.write("settings.yaml", "setup: drill\nexercise: true\n");
    let (out, _) = real.expect(&["trigger", "cut", "host=web-1", "--speed", "max", "--json"], 3);
    let failed = lines(&out).into_iter().find(|line| line["event"] == "step_failed").unwrap();
    assert_eq!(failed["failure"]["kind"], "timed_out", "{failed}");
    // Nobody answers for its undo either: that is left to a person.
    assert!(lines(&out).iter().any(|line| line["event"] == "run_stuck"), "{out}");
    // As time passes, it is left to the person.
    real.expect(&["trigger", "cut", "host=web-1"], 3);
}

#[test]
fn an_answer_needs_a_journal() {
    let real = Real::new();
    let nowhere = real.path("nowhere");
    let args = ["answer", "run-1", "unplug", "done", "--state", nowhere.to_str().unwrap()];
    let (_, err) = real.expect(&args, 1);
    assert!(err.contains("there is no journal in"), "{err}");
    assert!(!nowhere.join("journal.db").exists());
}

#[test]
fn an_engine_at_work_is_not_gone_past() {
    let real = Real::new();
    let state = real.path("busy");
    fs::create_dir(&state).unwrap();
    let lock = fs::File::create(state.join("lock")).unwrap();
    lock.lock().unwrap();
    for args in [&["arm", "cut"][..], &["disarm", "cut"], &["answer", "run-1", "unplug", "done"]] {
        let (_, err) = real.expect(&[args, &["--state", state.to_str().unwrap()]].concat(), 1);
        assert!(err.contains("an engine is running on") && err.contains("control socket"), "{err}");
    }
}

/// A replay of a real setup touches nothing, and is the same each time.
#[test]
fn a_replay_of_a_real_setup_observes() {
    let real = Real::new();
    real.write("rules/scan.yml", &fs::read_to_string(rule()).unwrap());
    real.write(
        "workflows/block.yaml",
        &BLOCK
            .replace("inputs: {", "trigger: { rule: port-scan }\ninputs: {")
            .replace("type: address }", "type: address, from: '${detection.source_ip}' }"),
    );
    let hash = |out: &str| lines(out).pop().unwrap()["records_hash"].clone();
    let (first, _) = real.expect(&["replay", PORT_SCAN, "--json"], 0);
    let (second, _) = real.expect(&["replay", PORT_SCAN, "--json"], 0);
    assert_eq!(hash(&first), hash(&second));
    assert!(first.contains("step_assumed") && !first.contains("step_started"), "{first}");
    let (out, _) = real.expect(&["replay", PORT_SCAN], 0);
    assert!(out.contains("REPLAY of a real setup: nothing was done"), "{out}");
    assert!(!real.path("state").exists(), "a replay keeps nothing");
}

fn rule() -> std::path::PathBuf {
    let folder = Path::new(crate::run::SETUP).join("rules");
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.to_str().unwrap().contains("port")).unwrap()
}
