//! Taking up a journal on disk: reading and folding every record, up to an engine that may go on.

use std::path::Path;
use std::sync::Arc;

use super::BenchError;
use super::result::Work;
use super::rig::{Asker, Rig, Watcher, recipe};
use super::samples::Samples;
use super::usage::Stopwatch;
use super::workflow::{AT_ONCE, Book, NAME};
use crate::engine::Setup;
use crate::journal::{Journal, SqliteJournal, journal_path};
use crate::runtime::clock::{instant, wall};
use crate::runtime::start::{Folded, Watched};

/// Records at scale 1.
pub const RECORDS: u64 = 10_000;

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
    }
}
