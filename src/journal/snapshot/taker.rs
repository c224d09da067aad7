//! Takes a snapshot whenever enough was written, on a thread of its own that reads the journal as any
//! reader does: neither the engine nor the writer waits for it.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::take;
use crate::journal::JournalError;
use crate::model::Seq;

/// A clean stop takes one too, if at least this part of the records after which one is due was written.
const AT_STOP: Seq = 10;

/// The thread that takes snapshots, as the writer sees it.
#[derive(Debug)]
pub(in crate::journal) struct Taker {
    every: Seq,
    /// Records that were written since one was asked for.
    written: Seq,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Taker {
    /// After every so many records; `since` of them are there already that no snapshot has.
    pub fn spawn(path: PathBuf, every: Seq, since: Seq) -> Result<Self, JournalError> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || run(&path, &woken))
            .map_err(|error| JournalError::Disk { doing: "start a thread for", why: error.to_string() })?;
        Ok(Taker { every, written: since, wake: Some(wake), thread: Some(thread) })
    }

    /// Counts what was written, and wakes the thread when that is enough.
    pub fn wrote(&mut self, records: Seq) {
        self.written += records;
        if self.written >= self.every {
            self.due();
        }
    }

    fn due(&mut self) {
        self.written = 0;
        // A full channel means that it is due already.
        let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
    }

    /// The journal is closed in good order.
    pub fn stop(&mut self) {
        if self.written > 0 && self.written >= self.every / AT_STOP {
            self.due();
        }
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(path: &std::path::Path, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        match take(path, Seq::MAX) {
            Ok(Some(seq)) => tracing::debug!(target: "journal", "took a snapshot at record {seq}"),
            Ok(None) => {}
            // It is a cache: without it the next start takes longer.
            Err(error) => tracing::warn!(target: "journal", "no snapshot: {error}"),
        }
    }
}
