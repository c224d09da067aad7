//! A day under load, simulated: nothing that is kept may grow with time. `QUELL_LONG_SEEDS` says how many
//! days (1 unless set), `QUELL_LONG_HOURS` how long each is (24), `QUELL_LONG_SEED` with which it begins.

use std::collections::BTreeMap;

use quell::sim::long;

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how far to go")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_grows_in_a_day() {
    let first = number("QUELL_LONG_SEED").unwrap_or(0);
    let (seeds, hours) = (number("QUELL_LONG_SEEDS").unwrap_or(1), number("QUELL_LONG_HOURS").unwrap_or(24));
    let (mut signals, mut records, mut runs, mut crashes) = (0, 0, 0, 0);
    let mut most = BTreeMap::<&str, usize>::new();
    let mut grew = Vec::new();
    for seed in first..first + seeds {
        let day = long::run(seed, hours as u32).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        grew.extend(day.growth().into_iter().map(|growth| format!("seed {seed}: {growth}")));
        (signals, records, runs) = (signals + day.signals, records + day.records, runs + day.runs);
        crashes += day.crashes;
        for (of, hours) in day.most {
            let found = hours.into_iter().max().unwrap_or(0);
            let most = most.entry(of).or_default();
            *most = found.max(*most);
        }
    }
    println!(
        "{seeds} days of {hours} hours: {signals} signals, {records} records, {runs} runs, {crashes} crashes"
    );
    println!("at most {most:?}");
    assert!(grew.is_empty(), "\n{}", grew.join("\n"));
    // A day in which nothing is kept would prove nothing.
    for of in ["timers", "lines at targets", "leases", "groups", "links", "ended obligations"] {
        assert!(most.get(of).is_some_and(|most| *most > 0), "{of}: {most:?}");
    }
    assert!(runs > 100 * hours * seeds, "{runs} runs");
}
