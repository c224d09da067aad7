//! The bare loops: the least that could do the same work. They are no part of quell; what the engine
//! adds to them is what it costs.

use std::collections::VecDeque;
use std::hint::black_box;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::BenchError;
use super::result::Work;
use super::samples::Samples;
use super::transitions::together;
use super::usage::Stopwatch;
use crate::journal::memory::RING_RECORDS;
use crate::runtime::clock::{instant, wall};

/// Pushes, at least: with fewer a floor says nothing.
const LEAST: u64 = 500_000;
/// Pushes that are timed as one.
const BATCH: u64 = 100;

/// What [`pushes`] does.
pub const PUSHES: &str = "for each record (or transition): take a lock, read the clock, push 16 bytes";
/// What [`channels`] does.
pub const CHANNELS: &str =
    "for each step: a message to a task of tokio and its answer; 10 tasks, 10 at once each";
/// What [`commits`] does.
pub const COMMITS: &str =
    "the same rows, bytes and settings in SQLite, in the fewest commits that order allows";
/// What [`read`] does.
pub const READ: &str = "every row of the same journal is read, none is decoded";

/// Takes a lock, reads the clock and pushes, once for each record, in so many threads, each with a lock
/// of its own. It counts as so many operations of the real work, or a multiple of it if that is little.
///
/// # Errors
/// The system gives no thread.
pub fn pushes(records: u64, operations: u64, threads: u64) -> Result<Work, BenchError> {
    let times = LEAST.div_ceil(records.max(1)).max(1);
    let (records, operations) = (records * times, operations * times);
    let share = records.div_ceil(threads);
    let each = records as f64 / operations.max(1) as f64;
    let watch = Stopwatch::start();
    let all = together(threads, &|ready| {
        let ring = Mutex::new(VecDeque::with_capacity(RING_RECORDS));
        let mut samples = Samples::with_room(share / BATCH + 1);
        (0..RING_RECORDS as u64).for_each(|i| push(&ring, i));
        let lap = ready.start();
        let mut done = 0;
        while done < share {
            let begun = instant();
            let count = BATCH.min(share - done);
            (0..count).for_each(|i| push(&ring, done + i));
            let took = instant().duration_since(begun).mul_f64(each);
            samples.add_share(took, count);
            done += count;
        }
        let lap = lap.stop();
        black_box(ring.lock().unwrap_or_else(PoisonError::into_inner).len());
        (samples, lap)
    })?;
    let usage = watch.stop().within(all.iter().map(|(_, lap)| *lap));
    let mut samples = Samples::default();
    all.iter().for_each(|(theirs, _)| samples.take_all(theirs));
    Ok(Work { operations, succeeded: operations, records, samples, usage, ..Work::default() })
}

fn push(ring: &Mutex<VecDeque<(u64, i64)>>, seq: u64) {
    let mut ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
    if ring.len() == RING_RECORDS {
        ring.pop_front();
    }
    ring.push_back((seq, wall().0));
}

/// One question and where its answer goes.
type Question = (u64, oneshot::Sender<u64>);

/// Round trips to tasks of tokio on one thread, `at_once` to each of them at any time.
///
/// # Errors
/// The runtime does not start.
pub fn channels(tasks: u64, at_once: u64, each: u64) -> Result<Work, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let each = each.max(LEAST / 10 / tasks.max(1));
    let operations = tasks * each;
    let watch = Stopwatch::start();
    let samples = runtime.block_on(async {
        let mut askers = Vec::new();
        for _ in 0..tasks {
            let (send, mut receive) = mpsc::channel::<Question>(at_once as usize);
            tokio::spawn(async move {
                while let Some((n, reply)) = receive.recv().await {
                    let _ = reply.send(black_box(n));
                }
            });
            for i in 0..at_once {
                let share = each / at_once + u64::from(i < each % at_once);
                askers.push(tokio::spawn(ask(send.clone(), share)));
            }
        }
        let mut samples = Samples::with_room(operations);
        for asker in askers {
            if let Ok(theirs) = asker.await {
                samples.take_all(&theirs);
            }
        }
        samples
    });
    let usage = watch.stop();
    Ok(Work { operations, succeeded: samples.count(), samples, usage, ..Work::default() })
}

async fn ask(agent: mpsc::Sender<Question>, times: u64) -> Samples {
    let mut samples = Samples::with_room(times);
    for n in 0..times {
        let begun = instant();
        let (reply, answer) = oneshot::channel();
        if agent.send((n, reply)).await.is_err() || answer.await.is_err() {
            break;
        }
        samples.add(instant().duration_since(begun));
    }
    samples
}

/// What a journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Rows.
    pub rows: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// What a journal on disk holds.
///
/// # Errors
/// It cannot be read.
pub fn stored(journal: &Path) -> Result<Stored, BenchError> {
    let connection = Connection::open(journal).map_err(sqlite)?;
    let sql = "SELECT count(*), ifnull(sum(length(body)), 0) FROM records";
    let (rows, bytes): (i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sqlite)?;
    Ok(Stored { rows: rows as u64, bytes: bytes as u64 })
}

fn sqlite(error: rusqlite::Error) -> BenchError {
    BenchError(format!("SQLite: {error}"))
}

/// Writes what a journal holds, again, in so many commits, with the settings of the journal. It counts
/// as so many workflows of so many steps each.
///
/// # Errors
/// The disk refuses.
pub fn commits(
    folder: &Path,
    stored: Stored,
    commits: u64,
    (workflows, steps): (u64, u64),
) -> Result<Work, BenchError> {
    let mut connection = Connection::open(folder.join("floor.db")).map_err(sqlite)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE records
               (seq INTEGER PRIMARY KEY, codec INTEGER NOT NULL, body BLOB NOT NULL) STRICT;",
        )
        .map_err(sqlite)?;
    let body = vec![b'x'; (stored.bytes / stored.rows.max(1)) as usize];
    // Between the commits of one workflow lie as many commits as it has steps, and one more.
    let rounds = steps + 1;
    let mut samples = Samples::with_room(commits);
    let watch = Stopwatch::start();
    for n in 0..commits {
        let begun = instant();
        let (from, to) = (stored.rows * n / commits, stored.rows * (n + 1) / commits);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        {
            let mut insert = transaction
                .prepare("INSERT INTO records (seq, codec, body) VALUES (?1, ?2, ?3)")
                .map_err(sqlite)?;
            for seq in from..to {
                insert.execute(params![seq as i64, 1, body]).map_err(sqlite)?;
            }
        }
        transaction.commit().map_err(sqlite)?;
        samples.add(instant().duration_since(begun) * rounds as u32);
    }
    let usage = watch.stop();
    let operations = workflows * steps;
    let (fsyncs, workflows) = (Some(commits), Some(workflows));
    Ok(Work { operations, succeeded: operations, workflows, fsyncs, samples, usage, ..Work::default() })
}

/// Reads every row of a journal, and looks at none.
///
/// # Errors
/// It cannot be read.
pub fn read(journal: &Path, rows: u64) -> Result<Work, BenchError> {
    let watch = Stopwatch::start();
    let begun = instant();
    let connection = Connection::open(journal).map_err(sqlite)?;
    let mut select = connection.prepare("SELECT body FROM records ORDER BY seq").map_err(sqlite)?;
    let mut found = select.query([]).map_err(sqlite)?;
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = found.next().map_err(sqlite)? {
        let body = row.get_ref(0).map_err(sqlite)?;
        bytes += body.as_blob().map_or(0, <[u8]>::len);
        count += 1;
    }
    black_box(bytes);
    let mut samples = Samples::default();
    samples.add(instant().duration_since(begun));
    Ok(Work { operations: rows, succeeded: rows.min(count), samples, usage: watch.stop(), ..Work::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_do_what_they_say() {
        let work = pushes(1_250, 500, 2).unwrap();
        assert_eq!((work.operations, work.records), (200_000, 500_000));
        let work = pushes(600_000, 300_000, 1).unwrap();
        assert_eq!((work.operations, work.records), (300_000, 600_000));
        let work = channels(10, 4, 5_003).unwrap();
        assert_eq!((work.operations, work.succeeded, work.samples.count()), (50_030, 50_030, 50_030));
    }

    #[test]
    fn the_floor_on_disk_writes_as_much_as_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = Stored { rows: 1_003, bytes: 100_300 };
        let work = commits(folder.path(), wanted, 7, (100, 5)).unwrap();
        assert_eq!((work.operations, work.fsyncs, work.samples.count()), (500, Some(7), 7));
        assert_eq!(stored(&folder.path().join("floor.db")).unwrap(), wanted);
    }
}
