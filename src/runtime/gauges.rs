//! Figures that are not facts: rates, queues, latencies. The latest wins; nothing here is journaled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::clock::instant;
use crate::model::{Span, Timestamp};

/// Where a latency is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// From the arrival of a signal to its detection.
    SignalToDetection,
    /// From a detection to the first effect that answers it.
    DetectionToEffect,
    /// One forward step, intent to outcome.
    Step,
    /// One undo, intent to outcome.
    RollbackStep,
}

impl Stage {
    /// Every stage, in the order of the flow.
    pub const ALL: [Stage; 4] =
        [Stage::SignalToDetection, Stage::DetectionToEffect, Stage::Step, Stage::RollbackStep];

    /// Its word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Stage::SignalToDetection => "signal_to_detection",
            Stage::DetectionToEffect => "detection_to_effect",
            Stage::Step => "step",
            Stage::RollbackStep => "rollback_step",
        }
    }

    /// What people read.
    pub fn title(self) -> &'static str {
        match self {
            Stage::SignalToDetection => "signal→detection",
            Stage::DetectionToEffect => "detection→effect",
            Stage::Step => "step",
            Stage::RollbackStep => "rollback/step",
        }
    }
}

/// Latencies of each stage in microseconds, 1 µs to 1 h, two significant digits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Buckets", into = "Buckets")]
pub struct Latencies {
    stages: [Histogram<u64>; 4],
}

impl Default for Latencies {
    fn default() -> Self {
        let empty = || {
            let mut histogram = Histogram::new(2).unwrap_or_else(|_| unreachable!("2 digits are valid"));
            histogram.auto(true);
            histogram
        };
        Latencies { stages: [empty(), empty(), empty(), empty()] }
    }
}

impl Latencies {
    /// Counts one measurement.
    pub fn record(&mut self, stage: Stage, took: Span) {
        // It grows to what it is given, and no value in this range is beyond it.
        let _ = self.stages[stage as usize].record(took.0.clamp(1, 3_600_000_000));
    }

    /// The measurements of one stage, in microseconds.
    pub fn stage(&self, stage: Stage) -> &Histogram<u64> {
        &self.stages[stage as usize]
    }
}

/// Latencies as they travel: of each stage the values that were measured, and how often each was.
#[derive(Serialize, Deserialize)]
struct Buckets([Vec<(u64, u64)>; 4]);

impl From<Latencies> for Buckets {
    fn from(latencies: Latencies) -> Self {
        let pairs = |stage: &Histogram<u64>| {
            stage.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
        };
        Buckets(latencies.stages.each_ref().map(pairs))
    }
}

impl From<Buckets> for Latencies {
    fn from(Buckets(stages): Buckets) -> Self {
        let mut latencies = Latencies::default();
        for (stage, pairs) in latencies.stages.iter_mut().zip(stages) {
            for (value, count) in pairs {
                let _ = stage.record_n(value.clamp(1, 3_600_000_000), count);
            }
        }
        latencies
    }
}

/// What a stream of signals came to: received = processed + deduplicated + dropped + queued (C20).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookTotals {
    /// Lines received, by weight.
    pub received: u64,
    /// Lines that went through detection.
    pub processed: u64,
    /// Lines read again after a restart.
    pub deduplicated: u64,
    /// Lines dropped because they could not be decoded.
    pub undecodable: u64,
    /// Lines dropped because they were too long.
    pub too_long: u64,
    /// Lines dropped because a queue was full.
    pub overflow: u64,
    /// Lines that wait.
    pub queued: u64,
    /// Processed lines that were too old for the windows.
    pub late: u64,
    /// Lines whose time was ahead of the clock; they count as of their arrival.
    pub ahead: u64,
}

impl BookTotals {
    /// Lines that were dropped, whatever the reason.
    pub fn dropped(&self) -> u64 {
        self.undecodable + self.too_long + self.overflow
    }
}

/// How one live source stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceGauge {
    /// What it is called.
    pub name: String,
    /// Lines received, and those of them that were dropped.
    pub received: u64,
    #[allow(missing_docs)]
    pub dropped: u64,
    /// Of those: dropped because a queue was full, and because they are no signals.
    pub overflow: u64,
    #[allow(missing_docs)]
    pub undecodable: u64,
    /// Datagrams that wait to be decoded.
    pub waiting: usize,
    /// Connections that are open.
    pub connections: usize,
    /// How it is blind, in words, if it is.
    pub blind: Option<String>,
    /// When its last line came.
    pub last: Option<Timestamp>,
    /// Why nothing comes, if that is known: it is waited for, unreadable, or ended.
    pub trouble: Option<String>,
    /// What was lost of it, in words, if something was.
    pub lost: Option<String>,
}

/// Everything volatile that a screen shows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Gauges {
    /// The engine's now: wall time, or virtual time in a replay.
    pub now: Timestamp,
    /// When the engine's time began.
    pub started: Timestamp,
    /// Whether `now` is virtual.
    pub virtual_time: bool,
    /// What is read, for example `replay exercise.log`.
    pub source: String,
    /// Speed of a replay: 1.0 is the recorded pace; `None` is as fast as possible, or live.
    pub speed: Option<f64>,
    /// Share of the recording that was read, 0 to 1.
    pub progress: Option<f64>,
    /// The stream has ended.
    pub ended: bool,
    /// The books.
    pub books: BookTotals,
    /// Signals queued, and the size of the queue.
    pub queue: (usize, usize),
    /// Signals in each of the last seconds of the engine's time, newest last; at most 600.
    pub per_second: Vec<u32>,
    /// Latencies since the start.
    pub latencies: Latencies,
    /// Answers to attempts and questions that were over: each was ignored.
    pub stale_answers: u64,
    /// Effects are held back, and why (C6).
    pub on_hold: Option<String>,
    /// Stopping: intake has ended, steps in flight finish.
    pub draining: bool,
    /// The live sources, in the order in which they were named.
    pub sources: Vec<SourceGauge>,
    /// What rules and indicator lists came to, as of a second ago. They are many, and travel by themselves.
    #[serde(skip)]
    pub rules: Arc<crate::detect::Figures>,
    /// Indicator lists that could not be read anew, each with why: the ones before stay.
    pub stale_lists: Vec<(String, String)>,
}

/// The board on which the engine's side writes and from which screens read. The lock is held for a
/// copy only, and never by the core.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Painted>>);

#[derive(Debug, Default)]
struct Painted {
    gauges: Gauges,
    /// Since when its clock runs on between two figures.
    runs_since: Option<Instant>,
}

impl Board {
    /// Changes the figures.
    pub fn update(&self, change: impl FnOnce(&mut Gauges)) {
        change(&mut self.lock().gauges);
    }

    /// Puts up the figures of an engine elsewhere, whose clock runs on until they come again.
    pub fn copy(&self, gauges: Gauges) {
        let runs = !gauges.virtual_time && !gauges.ended;
        *self.lock() = Painted { gauges, runs_since: runs.then(instant) };
    }

    /// A copy of the figures.
    pub fn read(&self) -> Gauges {
        let painted = self.lock();
        let mut gauges = painted.gauges.clone();
        if let Some(since) = painted.runs_since {
            gauges.now = gauges.now + Span::from(since.elapsed());
        }
        gauges
    }

    fn lock(&self) -> MutexGuard<'_, Painted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
