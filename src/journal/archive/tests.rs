use tempfile::TempDir;

use super::*;
use crate::journal::tests::records;
use crate::journal::{Journal, verify};

/// A journal with so many records that nobody needs.
fn plain(last: Seq) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = SqliteJournal::open(&path).unwrap();
    for seq in 1..=last {
        journal.append(&[records(seq, seq)]).unwrap();
    }
    (folder, path)
}

/// The journal of a simulated world, whose records some are still needed of.
fn world() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::copy(fixture("layout-2.db"), &path).unwrap();
    (folder, path)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals").join(name)
}

/// What a start without snapshots comes to.
fn folded(path: &Path) -> State {
    let mut journal = SqliteJournal::open_read_only(path).unwrap();
    let (mut state, last) = (journal.origin().unwrap(), journal.last());
    fold(&mut journal, &mut state, last).unwrap();
    state
}

fn range(path: &Path) -> (Seq, Seq) {
    let journal = SqliteJournal::open_read_only(path).unwrap();
    (journal.first(), journal.last())
}

fn put(path: &Path, cut: Cut, to: &Path) -> Result<Archived, ArchiveError> {
    archive(path, cut, to, &mut |_| {})
}

#[test]
fn s12_old_records_move_to_a_file_that_is_a_journal_of_its_own() {
    let (folder, path) = plain(300);
    let (before, head) = (folded(&path), verify(&path).unwrap().head);
    let (one, two) = (folder.path().join("one.db"), folder.path().join("two.db"));
    let done = put(&path, Cut::Before(101), &one).unwrap();
    assert_eq!((done.archive.first, done.archive.last, done.left, done.held), (1, 100, 200, None));
    assert_eq!((range(&one), range(&path)), ((1, 100), (101, 300)));
    // The journal goes on, and is cut once more.
    let mut journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.append(&[records(301, 310)]), Ok(310));
    drop(journal);
    put(&path, Cut::Before(251), &two).unwrap();
    assert_eq!((range(&two), range(&path)), ((101, 250), (251, 310)));
    for file in [&one, &two, &path] {
        verify(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let missing = SqliteJournal::open(&path).unwrap().read(1, 9).unwrap_err().to_string();
    assert!(missing.contains("records 1 to 250 ") && missing.contains("two.db"), "{missing}");

    // Put back, the latest first, it is what it was.
    let wrong = restore(&path, &one).unwrap_err().to_string();
    assert!(wrong.contains("ends with record 100") && wrong.contains("record 250"), "{wrong}");
    assert_eq!(restore(&path, &two).unwrap().first, 101);
    assert_eq!(range(&path), (101, 310));
    restore(&path, &one).unwrap();
    let whole = verify(&path).unwrap();
    assert_eq!((whole.records, whole.archives), (310, vec![]));
    let mut journal = SqliteJournal::open_read_only(&path).unwrap();
    assert_eq!(journal.hash_of(300).unwrap(), Some(head));
    let mut state = State::new();
    fold(&mut journal, &mut state, 300).unwrap();
    assert_eq!(state, before);
    assert!(matches!(restore(&path, &one), Err(ArchiveError::Other(_))));
}

#[test]
fn what_is_needed_stays() {
    let (folder, path) = world();
    let (before, last) = (folded(&path), range(&path).1);
    let mut journal = SqliteJournal::open_read_only(&path).unwrap();
    let survey = Survey::of(&mut journal, Cut::Before(Seq::MAX)).unwrap();
    let (needed, why) = survey.needed().expect("something is needed in this world");
    let to = folder.path().join("old.db");
    let done = put(&path, Cut::Before(last + 1), &to);
    let held = match (needed, done) {
        (1.., Ok(done)) => {
            assert_eq!(done.archive.last, needed - 1);
            assert_eq!(folded(&path), before);
            done.held.unwrap()
        }
        (_, Err(ArchiveError::Nothing(why))) => why,
        (_, Err(error)) => panic!("{error}"),
        _ => unreachable!("records begin with 1"),
    };
    assert!(held.contains(&why) && held.contains(&needed.to_string()), "{held}");
    // Whatever began before that and is not over has every record of its own.
    for run in before.runs().filter(|run| !run.status().is_terminal()) {
        assert!(survey.runs[&run.id()] >= needed, "{}", run.id());
    }
}

#[test]
fn records_are_kept_by_their_age() {
    let (folder, path) = plain(50);
    let to = folder.path().join("old.db");
    // Record `n` of the plain ones is of time `n`, but the first.
    let none = put(&path, Cut::OlderThan(Timestamp(1)), &to).unwrap_err().to_string();
    assert!(none.contains("the first record is 1"), "{none}");
    assert!(!to.exists());
    let done = put(&path, Cut::OlderThan(Timestamp(31)), &to).unwrap();
    assert_eq!(done.archive.last, 30);
    // The last record stays, whatever is asked.
    let all = put(&path, Cut::Before(999), &folder.path().join("all.db")).unwrap();
    assert_eq!((all.archive.last, all.left), (49, 1));
    let nothing = put(&path, Cut::Before(999), &folder.path().join("more.db"));
    assert!(matches!(nothing, Err(ArchiveError::Nothing(_))), "{nothing:?}");
}

/// The folder as it would be found after a kill at that point.
fn copied(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

#[test]
fn c7_a_kill_at_any_point_of_archiving_loses_nothing() {
    let (folder, path) = plain(200);
    let before = folded(&path);
    let to = folder.path().join("old.db");
    let mut killed = vec![];
    archive(&path, Cut::Before(151), &to, &mut |phase| killed.push((phase, copied(folder.path())))).unwrap();
    let phases: Vec<Phase> = killed.iter().map(|(phase, _)| *phase).collect();
    assert_eq!(phases, [Phase::Copied, Phase::Named, Phase::Cut, Phase::Shrunk]);
    for (phase, found) in killed {
        let (path, to) = (found.path().join("journal.db"), found.path().join("old.db"));
        verify(&path).unwrap_or_else(|error| panic!("{phase:?}: {error}"));
        assert_eq!(folded(&path), before, "{phase:?}");
        let first = range(&path).0;
        assert_eq!(first, if matches!(phase, Phase::Copied | Phase::Named) { 1 } else { 151 }, "{phase:?}");
        if first > 1 {
            assert_eq!(verify(&to).unwrap().records, 150, "{phase:?}");
        }
        // Doing it again goes on from there.
        match put(&path, Cut::Before(151), &to) {
            Ok(done) => assert_eq!((first, done.archive.last), (1, 150), "{phase:?}"),
            Err(error) => {
                assert_eq!(first, 151, "{phase:?}: {error}");
                assert!(error.to_string().contains("it has the records 1 to 150"), "{error}");
            }
        }
        assert_eq!(range(&path), (151, 200), "{phase:?}");
        assert_eq!(folded(&path), before, "{phase:?}");
        assert_eq!(range(&to), (1, 150), "{phase:?}");
    }
}

#[test]
fn a_file_that_is_there_is_never_replaced() {
    let (folder, path) = plain(50);
    let to = folder.path().join("old.db");
    std::fs::write(&to, "a diary").unwrap();
    let error = put(&path, Cut::Before(20), &to).unwrap_err().to_string();
    assert!(error.contains("old.db is there already"), "{error}");
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "a diary");
    // That of other records.
    std::fs::remove_file(&to).unwrap();
    let (_other_folder, other) = plain(60);
    rusqlite::Connection::open(&other).unwrap().execute("DELETE FROM records WHERE seq > 5", []).unwrap();
    std::fs::copy(&other, &to).unwrap();
    let error = put(&path, Cut::Before(3), &to).unwrap_err().to_string();
    assert!(error.contains("it has the records 1 to 5"), "{error}");
    assert_eq!(range(&path), (1, 50));
}

/// It names the file that has what is lost, and the file mends it.
#[test]
fn a_base_that_is_lost_is_a_clear_error_and_is_mended() {
    let (folder, path) = plain(80);
    let before = folded(&path);
    let to = folder.path().join("old.db");
    put(&path, Cut::Before(41), &to).unwrap();
    for (harm, why) in [
        ("UPDATE base SET state = CAST(replace(state, 'exercise', 'real') AS BLOB)", "its checksum is wrong"),
        ("UPDATE base SET version = 99", "in layout 99"),
        ("DELETE FROM base", "record 41"),
    ] {
        let found = copied(folder.path());
        let (path, to) = (found.path().join("journal.db"), found.path().join("old.db"));
        rusqlite::Connection::open(&path).unwrap().execute_batch(harm).unwrap();
        let resumed = SqliteJournal::open(&path).and_then(|mut journal| {
            let mut state = journal.resume()?;
            let last = journal.last();
            fold(&mut journal, &mut state, last).map(|()| state)
        });
        let error = resumed.unwrap_err().to_string();
        if harm.starts_with("DELETE") {
            // Nothing says any more where it was cut.
            assert!(error.contains("damaged at record 1: it is missing"), "{error}");
            continue;
        }
        assert!(error.contains(why) && error.contains("old.db"), "{harm}: {error}");
        restore(&path, &to).unwrap();
        assert_eq!(folded(&path), before, "{harm}");
    }
}

#[test]
fn snapshots_of_what_is_archived_go_and_the_others_count() {
    let (folder, path) = plain(90);
    snapshot::take(&path, 20).unwrap();
    snapshot::take(&path, 60).unwrap();
    let before = folded(&path);
    put(&path, Cut::Before(41), &folder.path().join("old.db")).unwrap();
    let left: Vec<Seq> = snapshot::list(&path).unwrap().into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(left, [60]);
    assert_eq!(SqliteJournal::open(&path).unwrap().resume().unwrap().seq(), 60);
    assert_eq!(verify(&path).unwrap().snapshots.len(), 1);
    snapshot::remove_all(&path).unwrap();
    assert_eq!(SqliteJournal::open(&path).unwrap().resume().unwrap().seq(), 40);
    assert_eq!(folded(&path), before);
    snapshot::take(&path, 90).unwrap();
    assert_eq!(verify(&path).unwrap().snapshots[0].ignored, None);
}

/// One file of each layout opens for ever: this one with its archive, if its first state cannot be read
/// any more.
#[test]
fn c8_a_journal_that_was_archived_by_an_earlier_release_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("journal.db"), folder.path().join("old.db"));
    std::fs::copy(fixture("layout-3.db"), &path).unwrap();
    std::fs::copy(fixture("layout-3.archive.db"), &old).unwrap();
    assert_eq!((range(&old), range(&path)), ((1, 23), (24, 406)));
    let (_whole, second) = world();
    let whole = folded(&second);
    let mut journal = SqliteJournal::open_read_only(&path).unwrap();
    match journal.origin() {
        Ok(state) => assert_eq!(state.seq(), 23),
        Err(error) => assert!(error.to_string().contains("layout-3.archive.db"), "{error}"),
    }
    drop(journal);
    restore(&path, &old).unwrap();
    assert_eq!((range(&path), folded(&path)), ((1, 406), whole));
}
