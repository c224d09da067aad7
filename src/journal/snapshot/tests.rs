use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::engine::Record;
use crate::journal::Anchor;
use crate::journal::tests::records;

fn folded(records: &[Record]) -> State {
    let mut state = State::new();
    records.iter().for_each(|record| state.apply(record).unwrap());
    state
}

/// A journal in which most things happened: of a simulated world.
fn journal() -> (TempDir, PathBuf, Vec<Record>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/layout-2.db");
    std::fs::copy(kept, &path).unwrap();
    let records = SqliteJournal::open_read_only(&path).unwrap().read(1, 9_999).unwrap();
    (folder, path, records)
}

fn seqs(path: &Path) -> Vec<Seq> {
    list(path).unwrap().into_iter().map(|(seq, _)| seq).collect()
}

/// What a start begins with.
fn resumed(path: &Path) -> State {
    SqliteJournal::open_read_only(path).unwrap().resume().unwrap()
}

#[test]
fn s2_8_a_snapshot_is_where_a_start_begins() {
    let (_folder, path, records) = journal();
    let last = records.len() as Seq;
    assert_eq!(resumed(&path), State::new());
    assert_eq!(take(&path, Seq::MAX), Ok(Some(last)));
    assert_eq!(take(&path, Seq::MAX), Ok(None), "there is nothing new");
    assert_eq!(resumed(&path), folded(&records));
}

#[test]
fn the_last_two_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = SqliteJournal::open(&path).unwrap();
    for seq in 1..=4 {
        journal.append(&[records(seq, seq)]).unwrap();
        assert_eq!(take(&path, Seq::MAX), Ok(Some(seq)));
    }
    assert_eq!(seqs(&path), [4, 3]);
    remove_all(&path).unwrap();
    assert_eq!(seqs(&path), [0; 0]);
}

/// Whatever is wrong with a snapshot, the older one counts, and then the first record.
#[test]
fn c7_a_snapshot_is_a_cache_and_never_the_truth() {
    let (_folder, path, all) = journal();
    let last = all.len() as Seq;
    let newest = path.with_extension(format!("snapshot-{last}"));
    let before = last / 2;
    assert_eq!(take(&path, before), Ok(Some(before)));
    assert_eq!(resumed(&path), folded(&all[..before as usize]));
    take(&path, Seq::MAX).unwrap();
    let good = String::from_utf8(std::fs::read(&newest).unwrap()).unwrap();
    let (head, body) = good.split_once('\n').unwrap();
    // Another state with a checksum that is right.
    let other = String::from_utf8(folded(&all[..3]).into_text().unwrap()).unwrap();
    let mut header: Header = serde_json::from_str(head).unwrap();
    header.sha256 = checksum(other.as_bytes());
    let other = format!("{}\n{other}\n", serde_json::to_string(&header).unwrap());
    let cut = &good[..good.len() - 9];
    for (what, text, why) in [
        ("nothing", "", "cut short"),
        ("the end is gone", cut, "cut short"),
        ("the end of the state is gone", &format!("{cut}\n"), "checksum"),
        ("a byte was changed", &good.replacen("alpha", "alphb", 1), "checksum"),
        ("no header", &format!("{body}\n{body}"), "invalid"),
        ("of a later layout", &good.replacen("_snapshot\":1", "_snapshot\":99", 1), "layout 99"),
        ("of a later release", &good.replacen("release\":\"", "release\":\"9", 1), "release 9"),
        ("of another journal", &good.replacen(&header.hash.to_string(), &"ab".repeat(32), 1), "another one"),
        ("another state", &other, "has the state at 3"),
    ] {
        assert_ne!(text, good, "{what}");
        std::fs::write(&newest, text).unwrap();
        let journal = SqliteJournal::open_read_only(&path).unwrap();
        let misfit = read(&newest, |seq| journal.hash_of(seq)).unwrap_err();
        assert!(misfit.why.contains(why), "{what}: {misfit}");
        assert_eq!(resumed(&path).seq(), before, "{what}");
    }
    std::fs::write(path.with_extension(format!("snapshot-{before}")), "nonsense").unwrap();
    assert_eq!(resumed(&path).seq(), 0);
    std::fs::write(&newest, &good).unwrap();
    assert_eq!(resumed(&path), folded(&all));
}

#[test]
fn a_snapshot_of_what_was_cut_off_does_not_count() {
    let (_folder, path, all) = journal();
    take(&path, Seq::MAX).unwrap();
    let last = all.len() as Seq;
    Anchor { seq: 1, hash: SqliteJournal::open_read_only(&path).unwrap().hash_of(1).unwrap().unwrap() }
        .write(&crate::journal::disk::System, &path)
        .unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("DELETE FROM records WHERE seq > ?1", [last as i64 - 5]).unwrap();
    assert_eq!(resumed(&path).seq(), 0);
}

#[test]
fn enough_records_and_a_clean_stop_take_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let open = || SqliteJournal::open(&path).unwrap().with_snapshots(100).unwrap();
    let mut journal = open();
    journal.append(&[records(1, 9)]).unwrap();
    drop(journal);
    assert_eq!(seqs(&path), [0; 0], "too few to be worth it");
    let mut journal = open();
    journal.append(&[records(10, 10)]).unwrap();
    drop(journal);
    assert_eq!(seqs(&path), [10], "with those of before");
    let mut journal = open();
    journal.append(&[records(11, 112)]).unwrap();
    for _ in 0..3_000 {
        if seqs(&path) == [112, 10] {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(seqs(&path), [112, 10], "without a stop");
    drop(journal);
    let mut never = SqliteJournal::open(&path).unwrap().with_snapshots(0).unwrap();
    never.append(&[records(113, 400)]).unwrap();
    drop(never);
    assert_eq!(seqs(&path), [112, 10]);
}

/// Another checksum means that the layout of the state, or what folding comes to, has changed: then
/// [`VERSION`] has to grow, since snapshots of before would be taken for what they are not.
#[test]
fn the_layout_of_the_state_is_of_its_version() {
    let (_folder, _path, records) = journal();
    let text = folded(&records).into_text().unwrap();
    let expected = (1, "953fe69ef066b91d6597864150ca41a9f20a3543d8892772903e0e8720ee4a33");
    assert_eq!((VERSION, checksum(&text).to_string().as_str()), expected);
}
