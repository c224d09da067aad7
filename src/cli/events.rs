//! `quell events`: every record, from the engine at work, else from the journal.

use std::io::Write;

use super::args::Events;
use super::error::Error;
use super::output::{Sink, json};
use super::{ask, journal, records};
use crate::engine::{Record, State};
use crate::model::Seq;

/// Runs the verb.
///
/// # Errors
/// There is neither an engine nor a journal, the connection is lost, or nobody reads.
pub fn run(args: &Events) -> Result<(), Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let mut printer = Printer {
        json: args.json,
        from: args.from.unwrap_or(1),
        state: records::before(&folder)?.state,
        out: Sink::open(None)?,
    };
    if !args.follow {
        records::past(&folder, |record| printer.take(record))?;
        return Ok(printer.out.flush()?);
    }
    let client = ask::engine(&folder, None)?.ok_or_else(|| ask::nobody(&folder))?;
    let after = printer.state.seq();
    if args.from.is_none() {
        printer.from = client.welcome().seq + 1;
    }
    // A record is shown with the names of what it is about: they are in the records before it.
    records::follow(&folder, client, after, |records| {
        records.iter().try_for_each(|record| printer.take(record))?;
        printer.out.flush()?;
        Ok(true)
    })
}

struct Printer {
    json: bool,
    from: Seq,
    state: State,
    out: Sink,
}

impl Printer {
    fn take(&mut self, record: &Record) -> Result<(), Error> {
        self.state.apply(record).map_err(|illegal| journal::unreadable(&illegal))?;
        if record.seq < self.from {
            return Ok(());
        }
        let written = match self.json {
            true => json::line(record, &self.state, &mut self.out),
            false => journal::plain(record, &self.state, &mut self.out),
        };
        Ok(written?)
    }
}
