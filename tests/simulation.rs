//! A first seeded simulation: `QUELL_SIM_SEEDS` says how many seeds (300 unless set),
//! `QUELL_SIM_SEED` runs a single one and prints what happened.

use std::collections::BTreeMap;

use quell::sim;

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how far to go")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn seeds_hold_every_promise() {
    let seeds = match number("QUELL_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("QUELL_SIM_SEEDS").unwrap_or(300),
    };
    let (mut records, mut crashes, mut runs) = (0, 0, BTreeMap::<String, u64>::new());
    let mut approved = 0;
    let mut settled = BTreeMap::<String, u64>::new();
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let report = sim::run(seed).unwrap_or_else(|violation| panic!("\n{violation}"));
        records += report.records;
        crashes += report.crashes;
        approved += report.approved;
        report.settled.into_iter().for_each(|(word, n)| *settled.entry(word).or_default() += n);
        report.runs.into_iter().for_each(|(status, n)| *runs.entry(status).or_default() += n);
    }
    println!(
        "{count} seeds, {records} records, {crashes} crashes, last states {runs:?}, settled {settled:?}, approved {approved}"
    );
    if count >= 300 {
        // A simulation that never gets anywhere would find nothing either.
        for status in ["completed", "failed", "rolled_back", "cancelled", "abandoned", "parked", "observed"] {
            assert!(runs.get(status).is_some_and(|n| *n > 0), "no run ended as {status}: {runs:?}");
        }
        let words: &[&str] = match count >= 3_000 {
            true => &["again", "undo", "done", "failed", "undo again", "undo done", "undo skip"],
            false => &["undo done", "undo skip"],
        };
        for word in words {
            assert!(settled.contains_key(*word), "nobody settled {word}: {settled:?}");
        }
        assert!(approved > 100, "only {approved} steps were approved");
        assert!(crashes > 100, "only {crashes} crashes");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..20 {
        assert_eq!(sim::run(seed).unwrap(), sim::run(seed).unwrap(), "seed {seed}");
    }
}
