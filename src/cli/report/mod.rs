//! `quell report`: what the next one on duty has to know, from the records of a time.

mod acts;
mod gather;
mod show;
mod todo;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::str::FromStr;

use super::args::Report;
use super::error::Error;
use super::output::print;
use super::{ask, journal, records};
use crate::control::figures::Figures;
use crate::engine::{Event, JournalKind};
use crate::model::{Span, Timestamp};
use crate::runtime::clock;
use gather::Gathering;

/// A time as it is typed: so long before now, or a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long before.
    Ago(Span),
    /// Then.
    At(Timestamp),
}

impl When {
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            When::Ago(span) => now - span,
            When::At(at) => at,
        }
    }
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = || text.parse::<jiff::Timestamp>().ok().map(|at| When::At(Timestamp(at.as_microsecond())));
        let ago = text.parse().ok().map(When::Ago);
        ago.or_else(at).ok_or("expected a duration such as `12h`, or a time such as `2026-11-21T14:00:00Z`")
    }
}

/// Prints the report.
///
/// # Errors
/// There is neither an engine nor a journal, the times are wrong, or nobody reads.
pub fn run(args: &Report) -> Result<(), Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let now = now(&folder)?;
    let until = args.until.map_or(now, |until| until.before(now));
    let since = args.since.before(until);
    if since >= until {
        let what = format!("--since {since} is not before --until {until}");
        return Err(Error::usage(what).hint("a duration counts back from --until, which is now by default"));
    }
    let mut gathering = Gathering::of(since, until).after(records::before(&folder)?);
    records::past(&folder, |record| gathering.take(record).map_err(|illegal| journal::unreadable(&illegal)))?;
    let report = gathering.finish(figures(&folder)?);
    print(&if args.json { show::json(&report) } else { show::text(&report) })
}

/// What now is: that of the clock, or that of the last record in an exercise, which may have been played
/// in another time.
fn now(folder: &Path) -> Result<Timestamp, Error> {
    let before = records::before(folder)?.state;
    let (mut exercise, mut last) = (before.kind() == Some(JournalKind::Exercise), before.now());
    records::past(folder, |record| {
        if let Event::JournalOpened { kind, .. } = &record.event {
            exercise = *kind == JournalKind::Exercise;
        }
        last = last.max(record.at);
        Ok(())
    })?;
    Ok(if exercise { last } else { clock::wall().max(last) })
}

/// Of the sources there is nothing durable: only an engine at work can say how they do.
fn figures(folder: &Path) -> Result<Option<Figures>, Error> {
    let Some(mut client) = ask::engine(folder, None)? else { return Ok(None) };
    client.figures().map(Some).map_err(|error| ask::failed(folder, error))
}
