//! The figures at the end: the last line of `--json`, and what people read.

use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::{Counts, JournalKind, State};
use crate::model::Map;
use crate::runtime::gauges::{Gauges, Stage};
use crate::runtime::virtual_time::Ending;
use crate::source::quarantine::BadLines;

/// Everything that the summary is made of.
pub struct Totals<'a> {
    /// The state at the end.
    pub state: &'a State,
    /// The figures at the end.
    pub gauges: &'a Gauges,
    /// How it ended.
    pub ending: &'a Ending,
    /// The lines that were no signals, if there was something to read.
    pub bad: Option<&'a BadLines>,
    /// How long it took, in real time.
    pub took: Duration,
}

/// Percentiles of one stage in milliseconds: p50, p95, p99, max; `None` if nothing was measured.
pub fn percentiles(gauges: &Gauges, stage: Stage) -> Option<[f64; 4]> {
    let histogram = gauges.latencies.stage(stage);
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    (!histogram.is_empty()).then(|| [at(0.5), at(0.95), at(0.99), histogram.max() as f64 / 1000.0])
}

/// Runs that are neither ended nor waiting for a person: there are some only after a stop.
pub fn cut_short(counts: &Counts) -> usize {
    counts.live_runs - (counts.paused + counts.parked + counts.stuck).min(counts.live_runs)
}

/// Whether something is left for a person (exit code 3).
pub fn needs_person(counts: &Counts) -> bool {
    counts.live_runs > 0
}

impl Totals<'_> {
    /// The last line of `--json`.
    pub fn json(&self) -> String {
        let fields = self.fields().to_string();
        format!("{{\"type\":\"summary\",{}", fields.strip_prefix('{').unwrap_or(&fields))
    }

    fn fields(&self) -> Value {
        let (books, counts) = (self.gauges.books, self.state.counts());
        let latencies: Map = Stage::ALL
            .iter()
            .filter_map(|stage| {
                let [p50, p95, p99, max] = percentiles(self.gauges, *stage)?;
                let figures = json!({ "p50": p50, "p95": p95, "p99": p99, "max": max });
                Some((stage.name().to_owned(), figures))
            })
            .collect();
        let none = BadLines::default();
        let bad = self.bad.unwrap_or(&none);
        let mut summary = json!({
            "received": books.received,
            "processed": books.processed,
            "deduplicated": books.deduplicated,
            "dropped": books.dropped(),
            "dropped_by": {
                "undecodable": books.undecodable, "too_long": books.too_long, "overflow": books.overflow,
            },
            "bad_lines": bad.reasons,
            "samples": bad.samples,
            "queued": books.queued,
            "sources": self.gauges.sources,
            "late": books.late,
            "ahead": books.ahead,
            "stale_answers": self.gauges.stale_answers,
            "detections": counts.detections,
            "incidents": counts.incidents,
            "open_incidents": counts.open_incidents,
            "runs": {
                "completed": counts.completed,
                "rolled_back": counts.rolled_back,
                "cancelled": counts.cancelled,
                "failed": counts.failed,
                "abandoned": counts.abandoned,
                "paused": counts.paused,
                "parked": counts.parked,
                "stuck": counts.stuck,
                "live": counts.live_runs,
                "observed": counts.observed,
            },
            "seconds": self.took.as_secs_f64(),
            "commits": self.ending.commits,
            "interrupted": self.ending.interrupted,
            "latency_ms": latencies,
        });
        let mut set = |name: &str, value: Value| {
            if let Some(summary) = summary.as_object_mut() {
                summary.insert(name.to_owned(), value);
            }
        };
        if self.state.kind() == Some(JournalKind::Exercise) {
            set("drill", true.into());
        }
        if let Some(hash) = self.ending.records_hash {
            set("records_hash", hash.to_string().into());
        }
        summary
    }
}
