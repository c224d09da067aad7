//! `quell serve` with the real binary: sources from its setup, what systemd hears, whose socket it is.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use run::{expect, lines, text, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const AGENTS: &str = "
agents:
  - name: wall
    role: WALL
    kind: drill
    actions: { block: { takes: { address: address }, target: address, idempotent: true, drill: { latency: 5ms } } }
";
const WORKFLOW: &str = "
workflow: contain
trigger: { rule: found }
inputs: { address: { type: address, from: '${detection.source_ip}' } }
dedup: '${inputs.address}'
steps:
  - { id: block, role: WALL, action: block, with: { address: '${inputs.address}' }, undo: 'none: a drill' }
";
const RULE: &str = "
title: Found
name: found
id: 5f2bb1a0-58f8-4b0e-9d0f-0a8a4a4f0001
logsource: { product: any }
detection:
  it: { event_type: found }
  condition: it
level: high
";

/// A service in a folder of its own.
struct Service {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Service {
    fn new(settings: &str) -> Self {
        let service = Service { folder: tempfile::tempdir().unwrap(), child: None };
        let settings = settings.replace("HERE", &service.folder.path().display().to_string());
        let parts = [
            ("settings.yaml", settings.as_str()),
            ("agents/a.yaml", AGENTS),
            ("workflows/w.yaml", WORKFLOW),
            ("rules/r.yml", RULE),
        ];
        for (name, text) in parts {
            service.write(&format!("setup/{name}"), text);
        }
        service
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn signal_line(&self, name: &str, source: u8) {
        let at = self.at(name);
        let mut file = fs::File::options().create(true).append(true).open(at).unwrap();
        let line = format!(
            "{{\"event_type\":\"found\",\"severity\":\"high\",\"source_ip\":\"192.0.2.{source}\"}}\n"
        );
        file.write_all(line.as_bytes()).unwrap();
    }

    fn start(&mut self, mut command: Command) {
        let log = fs::File::create(self.at("log")).unwrap();
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        wait_for(|| self.log().contains("quell: serving"));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = run::quell(args);
        command.env("QUELL_CONFIG", self.at("setup")).arg("--state").arg(self.at("state"));
        command
    }

    fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    fn ask(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?} {}\n{}", text(&output.stderr), self.log());
        text(&output.stdout)
    }

    fn completed(&self) -> usize {
        let runs = lines(&self.ask(&["runs", "--json"]));
        runs.iter().filter(|run| run["status"] == "completed").count()
    }

    fn kill(&mut self, signal: Signal) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        child.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_service_watches_the_sources_of_its_setup() {
    let sources =
        "sources:\n  - { follow: HERE/log.json, format: json, from: start }\n  - { pipe: HERE/pipe }\n";
    let mut service = Service::new(&format!("setup: watched\nexercise: true\n{sources}"));
    assert!(Command::new("mkfifo").arg(service.at("pipe")).status().unwrap().success());
    service.signal_line("log.json", 1);
    service.start(service.command(&["serve"]));
    assert!(service.log().contains("2 sources"), "{}", service.log());
    wait_for(|| service.completed() == 1);
    service.signal_line("log.json", 2);
    service.signal_line("pipe", 3);
    wait_for(|| service.completed() == 3);
    // Another writer.
    service.signal_line("pipe", 4);
    wait_for(|| service.completed() == 4);
    // Figures follow by a moment.
    wait_for(|| lines(&service.ask(&["metrics", "--json"]))[0]["received"] == 4);

    // It goes on after its own end.
    wait_for(|| fs::read_to_string(service.at("state/cursors.json")).is_ok());
    service.kill(Signal::KILL);
    service.signal_line("log.json", 5);
    service.start(service.command(&["serve"]));
    wait_for(|| service.completed() == 5);

    let fewer = fs::read_to_string(service.at("setup/settings.yaml")).unwrap();
    let fewer = fewer.lines().filter(|line| !line.contains("pipe")).collect::<Vec<_>>().join("\n");
    service.write("setup/settings.yaml", &fewer);
    let said = service.ask(&["reload"]);
    assert!(said.contains("`sources` have changed: they count from the next start on"), "{said}");
    service.write("setup/settings.yaml", &fewer.replace("HERE", "").replace("follow", "folow"));
    let output = service.command(&["reload"]).output().unwrap();
    assert!(text(&output.stderr).contains("settings.yaml:4:5: "), "{}", text(&output.stderr));
    assert_eq!(service.kill(Signal::TERM), Some(0), "{}", service.log());
}

#[test]
fn s4_an_indicator_list_is_read_anew_when_it_changes() {
    let mut service = Service::new(
        "setup: w\nexercise: true\nsources: [{ follow: HERE/seen, format: json, from: start }]\n",
    );
    let rule = RULE.replace("it: { event_type: found }", "it: { source_ip|quell.list: bad }");
    service.write("setup/rules/r.yml", &rule.replace("logsource: { product: any }\n", ""));
    let seen = |service: &Service, source: u8| {
        let mut file = fs::File::options().create(true).append(true).open(service.at("seen")).unwrap();
        let line = format!("{{\"time\":\"2026-03-14T09:00:00Z\",\"source_ip\":\"192.0.2.{source}\"}}\n");
        file.write_all(line.as_bytes()).unwrap();
    };
    service.write("setup/indicators/bad.txt", "192.0.2.0/29 # ours\n");
    seen(&service, 1);
    seen(&service, 77);
    service.start(service.command(&["serve"]));
    wait_for(|| service.completed() == 1);
    let incident = &lines(&service.ask(&["incidents", "--json"]))[0];
    assert!(incident.to_string().contains("192.0.2.1"), "{incident}");
    let figures = || lines(&service.ask(&["rules", "--live", "--json"]));
    wait_for(|| {
        figures().iter().any(|row| row["type"] == "indicators" && row["hits"] == 1 && row["entries"] == 1)
    });
    assert!(figures().iter().any(|row| row["type"] == "rule" && row["name"] == "found" && row["hits"] == 1));
    let digest = || figures().iter().find(|row| row["type"] == "indicators").map(|row| row["digest"].clone());
    let first = digest();
    let before = lines(&service.ask(&["events", "--json"]))
        .iter()
        .filter(|row| row["event"] == "setup_loaded")
        .count();

    // One with a mistake: the list of before stays.
    service.write("setup/indicators/bad.txt", "192.0.2.0/29\n192.0.2.77/99\n");
    wait_for(|| service.ask(&["rules", "--live"]).contains("bad.txt:2:1: expected an address or a network"));
    seen(&service, 2);
    wait_for(|| service.completed() == 2);

    service.write("setup/indicators/bad.txt", "192.0.2.77\n");
    wait_for(|| digest().is_some_and(|now| Some(now) != first));
    wait_for(|| !service.ask(&["rules", "--live"]).contains("stays"));
    seen(&service, 3);
    seen(&service, 77);
    wait_for(|| service.completed() == 3);
    let events = lines(&service.ask(&["events", "--json"]));
    let loaded = events.iter().filter(|row| row["event"] == "setup_loaded").count();
    assert_eq!(loaded, before + 1, "what is on a list is part of what the journal says was at work");
    assert!(service.ask(&["incidents", "--json"]).contains("192.0.2.77"));
    assert_eq!(service.kill(Signal::TERM), Some(0), "{}", service.log());
}

#[test]
fn named_sources_count_instead_of_those_of_the_setup() {
    let mut service =
        Service::new("setup: w\nexercise: true\nsources: [{ follow: HERE/one, from: start }]\n");
    service.signal_line("one", 1);
    service.signal_line("two", 2);
    let two = service.at("two").display().to_string();
    service.start(service.command(&["serve", "--follow", &format!("json:{two}"), "--from", "start"]));
    wait_for(|| service.completed() == 1);
    let incidents = service.ask(&["incidents", "--json"]);
    assert!(incidents.contains("192.0.2.2") && !incidents.contains("192.0.2.1"), "{incidents}");
}

#[test]
fn sources_that_cannot_be_watched_are_named() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let (_, err) = expect(&["serve", "--state", state, "-"], 2);
    assert!(err.contains("a service has no stdin to watch"), "{err}");
    let (_, err) = expect(&["serve", "--state", state, "/dev"], 2);
    assert!(err.contains("/dev is neither a file nor a pipe"), "{err}");
    let service = Service::new("setup: w\nexercise: true\nsources: [{ pipe: HERE/none }]\n");
    let output = service.command(&["serve"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("/none is no pipe"), "{}", text(&output.stderr));
}

#[test]
fn systemd_hears_how_the_service_does() {
    let mut service = Service::new("setup: w\nexercise: true\nsources: [{ follow: HERE/one }]\n");
    let socket = UnixDatagram::bind(service.at("notify")).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let hear = || {
        let mut bytes = [0; 4096];
        let count = socket.recv(&mut bytes).unwrap();
        text(&bytes[..count])
    };
    let mut command = service.command(&["serve"]);
    command.env("NOTIFY_SOCKET", service.at("notify"));
    service.start(command);
    let ready = hear();
    assert!(ready.starts_with("READY=1\nSTATUS=serving ") && ready.contains("1 source"), "{ready}");
    kill_process(Pid::from_child(service.child.as_ref().unwrap()), Signal::HUP).unwrap();
    assert!(hear().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(hear().starts_with("READY=1\n"));
    kill_process(Pid::from_child(service.child.as_ref().unwrap()), Signal::TERM).unwrap();
    assert_eq!(hear(), "STOPPING=1");
    assert_eq!(service.child.take().unwrap().wait().unwrap().code(), Some(0));
}

/// In a mount namespace of its own, where `/etc/group` is another one.
fn with_groups(service: &Service, groups: &str) -> Option<Command> {
    let program = "mount --make-rprivate / && mount --bind \"$0\" /etc/group && exec \"$@\"";
    service.write("group", groups);
    let within = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", program]).arg(service.at("group"));
        command
    };
    if !within(&program.replace("exec \"$@\"", "true")).output().is_ok_and(|out| out.status.success()) {
        println!("skipped: it needs root, and `unshare` and `mount` (util-linux)");
        return None;
    }
    let mut command = within(program);
    command.arg(env!("CARGO_BIN_EXE_quell")).arg("serve").env("QUELL_CONFIG", service.at("setup"));
    command.arg("--state").arg(service.at("state"));
    Some(command)
}

#[test]
fn c23_the_socket_is_of_the_group_if_there_is_one() {
    for (groups, mode, folder, gid) in
        [("root:x:0:\nquell:x:4242:\n", 0o660, 0o710, Some(4242)), ("root:x:0:\n", 0o600, 0o700, None)]
    {
        let mut service = Service::new("setup: w\nexercise: true\n");
        let Some(command) = with_groups(&service, groups) else { return };
        service.start(command);
        let socket = fs::metadata(service.at("state/control.sock")).unwrap();
        assert_eq!(socket.permissions().mode() & 0o777, mode, "{groups}");
        let state = fs::metadata(service.at("state")).unwrap();
        assert_eq!(state.permissions().mode() & 0o777, folder, "{groups}");
        if let Some(gid) = gid {
            assert_eq!((socket.gid(), state.gid()), (gid, gid));
            let member = status_of_member(&service, gid);
            assert!(
                member.contains("takes the role `view`"),
                "it gets through and is asked for roles: {member}"
            );
        }
        let journal: Vec<Value> = lines(&service.ask(&["journal", "show", "--json"]));
        assert!(!journal.is_empty());
    }
}

/// Where others may run it. By another process: one that is forked meanwhile would hold the copy open
/// for writing, and it could not be run.
fn copy_quell(to: &std::path::Path) {
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_quell")).arg(to).status().unwrap();
    assert!(copied.success());
}

/// What a member of the group hears who has no role.
fn status_of_member(service: &Service, gid: u32) -> String {
    use std::os::unix::process::CommandExt as _;
    let copy = service.at("quell");
    copy_quell(&copy);
    fs::set_permissions(service.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(copy);
    command.args(["runs", "--state"]).arg(service.at("state")).env_clear().current_dir("/");
    let output = command.uid(4711).gid(gid).output().unwrap();
    text(&output.stderr)
}

/// The words of a line of the unit that ships, on files of this test.
fn unit_command(service: &Service, key: &str) -> Command {
    let unit = include_str!("../config/systemd/quell.service");
    let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
    let here = |word: &str| match word {
        "/usr/bin/quell" => service.at("quell"),
        "/etc/quell" => service.at("setup"),
        "/var/lib/quell" => service.at("state"),
        other => PathBuf::from(other),
    };
    let words: Vec<PathBuf> = line.split(' ').map(here).collect();
    // Somebody without any rights, as the unit has it.
    let mut command = match rustix::process::geteuid().is_root() {
        true => {
            let mut command = Command::new("/usr/bin/setpriv");
            command.args(["--reuid", "4711", "--regid", "4711", "--clear-groups", "--no-new-privs"]);
            command.args(["--bounding-set", "-all", "--"]);
            command
        }
        false => Command::new("/usr/bin/env"),
    };
    command.args(words).env_clear().current_dir("/");
    command
}

#[test]
fn the_unit_of_systemd_starts_and_reloads_a_service() {
    use std::os::unix::fs::chown;
    let settings = "setup: w\nexercise: true\nsources: [{ follow: HERE/log.json, from: start }]\n";
    let mut service = Service::new(settings);
    if rustix::process::geteuid().is_root() && !std::path::Path::new("/usr/bin/setpriv").exists() {
        println!("skipped: /usr/bin/setpriv is missing (util-linux)");
        return;
    }
    copy_quell(&service.at("quell"));
    fs::set_permissions(service.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // StateDirectory, and its mode.
    fs::create_dir(service.at("state")).unwrap();
    fs::set_permissions(service.at("state"), fs::Permissions::from_mode(0o710)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(service.at("state"), Some(4711), Some(4711)).unwrap();
    }
    service.signal_line("log.json", 1);
    service.start(unit_command(&service, "ExecStart"));
    wait_for(|| service.completed() == 1);
    let reload = || unit_command(&service, "ExecReload").output().unwrap();
    let output = reload();
    assert!(output.status.success(), "{}", text(&output.stderr));
    service.write("setup/settings.yaml", "setup: w\n");
    let output = reload();
    assert!(!output.status.success() && text(&output.stderr).contains("nothing was changed"));
    assert_eq!(service.kill(Signal::TERM), Some(0), "{}", service.log());
}
