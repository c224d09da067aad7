//! `quell serve` on a real setup whose programs are witnesses.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything takes here: it only ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

const ACTIONS: &str = "
      set: { takes: { host: text }, target: host, idempotent: true, undo: unset, grace: 100ms, run: ACTS }
      unset: { takes: { host: text }, target: host, idempotent: true, grace: 100ms, run: ACTS }
      once: { takes: { host: text }, target: host, undo: unonce, grace: 100ms, run: ACTS, probe: LOOKS }
      unonce: { takes: { host: text }, target: host, grace: 100ms, run: ACTS }
      blind: { takes: { host: text }, target: host, undo: unblind, grace: 100ms, run: ACTS }
      unblind: { takes: { host: text }, target: host, idempotent: true, grace: 100ms, run: ACTS }
      late: { takes: { host: text }, target: host, idempotent: true, undo: unlate, grace: 100ms, run: ACTS }
      unlate: { takes: { host: text }, target: host, idempotent: true, grace: 100ms, run: ACTS }
      hang: { takes: { host: text }, target: host, undo: unhang, grace: 100ms, run: ACTS }
      unhang: { takes: { host: text }, target: host, idempotent: true, grace: 100ms, run: ACTS }
      talk: { takes: { host: text }, target: host, idempotent: true, undo: untalk, grace: 100ms, run: ACTS }
      untalk: { takes: { host: text }, target: host, idempotent: true, grace: 100ms, run: ACTS }
      hold: { takes: { host: text }, target: host, idempotent: true, undo: unhold, grace: 100ms, run: HOLDS }
      unhold: { takes: { host: text }, target: host, idempotent: true, grace: 100ms, run: ACTS }
      resist: { takes: { host: text }, target: host, idempotent: true, undo: unresist, grace: 100ms, run: [RESISTS] }
      unresist: { takes: { host: text }, target: host, idempotent: true, grace: 100ms, run: ACTS }
      fail: { takes: { host: text }, target: host, idempotent: true, grace: 100ms, run: ACTS }
";

/// Each with its steps.
const WORKFLOWS: [(&str, &str); 8] = [
    (
        "alpha",
        "
  - { id: a, role: HAND, action: set, with: { host: '${inputs.host}-a' }, retry: { attempts: 3, backoff: 20ms } }
  - { id: b, role: HAND, action: once, with: { host: '${inputs.host}-b' } }
  - { id: c, role: HAND, action: late, needs: [a, b], with: { host: '${inputs.host}-c' } }
  - { id: d, role: HAND, action: set, needs: [a], with: { host: '${inputs.user}' } }
",
    ),
    (
        "beta",
        "
  - { id: a, role: HAND, action: set, with: { host: '${inputs.host}-a' } }
  - { id: b, role: HAND, action: once, needs: [a], with: { host: '${inputs.host}-b' } }
  - { id: c, role: HAND, action: late, needs: [b], with: { host: '${inputs.host}-c' } }
  - { id: d, role: HAND, action: set, needs: [b], with: { host: '${inputs.user}' } }
  - { id: z, role: HAND, action: fail, needs: [c, d], with: { host: '${inputs.host}-z' }, retry: { attempts: 2, backoff: 20ms }, undo: 'none: it does nothing' }
",
    ),
    (
        "gamma",
        "
  - { id: a, role: HAND, action: blind, with: { host: '${inputs.host}-a' } }
  - { id: b, role: HAND, action: set, needs: [a], with: { host: '${inputs.host}-b' } }
",
    ),
    (
        "delta",
        "
  - { id: a, role: HAND, action: set, expires: 400ms, with: { host: '${inputs.host}-a' } }
  - { id: b, role: HAND, action: once, expires: 1s, with: { host: '${inputs.host}-b' } }
  - { id: d, role: HAND, action: set, expires: 700ms, with: { host: '${inputs.user}' } }
",
    ),
    (
        "omega",
        "
  - { id: a, role: STUCK, action: hang, critical: false, timeout: 500ms, with: { host: '${inputs.host}-a' } }
  - { id: b, role: HAND, action: set, needs: [a], with: { host: '${inputs.host}-b' } }
",
    ),
    (
        "held",
        "
  - { id: a, role: HELD, action: hold, with: { host: '${inputs.host}-a' } }
",
    ),
    (
        "stubborn",
        "
  - { id: a, role: HAND, action: resist, timeout: 2s, with: { host: '${inputs.host}-a' } }
",
    ),
    (
        "loud",
        "
  - { id: a, role: HAND, action: talk, with: { host: '${inputs.host}-a' } }
  - { id: b, role: HAND, action: talk, with: { host: '${inputs.host}-b' } }
  - { id: c, role: HAND, action: talk, with: { host: '${inputs.host}-c' } }
  - { id: d, role: HAND, action: talk, with: { host: '${inputs.host}-d' } }
  - { id: e, role: HAND, action: talk, with: { host: '${inputs.host}-e' } }
  - { id: f, role: HAND, action: talk, with: { host: '${inputs.host}-f' } }
",
    ),
];

/// A setup, a state folder, a world and a log in a folder of their own.
pub struct Service {
    folder: tempfile::TempDir,
    ready: UnixDatagram,
    child: Option<Child>,
    /// Signals that were written, by host.
    pub fed: Vec<String>,
}

/// How a start went.
pub enum Started {
    /// So long after it was spawned.
    Ready(Duration),
    /// It ended before.
    Ended(ExitStatus),
}

/// A state folder in which every workflow is armed.
fn armed() -> PathBuf {
    static ARMED: OnceLock<tempfile::TempDir> = OnceLock::new();
    let armed = ARMED.get_or_init(|| {
        let service = Service::unarmed();
        for (name, _) in WORKFLOWS {
            service.ask(&["arm", name]);
        }
        let kept = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(service.at("state")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), kept.path().join(entry.file_name())).unwrap();
            }
        }
        kept
    });
    armed.path().to_owned()
}

impl Service {
    pub fn new() -> Service {
        let (armed, service) = (armed(), Service::unarmed());
        for entry in fs::read_dir(armed).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), service.at("state").join(entry.file_name())).unwrap();
        }
        service
    }

    fn unarmed() -> Service {
        let folder = tempfile::tempdir().unwrap();
        let ready = UnixDatagram::bind(folder.path().join("ready")).unwrap();
        ready.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let service = Service { folder, ready, child: None, fed: Vec::new() };
        let own = std::env::current_exe().unwrap();
        let run = |test: &str| {
            format!("[{}, --exact, 'witness::{test}', --nocapture, --test-threads=1]", own.display())
        };
        let actions = ACTIONS.replace("ACTS", &run("acts")).replace("LOOKS", &run("looks"));
        fs::create_dir(service.at("bin")).unwrap();
        std::os::unix::fs::symlink(&own, service.at("bin/held")).unwrap();
        let held = run("acts").replace(own.to_str().unwrap(), service.at("bin/held").to_str().unwrap());
        let resists = service.at("bin/resists");
        let actions = actions.replace("HOLDS", &held).replace("RESISTS", resists.to_str().unwrap());
        let agent = |name: &str, role: &str| {
            format!(
                "  - name: {name}\n    role: {role}\n    kind: exec\n    concurrency: 4\n    actions:{actions}"
            )
        };
        let hands = (1..=3).map(|n| agent(&format!("hand-{n}"), "HAND"));
        // One that did not answer rests: there are enough of them.
        let stuck = (1..=12).map(|n| agent(&format!("stuck-{n}"), "STUCK"));
        let held = (1..=12).map(|n| agent(&format!("held-{n}"), "HELD"));
        let agents: String = hands.chain(stuck).chain(held).collect();
        service.write("setup/agents/a.yaml", &format!("agents:\n{agents}"));
        let log = service.at("log.json");
        let settings = format!(
            "setup: killed\nexercise: false\nsources: [{{ follow: {}, format: json, from: start }}]\n",
            log.display()
        );
        service.write("setup/settings.yaml", &settings);
        for (name, steps) in WORKFLOWS {
            let head = format!(
                "workflow: {name}
trigger: {{ rule: {name} }}
inputs:
  host: {{ type: text, from: '${{detection.host}}' }}
  user: {{ type: text, from: '${{detection.user}}' }}
dedup: '${{inputs.host}}'
steps:"
            );
            service.write(&format!("setup/workflows/{name}.yaml"), &format!("{head}{steps}"));
            let rule = format!(
                "title: {name}\nname: {name}\nlogsource: {{ product: any }}\ndetection: {{ it: {{ kind: {name} }}, condition: it }}\nlevel: high\n"
            );
            service.write(&format!("setup/rules/{name}.yml"), &rule);
        }
        fs::create_dir(service.world()).unwrap();
        fs::create_dir(service.at("state")).unwrap();
        service
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn world(&self) -> PathBuf {
        self.at("world")
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// One more line in the log that is followed.
    pub fn feed(&mut self, workflow: &str, host: &str, user: &str) {
        self.fed.push(host.to_owned());
        let wall = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let line = serde_json::json!({
            "event_type": workflow, "severity": "high", "host": host, "user": user,
            "timestamp": wall.tv_sec as f64 + wall.tv_nsec as f64 / 1e9,
        });
        let mut log = fs::File::options().create(true).append(true).open(self.at("log.json")).unwrap();
        log.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).arg("--state").arg(self.at("state"));
        command.env("QUELL_CONFIG", self.at("setup")).env_remove("QUELL_LOG").stdin(Stdio::null());
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn ask(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?}: {}\n{out}{err}\n{}", output.status, self.log());
        out
    }

    pub fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.ask(&[args, &["--json", "--limit", "100000"]].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn journal(&self) -> Vec<Value> {
        let out = self.ask(&["journal", "show", "--json"]);
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    /// Starts it, without waiting for anything.
    pub fn spawn(&mut self) {
        self.spawn_as(&["serve"]);
    }

    /// The same with another verb.
    pub fn spawn_as(&mut self, args: &[&str]) {
        while self.ready.recv(&mut [0; 4096]).is_ok() {}
        let log = fs::File::options().create(true).append(true).open(self.at("log")).unwrap();
        let mut command = self.command(args);
        command.env("NOTIFY_SOCKET", self.at("ready")).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Waits until it says that it is ready, or until it has ended.
    pub fn started(&mut self, since: Instant) -> Started {
        loop {
            let mut bytes = [0; 4096];
            if let Ok(count) = self.ready.recv(&mut bytes) {
                assert!(bytes[..count].starts_with(b"READY=1"), "{}", text(&bytes[..count]));
                return Started::Ready(since.elapsed());
            }
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                self.child = None;
                return Started::Ended(status);
            }
            assert!(since.elapsed() < PATIENCE, "it does not start\n{}", self.log());
        }
    }

    /// Starts it and waits until it is ready.
    pub fn start(&mut self) -> Duration {
        let since = now();
        self.spawn();
        match self.started(since) {
            Started::Ready(took) => took,
            Started::Ended(status) => panic!("it does not start: {status}\n{}", self.log()),
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let since = now();
        loop {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                self.child = None;
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end\n{}", self.log());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until it tells the system something.
    pub fn hears(&self, what: &str) {
        let since = now();
        loop {
            let mut bytes = [0; 4096];
            if self.ready.recv(&mut bytes).is_ok_and(|count| bytes[..count].starts_with(what.as_bytes())) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "it does not come: {what}\n{}", self.log());
        }
    }

    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let status = self.ended();
        assert!(status.signal().is_some() || status.code().is_some());
    }

    /// The programs that work for it.
    pub fn programs(&self) -> Vec<Pid> {
        let entry =
            format!("QUELL_STATE={}", self.at("state").canonicalize().unwrap().display()).into_bytes();
        let mut found = Vec::new();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let Ok(environment) = fs::read(process.path().join("environ")) else { continue };
            if environment.split(|byte| *byte == 0).any(|found| found == entry) {
                found.extend(Pid::from_raw(pid));
            }
        }
        found
    }

    /// Lets it work until nothing is left to do that it does by itself, and stops it.
    pub fn settle_and_stop(&mut self) {
        let hosts = self.fed.len();
        self.wait_for("everything is settled", |service| {
            let runs = service.rows(&["runs", "--all"]);
            let over = |run: &Value| {
                let status = run["status"].as_str().unwrap();
                !matches!(status, "created" | "queued" | "running" | "paused" | "rolling_back")
            };
            let known = service.rows(&["incidents", "--all"]);
            let ledger = service.rows(&["ledger"]);
            let left = |row: &Value| {
                let lift = runs.iter().find(|run| run["id"] == row["lifted_by"]);
                lift.is_some_and(|run| run["status"] == "parked")
            };
            let ending = |row: &Value| row["type"] == "obligation" && row["until"].is_string() && !left(row);
            known.len() >= hosts && runs.iter().all(over) && !ledger.iter().any(ending)
        });
        self.signal(Signal::TERM);
        let status = self.ended();
        assert!(matches!(status.code(), Some(0 | 3)), "{status}\n{}", self.log());
    }

    pub fn wait_for(&self, what: &str, mut so: impl FnMut(&Service) -> bool) {
        let since = now();
        while !so(self) {
            let log = self.log();
            assert!(since.elapsed() < PATIENCE, "it does not come: {what}\n{log}\n{}", self.output_of_runs());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn output_of_runs(&self) -> String {
        text(&self.output(&["runs"]).stdout)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        for program in self.programs() {
            let _ = kill_process(program, Signal::KILL);
        }
        if thread::panicking() {
            let kept = self.folder.path().with_extension("kept");
            let _ = fs::rename(self.folder.path(), &kept);
            eprintln!("what is left of it: {}", kept.display());
        }
    }
}

/// Which quell: the one that was built with this test, unless another one is named.
#[expect(clippy::disallowed_methods, reason = "which one, is said to this test")]
fn binary() -> PathBuf {
    std::env::var_os("QUELL_KILL_BINARY").map_or(env!("CARGO_BIN_EXE_quell").into(), PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "how long a real program takes is measured in real time")]
pub fn now() -> Instant {
    Instant::now()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
