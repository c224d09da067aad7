//! Five-step workflows through engine, gate, memory journal and a subscribed feed, 100 in flight.
//! Agents answer at once, in the next batch: what is measured is quell itself.
//!
//! `cargo bench --bench workflow`; the time is that of one whole workflow.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quell::engine::{
    ActionSpec, Actor, AgentKind, AgentSpec, DrillSpec, Effect, Engine, Input, JournalKind, Limits, Means,
    Record, Request, Setup, State,
};
use quell::journal::{Journal, MemoryJournal, SqliteJournal};
use quell::model::{Map, Outcome, RequestId, RunId, Timestamp};
use quell::runtime::driver::Driver;
use quell::runtime::feed::{FeedItem, Subscription};
use quell::workflow;

const IN_FLIGHT: u64 = 100;
const WORKFLOW: &str = "
workflow: five
steps:
  - { id: a, role: HAND, action: act }
  - { id: b, role: HAND, action: act, needs: [a] }
  - { id: c, role: HAND, action: act, needs: [b] }
  - { id: d, role: HAND, action: act, needs: [c] }
  - { id: e, role: HAND, action: act, needs: [d] }
";

fn setup() -> Arc<Setup> {
    let action = |undo: Option<&str>| ActionSpec {
        lifts: None,
        takes: vec![],
        optional: vec![],
        target: None,
        idempotent: true,
        undo: undo.map(Arc::from),
        means: Means::Drill(DrillSpec::default()),
    };
    let agent = |i: u32| AgentSpec {
        name: Arc::from(format!("hand-{i}")),
        role: Arc::from("HAND"),
        capabilities: vec![],
        kind: AgentKind::Drill,
        concurrency: 20,
        actions: [("act", action(Some("unact"))), ("unact", action(None))]
            .map(|(name, spec)| (Arc::from(name), spec))
            .into(),
    };
    let five = Arc::new(workflow::parse("five.yaml", WORKFLOW).expect("the workflow is right"));
    Arc::new(Setup {
        kind: JournalKind::Exercise,
        acts: quell::engine::Acts::Always,
        agents: (1..=10).map(agent).collect(),
        workflows: [(Arc::clone(&five.name), five)].into(),
        limits: Limits::default(),
    })
}

/// How the feed is used beside the engine.
#[derive(Clone, Copy, PartialEq)]
enum Screen {
    /// A subscriber that takes batches and does nothing with them.
    Feed,
    /// A replica that folds them, as a console does.
    Replica,
}

fn watch(feed: Subscription, screen: Screen, done: Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let (mut seen, mut state) = (0, State::new());
        while !done.load(Ordering::Relaxed) {
            match feed.next_within(Duration::from_millis(5)) {
                Some(FeedItem::Snapshot(snapshot)) => state = *snapshot,
                Some(FeedItem::Records(records)) => {
                    seen += records.len() as u64;
                    if screen == Screen::Replica {
                        records.iter().for_each(|record: &Record| state.apply(record).expect("it folds"));
                    }
                }
                Some(FeedItem::End) => break,
                None => {}
            }
        }
        seen
    })
}

/// Runs `workflows` to their end, and says how long that took and how many commits it cost.
fn run(setup: &Arc<Setup>, journal: &mut dyn Journal, workflows: u64, screen: Screen) -> (Duration, u64) {
    let mut micros = 1_800_000_000_000_000;
    let (engine, output) = Engine::new(Arc::clone(setup), "bench", 1, Timestamp(micros));
    let mut driver = Driver::new(engine, output, None);
    driver.commit(journal).expect("the journal does not fail");
    let done = Arc::new(AtomicBool::new(false));
    let watcher = watch(driver.subscribe(), screen, Arc::clone(&done));
    let by = Actor(Arc::from("bench"));
    let five: Arc<str> = Arc::from("five");
    let mut asked = 0;
    let mut inputs: Vec<Input> = Vec::new();
    let begun = Instant::now();
    loop {
        let live = driver.state().counts().live_runs as u64;
        for _ in 0..(IN_FLIGHT - live.min(IN_FLIGHT)).min(workflows - asked) {
            asked += 1;
            let request = Request::Trigger { workflow: Arc::clone(&five), inputs: Map::new() };
            inputs.push(Input::Request { id: RequestId(asked), by: by.clone(), seen: None, request });
        }
        if inputs.is_empty() {
            break;
        }
        micros += 10;
        for input in inputs.drain(..) {
            driver.handle(input, Timestamp(micros));
        }
        for effect in driver.commit(journal).expect("the journal does not fail") {
            if let Effect::Perform(task) = effect {
                let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
                let outcome = Outcome::Succeeded(Map::new());
                inputs.push(Input::StepFinished { run, step, attempt, undo, outcome });
            }
        }
    }
    let took = begun.elapsed();
    assert_eq!(driver.state().counts().completed, workflows, "every run completed");
    assert!(driver.state().run(RunId(workflows)).is_some());
    done.store(true, Ordering::Relaxed);
    watcher.join().expect("the screen lives");
    (took, journal.commits())
}

fn workflows(criterion: &mut Criterion) {
    let setup = setup();
    let mut group = criterion.benchmark_group("workflow");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, screen) in [("feed", Screen::Feed), ("replica", Screen::Replica)] {
        for scale in [1_000, 100_000] {
            group.throughput(Throughput::Elements(scale));
            group.bench_function(BenchmarkId::new(name, scale), |bench| {
                let once = || run(&setup, &mut MemoryJournal::default(), scale, screen).0;
                bench.iter_custom(|times| (0..times).map(|_| once()).sum());
            });
        }
    }
    durable(&mut group, &setup);
    group.finish();
    if let Some(peak) = peak_memory() {
        println!("peak memory of this process: {peak}");
    }
}

/// The same on disk: every record is in SQLite, synchronised, before an agent acts on it.
fn durable(group: &mut BenchmarkGroup<'_, WallTime>, setup: &Arc<Setup>) {
    const WORKFLOWS: u64 = 1_000;
    let mut per_workflow = 0.0;
    group.throughput(Throughput::Elements(WORKFLOWS));
    group.bench_function(BenchmarkId::new("durable", WORKFLOWS), |bench| {
        let mut once = || {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let mut journal = SqliteJournal::open(&folder.path().join("journal.db")).expect("it opens");
            let (took, commits) = run(setup, &mut journal, WORKFLOWS, Screen::Feed);
            per_workflow = commits as f64 / WORKFLOWS as f64;
            took
        };
        bench.iter_custom(|times| (0..times).map(|_| once()).sum());
    });
    println!("commits (each one fsync) per durable workflow, {IN_FLIGHT} in flight: {per_workflow:.3}");
}

fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|peak| peak.trim().to_owned())
}

criterion_group!(benches, workflows);
criterion_main!(benches);
