//! `quell events`: every record, from the engine at work, else from the journal.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::args::Events;
use super::error::Error;
use super::output::{Sink, json};
use super::{ask, journal};
use crate::control::client::{Client, Followed};
use crate::engine::{Record, State};
use crate::journal::for_each;
use crate::model::Seq;

/// How long records are waited for at once.
const GLANCE: Duration = Duration::from_secs(1);

/// Runs the verb.
///
/// # Errors
/// There is neither an engine nor a journal, the connection is lost, or nobody reads.
pub fn run(args: &Events) -> Result<(), Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let mut printer = Printer {
        json: args.json,
        from: args.from.unwrap_or(1),
        state: State::new(),
        out: Sink::open(None)?,
    };
    match ask::engine(&folder, None)? {
        Some(client) => follow(args, &folder, client, &mut printer),
        None if args.follow => Err(ask::nobody(&folder)),
        None => read(&folder, &mut printer),
    }
}

fn read(folder: &Path, printer: &mut Printer) -> Result<(), Error> {
    ask::has_journal(folder)?;
    for_each(&mut journal::open(folder)?, |record| printer.take(&record))?;
    Ok(printer.out.flush()?)
}

fn follow(args: &Events, folder: &Path, mut client: Client, printer: &mut Printer) -> Result<(), Error> {
    let now = client.welcome().seq;
    if args.follow && args.from.is_none() {
        printer.from = now + 1;
    }
    // A record is shown with the names of what it is about: they are in the records before it.
    client.subscribe(1).map_err(|error| ask::failed(folder, error))?;
    while args.follow || printer.state.seq() < now {
        match client.follow(GLANCE).map_err(|error| ask::failed(folder, error))? {
            Followed::Records(records, _) => {
                records.iter().try_for_each(|record| printer.take(record))?;
            }
            Followed::Nothing => {}
            Followed::End => break,
        }
        printer.out.flush()?;
    }
    Ok(())
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
