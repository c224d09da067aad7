//! Snapshots of the state: what folding a snapshot and the rest comes to is what folding every record
//! comes to. `QUELL_SNAPSHOT_SEEDS` says of how many simulated worlds (10 unless set).

#[path = "cli/run.rs"]
mod run;

use std::path::Path;
use std::sync::Arc;

use quell::engine::{Engine, Record, State};
use quell::sim::{Case, World};
use run::expect;

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how far to go")]
fn seeds() -> u64 {
    std::env::var("QUELL_SNAPSHOT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

fn records(seed: u64) -> Vec<Record> {
    World::new(Case::new(seed)).into_records().unwrap_or_else(|violation| panic!("\n{violation}"))
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
        let setup = World::new(Case::new(seed)).setup();
        let now = state.now();
        let (one, said) = Engine::resume(state.clone(), Arc::clone(&setup), "x", now).unwrap();
        let (two, too) = Engine::resume(restored(&state), setup, "x", now).unwrap();
        assert_eq!((said, one.state()), (too, two.state()), "seed {seed}");
    }
}

fn quell(args: &str, folder: &Path, code: i32) -> (String, String) {
    let args = args.replace("DIR", &folder.display().to_string()).replace("LOG", run::SIGNALS);
    expect(&args.split(' ').collect::<Vec<_>>(), code)
}

/// The verbs, on the journal of a replay.
#[test]
fn s12_a_journal_is_archived_read_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &str, code| quell(args, folder.path(), code);
    run("replay LOG --state DIR/work --headless", 0);
    let (whole, _) = run("journal verify --state DIR/work", 0);
    let (shown, _) = run("journal show --state DIR/work", 0);
    let (explained, _) = run("explain run-2 --state DIR/work", 0);
    let head = |text: &str| text.lines().find(|line| line.starts_with("head")).map(str::to_owned);

    let (done, _) = run("journal archive --state DIR/work --before 10 --to DIR/old.db", 0);
    assert!(done.contains("records 1 to 9 are in the archive") && done.contains("old.db"), "{done}");
    let (cut, _) = run("journal verify --state DIR/work", 0);
    assert_eq!(head(&cut), head(&whole));
    assert!(cut.contains("records  10 to ") && cut.contains("records 1 to 9 are in the archive"), "{cut}");
    run("journal verify DIR/old.db", 0);
    // What both have is what the whole had.
    let (old, _) = run("journal show DIR/old.db", 0);
    let (new, said) = run("journal show --state DIR/work", 0);
    assert_eq!(format!("{old}{new}"), shown);
    assert!(said.contains("old.db"), "{said}");
    assert_eq!(run("explain run-2 --state DIR/work", 0).0, explained);
    let (report, _) = run("report --since 24h --state DIR/work", 0);
    assert!(report.contains("left out: records 1 to 9 are in the archive"), "{report}");

    // An open incident holds what came after it; nothing is done twice; nothing is replaced.
    let (_, held) = run("journal archive --state DIR/work --before 9999 --to DIR/old.db", 1);
    assert!(held.contains("is there already") && held.contains("--to"), "{held}");
    let (_, none) = run("journal archive --state DIR/work --keep-days 30 --to DIR/more.db", 1);
    assert!(none.contains("nothing to archive"), "{none}");
    let (_, name) = run("journal archive --state DIR/work --before 12 --to DIR/journal.db", 2);
    assert!(name.contains("another name"), "{name}");

    run("journal restore --state DIR/work DIR/old.db", 0);
    assert_eq!(run("journal verify --state DIR/work", 0).0, whole);
    assert_eq!(run("journal show --state DIR/work", 0).0, shown);
    let (_, again) = run("journal restore --state DIR/work DIR/old.db", 1);
    assert!(again.contains("every record is in the journal"), "{again}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        match path.is_dir() {
            true => copy(&path, &to),
            false => {
                std::fs::copy(path, to).unwrap();
            }
        }
    }
}

/// A snapshot is taken at a clean stop, is verified, and goes with `--fresh`.
#[test]
fn s2_8_a_replay_leaves_a_snapshot_if_it_is_to() {
    let folder = tempfile::tempdir().unwrap();
    let setup = folder.path().join("setup");
    copy(Path::new(run::SETUP), &setup);
    let path = setup.join("settings.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let often = text.replace("snapshot_every: 100000", "snapshot_every: 20");
    assert_ne!(often, text);
    std::fs::write(&path, often).unwrap();
    let play = "replay LOG --config DIR/setup --state DIR/work --headless";
    quell(play, folder.path(), 0);
    let snapshots = || {
        let entries = std::fs::read_dir(folder.path().join("work")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("journal.snapshot-")).count()
    };
    assert!((1..=2).contains(&snapshots()), "{}", snapshots());
    let (verified, _) = quell("journal verify --state DIR/work", folder.path(), 0);
    assert!(verified.contains("it is what the records lead to"), "{verified}");
    let (with, _) = quell("runs --all --state DIR/work", folder.path(), 0);
    std::fs::read_dir(folder.path().join("work")).unwrap().for_each(|entry| {
        let path = entry.unwrap().path();
        if path.display().to_string().contains(".snapshot-") {
            std::fs::write(path, "nonsense").unwrap();
        }
    });
    assert_eq!(quell("runs --all --state DIR/work", folder.path(), 0).0, with);
    let (verified, _) = quell("journal verify --state DIR/work", folder.path(), 0);
    assert!(verified.contains("it does not count"), "{verified}");
}
