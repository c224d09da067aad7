//! Every record up to now: from the engine at work in a state folder, else from its journal.

use std::path::Path;
use std::time::Duration;

use super::error::Error;
use super::{ask, journal};
use crate::control::client::{Client, Followed};
use crate::engine::{Record, State};
use crate::journal::{Archive, Journal as _, SqliteJournal, for_each, journal_path};
use crate::model::Seq;

/// How long records are waited for at once.
const GLANCE: Duration = Duration::from_secs(1);

/// What was before the first record that a folder's journal has.
#[derive(Debug, Default)]
pub struct Before {
    /// The state then: that of an empty journal, if none is archived.
    pub state: State,
    /// Where the latest of the records are that it was folded from.
    pub archive: Option<Archive>,
}

/// What was before the first record. Where the journal itself may not be read, it is taken to have all.
///
/// # Errors
/// It is known no more.
pub fn before(folder: &Path) -> Result<Before, Error> {
    let Ok(mut journal) = SqliteJournal::open_read_only(&journal_path(folder)) else {
        return Ok(Before::default());
    };
    Ok(Before { state: journal.origin()?, archive: journal.archives()?.pop() })
}

/// Has each record taken that the journal has, from the first to the last that there is. The engine's own figures are its
/// matter: see `quell metrics`.
///
/// # Errors
/// There is neither an engine nor a journal, the connection is lost, or what `take` says.
pub fn past(folder: &Path, mut take: impl FnMut(&Record) -> Result<(), Error>) -> Result<(), Error> {
    let Some(client) = ask::engine(folder, None)? else {
        ask::has_journal(folder)?;
        return for_each(&mut journal::open(folder)?, |record| take(&record));
    };
    let now = client.welcome().seq;
    let mut last = 0;
    let after = before(folder)?.state.seq();
    follow(folder, client, after, |records| {
        for record in records.iter().take_while(|record| record.seq <= now) {
            take(record)?;
            last = record.seq;
        }
        Ok(last < now)
    })
}

/// Has records taken as they come, from the one after `after` on, until `take` says that it is enough. It is
/// called with none once a second, if nothing happens.
///
/// # Errors
/// The connection is lost, or what `take` says.
pub fn follow(
    folder: &Path,
    mut client: Client,
    after: Seq,
    mut take: impl FnMut(&[Record]) -> Result<bool, Error>,
) -> Result<(), Error> {
    client.subscribe(after + 1).map_err(|error| ask::failed(folder, error))?;
    loop {
        let more = match client.follow(GLANCE).map_err(|error| ask::failed(folder, error))? {
            Followed::Records(records, _) => take(&records)?,
            Followed::Nothing => take(&[])?,
            Followed::End => return Ok(()),
        };
        if !more {
            return Ok(());
        }
    }
}
