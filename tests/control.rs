//! The real binary, steered from outside through its control socket.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/served.rs"]
mod served;

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use run::{lines, text, wait_for};
use rustix::process::Signal;
use serde_json::Value;
use served::{AGENTS, BRIEF, CONTAIN, SETTINGS, Served};

const HAND: &str = "
agents:
  - name: ada
    role: HAND
    kind: manual
    actions:
      unplug: { takes: { host: host }, target: host, ask: 'Unplug ${host}' }
";
const UNPLUG: &str = "
workflow: cut
inputs: { host: { type: host } }
steps:
  - { id: unplug, role: HAND, action: unplug, with: { host: '${inputs.host}' }, timeout: 5m, undo: 'none: by hand' }
";

#[test]
fn a_served_engine_is_steered_from_outside() {
    let mut served = Served::new();
    let (out, err) = served.expect(&["trigger", "brief", "address=192.0.2.1"], 0);
    assert!(err.contains("run-1 started") && out.contains("completed"), "{out}{err}");
    let (out, _) = served.expect(&["trigger", "brief", "address=192.0.2.1", "--json"], 0);
    let records = lines(&out);
    assert!(records.iter().all(|record| record["drill"] == true || record["type"] == "summary"), "{out}");
    assert_eq!(records.last().unwrap()["status"], "completed");
    let (_, err) = served.expect(&["trigger", "nothing"], 1);
    assert!(err.contains("there are: brief, contain"), "{err}");

    let mut watcher = served.contain("address=192.0.2.2");
    let seen = served.runs()[2]["changed"].to_string();
    let (out, _) = served.expect(&["pause", "run-3", "--seen", &seen, "--id", "once"], 0);
    assert_eq!(out, "run-3 is paused; what runs will finish\n");
    assert_eq!(served.expect(&["pause", "run-3", "--seen", &seen, "--id", "once"], 0).0, out);
    let (_, err) = served.expect(&["cancel", "run-3", "--seen", &seen], 1);
    assert!(err.contains("refused: run-3 has changed since you looked: it is paused since"), "{err}");
    assert!(err.contains("(uid "), "{err}");
    served.expect(&["resume", "run-3"], 0);
    let (_, err) = served.expect(&["abandon", "run-3"], 2);
    assert!(err.contains("--yes-abandon run-3"), "{err}");
    served.expect(&["cancel", "run-3"], 0);
    wait_for(|| served.status(3) == "cancelled");
    // The one who started it sees how it ended, or that it was paused.
    assert!([Some(1), Some(3)].contains(&watcher.wait().unwrap().code()));

    let (out, _) = served.expect(&["agents"], 0);
    assert!(out.starts_with("AGENT") && out.contains("wall"), "{out}");
    assert_eq!(served.expect(&["incidents", "--json"], 0).0, "");
    let (_, err) = served.expect(&["acknowledge", "inc-9"], 1);
    assert!(err.contains("inc-9 is not known"), "{err}");
    let (out, _) = served.expect(&["events", "--json"], 0);
    let (shown, _) = served.expect(&["journal", "show", "--json"], 0);
    assert_eq!(out, shown, "both print every record");

    served.signal(Signal::TERM);
    assert_eq!(served.ends(), 0, "{}", served.log());
    assert!(!served.state().join("control.sock").exists());
    // Without an engine: views read the journal, and requests are carried out at once.
    assert_eq!(served.status(3), "cancelled");
    let (_, err) = served.expect(&["pause", "run-3"], 1);
    assert!(err.contains("refused: run-3"), "{err}");
    let (_, err) = served.expect(&["reload"], 1);
    assert!(err.contains("no engine is at work in"), "{err}");
}

#[test]
fn c8_a_killed_engine_leaves_a_socket_that_the_next_one_replaces() {
    let mut served = Served::new();
    let mut watcher = served.contain("address=192.0.2.2");
    served.expect(&["pause", "run-1"], 0);
    served.signal(Signal::KILL);
    served.ends();
    let _ = watcher.wait();
    assert!(served.state().join("control.sock").exists());
    assert_eq!(served.status(1), "paused", "the journal is read in its place");
    served.start();
    assert_eq!(served.status(1), "paused");
    served.expect(&["cancel", "run-1"], 0);
    wait_for(|| served.status(1) == "cancelled");
    // A second engine in the same folder is refused, and the first one keeps its socket.
    let (_, err) = served.expect(&["serve"], 1);
    assert!(err.contains("is in use by quell"), "{err}");
    assert_eq!(served.status(1), "cancelled");
}

#[test]
fn c17_reload_is_all_or_nothing() {
    let mut served = Served::new();
    let mut watcher = served.contain("address=192.0.2.2");
    served.write("workflows/brief.yaml", &BRIEF.replace("role: WALL", "role: WAL"));
    served.write("workflows/more.yaml", &BRIEF.replace("workflow: brief", "workflow: brief\nmode: loud"));
    let (_, err) = served.expect(&["reload"], 1);
    assert!(err.contains("mistakes; nothing was changed"), "{err}");
    assert!(err.contains("brief.yaml:5:") && err.contains("more.yaml:"), "{err}");
    served.expect(&["trigger", "brief", "address=192.0.2.1"], 0);

    served.write("workflows/brief.yaml", &BRIEF.replace("workflow: brief", "workflow: short"));
    fs::remove_file(served.folder.path().join("setup/workflows/more.yaml")).unwrap();
    served.write("workflows/contain.yaml", &CONTAIN.replace("contain", "contain-2"));
    served.write("agents/b.yaml", &AGENTS.replace("name: wall", "name: gate"));
    let (out, _) = served.expect(&["reload"], 0);
    assert!(out.contains("agents 1 new, 0 changed, 0 gone; workflows 2 new, 0 changed, 2 gone"), "{out}");
    assert!(out.contains("rules 0 new, 0 changed, 0 gone"), "{out}");
    served.expect(&["trigger", "short", "address=192.0.2.3"], 0);
    let (_, err) = served.expect(&["trigger", "brief", "address=192.0.2.3"], 1);
    assert!(err.contains("there is no workflow `brief`"), "{err}");
    // The run that began before goes by the text that it began with.
    assert_eq!(served.runs()[0]["workflow"], "contain");
    served.expect(&["cancel", "run-1"], 0);
    wait_for(|| served.status(1) == "cancelled");
    let _ = watcher.wait();

    served.write("settings.yaml", &SETTINGS.replace("true", "false"));
    served.signal(Signal::HUP);
    wait_for(|| served.log().contains("quell: reload: refused"));
    served.write("settings.yaml", SETTINGS);
    fs::remove_file(served.folder.path().join("setup/agents/b.yaml")).unwrap();
    served.signal(Signal::HUP);
    wait_for(|| served.log().contains("agents 0 new, 0 changed, 1 gone"));
    let (out, _) = served.expect(&["agents"], 0);
    assert!(out.contains("wall") && !out.contains("gate"), "{out}");
    assert!(served.expect(&["events"], 0).0.contains("setup_loaded"));
    served.signal(Signal::TERM);
    assert_eq!(served.ends(), 0);
}

/// Runs a verb as somebody else; only root can try.
fn as_user(served: &Served, uid: u32, args: &[&str]) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can be somebody else");
        return None;
    }
    let quell = Path::new(env!("CARGO_BIN_EXE_quell"));
    let copy = served.folder.path().join("quell");
    if !copy.exists() {
        fs::copy(quell, &copy).unwrap();
    }
    use std::os::unix::fs::PermissionsExt;
    for (path, mode) in [
        (served.folder.path().to_owned(), 0o755),
        (served.state(), 0o711),
        (served.state().join("control.sock"), 0o666),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = Command::new(copy);
    command.args(args).arg("--state").arg(served.state()).env_clear().current_dir("/").uid(uid).gid(uid);
    Some(command.output().unwrap())
}

#[test]
fn c23_roles_decide_and_refusals_are_recorded() {
    let served = Served::new();
    let operators = "operators: [{ user: '4711', may: [view] }, { user: '4712', may: [run] }]\n";
    served.write("settings.yaml", &format!("{SETTINGS}{operators}"));
    let Some(output) = as_user(&served, 4711, &["runs"]) else { return };
    assert!(text(&output.stderr).contains("takes the role `view`"), "{}", text(&output.stderr));
    served.expect(&["reload"], 0);
    let mut watcher = served.contain("address=192.0.2.2");
    let code = |uid, args: &[&str]| {
        let output = as_user(&served, uid, args).unwrap();
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(code(4711, &["runs"]).0, Some(0));
    let (refused, err) = code(4711, &["cancel", "run-1"]);
    assert!(refused == Some(1) && err.contains("uid 4711 may not: it takes the role `run`"), "{err}");
    assert_eq!(code(4713, &["runs"]).0, Some(1));
    assert_eq!(code(4712, &["reload"]).0, Some(1));
    assert_eq!(code(4712, &["pause", "run-1"]).0, Some(0));
    assert_eq!(served.runs()[0]["changed_by"], "uid 4712");
    served.expect(&["cancel", "run-1"], 0);
    let _ = watcher.wait();
    let (out, _) = served.expect(&["events", "--json"], 0);
    let refused: Vec<Value> =
        lines(&out).into_iter().filter(|line| line["event"] == "request_refused").collect();
    let by: Vec<&str> = refused.iter().map(|line| line["by"].as_str().unwrap()).collect();
    assert_eq!(by, ["uid 4711", "uid 4712"], "{refused:?}");
}

#[test]
fn c30_an_engine_at_work_is_halted_through_its_socket() {
    let mut served = Served::new();
    let mut watcher = served.contain("address=192.0.2.2");
    let (out, _) = served.expect(&["halt", "--reason", "wrong list"], 3);
    assert!(out.contains("stopped in flight: 1; live runs that wait: 1"), "{out}");
    wait_for(|| served.state().join("HALT").exists());
    let (out, _) = served.expect(&["halt"], 3);
    assert!(out.contains("halted already, by "), "{out}");
    // It stays halted over a restart, and nothing is begun meanwhile.
    served.signal(Signal::TERM);
    served.ends();
    let _ = watcher.wait();
    fs::remove_file(served.folder.path().join("log")).unwrap();
    served.start();
    assert_eq!(served.runs()[0]["done"], 1);
    let (out, _) = served.expect(&["release"], 0);
    assert!(out.contains("released"), "{out}");
    wait_for(|| !served.state().join("HALT").exists());
    let (out, _) = served.expect(&["events", "--json"], 0);
    let told: Vec<Value> = lines(&out)
        .into_iter()
        .filter(|line| ["halted", "released"].iter().any(|event| line["event"] == *event))
        .collect();
    let events: Vec<&str> = told.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["halted", "released"], "{out}");
    let by = told.iter().map(|line| line["by"].as_str().unwrap_or_default());
    assert!(by.into_iter().all(|by| by.contains("uid")), "{told:?}");
}

#[test]
fn c30_the_kill_switch_takes_its_role() {
    let served = Served::new();
    let operators = "operators: [{ user: '4711', may: [run] }, { user: '4712', may: [halt] }]\n";
    served.write("settings.yaml", &format!("{SETTINGS}{operators}"));
    served.expect(&["reload"], 0);
    for (uid, verb, code, expected) in [
        (4711, "halt", 1, "uid 4711 may not: it takes the role `halt`"),
        (4712, "release", 0, "nothing is halted"),
        (4712, "halt", 3, "halted: nothing is begun any more"),
        (4711, "release", 1, "uid 4711 may not: it takes the role `halt`"),
        (4712, "release", 0, "released"),
    ] {
        let Some(output) = as_user(&served, uid, &[verb]) else { return };
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{uid} {verb}: {told}");
        assert!(told.contains(expected), "{uid} {verb}: {told}");
    }
}

#[test]
fn a_person_answers_an_engine_at_work() {
    let served = Served::new();
    served.write("agents/hand.yaml", HAND);
    served.write("workflows/cut.yaml", UNPLUG);
    served.expect(&["reload"], 0);
    let mut command = served.command(&["trigger", "cut", "host=web-1"]);
    let mut watcher = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(|| !served.runs().is_empty());
    served.expect(&["answer", "run-1", "unplug", "done", "--text", "rack 7"], 0);
    assert_eq!(watcher.wait().unwrap().code(), Some(0), "it is completed for the one who started it");
    let (_, err) = served.expect(&["answer", "run-1", "unplug", "failed"], 1);
    assert!(err.contains("was answered already: done, by "), "{err}");
    let (_, err) = served.expect(&["arm", "nothing"], 1);
    assert!(err.contains("refused: "), "{err}");
}

#[test]
fn figures_are_those_of_the_engine_at_work() {
    let served = Served::new();
    served.expect(&["trigger", "brief", "address=192.0.2.77"], 0);
    let (out, _) = served.expect(&["metrics", "--json"], 0);
    let figures = &lines(&out)[0];
    assert_eq!((&figures["type"], &figures["received"]), (&"metrics".into(), &0.into()));
    let step = figures["latencies"].as_array().unwrap().iter().find(|latency| latency["stage"] == "step");
    assert!(step.unwrap()["count"].as_u64().unwrap() >= 1, "{out}");
    let (out, _) = served.expect(&["metrics"], 0);
    assert!(out.contains("latency  step") && out.contains("0 received = 0 processed"), "{out}");
}
