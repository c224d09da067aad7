//! `quell metrics`: the figures of an engine at work.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::args::Metrics;
use super::ask;
use super::error::Error;
use super::output::print;
use crate::control::figures::Figures;
use crate::model::SafeText;
use crate::runtime::gauges::SourceGauge;

/// Prints them.
///
/// # Errors
/// No engine is at work in the folder, or nobody reads.
pub fn show(args: &Metrics) -> Result<(), Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let mut client = ask::engine(&folder, None)?.ok_or_else(|| ask::nobody(&folder))?;
    let figures = client.figures().map_err(|error| ask::failed(&folder, error))?;
    print(&if args.json { json(&figures) } else { text(&figures) })
}

fn json(figures: &Figures) -> String {
    let mut tagged = serde_json::to_value(figures).unwrap_or_default();
    if let Value::Object(fields) = &mut tagged {
        fields.insert("type".to_owned(), "metrics".into());
    }
    format!("{tagged}\n")
}

fn text(figures: &Figures) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write(&mut out, figures);
    out
}

fn line(source: &SourceGauge) -> String {
    let mut line = format!("from     {}: {} received", SafeText(&source.name), source.received);
    for (n, what) in [
        (source.undecodable, "no signals"),
        (source.overflow, "dropped by a full queue"),
        (source.waiting as u64, "waiting"),
        (source.connections as u64, "connections"),
    ] {
        if n > 0 {
            line.push_str(&format!(", {n} {what}"));
        }
    }
    if let Some(last) = source.last {
        line.push_str(&format!("; last at {last}"));
    }
    for (word, why) in [("BLIND", &source.blind), ("LOST", &source.lost), ("it", &source.trouble)] {
        if let Some(why) = why {
            line.push_str(&format!("; {word}: {}", SafeText(why)));
        }
    }
    line
}

fn write(out: &mut String, figures: &Figures) -> fmt::Result {
    let of = figures;
    let dropped = of.undecodable + of.too_long + of.overflow;
    writeln!(out, "source   {} since {}, now {}", SafeText(&of.source), of.started, of.now)?;
    writeln!(
        out,
        "signals  {} received = {} processed + {} deduplicated + {dropped} dropped + {} queued; {} late, {} ahead",
        of.received, of.processed, of.deduplicated, of.queued, of.late, of.ahead
    )?;
    writeln!(out, "queue    {} of {}", of.queue.0, of.queue.1)?;
    for source in &of.sources {
        writeln!(out, "{}", line(source))?;
    }
    for latency in of.latencies.iter().filter(|latency| latency.count > 0) {
        writeln!(
            out,
            "latency  {:<17} p50 {} µs  p95 {} µs  p99 {} µs  max {} µs  n {}",
            latency.stage, latency.p50, latency.p95, latency.p99, latency.max, latency.count
        )?;
    }
    writeln!(out, "answers  {} came too late and were ignored", of.stale_answers)?;
    match (&of.on_hold, of.draining) {
        (Some(why), _) => writeln!(out, "on hold  {}", SafeText(why)),
        (None, true) => writeln!(out, "stopping"),
        (None, false) => Ok(()),
    }
}
