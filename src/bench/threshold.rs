//! Figures that must hold on any machine (S9.3): the floor, not the goal.

use std::cmp::Ordering;

use super::result::Report;

/// Slowest 99th percentile of a suite, in milliseconds.
const P99_MS: &[(&str, f64)] = &[
    ("workflow", 500.0),
    ("transitions", 1.0),
    ("detection", 10.0),
    ("rollback", 5.0),
    ("halt", 100.0),
    ("flood", 100.0),
];
/// Memory of the whole process, at most, in MiB.
const PEAK_MIB: &[(&str, f64)] = &[("flood", 256.0)];
/// Operations in a second, at least.
const OPERATIONS_PER_SECOND: f64 = 1_000.0;
/// How fast the system starts programs and synchronises its disk is not quell's.
const OF_THE_SYSTEM: &[&str] = &["processes", "hostile", "halt"];
/// Share that succeeds, in percent, at least.
const SUCCESS_RATE: f64 = 99.9;

/// Which thresholds a result misses, one sentence each.
pub fn missed(report: &Report) -> Vec<String> {
    let (name, figures) = (&report.name, &report.figures);
    let suite = name.split('/').next().unwrap_or_default();
    let title = if report.durable { format!("{name} (durable)") } else { name.to_string() };
    let mut missed = Vec::new();
    if let Some((_, limit)) = P99_MS.iter().find(|(of, _)| *of == suite)
        && figures.latency_ms.p99.partial_cmp(limit).is_none_or(Ordering::is_ge)
    {
        missed.push(format!("{title}: p99 is {:.3} ms, it must be < {limit} ms", figures.latency_ms.p99));
    }
    let of_system =
        OF_THE_SYSTEM.iter().any(|of| name.starts_with(of)) || (report.durable && suite == "workflow");
    let rate = figures.operations_per_second;
    if !of_system && rate.partial_cmp(&OPERATIONS_PER_SECOND).is_none_or(Ordering::is_le) {
        missed.push(format!("{title}: {rate:.0} operations/s, it must be > {OPERATIONS_PER_SECOND}"));
    }
    if figures.success_rate.partial_cmp(&SUCCESS_RATE).is_none_or(Ordering::is_le) {
        missed
            .push(format!("{title}: {:.3} % succeeded, it must be > {SUCCESS_RATE} %", figures.success_rate));
    }
    if let Some((_, limit)) = PEAK_MIB.iter().find(|(of, _)| *of == suite)
        && figures.memory_mb.peak > *limit
    {
        missed.push(format!(
            "{title}: {:.0} MiB at its peak, it must be <= {limit} MiB",
            figures.memory_mb.peak
        ));
    }
    let wrong = report.checks.iter().filter(|check| !check.is_right());
    missed.extend(
        wrong.map(|check| format!("{title}: {}: {}, it must be {}", check.what, check.found, check.expected)),
    );
    missed
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::result::{Checked, Work};
    use crate::bench::samples::Samples;
    use crate::bench::usage::Usage;
    use std::time::Duration;

    /// A report of 10,000 operations.
    pub fn report(name: &str, p99_ms: f64, per_second: f64, succeeded: u64) -> Report {
        let mut samples = Samples::default();
        samples.add(Duration::from_secs_f64(p99_ms / 1e3));
        let usage = Usage { took: Duration::from_secs_f64(1e4 / per_second), ..Usage::default() };
        let work = Work { operations: 10_000, succeeded, samples, usage, ..Work::default() };
        Report {
            name: name.into(),
            scale: 1,
            durable: false,
            operation: "step".into(),
            latency_of: "it".into(),
            figures: work.figures(),
            floor: None,
            ratio_to_floor: None,
            parts: vec![],
            checks: vec![],
        }
    }

    #[test]
    fn s9_3_a_missed_threshold_is_named() {
        for (name, p99, rate, succeeded, expected) in [
            ("workflow", 499.0, 1_001.0, 9_991, ""),
            ("workflow", 501.0, 1e6, 10_000, "workflow: p99 is 501.000 ms, it must be < 500 ms"),
            ("transitions/guards", 1.5, 1e6, 10_000, "transitions/guards: p99 is 1.500 ms"),
            ("detection/1000-rules", 10.0, 1e6, 10_000, "it must be < 10 ms"),
            ("rollback", 4.9, 1e6, 10_000, ""),
            ("rollback", 5.1, 1e6, 10_000, "it must be < 5 ms"),
            ("agents", 9e3, 1e6, 10_000, ""),
            ("agents", 1.0, 999.0, 10_000, "agents: 999 operations/s, it must be > 1000"),
            ("processes", 9e3, 100.0, 10_000, ""),
            ("processes", 9e3, 100.0, 9_000, "processes: 90.000 % succeeded"),
            ("flood", 101.0, 1e6, 10_000, "flood: p99 is 101.000 ms, it must be < 100 ms"),
            ("agents", 1.0, 1e6, 9_990, "99.900 % succeeded, it must be > 99.9 %"),
        ] {
            let missed = missed(&report(name, p99, rate, succeeded));
            assert_eq!(missed.len(), usize::from(!expected.is_empty()), "{missed:?}");
            assert!(missed.iter().all(|line| line.contains(expected)), "{missed:?}");
        }
    }
    #[test]
    fn c20_a_count_that_is_wrong_is_named() {
        let mut report = report("flood", 1.0, 1e6, 10_000);
        report.checks = vec![Checked::new("processed", 7, 7), Checked::new("late", 0, 3)];
        report.figures.memory_mb.peak = 257.0;
        assert_eq!(
            missed(&report),
            ["flood: 257 MiB at its peak, it must be <= 256 MiB", "flood: late: 3, it must be 0"]
        );
    }
}
