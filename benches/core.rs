//! What the core costs beyond whole workflows: `cargo bench --bench core -- CASE…`, all if none is
//! named. Each figure is the best of several rounds, so that a busy machine does not hide the code;
//! memory is the peak of the process: name one case alone for it.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

#[path = "core/rig.rs"]
mod rig;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use quell::detect::{Detector, LATENESS};
use quell::engine::{Effect, Input, Record, State};
use quell::flow::machine::{Chart, Guard, Machine, Place, Source, Status, Transition};
use quell::journal::{Journal, MemoryJournal, SqliteJournal, codec, for_each};
use quell::model::{Failure, FailureKind, Outcome, Timestamp};
use quell::rule;
use quell::runtime::feed::FeedItem;
use quell::source::{Decoder, Format, Options};
use quell::states;
use rig::{Capture, Rig, peak_memory};

const ROUNDS: usize = 5;

fn best(mut round: impl FnMut() -> Duration) -> Duration {
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}

fn per(took: Duration, operations: u64) -> String {
    let nanos = took.as_nanos() as f64 / operations as f64;
    format!("{nanos:.0} ns each, {:.0}/s", 1e9 / nanos)
}

/// Five-step workflows, `in_flight` at once: the latency of each from its request to the commit of its end.
fn workflows(total: u64, in_flight: u64, rig: fn() -> Rig<MemoryJournal>) {
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("three digits");
    let took = best(|| {
        let mut rig = rig();
        rig.latency = Some(Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("three digits"));
        let begun = Instant::now();
        rig.run(total, in_flight);
        let took = begun.elapsed();
        latency = rig.latency.take().expect("it was there");
        took
    });
    let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1e6;
    println!("workflows {total}: {}; p50 {:.3} ms, p99 {:.3} ms", per(took, total), at(0.5), at(0.99));
}

fn plain() -> Rig<MemoryJournal> {
    Rig::new(5, 10, 1_000, MemoryJournal::default())
}

fn with_inputs() -> Rig<MemoryJournal> {
    Rig::with_inputs(5, 10, 1_000, MemoryJournal::default())
}

/// The same beside a replica that folds every record on another thread, as a console does.
fn replica(total: u64) {
    let took = best(|| {
        let mut rig = plain();
        let feed = rig.driver.subscribe();
        let screen = std::thread::spawn(move || {
            let mut state = State::new();
            loop {
                match feed.next_within(Duration::from_secs(1)) {
                    Some(FeedItem::Snapshot(snapshot)) => state = *snapshot,
                    Some(FeedItem::Records(records)) => {
                        records.iter().for_each(|record| state.apply(record).expect("it folds"));
                    }
                    Some(FeedItem::End) => return state.seq(),
                    None => {}
                }
            }
        });
        let begun = Instant::now();
        rig.run(total, 100);
        let took = begun.elapsed();
        drop(rig);
        screen.join().expect("the screen lives");
        took
    });
    println!("workflows {total} beside a replica: {}", per(took, total));
}

/// One call of the workload and no figure: for callgrind and heaptrack.
fn once(total: u64) {
    Rig::new(5, 10, 1_000, MemoryJournal::default()).run(total, 100);
}

/// Ten agents, each takes one of the ten steps of a run; the steps do not need each other.
fn agents(runs: u64) {
    let took = best(|| {
        let mut rig = Rig::parallel(10, 100, MemoryJournal::default());
        let begun = Instant::now();
        rig.run(runs, 100);
        begun.elapsed()
    });
    println!("agents {} operations: {}", runs * 10, per(took, runs * 10));
}

/// Ten steps are done and the last fails, in every run; then all of them are undone.
fn rollback(runs: u64) {
    let took = best(|| {
        let mut rig = Rig::new(11, 10, runs as u32, MemoryJournal::default());
        rig.ask(runs);
        for _ in 0..10 {
            rig.turn();
        }
        for input in &mut rig.inputs {
            let Input::StepFinished { outcome, .. } = input else { continue };
            *outcome = Outcome::Failed(Failure { kind: FailureKind::Answered, message: "no".to_owned() });
        }
        assert_eq!(rig.inputs.len() as u64, runs);
        let begun = Instant::now();
        rig.drain();
        let took = begun.elapsed();
        assert_eq!(rig.driver.state().counts().rolled_back, runs);
        took
    });
    println!("rollback {runs} runs of 10 steps: {}", per(took, runs * 10));
}

states!(Lamp { Off = "off", Dim = "dim", Bright = "bright" });

/// A change with a guard and a callback, entered with a bounded history.
fn transition() {
    const TIMES: u64 = 10_000_000;
    let has_power = |watts: &u64| if *watts > 0 { Ok(()) } else { Err("no power".to_owned()) };
    let machine: Machine<Lamp, u64, u64> = Machine::new(Chart {
        name: "lamp",
        initial: Lamp::Off,
        superstates: &[],
        transitions: Vec::leak(
            [(Lamp::Off, Lamp::Dim), (Lamp::Dim, Lamp::Bright), (Lamp::Bright, Lamp::Off)]
                .map(|(from, to)| Transition {
                    from: Source::States(match from {
                        Lamp::Off => &[Lamp::Off],
                        Lamp::Dim => &[Lamp::Dim],
                        Lamp::Bright => &[Lamp::Bright],
                    }),
                    to,
                    on: "turn",
                    guard: Some(Guard { name: "has power", check: has_power }),
                    callback: Some(|watts, _, out| out.push(*watts)),
                })
                .into(),
        ),
    });
    let took = best(|| {
        let mut place = Place::<Lamp, 8>::new(Lamp::Off, Timestamp(0));
        let mut emitted = Vec::with_capacity(1);
        let begun = Instant::now();
        for i in 0..TIMES {
            let (from, at) = (place.now(), Timestamp(i as i64));
            let to = Lamp::ALL[(from.index() + 1) % 3];
            machine.check(from, to, at, black_box(&60), &mut emitted).expect("it is permitted");
            machine.enter(&mut place, to, at).expect("it is permitted");
            black_box(&mut emitted).clear();
        }
        black_box(place.history().count());
        begun.elapsed()
    });
    println!("transition: {}", per(took, TIMES));
}

/// A signal that matches one of ten rules, until the first effect of the response may be performed.
fn response() {
    const SIGNALS: u64 = 5_000;
    let texts: Vec<(String, String)> = (0..10)
        .map(|n| {
            let text = format!(
                "title: Alarm {n}\nid: 00000000-0000-4000-8000-00000000000{n}\nname: alarm-{n}\nlevel: high\n\
                 logsource:\n  product: linux\n  service: sshd\n\
                 detection:\n  hit:\n    message|contains: 'invalid user alarm{n}'\n  condition: hit\n"
            );
            (format!("alarm-{n}.yml"), text)
        })
        .collect();
    let rules = Arc::new(rule::load(&texts).expect("the rules are right"));
    let mut decoder = Decoder::new(Format::Auto, Options::default());
    let signals: Vec<_> = (0..SIGNALS)
        .map(|n| {
            let (second, minute, hour) = (n % 60, n / 60 % 60, n / 3600);
            let line = format!(
                "Mar 14 {hour:02}:{minute:02}:{second:02} host sshd[{n}]: Failed password for invalid user alarm{} \
                 from 10.0.{}.{} port 40022 ssh2",
                n % 10, n / 250, n % 250,
            );
            decoder.decode(line.as_bytes()).expect("an sshd line")
        })
        .collect();
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("three digits");
    let mut least = u64::MAX;
    for _ in 0..ROUNDS {
        let mut round = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("three digits");
        let mut rig = Rig::new(5, 10, 100_000, MemoryJournal::default());
        let mut detector = Detector::new(Arc::clone(&rules), LATENESS, 7);
        let mut found = Vec::new();
        for signal in &signals {
            let begun = Instant::now();
            detector.observe(signal, &mut found);
            for detection in found.drain(..) {
                rig.driver.handle(Input::Detection(detection), rig.now);
            }
            let effects = rig.driver.commit(&mut rig.journal).expect("memory does not fail");
            round.saturating_record(begun.elapsed().as_nanos() as u64);
            assert!(matches!(effects.first(), Some(Effect::Perform(_))), "{effects:?}");
        }
        if round.value_at_quantile(0.99) < least {
            least = round.value_at_quantile(0.99);
            latency = round;
        }
    }
    let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
    println!("signal to response: p50 {:.2} µs, p99 {:.2} µs, max {:.2} µs", at(0.5), at(0.99), at(1.0));
}

/// Reads, decodes and folds `records` records from SQLite.
fn recovery(records: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("journal.db");
    let runs = records / 12;
    let last = {
        let mut rig = Rig::new(5, 10, 2_000, SqliteJournal::open(&path).expect("it opens"));
        rig.run(runs, 10_000);
        rig.journal.last()
    };
    let mut read_only = Duration::MAX;
    let took = best(|| {
        let mut journal = SqliteJournal::open(&path).expect("it opens");
        let begun = Instant::now();
        let mut state = State::new();
        for_each(&mut journal, |record| {
            state.apply(&record).expect("it folds");
            Ok::<_, quell::journal::JournalError>(())
        })
        .expect("it reads");
        assert_eq!(state.seq(), last);
        let took = begun.elapsed();
        let begun = Instant::now();
        for_each(&mut journal, |_| Ok::<_, quell::journal::JournalError>(())).expect("it reads");
        read_only = read_only.min(begun.elapsed());
        took
    });
    println!(
        "recovery of {last} records: {:.2} s, of it reading and decoding {:.2} s",
        took.as_secs_f64(),
        read_only.as_secs_f64()
    );
}

/// Workflows on disk beside a bare loop that commits the same bytes in the same groups.
fn durable(workflows: u64, in_flight: u64) {
    let mut captured = Rig::new(5, 10, 1_000, Capture::default());
    captured.run(workflows, in_flight);
    let mut commits = 0;
    let quell = best(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let journal = SqliteJournal::open(&folder.path().join("journal.db")).expect("it opens");
        let mut rig = Rig::new(5, 10, 1_000, journal);
        let begun = Instant::now();
        rig.run(workflows, in_flight);
        let took = begun.elapsed();
        commits = rig.journal.commits();
        took
    });
    let bodies: Vec<Vec<(i64, Vec<u8>)>> =
        captured.journal.batches.iter().map(|batch| bodies(batch)).collect();
    let bare = best(|| bare_loop(&bodies));
    let per_workflow = commits as f64 / workflows as f64;
    println!(
        "durable, {in_flight} in flight: {}; {:.2} of the bare loop ({}); {per_workflow:.3} commits a workflow",
        per(quell, workflows),
        bare.as_secs_f64() / quell.as_secs_f64(),
        per(bare, workflows),
    );
}

fn bodies(batch: &[Record]) -> Vec<(i64, Vec<u8>)> {
    let body = |record: &Record| {
        let mut body = Vec::new();
        codec::encode(record, &mut body).expect("records have a form");
        (record.seq as i64, body)
    };
    batch.iter().map(body).collect()
}

fn bare_loop(batches: &[Vec<(i64, Vec<u8>)>]) -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut connection = rusqlite::Connection::open(folder.path().join("bare.db")).expect("it opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE records (seq INTEGER PRIMARY KEY, codec INTEGER NOT NULL, body BLOB NOT NULL) STRICT;",
        )
        .expect("a table");
    let begun = Instant::now();
    for batch in batches {
        let transaction = connection.transaction().expect("it begins");
        {
            let mut insert = transaction
                .prepare("INSERT INTO records (seq, codec, body) VALUES (?1, 1, ?2)")
                .expect("it is SQL");
            for (seq, body) in batch {
                insert.execute(rusqlite::params![seq, body]).expect("it inserts");
            }
        }
        transaction.commit().expect("it commits");
    }
    begun.elapsed()
}

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let cases: [(&str, fn()); 14] = [
        ("workflows", || workflows(1_000, 100, plain)),
        ("workflows-100k", || workflows(100_000, 100, plain)),
        ("workflows-inputs", || workflows(1_000, 100, with_inputs)),
        ("workflows-inputs-100k", || workflows(100_000, 100, with_inputs)),
        ("replica-100k", || replica(100_000)),
        ("agents", || agents(100)),
        ("agents-1m", || agents(100_000)),
        ("rollback", || rollback(100)),
        ("rollback-10k", || rollback(10_000)),
        ("transition", transition),
        ("response", response),
        ("recovery", || recovery(1_000_000)),
        ("durable", || durable(1_000, 100)),
        ("durable-alone", || durable(100, 1)),
    ];
    for (name, case) in &cases {
        if named.is_empty() || named.iter().any(|named| named == name) {
            case();
        }
    }
    for (name, total) in [("once-1k", 1_000), ("once-11k", 11_000), ("once-100k", 100_000)] {
        if named.iter().any(|named| named == name) {
            once(total);
        }
    }
    println!("peak memory of this process: {}", peak_memory());
}
