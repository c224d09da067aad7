//! Each byte of a journal changed, and each length that a cut leaves: found, or without effect (C7, C24).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::volume::Volume;
use super::{JournalError, Ledger, Record, Simulated, wanted};
use crate::journal::Journal as _;

const PAGE: usize = 4096;
const MASKS: [u8; 3] = [0x01, 0x80, 0xff];
/// Every so many bytes are tried, unless all are wanted; a prime number, so that all places in a page come.
const STRIDE: usize = 199;

/// The files of a journal, and what is in them.
struct Image {
    files: Vec<(String, Vec<u8>)>,
    records: Vec<Record>,
}

impl Image {
    fn of(disk: &Simulated, records: Vec<Record>) -> Image {
        let names = ["journal.db", "journal.db-wal", "journal.head"];
        let bytes = |name: &str| Some((name.to_owned(), disk.volume.bytes(name)?));
        Image { files: names.into_iter().filter_map(bytes).collect(), records }
    }

    fn size(&self, name: &str) -> usize {
        self.files.iter().find(|(other, _)| other == name).map_or(0, |(_, bytes)| bytes.len())
    }

    /// The journal with one file changed.
    fn with(&self, name: &str, change: impl Fn(&mut Vec<u8>)) -> Arc<Simulated> {
        let mut files = self.files.clone();
        files.iter_mut().filter(|(other, _)| other == name).for_each(|(_, bytes)| change(bytes));
        Simulated::new(Volume::with(files))
    }
}

/// A journal of 256 KiB after a clean stop.
fn closed() -> Image {
    let disk = Simulated::new(Volume::default());
    let mut ledger = Ledger::default();
    let mut journal = disk.open().unwrap();
    // Most records are short; a few do not fit into a page.
    for size in [20, 200, 60, 9_000, 120, 40].into_iter().cycle() {
        ledger.append(&mut journal, &[size; 3]).unwrap();
        disk.checkpoint(&mut journal);
        if disk.volume.bytes("journal.db").unwrap().len() >= 64 * PAGE {
            break;
        }
    }
    drop(journal);
    assert_eq!(disk.volume.bytes("journal.db-wal"), None);
    Image::of(&disk, ledger.durable)
}

/// A journal whose process was killed: the last ten transactions are in the log.
fn killed() -> Image {
    let disk = Simulated::new(Volume::default());
    let mut ledger = Ledger::default();
    let mut journal = disk.open().unwrap();
    ledger.append(&mut journal, &[100; 20]).unwrap();
    disk.checkpoint(&mut journal);
    for size in [20, 9_000, 300, 20, 4_000, 20, 20, 700, 20, 20] {
        ledger.append(&mut journal, &[size; 2]).unwrap();
    }
    let killed = Simulated::new(disk.volume.after_kill());
    Image::of(&killed, ledger.durable)
}

/// How a change came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// It is not opened for writing.
    ByOpen,
    /// It is opened, and refused when it is read, as every start does.
    ByReading,
    /// Every record is read as it was written; `quell journal verify` finds it.
    ByVerify,
    /// Every record is read as it was written, and stays; the next append is refused.
    ByAppend,
    /// Every record is read as it was written, and it can be written on.
    Harmless,
    /// The end is missing: as many records as were in the last so many transactions.
    CutOff(usize),
}

/// What a start does: opens it, and reads it.
fn start(disk: &Arc<Simulated>) -> Result<Result<Vec<Record>, JournalError>, JournalError> {
    disk.open().map(|mut journal| journal.read(1, usize::MAX))
}

fn judge(image: &Image, disk: &Arc<Simulated>) -> Result<Found, String> {
    let before = disk.volume.bytes("journal.db");
    let verified = disk.verify();
    if before != disk.volume.bytes("journal.db") {
        return Err("verify has changed it".to_owned());
    }
    let same = |records: &[Record]| image.records == records;
    if let Ok(records) = &verified
        && !image.records.starts_with(records)
    {
        return Err("verify has read other records".to_owned());
    }
    let records = match start(disk) {
        Err(_) => return Ok(Found::ByOpen),
        Ok(Err(_)) if verified.is_err() => return Ok(Found::ByReading),
        Ok(Err(error)) => return Err(format!("verify did not find: {error}")),
        Ok(Ok(records)) => records,
    };
    if !image.records.starts_with(&records) {
        return Err("a start has read other records".to_owned());
    }
    if verified.is_err() {
        return Ok(Found::ByVerify);
    }
    if !same(&records) {
        return Ok(Found::CutOff(image.records.len() - records.len()));
    }
    write_on(image, disk)
}

/// Writes the journal on: it is whole after that, or refuses and is as it was.
fn write_on(image: &Image, disk: &Arc<Simulated>) -> Result<Found, String> {
    let mut ledger = Ledger { durable: image.records.clone(), ..Ledger::default() };
    let said = |error: JournalError| format!("it does not go on: {error}");
    let mut journal = disk.open().map_err(said)?;
    let appended = ledger.append(&mut journal, &[50; 100]);
    drop(journal);
    let found = disk.verify().map_err(said)?;
    if found != ledger.durable {
        return Err("it went on with other records".to_owned());
    }
    Ok(if appended.is_ok() { Found::Harmless } else { Found::ByAppend })
}

/// Tries each of these changes of a file, and counts how they came out.
fn all(
    image: &Image,
    name: &str,
    changes: impl Iterator<Item = (usize, u8)>,
    change: impl Fn(&mut Vec<u8>, usize, u8),
) -> BTreeMap<Found, u64> {
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for (at, mask) in changes {
        let disk = image.with(name, |bytes| change(bytes, at, mask));
        match judge(image, &disk) {
            Ok(found) => *counts.entry(found).or_default() += 1,
            Err(why) => wrong.push(format!("{name} at {at} ^ {mask:#04x}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{name}: {counts:?}");
    counts
}

fn everything() -> bool {
    wanted("QUELL_FLIPS").is_some_and(|all| all == "all")
}

/// Places to change: all of them, or the header, the beginning of each page, and a sample.
fn places(size: usize, page: usize) -> impl Iterator<Item = (usize, u8)> {
    let all = everything();
    let chosen = move |at: &usize| all || *at < 112 || at % page < 12 || at % STRIDE == 0;
    let masks = move |at: usize| MASKS.into_iter().filter(move |mask| all || at % 3 == *mask as usize % 3);
    (0..size).filter(chosen).flat_map(move |at| masks(at).map(move |mask| (at, mask)))
}

fn flip(bytes: &mut Vec<u8>, at: usize, mask: u8) {
    bytes[at] ^= mask;
}

#[test]
fn c24_a_changed_byte_is_found_or_changes_no_record() {
    let image = closed();
    let size = image.size("journal.db");
    assert!((256..300).contains(&(size / 1024)), "{size}");
    let counts = all(&image, "journal.db", places(size, PAGE), flip);
    assert!(counts.keys().all(|found| !matches!(found, Found::CutOff(_))), "{counts:?}");
    assert!(counts.keys().len() >= 3, "{counts:?}");
    all(&image, "journal.head", places(image.size("journal.head"), PAGE), flip);
}

#[test]
fn c7_a_cut_at_any_length_is_found() {
    let image = closed();
    let size = image.size("journal.db");
    let lengths = (0..size).filter(|at| everything() || at % 256 == 0 || at % STRIDE == 0);
    let counts = all(&image, "journal.db", lengths.map(|at| (at, 0)), |bytes, at, _| bytes.truncate(at));
    assert!(counts.keys().all(|found| matches!(found, Found::ByOpen | Found::ByReading)), "{counts:?}");
    let lengths = 0..image.size("journal.head");
    all(&image, "journal.head", lengths.map(|at| (at, 0)), |bytes, at, _| bytes.truncate(at));
}

#[test]
fn c7_a_changed_byte_of_the_log_costs_the_last_two_transactions_at_most() {
    let image = killed();
    let size = image.size("journal.db-wal");
    let frames = PAGE + 24;
    let counts = all(&image, "journal.db-wal", places(size, frames), flip);
    // Each transaction had two records.
    let most = counts.keys().filter_map(|found| match found {
        Found::CutOff(records) => Some(*records),
        _ => None,
    });
    assert!(most.max().is_none_or(|records| records <= 4), "{counts:?}");
    assert!(counts.contains_key(&Found::ByOpen), "{counts:?}");
}

/// Whoever takes the anchor away gains the end of the journal at most, never a new one.
#[test]
fn c7_without_its_anchor_a_journal_never_begins_anew() {
    let mut image = closed();
    image.files.retain(|(name, _)| name != "journal.head");
    let first = (0..112).flat_map(|at| MASKS.into_iter().map(move |mask| (at, mask)));
    let counts = all(&image, "journal.db", first, flip);
    let all = image.records.len();
    assert!(!counts.contains_key(&Found::CutOff(all)), "{counts:?}");
    assert!(counts.contains_key(&Found::ByOpen), "{counts:?}");
}
