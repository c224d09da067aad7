//! Comparison with results that were kept: a benchmark that became slower than it may is named.

use super::result::{Report, Results};

/// With fewer operations a 99th percentile is one unlucky moment, and decides nothing.
const ENOUGH: u64 = 1_000;

/// One figure, before and now.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Name of the benchmark.
    pub name: String,
    /// Which figure.
    pub figure: &'static str,
    /// Before.
    pub old: f64,
    /// Now.
    pub new: f64,
    /// How much better (above 0) or worse (below 0), as a share of the old one.
    pub better: f64,
    /// It is worse than the tolerance allows.
    pub regressed: bool,
}

/// Compares results of the same name, scale and durability. Those without a partner are left out.
pub fn compare(old: &Results, new: &[Report], tolerance: f64) -> Vec<Change> {
    let pairs = new.iter().filter_map(|now| {
        let before = old.results.iter().find(|before| before.key() == now.key())?;
        Some((before, now))
    });
    pairs.flat_map(|(before, now)| changes(before, now, tolerance)).collect()
}

fn changes(before: &Report, now: &Report, tolerance: f64) -> Vec<Change> {
    let (old, new) = (&before.figures, &now.figures);
    let rate = (old.operations_per_second, new.operations_per_second);
    let p99 = (old.latency_ms.p99, new.latency_ms.p99);
    let success = (old.success_rate, new.success_rate);
    let enough = old.operations.min(new.operations) >= ENOUGH;
    [
        ("operations/s", rate, share(rate.1 - rate.0, rate.0), tolerance),
        ("p99 ms", p99, share(p99.0 - p99.1, p99.0), if enough { tolerance } else { f64::INFINITY }),
        // What succeeded before must succeed now.
        ("success %", success, share(success.1 - success.0, success.0), 0.0),
    ]
    .map(|(figure, (old, new), better, allowed)| Change {
        name: if now.durable { format!("{} (durable)", now.name) } else { now.name.to_string() },
        figure,
        old,
        new,
        better,
        regressed: better < -allowed,
    })
    .into()
}

fn share(gain: f64, of: f64) -> f64 {
    if of == 0.0 { 0.0 } else { gain / of }
}

#[cfg(test)]
mod tests {
    use super::super::threshold::tests::report;
    use super::*;

    fn results(reports: Vec<Report>) -> Results {
        Results { results: reports, machine: "it".into(), version: "0".into() }
    }

    #[test]
    fn a_regression_beyond_the_tolerance_is_found() {
        let old = results(vec![report("agents", 1.0, 1_000_000.0, 10_000)]);
        for (p99, rate, succeeded, expected) in [
            (1.0, 1_000_000.0, 10_000, vec![]),
            (1.19, 810_000.0, 10_000, vec![]),
            (0.1, 9_000_000.0, 10_000, vec![]),
            (1.0, 790_000.0, 10_000, vec!["operations/s"]),
            (1.21, 1_000_000.0, 10_000, vec!["p99 ms"]),
            (1.0, 1_000_000.0, 9_999, vec!["success %"]),
        ] {
            let changes = compare(&old, &[report("agents", p99, rate, succeeded)], 0.2);
            assert_eq!(changes.len(), 3);
            let regressed: Vec<_> = changes.iter().filter(|c| c.regressed).map(|c| c.figure).collect();
            assert_eq!(regressed, expected, "{changes:?}");
        }
    }

    #[test]
    fn only_the_same_is_compared() {
        let old = results(vec![report("agents", 1.0, 1e6, 10_000)]);
        let mut other = report("agents", 9.0, 1.0, 0);
        other.scale = 2;
        assert_eq!(compare(&old, &[other.clone()], 0.2), vec![]);
        (other.scale, other.durable) = (1, true);
        assert_eq!(compare(&old, &[other, report("rollback", 9.0, 1.0, 0)], 0.2), vec![]);
    }

    #[test]
    fn a_percentile_of_few_decides_nothing() {
        let mut before = report("workflow", 1.0, 1e6, 10_000);
        before.figures.operations = 500;
        let changes = compare(&results(vec![before]), &[report("workflow", 9.0, 1e6, 10_000)], 0.2);
        assert!(changes.iter().all(|change| !change.regressed), "{changes:?}");
    }
}
