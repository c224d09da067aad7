//! Work without a console: progress on stderr, the result on stdout or in a file.

use std::io::Write;
use std::sync::PoisonError;
use std::time::Duration;

use super::engine::Running;
use super::error::Error;
use super::output::progress::Progress;
use super::output::totals::Totals;
use super::output::words::counted;
use super::output::{Sink, json, summary, tell};
use crate::engine::State;
use crate::model::SafeJson;
use crate::runtime::clock;
use crate::runtime::feed::FeedItem;
use crate::runtime::inbox::Message;
use crate::runtime::recording::Findings;
use crate::runtime::shutdown::{self, Stop};
use crate::runtime::virtual_time::Ending;

/// How often progress is shown.
const GLANCE: Duration = Duration::from_millis(100);

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A summary for people.
    Summary,
    /// JSON lines, the summary last.
    Json,
}

/// How it ended.
pub struct Result {
    /// The state at the end.
    pub state: State,
    /// How the engine ended.
    pub ending: Ending,
    /// What the recording had that was no signal.
    pub findings: Findings,
}

/// The first signal drains, a second one ends the process at once (C18).
///
/// # Errors
/// The system does not let it listen.
pub fn drain_on_signals(running: &mut Running) -> std::result::Result<(), Error> {
    let (told, programs) = (running.inbox.clone(), running.programs.clone());
    running.on_signal(move |stop: Stop, before| {
        if before > 0 || !told.send(Message::Drain) {
            shutdown::leave(stop.code(), || programs.kill_all());
        }
        tell("quell: stopping; what runs may finish. Once more to stop at once");
    })
}

/// Waits for the engine's end and prints into `sink`.
///
/// # Errors
/// The engine could not go on, the output cannot be written, or nobody reads it.
pub fn run(mut running: Running, format: Format, mut sink: Sink) -> std::result::Result<Result, Error> {
    let (board, inbox, since) = (running.board.clone(), running.inbox.clone(), running.since);
    let findings = running.findings.clone();
    drain_on_signals(&mut running)?;
    let mut progress = Progress::begin(&board.read().source);
    let (feed, thread) = running.split();
    let mut state = State::new();
    let mut unwritten = None;
    loop {
        let item = feed.next_within(GLANCE);
        let quiet = item.is_none();
        match item {
            Some(FeedItem::Snapshot(snapshot)) => state = *snapshot,
            Some(FeedItem::Records(records)) => {
                for record in records.iter() {
                    state.apply(record).map_err(|illegal| Error::failed(illegal.to_string()))?;
                    if format == Format::Json && unwritten.is_none() {
                        unwritten = json::line(record, &state, &mut sink).err();
                    }
                }
            }
            Some(FeedItem::Lost(_) | FeedItem::End) => break,
            None => {}
        }
        if quiet && format == Format::Json && unwritten.is_none() {
            unwritten = sink.flush().err();
        }
        if progress.is_due() {
            progress.show(&board.read(), &state.counts());
        }
        if unwritten.is_some() {
            // Nobody reads: there is no reason to go on.
            inbox.send(Message::Quit);
        }
    }
    let ending = Running::join(thread)?;
    let (gauges, took) = (board.read(), clock::instant().duration_since(since));
    progress.end(&gauges, &state.counts(), took);
    if let Some(error) = unwritten {
        return Err(error.into());
    }
    let findings = findings.map(|all| all.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let bad = findings.as_ref().map(|findings| &findings.bad);
    let totals = Totals { state: &state, gauges: &gauges, ending: &ending, bad, took };
    match format {
        Format::Json => writeln!(sink, "{}", SafeJson(&totals.json()))?,
        Format::Summary => sink.write_all(summary::text(&totals).as_bytes())?,
    }
    sink.flush()?;
    let findings = findings.unwrap_or_default();
    if format == Format::Json {
        bad_lines(&findings, gauges.books.dropped());
    }
    Ok(Result { state, ending, findings })
}

/// Also on stderr: a program reads the JSON, and a person may not.
fn bad_lines(findings: &Findings, dropped: u64) {
    if dropped > 0 {
        tell(&format!("quell: dropped {}; the first:", counted(dropped, "line")));
        summary::samples(&findings.bad).for_each(|line| tell(&line));
    }
}
