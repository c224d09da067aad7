//! A flood of signals through everything that `quell run` has: a pipe, decoders, detection, the engine, a
//! journal on disk, a control socket and somebody who asks over it all the time. Three lines of ten come
//! again, one of a hundred is garbage, some are a mebibyte long. Whoever writes them knows what has to come
//! of them, and every count is compared with that (C20, C21).

mod client;
mod lines;
mod plant;
mod tally;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::BenchError;
use super::live::folder_on_disk;
use super::result::{Checked, Work};
use super::usage::Stopwatch;
use crate::engine::{Setup, State};
use crate::runtime::feed::{FeedItem, Subscription};
use crate::runtime::gauges::BookTotals;
use crate::runtime::recording::Findings;
use client::{Asking, Heard};
use lines::Lines;
use plant::Plant;
use tally::Tally;

pub use plant::response;

/// Signals at scale 1.
pub const SIGNALS: u64 = 10_000;

/// What is written at once, in bytes.
const CHUNK: usize = 64 * 1024;
/// How long the feed is waited for at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets so many lines flow.
///
/// # Errors
/// The engine does not start or goes on hold, or the client is not served.
pub fn run(setup: &Arc<Setup>, count: u64) -> Result<Work, BenchError> {
    let folder = folder_on_disk()?;
    let watch = Stopwatch::start();
    let plant = Plant::start(setup, folder.path())?;
    let over = AtomicBool::new(false);
    let (tally, heard, state) = std::thread::scope(|scope| {
        let asker = scope.spawn(|| Asking::connect(folder.path())?.ask_until(&over));
        let writer = scope.spawn(|| {
            let poured = pour(&plant.pipe, count);
            over.store(true, Ordering::Release);
            // Until then the pipe is open, and the engine does not end.
            let heard = joined(asker);
            let (tally, file) = poured?;
            drop(file);
            Ok((tally, heard?))
        });
        let state = follow(&plant.feed);
        let (tally, heard) = joined(writer)?;
        Ok::<_, BenchError>((tally, heard, state?))
    })?;
    let books = plant.board.read().books;
    let (findings, commits) = plant.join();
    let usage = watch.stop();
    if let Some(wrong) = &heard.wrong {
        tracing::warn!(target: "bench", "not answered as it should be: {wrong}");
    }
    Ok(Work {
        operations: count,
        succeeded: books.processed + books.dropped(),
        records: state.seq(),
        fsyncs: Some(commits),
        checks: checks(&tally, &heard, &books, &findings, &state),
        parts: heard.parts(usage.took),
        samples: heard.samples,
        usage,
        ..Work::default()
    })
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T, BenchError>>) -> Result<T, BenchError> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Writes the flood. The pipe ends when the file is dropped.
fn pour(pipe: &Path, count: u64) -> Result<(Tally, File), BenchError> {
    let mut file = File::options().write(true).open(pipe)?;
    let (mut lines, mut tally) = (Lines::new(1), Tally::default());
    let mut buffer = Vec::with_capacity(2 * CHUNK);
    for n in 0..count {
        let before = buffer.len();
        let told = lines.write(n, &mut buffer);
        tally.add(told, buffer.len() - before);
        if buffer.len() >= CHUNK {
            file.write_all(&buffer)?;
            buffer.clear();
        }
    }
    file.write_all(&buffer)?;
    tally.finish();
    Ok((tally, file))
}

/// Folds what becomes true, as a summary does, until the end.
fn follow(feed: &Subscription) -> Result<State, BenchError> {
    let mut state = State::new();
    loop {
        match feed.next_within(PATIENCE) {
            Some(FeedItem::Snapshot(snapshot)) => state = *snapshot,
            Some(FeedItem::Records(records)) => {
                for record in records.iter() {
                    state.apply(record)?;
                }
            }
            Some(FeedItem::Lost(_) | FeedItem::End) => return Ok(state),
            None => {}
        }
    }
}

/// Everything that is known, beside what was found.
fn checks(
    tally: &Tally,
    heard: &Heard,
    books: &BookTotals,
    findings: &Findings,
    state: &State,
) -> Vec<Checked> {
    let counts = state.counts();
    let mut checks = vec![
        Checked::new("lines received", tally.lines, books.received),
        Checked::new("processed", tally.signals, books.processed),
        Checked::new("dropped: undecodable", tally.undecodable(), books.undecodable),
        Checked::new("dropped: too_long", tally.too_long, books.too_long),
        Checked::new("dropped: overflow", 0, books.overflow),
        Checked::new("deduplicated", 0, books.deduplicated),
        Checked::new("queued at the end", 0, books.queued),
        Checked::new("late", 0, books.late),
        Checked::new("ahead", 0, books.ahead),
    ];
    let mut garbage = tally.garbage.clone();
    garbage.insert("too_long", tally.too_long);
    let words: std::collections::BTreeSet<&str> =
        garbage.keys().chain(findings.bad.reasons.keys()).copied().collect();
    let of = |reasons: &BTreeMap<&'static str, u64>, word: &str| reasons.get(word).copied().unwrap_or(0);
    checks.extend(words.into_iter().map(|word| {
        Checked::new(&format!("reason: {word}"), of(&garbage, word), of(&findings.bad.reasons, word))
    }));
    checks.push(Checked::new("detections", tally.detections(), counts.detections));
    checks.push(Checked::new("incidents", tally.incidents(), counts.incidents));
    for (rule, expected) in tally.counted() {
        let of_rule = state.incidents().filter(|incident| &*incident.first().rule.name == rule);
        checks.push(Checked::new(
            &format!("counted by {rule}"),
            expected,
            of_rule.map(|incident| incident.count()).sum(),
        ));
    }
    let runs = counts.ended() + counts.live_runs as u64;
    checks.push(Checked::new("runs", tally.incidents() + heard.triggered, runs));
    checks.push(Checked::new("runs completed", runs, counts.completed));
    checks.push(Checked::new("requests answered", heard.asked, heard.answered));
    checks.push(Checked::new("requests refused", 0, counts.refused));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c20_the_books_of_a_flood_are_exact() {
        let work = run(&response().unwrap(), 6_000).unwrap();
        let wrong: Vec<_> = work.checks.iter().filter(|check| !check.is_right()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!((work.operations, work.succeeded), (6_000, 6_000));
        let of = |name: &str| work.checks.iter().find(|check| &*check.what == name).unwrap().expected;
        for name in
            ["reason: too_long", "reason: not_utf8", "counted by flood-attack", "counted by flood-logins"]
        {
            assert!(of(name) > 0, "{name} is not in the flood");
        }
        assert!(work.samples.count() > 0);
    }

    #[test]
    fn what_is_not_as_it_should_be_is_told() {
        let (mut tally, heard) = (Tally::default(), Heard::default());
        let (books, findings) = (BookTotals::default(), Findings::default());
        let wrong = |tally: &Tally| {
            let checks = checks(tally, &heard, &books, &findings, &State::new());
            checks.into_iter().filter(|check| !check.is_right()).map(|check| check.what).collect::<Vec<_>>()
        };
        assert_eq!(wrong(&tally), [] as [Arc<str>; 0]);
        (tally.lines, tally.signals) = (3, 2);
        tally.garbage.insert("binary", 1);
        assert_eq!(
            wrong(&tally).iter().map(|what| &**what).collect::<Vec<_>>(),
            ["lines received", "processed", "dropped: undecodable", "reason: binary"]
        );
    }
}
