//! The agent with real programs: small scripts that the test writes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use super::procs::{Process, Wanted, entry, find};
use super::*;
use crate::agent::slow::{Attempt, Wish};
use crate::engine::{ActionSpec, AgentKind, Context, Task};
use crate::model::{Argument, CommandLine, IncidentId, Map, Span, ValueType, Word};

/// Longer than any test takes: nothing here is decided by it.
const AGES: Duration = Duration::from_secs(120);

/// A folder that is the state folder, and has the scripts.
struct Bench {
    folder: TempDir,
    programs: Programs,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs::new(folder.path());
        Bench { folder, programs }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn script(&self, text: &str) -> String {
        let path = self.path("program");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn agent(&self, program: &str, words: &[&str], grace: Span) -> Arc<ExecAgent> {
        let takes = vec![(Arc::from("text"), ValueType::Text)];
        let word = |text: &&str| Argument::One(Word::parse(text, &takes).unwrap());
        let command = CommandLine { program: program.into(), arguments: words.iter().map(word).collect() };
        let action = ActionSpec {
            lifts: None,
            takes: takes.clone(),
            optional: vec![],
            target: None,
            idempotent: true,
            undo: None,
            means: Means::Exec(ExecSpec { command, grace, exits: vec![0] }),
            probe: None,
        };
        let spec = AgentSpec {
            name: "hand-1".into(),
            role: "HAND".into(),
            capabilities: vec![],
            kind: AgentKind::Exec,
            concurrency: 4,
            actions: [("act".into(), action)].into(),
        };
        Arc::new(ExecAgent::new(&spec, self.programs.clone()))
    }

    /// The processes of this bench that are alive.
    fn alive(&self) -> Vec<Process> {
        let state = entry("QUELL_STATE", self.path("").as_os_str());
        // The folder without the slash that joining an empty name leaves.
        let state = state.strip_suffix(b"/").unwrap().to_vec();
        find(&Wanted { environment: vec![state], ..Wanted::default() }).into_iter().collect()
    }
}

fn task(text: &str) -> Task {
    crate::agent::tests::task(AgentKind::Exec, "act", &[("text", text)])
}

fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn perform(agent: &Arc<ExecAgent>, task: Task, left: Duration) -> Outcome {
    let (attempt, _stop) = Attempt::new(Arc::new(task), left);
    Arc::clone(agent).perform(attempt).await
}

/// What a script says that is asked whether an effect is there, within so long.
fn look(text: &str, left: Duration) -> Presence {
    let bench = Bench::new();
    let program = bench.script(text);
    let mut agent = bench.agent("/bin/false", &[], Span::from_secs(5));
    let word = Argument::One(Word::parse("${text}", &[("text".into(), ValueType::Text)]).unwrap());
    let command = CommandLine { program: program.into(), arguments: vec![word] };
    Arc::get_mut(&mut agent).unwrap().probes.insert("act".into(), (command, AGES));
    let probe = Arc::new(crate::engine::Probe::before(&task("given")));
    let found = within(Arc::clone(&agent).probe(probe, left));
    assert_eq!(bench.alive(), []);
    found
}

#[test]
fn c3_the_exit_code_of_a_probe_says_what_is_there() {
    assert_eq!(look("test \"$1\" = given && test -n \"$QUELL_KEY\"", AGES), Presence::Present);
    assert_eq!(look("exit 1", AGES), Presence::Absent);
    for (script, expected) in
        [("echo broken >&2; exit 2", "exit code 2: broken"), ("kill -9 $$", "killed by a signal")]
    {
        let Presence::Unknown(why) = look(script, AGES) else { panic!("{script}") };
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn c33_a_probe_without_an_answer_ends_with_all_its_children() {
    let Presence::Unknown(why) = look("sleep 1000 & sleep 1000", Duration::from_millis(300)) else {
        panic!()
    };
    assert!(why.contains("no answer within"), "{why}");
}

/// Runs a script to its end.
fn run(text: &str) -> Outcome {
    let bench = Bench::new();
    let agent = bench.agent(&bench.script(text), &["${text}"], Span::from_secs(5));
    let outcome = within(perform(&agent, task("given"), AGES));
    assert_eq!(bench.alive(), []);
    outcome
}

fn output(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Succeeded(output) => Value::Object(output),
        other => panic!("{other:?}"),
    }
}

fn failure(outcome: Outcome) -> (FailureKind, String) {
    match outcome {
        Outcome::Failed(failure) => (failure.kind, failure.message),
        other => panic!("{other:?}"),
    }
}

/// Waits until a script has written a file.
async fn written(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Begins a script that writes `ready`, then does `what` with it.
async fn once_ready(
    bench: &Bench,
    agent: &Arc<ExecAgent>,
    what: impl FnOnce(&watch::Sender<Wish>),
) -> Outcome {
    let (attempt, stop) = Attempt::new(Arc::new(task("x")), AGES);
    let performance = tokio::spawn(Arc::clone(agent).perform(attempt));
    written(&bench.path("ready")).await;
    what(&stop);
    performance.await.unwrap()
}

#[test]
fn exit_0_is_success_and_what_is_printed_is_the_output() {
    for (script, want) in [
        ("exit 0", json!({})),
        ("echo '{\"id\": 7, \"list\": [1]}'", json!({"id": 7, "list": [1]})),
        ("echo \"hello $1\"", json!({"stdout": "hello given\n"})),
        ("echo noise >&2; echo '{}'", json!({})),
        ("printf 'a\\000b'", json!({"stdout": "a\0b"})),
    ] {
        assert_eq!(output(run(script)), want, "{script}");
    }
}

#[test]
fn another_exit_is_a_failure_with_its_last_words() {
    use FailureKind::{Answered, NoAnswer};
    for (script, kind, want) in [
        ("exit 3", Answered, ": exit code 3"),
        (
            "echo first >&2; printf 'no such \\033[2Jset\\n\\n' >&2; exit 1",
            Answered,
            ": exit code 1: no such \\x1b[2Jset",
        ),
        ("kill -SEGV $$", NoAnswer, ": killed by signal 11"),
    ] {
        let (found, message) = failure(run(script));
        assert_eq!(found, kind, "{script}");
        assert!(message.starts_with('/') && message.ends_with(want), "{script}: {message}");
    }
}

#[test]
fn other_codes_may_mean_done_and_are_then_told() {
    let bench = Bench::new();
    let program = bench.script("echo '{\"found\": true}'; exit \"$1\"");
    let mut agent = bench.agent(&program, &["${text}"], Span::from_secs(5));
    let own = Arc::get_mut(&mut agent).unwrap();
    own.actions.values_mut().for_each(|spec| spec.exits = vec![0, 1]);
    for code in [0, 1] {
        let outcome = within(perform(&agent, task(&code.to_string()), AGES));
        assert_eq!(output(outcome), json!({"found": true, "exit": code}));
    }
    let (kind, message) = failure(within(perform(&agent, task("2"), AGES)));
    assert_eq!(kind, FailureKind::Answered);
    assert!(message.ends_with(": exit code 2"), "{message}");
}

#[test]
fn c25_no_shell_sees_the_arguments() {
    for text in ["$(echo pwned)", "`id`", "; exit 7", "a b  c", "* ~ $HOME", "\"'\\"] {
        let bench = Bench::new();
        let agent =
            bench.agent(&bench.script("printf '%s|%s' \"$#\" \"$1\""), &["${text}"], Span::from_secs(5));
        let outcome = within(perform(&agent, task(text), AGES));
        assert_eq!(output(outcome), json!({"stdout": format!("1|{text}")}));
    }
    let bench = Bench::new();
    let agent = bench.agent(&bench.script("touch \"$QUELL_STATE/ran\""), &["${text}"], Span::from_secs(5));
    for text in ["--force", "a\nb", "a\u{0}b"] {
        let (kind, message) = failure(within(perform(&agent, task(text), AGES)));
        assert_eq!(kind, FailureKind::NotSent, "{message}");
    }
    assert!(!bench.path("ran").exists());
}

#[test]
fn c4_a_program_gets_its_key_its_context_and_a_bare_environment() {
    let bench = Bench::new();
    let agent = bench.agent(&bench.script("cat; env; pwd"), &[], Span::from_secs(5));
    let mut task = task("x");
    task.context = Context {
        workflow: "stop".into(),
        step: "block".into(),
        agent: "hand-1".into(),
        incident: Some(IncidentId(3)),
        detection: Some(Arc::new([("key".to_owned(), Value::from("k"))].into_iter().collect())),
        lifts: None,
    };
    let said = output(within(perform(&agent, task, AGES)));
    let mut lines = said["stdout"].as_str().unwrap().lines();
    let input: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let want = json!({
        "key": "run-1/block", "run": "run-1", "workflow": "stop", "step": "block", "attempt": 1, "undo": false,
        "action": "act", "agent": "hand-1", "args": {"text": "x"}, "deadline": "1970-01-01T00:00:30.000000Z",
        "incident": "inc-3", "detection": {"key": "k"},
    });
    assert_eq!(input, want);
    let mut lines: Vec<&str> = lines
        .filter(|line| {
            !line.starts_with("PWD=")
                && !line.starts_with("_=")
                && !line.starts_with("SHLVL=")
                && !line.starts_with("OLDPWD=")
        })
        .collect();
    lines.sort_unstable();
    let state = format!("QUELL_STATE={}", bench.folder.path().canonicalize().unwrap().display());
    assert_eq!(
        lines,
        ["/", "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "QUELL_KEY=run-1/block", &state]
    );
}

#[test]
fn c33_huge_output_is_drained_and_cut() {
    // More than a pipe holds on both streams at once, and nobody reads stdin.
    let said = output(run(
        "i=0; while [ $i -lt 6000 ]; do echo \"line $i of a program that says too much\"; echo \"error $i of it\" >&2; i=$((i+1)); done",
    ));
    let text = said["stdout"].as_str().unwrap();
    assert!(text.starts_with("line 0 of") && text.ends_with("line 5999 of a program that says too much\n"));
    assert!(text.contains(" bytes were cut here]") && text.len() < KEPT + 100);
}

#[test]
fn a_program_that_does_not_read_blocks_nothing() {
    let bench = Bench::new();
    let agent = bench.agent(&bench.script("exec 0<&-; echo fine"), &[], Span::from_secs(5));
    let mut task = task("x");
    let big: Map = [("big".to_owned(), Value::from("x".repeat(1024 * 1024)))].into_iter().collect();
    task.context.detection = Some(Arc::new(big));
    assert_eq!(output(within(perform(&agent, task, AGES))), json!({"stdout": "fine\n"}));
}

#[test]
fn s1_2_a_program_that_cannot_start_was_never_sent() {
    let bench = Bench::new();
    let plain = bench.script("exit 0");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    for (program, want) in [
        ("/nonexistent/program", "/nonexistent/program: cannot be started: No such file"),
        ("/etc", "Permission denied"),
        (&plain, "Permission denied"),
    ] {
        let agent = bench.agent(program, &[], Span::from_secs(5));
        let (kind, message) = failure(within(perform(&agent, task("x"), AGES)));
        assert_eq!(kind, FailureKind::Unreachable, "{message}");
        assert!(message.contains(want), "{message}");
    }
}

#[test]
fn c33_a_stop_asks_first() {
    let bench = Bench::new();
    let script = "trap 'echo tidy > \"$QUELL_STATE/tidy\"; exit 0' TERM; echo > \"$QUELL_STATE/ready\"; while :; do sleep 0.01; done";
    let agent = bench.agent(&bench.script(script), &[], Span::from_secs(60));
    let outcome = within(once_ready(&bench, &agent, |stop| {
        stop.send_replace(Wish::Stop);
    }));
    assert_eq!(outcome, Outcome::Stopped);
    assert_eq!(fs::read_to_string(bench.path("tidy")).unwrap(), "tidy\n");
    assert_eq!(bench.alive(), []);
}

/// A program whose child ignores TERM; that one's child left the group too. Nobody ends by themselves.
const FAMILY: &str = "trap '' TERM
(trap '' TERM; setsid sh -c 'trap \"\" TERM; echo > \"$QUELL_STATE/ready\"; while :; do sleep 1; done' & while :; do sleep 1; done) &
while :; do sleep 1; done";

#[test]
fn c12_c33_a_whole_family_that_ignores_term_is_killed() {
    for how in [Wish::Stop, Wish::Quit] {
        let bench = Bench::new();
        // Who quits waits for no grace: it would be noticed.
        let grace = if how == Wish::Quit { Span::from_secs(3_600) } else { Span::from_millis(50) };
        let agent = bench.agent(&bench.script(FAMILY), &[], grace);
        let outcome = within(once_ready(&bench, &agent, |stop| {
            let groups: std::collections::BTreeSet<i32> = bench.alive().iter().map(|p| p.group).collect();
            assert!(groups.len() >= 2, "somebody has left the group: {groups:?}");
            stop.send_replace(how);
        }));
        assert_eq!(outcome, Outcome::Stopped);
        assert_eq!(bench.alive(), []);
    }
}

#[test]
fn c33_a_descendant_that_hides_its_environment_is_found_by_descent() {
    let bench = Bench::new();
    // A length that no other sleep has.
    let length = format!("4242.{}", std::process::id());
    let script = format!("setsid env -i sh -c \"echo > '$QUELL_STATE/ready'; exec sleep {length}\" & wait");
    let agent = bench.agent(&bench.script(&script), &[], Span::from_millis(50));
    let line = format!("sleep\0{length}\0").into_bytes();
    let hidden = || {
        let all = fs::read_dir("/proc").unwrap().flatten();
        all.filter(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|text| text == line)).count()
    };
    within(once_ready(&bench, &agent, |stop| {
        stop.send_replace(Wish::Stop);
    }));
    assert_eq!(hidden(), 0);
}

#[test]
fn the_deadline_ends_it() {
    let bench = Bench::new();
    let agent = bench.agent(&bench.script("exec sleep 1000"), &[], Span::from_secs(5));
    let (kind, _) = failure(within(perform(&agent, task("x"), Duration::from_millis(50))));
    assert_eq!(kind, FailureKind::TimedOut);
    assert_eq!(bench.alive(), []);
}

#[test]
fn c33_what_is_left_in_the_background_does_not_outlive_a_normal_end() {
    // Both hold the pipes open.
    for script in ["sleep 1000 & echo done", "setsid sleep 1000 & echo done"] {
        assert_eq!(output(run(script)), json!({"stdout": "done\n"}));
    }
}

#[test]
fn c34_an_attempt_that_is_dropped_leaves_nothing() {
    let bench = Bench::new();
    let agent = bench.agent(&bench.script(FAMILY), &[], Span::from_secs(5));
    within(async {
        let (attempt, _stop) = Attempt::new(Arc::new(task("x")), AGES);
        let performance = tokio::spawn(Arc::clone(&agent).perform(attempt));
        written(&bench.path("ready")).await;
        performance.abort();
        assert!(performance.await.unwrap_err().is_cancelled());
    });
    assert_eq!(bench.alive(), []);
}

#[test]
fn c18_one_who_leaves_at_once_kills_everything_and_starts_nothing() {
    let bench = Bench::new();
    let agent = bench.agent(&bench.script(FAMILY), &[], Span::from_secs(3_600));
    let outcome = within(once_ready(&bench, &agent, |_| bench.programs.kill_all()));
    assert_eq!(failure(outcome).0, FailureKind::NoAnswer);
    assert_eq!(bench.alive(), []);
    let (kind, message) = failure(within(perform(&agent, task("x"), AGES)));
    assert_eq!(kind, FailureKind::NotSent, "{message}");
}

#[test]
fn orphans_of_this_folder_are_ended_and_no_others() {
    let (bench, other) = (Bench::new(), Bench::new());
    let orphan = |bench: &Bench, key: Option<&str>| {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", "trap '' TERM; echo > \"$QUELL_STATE/ready\"; while :; do sleep 1; done"]);
        command.env("QUELL_STATE", bench.folder.path().canonicalize().unwrap());
        command.env_remove("QUELL_KEY").envs(key.map(|key| ("QUELL_KEY", key)));
        command.spawn().unwrap()
    };
    // Whoever has the folder in the environment and no key is somebody else's.
    let mut all =
        [orphan(&bench, Some("1.run-1.a")), orphan(&other, Some("1.run-1.a")), orphan(&bench, None)];
    within(async {
        written(&bench.path("ready")).await;
        written(&other.path("ready")).await;
    });
    let ended = bench.programs.end_orphans(Duration::from_millis(100));
    let alive = all.each_mut().map(|child| child.try_wait().unwrap().is_none());
    all.iter_mut().for_each(|child| {
        let _ = child.kill();
        let _ = child.wait();
    });
    assert_eq!(alive, [false, true, true]);
    assert!(ended >= 1);
    assert_eq!(bench.programs.end_orphans(Duration::ZERO), 0);
}

#[test]
fn c33_an_orphan_that_became_another_user_is_ended_by_root() {
    if !rustix::process::geteuid().is_root() || !std::path::Path::new("/usr/bin/setpriv").exists() {
        // Nobody else can become another user.
        return;
    }
    let bench = Bench::new();
    let mut command = std::process::Command::new("/usr/bin/setpriv");
    command.args(["--reuid", "4711", "--clear-groups", "/bin/sleep", "1000"]);
    command.env("QUELL_STATE", bench.folder.path().canonicalize().unwrap()).env("QUELL_KEY", "1.run-1.a");
    let mut orphan = command.spawn().unwrap();
    within(async {
        let became = || fs::metadata(format!("/proc/{}", orphan.id())).is_ok_and(|of| of.uid() == 4711);
        while !became() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let ended = bench.programs.end_orphans(Duration::from_millis(100));
    let alive = orphan.try_wait().unwrap().is_none();
    let _ = orphan.kill();
    let _ = orphan.wait();
    assert_eq!((ended, alive), (1, false));
}
