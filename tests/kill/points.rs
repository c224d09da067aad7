//! Killed at a certain point: the programs kill the quell that started them.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::books::{self, Figures};
use super::service::{Service, Started, now};
use super::witness::{self, Line, Order};

/// SIGXFSZ: a file grew beyond what is allowed; see setrlimit(2).
const NO_SPACE: i32 = 25;

/// How it goes on after a kill.
struct Killed {
    service: Service,
    /// The journal as the kill left it.
    left: Vec<Value>,
}

fn died(status: ExitStatus) -> bool {
    matches!(status.signal(), Some(9 | NO_SPACE))
}

/// A service that was killed as one program of a workflow was told to.
fn killed(workflow: &str, action: &str, target: &str, order: Order) -> Killed {
    let mut service = Service::new();
    witness::order(&service.world(), action, target, order);
    service.feed(workflow, "h", "pool");
    service.spawn();
    let status = service.ended();
    assert!(died(status), "{status}\n{}", service.log());
    assert!(witness::is_taken(&service.world(), action, target));
    let left = service.journal();
    Killed { service, left }
}

impl Killed {
    /// The last that the journal has about a step.
    fn last(&self, step: &str) -> (&str, &str) {
        let of = |record: &&Value| record["type"] == "step" && record["step"] == step;
        let last = self.left.iter().rfind(of).unwrap();
        (last["event"].as_str().unwrap(), last["status"].as_str().unwrap())
    }

    /// It starts again, goes on to its end, and the books balance.
    fn goes_on(mut self) -> (Service, Figures) {
        self.service.start();
        self.service.settle_and_stop();
        let figures = books::check(&self.service);
        (self.service, figures)
    }
}

fn effects(service: &Service, target: &str) -> Vec<Line> {
    let mut lines = witness::lines(&service.world());
    lines.retain(|line| line.target == target);
    lines
}

fn actions(service: &Service, target: &str) -> Vec<String> {
    effects(service, target).into_iter().map(|line| line.action).collect()
}

fn status(service: &Service, run: &str) -> String {
    let runs = service.rows(&["runs", "--all"]);
    let found = runs.iter().find(|row| row["id"] == run).unwrap_or_else(|| panic!("{runs:?}"));
    found["status"].as_str().unwrap().to_owned()
}

/// The intent of a step is durable and its outcome is not, whatever its program did: what its action
/// declares decides (C3).
#[test]
fn c3_killed_between_the_intent_and_the_outcome_of_a_step() {
    for (workflow, action, step, order, did, ends) in [
        // Idempotent: again, under the same key.
        ("alpha", "set", "a", Order::KillBefore, &["set"][..], "completed"),
        ("alpha", "set", "a", Order::KillAfter, &["set", "set"], "completed"),
        ("alpha", "set", "a", Order::KillAndStay, &["set", "set"], "completed"),
        ("alpha", "set", "a", Order::NoMoreBytes, &["set", "set"], "completed"),
        // With a probe: asked, and again only if it is not there.
        ("alpha", "once", "b", Order::KillBefore, &["once"], "completed"),
        ("alpha", "once", "b", Order::KillAfter, &["once"], "completed"),
        ("alpha", "once", "b", Order::KillAndStay, &["once"], "completed"),
        ("alpha", "once", "b", Order::NoMoreBytes, &["once"], "completed"),
        // Neither: a person says.
        ("gamma", "blind", "a", Order::KillBefore, &[], "parked"),
        ("gamma", "blind", "a", Order::KillAfter, &["blind"], "parked"),
        ("gamma", "blind", "a", Order::KillAndStay, &["blind"], "parked"),
        ("gamma", "blind", "a", Order::NoMoreBytes, &["blind"], "parked"),
    ] {
        let target = format!("h-{step}");
        let killed = killed(workflow, action, &target, order);
        assert_eq!(killed.last(step), ("step_started", "running"), "{action} {order:?}");
        let (service, figures) = killed.goes_on();
        assert_eq!(actions(&service, &target), did, "{action} {order:?}");
        assert_eq!(status(&service, "run-1"), ends, "{action} {order:?}");
        assert!(figures.in_doubt >= 1, "{action} {order:?}: {figures:?}");
    }
}

/// The program goes on when its quell is dead, and acts late: before the next quell performs anything, or never.
#[test]
fn c33_what_outlives_a_killed_quell_does_not_act_beside_the_next_one() {
    for (workflow, action, step) in [("alpha", "set", "a"), ("alpha", "once", "b"), ("gamma", "blind", "a")] {
        let killed = killed(workflow, action, &format!("h-{step}"), Order::KillAndActLate);
        assert!(!killed.service.programs().is_empty() || action == "blind", "somebody is still at work");
        assert_eq!(killed.last(step), ("step_started", "running"));
        killed.goes_on();
    }
}

/// C30: what is in flight is stopped, also when the quell that began it was killed.
#[test]
fn c30_a_halt_ends_what_a_killed_quell_left_at_work() {
    let killed = killed("gamma", "blind", "h-a", Order::KillAndStay);
    assert_eq!(killed.service.programs().len(), 1);
    let output = killed.service.output(&["halt", "--reason", "stop"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("is ended: 1 program\n"), "{said}");
    assert_eq!(killed.service.programs(), []);
    killed.service.ask(&["release"]);
    killed.goes_on();
}

#[test]
fn c9_killed_while_rolling_back() {
    for (action, step, order, did) in [
        ("unlate", "c", Order::KillBefore, &["late", "unlate"][..]),
        ("unlate", "c", Order::KillAfter, &["late", "unlate", "unlate"]),
        ("unlate", "c", Order::NoMoreBytes, &["late", "unlate", "unlate"]),
        ("unonce", "b", Order::KillBefore, &["once", "unonce"]),
        ("unonce", "b", Order::KillAfter, &["once", "unonce"]),
        ("unonce", "b", Order::KillAndStay, &["once", "unonce"]),
        ("unonce", "b", Order::NoMoreBytes, &["once", "unonce"]),
        ("unset", "a", Order::KillBefore, &["set", "unset"]),
        ("unset", "a", Order::KillAfter, &["set", "unset", "unset"]),
    ] {
        let target = format!("h-{step}");
        let killed = killed("beta", action, &target, order);
        assert_eq!(killed.last(step), ("undo_started", "undoing"), "{action} {order:?}");
        let (service, _) = killed.goes_on();
        assert_eq!(actions(&service, &target), did, "{action} {order:?}");
        assert_eq!(status(&service, "run-1"), "rolled_back", "{action} {order:?}");
    }
}

#[test]
fn c8_killed_in_recovery() {
    // By the program that the first one left behind, as the second one has the folder and is not ready. One
    // that is ready sooner than it is killed shows nothing: then once more.
    let mut tried = 0..20;
    loop {
        assert!(tried.next().is_some(), "it was ready before it was killed, each time");
        let mut before = killed("alpha", "set", "h-a", Order::KillTheNext);
        let since = now();
        before.service.spawn();
        let Started::Ended(ended) = before.service.started(since) else { continue };
        assert!(died(ended), "{ended}");
        let (service, _) = before.goes_on();
        assert_eq!(status(&service, "run-1"), "completed");
        break;
    }

    // By the first thing that it does again, three times over.
    let mut again = killed("alpha", "set", "h-a", Order::KillAfter);
    for order in [Order::KillBefore, Order::KillAfter, Order::NoMoreBytes] {
        witness::order(&again.service.world(), "set", "h-a", order);
        again.service.spawn();
        let status = again.service.ended();
        assert!(died(status), "{status}\n{}", again.service.log());
    }
    let (service, figures) = again.goes_on();
    assert_eq!(actions(&service, "h-a"), ["set"; 4]);
    assert_eq!((status(&service, "run-1").as_str(), figures.restarts), ("completed", 5));
}

#[test]
fn c28_killed_in_a_lift_by_a_person_and_by_time() {
    for (order, did) in [
        (Order::KillBefore, &["set", "unset"][..]),
        (Order::KillAfter, &["set", "unset", "unset"]),
        (Order::NoMoreBytes, &["set", "unset", "unset"]),
    ] {
        // Its time is over.
        let mut killed = killed("delta", "unset", "h-a", order);
        let (service, _) = {
            killed.service.start();
            killed.goes_on_from_here()
        };
        assert_eq!(actions(&service, "h-a"), did, "{order:?}");

        // A person lifts it.
        let mut service = Service::new();
        service.feed("alpha", "h", "pool");
        service.start();
        service.wait_for("it is completed", |service| {
            service.rows(&["runs", "--all"]).iter().any(|run| run["status"] == "completed")
        });
        witness::order(&service.world(), "unset", "h-a", order);
        let mut lift = service.command(&["lift", "--target", "h-a"]);
        let mut lift =
            lift.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let status = service.ended();
        assert!(died(status), "{status}\n{}", service.log());
        assert!(!lift.wait().unwrap().success(), "nobody says that it is lifted");
        let left = service.journal();
        let (service, _) = Killed { service, left }.goes_on();
        assert_eq!(actions(&service, "h-a"), did, "{order:?}");
        assert_eq!(service.rows(&["ledger", "--target", "h-a"]).len(), 1, "only the figures are left");
    }
}

impl Killed {
    /// As [`Killed::goes_on`], once it was started.
    fn goes_on_from_here(mut self) -> (Service, Figures) {
        self.service.settle_and_stop();
        let figures = books::check(&self.service);
        (self.service, figures)
    }
}

/// Nobody is at work, so that the verb opens the folder itself.
#[test]
fn c8_killed_in_a_verb_that_works_alone() {
    let quiet = |service: &Service, args: &[&str]| {
        let mut command = service.command(args);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status().unwrap()
    };
    for order in [Order::KillBefore, Order::KillAfter, Order::NoMoreBytes] {
        let service = Service::new();
        witness::order(&service.world(), "set", "h-a", order);
        assert!(died(quiet(&service, &["trigger", "alpha", "host=h", "user=pool"])));
        // Another verb takes up what the first one left, and is killed in its turn.
        witness::order(&service.world(), "set", "pool", order);
        assert!(died(quiet(&service, &["trigger", "alpha", "host=i", "user=pool"])));
        assert!(quiet(&service, &["trigger", "alpha", "host=j", "user=pool"]).success());
        witness::order(&service.world(), "unset", "h-a", order);
        assert!(died(quiet(&service, &["lift", "--target", "h-a"])));
        let left = service.journal();
        let (service, _) = Killed { service, left }.goes_on();
        for run in ["run-1", "run-3"] {
            assert_eq!(status(&service, run), "completed", "{run} {order:?}");
        }
        assert!(actions(&service, "h-a").ends_with(&["unset".to_owned()]), "{order:?}");
    }
}

#[test]
fn c18_killed_in_a_drain() {
    for action in ["set", "late"] {
        let step = if action == "set" { "a" } else { "c" };
        let target = format!("h-{step}");
        let mut service = Service::new();
        witness::order(&service.world(), action, &target, Order::Wait);
        service.feed("alpha", "h", "pool");
        service.start();
        service.wait_for("it acts", |service| !effects(service, &target).is_empty());
        service.signal(Signal::TERM);
        service.wait_for("it drains", |service| service.log().contains("quell: stopping"));
        service.kill();
        std::fs::write(witness::leave(&service.world(), &target), "").unwrap();
        let left = service.journal();
        let killed = Killed { service, left };
        assert_eq!(killed.last(step), ("step_started", "running"));
        let (service, _) = killed.goes_on();
        assert_eq!(status(&service, "run-1"), "completed");
    }
}

#[test]
fn c17_killed_in_a_reload() {
    let mut service = Service::new();
    service.feed("alpha", "h", "pool");
    for round in 0..5 {
        service.start();
        service.feed("beta", &format!("r-{round}"), "pool");
        service.write("setup/workflows/note.md", &format!("{round}"));
        let alpha = std::fs::read_to_string(service.at("setup/agents/a.yaml")).unwrap();
        service.write("setup/agents/a.yaml", &format!("{alpha}# {round}\n"));
        service.signal(Signal::HUP);
        service.hears("RELOADING=1");
        // Nothing is waited for in the first round; then it comes further each time.
        thread::sleep(Duration::from_millis(5) * round);
        service.kill();
    }
    let left = service.journal();
    Killed { service, left }.goes_on();
}

/// Its program cannot be started as long as somebody writes into it, which is tried for a while: the
/// intent is durable by then.
#[test]
fn c1_killed_after_the_intent_and_before_the_program_is_started() {
    let mut service = Service::new();
    let program = service.at("bin/held");
    std::fs::remove_file(&program).unwrap();
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut hits = 0;
    for round in 0..40 {
        let host = format!("h{round}");
        let held = std::fs::File::options().append(true).open(&program).unwrap();
        service.feed("held", &host, "pool");
        service.start();
        let target = format!("{host}-a");
        let begun = |record: &&Value| record["action"]["target"] == target.as_str();
        service.wait_for("it is begun", |service| service.journal().iter().any(|r| begun(&r)));
        service.kill();
        drop(held);
        let left = service.journal();
        let last = left.iter().rfind(|record| record["type"] == "step").unwrap();
        if begun(&last) && last["event"] == "step_started" {
            assert!(effects(&service, &target).is_empty(), "nobody could act");
            hits += 1;
        }
        if hits == 3 {
            break;
        }
    }
    assert!(hits > 0, "it was never killed in between");
    let left = service.journal();
    Killed { service, left }.goes_on();
}

/// It takes seconds to end what ignores TERM: what is done again has its whole time all the same.
#[test]
fn c33_the_time_of_what_is_done_again_begins_when_nobody_is_left() {
    let mut service = Service::new();
    let (own, told) = (std::env::current_exe().unwrap(), service.at("told"));
    let script = format!(
        "#!/bin/sh\n[ -e {told} ] && exec {own} --exact witness::acts --nocapture\n: > {told}\ntrap '' TERM\nwhile :; do sleep 1; done\n",
        own = own.display(),
        told = told.display()
    );
    service.write("bin/resists", &script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(service.at("bin/resists"), mode).unwrap();
    service.feed("stubborn", "h", "pool");
    service.start();
    service.wait_for("it works", |_| told.exists());
    service.kill();
    let left = service.journal();
    let (service, _) = Killed { service, left }.goes_on();
    assert_eq!(status(&service, "run-1"), "completed");
    let attempts: Vec<u64> = effects(&service, "h-a").iter().map(|line| line.attempt).collect();
    assert_eq!(attempts, [2], "and not one more");
}

/// Files that are to replace others, and did not come to it.
fn unfinished(state: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(state).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(".quell-")).collect()
}

#[test]
fn c7_killed_while_the_anchor_is_written_and_in_a_checkpoint() {
    let mut service = Service::new();
    let state = service.at("state");
    let (mut anchors, mut checkpoints) = (0, 0);
    for round in 0..24 {
        service.start();
        let db = state.join("journal.db");
        let size = || std::fs::metadata(&db).unwrap().len();
        let anchored = || std::fs::read(state.join("journal.head")).ok();
        let (before, head) = (size(), anchored());
        // Four MiB of outputs and more: then a checkpoint is due.
        for n in 0..16 {
            service.feed("loud", &format!("l-{round}-{n}"), "pool");
        }
        let since = now();
        let wanted = round % 2 == 0;
        loop {
            let files = unfinished(&state);
            let is_anchor = |path: &PathBuf| {
                std::fs::read(path).is_ok_and(|text| text.is_empty() || text.starts_with(b"{\"seq\""))
            };
            let grown = size() > before;
            let now = if wanted { grown && files.iter().any(is_anchor) } else { grown };
            // One that is over was missed: the next round comes.
            if now || anchored() != head {
                break;
            }
            assert!(since.elapsed() < super::service::PATIENCE, "no checkpoint\n{}", service.log());
        }
        service.kill();
        let is_anchor = |path: &PathBuf| std::fs::read(path).unwrap().starts_with(b"{\"seq\"");
        anchors += usize::from(unfinished(&state).iter().any(is_anchor));
        checkpoints += usize::from(size() > before && anchored() == head);
        service.ask(&["journal", "verify"]);
        if anchors > 0 && checkpoints > 0 {
            break;
        }
    }
    println!(
        "killed while the anchor was written: {anchors}; between a checkpoint and its anchor: {checkpoints}"
    );
    assert!(checkpoints > 0, "it was never killed in a checkpoint");
    service.start();
    assert_eq!(unfinished(&state), [] as [PathBuf; 0], "what was not finished is tidied up");
    service.settle_and_stop();
    books::check(&service);
}
