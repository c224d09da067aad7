//! Figures that are not facts, as they travel: see [`Gauges`].

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::runtime::gauges::{Gauges, Latencies, SourceGauge, Stage};

/// Seconds of the signal rate that travel.
const SECONDS: usize = 60;

/// What an engine's board shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Figures {
    pub now: Timestamp,
    pub started: Timestamp,
    pub virtual_time: bool,
    pub source: String,
    pub speed: Option<f64>,
    pub progress: Option<f64>,
    pub ended: bool,
    pub received: u64,
    pub processed: u64,
    pub deduplicated: u64,
    pub undecodable: u64,
    pub too_long: u64,
    pub overflow: u64,
    pub queued: u64,
    pub late: u64,
    /// Lines whose time was ahead of the clock.
    pub ahead: u64,
    /// Signals queued, and the size of the queue.
    pub queue: (usize, usize),
    /// Signals in each of the last 60 seconds, newest last.
    pub per_second: Vec<u32>,
    /// Latencies of each stage since the start.
    pub latencies: Vec<Latency>,
    /// Answers to attempts and questions that were over.
    #[serde(default)]
    pub stale_answers: u64,
    pub on_hold: Option<String>,
    pub draining: bool,
    /// What rules and indicator lists came to.
    #[serde(default)]
    pub rules: crate::detect::Figures,
    /// Indicator lists that could not be read anew, each with why: the ones before stay.
    #[serde(default)]
    pub stale_lists: Vec<(String, String)>,
    /// The live sources.
    #[serde(default)]
    pub sources: Vec<SourceGauge>,
}

/// How long a stage took, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Latency {
    pub stage: String,
    pub count: u64,
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
    pub max: u64,
}

fn latency(latencies: &Latencies, stage: Stage) -> Latency {
    let all = latencies.stage(stage);
    let at = |q| all.value_at_quantile(q);
    let (p50, p95, p99) = (at(0.5), at(0.95), at(0.99));
    Latency { stage: stage.name().to_owned(), count: all.len(), p50, p95, p99, max: all.max() }
}

impl Figures {
    /// What a board shows.
    pub fn of(gauges: &Gauges) -> Self {
        let books = gauges.books;
        Figures {
            now: gauges.now,
            started: gauges.started,
            virtual_time: gauges.virtual_time,
            source: gauges.source.clone(),
            speed: gauges.speed,
            progress: gauges.progress,
            ended: gauges.ended,
            received: books.received,
            processed: books.processed,
            deduplicated: books.deduplicated,
            undecodable: books.undecodable,
            too_long: books.too_long,
            overflow: books.overflow,
            queued: books.queued,
            late: books.late,
            ahead: books.ahead,
            queue: gauges.queue,
            per_second: gauges.per_second[gauges.per_second.len().saturating_sub(SECONDS)..].to_vec(),
            latencies: Stage::ALL.iter().map(|stage| latency(&gauges.latencies, *stage)).collect(),
            stale_answers: gauges.stale_answers,
            on_hold: gauges.on_hold.clone(),
            draining: gauges.draining,
            rules: (*gauges.rules).clone(),
            stale_lists: gauges.stale_lists.clone(),
            sources: gauges.sources.clone(),
        }
    }
}
