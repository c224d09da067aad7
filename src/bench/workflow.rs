//! Five steps one after the other, a hundred workflows at once. A latency reaches from the moment at
//! which a run is asked for to the moment at which its completion is durable.

use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::BenchError;
use super::result::Work;
use super::rig::{Asker, Rig, Watcher};
use super::samples::Samples;
use super::setup::{chain, hands, setup};
use super::usage::Stopwatch;
use crate::engine::{Event, Record, Setup};
use crate::model::RunId;
use crate::runtime::clock::instant;

/// Workflows at scale 1, and workflows at once.
pub const AT_ONCE: u64 = 100;
/// Steps of each.
pub const STEPS: u32 = 5;
/// Its name.
pub const NAME: &str = "five";

/// The setup: ten agents with twenty steps at once, and the workflow.
///
/// # Errors
/// Never: it is fixed.
pub fn five() -> Result<Arc<Setup>, BenchError> {
    setup(hands(10, 20), &[chain(NAME, STEPS, "act")])
}

/// When each run that is under way was asked for. Runs are created in the order in which they are
/// asked for.
#[derive(Default)]
pub struct Book {
    asked: std::collections::VecDeque<Instant>,
    live: HashMap<RunId, Instant, FixedState>,
    /// Latencies of those that ended.
    pub samples: Samples,
    /// Runs that completed.
    pub completed: u64,
    /// Runs that ended otherwise.
    pub lost: u64,
    /// Records that were read.
    pub records: u64,
    /// Steps that succeeded.
    pub steps: u64,
}

impl Book {
    /// With room for so many runs.
    pub fn with_room(runs: u64) -> Self {
        Book { samples: Samples::with_room(runs), ..Book::default() }
    }

    /// A run is asked for.
    pub fn asked(&mut self, at: Instant) {
        self.asked.push_back(at);
    }

    /// Runs that were asked for and have not ended.
    pub fn open(&self) -> u64 {
        (self.asked.len() + self.live.len()) as u64
    }

    /// Reads what is durable since `now`.
    pub fn read(&mut self, records: &[Record], now: Instant) {
        self.records += records.len() as u64;
        for record in records {
            match &record.event {
                Event::RunCreated(new) => {
                    let asked = self.asked.pop_front().unwrap_or(now);
                    self.live.insert(new.run, asked);
                }
                Event::StepSucceeded { .. } => self.steps += 1,
                Event::RunCompleted { run } => {
                    if let Some(asked) = self.live.remove(run) {
                        self.samples.add(now.duration_since(asked));
                        self.completed += 1;
                    }
                }
                Event::RunFailed { run, .. }
                | Event::RollbackCompleted { run }
                | Event::RunParked { run, .. } => {
                    self.live.remove(run);
                    self.lost += 1;
                }
                _ => {}
            }
        }
    }
}

/// Runs so many workflows, `at_once` of them at any time, in memory and in one thread.
///
/// # Errors
/// The engine does not start, the journal refuses, or a replica is not what it should be.
pub fn in_memory(
    setup: &Arc<Setup>,
    workflows: u64,
    at_once: u64,
    watcher: Watcher,
) -> Result<Work, BenchError> {
    let mut rig = Rig::new(setup, watcher)?;
    let (mut asker, mut book) = (Asker::new(NAME), Book::with_room(workflows));
    let mut inputs = Vec::new();
    let watch = Stopwatch::start();
    while book.completed + book.lost < workflows {
        let begun = instant();
        while book.open() < at_once && asker.asked() < workflows {
            inputs.push(asker.ask());
            book.asked(begun);
        }
        match rig.round(&mut inputs)? {
            Some(batch) => book.read(&batch, instant()),
            None => return Err("nothing is left to happen to the workflows".into()),
        }
    }
    let usage = watch.stop();
    rig.close(watcher)?;
    Ok(work(&book, workflows, usage))
}

/// What the book says.
pub fn work(book: &Book, workflows: u64, usage: super::usage::Usage) -> Work {
    Work {
        operations: workflows * u64::from(STEPS),
        // A workflow that did not complete has none that counts.
        succeeded: book.steps.min(book.completed * u64::from(STEPS)),
        workflows: Some(book.completed),
        samples: book.samples.clone(),
        records: book.records,
        usage,
        ..Work::default()
    }
}
