//! Reports as text of at most 100 columns.

use std::fmt::Write as _;

use super::baseline::Change;
use super::result::{Figures, Report};

/// The widest line.
pub const COLUMNS: usize = 100;

/// A time in the unit that suits it.
pub fn time(ms: f64) -> String {
    let (value, unit) = match ms {
        ms if ms >= 1_000.0 => (ms / 1_000.0, "s"),
        ms if ms >= 1.0 => (ms, "ms"),
        ms if ms >= 1e-3 => (ms * 1e3, "µs"),
        ms => (ms * 1e6, "ns"),
    };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

/// A count with a space between thousands.
pub fn count(number: f64) -> String {
    let digits = format!("{:.0}", number.round());
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// The results, one line each, and a second one for a floor.
pub fn results(reports: &[Report]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<26}{:>11}{:>6}{:>12}{:>8}{:>8}{:>8}{:>8}{:>6}{:>7}",
        "", "operations", "ok %", "per second", "median", "p95", "p99", "max", "MiB", "floor"
    );
    for report in reports {
        let name = if report.durable { format!("{} disk", report.name) } else { report.name.to_string() };
        let ratio = report.ratio_to_floor.map_or(String::new(), |ratio| format!("{ratio:.2}x"));
        line(&mut text, &name, &report.figures, &ratio);
        extra(&mut text, report);
        if let Some(floor) = &report.floor {
            line(&mut text, "  floor", &floor.figures, "");
        }
        for part in &report.parts {
            let latency = &part.latency_ms;
            let ok = 100.0 * part.succeeded as f64 / part.operations.max(1) as f64;
            let _ = writeln!(
                text,
                "{:<26}{:>11}{:>6.1}{:>12}{:>8}{:>8}{:>8}{:>8}",
                format!("  {}", part.name),
                count(part.operations as f64),
                ok,
                count(part.operations_per_second),
                time(latency.median),
                time(latency.p95),
                time(latency.p99),
                time(latency.max)
            );
        }
    }
    reports.iter().for_each(|report| checks(&mut text, report));
    let latencies = reports.iter().map(|report| (&*report.name, &*report.latency_of));
    legend(&mut text, "median to max are of", latencies);
    let floors = reports.iter().filter_map(|report| Some((&*report.name, &*report.floor.as_ref()?.what)));
    legend(&mut text, "the floors do", floors);
    text
}

/// Counts that are known beforehand, and what was found in their place.
fn checks(text: &mut String, report: &Report) {
    if report.checks.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{:<44}{:>16}{:>16}", format!("counts of {}", report.name), "expected", "found");
    for check in &report.checks {
        let (expected, found) = (count(check.expected as f64), count(check.found as f64));
        let verdict = if check.is_right() { "" } else { "  wrong" };
        let _ = writeln!(text, "  {:<42}{expected:>16}{found:>16}{verdict}", check.what);
    }
}

/// What each text is about: the first benchmark of those that share it stands before it.
fn legend<'a>(text: &mut String, title: &str, entries: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut said: Vec<&str> = Vec::new();
    for (name, what) in entries {
        if said.contains(&what) {
            continue;
        }
        if said.is_empty() {
            let _ = writeln!(text, "\n{title}");
        }
        said.push(what);
        let _ = writeln!(text, "  {name:<14}{what}");
    }
}

fn line(text: &mut String, name: &str, figures: &Figures, ratio: &str) {
    let latency = &figures.latency_ms;
    let _ = writeln!(
        text,
        "{name:<26}{:>11}{:>6.1}{:>12}{:>8}{:>8}{:>8}{:>8}{:>6.0}{ratio:>7}",
        count(figures.operations as f64),
        figures.success_rate,
        count(figures.operations_per_second),
        time(latency.median),
        time(latency.p95),
        time(latency.p99),
        time(latency.max),
        figures.memory_mb.peak,
    );
}

/// What only some benchmarks have.
fn extra(text: &mut String, report: &Report) {
    let figures = &report.figures;
    let Some(rate) = figures.workflows_per_second else { return };
    let _ = write!(text, "    {} workflows/s", count(rate));
    if let Some(fsyncs) = figures.fsyncs {
        let workflows = rate * figures.operations as f64 / figures.operations_per_second;
        let _ = write!(text, ", {:.2} fsyncs each", fsyncs as f64 / workflows.max(1.0));
    }
    let _ = writeln!(text);
}

/// The comparison with a baseline.
pub fn changes(changes: &[Change], tolerance: f64) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{:<32}{:<14}{:>14}{:>14}{:>10}", "", "", "old", "new", "change");
    for change in changes {
        let value = |value: f64| match change.figure {
            "operations/s" => count(value),
            _ => format!("{value:.4}"),
        };
        let verdict = if change.regressed { "  worse" } else { "" };
        let shift = if change.old == 0.0 { 0.0 } else { 100.0 * (change.new - change.old) / change.old };
        let (old, new) = (value(change.old), value(change.new));
        let _ = writeln!(
            text,
            "{:<32}{:<14}{old:>14}{new:>14}{shift:>+9.1}%{verdict}",
            change.name, change.figure
        );
    }
    let _ = writeln!(text, "allowed: {:.0} % worse", tolerance * 100.0);
    text
}

#[cfg(test)]
mod tests {
    use super::super::threshold::tests::report;
    use super::*;

    #[test]
    fn times_and_counts_are_short() {
        for (ms, text) in [
            (1.5e-6, "1.50 ns"),
            (0.000_25, "250 ns"),
            (0.012_34, "12.3 µs"),
            (1.5, "1.50 ms"),
            (2_500.0, "2.50 s"),
        ] {
            assert_eq!(time(ms), text);
        }
        for (number, text) in [(0.0, "0"), (999.0, "999"), (1_000.0, "1 000"), (1_234_567.4, "1 234 567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn tables_fit_into_100_columns() {
        let mut widest = report("detection/1000-rules", 123.0, 12_345_678.0, 10_000);
        widest.durable = true;
        widest.figures.operations = 100_000_000;
        widest.figures.workflows_per_second = Some(1e6);
        widest.figures.fsyncs = Some(100_000);
        let usage =
            crate::bench::usage::Usage { took: std::time::Duration::from_secs(1), ..Default::default() };
        let floor = super::super::result::Work { operations: 9_999_999, usage, ..Default::default() };
        let old = super::super::result::Results {
            results: vec![widest.clone()],
            machine: "it".into(),
            version: "0".into(),
        };
        let compared = super::super::baseline::compare(&old, &[widest.clone()], 0.2);
        let text = results(&[widest.above("a lock, a clock and a push for each record", &floor)]);
        for line in text.lines().chain(changes(&compared, 0.2).lines()) {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
        assert!(text.contains("disk") && text.contains("floor"), "{text}");
    }
}
