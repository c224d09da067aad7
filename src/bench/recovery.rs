//! Taking up a journal on disk: reading and folding every record, or those after a snapshot, up to an
//! engine that may go on; and the state as a text.

use std::path::Path;
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::BenchError;
use super::result::Work;
use super::rig::{Asker, Rig, Watcher, recipe};
use super::samples::Samples;
use super::usage::Stopwatch;
use super::workflow::{AT_ONCE, Book, NAME};
use crate::engine::{Engine, Setup, State};
use crate::journal::{Journal, SqliteJournal, journal_path, snapshot};
use crate::runtime::clock::{instant, wall};
use crate::runtime::start::{Folded, Watched};

/// Records at scale 1.
pub const RECORDS: u64 = 10_000;
/// Live runs of the state that is read from its text.
pub const LIVE: u64 = 10_000;

/// Writes a journal of at least so many records of whole workflows, and says how many they are.
///
/// # Errors
/// The disk refuses.
pub fn write(setup: &Arc<Setup>, folder: &Path, records: u64) -> Result<u64, BenchError> {
    let journal = SqliteJournal::open(&journal_path(folder))?;
    let mut rig = Rig::with(setup, Watcher::Headless, Box::new(journal), |_| {})?;
    let (mut asker, mut book) = (Asker::new(NAME), Book::default());
    let mut inputs = Vec::new();
    loop {
        while book.open() < AT_ONCE && rig.state().seq() < records {
            inputs.push(asker.ask());
            book.asked(instant());
        }
        let Some(batch) = rig.round(&mut inputs)? else { break };
        book.read(&batch, instant());
    }
    let written = rig.state().seq();
    rig.close(Watcher::Headless)?;
    Ok(written)
}

/// Takes up the journal of a folder, which has so many records.
///
/// # Errors
/// It is damaged.
pub fn take_up(setup: &Arc<Setup>, folder: &Path, records: u64) -> Result<Work, BenchError> {
    let watch = Stopwatch::start();
    let begun = instant();
    let mut journal = SqliteJournal::open(&journal_path(folder))?;
    let folded = Folded::read(&mut journal, setup, false)?;
    let started = folded.start(&recipe(setup), &mut journal, wall(), Watched::Not)?;
    let mut samples = Samples::default();
    samples.add(instant().duration_since(begun));
    let usage = watch.stop();
    let state = started.driver.state();
    let taken = if state.counts().live_runs == 0 { journal.last().min(records) } else { 0 };
    Ok(Work { operations: records, succeeded: taken, records, samples, usage, ..Work::default() })
}

/// Records that come after the snapshot: as many as there can be before the next one, at most a tenth.
pub fn rest(records: u64) -> u64 {
    (records / 10).min(100_000)
}

/// Takes the snapshot that leaves so many records to be folded.
///
/// # Errors
/// The disk refuses.
pub fn snapshot(folder: &Path, records: u64) -> Result<(), BenchError> {
    snapshot::take(&journal_path(folder), records - rest(records))?;
    Ok(())
}

/// The text of a state with so many live runs.
///
/// # Errors
/// The state has no text.
pub fn live(setup: &Arc<Setup>, runs: u64) -> Result<Vec<u8>, BenchError> {
    let now = wall();
    let (mut engine, _) = Engine::new(Arc::clone(setup), "bench", 1, now);
    let mut asker = Asker::new(NAME);
    (0..runs).for_each(|_| drop(engine.handle(asker.ask(), now)));
    engine.state().clone().into_text().map_err(|error| BenchError(error.to_string()))
}

/// Makes the state of a text with so many live runs, or with `bare` only looks where its values are.
///
/// # Errors
/// It is another text.
pub fn read(text: &[u8], runs: u64, bare: bool) -> Result<Work, BenchError> {
    let watch = Stopwatch::start();
    let begun = instant();
    let failed = |error: serde_json::Error| BenchError(error.to_string());
    let state = match bare {
        true => serde_json::from_slice::<IgnoredAny>(text).map(|_| None),
        false => State::from_text(text).map(Some),
    };
    let state = state.map_err(failed)?;
    let mut samples = Samples::default();
    samples.add(instant().duration_since(begun));
    let succeeded = state.as_ref().map_or(runs, |state| state.counts().live_runs as u64);
    Ok(Work { operations: runs, succeeded, samples, usage: watch.stop(), ..Work::default() })
}

#[cfg(test)]
mod tests {
    use super::super::workflow::five;
    use super::*;

    #[test]
    fn c8_every_record_is_taken_up() {
        let setup = five().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let written = write(&setup, folder.path(), 500).unwrap();
        assert!((500..2_500).contains(&written), "{written}");
        let work = take_up(&setup, folder.path(), written).unwrap();
        assert_eq!((work.operations, work.succeeded), (written, written));
        snapshot(folder.path(), written).unwrap();
        let work = take_up(&setup, folder.path(), written).unwrap();
        assert_eq!((work.operations, work.succeeded), (written, written));
        let text = live(&setup, 50).unwrap();
        assert_eq!(read(&text, 50, false).unwrap().succeeded, 50);
    }
}
