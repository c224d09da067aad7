//! Snapshots of the state: what folding a snapshot and the rest comes to is what folding every record
//! comes to. `QUELL_SNAPSHOT_SEEDS` says of how many simulated worlds (10 unless set).

use std::sync::Arc;

use quell::engine::{Engine, Record, State};
use quell::sim::World;

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how far to go")]
fn seeds() -> u64 {
    std::env::var("QUELL_SNAPSHOT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

fn records(seed: u64) -> Vec<Record> {
    World::new(seed).into_records().unwrap_or_else(|violation| panic!("\n{violation}"))
}

fn restored(state: &State) -> State {
    State::from_text(&state.clone().into_text().unwrap()).unwrap()
}

/// After every record the state comes back as it was, and from every twentieth on the rest is folded to
/// the same end.
#[test]
fn s2_8_a_snapshot_and_the_rest_is_everything() {
    let mut compared = 0;
    for seed in 0..seeds() {
        let records = records(seed);
        let mut end = State::new();
        records.iter().for_each(|record| end.apply(record).unwrap());
        let mut state = State::new();
        for (i, record) in records.iter().enumerate() {
            state.apply(record).unwrap();
            let mut again = restored(&state);
            assert_eq!(again, state, "seed {seed}, record {}", record.seq);
            compared += 1;
            if i % 20 == seed as usize % 20 {
                records[i + 1..].iter().for_each(|record| again.apply(record).unwrap());
                assert_eq!(again, end, "seed {seed}, from record {}", record.seq);
                assert_eq!(again.into_text().unwrap(), end.clone().into_text().unwrap());
            }
        }
    }
    assert!(compared > 100 * seeds(), "only {compared} states");
}

/// An engine that starts from a snapshot says the same as one that folded every record.
#[test]
fn c8_a_start_from_a_snapshot_is_a_start() {
    for seed in 0..seeds() {
        let records = records(seed);
        let mut state = State::new();
        records.iter().for_each(|record| state.apply(record).unwrap());
        let setup = World::new(seed).setup();
        let now = state.now();
        let (one, said) = Engine::resume(state.clone(), Arc::clone(&setup), "x", now).unwrap();
        let (two, too) = Engine::resume(restored(&state), setup, "x", now).unwrap();
        assert_eq!((said, one.state()), (too, two.state()), "seed {seed}");
    }
}
