//! Agents that run programs, under the engine in real time: a real setup, a journal on disk, small
//! programs that the tests write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use quell::agent::Tools;
use quell::agent::halt::KillSwitch;
use quell::agent::protect::{Guard, Origins};
use quell::config::{self, Folder, Loaded};
use quell::detect::Detector;
use quell::engine::{Actor, AgentStatus, Answer, Event, Record, Request, RunStatus, State, StepStatus};
use quell::journal::{SqliteJournal, for_each, journal_path};
use quell::model::{FailureKind, Map, RequestId, RunId, StepIx, Value};
use quell::runtime::clock::{self, Clock};
use quell::runtime::feed::{FeedItem, Subscription};
use quell::runtime::gauges::Board;
use quell::runtime::inbox::{Inbox, Message};
use quell::runtime::real_time::{Parts, RealTime, Until};
use quell::runtime::start::{Folded, Recipe, Watched};
use quell::runtime::stream::Reading;
use quell::runtime::virtual_time::Ending;

/// Longer than anything takes here: it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A setup, a state folder, and the programs.
struct World {
    outer: tempfile::TempDir,
}

/// An engine at work.
struct Engine {
    inbox: Inbox,
    feed: Subscription,
    state: State,
    exercise: bool,
    thread: std::thread::JoinHandle<Ending>,
}

impl World {
    fn new(agents: &str, workflow: &str) -> Self {
        let world = World { outer: tempfile::tempdir().unwrap() };
        for folder in ["setup/agents", "setup/workflows", "setup/rules", "state", "bin"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        let agents = agents.replace("BIN", world.path("bin").to_str().unwrap());
        fs::write(world.path("setup/settings.yaml"), "setup: programs\nexercise: false\n").unwrap();
        fs::write(world.path("setup/agents/a.yaml"), agents).unwrap();
        fs::write(world.path("setup/workflows/w.yaml"), workflow).unwrap();
        let rule = "title: A rule\nname: rule\ndetection: { x: { a: b }, condition: x }\n";
        fs::write(world.path("setup/rules/r.yml"), rule).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.outer.path().canonicalize().unwrap().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn start(&self) -> Engine {
        let folder = Folder::read(&self.path("setup")).unwrap();
        let loaded = config::load(&folder).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        start(&loaded, &self.path("state"))
    }

    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut journal = SqliteJournal::open_read_only(&journal_path(&self.path("state"))).unwrap();
        for_each(&mut journal, |record| {
            records.push(record);
            Ok::<_, quell::journal::JournalError>(())
        })
        .unwrap();
        records
    }

    /// Processes that work for this state folder.
    fn alive(&self) -> Vec<String> {
        let entry = format!("QUELL_STATE={}", self.path("state").display()).into_bytes();
        let mut found = Vec::new();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(environment) = fs::read(process.path().join("environ")) else { continue };
            if environment.split(|byte| *byte == 0).any(|found| found == entry) {
                let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        found
    }

    /// Waits until a program has written a line into a file of the state folder.
    fn written(&self, name: &str) -> String {
        let path = self.path("state").join(name);
        let until = clock::instant() + PATIENCE;
        while clock::instant() < until {
            match fs::read_to_string(&path) {
                Ok(text) if text.ends_with('\n') => return text,
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        panic!("nobody has written {name}");
    }
}

fn start(loaded: &Loaded, state: &Path) -> Engine {
    let open = {
        let path = journal_path(state);
        move || Ok(Box::new(SqliteJournal::open(&path)?) as Box<dyn quell::journal::Journal>)
    };
    let recipe = Recipe {
        setup: Arc::new(loaded.setup.clone()),
        version: "test",
        seed: 7,
        tools: Tools {
            guard: Arc::new(Guard::new(KillSwitch::at(state), Origins::default())),
            ..Tools::at(state, |_| {})
        },
    };
    let mut journal = open().unwrap();
    let folded = Folded::read(journal.as_mut(), &recipe.setup, false).unwrap();
    let now = folded.last_at().into_iter().chain([clock::wall()]).max().unwrap();
    let mut started = folded.start(&recipe, journal.as_mut(), now, Watched::ByReport).unwrap();
    let feed = started.subscription.take().unwrap();
    let inbox = Inbox::default();
    let parts = Parts {
        recipe,
        open: Box::new(open),
        clock: Clock::paced(now, 1.0),
        watch: Box::new(Detector::new(Arc::clone(&loaded.rules), loaded.settings.lateness, 7)),
        inbox: inbox.clone(),
        board: Board::default(),
        reading: Reading::default(),
        streaming: false,
        live: None,
        until: Until::Told,
    };
    let real = RealTime::new(started, journal, parts).unwrap();
    let exercise = loaded.setup.kind == quell::engine::JournalKind::Exercise;
    Engine { inbox, feed, state: State::new(), exercise, thread: std::thread::spawn(move || real.run()) }
}

impl Engine {
    fn ask(&self, request: Request) {
        let (reply, answers) = channel();
        let by = Actor("tester".into());
        self.inbox.send(Message::Request { id: RequestId(1), by, seen: None, request, reply });
        let answer = answers.recv_timeout(PATIENCE).unwrap().answer;
        assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
    }

    /// Starts the run; a real setup only observes until it is armed.
    fn trigger(&self) {
        if !self.exercise {
            self.ask(Request::Arm { workflow: "work".into() });
        }
        self.ask(Request::Trigger { workflow: "work".into(), inputs: Map::new() });
    }

    /// Takes records until something is so.
    fn until(&mut self, so: impl Fn(&State) -> bool) -> &State {
        while !so(&self.state) {
            match self.feed.next_within(PATIENCE).expect("the feed goes on") {
                FeedItem::Snapshot(state) => self.state = *state,
                FeedItem::Records(records) => records.iter().for_each(|r| self.state.apply(r).unwrap()),
                FeedItem::Lost(_) | FeedItem::End => panic!("the engine has ended"),
            }
        }
        &self.state
    }

    fn until_run_is(&mut self, status: RunStatus) -> &State {
        self.until(|state| state.run(RunId(1)).is_some_and(|run| run.status() == status))
    }

    fn end(self, how: Message) -> Ending {
        self.inbox.send(how);
        while !matches!(self.feed.next_within(PATIENCE), Some(FeedItem::End)) {}
        self.thread.join().unwrap()
    }
}

fn status(state: &State, step: usize) -> StepStatus {
    state.run(RunId(1)).unwrap().steps()[step].status()
}

const TWO: &str = "
agents:
  - name: hand-1
    role: HAND
    kind: exec
    actions:
      find: { takes: {}, idempotent: true, run: [BIN/find] }
      use: { takes: { id: text }, idempotent: true, run: [BIN/use, \"--id=${id}\"] }
";

#[test]
fn what_a_program_prints_is_the_input_of_the_next() {
    let workflow = "
workflow: work
steps:
  - { id: find, role: HAND, action: find, undo: 'none: it looks' }
  - { id: use, role: HAND, action: use, needs: [find], with: { id: 'x-${steps.find.output.id}' }, undo: 'none: it looks' }
";
    let world = World::new(TWO, workflow);
    world.program("find", "echo '{\"id\": 7}'");
    world.program("use", "echo \"got $1\"");
    let mut engine = world.start();
    engine.trigger();
    let state = engine.until_run_is(RunStatus::Completed);
    let output = state.run(RunId(1)).unwrap().steps()[1].output().unwrap().clone();
    assert_eq!(output.get("stdout"), Some(&Value::from("got --id=x-7\n")));
    engine.end(Message::Drain);
    assert_eq!(world.alive(), [""; 0]);
}

const BLOCK: &str = "
agents:
  - name: wall-1
    role: WALL
    kind: exec
    actions:
      block: { takes: {}, idempotent: true, undo: unblock, grace: 100ms, run: [BIN/block] }
      unblock: { takes: {}, idempotent: true, grace: 100ms, run: [BIN/unblock] }
";
const BLOCK_ONCE: &str = "
workflow: work
steps:
  - { id: block, role: WALL, action: block, timeout: 1h }
";
/// A program that ignores TERM and has a child that left its group; both hold the lock.
const STUBBORN: &str = "exec 9> \"$QUELL_STATE/busy\"
flock -n 9 || { echo block >> \"$QUELL_STATE/overlap\"; exit 9; }
trap '' TERM
setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &
echo > \"$QUELL_STATE/ready\"
while :; do sleep 1; done";

#[test]
fn c12_a_cancel_ends_the_whole_tree_before_anything_is_undone() {
    let world = World::new(BLOCK, BLOCK_ONCE);
    world.program("block", STUBBORN);
    world.program(
        "unblock",
        "exec 9> \"$QUELL_STATE/busy\"; flock -n 9 || echo unblock >> \"$QUELL_STATE/overlap\"",
    );
    let mut engine = world.start();
    engine.trigger();
    world.written("ready");
    assert!(world.alive().len() >= 2);
    engine.ask(Request::Cancel { run: RunId(1) });
    let state = engine.until_run_is(RunStatus::Cancelled);
    assert_eq!(status(state, 0), StepStatus::Undone);
    engine.end(Message::Drain);
    assert_eq!(world.alive(), [""; 0]);
    assert!(!world.path("state/overlap").exists());
}

#[test]
fn c4_an_attempt_that_timed_out_is_gone_before_the_next_one_begins() {
    // Each attempt takes another agent, since the one that did not answer rests.
    let one = "
  - name: wall-#
    role: WALL
    kind: exec
    actions:
      block: { takes: {}, idempotent: true, undo: unblock, grace: 100ms, run: [BIN/block] }
      unblock: { takes: {}, idempotent: true, grace: 100ms, run: [BIN/unblock] }
";
    let agents: String = (1..=4).map(|n| one.replace('#', &n.to_string())).collect();
    let agents = format!("agents:{agents}");
    let workflow = "
workflow: work
steps:
  - { id: block, role: WALL, action: block, timeout: 300ms, retry: { attempts: 3, backoff: 1ms } }
";
    let world = World::new(&agents, workflow);
    world.program("block", STUBBORN);
    world.program(
        "unblock",
        "exec 9> \"$QUELL_STATE/busy\"; flock -n 9 || echo unblock >> \"$QUELL_STATE/overlap\"",
    );
    let mut engine = world.start();
    engine.trigger();
    let state = engine.until_run_is(RunStatus::RolledBack);
    let step = &state.run(RunId(1)).unwrap().steps()[0];
    assert_eq!((step.attempt(), step.status()), (3, StepStatus::Undone));
    assert_eq!(step.failure().map(|failure| failure.kind), Some(FailureKind::TimedOut));
    engine.end(Message::Drain);
    assert!(!world.path("state/overlap").exists());
    assert_eq!(world.alive(), [""; 0]);
}

#[test]
fn s1_2_an_agent_whose_program_is_gone_is_in_error_and_another_one_does_it() {
    let agents = "
agents:
  - { name: a-1, role: HAND, kind: exec, actions: { act: { takes: {}, run: [BIN/gone] } } }
  - { name: b-1, role: HAND, kind: exec, actions: { act: { takes: {}, run: [BIN/act] } } }
";
    let workflow = "
workflow: work
steps:
  - { id: act, role: HAND, action: act, retry: { attempts: 2, backoff: 1ms }, undo: 'none: it looks' }
";
    let world = World::new(agents, workflow);
    world.program("act", "exit 0");
    let mut engine = world.start();
    engine.trigger();
    let state = engine.until_run_is(RunStatus::Completed);
    assert_eq!(state.run(RunId(1)).unwrap().steps()[0].attempt(), 2);
    let error = state.agents().iter().find(|agent| agent.name() == "a-1").unwrap();
    assert_eq!(error.status(), AgentStatus::Error);
    engine.end(Message::Drain);
    let failed = world.records().into_iter().find_map(|record| match record.event {
        Event::StepFailed { failure, .. } => Some(failure),
        _ => None,
    });
    let failed = failed.unwrap();
    assert_eq!(failed.kind, FailureKind::Unreachable);
    assert!(failed.message.contains("No such file"), "{}", failed.message);
}

#[test]
fn c18_a_drain_lets_a_program_end() {
    let world = World::new(BLOCK, BLOCK_ONCE);
    world.program(
        "block",
        "echo > \"$QUELL_STATE/ready\"; while [ ! -e \"$QUELL_STATE/go\" ]; do sleep 0.01; done",
    );
    let engine = world.start();
    engine.trigger();
    world.written("ready");
    engine.inbox.send(Message::Drain);
    fs::write(world.path("state/go"), "").unwrap();
    engine.end(Message::Drain);
    let done = |record: &Record| matches!(record.event, Event::StepSucceeded { step: StepIx(0), .. });
    assert!(world.records().iter().any(done), "it ended, and that is written down");
}

#[test]
fn c18_who_quits_leaves_nobody_behind() {
    let world = World::new(&BLOCK.replace("100ms", "60s"), BLOCK_ONCE);
    world.program("block", STUBBORN);
    let engine = world.start();
    engine.trigger();
    world.written("ready");
    engine.end(Message::Quit);
    assert_eq!(world.alive(), [""; 0]);
    let settled =
        |record: &Record| matches!(record.event, Event::StepSucceeded { .. } | Event::StepFailed { .. });
    assert!(!world.records().iter().any(settled), "it is in doubt at the next start");
}

#[test]
fn a_replay_runs_no_program() {
    use quell::engine::JournalKind;
    let world = World::new(
        TWO,
        "
workflow: work
steps:
  - { id: find, role: HAND, action: find, undo: 'none: it looks' }
",
    );
    world.program("find", "echo > \"$QUELL_STATE/ran\"");
    let mut loaded = config::load(&Folder::read(&world.path("setup")).unwrap()).unwrap();
    loaded.setup.kind = JournalKind::Exercise;
    let mut engine = start(&loaded, &world.path("state"));
    engine.trigger();
    engine.until(|state| state.run(RunId(1)).is_some_and(|run| run.status().is_terminal()));
    engine.end(Message::Drain);
    assert!(!world.path("state/ran").exists());
}

/// What the next test kills: this test program, started again for this one test.
#[test]
fn a_quell_that_will_be_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the other test names its folder")]
    let Some(outer) = std::env::var_os("QUELL_TEST_KILLED") else { return };
    let outer = PathBuf::from(outer);
    let loaded = config::load(&Folder::read(&outer.join("setup")).unwrap()).unwrap();
    let engine = start(&loaded, &outer.join("state"));
    engine.trigger();
    std::thread::sleep(PATIENCE);
}

#[test]
fn c8_c33_programs_that_outlived_a_killed_quell_end_before_anything_is_performed() {
    let world = World::new(BLOCK, BLOCK_ONCE);
    world.program("block", STUBBORN);
    let mut killed = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_quell_that_will_be_killed"])
        .env("QUELL_TEST_KILLED", world.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    world.written("ready");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(world.alive().len() >= 2, "its children have outlived it");
    // The action is idempotent: it is done again, and finds nobody at work.
    world.program(
        "block",
        "exec 9> \"$QUELL_STATE/busy\"; flock -n 9 || echo again >> \"$QUELL_STATE/overlap\"",
    );
    let mut engine = world.start();
    let state = engine.until_run_is(RunStatus::Completed);
    assert_eq!(state.run(RunId(1)).unwrap().steps()[0].attempt(), 2);
    engine.end(Message::Drain);
    assert!(!world.path("state/overlap").exists());
    assert_eq!(world.alive(), [""; 0]);
}
