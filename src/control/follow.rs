//! One client that follows the records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::codec::FrameError;
use super::connection::Outgoing;
use super::hub::After;
use super::message::ToClient;
use super::server::Shared;
use super::wire::WireError;
use crate::engine::Record;
use crate::journal::{Journal, JournalError, SqliteJournal};
use crate::model::Seq;

/// Records in one frame, and records read from the journal at once.
const GROUP: usize = 512;
/// How soon a follower notices that its client is gone.
pub(super) const GLANCE: Duration = Duration::from_millis(500);

/// Sends every record, from the ring of the latest ones or from the journal.
pub(super) struct Follower {
    pub(super) shared: Arc<Shared>,
    pub(super) out: Arc<Outgoing>,
    gone: Arc<AtomicBool>,
    /// The last record that it has.
    pub(super) sent: Seq,
    journal: Option<SqliteJournal>,
}

/// As [`ToClient::Records`], without copies.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Group<'a> {
    Records { records: &'a [&'a Record], last: Seq },
}

impl Follower {
    pub(super) fn new(shared: Arc<Shared>, out: Arc<Outgoing>, gone: Arc<AtomicBool>, sent: Seq) -> Self {
        Follower { shared, out, gone, sent, journal: None }
    }

    pub(super) fn run(mut self) {
        // One who does not take the records in time, or is gone, gets no more of them.
        let _ = self.follow();
        self.out.close();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    fn follow(&mut self) -> Result<(), WireError> {
        // Says at once how far the records go, also if there is none to send.
        self.send(&[])?;
        while !self.is_gone() {
            match self.shared.hub.after(self.sent, GLANCE) {
                After::Records(batches) => self.send_all(&batches)?,
                After::InJournal => match self.page() {
                    Ok(records) => self.send(&records.iter().collect::<Vec<_>>())?,
                    Err(error) => return self.out.refuse(format!("the journal cannot be read: {error}")),
                },
                After::Nothing => {}
                After::End => return self.out.send(&ToClient::End),
            }
        }
        Ok(())
    }

    /// Sends what it does not have of these.
    pub(super) fn send_all(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<(), WireError> {
        let records: Vec<&Record> = batches.iter().flat_map(|batch| batch.iter()).collect();
        let from = records.partition_point(|record| record.seq <= self.sent);
        records[from..].chunks(GROUP).try_for_each(|group| self.send(group))
    }

    fn page(&mut self) -> Result<Vec<Record>, JournalError> {
        if self.journal.is_none() {
            self.journal = Some(SqliteJournal::open_read_only(&self.shared.journal)?);
        }
        self.journal.as_mut().map_or_else(|| Ok(Vec::new()), |journal| journal.read(self.sent + 1, GROUP))
    }

    /// Sends records, in smaller groups if they do not fit into one frame.
    fn send(&mut self, records: &[&Record]) -> Result<(), WireError> {
        let group = Group::Records { records, last: self.shared.hub.last() };
        match self.out.send(&group) {
            Err(WireError::Frame(FrameError::TooLong { .. })) if records.len() > 1 => {
                let (head, tail) = records.split_at(records.len() / 2);
                self.send(head)?;
                self.send(tail)
            }
            Err(WireError::Frame(error)) => {
                self.out.refuse(format!("record {}: {error}", self.sent + 1))?;
                Err(WireError::Frame(error))
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.sent = records.last().map_or(self.sent, |record| record.seq);
                Ok(())
            }
        }
    }
}
