//! The journal: a record comes back as it was, whatever a record says is folded or refused, and a changed
//! file never gives other records than were written (C7, C24).

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use quell::config::{Folder, load};
use quell::engine::{Actor, Engine, Input, Record, Request, State};
use quell::journal::{Anchor, Journal, JournalError, SqliteJournal, codec, for_each, verify};
use quell::model::{Digest, RequestId, Timestamp};
use tempfile::TempDir;

use super::bytes::Bytes;

pub fn run(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    match bytes.below(3) {
        0 => records(bytes.0),
        1 => file(&mut bytes, true),
        _ => file(&mut bytes, false),
    }
}

/// Lines, each the body of a record.
fn records(bytes: &[u8]) {
    let mut state = State::new();
    for (body, seq) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        let Ok(record) = codec::decode(seq, codec::JSON, body) else { return };
        let mut written = Vec::new();
        codec::encode(&record, &mut written).expect("what was read can be written");
        let again = codec::decode(seq, codec::JSON, &written).expect("what was written can be read");
        assert_eq!(again, record);
        if state.apply(&record).is_err() {
            return;
        }
    }
}

/// A journal file of which some bytes are exchanged, or the end is missing.
fn file(bytes: &mut Bytes<'_>, anchored: bool) {
    let Sound { file: whole, records: written, head } = sound();
    let mut changed = whole.clone();
    if bytes.rarely(4) {
        changed.truncate(usize::from(bytes.byte()) << 8 | usize::from(bytes.byte()));
    }
    while !bytes.is_empty() {
        let at = (bytes.below(256) << 8 | bytes.below(256)) % whole.len();
        let byte = bytes.byte();
        if let Some(place) = changed.get_mut(at) {
            *place = byte;
        }
    }
    let (_folder, path) = place();
    std::fs::write(&path, &changed).expect("a place for the file");
    if anchored {
        let anchor = Anchor { seq: written.len() as u64, hash: *head };
        let text = serde_json::to_vec(&anchor).expect("an anchor is two values");
        std::fs::write(path.with_extension("head"), text).expect("a place for the anchor");
    }
    let verified = verify(&path);
    let mut found = Vec::new();
    let read = SqliteJournal::open_read_only(&path).and_then(|mut journal| {
        for_each(&mut journal, |record| {
            found.push(record);
            Ok::<_, JournalError>(())
        })
    });
    // Without the anchor the hashes can be taken away together with what they guard.
    if !anchored {
        return;
    }
    if verified.is_ok() && read.is_ok() {
        assert_eq!(found, *written, "the file was changed, and is taken for whole");
    }
}

/// A journal file and what is in it.
struct Sound {
    file: Vec<u8>,
    records: Vec<Record>,
    /// Hash of the last one.
    head: Digest,
}

/// A journal that an engine wrote.
fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let loaded = load(&Folder::embedded()).expect("the exercise is sound");
        let now = Timestamp::from_secs(1_800_000_000);
        let (mut engine, opening) = Engine::new(Arc::new(loaded.setup), "fuzz", 7, now);
        let (folder, path) = place();
        let mut journal = SqliteJournal::open(&path).expect("a journal");
        let mut records = opening.records;
        let request = Request::Halt { reason: "fuzz".to_owned() };
        let halt = Input::Request { id: RequestId(1), by: Actor("ann".into()), seen: None, request };
        records.extend(engine.handle(halt, now).records);
        journal.append(&[Arc::new(records.clone())]).expect("room on the disk");
        let head = journal.head();
        drop(journal);
        // What is in the log goes into the file.
        let flat = folder.path().join("flat.db");
        let connection = rusqlite::Connection::open(&path).expect("a database");
        connection.execute("VACUUM INTO ?1", [flat.to_str()]).expect("room on the disk");
        let file = std::fs::read(&flat).expect("the file");
        Sound { file, records, head }
    })
}

fn place() -> (TempDir, PathBuf) {
    let memory = std::path::Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder");
    let path = folder.path().join("journal.db");
    (folder, path)
}
