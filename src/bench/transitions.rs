//! Transitions of state machines, with everything that a transition may have. They are timed in
//! batches, because reading the clock takes longer than a transition: a latency is the mean of a batch.

use std::hint::black_box;
use std::sync::{Barrier, LazyLock};
use std::time::Instant;

use super::BenchError;
use super::result::{Part, Work};
use super::samples::Samples;
use super::usage::{Stopwatch, Usage};
use crate::flow::machine::{Chart, Guard, Machine, Place, Source, Status, Superstate, Transition};
use crate::model::Timestamp;
use crate::runtime::clock::instant;

/// Transitions at scale 1.
pub const TRANSITIONS: u64 = 1_000;
/// Transitions that are timed as one.
pub const BATCH: u64 = 100;
/// Transitions before the clock runs.
const WARM_UP: u64 = 10_000;

crate::states! {
    /// A lifecycle that goes round.
    Turn { Idle = "idle", Asked = "asked", Busy = "busy", Resting = "resting" }
}

/// What guards look at.
#[derive(Debug)]
pub struct Facts {
    ready: bool,
    load: [u32; 8],
    limit: u32,
    role: &'static str,
}

impl Default for Facts {
    fn default() -> Self {
        Facts { ready: true, load: [3, 1, 4, 1, 5, 9, 2, 6], limit: 40, role: "FORTRESS" }
    }
}

/// A machine of this lifecycle.
pub type Table = Machine<Turn, Facts, (Turn, Turn)>;

/// What is special about the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Neither guard nor callback.
    Plain,
    /// A guard that looks at one field.
    Guard,
    /// A guard that adds up and compares text, on a superstate.
    ComplexGuard,
    /// A callback that emits.
    Callback,
    /// The last 16 states are kept.
    History,
}

impl Kind {
    /// Every kind.
    pub const ALL: &[Kind] = &[Kind::Plain, Kind::Guard, Kind::ComplexGuard, Kind::Callback, Kind::History];

    /// Its machine.
    pub fn machine(self) -> &'static Table {
        &MACHINES[match self {
            Kind::Plain | Kind::History => 0,
            Kind::Guard => 1,
            Kind::ComplexGuard => 2,
            Kind::Callback => 3,
        }]
    }
}

fn is_ready(facts: &Facts) -> Result<(), String> {
    if facts.ready { Ok(()) } else { Err("it is not ready".to_owned()) }
}

fn has_room(facts: &Facts) -> Result<(), String> {
    let load: u32 = facts.load.iter().sum();
    if !facts.ready || load > facts.limit {
        return Err(format!("its load is {load} of {}", facts.limit));
    }
    if facts.role.eq_ignore_ascii_case("fortress") { Ok(()) } else { Err("it is not a FORTRESS".to_owned()) }
}

type Callback = crate::flow::machine::Callback<Turn, Facts, (Turn, Turn)>;

const fn edge(
    from: Source<Turn>,
    to: Turn,
    guard: Option<Guard<Facts>>,
    callback: Option<Callback>,
) -> Transition<Turn, Facts, (Turn, Turn)> {
    Transition { from, to, on: "turn", guard, callback }
}

macro_rules! round {
    ($guard:expr, $callback:expr, $last:expr) => {
        const {
            &[
                edge(Source::States(&[Turn::Idle]), Turn::Asked, $guard, $callback),
                edge(Source::States(&[Turn::Asked]), Turn::Busy, $guard, $callback),
                edge(Source::States(&[Turn::Busy]), Turn::Resting, $guard, $callback),
                edge($last, Turn::Idle, $guard, $callback),
            ]
        }
    };
}

static MACHINES: LazyLock<[Table; 4]> = LazyLock::new(|| {
    const READY: Option<Guard<Facts>> = Some(Guard { name: "is ready", check: is_ready });
    const ROOM: Option<Guard<Facts>> = Some(Guard { name: "has room", check: has_room });
    const RESTING: Source<Turn> = Source::States(&[Turn::Resting]);
    let chart = |transitions| Chart {
        name: "turn",
        initial: Turn::Idle,
        superstates: &[Superstate { name: "Quiet", of: &[Turn::Resting] }],
        transitions,
    };
    [
        Machine::new(chart(round!(None, None, RESTING))),
        Machine::new(chart(round!(READY, None, RESTING))),
        Machine::new(chart(round!(ROOM, None, Source::Within("Quiet")))),
        Machine::new(chart(round!(
            None,
            Some(|_, change, emitted| emitted.push((change.from, change.to))),
            RESTING
        ))),
    ]
});

/// Makes one batch of transitions as the engine does: it checks, then enters. Gives how many succeeded.
pub fn batch<const H: usize>(
    machine: &Table,
    place: &mut Place<Turn, H>,
    facts: &Facts,
    emitted: &mut Vec<(Turn, Turn)>,
    count: u64,
) -> u64 {
    let mut succeeded = 0;
    for i in 0..count {
        let to = Turn::ALL[(place.now().index() + 1) % Turn::ALL.len()];
        let at = Timestamp(black_box(i as i64));
        let fine = machine.check(place.now(), to, at, black_box(facts), emitted).is_ok()
            && machine.enter(place, to, at).is_ok();
        succeeded += u64::from(fine);
    }
    emitted.clear();
    succeeded
}

fn turn<const H: usize>(kind: Kind, transitions: u64) -> (u64, Samples) {
    let (machine, facts) = (kind.machine(), Facts::default());
    let mut place = Place::<_, H>::new(Turn::Idle, Timestamp(0));
    let mut emitted = Vec::with_capacity(BATCH as usize);
    let mut samples = Samples::with_room(transitions / BATCH + 1);
    let (mut done, mut succeeded) = (0, 0);
    while done < transitions {
        let count = BATCH.min(transitions - done);
        let begun = instant();
        succeeded += batch(machine, &mut place, &facts, &mut emitted, count);
        samples.add_share(instant().duration_since(begun), count);
        done += count;
    }
    black_box(place.history().count());
    (succeeded, samples)
}

fn any(kind: Kind, transitions: u64) -> (u64, Samples) {
    if kind == Kind::History { turn::<16>(kind, transitions) } else { turn::<0>(kind, transitions) }
}

/// So many transitions of one machine, in one thread.
pub fn run(kind: Kind, transitions: u64) -> Work {
    any(kind, WARM_UP);
    let watch = Stopwatch::start();
    let (succeeded, samples) = any(kind, transitions);
    let usage = watch.stop();
    Work { operations: transitions, succeeded, samples, usage, ..Work::default() }
}

/// So many transitions, shared by one thread for each core, at least two: each has a machine of its own.
///
/// # Errors
/// The system gives no thread.
pub fn concurrent(transitions: u64) -> Result<Work, BenchError> {
    let threads = threads();
    any(Kind::ComplexGuard, WARM_UP);
    let share = transitions.div_ceil(threads);
    let watch = Stopwatch::start();
    let all = together(threads, &|ready| {
        let lap = ready.start();
        let (succeeded, samples) = any(Kind::ComplexGuard, share);
        (succeeded, samples, lap.stop())
    })?;
    let usage = watch.stop().within(all.iter().map(|(_, _, lap)| *lap));
    let mut samples = Samples::default();
    all.iter().for_each(|(_, theirs, _)| samples.take_all(theirs));
    let succeeded = all.iter().map(|(succeeded, ..)| succeeded).sum();
    let parts = all.iter().enumerate().map(|(i, (succeeded, samples, _))| Part {
        name: format!("thread {}", i + 1).into(),
        operations: share,
        succeeded: *succeeded,
        operations_per_second: rate(share, usage),
        latency_ms: samples.latency(),
    });
    let parts = parts.collect();
    Ok(Work { operations: share * threads, succeeded, samples, usage, parts, ..Work::default() })
}

/// Threads of the concurrent benchmark.
pub fn threads() -> u64 {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2) as u64)
}

/// Does something in several threads at once, which begin together.
///
/// # Errors
/// One of them panicked.
pub fn together<T: Send>(threads: u64, work: &(dyn Fn(Ready<'_>) -> T + Sync)) -> Result<Vec<T>, BenchError> {
    let barrier = Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(Ready(&barrier)))).collect();
        let joined = started.into_iter().map(|thread| thread.join());
        joined.collect::<Result<_, _>>().map_err(|_| BenchError::from("a thread panicked"))
    })
}

/// A thread that is ready to begin.
pub struct Ready<'a>(&'a Barrier);

impl Ready<'_> {
    /// Waits until all are ready, and begins.
    pub fn start(self) -> Begun {
        self.0.wait();
        Begun(instant())
    }
}

/// A thread at work.
pub struct Begun(Instant);

impl Begun {
    /// It is done: from when to when it worked.
    pub fn stop(self) -> (Instant, Instant) {
        (self.0, instant())
    }
}

fn rate(operations: u64, usage: Usage) -> f64 {
    operations as f64 / usage.took.as_secs_f64().max(1e-9)
}

/// What reading the clock once takes, from as many readings.
pub fn clock(readings: u64) -> Part {
    let mut samples = Samples::with_room(readings / BATCH + 1);
    let watch = Stopwatch::start();
    for _ in 0..readings.div_ceil(BATCH) {
        let begun = instant();
        for _ in 0..BATCH {
            black_box(instant());
        }
        samples.add_share(instant().duration_since(begun), BATCH);
    }
    let (usage, operations) = (watch.stop(), readings.div_ceil(BATCH) * BATCH);
    Part {
        name: "reading the clock".into(),
        operations,
        succeeded: operations,
        operations_per_second: rate(operations, usage),
        latency_ms: samples.latency(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_makes_its_transitions() {
        for kind in Kind::ALL {
            let work = run(*kind, 1_050);
            assert_eq!(
                (work.operations, work.succeeded, work.samples.count()),
                (1_050, 1_050, 11),
                "{kind:?}"
            );
        }
        let work = concurrent(1_000).unwrap();
        assert_eq!(work.succeeded, work.operations);
        assert_eq!(work.parts.len() as u64, threads());
    }

    #[test]
    fn guards_and_callbacks_really_run() {
        let facts = Facts { ready: false, ..Facts::default() };
        let mut emitted = Vec::new();
        for (kind, expected) in [(Kind::Plain, 4), (Kind::Guard, 0), (Kind::ComplexGuard, 0)] {
            let mut place = Place::<_, 0>::new(Turn::Idle, Timestamp(0));
            assert_eq!(batch(kind.machine(), &mut place, &facts, &mut emitted, 4), expected, "{kind:?}");
        }
        let machine = Kind::Callback.machine();
        machine.check(Turn::Idle, Turn::Asked, Timestamp(0), &facts, &mut emitted).unwrap();
        assert_eq!(emitted, [(Turn::Idle, Turn::Asked)]);
    }
}
