//! What a benchmark reports: the same fields for the work and for its floor.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::samples::{Latency, Samples};
use super::usage::{Memory, Usage};

/// What was done, before it is put into figures.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// Steps, transitions, signals or undos.
    pub operations: u64,
    /// Those that ended as they should.
    pub succeeded: u64,
    /// Whole workflows, where there are any.
    pub workflows: Option<u64>,
    /// Commits to a disk, each with one fsync.
    pub fsyncs: Option<u64>,
    /// Records that became durable.
    pub records: u64,
    /// Parts of it.
    pub parts: Vec<Part>,
    /// Latencies.
    pub samples: Samples,
    /// What it used.
    pub usage: Usage,
    /// What is known of it beforehand.
    pub checks: Vec<Checked>,
}

/// A count that is known beforehand, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Checked {
    pub what: Arc<str>,
    pub expected: u64,
    pub found: u64,
}

impl Checked {
    /// Both.
    pub fn new(what: &str, expected: u64, found: u64) -> Self {
        Checked { what: what.into(), expected, found }
    }

    /// Whether they are the same.
    pub fn is_right(&self) -> bool {
        self.expected == self.found
    }
}

/// The figures of one piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Steps, transitions, signals or undos.
    pub operations: u64,
    /// Those that ended as they should.
    pub succeeded: u64,
    /// The others.
    pub failed: u64,
    /// Share of those that succeeded, in percent.
    pub success_rate: f64,
    /// Latencies; what they are of is said by [`Report::latency_of`].
    pub latency_ms: Latency,
    /// Operations in a second of real time.
    pub operations_per_second: f64,
    /// Whole workflows in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflows_per_second: Option<f64>,
    /// Memory of the whole process.
    pub memory_mb: Memory,
    /// Processor time of the whole process for one operation.
    pub cpu_us_per_operation: f64,
    /// Commits to a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fsyncs: Option<u64>,
}

impl Work {
    /// Puts it into figures.
    pub fn figures(&self) -> Figures {
        let seconds = self.usage.took.as_secs_f64().max(1e-9);
        let operations = self.operations.max(1) as f64;
        Figures {
            operations: self.operations,
            succeeded: self.succeeded,
            failed: self.operations.saturating_sub(self.succeeded),
            success_rate: 100.0 * self.succeeded as f64 / operations,
            latency_ms: self.samples.latency(),
            operations_per_second: self.operations as f64 / seconds,
            workflows_per_second: self.workflows.map(|workflows| workflows as f64 / seconds),
            memory_mb: self.usage.memory,
            cpu_us_per_operation: self.usage.cpu.as_secs_f64() * 1e6 / operations,
            fsyncs: self.fsyncs,
        }
    }
}

/// The result of one benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its suite, and what is special about it: `workflow/replica`.
    pub name: Arc<str>,
    /// How many times the work was taken.
    pub scale: u64,
    /// Whether every record went to a disk.
    pub durable: bool,
    /// What is counted as one operation.
    pub operation: Arc<str>,
    /// What a latency is of.
    pub latency_of: Arc<str>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// The bare loop of the same work, in the same process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Floor>,
    /// Operations in a second, as a share of the floor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio_to_floor: Option<f64>,
    /// The same for each part of the work, such as an agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Counts that are known beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Checked>,
}

/// The bare loop of the same work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// What it does.
    pub what: Arc<str>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// A part of the work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Part {
    pub name: Arc<str>,
    pub operations: u64,
    pub succeeded: u64,
    pub operations_per_second: f64,
    pub latency_ms: Latency,
}

impl Report {
    /// What makes two results comparable.
    pub fn key(&self) -> (&str, u64, bool) {
        (&self.name, self.scale, self.durable)
    }

    /// Puts its floor beside it.
    pub fn above(mut self, what: &str, floor: &Work) -> Self {
        let figures = floor.figures();
        self.ratio_to_floor = Some(self.figures.operations_per_second / figures.operations_per_second);
        self.floor = Some(Floor { what: what.into(), figures });
        self
    }
}

/// What `--json` prints and `--baseline` reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Results {
    pub results: Vec<Report>,
    pub machine: Arc<str>,
    pub version: Arc<str>,
}

/// A report with the samples that it was made from.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Measured {
    pub report: Report,
    pub samples: Samples,
}
